//! Why a model is not imported, or an image not segmented.

use std::path::PathBuf;

use kernels::{NetworkError, OpError};
use thiserror::Error;

use super::torch::CheckpointError;

/// A model folder that is refused, or a model that cannot be loaded or run.
///
/// Causes are part of the message, not of the chain of sources, so that they
/// are told once.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NnunetError {
    /// A file is not there or not readable.
    #[error("cannot read {}: {cause}; {advice}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
        /// What should be there.
        advice: &'static str,
    },
    /// A file is not JSON of the expected form.
    #[error("{}: {cause}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the parser said, with line and column.
        cause: serde_json::Error,
    },
    /// A file says something that is contradictory or not supported.
    #[error("{}: {what}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What it says, and what is supported.
        what: String,
    },
    /// The checkpoint is refused.
    #[error("{}: {cause}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: CheckpointError,
    },
    /// The network cannot be built or run.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A device operation failed.
    #[error(transparent)]
    Operation(#[from] OpError),
    /// A file cannot be written.
    #[error("cannot write {}: {cause}; check that the folder exists and has room", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The image does not suit the model or this machine.
    #[error("the image cannot be segmented by this model: {0}")]
    Image(String),
}
