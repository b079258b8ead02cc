//! How a journal lies on the disk. `docs/journal.md` has the tables.
//!
//! A journal is a folder of segments. A segment is a header and records; a
//! record is a head with its own checksum, the content, a checksum of both
//! and the hash that chains it to everything before it. The head's own
//! checksum makes a flipped length different from a torn tail.

use geom::Nanoseconds;
use sha2::{Digest, Sha256};

use super::kind::RecordKind;

/// Version of the layout.
pub const SCHEMA: u32 = 1;
/// First bytes of every segment.
pub const MAGIC: [u8; 8] = *b"SPNJRNL\n";
/// Bytes of a segment's header.
pub const SEGMENT_HEADER_BYTES: usize = 64;
/// Bytes of a record before its content.
pub const RECORD_HEAD_BYTES: usize = 28;
/// Bytes of a record after its content: checksum and chain.
pub const RECORD_TAIL_BYTES: usize = 36;

/// SHA-256 over everything up to and including a record.
pub type Chain = [u8; 32];

/// The chain before the first record of a journal.
pub const CHAIN_START: Chain = [0; 32];

/// Header of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Layout of the file.
    pub schema: u32,
    /// Number of the segment, from 1.
    pub number: u32,
    /// Sequence number of its first record.
    pub first_sequence: u64,
    /// Chain of the record before it.
    pub chain: Chain,
}

impl SegmentHeader {
    /// The bytes in the file.
    #[must_use]
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&self.schema.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first_sequence.to_le_bytes());
        // 24..28 is reserved and zero.
        bytes[28..60].copy_from_slice(&self.chain);
        let checksum = crc32c::crc32c(&bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// From the bytes in the file; `None` when magic or checksum is wrong.
    #[must_use]
    pub fn decode(bytes: &[u8; SEGMENT_HEADER_BYTES]) -> Option<Self> {
        let (body, checksum) = bytes.split_last_chunk::<4>()?;
        if body.get(..8)? != MAGIC || crc32c::crc32c(body) != u32::from_le_bytes(*checksum) {
            return None;
        }
        Some(Self {
            schema: u32::from_le_bytes(array(body, 8)?),
            number: u32::from_le_bytes(array(body, 12)?),
            first_sequence: u64::from_le_bytes(array(body, 16)?),
            chain: array(body, 28)?,
        })
    }
}

/// Head of a record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecordHead {
    /// Bytes of the content.
    pub length: u32,
    /// Number of its kind.
    pub kind: u16,
    /// Sequence number, growing by one through all segments.
    pub sequence: u64,
    /// Time on the session's clock.
    pub time: Nanoseconds,
}

impl RecordHead {
    /// The bytes in the file.
    #[must_use]
    pub fn encode(&self) -> [u8; RECORD_HEAD_BYTES] {
        let mut bytes = [0; RECORD_HEAD_BYTES];
        bytes[..4].copy_from_slice(&self.length.to_le_bytes());
        bytes[4..6].copy_from_slice(&self.kind.to_le_bytes());
        // 6..8 is reserved and zero.
        bytes[8..16].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.time.0.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..24]);
        bytes[24..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// From the bytes in the file; `None` when the checksum is wrong.
    #[must_use]
    pub fn decode(bytes: &[u8; RECORD_HEAD_BYTES]) -> Option<Self> {
        let (body, checksum) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*checksum) {
            return None;
        }
        Some(Self {
            length: u32::from_le_bytes(array(body, 0)?),
            kind: u16::from_le_bytes(array(body, 4)?),
            sequence: u64::from_le_bytes(array(body, 8)?),
            time: Nanoseconds(u64::from_le_bytes(array(body, 16)?)),
        })
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Checksum of a whole record: head and content.
#[must_use]
pub fn checksum(head: &[u8; RECORD_HEAD_BYTES], content: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(head), content)
}

/// The chain after a record: SHA-256 of the chain before it, its head and its
/// content.
#[must_use]
pub fn chain_after(before: &Chain, head: &[u8; RECORD_HEAD_BYTES], content: &[u8]) -> Chain {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(head);
    hash.update(content);
    hash.finalize().into()
}

/// Appends a record to `to`; returns the chain after it.
pub fn write_record(
    to: &mut Vec<u8>,
    before: &Chain,
    (kind, sequence, time): (RecordKind, u64, Nanoseconds),
    content: &[u8],
) -> Chain {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let head = RecordHead { length, kind: kind.number(), sequence, time }.encode();
    let chain = chain_after(before, &head, content);
    to.extend_from_slice(&head);
    to.extend_from_slice(content);
    to.extend_from_slice(&checksum(&head, content).to_le_bytes());
    to.extend_from_slice(&chain);
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_castagnoli() {
        // RFC 3720, B.4: 32 bytes of zeros.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
    }

    #[test]
    fn headers_survive_the_disk() {
        let header = SegmentHeader { schema: SCHEMA, number: 7, first_sequence: 99, chain: [5; 32] };
        assert_eq!(SegmentHeader::decode(&header.encode()), Some(header));
        let head = RecordHead { length: 3, kind: 2, sequence: u64::MAX, time: Nanoseconds(1) };
        assert_eq!(RecordHead::decode(&head.encode()), Some(head));
    }
}
