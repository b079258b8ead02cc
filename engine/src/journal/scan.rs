//! One segment, record by record, every check made.

use std::io::Read;
use std::path::{Path, PathBuf};

use geom::Nanoseconds;

use super::error::{Damage, DamageKind, JournalError};
use super::format::{
    CHAIN_START, Chain, RECORD_HEAD_BYTES, RECORD_TAIL_BYTES, RecordHead, SCHEMA, SEGMENT_HEADER_BYTES, SegmentHeader,
    chain_after, checksum,
};
use super::kind::RecordKind;
use super::reader::ReadLimits;

/// A record as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What it is about.
    pub kind: RecordKind,
    /// Its number in the journal, from 0.
    pub sequence: u64,
    /// Time on the session's clock.
    pub time: Nanoseconds,
    /// Its content; [`super::Entry::decode`] reads it.
    pub content: Vec<u8>,
    /// Segment it stands in.
    pub segment: u32,
    /// Where it begins in the segment, bytes.
    pub offset: u64,
}

/// What the next record has to continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected {
    pub segment: u32,
    pub sequence: u64,
    pub chain: Chain,
}

impl Default for Expected {
    fn default() -> Self {
        Self { segment: 1, sequence: 0, chain: CHAIN_START }
    }
}

/// What came next in a segment.
#[derive(Debug)]
pub(super) enum Step {
    Record(Record),
    /// The segment ends after a whole record.
    End,
    /// The segment ends within a record or its header: `offset` is where that
    /// one began.
    Torn {
        offset: u64,
    },
}

/// Reads one segment.
#[derive(Debug)]
pub(super) struct Scan<R> {
    from: R,
    path: PathBuf,
    length: u64,
    offset: u64,
    most_content: u32,
    expected: Expected,
    is_header_read: bool,
}

impl<R: Read> Scan<R> {
    /// `length` is the number of bytes of `from`; `most_content` the largest
    /// content that memory is asked for.
    pub fn new(from: R, path: &Path, length: u64, most_content: u32, expected: Expected) -> Self {
        Self { from, path: path.to_owned(), length, offset: 0, most_content, expected, is_header_read: false }
    }

    /// What a record after the last one read would have to continue.
    pub fn expected(&self) -> Expected {
        self.expected
    }

    /// Where the next record begins, bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    pub fn damage(&self, problem: DamageKind) -> JournalError {
        let (path, sequence) = (self.path.clone(), self.expected.sequence);
        Damage { path, offset: self.offset, sequence, problem }.into()
    }

    fn left(&self) -> u64 {
        self.length.saturating_sub(self.offset)
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), JournalError> {
        self.from.read_exact(buffer).map_err(JournalError::io(&self.path, "read the segment"))
    }

    /// Reads the header; `Torn` when the file ends within it. A continuing
    /// segment must continue `expected`; `first` takes the header's word for
    /// it (a writer that looks at the last segment only).
    pub fn header(&mut self, takes_its_word: bool) -> Result<Step, JournalError> {
        if self.left() < SEGMENT_HEADER_BYTES as u64 {
            return Ok(Step::Torn { offset: 0 });
        }
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        self.fill(&mut bytes)?;
        let Some(header) = SegmentHeader::decode(&bytes) else {
            return Err(self.damage(DamageKind::SegmentHeader));
        };
        if header.schema != SCHEMA {
            return Err(JournalError::Schema { path: self.path.clone(), found: header.schema });
        }
        if header.number != self.expected.segment {
            let (expected, found) = (self.expected.segment, header.number);
            return Err(self.damage(DamageKind::WrongSegment { expected, found }));
        }
        if takes_its_word {
            (self.expected.sequence, self.expected.chain) = (header.first_sequence, header.chain);
        } else if (header.first_sequence, header.chain) != (self.expected.sequence, self.expected.chain) {
            return Err(self.damage(DamageKind::SegmentChain));
        }
        self.offset = SEGMENT_HEADER_BYTES as u64;
        self.is_header_read = true;
        Ok(Step::End)
    }

    /// The next record. Bytes that are all zero are a tail that a power cut
    /// left unwritten.
    pub fn next(&mut self) -> Result<Step, JournalError> {
        if self.left() == 0 {
            return Ok(Step::End);
        }
        if self.left() < RECORD_HEAD_BYTES as u64 {
            return Ok(Step::Torn { offset: self.offset });
        }
        let mut bytes = [0; RECORD_HEAD_BYTES];
        self.fill(&mut bytes)?;
        let Some(head) = RecordHead::decode(&bytes) else {
            let is_unwritten = bytes == [0; RECORD_HEAD_BYTES] && self.is_rest_zero()?;
            let problem = DamageKind::RecordHeader;
            return if is_unwritten { Ok(Step::Torn { offset: self.offset }) } else { Err(self.damage(problem)) };
        };
        if head.sequence != self.expected.sequence {
            return Err(self.damage(DamageKind::Order { found: head.sequence }));
        }
        let Some(kind) = RecordKind::from_number(head.kind) else {
            return Err(self.damage(DamageKind::Kind { found: head.kind }));
        };
        if head.length > self.most_content {
            let (found, limit) = (u64::from(head.length), u64::from(self.most_content));
            return Err(JournalError::Limit { path: self.path.clone(), what: "bytes in one record", found, limit });
        }
        let whole = (RECORD_HEAD_BYTES + RECORD_TAIL_BYTES) as u64 + u64::from(head.length);
        if self.left() < whole {
            return Ok(Step::Torn { offset: self.offset });
        }
        self.rest(&bytes, head, kind, whole).map(Step::Record)
    }

    /// Content and tail of a record whose head is good and which is all there.
    fn rest(
        &mut self,
        bytes: &[u8; RECORD_HEAD_BYTES],
        head: RecordHead,
        kind: RecordKind,
        whole: u64,
    ) -> Result<Record, JournalError> {
        let mut content = vec![0; head.length as usize];
        self.fill(&mut content)?;
        let (mut stored, mut chain) = ([0; 4], CHAIN_START);
        self.fill(&mut stored)?;
        self.fill(&mut chain)?;
        if checksum(bytes, &content) != u32::from_le_bytes(stored) {
            return Err(self.damage(DamageKind::Content));
        }
        if chain_after(&self.expected.chain, bytes, &content) != chain {
            return Err(self.damage(DamageKind::Chain));
        }
        let (segment, offset) = (self.expected.segment, self.offset);
        self.offset += whole;
        self.expected.sequence = head.sequence.wrapping_add(1);
        self.expected.chain = chain;
        Ok(Record { kind, sequence: head.sequence, time: head.time, content, segment, offset })
    }

    fn is_rest_zero(&mut self) -> Result<bool, JournalError> {
        let mut block = [0; 4096];
        loop {
            match self.from.read(&mut block).map_err(JournalError::io(&self.path, "read the segment"))? {
                0 => return Ok(true),
                count if block.iter().take(count).any(|byte| *byte != 0) => return Ok(false),
                _ => {}
            }
        }
    }
}

/// Reads one segment from memory, the first of its journal; gives every record
/// to `each`. Returns whether it ends after a whole record.
///
/// For fuzzing and for looking at single files.
///
/// # Errors
/// [`JournalError`] as [`super::Reader`].
pub fn read_bytes(bytes: &[u8], limits: ReadLimits, each: &mut dyn FnMut(&Record)) -> Result<bool, JournalError> {
    let length = bytes.len() as u64;
    let mut scan = Scan::new(bytes, Path::new("memory"), length, limits.record_bytes, Expected::default());
    if let Step::Torn { .. } = scan.header(false)? {
        return Ok(false);
    }
    loop {
        match scan.next()? {
            Step::Record(record) => each(&record),
            Step::End => return Ok(true),
            Step::Torn { .. } => return Ok(false),
        }
    }
}
