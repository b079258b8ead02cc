//! Memory of the GPU, and what kernels are called with.
#![allow(unsafe_code)]

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use cudarc::driver::{DeviceRepr, ValidAsZeroBits, result};

use super::recording::{give_back, recording_stream, reuse};
use crate::cuda::driver::{Driver, Shape, failed, refuse};
use crate::cuda::memory::DeviceMemory;
use crate::error::{GridError, OpError};
use crate::grid::count;

/// Grids are indexed with 32 bits, and the last block may reach beyond them.
const MAX_VOXELS: usize = 1 << 31;

/// Threads of a block in most kernels here.
pub(super) const BLOCK: u32 = 256;

/// Declares the twin of a kernel's parameter struct: the same fields in the
/// same order, `u64` for pointers.
macro_rules! parameters {
    (struct $name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        #[repr(C)]
        #[derive(Debug, Clone, Copy)]
        struct $name { $($field: $type),* }
        // SAFETY: plain numbers in the order of the struct of that name in
        // `kernels/cuda`; every kernel is run and compared by `cuda_volume`.
        #[allow(unsafe_code)]
        unsafe impl cudarc::driver::DeviceRepr for $name {}
    };
}
pub(super) use parameters;

/// Values in the memory of a GPU; freed in stream order.
pub(in crate::cuda) struct Buffer<T> {
    memory: Option<DeviceMemory>,
    length: usize,
    /// Reserved by the recording that is being made.
    is_recorded: bool,
    driver: Arc<Driver>,
    values: PhantomData<T>,
}

impl<T> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} values on {}", self.length, self.driver.description)
    }
}

impl<T: DeviceRepr + ValidAsZeroBits + Copy + Default> Buffer<T> {
    /// Memory that the next kernel fills; an empty buffer holds one value.
    pub(super) fn new(driver: &Arc<Driver>, length: usize) -> Result<Self, OpError> {
        let bytes = length.max(1) * size_of::<T>();
        let is_recorded = recording_stream(driver).is_some();
        let memory = match reuse(driver, bytes) {
            Some(memory) => memory,
            None => DeviceMemory::new(&driver.stream, bytes)?,
        };
        Ok(Self { memory: Some(memory), length, is_recorded, driver: Arc::clone(driver), values: PhantomData })
    }

    /// Memory of zeros; in a recording, of zeros at each replay.
    pub(super) fn zeros(driver: &Arc<Driver>, length: usize) -> Result<Self, OpError> {
        let buffer = Self::new(driver, length)?;
        buffer.clear()?;
        Ok(buffer)
    }

    /// Queues zeros for all values.
    pub(super) fn clear(&self) -> Result<(), OpError> {
        let recording = recording_stream(&self.driver);
        let stream = recording.as_ref().unwrap_or(&self.driver.stream);
        let bytes = self.length.max(1) * size_of::<T>();
        self.driver.context.bind_to_thread().map_err(failed("clearing GPU memory"))?;
        // SAFETY: the buffer has that many bytes; watched by
        // `cuda_volume::finds_the_parts_of_the_cpu`, whose sizes start as zeros.
        unsafe { result::memset_d8_async(self.address(), 0, bytes, stream.cu_stream()) }
            .map_err(failed("clearing GPU memory"))
    }

    /// A copy of `values`, made at once even in a recording.
    pub(super) fn upload(driver: &Arc<Driver>, values: &[T]) -> Result<Self, OpError> {
        let memory = DeviceMemory::new(&driver.stream, size_of_val(values))?;
        let buffer = Self {
            memory: Some(memory),
            length: values.len(),
            is_recorded: false,
            driver: Arc::clone(driver),
            values: PhantomData,
        };
        buffer.fill(values)?;
        Ok(buffer)
    }

    /// Replaces the values; there must be as many.
    pub(super) fn fill(&self, values: &[T]) -> Result<(), OpError> {
        if values.len() != self.length {
            let (given, held) = (values.len(), self.length);
            return Err(refuse(&format!("{given} values were to be copied into memory for {held}")));
        }
        // SAFETY: as many values as the buffer holds, and number types have no
        // padding; watched by `cuda_volume::copies`.
        unsafe { self.driver.upload(values, self.address()) }
    }

    /// Waits for all work so far and copies the values.
    pub(super) fn download(&self) -> Result<Vec<T>, OpError> {
        self.first_values(self.length)
    }

    /// The first value, for counts.
    pub(super) fn first(&self) -> Result<T, OpError> {
        self.first_values(1)?.first().copied().ok_or_else(|| refuse("an empty buffer was read"))
    }

    /// The first `count` values.
    pub(super) fn first_values(&self, count: usize) -> Result<Vec<T>, OpError> {
        if recording_stream(&self.driver).is_some() {
            return Err(refuse("results were read while their computation is being recorded"));
        }
        let mut values = vec![T::default(); count.min(self.length.max(1))];
        // SAFETY: the buffer holds at least one value and `count` of them, and
        // any bits are a value of the number types used here.
        unsafe { self.driver.download(self.address(), &mut values)? };
        Ok(values)
    }
}

impl<T> Buffer<T> {
    pub(super) fn driver(&self) -> &Arc<Driver> {
        &self.driver
    }

    /// Values held.
    pub(in crate::cuda) const fn len(&self) -> usize {
        self.length
    }

    /// The address for kernels.
    pub(in crate::cuda) fn address(&self) -> u64 {
        self.memory.as_ref().map_or(0, DeviceMemory::address)
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        if let Some(memory) = self.memory.take() {
            give_back(&self.driver, memory, self.is_recorded);
        }
    }
}

/// One thread for each of `items`, in blocks of [`BLOCK`].
pub(super) fn each(items: usize) -> Shape {
    Shape::one_thread_each(items, BLOCK)
}

/// Queues a kernel, or adds it to this thread's recording.
///
/// # Safety
/// `P` must be the twin of the kernel's parameter struct, its addresses must
/// be of live buffers of `driver`, as long as the kernel expects for the
/// counts in `P`. They may be dropped afterwards: freeing is queued too.
pub(super) unsafe fn launch<P: DeviceRepr>(
    driver: &Arc<Driver>,
    name: &'static str,
    shape: Shape,
    parameters: &P,
) -> Result<(), OpError> {
    let recording = recording_stream(driver);
    // SAFETY: passed on to the caller.
    unsafe { driver.launch(recording.as_ref().unwrap_or(&driver.stream), name, shape, parameters) }
}

/// The error of a grid operation as a device's; the text stays.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` takes")]
pub(super) fn grid_error(error: GridError) -> OpError {
    refuse(&error.to_string())
}

/// Voxels of a grid, refusing empty and too large ones.
pub(super) fn voxel_count(operation: &'static str, dims: [usize; 3]) -> Result<usize, OpError> {
    let voxels = count(operation, dims).map_err(grid_error)?;
    if voxels >= MAX_VOXELS {
        return Err(grid_error(GridError::Dims { operation, dims }));
    }
    Ok(voxels)
}

/// A count that [`voxel_count`] has bounded.
pub(super) fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Refuses to mix the memory of two opened GPUs.
pub(super) fn same_gpu(a: &Arc<Driver>, b: &Arc<Driver>) -> Result<(), OpError> {
    if Arc::ptr_eq(a, b) {
        return Ok(());
    }
    Err(refuse("data of two opened GPUs were used together; clone one `Cuda` instead of opening it twice"))
}
