//! The session goes on when the disk does not.

use std::io;
use std::sync::{Arc, Mutex};

use super::super::storage::Storage;
use super::*;

/// A disk in memory with `room` bytes that tears the write that exceeds it.
#[derive(Clone, Default)]
struct SmallDisk(Arc<Mutex<Disk>>);

#[derive(Default)]
struct Disk {
    room: usize,
    segments: Vec<Vec<u8>>,
}

impl SmallDisk {
    fn set_room(&self, room: usize) {
        self.0.lock().unwrap().room = room;
    }

    /// What a reader would find.
    fn contents(&self) -> (End, Vec<Record>) {
        let folder = Folder::new();
        for (number, bytes) in (1..).zip(&self.0.lock().unwrap().segments) {
            fs::write(segment_path(&folder.0, number), bytes).unwrap();
        }
        journal_end(&folder.0)
    }
}

impl Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let used: usize = self.segments.iter().map(Vec::len).sum();
        let fitting = bytes.len().min(self.room.saturating_sub(used));
        self.segments.last_mut().unwrap().extend(&bytes[..fitting]);
        if fitting == bytes.len() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }
}

impl Storage for SmallDisk {
    fn create_segment(&mut self, number: u32, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.segments.truncate(number as usize - 1);
        disk.segments.push(Vec::new());
        disk.write(bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().write(bytes)
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.0.lock().unwrap().segments.last_mut().unwrap().truncate(bytes as usize);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_disk_that_is_full_for_a_while_loses_nothing_that_fits_in_memory() {
    let disk = SmallDisk::default();
    let mut appender = Appender::new(disk.clone(), 500, scan::Expected::default(), 0);
    for (index, room) in (0..200u64).zip([100_000, 40, 100_000, 900, 100_000].into_iter().cycle()) {
        disk.set_room(room);
        appender.append(RecordKind::Note, Nanoseconds(index), note(index).as_slice());
        appender.flush().ok();
    }
    disk.set_room(1 << 20);
    appender.flush().unwrap();
    let (_, records) = disk.contents();
    assert_eq!(records.len(), 200);
    assert!(records.iter().zip(0..).all(|(r, index)| r.content == note(index).as_slice()));
}

#[test]
fn what_a_full_disk_loses_is_written_down_when_there_is_room_again() {
    let disk = SmallDisk::default();
    let mut appender = Appender::new(disk.clone(), 1 << 30, scan::Expected::default(), 0);
    let content = [0; PAYLOAD_BYTES];
    for index in 0..3000 {
        appender.append(RecordKind::Note, Nanoseconds(index), &content);
    }
    assert!(appender.flush().is_err());
    let lost = appender.lost_ever();
    assert!(lost > 0);
    disk.set_room(1 << 30);
    appender.flush().unwrap();
    appender.append(RecordKind::Note, Nanoseconds(9), &content);
    appender.flush().unwrap();
    let (_, records) = disk.contents();
    assert_eq!(records.len() as u64, 3000 - lost + 2);
    let told = &records[records.len() - 2];
    assert_eq!((told.kind, Fields::new(&told.content).u64().unwrap()), (RecordKind::Lost, lost));
}

#[test]
fn a_session_hears_of_a_full_disk_and_never_waits_for_it() {
    let disk = SmallDisk::default();
    let settings = JournalSettings { queue_records: 8, ..Default::default() };
    let journal = Journal::on_storage(Box::new(disk.clone()), Nanoseconds(0), &note(0), &settings).unwrap();
    let handle = journal.handle();
    while handle.health().fault != Some(JournalFault::DiskFull) {
        std::thread::yield_now();
    }
    disk.set_room(1 << 20);
    // Far more than the queue holds; some of it is refused at once.
    let taken = (0..10_000).filter(|&i| handle.record(RecordKind::Note, Nanoseconds(i), &note(i))).count() as u64;
    let health = journal.finish();
    assert!(health.fault != Some(JournalFault::DiskFull) && health.lost == 10_000 - taken, "{health:?}");
    let (end, records) = disk.contents();
    let told: u64 =
        records.iter().filter(|r| r.kind == RecordKind::Lost).map(|r| Fields::new(&r.content).u64().unwrap()).sum();
    assert_eq!((end, told), (End::Closed, 10_000 - taken));
}
