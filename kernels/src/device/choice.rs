//! Which device a program gets.

use std::sync::Arc;

use super::{Device, Fallback, LossReport};
use crate::cpu::Cpu;
use crate::cuda::Cuda;
use crate::error::OpError;

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// The GPU when there is one, the processor otherwise.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// The GPU; without one, opening fails.
    Cuda,
}

/// A device, and why it is not a better one.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Where networks run.
    pub device: Arc<dyn Device>,
    /// Why [`Choice::Auto`] did not take the GPU.
    pub note: Option<String>,
}

/// Opens a device. A GPU that fails later is replaced by the processor, and
/// `report` hears of it.
///
/// # Errors
/// [`OpError::Device`] when [`Choice::Cuda`] finds no usable GPU; the message
/// says what is missing.
///
/// Cost: about a millisecond without a GPU driver.
pub fn open(choice: Choice, report: LossReport) -> Result<Opened, OpError> {
    let cpu: Arc<dyn Device> = Arc::new(Cpu::new());
    if choice == Choice::Cpu {
        return Ok(Opened { device: cpu, note: None });
    }
    match Cuda::open() {
        Ok(cuda) => {
            let device = Arc::new(Fallback::new(Arc::new(cuda), cpu, report));
            Ok(Opened { device, note: None })
        }
        Err(error) if choice == Choice::Cuda => Err(error),
        Err(error) => Ok(Opened { device: cpu, note: Some(error.to_string()) }),
    }
}
