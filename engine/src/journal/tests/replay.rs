//! A recorded session runs again bit for bit, and a difference is named.

use super::*;
use crate::clock::MILLISECOND_NS;
use crate::fault::phantom::{PhantomTracker, case, guidance, registration, tools};
use crate::rt::{LoopSettings, NavigationLoop, TrackerErrors};
use crate::safety::Event;
use crate::track::{Source, ToolList, TrackerPacket};

fn ms(ms: u64) -> Nanoseconds {
    Nanoseconds(ms * MILLISECOND_NS)
}

/// A session of 400 ms with an event in it.
fn recorded() -> Folder {
    let folder = Folder::new();
    let list = ToolList::from_slice(&tools()).unwrap();
    let hash = case_hash(&case().unwrap());
    let start = SessionStart::new(hash, &LoopSettings::default(), TrackerErrors::default(), list);
    let journal = Journal::open(&folder.0, ms(0), &start.payload(), &JournalSettings::default()).unwrap();
    let mut recorder = Recorder::new(journal.handle());
    recorder.registration(&registration().unwrap(), ms(0));
    let mut navigation = NavigationLoop::with_settings(guidance().unwrap(), LoopSettings::default());
    let mut source = PhantomTracker::new(3);
    for round in 0..40 {
        let now = ms(round * 10);
        while let Some(packet) = source.poll(now) {
            recorder.packet(&packet, now);
            navigation.observe(&packet);
        }
        if round == 30 {
            recorder.intent(Intent::Event(Event::CheckFailed), now);
            navigation.apply(Event::CheckFailed, now).unwrap();
        }
        recorder.snapshot(&navigation.snapshot(now), now);
    }
    assert_eq!(journal.finish().lost, 0);
    folder
}

fn replayed(folder: &Folder, settings: &LoopSettings) -> Verification {
    let mut make =
        |_: &SessionStart, _: Option<&RecordedRegistration>| Ok(NavigationLoop::with_settings(guidance()?, *settings));
    verify(&folder.0, ReadLimits::default(), &mut make).unwrap()
}

#[test]
fn a_session_replays_bit_for_bit() {
    let folder = recorded();
    let found = replayed(&folder, &LoopSettings::default());
    assert!(found.is_exact() && found.divergence.is_none(), "{:?}", found.divergence);
    assert_eq!((found.sessions, found.packets, found.snapshots, found.lost), (1, 23, 40, 0));
    assert_eq!(found, replayed(&folder, &LoopSettings::default()));
}

#[test]
fn the_first_difference_is_named() {
    let folder = recorded();
    // Another program: it ends the session before it begins.
    let mut make = |_: &SessionStart, _: Option<&RecordedRegistration>| {
        let mut navigation = NavigationLoop::with_settings(guidance()?, LoopSettings::default());
        navigation.apply(Event::Stop, ms(0)).map_err(|e| e.to_string())?;
        Ok(navigation)
    };
    let found = verify(&folder.0, ReadLimits::default(), &mut make).unwrap();
    let divergence = found.divergence.clone().unwrap();
    assert!(!found.is_exact() && found.output != found.recorded_output);
    assert_eq!((divergence.field.as_str(), divergence.replayed.as_str()), ("session", "Stopped"));
    assert!(divergence.sequence > 1, "{divergence:?}");
}

#[test]
fn other_settings_and_other_cases_are_refused_in_words() {
    let list = ToolList::default();
    let start = SessionStart::new([1; 32], &LoopSettings::default(), TrackerErrors::default(), list);
    assert!(start.check(&[1; 32], &LoopSettings::default()).is_ok());
    assert!(start.check(&[2; 32], &LoopSettings::default()).unwrap_err().contains("another case"));
    let other = LoopSettings { prediction: ms(9), ..LoopSettings::default() };
    assert!(start.check(&[1; 32], &other).unwrap_err().contains("other settings"));
}

#[test]
fn a_recording_plays_with_its_own_timing() {
    let folder = recorded();
    let mut source = JournalSource::open(&folder.0, ReadLimits::default()).unwrap();
    let begin = ms(50_000);
    let first: TrackerPacket = source.poll(begin).unwrap();
    assert_eq!((first.sequence, first.arrival_time), (1, begin));
    // The second one arrived 20 ms after the first in rounds of 10 ms.
    assert_eq!(source.next_due(), Nanoseconds(begin.0 + 20 * MILLISECOND_NS));
    assert!(source.poll(Nanoseconds(begin.0 + 19 * MILLISECOND_NS)).is_none());
    assert_eq!(source.poll(ms(60_000)).unwrap().sequence, 2);
}

#[test]
fn every_kind_of_entry_comes_back() {
    let folder = recorded();
    let mut reader = Reader::open(&folder.0, ReadLimits::default()).unwrap();
    let mut kinds = Vec::new();
    while let Some(record) = reader.next() {
        let record = record.unwrap();
        let entry = reader.entry(&record).unwrap();
        let (kind, payload) = entry.encode();
        assert_eq!((kind, payload.as_slice()), (record.kind, &record.content[..]));
        kinds.push(kind);
    }
    for kind in [RecordKind::StateChange, RecordKind::Intent, RecordKind::Registration, RecordKind::SessionEnd] {
        assert!(kinds.contains(&kind), "{kind:?}");
    }
}
