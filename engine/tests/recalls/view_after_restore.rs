//! Brainlab Spine & Trauma 3D 1.0, 2019, class I: after a crash and restore, or
//! a switch of workflow, the anatomy was shown from a wrong perspective.

use engine::io::{self, Limits};
use engine::journal::{SessionStart, case_hash};
use engine::register::Verdict;
use engine::rt::{LoopSettings, TrackerErrors};
use engine::safety::{DegradedReason, Event, SessionState};
use engine::track::ToolList;
use engine::volume::{Grid, SlicePlane, Volume};
use geom::nalgebra::Matrix3x4;

use crate::theatre::{Theatre, case, is_shown, pointer, registration};

#[test]
fn recall_brainlab_2019_after_a_restart_nothing_is_shown_until_landmarks_were_touched() {
    let mut theatre = Theatre::new(&registration(6, 0.0));
    assert!(is_shown(&theatre.hold([0.0, 30.0, 0.0])));
    theatre.tell(Event::Restarted);
    let shown = theatre.hold([0.0, 30.0, 0.0]);
    assert_eq!(shown.session, SessionState::Degraded(DegradedReason::Restarted));
    assert!(!is_shown(&shown));
    assert!(theatre.pass_check());
    assert!(is_shown(&theatre.hold([0.0, 30.0, 0.0])));
}

#[test]
fn recall_brainlab_2019_a_registration_read_back_shows_nothing_by_itself() {
    let mut theatre = Theatre::new(&registration(6, 0.0));
    theatre.tell(Event::Restored(Verdict::Accept));
    for _ in 0..5 {
        assert!(!is_shown(&theatre.hold([0.0, 30.0, 0.0])), "good tracking is no proof");
    }
    assert!(theatre.pass_check());
    assert!(is_shown(&theatre.hold([0.0, 30.0, 0.0])));
}

#[test]
fn recall_brainlab_2019_a_restored_session_shows_the_tip_in_the_same_place_and_direction() {
    let mut theatre = Theatre::new(&registration(6, 0.0));
    let before = theatre.hold([10.0, 20.0, -5.0]).guided();
    theatre.tell(Event::Restarted);
    assert!(theatre.pass_check());
    let after = theatre.hold([10.0, 20.0, -5.0]).guided();
    let (before, after) = (before.ct_from_tip.unwrap(), after.ct_from_tip.unwrap());
    let difference = (before.inverse() * after).to_row_major();
    let identity = [1., 0., 0., 0., 0., 1., 0., 0., 0., 0., 1., 0., 0., 0., 0., 1.];
    assert!(difference.iter().zip(identity).all(|(a, b)| (a - b).abs() < 1e-2), "{difference:?}");
}

#[test]
fn recall_brainlab_2019_a_saved_image_shows_the_same_oblique_slice_when_it_is_read_back() {
    // Sheared and turned, as no axis-aligned shortcut survives it.
    let affine = Matrix3x4::new(0.1, -1.4, 0.2, 12.0, 0.9, 0.1, 0.3, -30.0, 0.0, 0.2, 1.9, 7.0);
    let grid = Grid::new([24, 20, 16], affine).unwrap();
    let hu = (0..grid.len()).map(|i| ((i * 7919) % 3000) as f32 - 1000.0).collect();
    let volume = Volume { grid, hu };
    let path = std::env::temp_dir().join(format!("spinenav-recall-{}.nii.gz", std::process::id()));
    io::nifti::write_volume(&path, &volume).unwrap();
    let back = io::read_ct(&path, &Limits::default()).unwrap().value;
    std::fs::remove_file(&path).unwrap();
    let plane =
        SlicePlane::new([0.0, -20.0, 20.0].into(), [1.0, 0.3, 0.1].into(), [0.0, 0.4, -1.0].into(), 1.0, [30, 30]);
    let (a, b) = (volume.slice(&plane.clone().unwrap()), back.slice(&plane.unwrap()));
    assert!(a.iter().any(|v| *v > -1024.0));
    // NIfTI holds the affine in single precision: some millionths of a voxel times 3000 HU.
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1.0), "the slice is another one");
}

#[test]
fn recall_brainlab_2019_a_session_is_not_resumed_on_another_case() {
    let tools = ToolList::from_slice(&[pointer()]).unwrap();
    let settings = LoopSettings::default();
    let start = SessionStart::new(case_hash(&case([0.0; 3])), &settings, TrackerErrors::default(), tools);
    assert_eq!(start.check(&case_hash(&case([0.0; 3])), &settings), Ok(()));
    let other = start.check(&case_hash(&case([1.0, 0.0, 0.0])), &settings).unwrap_err();
    assert!(other.contains("another case"), "{other}");
}
