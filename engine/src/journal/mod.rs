//! What happened, in order, so that it can be looked at and run again.
//!
//! Promises: a record handed over is on the disk within 100 ms, or its loss is
//! counted, shown and written down; after a crash everything older than that
//! is there and the next session goes on in the same chain; any bit that
//! changes afterwards is found and named, never skipped. Whoever records never
//! waits for the disk. Not promised: protection against somebody who rewrites
//! the whole journal, hashes included.
//!
//! | module | what it holds |
//! |---|---|
//! | `format`, `kind`, `payload` | the bytes |
//! | `folder`, `storage` | the files, and the seam for disks that fail |
//! | `appender`, `writer` | records onto the disk; the thread that does it |
//! | `recovery` | where a journal goes on after a crash |
//! | `scan`, `reader` | every check made, record by record |
//! | `entry` and what it names | what the content of each kind of record means |
//! | `recorder` | what the navigation thread writes down |
//! | `recorded_alignment` | alignment values, and the same computed again |
//! | `replay`, `source` | a session run again: to compare, or as a tracker |
//! | `tracker_recording` | a tracker written down without guidance |
//!
//! `docs/journal.md` tells how to use it and lists every byte.

mod appender;
mod entry;
mod error;
mod event_number;
mod folder;
pub mod format;
mod kind;
mod payload;
mod reader;
mod recorded_alignment;
mod recorded_registration;
mod recorder;
mod recovery;
mod replay;
mod scan;
mod session_start;
mod snapshot_difference;
mod source;
mod storage;
mod tracker_recording;
mod words_content;
mod writer;

pub use appender::LossCause;
pub use entry::{Entry, Intent};
pub use error::{Damage, DamageKind, JournalError};
pub use folder::segment_path;
pub use kind::RecordKind;
pub use payload::{Fields, PAYLOAD_BYTES, Payload};
pub use reader::{End, ReadLimits, Reader};
pub use recorded_alignment::{AlignmentReplay, RecordedAlignment, verify_alignment};
pub use recorded_registration::{RecordedRegistration, last_registration};
pub use recorder::Recorder;
pub use recovery::TornTail;
pub(crate) use replay::tell;
pub use replay::{Divergence, MakeLoop, ReplayError, Verification, verify};
pub use scan::{Record, read_bytes};
pub use session_start::{NO_CASE, SessionStart, case_hash};
pub use source::JournalSource;
pub use storage::{FileStorage, Storage};
pub use tracker_recording::{
    RecordingEnd, RecordingLimits, RecordingProgress, RecordingWatcher, TrackerRecording, record_tracker,
};
pub(crate) use words_content::{read as read_words, write as write_words};
pub use writer::{Durability, Journal, JournalFault, JournalHandle, JournalHealth, JournalSettings};

#[cfg(test)]
mod tests;
