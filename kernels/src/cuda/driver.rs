//! The opened GPU: context, one stream, and the kernels of the image.
//!
//! Promises: opening never panics, and an error names what is missing. Every
//! driver error becomes [`OpError::Device`]. Called by the network executor
//! and by the operations on volumes.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::driver::{
    CudaContext, CudaFunction, CudaModule, CudaStream, DeviceRepr, DriverError, LaunchConfig, PushKernelArg, result,
    sys,
};
use cudarc::nvrtc::Ptx;

use super::staging::Staging;
use crate::error::OpError;

/// Machine code of all kernels for all supported GPUs (see `build.rs`).
static IMAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kernels.fatbin"));

/// `mma.m16n8k16` and `cp.async` exist from here on (Ampere).
const MIN_CAPABILITY: (i32, i32) = (8, 0);

/// The image comes from the CUDA 13 compiler, which older drivers do not read.
const MIN_DRIVER: i32 = 13_000;

/// Shared memory every supported GPU grants to a block that asks for it.
const MAX_SHARED_BYTES: i32 = 99 * 1024;

/// Freed memory that stays ours between cases, for the next one; a viewer on
/// the same GPU needs the rest.
const KEPT_BYTES: u64 = 4 << 30;

/// Blocks, threads per block and bytes of dynamic shared memory of a launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Blocks along x, y, z.
    pub grid: [u32; 3],
    /// Threads of a block (along x).
    pub threads: u32,
    /// Dynamic shared memory; at most 99 KiB.
    pub shared_bytes: u32,
}

impl Shape {
    /// Enough blocks of `threads` for `items`, one thread each.
    pub(crate) fn one_thread_each(items: usize, threads: u32) -> Self {
        let blocks = u32::try_from(items.div_ceil(threads as usize)).unwrap_or(u32::MAX);
        Self { grid: [blocks, 1, 1], threads, shared_bytes: 0 }
    }
}

/// An opened GPU. Shared by everything that runs on it.
pub(crate) struct Driver {
    pub(crate) context: Arc<CudaContext>,
    /// All work, in order.
    pub(crate) stream: Arc<CudaStream>,
    /// Copies of results that need not wait for later work.
    pub(crate) copies: Arc<CudaStream>,
    /// For copies to and from memory that is not page-locked.
    pub(crate) staging: Mutex<Option<Staging>>,
    module: Arc<CudaModule>,
    functions: Mutex<HashMap<&'static str, CudaFunction>>,
    /// For reports: name, memory, capability.
    pub(crate) description: String,
    /// Multiprocessors, to choose how far to split the work.
    pub(crate) multiprocessors: usize,
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("description", &self.description).finish_non_exhaustive()
    }
}

impl Driver {
    /// Opens GPU `ordinal`.
    ///
    /// # Errors
    /// [`OpError::Device`]: no driver library, driver too old, no such GPU,
    /// GPU too old, or what the driver said.
    pub(crate) fn open(ordinal: usize) -> Result<Arc<Self>, OpError> {
        // SAFETY: only looks the library up; loading it runs NVIDIA's own
        // initialisers. Watched by `opening::opens_and_describes_itself`.
        if !unsafe { sys::is_culib_present() } {
            return Err(refuse("no driver library (libcuda); install NVIDIA's driver, release 580 or later"));
        }
        result::init().map_err(failed("starting the driver"))?;
        check_driver_version()?;
        let count = CudaContext::device_count().map_err(failed("counting GPUs"))?;
        if usize::try_from(count).unwrap_or(0) <= ordinal {
            return Err(refuse(&format!("GPU {ordinal} was asked for, the driver knows {count}")));
        }
        let context = CudaContext::new(ordinal).map_err(failed("opening the GPU"))?;
        let (major, minor) = context.compute_capability().map_err(failed("asking for its capability"))?;
        let name = context.name().map_err(failed("asking for its name"))?;
        if (major, minor) < MIN_CAPABILITY {
            let (need, after) = MIN_CAPABILITY;
            return Err(refuse(&format!(
                "{name} has compute capability {major}.{minor}; {need}.{after} or later is needed"
            )));
        }
        let gib = context.total_mem().map_err(failed("asking for its memory"))? >> 30;
        // SAFETY: all work of a buffer is on one stream, so no events are
        // needed to order it, and `volume::copies` makes its own; watched by
        // `cuda_emulated`: `a_graph_replays_with_the_new_input_and_allocates_nothing`.
        unsafe { context.disable_event_tracking() };
        let attribute = sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
        let multiprocessors = context.attribute(attribute).map_err(failed("asking for its multiprocessors"))?;
        keep_freed_memory(&context)?;
        let stream = context.new_stream().map_err(failed("making a stream"))?;
        let copies = context.new_stream().map_err(failed("making a stream"))?;
        let module = context.load_module(Ptx::from_binary(IMAGE.to_vec())).map_err(failed("loading the kernels"))?;
        Ok(Arc::new(Self {
            context,
            stream,
            copies,
            staging: Mutex::default(),
            module,
            functions: Mutex::default(),
            description: format!("CUDA, {name}, {gib} GiB, compute capability {major}.{minor}"),
            multiprocessors: usize::try_from(multiprocessors).unwrap_or(1).max(1),
        }))
    }

    /// A kernel by its name in `cuda/*.cu`.
    ///
    /// # Errors
    /// [`OpError::Device`] when the image does not have it.
    pub(crate) fn kernel(&self, name: &'static str) -> Result<CudaFunction, OpError> {
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(function) = functions.get(name) {
            return Ok(function.clone());
        }
        let function = self.module.load_function(name).map_err(failed(name))?;
        let limit = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        let own = function.shared_size_bytes().map_err(failed(name))?;
        function.set_attribute(limit, MAX_SHARED_BYTES - own).map_err(failed(name))?;
        functions.insert(name, function.clone());
        Ok(function)
    }

    /// Starts kernel `name`, whose only argument is a `P` by value.
    ///
    /// # Safety
    /// `P` must be `#[repr(C)]` and match the kernel's parameter struct, and
    /// every pointer in it must stay valid until the stream has run it.
    ///
    /// # Errors
    /// [`OpError::Device`] when the driver refuses.
    pub(crate) unsafe fn launch<P: DeviceRepr>(
        &self,
        stream: &Arc<CudaStream>,
        name: &'static str,
        shape: Shape,
        parameters: &P,
    ) -> Result<(), OpError> {
        let function = self.kernel(name)?;
        let [x, y, z] = shape.grid;
        let config = LaunchConfig {
            grid_dim: (x, y, z),
            block_dim: (shape.threads, 1, 1),
            shared_mem_bytes: shape.shared_bytes,
        };
        let mut launch = stream.launch_builder(&function);
        launch.arg(parameters);
        // SAFETY: passed on to the caller; the layouts are compared by
        // `cuda_emulated`, which runs every kernel.
        unsafe { launch.launch(config) }.map_err(failed(name))?;
        Ok(())
    }
}

/// By default the driver gives freed memory back at every wait, and the next
/// case pays milliseconds to get it again.
fn keep_freed_memory(context: &Arc<CudaContext>) -> Result<(), OpError> {
    if !context.has_async_alloc() {
        return Ok(());
    }
    let doing = "setting up GPU memory";
    let mut kept = KEPT_BYTES;
    let attribute = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    // SAFETY: the pool belongs to the device; the attribute is a `u64` that
    // is read during the call. Watched by `opening::opens_and_describes_itself`.
    unsafe {
        let pool = result::device::get_default_mem_pool(context.cu_device()).map_err(failed(doing))?;
        sys::cuMemPoolSetAttribute(pool, attribute, (&raw mut kept).cast()).result().map_err(failed(doing))
    }
}

fn check_driver_version() -> Result<(), OpError> {
    let mut version = 0;
    // SAFETY: writes one integer; watched by `opening::every_reason_is_named`.
    unsafe { sys::cuDriverGetVersion(&raw mut version) }.result().map_err(failed("asking for the driver's version"))?;
    if version < MIN_DRIVER {
        let [have, need] = [version, MIN_DRIVER].map(|v| format!("{}.{}", v / 1000, v % 1000 / 10));
        return Err(refuse(&format!(
            "the driver supports CUDA {have}, {need} is needed; install release 580 or later"
        )));
    }
    Ok(())
}

/// An error of our own.
pub(crate) fn refuse(reason: &str) -> OpError {
    OpError::Device { device: "CUDA", reason: reason.to_owned() }
}

/// Names what was being done when the driver failed.
pub(crate) fn failed(doing: &str) -> impl FnOnce(DriverError) -> OpError {
    move |error| {
        let name = error.error_name().map(|name| name.to_string_lossy().into_owned());
        let text = error.error_string().map(|text| text.to_string_lossy().into_owned());
        match (name, text) {
            (Ok(name), Ok(text)) => refuse(&format!("{doing}: {name} ({text})")),
            _ => refuse(&format!("{doing}: {:?}", error.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_never_panics_and_names_what_is_missing() {
        match Driver::open(0) {
            Ok(driver) => assert!(driver.description.starts_with("CUDA, ")),
            Err(error) => assert!(error.to_string().starts_with("CUDA: "), "{error}"),
        }
        let error = Driver::open(4096).unwrap_err().to_string();
        assert!(["libcuda", "4096", "driver"].iter().any(|word| error.contains(word)), "{error}");
    }
}
