//! A journal read from its first record to its last.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::entry::Entry;
use super::error::{Damage, DamageKind, JournalError};
use super::folder::{segment_path, segments};
use super::format::Chain;
use super::kind::RecordKind;
use super::payload::PAYLOAD_BYTES;
use super::scan::{Expected, Record, Scan, Step};

/// How much a journal may ask of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Largest content of one record, bytes. Default 64 KiB; this schema
    /// writes 2 KiB at most.
    pub record_bytes: u32,
    /// Most segments. Default 100 000.
    pub segments: usize,
    /// Largest segment, bytes. Default 4 GiB. A segment is read in small
    /// pieces, whatever its size.
    pub segment_bytes: u64,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self { record_bytes: (32 * PAYLOAD_BYTES) as u32, segments: 100_000, segment_bytes: 4 << 30 }
    }
}

/// How a journal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The last session ended in order.
    Closed,
    /// All records are whole, but the last session did not end: it is still
    /// running or was killed.
    Open,
    /// The last record was not written whole: the session was killed or the
    /// power failed. A writer that opens the journal cuts it off.
    Torn {
        /// Segment it stands in.
        segment: u32,
        /// Where the torn record begins, bytes.
        offset: u64,
    },
}

/// Iterates over the records of a journal, checking each one.
///
/// Stops at the first error; nothing is skipped. Memory is that of one record.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    limits: ReadLimits,
    count: u32,
    scan: Option<Scan<BufReader<File>>>,
    expected: Expected,
    last_kind: Option<RecordKind>,
    end: Option<End>,
    is_failed: bool,
}

impl Reader {
    /// Opens the journal in `folder`. Reads no record yet.
    ///
    /// # Errors
    /// [`JournalError`] when the folder cannot be listed, holds no segment or
    /// misses one.
    pub fn open(folder: &Path, limits: ReadLimits) -> Result<Self, JournalError> {
        let count = segments(folder, limits.segments)?;
        if count == 0 {
            return Err(JournalError::Empty { path: folder.to_owned() });
        }
        let (folder, expected) = (folder.to_owned(), Expected::default());
        Ok(Self { folder, limits, count, scan: None, expected, last_kind: None, end: None, is_failed: false })
    }

    /// How the journal ends; `None` before all of it was read.
    #[must_use]
    pub const fn end(&self) -> Option<End> {
        self.end
    }

    /// The hash over everything read so far.
    #[must_use]
    pub const fn hash(&self) -> Chain {
        self.expected.chain
    }

    /// The meaning of a record's content.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] when the content is not what its kind says:
    /// another program wrote it.
    pub fn entry(&self, record: &Record) -> Result<Entry, JournalError> {
        Entry::decode(record.kind, &record.content).map_err(|why| {
            let path = segment_path(&self.folder, record.segment);
            let problem = DamageKind::Layout(why);
            Damage { path, offset: record.offset, sequence: record.sequence, problem }.into()
        })
    }

    fn open_segment(&self) -> Result<Scan<BufReader<File>>, JournalError> {
        let path = segment_path(&self.folder, self.expected.segment);
        let file = File::open(&path).map_err(JournalError::io(&path, "open the segment"))?;
        let length = file.metadata().map_err(JournalError::io(&path, "read the segment's size"))?.len();
        if length > self.limits.segment_bytes {
            let limit = self.limits.segment_bytes;
            return Err(JournalError::Limit { path, what: "bytes in one segment", found: length, limit });
        }
        // Not more than is there now: a session may still be appending.
        Ok(Scan::new(BufReader::new(file), &path, length, self.limits.record_bytes, self.expected))
    }

    fn advance(&mut self) -> Result<Option<Record>, JournalError> {
        while self.end.is_none() {
            let mut scan = match self.scan.take() {
                Some(scan) => scan,
                None => {
                    let mut scan = self.open_segment()?;
                    if let Step::Torn { offset } = scan.header(false)? {
                        self.torn(&scan, offset)?;
                        continue;
                    }
                    scan
                }
            };
            match scan.next()? {
                Step::Record(record) => {
                    self.expected = scan.expected();
                    self.last_kind = Some(record.kind);
                    self.scan = Some(scan);
                    return Ok(Some(record));
                }
                Step::Torn { offset } => self.torn(&scan, offset)?,
                Step::End if self.expected.segment < self.count => self.expected.segment += 1,
                Step::End => {
                    let is_closed = self.last_kind == Some(RecordKind::SessionEnd);
                    self.end = Some(if is_closed { End::Closed } else { End::Open });
                }
            }
        }
        Ok(None)
    }

    fn torn(&mut self, scan: &Scan<BufReader<File>>, offset: u64) -> Result<(), JournalError> {
        if self.expected.segment < self.count {
            return Err(scan.damage(DamageKind::CutOff));
        }
        self.end = Some(End::Torn { segment: self.expected.segment, offset });
        Ok(())
    }
}

impl Iterator for Reader {
    type Item = Result<Record, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_failed {
            return None;
        }
        let step = self.advance();
        self.is_failed = step.is_err();
        step.transpose()
    }
}
