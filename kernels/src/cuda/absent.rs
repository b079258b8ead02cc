//! What [`Cuda`] is in a build without GPUs.

use std::convert::Infallible;
use std::sync::Arc;

use crate::device::{Device, Executable, Precision};
use crate::error::OpError;
use crate::program::Program;

/// An NVIDIA GPU; this build has none, and no value of this type exists.
#[derive(Debug, Clone)]
pub struct Cuda {
    never: Infallible,
}

impl Cuda {
    /// Opens the first GPU.
    ///
    /// # Errors
    /// [`OpError::Device`], always: this build has no GPU code.
    pub fn open() -> Result<Self, OpError> {
        Self::open_ordinal(0)
    }

    /// Opens GPU number `ordinal`.
    ///
    /// # Errors
    /// [`OpError::Device`], always: this build has no GPU code.
    pub fn open_ordinal(ordinal: usize) -> Result<Self, OpError> {
        let reason =
            format!("GPU {ordinal}: this program was built without GPUs; build it with `--features cuda-device`");
        Err(OpError::Device { device: "CUDA", reason })
    }
}

impl Device for Cuda {
    fn description(&self) -> String {
        match self.never {}
    }

    fn load(&self, _: &Arc<Program>, _: Precision) -> Result<Box<dyn Executable>, OpError> {
        match self.never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_gpus_says_how_to_get_one() {
        let error = Cuda::open().unwrap_err().to_string();
        assert!(error.contains("cuda-device"), "{error}");
    }
}
