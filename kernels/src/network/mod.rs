//! Networks built from weight files: what SpineNav segments with.
//!
//! A network is generic over its [`crate::OpDevice`]; it is loaded onto a device once
//! and then fed tensors. Files are checked completely when they are loaded:
//! a network that exists has every weight, in the right shape, finite.

mod architecture;
mod compact_unet;
mod weight_file;

use thiserror::Error;

use crate::error::OpError;

pub use architecture::Architecture;
pub use compact_unet::CompactUnet;

/// A network could not be loaded or run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The architecture description makes no network.
    #[error("architecture: {reason}")]
    Architecture {
        /// What is wrong with it, with the numbers.
        reason: String,
    },
    /// The file is not a safetensors file, or its header lies.
    #[error("not a readable safetensors file; was it cut short while copying?")]
    File {
        /// What the reader found.
        #[source]
        source: safetensors::SafeTensorError,
    },
    /// The architecture needs a tensor the file does not have.
    #[error("tensor `{name}` is missing; does the file belong to this architecture?")]
    MissingTensor {
        /// Name of the tensor.
        name: String,
    },
    /// The file has a tensor the architecture does not know.
    #[error("tensor `{name}` has no place in this architecture")]
    UnknownTensor {
        /// Name of the tensor.
        name: String,
    },
    /// A tensor has another shape than the architecture says.
    #[error("tensor `{name}` has shape {actual:?}, the architecture needs {expected:?}")]
    TensorShape {
        /// Name of the tensor.
        name: String,
        /// Shape in the file.
        actual: Vec<usize>,
        /// Shape the architecture needs.
        expected: Vec<usize>,
    },
    /// A tensor holds something other than 32-bit floats.
    #[error("tensor `{name}` holds {dtype}, only F32 is supported")]
    TensorType {
        /// Name of the tensor.
        name: String,
        /// Type in the file.
        dtype: String,
    },
    /// A weight is NaN or infinite: the training diverged or the file is damaged.
    #[error("tensor `{name}`: value {index} is {value}; weights must be finite")]
    NonFiniteWeight {
        /// Name of the tensor.
        name: String,
        /// Index of the first such value.
        index: usize,
        /// The value.
        value: f32,
    },
    /// The input cannot be halved often enough.
    #[error("input {shape:?}: depth, height and width must be multiples of {divisor}; pad it first")]
    InputSize {
        /// Shape of the input.
        shape: [usize; 4],
        /// What the sides must be divisible by.
        divisor: usize,
    },
    /// The input has a NaN or an infinity.
    #[error("input value {index} is {value}; inputs must be finite")]
    NonFiniteInput {
        /// Index of the first such value.
        index: usize,
        /// The value.
        value: f32,
    },
    /// An operation failed.
    #[error("network operation failed")]
    Operation {
        /// Which and why.
        #[from]
        source: OpError,
    },
}
