//! [`Cuda`]: an opened GPU that loads programs.

use std::sync::Arc;

use super::driver::Driver;
use super::executable::CudaExecutable;
use crate::device::{Device, Executable, Precision};
use crate::error::OpError;
use crate::program::Program;

/// An NVIDIA GPU (Ampere or later). Cheap to clone; clones share the GPU.
#[derive(Debug, Clone)]
pub struct Cuda {
    pub(crate) driver: Arc<Driver>,
}

impl Cuda {
    /// Opens the first GPU.
    ///
    /// # Errors
    /// [`OpError::Device`] naming the reason: no driver, a driver or GPU that
    /// is too old, no GPU, or what the driver said. Never panics.
    ///
    /// Cost: about a millisecond without a GPU; with one, the driver's start.
    pub fn open() -> Result<Self, OpError> {
        Self::open_ordinal(0)
    }

    /// Opens GPU number `ordinal` of the driver's list.
    ///
    /// # Errors
    /// As [`Cuda::open`].
    pub fn open_ordinal(ordinal: usize) -> Result<Self, OpError> {
        Ok(Self { driver: Driver::open(ordinal)? })
    }
}

impl Device for Cuda {
    fn description(&self) -> String {
        self.driver.description.clone()
    }

    /// Both precisions store fp16; sums are f32.
    fn load(&self, program: &Arc<Program>, _: Precision) -> Result<Box<dyn Executable>, OpError> {
        Ok(Box::new(CudaExecutable::new(&self.driver, program)?))
    }
}
