//! A tracker is recorded, ends where it should, and plays again.

use std::time::Duration;

use super::*;
use crate::clock::{MILLISECOND_NS, VirtualClock};
use crate::fault::phantom::{PhantomTracker, tools};
use crate::fault::{DiskSwitch, FailingDisk, Kind};
use crate::rt::{LoopSettings, TrackerErrors};
use crate::track::{Source, ToolList};

/// A clock that runs while the recording waits, and a disk that is full from
/// some time on.
struct World {
    clock: VirtualClock,
    disk: DiskSwitch,
    full_from_ms: u64,
    stop_at_ms: u64,
    faults: Vec<JournalFault>,
}

impl RecordingWatcher for World {
    fn progress(&mut self, progress: &RecordingProgress) -> bool {
        self.faults.extend(progress.fault);
        let ms = progress.elapsed.0 / MILLISECOND_NS;
        if ms >= self.full_from_ms {
            self.disk.set(Some(Kind::DiskFull));
        }
        // The writer lives in real time; it has to get its turn.
        std::thread::sleep(Duration::from_millis(30));
        ms < self.stop_at_ms
    }

    fn idle(&mut self, wait: Duration) {
        self.clock.advance(Nanoseconds(wait.as_nanos() as u64));
    }
}

fn world() -> World {
    let (clock, disk) = (VirtualClock::default(), DiskSwitch::default());
    World { clock, disk, full_from_ms: u64::MAX, stop_at_ms: u64::MAX, faults: Vec::new() }
}

fn record(folder: &Folder, world: &mut World, limits: &RecordingLimits) -> TrackerRecording {
    let list = ToolList::from_slice(&tools()).unwrap();
    let start = SessionStart::new(NO_CASE, &LoopSettings::default(), TrackerErrors::default(), list).payload();
    let settings = JournalSettings { queue_records: 16_384, ..JournalSettings::default() };
    let switch = world.disk.clone();
    let wrap = |files| FailingDisk::new(files, switch);
    let journal = Journal::open_through(&folder.0, Nanoseconds(0), &start, &settings, wrap).unwrap();
    let clock = world.clock.clone();
    record_tracker(&mut PhantomTracker::new(1), (journal, &folder.0), limits, &clock, world)
}

#[test]
fn a_tracker_is_recorded_for_its_time_and_plays_again() {
    let folder = Folder::new();
    let limits = RecordingLimits { duration: Nanoseconds(2000 * MILLISECOND_NS), ..RecordingLimits::default() };
    let found = record(&folder, &mut world(), &limits);
    assert_eq!((found.end, found.health.lost, found.health.fault), (RecordingEnd::Duration, 0, None));
    assert!((115..=135).contains(&found.progress.packets), "{found:?}");
    let mut source = JournalSource::open(&folder.0, ReadLimits::default()).unwrap();
    let mut truth = PhantomTracker::new(1);
    for _ in 0..found.progress.packets {
        let (played, sent) = (source.poll(Nanoseconds(u64::MAX)).unwrap(), truth.poll(Nanoseconds(u64::MAX)).unwrap());
        assert_eq!((played.sequence, played.tools), (sent.sequence, sent.tools));
    }
    assert!(source.is_over());
    // There is no case: nothing can be verified, and that is said.
    let start = last_start(&folder);
    let refused = start.check(&[1; 32], &LoopSettings::default()).unwrap_err();
    assert!(refused.contains("without a case"), "{refused}");
}

fn last_start(folder: &Folder) -> SessionStart {
    let mut reader = Reader::open(&folder.0, ReadLimits::default()).unwrap();
    let record = reader.next().unwrap().unwrap();
    match reader.entry(&record).unwrap() {
        Entry::SessionStart(start) => *start,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_recording_ends_at_its_size_counting_its_own_bytes_only() {
    let folder = Folder::new();
    for _ in 0..2 {
        let limits = RecordingLimits { bytes: 100_000, ..RecordingLimits::default() };
        let found = record(&folder, &mut world(), &limits);
        assert_eq!(found.end, RecordingEnd::Size);
        assert!((100_000..200_000).contains(&found.progress.bytes), "{found:?}");
    }
}

#[test]
fn a_full_disk_is_shown_and_ends_the_recording_when_it_stays_full() {
    let folder = Folder::new();
    let mut full = World { full_from_ms: 1000, ..world() };
    let limits = RecordingLimits { disk_patience: Nanoseconds(2000 * MILLISECOND_NS), ..RecordingLimits::default() };
    let found = record(&folder, &mut full, &limits);
    assert_eq!(found.end, RecordingEnd::Disk(JournalFault::DiskFull));
    assert!(full.faults.len() > 4, "it is shown while it lasts");
    assert!(found.progress.elapsed.0 >= 3000 * MILLISECOND_NS);
    // What was written before is there, and the journal goes on afterwards.
    full.disk.set(None);
    let (_, records) = journal_end(&folder.0);
    assert!(records.len() > 30);
    let mut asked = World { stop_at_ms: 500, ..world() };
    assert_eq!(record(&folder, &mut asked, &RecordingLimits::default()).end, RecordingEnd::Asked);
    assert_eq!(journal_end(&folder.0).0, End::Closed);
}
