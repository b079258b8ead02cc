//! Why a file of targets or poses cannot be used.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use thiserror::Error;

/// Largest file that is read, bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Why a file of targets or poses cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FollowError {
    /// The system could not read it.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is larger than any of its kind.
    #[error("{path} has {bytes} bytes, {what} has at most {MAX_BYTES}; is it the right file?")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// What was wanted.
        what: &'static str,
    },
    /// It is not the JSON expected.
    #[error("{path} is not {what}: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// What was wanted.
        what: &'static str,
        /// Line and reason.
        source: serde_json::Error,
    },
    /// An entry has an impossible value.
    #[error("{entry:?} cannot be used: {why}")]
    Entry {
        /// Its name.
        entry: String,
        /// What is wrong.
        why: String,
    },
}

/// Reads a small JSON file.
pub(super) fn read<T: DeserializeOwned>(path: &Path, what: &'static str) -> Result<T, FollowError> {
    let failed = |source| FollowError::Read { path: path.into(), source };
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > MAX_BYTES {
        return Err(FollowError::TooLarge { path: path.into(), bytes, what });
    }
    let text = crate::io::read_text(path).map_err(failed)?;
    serde_json::from_str(&text).map_err(|source| FollowError::Json { path: path.into(), what, source })
}
