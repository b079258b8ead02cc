//! Requests without data, and CAPABILITY.

use crate::track::openigtlink::error::Refusal;
use crate::track::openigtlink::name::Name;
use crate::track::openigtlink::wire::{Put, Reader};

/// STT_TDATA and STT_QTDATA: please send at this rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartTracking {
    /// Smallest time between two messages, ms; 0 asks for every one.
    pub interval_ms: i32,
    /// Frame the poses are wanted in; empty is the tracker's own.
    pub coordinate: Name<32>,
}

impl StartTracking {
    pub(in crate::track::openigtlink) fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut reader = Reader(bytes);
        match (reader.u32(), reader.name(), reader.0.len()) {
            (Some(interval), Some(coordinate), 0) => Ok(Self { interval_ms: interval.cast_signed(), coordinate }),
            _ => Err(Refusal::Size { kind: "STT_TDATA", found: bytes.len(), needed: "36 bytes" }),
        }
    }

    pub(in crate::track::openigtlink) fn encode(&self, out: &mut Vec<u8>) {
        out.put(&self.interval_ms.to_be_bytes());
        out.put(self.coordinate.wire());
    }
}

/// RTS_TDATA and RTS_QTDATA: 0 when the request is granted.
pub(in crate::track::openigtlink) fn decode_reply(bytes: &[u8]) -> Result<u8, Refusal> {
    Reader(bytes).u8().ok_or(Refusal::Size { kind: "RTS_TDATA", found: bytes.len(), needed: "1 byte" })
}

/// The message types a peer understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capability<'a>(pub(in crate::track::openigtlink) &'a [u8]);

impl<'a> Capability<'a> {
    pub(in crate::track::openigtlink) fn decode(bytes: &'a [u8]) -> Result<Self, Refusal> {
        if !bytes.len().is_multiple_of(12) {
            return Err(Refusal::Size { kind: "CAPABILITY", found: bytes.len(), needed: "a multiple of 12" });
        }
        Ok(Self(bytes))
    }

    /// Names of the types, as sent.
    pub fn iter(&self) -> impl Iterator<Item = Name<12>> + use<'a> {
        self.0.as_chunks::<12>().0.iter().map(Name::from_wire)
    }
}
