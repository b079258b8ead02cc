//! Cuts a byte stream into messages, whatever pieces it arrives in.

use std::io::Read;

use super::crc64;
use super::error::{Refusal, StreamError};
use super::header::{HEADER_BYTES, Header, Metadata};
use super::kind::Limits;
use super::messages::Message;

/// Room offered to one read.
const CHUNK: usize = 64 << 10;

/// Memory kept after a large message has been handled.
const KEPT: usize = 1 << 20;

/// One whole message with its checksum verified, content not yet looked at.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Its header.
    pub header: Header,
    /// Everything after the header.
    pub body: &'a [u8],
}

/// Message, its number (header 2 and later, else 0) and what came with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decoded<'a> {
    /// The content.
    pub message: Message<'a>,
    /// Number the sender gave the message.
    pub id: u32,
    /// Keys and values the sender added.
    pub metadata: Metadata<'a>,
}

impl<'a> Frame<'a> {
    /// The content. No allocation.
    ///
    /// # Errors
    /// [`Refusal`] when the body contradicts itself; the stream is still good.
    pub fn decode(&self) -> Result<Decoded<'a>, Refusal> {
        let (id, content, metadata) = if self.header.version.is_extended() {
            Metadata::split(self.body)?
        } else {
            (0, self.body, Metadata::default())
        };
        let kind = self.header.kind();
        let message = Message::decode(kind, content)
            .unwrap_or(Err(Refusal::Content { kind: kind.name(), what: "the type is not understood" }))?;
        Ok(Decoded { message, id, metadata })
    }
}

/// A message that is skipped by its size, its checksum followed on the way.
#[derive(Debug, Clone, Copy)]
struct Skip {
    header: Header,
    remaining: u64,
    crc: u64,
}

/// Incremental framer. Bytes go in through [`Decoder::read_from`] or
/// [`Decoder::push`], messages come out of [`Decoder::next_frame`].
///
/// Memory: grows only as bytes arrive, never beyond the cap of the message in
/// hand plus one chunk, and no more than 64 KiB for poses. After an error the
/// decoder stays broken: the caller drops the connection.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    skip: Option<Skip>,
    skipped: u64,
    broken: Option<StreamError>,
}

impl Decoder {
    /// A decoder at the beginning of a stream.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let buffer = vec![0; CHUNK];
        Self { limits, buffer, start: 0, end: 0, skip: None, skipped: 0, broken: None }
    }

    /// Bytes of memory held now.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.buffer.capacity()
    }

    /// Messages skipped by their size so far.
    #[must_use]
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Reads once from `source`; 0 means that the peer closed the connection.
    ///
    /// # Errors
    /// The source's.
    pub fn read_from(&mut self, source: &mut impl Read) -> std::io::Result<usize> {
        let count = source.read(self.space())?;
        self.end = (self.end + count).min(self.buffer.len());
        Ok(count)
    }

    /// Takes bytes from memory and returns how many; fewer than given when the
    /// messages inside must be fetched first.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        // Reading from a slice does not fail.
        self.read_from(&mut rest).unwrap_or(0)
    }

    /// The next whole message that is wanted, or `None` until more bytes come.
    ///
    /// # Errors
    /// [`StreamError`], now and from then on.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, StreamError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        match self.advance() {
            Ok(None) => Ok(None),
            Ok(Some((header, from, to))) => Ok(Some(Frame { header, body: self.buffer.get(from..to).unwrap_or(&[]) })),
            Err(error) => {
                self.broken = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Header and place of the next message in the buffer.
    fn advance(&mut self) -> Result<Option<(Header, usize, usize)>, StreamError> {
        loop {
            if self.skip.is_some() && !self.skip_some()? {
                return Ok(None);
            }
            let Some(header) = self.peek_header()? else { return Ok(None) };
            let cap = self.cap(&header);
            if header.body_bytes > cap.unwrap_or(self.limits.skipped) {
                let (declared, cap) = (header.body_bytes, cap.unwrap_or(self.limits.skipped));
                return Err(StreamError::TooLarge { kind: header.type_name, declared, cap });
            }
            if cap.is_none() {
                self.start += HEADER_BYTES;
                self.skip = Some(Skip { header, remaining: header.body_bytes, crc: 0 });
                continue;
            }
            let from = self.start + HEADER_BYTES;
            // Caps fit in memory, so the sum does not overflow.
            let to = from + header.body_bytes as usize;
            if to > self.end {
                return Ok(None);
            }
            check(&header, crc64::update(0, self.buffer.get(from..to).unwrap_or(&[])))?;
            self.start = to;
            return Ok(Some((header, from, to)));
        }
    }

    fn peek_header(&self) -> Result<Option<Header>, StreamError> {
        let waiting = self.buffer.get(self.start..self.end).unwrap_or(&[]);
        waiting.first_chunk::<HEADER_BYTES>().map(Header::decode).transpose()
    }

    /// Largest body that is kept, or `None` when the message is skipped.
    fn cap(&self, header: &Header) -> Option<u64> {
        let content = self.limits.content(header.kind());
        let extra = if header.version.is_extended() { self.limits.metadata } else { 0 };
        (content > 0).then_some(content + extra)
    }

    /// True once the message is skipped whole.
    fn skip_some(&mut self) -> Result<bool, StreamError> {
        let Some(skip) = &mut self.skip else { return Ok(true) };
        let waiting = self.buffer.get(self.start..self.end).unwrap_or(&[]);
        let count = waiting.len().min(usize::try_from(skip.remaining).unwrap_or(usize::MAX));
        skip.crc = crc64::update(skip.crc, waiting.get(..count).unwrap_or(&[]));
        skip.remaining -= count as u64;
        self.start += count;
        if skip.remaining > 0 {
            return Ok(false);
        }
        check(&skip.header, skip.crc)?;
        self.skip = None;
        self.skipped += 1;
        Ok(true)
    }

    /// Free room for the next read: what is used up is given back first.
    fn space(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == 0 && self.buffer.len() > KEPT {
            self.buffer.truncate(CHUNK);
            self.buffer.shrink_to_fit();
        }
        if self.buffer.len() - self.end < CHUNK / 2 && self.broken.is_none() {
            let wanted = match self.peek_header() {
                Ok(Some(header)) if self.skip.is_none() => HEADER_BYTES + self.kept_body(&header),
                _ => 0,
            };
            // Doubling at most: a false claim costs only what was really sent.
            let grown = wanted.saturating_add(CHUNK).min(self.buffer.len() * 2).max(self.buffer.len());
            if wanted > self.buffer.len() {
                self.buffer.resize(grown, 0);
            }
        }
        self.buffer.get_mut(self.end..).unwrap_or(&mut [])
    }

    fn kept_body(&self, header: &Header) -> usize {
        let cap = self.cap(header).unwrap_or(0);
        if header.body_bytes > cap { 0 } else { usize::try_from(header.body_bytes).unwrap_or(0) }
    }
}

fn check(header: &Header, computed: u64) -> Result<(), StreamError> {
    if computed == header.checksum {
        return Ok(());
    }
    Err(StreamError::Checksum { kind: header.type_name, declared: header.checksum, computed })
}
