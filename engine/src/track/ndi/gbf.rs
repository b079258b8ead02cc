//! The content of a BX2 reply: poses in the General Binary Format.
//!
//! ```text
//! container  u16 version (1), u16 components, components
//! component  u16 kind, u32 size with this head, u16 format, u32 items, items
//! frame      u8 kind, u8 index, u16 status, u32 number, u32 s, u32 ns, container
//! 6D         u16 handle, u16 status, and unless it is missing 8 f32:
//!            q0 qx qy qz, x y z in mm, RMS of the fit in mm
//! ```
//!
//! All little-endian. Components of other kinds are passed over by their size.
//! Every size and count is held against the bytes that are there; nothing is
//! allocated.

use geom::Nanoseconds;

use super::error::NdiStreamError;
use crate::track::openigtlink::QuaternionPose;
use crate::track::packet::Missing;

const VERSION: u16 = 1;
const FRAME: u16 = 1;
const SIX_D: u16 = 2;
/// Bytes of a component's head.
const COMPONENT_HEAD: usize = 12;
/// Status bit: there is no pose.
const IS_MISSING: u16 = 0x0100;
/// Kinds of marker, each measured in frames of its own: passive, active, ...
pub const FRAME_KINDS: usize = 8;

/// The head of a frame: all its poses are of one instant.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FrameHead {
    /// Kind of markers, 0 to 7.
    pub kind: u8,
    /// Count of the tracker, of frames of all kinds.
    pub number: u32,
    /// The tracker's clock; `None` when it gives none.
    pub time: Option<Nanoseconds>,
}

/// A tool in a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackedPort {
    /// Its port handle.
    pub handle: u16,
    /// Its pose, not yet checked, with the RMS of the fit in mm, or why there
    /// is none. A pose the tracker does not vouch for is none.
    pub pose: Result<(QuaternionPose, f32), Missing>,
}

/// What a walk through a reply meets, in its order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Found {
    /// A frame begins.
    Frame(FrameHead),
    /// A tool of the frame before.
    Port(TrackedPort),
}

/// Walks through the content of a reply. What was found counts only when the
/// whole walk went well.
///
/// # Errors
/// [`NdiStreamError::Content`] with what contradicts what, and where.
pub fn walk(content: &[u8], on_found: &mut impl FnMut(Found)) -> Result<(), NdiStreamError> {
    let mut bytes = Bytes { all: content, at: 0, end: content.len() };
    bytes.container(false, on_found)?;
    if bytes.at == bytes.end { Ok(()) } else { Err(bytes.wrong("bytes are left over")) }
}

struct Bytes<'a> {
    all: &'a [u8],
    at: usize,
    end: usize,
}

impl Bytes<'_> {
    const fn wrong(&self, what: &'static str) -> NdiStreamError {
        NdiStreamError::Content { what, at: self.at }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], NdiStreamError> {
        let left = self.all.get(self.at..self.end).unwrap_or_default();
        let taken = left.first_chunk().ok_or_else(|| self.wrong("it ends early"))?;
        self.at += N;
        Ok(*taken)
    }

    fn u16(&mut self) -> Result<u16, NdiStreamError> {
        self.take().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, NdiStreamError> {
        self.take().map(u32::from_le_bytes)
    }

    fn f32(&mut self) -> Result<f32, NdiStreamError> {
        self.take().map(f32::from_le_bytes)
    }

    /// A container, outside or within a frame.
    fn container(&mut self, is_in_frame: bool, on_found: &mut impl FnMut(Found)) -> Result<(), NdiStreamError> {
        if self.u16()? != VERSION {
            return Err(self.wrong("the version of the format is not 1"));
        }
        for _ in 0..self.u16()? {
            let (begin, kind, size) = (self.at, self.u16()?, self.u32()?);
            let size = usize::try_from(size).ok().filter(|size| *size >= COMPONENT_HEAD);
            let size = size.ok_or_else(|| self.wrong("a component is smaller than its own head"))?;
            let end = begin.checked_add(size).filter(|end| *end <= self.end);
            let end = end.ok_or_else(|| self.wrong("a component is larger than what holds it"))?;
            let _format = self.u16()?;
            let items = self.u32()?;
            let outer = std::mem::replace(&mut self.end, end);
            match (kind, is_in_frame) {
                (FRAME, false) => self.frames(items, on_found)?,
                (FRAME, true) => return Err(self.wrong("a frame within a frame")),
                (SIX_D, true) => self.ports(items, on_found)?,
                _ => self.at = end,
            }
            if self.at != end {
                return Err(self.wrong("a component is larger than its items"));
            }
            self.end = outer;
        }
        Ok(())
    }

    fn frames(&mut self, items: u32, on_found: &mut impl FnMut(Found)) -> Result<(), NdiStreamError> {
        // Each turn takes bytes or fails: a huge count ends at the first lack.
        for _ in 0..items {
            let [kind, _index] = self.take()?;
            let _status = self.u16()?;
            let (number, s, ns) = (self.u32()?, self.u32()?, self.u32()?);
            if usize::from(kind) >= FRAME_KINDS {
                return Err(self.wrong("a kind of frame beyond 7"));
            }
            if ns >= 1_000_000_000 {
                return Err(self.wrong("a time stamp of a second or more of nanoseconds"));
            }
            let time = Nanoseconds(u64::from(s) * 1_000_000_000 + u64::from(ns));
            on_found(Found::Frame(FrameHead { kind, number, time: (time.0 > 0).then_some(time) }));
            self.container(true, on_found)?;
        }
        Ok(())
    }

    fn ports(&mut self, items: u32, on_found: &mut impl FnMut(Found)) -> Result<(), NdiStreamError> {
        for _ in 0..items {
            let (handle, status) = (self.u16()?, self.u16()?);
            let pose = if status & IS_MISSING == 0 {
                let [q0, qx, qy, qz] = [self.f32()?, self.f32()?, self.f32()?, self.f32()?];
                let position = [self.f32()?, self.f32()?, self.f32()?];
                let pose = QuaternionPose { position, quaternion: [qx, qy, qz, q0] };
                let rms_mm = self.f32()?;
                if status & 0xff == 0 { Ok((pose, rms_mm)) } else { Err(why_missing(status)) }
            } else {
                Err(why_missing(status))
            };
            on_found(Found::Port(TrackedPort { handle, pose }));
        }
        Ok(())
    }
}

/// The low byte of a status says why a tool is not tracked.
const fn why_missing(status: u16) -> Missing {
    match status & 0xff {
        0x03 | 0x09 => Missing::OutOfVolume,
        // Too few markers, and a fit that is too bad to be one.
        0x0d | 0x11 => Missing::PartialMarkers,
        // Tracking is not enabled; the tool is unplugged.
        0x20 | 0x21 => Missing::NotReported,
        // Missing, interference, overload, and whatever comes later.
        _ => Missing::Occluded,
    }
}
