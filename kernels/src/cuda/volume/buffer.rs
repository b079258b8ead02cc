//! Memory of the GPU, and what kernels are called with.
#![allow(unsafe_code)]

use std::fmt;
use std::sync::Arc;

use cudarc::driver::{CudaSlice, DevicePtr, DeviceRepr, ValidAsZeroBits};

use crate::cuda::driver::{Driver, Shape, failed, refuse};
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
pub(super) struct Buffer<T> {
    slice: CudaSlice<T>,
    driver: Arc<Driver>,
}

impl<T> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} values on {}", self.slice.len(), self.driver.description)
    }
}

impl<T: DeviceRepr + ValidAsZeroBits> Buffer<T> {
    /// Memory that the next kernel fills; an empty buffer holds one value.
    pub(super) fn new(driver: &Arc<Driver>, len: usize) -> Result<Self, OpError> {
        // SAFETY: any bits are a value of the number types used here, and
        // whoever asks writes every value before it is read; the emulator
        // fills new memory with NaN, so `cuda_volume` sees what is not.
        let slice = unsafe { driver.stream.alloc::<T>(len.max(1)) }.map_err(failed("reserving GPU memory"))?;
        Ok(Self { slice, driver: Arc::clone(driver) })
    }

    pub(super) fn zeros(driver: &Arc<Driver>, len: usize) -> Result<Self, OpError> {
        let slice = driver.stream.alloc_zeros::<T>(len.max(1)).map_err(failed("reserving GPU memory"))?;
        Ok(Self { slice, driver: Arc::clone(driver) })
    }

    pub(super) fn upload(driver: &Arc<Driver>, values: &[T]) -> Result<Self, OpError> {
        let slice = driver.stream.clone_htod(values).map_err(failed("copying to the GPU"))?;
        Ok(Self { slice, driver: Arc::clone(driver) })
    }

    /// Waits for all work so far and copies the values.
    pub(super) fn download(&self) -> Result<Vec<T>, OpError> {
        let values = self.driver.stream.clone_dtoh(&self.slice).map_err(failed("copying from the GPU"))?;
        self.driver.stream.synchronize().map_err(failed("waiting for the GPU"))?;
        Ok(values)
    }

    /// The first value, for counts.
    pub(super) fn first(&self) -> Result<T, OpError>
    where
        T: Copy,
    {
        self.download()?.first().copied().ok_or_else(|| refuse("an empty buffer was read"))
    }
}

impl<T> Buffer<T> {
    pub(super) fn driver(&self) -> &Arc<Driver> {
        &self.driver
    }

    /// The address for kernels.
    pub(super) fn address(&self) -> u64 {
        self.slice.device_ptr(&self.driver.stream).0
    }
}

/// One thread for each of `items`, in blocks of [`BLOCK`].
pub(super) fn each(items: usize) -> Shape {
    Shape::one_thread_each(items, BLOCK)
}

/// Queues a kernel on the stream all buffers here are used on.
///
/// # Safety
/// `P` must be the twin of the kernel's parameter struct, its addresses must
/// be of live buffers of `driver`, as long as the kernel expects for the
/// counts in `P`. They may be dropped afterwards: freeing is queued too.
pub(super) unsafe fn launch<P: DeviceRepr>(
    driver: &Driver,
    name: &'static str,
    shape: Shape,
    parameters: &P,
) -> Result<(), OpError> {
    // SAFETY: passed on to the caller.
    unsafe { driver.launch(&driver.stream, name, shape, parameters) }
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
