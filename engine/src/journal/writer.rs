//! The journal of a running session: a queue, a thread, a disk.
//!
//! Whoever records hands a fixed-size record to a bounded queue and never
//! waits. One thread writes; a full queue or a failing disk is counted, shown
//! by [`JournalHandle::health`] and, as soon as it can be, written down.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use crossbeam::queue::ArrayQueue;
use geom::Nanoseconds;

use super::appender::Appender;
use super::error::JournalError;
use super::folder::Lock;
use super::kind::RecordKind;
use super::payload::Payload;
use super::recovery::{TornTail, recover};
use super::scan::Expected;
use super::storage::{FileStorage, Storage};

/// Longest time a record waits for the writer while the disk keeps up.
const ROUND: Duration = Duration::from_millis(10);
/// Rounds between two attempts while the disk refuses.
const RETRY_ROUNDS: u32 = 10;

/// What a written record survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The end of this process: the system has the record within 100 ms.
    #[default]
    Process,
    /// A power cut: the disk has it too. Each round waits for the disk, in the
    /// writer's thread.
    PowerCut,
}

/// How a journal is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalSettings {
    /// A new segment begins when one has grown to this, bytes. Default 64 MiB.
    pub segment_bytes: u64,
    /// Records the queue holds; 2 KiB of memory each. Default 4096, over a
    /// second of eight tools at 250 Hz.
    pub queue_records: usize,
    /// What a written record survives.
    pub durability: Durability,
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, queue_records: 4096, durability: Durability::default() }
    }
}

/// Why records are not reaching the disk now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum JournalFault {
    /// No room is left.
    DiskFull = 1,
    /// The folder or disk cannot be written.
    Unwritable = 2,
    /// The queue ran over: the writer is starved or the disk too slow.
    Overrun = 3,
}

impl fmt::Display for JournalFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DiskFull => "the journal's disk has no room: delete what is not needed",
            Self::Unwritable => "the journal cannot be written: check its folder and disk",
            Self::Overrun => "journal records were lost: the disk is too slow or the computer overloaded",
        })
    }
}

/// How the journal is doing; cheap to ask for in every round of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalHealth {
    /// What is wrong now.
    pub fault: Option<JournalFault>,
    /// Records in the journal, earlier sessions included.
    pub records: u64,
    /// Records lost in this session.
    pub lost: u64,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    kind: RecordKind,
    time: Nanoseconds,
    payload: Payload,
}

#[derive(Debug)]
struct Shared {
    queue: ArrayQueue<Frame>,
    dropped: AtomicU64,
    lost_on_disk: AtomicU64,
    records: AtomicU64,
    fault: AtomicU8,
    is_stopping: AtomicBool,
}

/// Hands records over; clones write to the same journal.
#[derive(Debug, Clone)]
pub struct JournalHandle {
    shared: Arc<Shared>,
    writer: Thread,
}

impl JournalHandle {
    /// Hands over a record. Returns false when the queue was full and the
    /// record is lost. Never waits or allocates; about 0.1 microseconds.
    pub fn record(&self, kind: RecordKind, time: Nanoseconds, payload: &Payload) -> bool {
        let is_taken = self.shared.queue.push(Frame { kind, time, payload: *payload }).is_ok();
        if !is_taken {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
        if kind.is_urgent() {
            self.writer.unpark();
        }
        is_taken
    }

    /// How the journal is doing.
    #[must_use]
    pub fn health(&self) -> JournalHealth {
        let fault = match self.shared.fault.load(Ordering::Relaxed) {
            1 => Some(JournalFault::DiskFull),
            2 => Some(JournalFault::Unwritable),
            3 => Some(JournalFault::Overrun),
            _ => None,
        };
        let lost = self.shared.dropped.load(Ordering::Relaxed) + self.shared.lost_on_disk.load(Ordering::Relaxed);
        JournalHealth { fault, records: self.shared.records.load(Ordering::Relaxed), lost }
    }
}

/// A journal being written. Dropping it writes what is left and ends it.
#[derive(Debug)]
pub struct Journal {
    handle: JournalHandle,
    thread: Option<JoinHandle<()>>,
    torn: Option<TornTail>,
    // Released last, after the thread has ended.
    _lock: Option<Lock>,
}

impl Journal {
    /// Opens the journal in `folder` for a new session, making the folder when
    /// it is not there, and writes `start`, the content of the session's first
    /// record, before it returns.
    ///
    /// A torn tail of an earlier session is cut off and recorded. A journal
    /// that is damaged is not touched: give another folder.
    ///
    /// # Errors
    /// [`JournalError`]: locked by another session, damaged, or not writable.
    pub fn open(
        folder: &Path,
        time: Nanoseconds,
        start: &Payload,
        settings: &JournalSettings,
    ) -> Result<Self, JournalError> {
        Self::open_through(folder, time, start, settings, |storage| storage)
    }

    /// [`Self::open`] with something between the journal and its files, which
    /// fails on purpose.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_through<S: Storage + 'static>(
        folder: &Path,
        time: Nanoseconds,
        start: &Payload,
        settings: &JournalSettings,
        wrap: impl FnOnce(FileStorage) -> S,
    ) -> Result<Self, JournalError> {
        std::fs::create_dir_all(folder).map_err(JournalError::io(folder, "make the folder"))?;
        let lock = Lock::take(folder)?;
        let tail = recover(folder)?;
        let mut appender = Appender::new(wrap(tail.storage), settings.segment_bytes, tail.expected, tail.written);
        if let Some(torn) = tail.torn {
            let mut content = Payload::default();
            content.u32(torn.segment).u64(torn.offset).u64(torn.bytes);
            appender.append(RecordKind::Recovered, time, content.as_slice());
        }
        appender.append(RecordKind::SessionStart, time, start.as_slice());
        appender.flush().map_err(JournalError::io(folder, "write the journal"))?;
        let mut journal =
            Self::spawn(appender, settings).map_err(JournalError::io(folder, "start the journal's thread"))?;
        (journal.torn, journal._lock) = (tail.torn, Some(lock));
        Ok(journal)
    }

    /// A new journal on a given disk, for disks that fail on purpose.
    ///
    /// # Errors
    /// The system refused a thread.
    pub fn on_storage(
        storage: Box<dyn Storage>,
        time: Nanoseconds,
        start: &Payload,
        settings: &JournalSettings,
    ) -> io::Result<Self> {
        let mut appender = Appender::new(storage, settings.segment_bytes, Expected::default(), 0);
        appender.append(RecordKind::SessionStart, time, start.as_slice());
        Self::spawn(appender, settings)
    }

    fn spawn<S: Storage + 'static>(appender: Appender<S>, settings: &JournalSettings) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: ArrayQueue::new(settings.queue_records.max(1)),
            dropped: AtomicU64::new(0),
            lost_on_disk: AtomicU64::new(0),
            records: AtomicU64::new(appender.records()),
            fault: AtomicU8::new(0),
            is_stopping: AtomicBool::new(false),
        });
        let (for_thread, durability) = (shared.clone(), settings.durability);
        let thread =
            thread::Builder::new().name("journal".into()).spawn(move || write(&for_thread, appender, durability))?;
        let handle = JournalHandle { shared, writer: thread.thread().clone() };
        Ok(Self { handle, thread: Some(thread), torn: None, _lock: None })
    }

    /// For those who record.
    #[must_use]
    pub fn handle(&self) -> JournalHandle {
        self.handle.clone()
    }

    /// What was cut off when the journal was opened.
    #[must_use]
    pub const fn torn(&self) -> Option<TornTail> {
        self.torn
    }

    /// Writes what is left and the end of the session; returns how it went.
    #[must_use]
    pub fn finish(mut self) -> JournalHealth {
        self.stop();
        self.handle.health()
    }

    fn stop(&mut self) {
        self.handle.shared.is_stopping.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A writer that panicked has nothing more to say.
            thread.join().ok();
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The writer's thread.
fn write<S: Storage>(shared: &Shared, mut appender: Appender<S>, durability: Durability) {
    let (mut reported, mut rounds_to_wait) = (0, 0u32);
    loop {
        let is_stopping = shared.is_stopping.load(Ordering::Acquire);
        // At most one queue a round, so that every round ends with a flush.
        for _ in 0..shared.queue.capacity() {
            let Some(frame) = shared.queue.pop() else { break };
            appender.append(frame.kind, frame.time, frame.payload.as_slice());
        }
        let dropped = shared.dropped.load(Ordering::Relaxed);
        if dropped > reported {
            appender.append_lost(dropped - reported);
        }
        if is_stopping && shared.queue.is_empty() {
            appender.append(RecordKind::SessionEnd, appender.last_time(), &[]);
        }
        rounds_to_wait = rounds_to_wait.saturating_sub(1);
        if rounds_to_wait == 0 || is_stopping {
            let outcome = flush(&mut appender, durability);
            rounds_to_wait = if outcome.is_err() { RETRY_ROUNDS } else { 0 };
            let fault = match &outcome {
                Ok(()) if dropped > reported => JournalFault::Overrun as u8,
                Ok(()) => 0,
                Err(error) => fault_of(error) as u8,
            };
            shared.fault.store(fault, Ordering::Relaxed);
        }
        reported = dropped;
        shared.records.store(appender.records(), Ordering::Relaxed);
        shared.lost_on_disk.store(appender.lost_ever(), Ordering::Relaxed);
        if is_stopping && shared.queue.is_empty() {
            return;
        }
        thread::park_timeout(ROUND);
    }
}

fn flush<S: Storage>(appender: &mut Appender<S>, durability: Durability) -> io::Result<()> {
    let is_anything_new = appender.flush()?;
    if is_anything_new && durability == Durability::PowerCut { appender.sync() } else { Ok(()) }
}

fn fault_of(error: &io::Error) -> JournalFault {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            JournalFault::DiskFull
        }
        _ => JournalFault::Unwritable,
    }
}
