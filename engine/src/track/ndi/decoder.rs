//! Replies cut out of the bytes of a connection.
//!
//! Text ends with four hexadecimal digits of its CRC-16 and a return. A binary
//! reply begins with its length and a sum over both; a streamed one of either
//! kind is preceded by the name of its stream. Whatever does not fit ends the
//! connection: there is no searching for the next reply.

use std::io::{Read, Result as IoResult};

use super::crc16::crc16;
use super::error::NdiStreamError;

/// First two bytes of a binary reply, little-endian.
pub const BINARY: u16 = 0xa5c4;
/// Of a binary reply with a long length and without sums.
pub const BINARY_LONG: u16 = 0xa5c8;
/// Of a streamed reply.
pub const STREAM: u16 = 0xb5d4;

/// Longest text that is taken; the longest asked for is a list of 255 ports.
const MAX_TEXT: usize = 2048;
/// Longest name of a stream; ours has four bytes.
const MAX_ID: usize = 64;
/// Longest binary reply: what the length of two bytes can say.
const MAX_BINARY: usize = 65_535;
/// Room for the largest reply with its heads.
const BUFFER: usize = MAX_BINARY + MAX_ID + 32;

/// One reply, its sums checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply<'a> {
    /// Text without its sum.
    Text(&'a str),
    /// The content of a BX2 reply.
    Binary(&'a [u8]),
}

/// Takes bytes in any pieces. 64 KiB, allocated once.
#[derive(Debug)]
pub struct Decoder {
    buffer: Box<[u8]>,
    begin: usize,
    end: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { buffer: vec![0; BUFFER].into_boxed_slice(), begin: 0, end: 0 }
    }
}

/// Where a whole reply lies, from the first byte not yet used.
struct Span {
    content: std::ops::Range<usize>,
    is_text: bool,
    whole: usize,
}

impl Decoder {
    /// Reads once; returns the number of bytes, 0 at the end of the stream.
    ///
    /// # Errors
    /// What the reader says.
    pub fn read_from(&mut self, reader: &mut impl Read) -> IoResult<usize> {
        self.buffer.copy_within(self.begin..self.end, 0);
        (self.begin, self.end) = (0, self.end - self.begin);
        let read = reader.read(self.buffer.get_mut(self.end..).unwrap_or_default())?;
        self.end += read;
        Ok(read)
    }

    /// Takes bytes that are already there; returns how many fitted.
    pub fn push(&mut self, mut bytes: &[u8]) -> usize {
        // A slice as a reader cannot fail.
        self.read_from(&mut bytes).unwrap_or(0)
    }

    /// The next whole reply, or `None` until more bytes come. After an error
    /// the connection must be dropped.
    ///
    /// # Errors
    /// [`NdiStreamError`].
    pub fn next_reply(&mut self) -> Result<Option<Reply<'_>>, NdiStreamError> {
        let bytes = self.buffer.get(self.begin..self.end).unwrap_or_default();
        let Some(span) = span(bytes)? else { return Ok(None) };
        let content = span.content.start + self.begin..span.content.end + self.begin;
        self.begin += span.whole;
        let content = self.buffer.get(content).unwrap_or_default();
        Ok(Some(match (span.is_text, std::str::from_utf8(content)) {
            (true, Ok(text)) => Reply::Text(text),
            (true, Err(_)) => return Err(NdiStreamError::Text),
            (false, _) => Reply::Binary(content),
        }))
    }
}

fn span(bytes: &[u8]) -> Result<Option<Span>, NdiStreamError> {
    let (Some(first), start) = (bytes.first().copied(), u16_at(bytes, 0)) else { return Ok(None) };
    let [stream, binary, long] = [STREAM, BINARY, BINARY_LONG].map(|start| start.to_le_bytes()[0]);
    if first == stream {
        let Some(head) = stream_head(bytes)? else { return Ok(None) };
        let rest = bytes.get(head..).unwrap_or_default();
        let is_nested = rest.first() == Some(&stream);
        if is_nested {
            return Err(NdiStreamError::Start { found: stream });
        }
        return Ok(span(rest)?.map(|inner| Span {
            content: inner.content.start + head..inner.content.end + head,
            whole: inner.whole + head,
            ..inner
        }));
    }
    match start {
        Some(BINARY) => binary_span(bytes),
        // Without sums, and for images: not what was asked for.
        Some(BINARY_LONG) => {
            let long = bytes.get(2..6).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
            let too_long = |found| NdiStreamError::TooLong { found: u64::from(found), limit: MAX_BINARY as u64 };
            long.map_or(Ok(None), |found| Err(too_long(found)))
        }
        None if first == binary || first == long => Ok(None),
        _ if first.is_ascii_graphic() || matches!(first, b' ' | b'\r') => text_span(bytes),
        _ => Err(NdiStreamError::Start { found: first }),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn check(what: &'static str, bytes: &[u8], declared: u16) -> Result<(), NdiStreamError> {
    let computed = crc16(bytes);
    if computed == declared { Ok(()) } else { Err(NdiStreamError::Checksum { what, declared, computed }) }
}

/// Length of a stream's head, once it is whole.
fn stream_head(bytes: &[u8]) -> Result<Option<usize>, NdiStreamError> {
    match u16_at(bytes, 0) {
        None => return Ok(None),
        Some(STREAM) => {}
        Some(other) => return Err(NdiStreamError::Start { found: other.to_le_bytes()[1] }),
    }
    let Some(id) = u16_at(bytes, 2).map(usize::from) else { return Ok(None) };
    if id > MAX_ID {
        return Err(NdiStreamError::TooLong { found: id as u64, limit: MAX_ID as u64 });
    }
    let Some(declared) = u16_at(bytes, 4 + id) else { return Ok(None) };
    check("the head of a streamed reply", bytes.get(..4 + id).unwrap_or_default(), declared)?;
    Ok(Some(6 + id))
}

fn binary_span(bytes: &[u8]) -> Result<Option<Span>, NdiStreamError> {
    let (Some(length), Some(sum)) = (u16_at(bytes, 2).map(usize::from), u16_at(bytes, 4)) else { return Ok(None) };
    check("the head of a binary reply", bytes.get(..4).unwrap_or_default(), sum)?;
    let content = 6..6 + length;
    let Some(declared) = u16_at(bytes, content.end) else { return Ok(None) };
    check("a binary reply", bytes.get(content.clone()).unwrap_or_default(), declared)?;
    Ok(Some(Span { whole: content.end + 2, content, is_text: false }))
}

fn text_span(bytes: &[u8]) -> Result<Option<Span>, NdiStreamError> {
    let Some(end) = bytes.iter().take(MAX_TEXT).position(|byte| *byte == b'\r') else {
        let found = bytes.len() as u64;
        let limit = MAX_TEXT as u64;
        return if found < limit { Ok(None) } else { Err(NdiStreamError::TooLong { found, limit }) };
    };
    let (text, sum) = bytes.get(..end).and_then(|text| text.split_last_chunk::<4>()).ok_or(NdiStreamError::Text)?;
    let sum = std::str::from_utf8(sum).ok().and_then(|sum| u16::from_str_radix(sum, 16).ok());
    check("a text reply", text, sum.ok_or(NdiStreamError::Text)?)?;
    Ok(Some(Span { content: 0..end - 4, is_text: true, whole: end + 1 }))
}
