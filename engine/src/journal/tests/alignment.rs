//! Alignment values of a session come out of its journal again, and a difference is named.

use geom::nalgebra::{Rotation3, Vector3};
use geom::{Ct, Patient, PoseCovariance, Transform, Twist};

use super::*;
use crate::level::Level;
use crate::measure::follow::{Follower, Placed, Targets};
use crate::measure::{Corrections, Spine, synthetic};
use crate::register::Verdict;
use crate::volume::LabelMap;

fn recorded(turn: f64) -> RecordedRegistration {
    let twist =
        Twist { rotation_rad: Vector3::new(turn, 0.3, -0.1), translation_mm: Vector3::new(1.0 / 3.0, -7.0, 90.0) };
    RecordedRegistration {
        patient_from_ct: Transform::<Patient, Ct>::exp(&twist),
        covariance: PoseCovariance::new(geom::nalgebra::Matrix6::identity() * 1e-4).unwrap(),
        verdict: Verdict::Accept,
        rms_mm: 0.3,
        inliers: 200,
        reasons: String::new(),
    }
}

fn map() -> LabelMap {
    synthetic::random(9, 21, 0.0).labels([1.8; 3], &Rotation3::identity()).unwrap()
}

fn spine(map: &LabelMap, corrections: &Corrections) -> Result<Spine, String> {
    let mut map = map.clone();
    corrections.rename(&mut map).map_err(|e| e.to_string())?;
    Ok(Spine::find(&map, corrections))
}

/// A registration, a level followed, a landmark moved by hand, an alignment after each.
fn journal(map: &LabelMap) -> Folder {
    let folder = Folder::new();
    let tools = crate::track::ToolList::from_slice(&crate::fault::phantom::tools()).unwrap();
    let (settings, errors) = (crate::rt::LoopSettings::default(), crate::rt::TrackerErrors::default());
    let start = SessionStart::new(NO_CASE, &settings, errors, tools);
    let journal = Journal::open(&folder.0, Nanoseconds(0), &start.payload(), &JournalSettings::default()).unwrap();
    let handle = journal.handle();
    let write = |entry: Entry| {
        let (kind, payload) = entry.encode();
        assert!(handle.record(kind, Nanoseconds(1), &payload));
    };
    let (whole, l3) = (recorded(0.2), recorded(0.33));
    let mut corrections = Corrections::default();
    let mut follower = Follower::new(spine(map, &corrections).unwrap(), Placed::from(&whole), Targets::default());
    write(Entry::Registration(Box::new(whole)));
    let level = Level::from_name("L3").unwrap();
    follower.place(level, Placed::from(&l3));
    write(Entry::LevelRegistration(level, Box::new(l3)));
    write(Entry::Alignment(Box::new(RecordedAlignment::new(&follower, &follower.alignment()))));
    let points = vec![[-20.0, -150.0, 90.0], [20.0, -150.0, 91.1], [0.0, -120.0, 92.0]];
    let landmarks = [("L3-superior".to_owned(), points)].into();
    let change = Corrections { by: "Dr. Example".into(), landmarks, ..Corrections::default() };
    write(Entry::Correction(serde_json::to_string(&change).unwrap()));
    corrections.merge(change);
    follower.replace_spine(spine(map, &corrections).unwrap());
    write(Entry::Alignment(Box::new(RecordedAlignment::new(&follower, &follower.alignment()))));
    assert_eq!(journal.finish().lost, 0);
    folder
}

#[test]
fn alignment_is_replayed_to_the_last_bit_and_other_landmarks_are_named() {
    let map = map();
    let folder = journal(&map);
    let again = |of: &dyn Fn(&Corrections) -> Result<Spine, String>| {
        verify_alignment(&folder.0, ReadLimits::default(), &mut |corrections| of(corrections)).unwrap()
    };
    let found = again(&|corrections| spine(&map, corrections));
    assert_eq!(found, AlignmentReplay { found: 2, exact: 2, difference: None });
    let other = again(&|_| spine(&map, &Corrections::default()));
    assert_eq!((other.found, other.exact), (2, 1));
    assert!(other.difference.unwrap().contains("landmarks are not those"));
    let mut reader = Reader::open(&folder.0, ReadLimits::default()).unwrap();
    while let Some(record) = reader.next() {
        let record = record.unwrap();
        let (kind, payload) = reader.entry(&record).unwrap().encode();
        assert_eq!((kind, payload.as_slice()), (record.kind, &record.content[..]), "every entry comes back");
    }
}
