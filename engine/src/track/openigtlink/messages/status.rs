//! STATUS and STRING.

use crate::track::openigtlink::error::Refusal;
use crate::track::openigtlink::name::Name;
use crate::track::openigtlink::wire::{Put, Reader};

/// Health of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status<'a> {
    /// 1 is OK, 13 "not ready", 19 "disabled", others as the protocol lists.
    pub code: u16,
    /// The device's own number.
    pub subcode: i64,
    /// Short name of the error.
    pub error: Name<20>,
    /// Text as sent, up to its zero byte if it has one.
    pub text: &'a [u8],
    /// True when the text ended in a zero byte, as the C++ library writes it.
    pub has_terminator: bool,
}

/// [`Status::code`] of a device in order.
pub const STATUS_OK: u16 = 1;

impl<'a> Status<'a> {
    pub(in crate::track::openigtlink) fn decode(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let size = Refusal::Size { kind: "STATUS", found: bytes.len(), needed: "at least 30 bytes" };
        let mut reader = Reader(bytes);
        let (Some(code), Some(subcode), Some(error)) = (reader.u16(), reader.u64(), reader.name()) else {
            return Err(size);
        };
        let (text, has_terminator) = match reader.0.split_last() {
            Some((0, text)) => (text, true),
            _ => (reader.0, false),
        };
        Ok(Self { code, subcode: subcode.cast_signed(), error, text, has_terminator })
    }

    pub(in crate::track::openigtlink) fn encode(&self, out: &mut Vec<u8>) {
        out.put(&self.code.to_be_bytes());
        out.put(&self.subcode.to_be_bytes());
        out.put(self.error.wire());
        out.put(self.text);
        if self.has_terminator {
            out.put(&[0]);
        }
    }
}

/// A text with its character set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// IANA MIBenum: 3 is US-ASCII, 106 UTF-8.
    pub encoding: u16,
    /// Bytes as sent.
    pub bytes: &'a [u8],
}

impl<'a> Text<'a> {
    pub(in crate::track::openigtlink) fn decode(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let size = Refusal::Size { kind: "STRING", found: bytes.len(), needed: "4 bytes and the length they give" };
        let mut reader = Reader(bytes);
        let (Some(encoding), Some(length)) = (reader.u16(), reader.u16()) else { return Err(size) };
        if reader.0.len() != usize::from(length) {
            return Err(size);
        }
        Ok(Self { encoding, bytes: reader.0 })
    }

    pub(in crate::track::openigtlink) fn encode(&self, out: &mut Vec<u8>) -> bool {
        let Ok(length) = u16::try_from(self.bytes.len()) else { return false };
        out.put_u16s(&[self.encoding, length]);
        out.put(self.bytes);
        true
    }
}
