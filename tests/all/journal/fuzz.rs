//! Forged and damaged journals: an answer in words, never a panic.
//!
//! A stable-Rust driver, so that it runs with the other tests; a longer run is
//! a matter of `SPINENAV_FUZZ_EXECUTIONS`. Half of the inputs have their
//! checksums and hashes repaired after the change, or nothing behind them would
//! ever be reached.

use engine::fault::phantom::{PhantomTracker, case, guidance, registration, tools};
use engine::journal::{
    Intent, Journal, JournalSettings, ReadLimits, Reader, Recorder, SessionStart, case_hash, segment_path,
};
use engine::register::random::Random;
use engine::rt::{LoopSettings, NavigationLoop, TrackerErrors};
use engine::safety::{Alarm, Alarms, Event};
use engine::track::{Source, ToolList};
use geom::{Nanoseconds, Point};

use super::forged::{read_all, repair};
use super::{Folder, from_environment};

/// A small journal with a record of every kind.
fn seed() -> Vec<u8> {
    let folder = Folder::new("fuzz");
    let list = ToolList::from_slice(&tools()).unwrap();
    let hash = case_hash(&case().unwrap());
    let start = SessionStart::new(hash, &LoopSettings::default(), TrackerErrors::default(), list);
    let settings = JournalSettings::default();
    let journal = Journal::open(folder.path(), Nanoseconds(0), &start.payload(), &settings).unwrap();
    let mut recorder = Recorder::new(journal.handle());
    recorder.registration(&registration().unwrap(), Nanoseconds(0));
    let mut navigation = NavigationLoop::with_settings(guidance().unwrap(), LoopSettings::default());
    let mut source = PhantomTracker::new(1);
    for ms in [17, 34] {
        let packet = source.poll(Nanoseconds(ms * 1_000_000)).unwrap();
        recorder.packet(&packet, Nanoseconds(ms * 1_000_000));
        navigation.observe(&packet);
    }
    let shown = Nanoseconds(35_000_000);
    recorder.snapshot(&navigation.snapshot(shown), shown);
    recorder.intent(Intent::Event(Event::CheckPassed), Nanoseconds(36_000_000));
    recorder.intent(Intent::Outside(Alarms::default().with(Alarm::JournalFailed)), Nanoseconds(36_000_000));
    recorder.intent(Intent::CheckLandmark(Point::new(1.0, 2.0, 3.0)), Nanoseconds(36_000_000));
    recorder.note("touched L3", Nanoseconds(37_000_000));
    assert_eq!(journal.finish().lost, 0);
    std::fs::read(segment_path(folder.path(), 1)).unwrap()
}

/// Changes a few bytes, the length, or the order.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len().max(1));
        match random.below(7) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.bits() as u8),
            2 => {
                let end = (at + random.below(200)).min(bytes.len());
                bytes.drain(at..end);
            }
            3 => {
                let end = (at + random.below(200)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            4 => {
                let odd = [0, 1, 0x7f, 0x80, 0xff][random.below(5)];
                bytes.iter_mut().skip(at).take(1 + random.below(8)).for_each(|byte| *byte = odd);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
}

#[test]
fn a_forged_journal_is_refused_in_words() {
    let executions = from_environment("SPINENAV_FUZZ_EXECUTIONS", 200_000);
    let mut random = Random::new(from_environment("SPINENAV_FUZZ_SEED", 1));
    let whole = seed();
    let (mut refused, mut entries, mut unreadable) = (0u64, 0u64, 0u64);
    let mut bytes = Vec::new();
    for execution in 0..executions {
        bytes.clone_from(&whole);
        if execution > 0 {
            mutate(&mut bytes, &mut random);
        }
        if execution % 2 == 0 {
            repair(&mut bytes);
        }
        let outcome = read_all(&bytes);
        entries += outcome.entries;
        unreadable += outcome.unreadable;
        refused += u64::from(outcome.is_refused);
    }
    println!("{executions} executions: {refused} refused, {entries} records read, {unreadable} unreadable");
    assert!(entries > executions && unreadable > executions / 50 && refused > executions / 4, "the driver is blunt");
}

/// The names of files come from outside, too.
#[test]
fn odd_file_names_are_no_segments() {
    let folder = Folder::new("names");
    for name in ["journal-.spnj", "journal-99999999999.spnj", "journal-1.spnj.bak", "journal-+1.spnj"] {
        std::fs::write(folder.path().join(name), b"x").unwrap();
    }
    assert!(Reader::open(folder.path(), ReadLimits::default()).is_err());
}
