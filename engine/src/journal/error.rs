//! What can be wrong with a journal: where, and what to do.

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::format::SCHEMA;

/// A journal that cannot be opened, read or trusted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The operating system refused.
    #[error("{}: cannot {doing}: {source}; check that the folder exists, can be written and has room", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Another process writes this journal.
    #[error("{}: another session is writing this journal; end it or choose another folder", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The folder holds no segment.
    #[error("{}: there is no journal here; give the folder that a session wrote", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// The journal was changed after it was written, or the disk is failing.
    #[error("{0}; keep the files as they are, records from there on cannot be trusted")]
    Damaged(#[from] Damage),
    /// A newer program wrote it.
    #[error("{}: journal schema {found}, this program reads {SCHEMA}; use the program that wrote it", path.display())]
    Schema {
        /// The segment.
        path: PathBuf,
        /// Schema of the file.
        found: u32,
    },
    /// A budget of [`super::ReadLimits`] is exceeded.
    #[error("{}: {found} {what}, the limit is {limit}; raise the limit if this journal is genuine", path.display())]
    Limit {
        /// File or folder.
        path: PathBuf,
        /// What is counted.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many are allowed.
        limit: u64,
    },
}

impl JournalError {
    /// For `map_err` on what the operating system refuses.
    pub(super) fn io(path: &Path, doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, doing, source }
    }
}

/// One place of a journal that is not as it was written.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{}, byte {offset}, record {sequence}: {problem}", path.display())]
pub struct Damage {
    /// The segment.
    pub path: PathBuf,
    /// Where the record or header begins, bytes.
    pub offset: u64,
    /// Sequence number that was expected here.
    pub sequence: u64,
    /// What is wrong.
    pub problem: DamageKind,
}

/// What is wrong with a record, a segment or the row of segments.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DamageKind {
    /// The segment does not begin as one.
    #[error("the segment's header is damaged (magic or checksum)")]
    SegmentHeader,
    /// A segment is absent.
    #[error("segment {expected} is missing, the next one is {found}")]
    MissingSegment {
        /// Number that should be here.
        expected: u32,
        /// Number found.
        found: u32,
    },
    /// The file is named as one segment and says it is another.
    #[error("the file holds segment {found} under the name of segment {expected}")]
    WrongSegment {
        /// Number by its name.
        expected: u32,
        /// Number in its header.
        found: u32,
    },
    /// The segment does not continue the one before it.
    #[error("the segment does not continue the one before it: replaced, or from another journal")]
    SegmentChain,
    /// The head of the record is damaged.
    #[error("the record's head fails its checksum")]
    RecordHeader,
    /// The content of the record is damaged.
    #[error("the record's content fails its checksum")]
    Content,
    /// Records are missing, repeated or in another order.
    #[error("record {found} stands here: records are missing, repeated or reordered")]
    Order {
        /// Sequence number found.
        found: u64,
    },
    /// The record is whole but not the one that was written.
    #[error("the record does not follow from those before it (hash chain): it was replaced")]
    Chain,
    /// A kind of record this schema does not have.
    #[error("{found} is no kind of record")]
    Kind {
        /// The number found.
        found: u16,
    },
    /// The segment ends within a record although another segment follows.
    #[error("the segment is cut off although another one follows")]
    CutOff,
    /// The content is whole, but not what its kind says.
    #[error("the content is not that of its kind of record: {0}")]
    Layout(&'static str),
}
