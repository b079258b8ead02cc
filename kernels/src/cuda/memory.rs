//! Memory on the GPU and page-locked memory on the host.
//!
//! Promises: freed when dropped, once the stream has used it; never zero
//! bytes long. Contents start undefined.
#![allow(unsafe_code)]

use std::sync::Arc;

use cudarc::driver::{CudaContext, CudaSlice, CudaStream, DevicePtr, DeviceRepr, ValidAsZeroBits, result};

use super::driver::failed;
use super::parameters::Address;
use crate::error::OpError;

/// Bytes on the GPU, aligned to 256.
#[derive(Debug)]
pub(crate) struct DeviceMemory {
    slice: CudaSlice<u8>,
    address: Address,
}

impl DeviceMemory {
    /// At least `bytes` bytes, contents undefined.
    ///
    /// # Errors
    /// [`OpError::Device`] with the number of bytes when there are not enough.
    pub(crate) fn new(stream: &Arc<CudaStream>, bytes: usize) -> Result<Self, OpError> {
        // SAFETY: written before it is read, by uploads or kernels; watched
        // by `cuda_emulated`, where fresh memory is NaN.
        let slice = unsafe { stream.alloc::<u8>(bytes.max(1)) };
        let slice = slice.map_err(failed(&format!("reserving {} MiB of GPU memory", bytes.div_ceil(1 << 20))))?;
        // The guard orders other streams; here everything is on one.
        let address = slice.device_ptr(stream).0;
        Ok(Self { slice, address })
    }

    /// A copy of `bytes`, complete when this returns.
    ///
    /// # Errors
    /// As [`Self::new`], and when the copy fails.
    pub(crate) fn from_bytes(stream: &Arc<CudaStream>, bytes: &[u8]) -> Result<Self, OpError> {
        Self::new(stream, bytes.len())?.filled(stream, bytes)
    }

    /// Starts with `bytes` (no longer than the memory), complete when this
    /// returns.
    ///
    /// # Errors
    /// [`OpError::Device`] when the copy fails.
    pub(crate) fn filled(mut self, stream: &Arc<CudaStream>, bytes: &[u8]) -> Result<Self, OpError> {
        if !bytes.is_empty() {
            stream.memcpy_htod(bytes, &mut self.slice).map_err(failed("copying to the GPU"))?;
        }
        stream.synchronize().map_err(failed("copying to the GPU"))?;
        Ok(self)
    }

    /// Its first byte.
    pub(crate) fn address(&self) -> Address {
        self.address
    }

    /// Bytes held.
    pub(crate) fn len(&self) -> usize {
        self.slice.len()
    }
}

/// Page-locked numbers on the host, which the GPU copies at full speed and
/// without the processor.
pub(crate) struct Pinned<T> {
    context: Arc<CudaContext>,
    pointer: *mut T,
    length: usize,
}

// SAFETY: plain memory owned by this value; the GPU uses it only between the
// start of a copy and the wait for it, and whoever starts one waits before
// the values are touched or dropped. Watched by
// `replay::an_executable_moves_between_threads` and, with streams that run
// late, by `cuda_volume::copies`.
unsafe impl<T: Send> Send for Pinned<T> {}

impl<T> std::fmt::Debug for Pinned<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pinned").field("length", &self.length).finish_non_exhaustive()
    }
}

impl<T: DeviceRepr + ValidAsZeroBits> Pinned<T> {
    /// `length` zeros.
    ///
    /// # Errors
    /// [`OpError::Device`] when there is no memory.
    pub(crate) fn new(context: &Arc<CudaContext>, length: usize) -> Result<Self, OpError> {
        let doing = "reserving page-locked memory";
        context.bind_to_thread().map_err(failed(doing))?;
        let bytes = length.max(1) * size_of::<T>();
        // SAFETY: a new allocation of that many bytes, page-aligned. Cached
        // (flags 0), because results are read by the processor.
        let pointer = unsafe { result::malloc_host(bytes, 0) }.map_err(failed(doing))?.cast::<T>();
        // SAFETY: `bytes` bytes are ours, and zero bits are a valid `T`.
        unsafe { pointer.cast::<u8>().write_bytes(0, bytes) };
        Ok(Self { context: Arc::clone(context), pointer, length })
    }

    /// The values.
    pub(crate) fn values(&self) -> &[T] {
        // SAFETY: initialised in `new`; no copy into them is under way (see
        // `copy_from_gpu`).
        unsafe { std::slice::from_raw_parts(self.pointer, self.length) }
    }

    /// The values, to be overwritten.
    pub(crate) fn values_mut(&mut self) -> &mut [T] {
        // SAFETY: as `values`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.pointer, self.length) }
    }

    /// Queues a copy of the first `count` values to `address`.
    ///
    /// # Safety
    /// `count` values must fit at `address`, and the values must not change
    /// before `stream` has copied them.
    ///
    /// # Errors
    /// [`OpError::Device`] when the driver refuses.
    pub(crate) unsafe fn copy_to_gpu(
        &self,
        address: Address,
        count: usize,
        stream: &CudaStream,
    ) -> Result<(), OpError> {
        let values = &self.values()[..count.min(self.length)];
        // SAFETY: passed on to the caller.
        unsafe { result::memcpy_htod_async(address, values, stream.cu_stream()) }.map_err(failed("copying to the GPU"))
    }

    /// Queues a copy of `count` values at `address` to the first values.
    ///
    /// # Safety
    /// `count` values must lie at `address`, and the values must not be looked
    /// at or dropped before `stream` has copied them.
    ///
    /// # Errors
    /// [`OpError::Device`] when the driver refuses.
    pub(crate) unsafe fn copy_from_gpu(
        &mut self,
        address: Address,
        count: usize,
        stream: &CudaStream,
    ) -> Result<(), OpError> {
        let count = count.min(self.length);
        let values = &mut self.values_mut()[..count];
        // SAFETY: passed on to the caller.
        unsafe { result::memcpy_dtoh_async(values, address, stream.cu_stream()) }
            .map_err(failed("copying from the GPU"))
    }
}

impl<T> Drop for Pinned<T> {
    fn drop(&mut self) {
        // A lost context has freed it already; there is nobody to tell.
        if self.context.bind_to_thread().is_ok() {
            // SAFETY: allocated in `new`, freed once.
            let _ = unsafe { result::free_host(self.pointer.cast()) };
        }
    }
}
