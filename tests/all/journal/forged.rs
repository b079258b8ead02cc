//! One forged journal, and what must hold of it. The stable driver beside this
//! and the cargo-fuzz target share it.

use engine::journal::format::{
    RECORD_HEAD_BYTES, RECORD_TAIL_BYTES, RecordHead, SEGMENT_HEADER_BYTES, SegmentHeader, chain_after, checksum,
};
use engine::journal::{Entry, ReadLimits, read_bytes};
use geom::Nanoseconds;

/// Largest record that is read here.
const RECORD_BYTES: u32 = 4096;

/// How far a journal was read.
#[derive(Default)]
pub struct Outcome {
    /// Records that were understood.
    pub entries: u64,
    /// Whole records whose content was not.
    pub unreadable: u64,
    /// True when reading ended at damage.
    pub is_refused: bool,
}

/// Reads a journal to its end or to the damage in it.
pub fn read_all(bytes: &[u8]) -> Outcome {
    let limits = ReadLimits { record_bytes: RECORD_BYTES, ..ReadLimits::default() };
    let mut outcome = Outcome::default();
    let end = read_bytes(bytes, limits, &mut |record| match Entry::decode(record.kind, &record.content) {
        Ok(entry) => {
            outcome.entries += 1;
            // What was understood can be written again.
            assert_eq!(entry.encode().0, record.kind);
        }
        Err(why) => {
            outcome.unreadable += 1;
            assert!(!why.is_empty());
        }
    });
    if let Err(error) = end {
        outcome.is_refused = true;
        assert!(error.to_string().len() > 40, "{error}");
    }
    outcome
}

/// Makes lengths, checksums, numbers and hashes right again, record by record.
pub fn repair(bytes: &mut [u8]) {
    let Some(head) = bytes.first_chunk_mut::<SEGMENT_HEADER_BYTES>() else { return };
    *head = SegmentHeader { schema: 1, number: 1, first_sequence: 0, chain: [0; 32] }.encode();
    let (mut at, mut chain) = (SEGMENT_HEADER_BYTES, [0; 32]);
    for sequence in 0.. {
        let Some(rest) = bytes.get_mut(at..) else { return };
        let Some((raw, rest)) = rest.split_first_chunk_mut::<RECORD_HEAD_BYTES>() else { return };
        let field = |range: std::ops::Range<usize>| raw[range].iter().rev().fold(0u64, |n, b| n << 8 | u64::from(*b));
        let length = (field(0..4) as usize).min(rest.len().saturating_sub(RECORD_TAIL_BYTES));
        let kind = (field(4..6) % 12) as u16;
        *raw = RecordHead { length: length as u32, kind, sequence, time: Nanoseconds(field(16..24)) }.encode();
        if rest.len() < length + RECORD_TAIL_BYTES {
            return;
        }
        let (content, tail) = rest.split_at_mut(length);
        chain = chain_after(&chain, raw, content);
        tail[..4].copy_from_slice(&checksum(raw, content).to_le_bytes());
        tail[4..36].copy_from_slice(&chain);
        at += RECORD_HEAD_BYTES + length + RECORD_TAIL_BYTES;
    }
}
