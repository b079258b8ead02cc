//! A tracker written down without guidance: no case, no registration, no
//! picture. What was recorded plays as a tracker.
//!
//! Called by `spinenav record`. Promises an end: by time, by size, when the
//! recording that is played is over, or when the disk fails for too long. A
//! failing disk costs nothing for seconds, and what it costs then is counted.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use geom::Nanoseconds;

use super::folder;
use super::recorder::Recorder;
use super::writer::{Journal, JournalFault, JournalHealth};
use crate::clock::{Clock, MILLISECOND_NS};
use crate::track::Source;

/// Time between two looks at size and disk.
const LOOK_NS: u64 = 250 * MILLISECOND_NS;
/// Longest sleep between two polls.
const LONGEST_SLEEP_NS: u64 = 20 * MILLISECOND_NS;

/// When a recording ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecordingLimits {
    /// After this time; 0 goes on.
    pub duration: Nanoseconds,
    /// When this recording has written so many bytes, told within 250 ms.
    pub bytes: u64,
    /// When the disk has failed for so long.
    pub disk_patience: Nanoseconds,
}

impl Default for RecordingLimits {
    /// No end in time, 4 GiB (a day and a half of one tool at 60 Hz), 10 s.
    fn default() -> Self {
        let disk_patience = Nanoseconds(10_000 * MILLISECOND_NS);
        Self { duration: Nanoseconds(0), bytes: 4 << 30, disk_patience }
    }
}

/// How far a recording is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RecordingProgress {
    /// Since it began.
    pub elapsed: Nanoseconds,
    /// Packets taken in.
    pub packets: u64,
    /// Bytes of the journal on the disk, those of this recording.
    pub bytes: u64,
    /// What is wrong with the journal now.
    pub fault: Option<JournalFault>,
}

/// Why a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordingEnd {
    /// The time is over.
    Duration,
    /// It has grown to its limit.
    Size,
    /// The recording that was played is over.
    SourceOver,
    /// The disk failed for too long.
    Disk(JournalFault),
    /// The watcher asked for it.
    Asked,
}

/// What was recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackerRecording {
    /// How far it came.
    pub progress: RecordingProgress,
    /// Why it ended.
    pub end: RecordingEnd,
    /// The journal at its end.
    pub health: JournalHealth,
}

/// Looks on.
pub trait RecordingWatcher {
    /// Told four times a second; false ends the recording.
    fn progress(&mut self, progress: &RecordingProgress) -> bool;

    /// Nothing comes for so long; a test lets its clock run instead.
    fn idle(&mut self, wait: Duration) {
        thread::sleep(wait);
    }
}

/// Records all packets of `source` until a limit is reached.
///
/// * `journal` - opened in `folder`, with [`NO_CASE`](super::NO_CASE) as the
///   case; finished here.
pub fn record_tracker(
    source: &mut dyn Source,
    (journal, folder): (Journal, &Path),
    limits: &RecordingLimits,
    clock: &dyn Clock,
    watcher: &mut dyn RecordingWatcher,
) -> TrackerRecording {
    let recorder = Recorder::new(journal.handle());
    let mut run = Run { folder: folder.into(), began: clock.now(), before: folder::bytes(folder), ..Run::default() };
    recorder.note(&format!("recording of {}", source.description()), run.began);
    let end = loop {
        let now = clock.now();
        if let Some(packet) = source.poll(now) {
            recorder.packet(&packet, now);
            run.progress.packets += 1;
        } else {
            let due = source.next_due();
            if due.0 == u64::MAX {
                break RecordingEnd::SourceOver;
            }
            // A source that waits in its poll is due at once.
            let wait = due.0.saturating_sub(now.0).min(LONGEST_SLEEP_NS);
            if wait > 0 {
                watcher.idle(Duration::from_nanos(wait));
            }
        }
        if now >= run.next_look
            && let Some(end) = run.look(now, recorder.health(), limits, watcher)
        {
            break end;
        }
    };
    drop(recorder);
    let health = journal.finish();
    run.progress.bytes = folder::bytes(folder).saturating_sub(run.before);
    TrackerRecording { progress: run.progress, end, health }
}

#[derive(Debug, Default)]
struct Run {
    folder: PathBuf,
    began: Nanoseconds,
    /// Bytes of earlier sessions in the same folder.
    before: u64,
    next_look: Nanoseconds,
    failing_since: Option<Nanoseconds>,
    progress: RecordingProgress,
}

impl Run {
    fn look(
        &mut self,
        now: Nanoseconds,
        health: JournalHealth,
        limits: &RecordingLimits,
        watcher: &mut dyn RecordingWatcher,
    ) -> Option<RecordingEnd> {
        self.next_look = Nanoseconds(now.0 + LOOK_NS);
        let elapsed = Nanoseconds(now.0.saturating_sub(self.began.0));
        let bytes = folder::bytes(&self.folder).saturating_sub(self.before);
        self.progress = RecordingProgress { elapsed, bytes, fault: health.fault, ..self.progress };
        self.failing_since = health.fault.map(|_| self.failing_since.unwrap_or(now));
        let failing = self.failing_since.map_or(0, |since| now.0.saturating_sub(since.0));
        match health.fault {
            _ if !watcher.progress(&self.progress) => Some(RecordingEnd::Asked),
            Some(fault) if failing >= limits.disk_patience.0 => Some(RecordingEnd::Disk(fault)),
            _ if limits.duration.0 > 0 && elapsed >= limits.duration => Some(RecordingEnd::Duration),
            _ if bytes >= limits.bytes => Some(RecordingEnd::Size),
            _ => None,
        }
    }
}
