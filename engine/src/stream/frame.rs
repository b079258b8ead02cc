//! The bytes on the wire: a head of 24 bytes, then the content.
//!
//! | byte | type | content |
//! |---|---|---|
//! | 0 | 4 bytes | `SPNS` |
//! | 4 | u16 | schema |
//! | 6 | u16 | kind: 1 snapshot, 2 intent |
//! | 8 | u64 | session: a number drawn when the engine started |
//! | 16 | u64 | number of the frame, from 1; of an intent, counted by its sender |
//!
//! Little-endian. A snapshot's content is its words ([`crate::rt::Words`]),
//! those of instruments that are not there left out: exactly what the journal
//! keeps. A test watches the words; whoever changes them raises [`SCHEMA`].

use thiserror::Error;

use crate::journal::{Fields, Payload, read_words, write_words};
use crate::rt::{Snapshot, ToolView, Words};
use crate::safety::ToolState;

/// Version of everything here, of the intents and of the session's description.
pub const SCHEMA: u16 = 1;

/// First bytes of every frame.
const MAGIC: &[u8; 4] = b"SPNS";

/// Bytes before the content.
pub const HEAD_BYTES: usize = 24;

/// Largest snapshot: eight instruments.
pub const MOST_SNAPSHOT_BYTES: usize = HEAD_BYTES + 8 * Snapshot::LEN;

/// Coordinates and distances beyond this are no anatomy, mm.
pub(super) const FARTHEST_MM: f64 = 10_000.0;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// A picture of one instant.
    Snapshot = 1,
    /// Something a user wants.
    Intent = 2,
}

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHead {
    /// What it carries.
    pub kind: FrameKind,
    /// Which session of the engine.
    pub session: u64,
    /// Its number.
    pub number: u64,
}

/// Bytes that are no frame of ours.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// Too long to be looked at.
    #[error("{bytes} bytes, at most {most} are taken")]
    TooLong {
        /// Bytes that came.
        bytes: usize,
        /// Bytes that are taken.
        most: usize,
    },
    /// Not the first bytes of a frame.
    #[error("these bytes are no frame of SpineNav")]
    NotOurs,
    /// A version this program does not speak.
    #[error("schema {found}, this program speaks {SCHEMA}: update the older one of both programs")]
    Schema {
        /// The version that came.
        found: u16,
    },
    /// Another kind of frame than the one that belongs here.
    #[error("a frame of kind {found} does not belong here")]
    Kind {
        /// The kind that came.
        found: u16,
    },
    /// The content says something that cannot be.
    #[error("the content is wrong: {0}")]
    Content(&'static str),
}

impl FrameHead {
    pub(super) fn begin(self) -> Payload {
        let mut payload = Payload::default();
        payload.bytes(MAGIC).u16(SCHEMA).u16(self.kind as u16).u64(self.session).u64(self.number);
        payload
    }

    /// The head of a frame of `kind`, and its content.
    ///
    /// # Errors
    /// [`FrameError`]; nothing is copied or allocated before the head is right.
    pub fn read(bytes: &[u8], kind: FrameKind, most: usize) -> Result<(Self, Fields<'_>), FrameError> {
        if bytes.len() > most {
            return Err(FrameError::TooLong { bytes: bytes.len(), most });
        }
        let mut fields = Fields::new(bytes);
        if fields.bytes(4).map_err(|_| FrameError::NotOurs)? != MAGIC {
            return Err(FrameError::NotOurs);
        }
        let found = fields.u16().map_err(FrameError::Content)?;
        if found != SCHEMA {
            return Err(FrameError::Schema { found });
        }
        let found = fields.u16().map_err(FrameError::Content)?;
        if found != kind as u16 {
            return Err(FrameError::Kind { found });
        }
        let session = fields.u64().map_err(FrameError::Content)?;
        let number = fields.u64().map_err(FrameError::Content)?;
        Ok((Self { kind, session, number }, fields))
    }
}

/// A snapshot as a frame. Fixed work, no allocation.
#[must_use]
pub fn encode_snapshot(session: u64, number: u64, snapshot: &Snapshot) -> Payload {
    let mut payload = FrameHead { kind: FrameKind::Snapshot, session, number }.begin();
    write_words(&mut payload, snapshot);
    payload
}

/// The snapshot in a frame, and the frame's head.
///
/// # Errors
/// [`FrameError`] for anything an engine of ours would not have sent, such as a
/// pose that is no rigid motion or the pose of an instrument that is lost.
pub fn decode_snapshot(bytes: &[u8]) -> Result<(FrameHead, Snapshot), FrameError> {
    let (head, mut fields) = FrameHead::read(bytes, FrameKind::Snapshot, MOST_SNAPSHOT_BYTES)?;
    let snapshot: Snapshot = read_words(&mut fields).map_err(FrameError::Content)?;
    if snapshot.check.last_mm.is_some_and(|mm| !mm.is_finite()) {
        return Err(FrameError::Content("a distance is not finite"));
    }
    snapshot.tools.iter().try_for_each(check_tool).map_err(FrameError::Content)?;
    Ok((head, snapshot))
}

/// What the engine promises of an instrument, checked once more: the bytes may
/// come from anybody.
fn check_tool(tool: &ToolView) -> Result<(), &'static str> {
    let is_shown = matches!(tool.state, ToolState::Live | ToolState::Stale);
    if tool.ct_from_tip.is_some() && !is_shown {
        return Err("an instrument that is not seen has a pose");
    }
    if let Some(pose) = &tool.ct_from_tip {
        // Written as it is, so it may be off by rounding only.
        let is_unit = (pose.rotation().coords.norm() - 1.0).abs() < 1e-6;
        if !is_unit || pose.translation().iter().any(|mm| !mm.is_finite() || mm.abs() > FARTHEST_MM) {
            return Err("a pose is no rigid motion");
        }
    }
    let numbers = [tool.bone_distance_mm, tool.predicted_tre_mm];
    if tool.ct_from_tip.is_none() && numbers.iter().any(Option::is_some) {
        return Err("a number has outlived its pose");
    }
    if numbers.into_iter().flatten().any(|mm| !mm.is_finite() || f64::from(mm).abs() > FARTHEST_MM) {
        return Err("a distance is not finite");
    }
    Ok(())
}

#[cfg(test)]
#[path = "frame_test.rs"]
mod tests;
