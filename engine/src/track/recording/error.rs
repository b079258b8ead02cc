//! Why a recording was refused.

use std::path::PathBuf;

use thiserror::Error;

/// A recording that could not be read.
#[derive(Debug, Error)]
#[error("{}: {problem}", path.display())]
pub struct RecordingError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub problem: RecordingProblem,
}

/// What is wrong with a recording, and what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordingProblem {
    /// The system could not read the file.
    #[error("cannot read: {0}")]
    Io(#[from] std::io::Error),
    /// The file does not begin as a MetaImage does.
    #[error("this is no MetaImage sequence (line {line} has no `key = value`); give a PLUS .igs.mha recording")]
    NotMetaImage {
        /// Line number from 1.
        line: u64,
    },
    /// A budget is exceeded.
    #[error("more than {limit} {what}; cut the recording or raise the limit")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The budget.
        limit: u64,
    },
    /// A line cannot be understood.
    #[error("line {line}: {what}; the recording is damaged")]
    Line {
        /// Line number from 1.
        line: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The text ends before the voxels begin.
    #[error("the text ends without ElementDataFile; the recording was cut off while it was written")]
    NoEnd,
    /// Fewer frames than announced.
    #[error("{found} frames, DimSize announces {announced}; the recording is damaged")]
    Frames {
        /// Frames found.
        found: u64,
        /// Frames announced.
        announced: u64,
    },
    /// Fewer voxels than announced.
    #[error("{found} bytes of voxels, {announced} announced; the recording was cut off")]
    Voxels {
        /// Bytes found.
        found: u64,
        /// Bytes announced.
        announced: u64,
    },
    /// None of the names looked for occurs.
    #[error("no transform of the names asked for; the recording holds {available}")]
    NoNames {
        /// Names that do occur.
        available: String,
    },
}
