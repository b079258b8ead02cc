//! What a session would lose if the journal broke its promises.

mod alignment;
mod damage;
mod disk;
mod replay;
mod restart;
mod tracker_recording;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use geom::Nanoseconds;

use super::appender::Appender;
use super::recovery::recover;
use super::*;

/// A folder of its own for a test, removed when it is over.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("spinenav-journal-{}-{number}", std::process::id()));
        fs::remove_dir_all(&path).ok();
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn note(index: u64) -> Payload {
    let mut payload = Payload::default();
    payload.u64(index).text("touched L3", 64);
    payload
}

/// Appends `count` notes and the end of the session, as a session would.
fn session(folder: &Path, segment_bytes: u64, count: u64) {
    let settings = JournalSettings { segment_bytes, ..Default::default() };
    let journal = Journal::open(folder, Nanoseconds(0), &note(u64::MAX), &settings).unwrap();
    for index in 0..count {
        assert!(journal.handle().record(RecordKind::Note, Nanoseconds(index), &note(index)));
    }
    assert_eq!((journal.finish().fault, journal_end(folder).0), (None, End::Closed));
}

/// The same on this thread, so that every record is a flush of its own.
fn records(folder: &Path, segment_bytes: u64, count: u64) {
    let tail = recover(folder).unwrap();
    let mut appender = Appender::new(tail.storage, segment_bytes, tail.expected, tail.written);
    for index in 0..count {
        appender.append(RecordKind::Note, Nanoseconds(index), note(index).as_slice());
        appender.flush().unwrap();
    }
}

/// How the journal ends and what it holds; panics on damage.
fn journal_end(folder: &Path) -> (End, Vec<Record>) {
    let mut reader = Reader::open(folder, ReadLimits::default()).unwrap();
    let records = reader.by_ref().collect::<Result<Vec<_>, _>>().unwrap();
    (reader.end().unwrap(), records)
}

/// What is wrong with the journal; panics when nothing is.
fn damage(folder: &Path) -> Damage {
    let reader = Reader::open(folder, ReadLimits::default());
    let error = match reader {
        Ok(reader) => reader.filter_map(Result::err).next().unwrap(),
        Err(error) => error,
    };
    match error {
        JournalError::Damaged(damage) => damage,
        other => panic!("{other}"),
    }
}

#[test]
fn what_was_recorded_is_read_in_order_over_segments_and_sessions() {
    let folder = Folder::new();
    session(&folder.0, 600, 50);
    session(&folder.0, 600, 30);
    let (_, records) = journal_end(&folder.0);
    assert_eq!(records.len(), 50 + 30 + 2 * 2);
    assert!(records.iter().enumerate().all(|(index, r)| r.sequence == index as u64));
    assert_eq!(records[53].content, note(0).as_slice());
    assert!(records.last().unwrap().segment > 5, "segments are not rolled");
}

#[test]
fn two_sessions_never_write_one_journal() {
    let folder = Folder::new();
    let first = Journal::open(&folder.0, Nanoseconds(0), &note(0), &JournalSettings::default()).unwrap();
    let second = Journal::open(&folder.0, Nanoseconds(0), &note(0), &JournalSettings::default());
    assert!(matches!(second, Err(JournalError::Locked { .. })));
    drop(first);
    Journal::open(&folder.0, Nanoseconds(0), &note(0), &JournalSettings::default()).unwrap();
}

#[test]
fn a_journal_cut_anywhere_goes_on_in_the_same_chain() {
    let folder = Folder::new();
    records(&folder.0, 300, 6);
    let files: Vec<Vec<u8>> = (1..).map_while(|number| fs::read(segment_path(&folder.0, number)).ok()).collect();
    assert!(files.len() > 1);
    let last = files.last().unwrap();
    for cut in 0..last.len() {
        for (number, bytes) in (1..).zip(&files) {
            let end = if number as usize == files.len() { cut } else { bytes.len() };
            fs::write(segment_path(&folder.0, number), &bytes[..end]).unwrap();
        }
        let (before, kept) = journal_end(&folder.0);
        let journal = Journal::open(&folder.0, Nanoseconds(0), &note(7), &JournalSettings::default()).unwrap();
        let torn = journal.torn();
        drop(journal);
        let (end, after) = journal_end(&folder.0);
        assert_eq!(kept, after[..kept.len()], "cut at {cut}");
        assert_eq!(after[kept.len()].kind == RecordKind::Recovered, matches!(before, End::Torn { .. }), "cut at {cut}");
        assert_eq!((end, torn.is_some()), (End::Closed, matches!(before, End::Torn { .. })));
    }
}

#[test]
fn a_tail_of_zeros_is_torn_not_damaged() {
    let folder = Folder::new();
    records(&folder.0, 1 << 20, 3);
    let path = segment_path(&folder.0, 1);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend([0; 500]);
    fs::write(&path, bytes).unwrap();
    assert!(matches!(journal_end(&folder.0).0, End::Torn { .. }));
}
