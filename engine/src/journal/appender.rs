//! Records onto the disk, in order, through failures of the disk.
//!
//! Records are encoded into a buffer and written by [`Appender::flush`]. When
//! the disk refuses, the buffer is kept and tried again; records that no
//! longer fit into it are counted and a `Lost` record says so later. The chain
//! on the disk is whole at every moment, except for a torn tail.

use std::io;

use geom::Nanoseconds;

use super::format::{SCHEMA, SEGMENT_HEADER_BYTES, SegmentHeader, write_record};
use super::kind::RecordKind;
use super::payload::Payload;
use super::scan::Expected;
use super::storage::Storage;

/// Bytes kept while the disk refuses: seconds of a session.
const MAX_PENDING_BYTES: usize = 4 << 20;

/// Why records were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum LossCause {
    /// The hand-over queue was full: the writer was starved.
    QueueFull = 1,
    /// The disk refused for too long.
    Disk = 2,
}

/// Writes the records of one journal; used by the writer thread only.
pub(super) struct Appender<S> {
    storage: S,
    segment_bytes: u64,
    /// What the next record continues.
    expected: Expected,
    /// Bytes of the current segment that are known to be written whole.
    written: u64,
    pending: Vec<u8>,
    /// Whether `pending` belongs to a segment that does not exist yet.
    is_rolling: bool,
    /// Whether an unknown part of `pending` may lie behind `written`.
    is_dirty: bool,
    /// Whether the last flush failed.
    is_failing: bool,
    /// Lost since the last `Lost` record, and in all.
    lost: u64,
    lost_ever: u64,
    last_time: Nanoseconds,
}

impl<S: Storage> Appender<S> {
    /// Continues after `written` bytes of segment `expected.segment`; with 0
    /// bytes that segment is yet to be created.
    pub fn new(storage: S, segment_bytes: u64, expected: Expected, written: u64) -> Self {
        Self {
            storage,
            segment_bytes,
            expected,
            written,
            pending: Vec::with_capacity(1 << 16),
            is_rolling: written == 0,
            is_dirty: false,
            is_failing: false,
            lost: 0,
            lost_ever: 0,
            last_time: Nanoseconds(0),
        }
    }

    /// Takes in a record; it reaches the disk with the next [`Self::flush`].
    pub fn append(&mut self, kind: RecordKind, time: Nanoseconds, content: &[u8]) {
        self.last_time = time;
        if self.pending.len() >= MAX_PENDING_BYTES {
            self.lost += 1;
            self.lost_ever += 1;
            return;
        }
        if self.lost > 0 {
            let count = std::mem::take(&mut self.lost);
            self.encode(RecordKind::Lost, time, lost(count, LossCause::Disk).as_slice());
        }
        self.encode(kind, time, content);
    }

    /// Notes that the queue before this appender lost records.
    pub fn append_lost(&mut self, count: u64) {
        let content = lost(count, LossCause::QueueFull);
        self.append(RecordKind::Lost, self.last_time, content.as_slice());
    }

    fn encode(&mut self, kind: RecordKind, time: Nanoseconds, content: &[u8]) {
        let size = self.written + self.pending.len() as u64;
        // A segment that cannot be finished now grows beyond its size.
        if size >= self.segment_bytes && !self.is_failing && self.flush().is_ok() {
            self.expected.segment += 1;
            self.is_rolling = true;
            self.written = 0;
            // The header continues what was written up to here.
            self.pending.extend_from_slice(&self.header());
        } else if self.is_rolling && self.pending.is_empty() {
            self.pending.extend_from_slice(&self.header());
        }
        self.expected.chain =
            write_record(&mut self.pending, &self.expected.chain, (kind, self.expected.sequence, time), content);
        self.expected.sequence += 1;
    }

    fn header(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let (number, first_sequence, chain) = (self.expected.segment, self.expected.sequence, self.expected.chain);
        SegmentHeader { schema: SCHEMA, number, first_sequence, chain }.encode()
    }

    /// Hands all records to the system: they survive the end of this process.
    /// Returns whether there were any.
    ///
    /// # Errors
    /// What the system says; the records are kept for the next attempt.
    pub fn flush(&mut self) -> io::Result<bool> {
        if self.pending.is_empty() {
            return Ok(false);
        }
        self.is_failing = true;
        if self.is_rolling {
            // Header and first records in one go: a segment without records
            // is left only by a crash.
            self.storage.create_segment(self.expected.segment, &self.pending)?;
        } else {
            if self.is_dirty {
                self.storage.truncate(self.written)?;
            }
            self.is_dirty = true;
            self.storage.append(&self.pending)?;
        }
        (self.is_dirty, self.is_rolling, self.is_failing) = (false, false, false);
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(true)
    }

    /// Waits for the disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&mut self) -> io::Result<()> {
        if self.is_rolling { Ok(()) } else { self.storage.sync() }
    }

    /// Records accepted so far, in all sessions of the journal.
    pub const fn records(&self) -> u64 {
        self.expected.sequence
    }

    /// Records lost to the disk in this session.
    pub const fn lost_ever(&self) -> u64 {
        self.lost_ever
    }

    /// Time of the last record.
    pub const fn last_time(&self) -> Nanoseconds {
        self.last_time
    }
}

fn lost(count: u64, cause: LossCause) -> Payload {
    let mut payload = Payload::default();
    payload.u64(count).u8(cause as u8);
    payload
}
