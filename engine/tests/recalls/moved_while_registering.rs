//! StealthStation S7 and S8 with automatic registration for deep brain
//! stimulation, class I, 33 reports: the patient moved while registering and
//! nobody could tell.

use engine::register::Verdict;
use engine::safety::{DegradedReason, DriftLimits, DriftSentinel, Event, SessionState};
use geom::{Nanoseconds, Patient, Tool, Transform, Vector};

use crate::theatre::{LANDMARKS, Theatre, is_shown, registration};

#[test]
fn recall_dbs_points_touched_before_and_after_a_movement_are_not_accepted() {
    // Below 5.5 mm the touches of six anatomical landmarks hide it: their FRE stays under 2 mm.
    for first in 1..LANDMARKS.len() {
        for moved_mm in [6.0, 8.0, 15.0] {
            let made = registration(first, moved_mm);
            assert_ne!(made.verdict(), Verdict::Accept, "{moved_mm} mm after landmark {first}");
            assert!(!made.reasons().is_empty());
        }
    }
    assert_eq!(registration(LANDMARKS.len(), 0.0).verdict(), Verdict::Accept);
}

#[test]
fn recall_dbs_a_registration_that_is_not_accepted_shows_no_pose() {
    let mut theatre = Theatre::new(&registration(3, 8.0));
    assert!(!is_shown(&theatre.hold([0.0, 30.0, 0.0])));
}

#[test]
fn recall_dbs_a_reference_that_slips_is_found_within_seconds() {
    let mut sentinel = DriftSentinel::new(DriftLimits::default());
    let mut found_at_mm = None;
    for step in 0..60 * 60u64 {
        let seconds = step as f64 / 60.0;
        // Still for ten seconds, then a tenth of a millimetre a second.
        let slip_mm = 0.1 * (seconds - 10.0).max(0.0);
        let pose = Transform::<Patient, Tool>::from_translation(Vector::new(slip_mm, 1e-3 * (step % 2) as f64, 0.0));
        if sentinel.observe(Nanoseconds(step * 16_666_667), &pose) {
            found_at_mm = Some(slip_mm);
        }
    }
    assert!(found_at_mm.is_some_and(|mm| mm < 2.0), "{found_at_mm:?}");
}

#[test]
fn recall_dbs_a_reference_that_sits_still_raises_no_alarm() {
    let mut sentinel = DriftSentinel::new(DriftLimits::default());
    let is_found = (0..60 * 600u64).any(|step| {
        // Breathing: half a millimetre, fifteen times a minute.
        let breath_mm = 0.5 * (step as f64 / 60.0 * std::f64::consts::TAU / 4.0).sin();
        let pose = Transform::<Patient, Tool>::from_translation(Vector::new(0.0, 0.0, breath_mm));
        sentinel.observe(Nanoseconds(step * 16_666_667), &pose)
    });
    assert!(!is_found, "an alarm that comes every breath is not read");
}

#[test]
fn recall_dbs_a_moved_reference_hides_poses_until_landmarks_fit_again() {
    let mut theatre = Theatre::new(&registration(6, 0.0));
    theatre.hold([0.0, 30.0, 0.0]);
    theatre.tell(Event::DriftFound);
    let shown = theatre.hold([0.0, 30.0, 0.0]);
    assert_eq!(shown.session, SessionState::Degraded(DegradedReason::Drift));
    assert!(!is_shown(&shown));
    assert!(theatre.pass_check());
    assert!(is_shown(&theatre.hold([0.0, 30.0, 0.0])));
}

#[test]
fn recall_dbs_registering_again_after_a_movement_still_asks_for_landmarks() {
    let mut theatre = Theatre::new(&registration(6, 0.0));
    theatre.hold([0.0, 30.0, 0.0]);
    theatre.tell(Event::DriftFound);
    theatre.tell(Event::Registered(Verdict::Accept));
    assert!(!is_shown(&theatre.hold([0.0, 30.0, 0.0])), "what was loose may still be");
    assert!(theatre.pass_check());
    assert!(is_shown(&theatre.hold([0.0, 30.0, 0.0])));
}
