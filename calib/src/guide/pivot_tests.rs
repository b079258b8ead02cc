//! What would be lost: a nurse who is told nothing, the wrong side, or "done"
//! too early.

use geom::nalgebra::{UnitQuaternion, Vector3};
use geom::{Tool, Tracker, Transform};

use super::*;
use crate::simulate::{Draws, PoseNoise};

const TIP: Vector3<f64> = Vector3::new(0.0, 0.0, -150.0);

/// The handle goes round from `from_deg` to `to_deg` of azimuth, tilted by
/// `tilt_deg`; +x is azimuth 0.
fn sweep(
    (from_deg, to_deg): (f64, f64),
    tilt_deg: f64,
    divot: Vector3<f64>,
    draws: &mut Draws,
) -> Vec<Transform<Tracker, Tool>> {
    let noise = PoseNoise { position_mm: 0.1, rotation_deg: 0.05 };
    let pose = |i: usize, draws: &mut Draws| {
        let share = i as f64 / 150.0;
        let azimuth = (from_deg + (to_deg - from_deg) * share).to_radians();
        // The tilt grows and shrinks, so that the middle is seen as well.
        let tilt = (tilt_deg * (7.0 * share * std::f64::consts::PI).sin().abs()).to_radians();
        // About the axis square to the azimuth: +z goes towards it.
        let turn = UnitQuaternion::from_scaled_axis(Vector3::new(-azimuth.sin(), azimuth.cos(), 0.0) * tilt);
        let spin = UnitQuaternion::from_scaled_axis(Vector3::z() * (2.0 * azimuth).sin());
        let turn = turn * spin;
        noise.measured(&Transform::new(turn, divot - turn * TIP), draws)
    };
    (0..150).map(|i| pose(i, draws)).collect()
}

fn seen(now_s: f64) -> Seen {
    Seen { now_s, packet_s: Some(now_s), pose_s: Some(now_s) }
}

const NOTHING: &[Transform<Tracker, Tool>] = &[];

fn pivot_of(state: &GuideState) -> &PivotProgress {
    let Progress::Pivot(progress) = &state.progress else { panic!("{state:?}") };
    progress
}

fn divot() -> Vector3<f64> {
    Vector3::new(30.0, -20.0, -1200.0)
}

#[test]
fn the_side_that_is_missing_is_asked_for_and_at_the_end_nothing_is() {
    let mut draws = Draws::new(4);
    let axes = Some("LPS".parse().unwrap());
    let mut guide = PivotGuide::new(GuideSettings { axes, ..GuideSettings::default() });
    let nothing = guide.look(NOTHING, &[], &seen(0.0));
    assert!(nothing.step == Step::Move && nothing.advice.contains("to all sides"), "{nothing:?}");
    // Round, but not to the right of the patient (-x).
    let mut poses = sweep((-110.0, 110.0), 25.0, divot(), &mut draws);
    let part = guide.look(&poses, &[], &seen(3.0));
    assert_eq!(part.step, Step::Move);
    assert!(part.advice.contains("towards the ") && part.advice.contains("right"), "{}", part.advice);
    assert!(pivot_of(&part).coverage.as_ref().is_some_and(|c| c.names.iter().any(|n| n == "left")), "{part:?}");
    poses.extend(sweep((110.0, 250.0), 25.0, divot(), &mut draws));
    poses.extend(sweep((0.0, 360.0), 30.0, divot(), &mut draws));
    let whole = guide.look(&poses, &[], &seen(6.0));
    assert_eq!((whole.step, pivot_of(&whole).target), (Step::Hold, None), "{whole:?}");
    assert_eq!(guide.look(&poses, &[], &seen(7.9)).step, Step::Hold, "not before it has stayed so");
    assert_eq!(guide.look(&poses, &[], &seen(8.1)).step, Step::Done);
    assert!(pivot_of(&whole).tip_mm.is_some_and(|(tip, error)| (tip[2] + 150.0).abs() < 0.3 && error < 0.3));
}

#[test]
fn without_axes_the_picture_says_where() {
    let poses = sweep((-110.0, 110.0), 25.0, divot(), &mut Draws::new(4));
    let state = PivotGuide::new(GuideSettings::default()).look(&poses, &[], &seen(3.0));
    assert!(state.advice.starts_with("Tilt the handle until the dot is at the "), "{}", state.advice);
}

#[test]
fn a_lost_tracker_and_a_hidden_tool_come_first_and_hold_up_the_end() {
    let mut draws = Draws::new(5);
    let mut poses = sweep((0.0, 360.0), 28.0, divot(), &mut draws);
    poses.extend(sweep((0.0, 360.0), 30.0, divot(), &mut draws));
    let mut guide = PivotGuide::new(GuideSettings::default());
    assert_eq!(guide.look(&poses, &[], &seen(5.0)).step, Step::Hold);
    let gone = guide.look(&poses, &[], &Seen { now_s: 7.5, packet_s: Some(5.0), pose_s: Some(5.0) });
    assert!(gone.step == Step::Connect && gone.advice.contains("sends nothing"), "{gone:?}");
    let hidden = guide.look(&poses, &[], &Seen { now_s: 8.0, packet_s: Some(8.0), pose_s: Some(7.0) });
    assert!(hidden.step == Step::Show && hidden.advice.contains("does not see"), "{hidden:?}");
    // What was good before does not count as having stayed so.
    assert_eq!(guide.look(&poses, &[], &seen(8.1)).step, Step::Hold);
}

#[test]
fn after_a_slip_the_poses_before_it_are_given_up() {
    let mut draws = Draws::new(6);
    let mut poses = sweep((0.0, 360.0), 28.0, divot(), &mut draws);
    poses.extend(sweep((0.0, 360.0), 28.0, divot() + Vector3::new(3.0, 2.0, 0.0), &mut draws));
    let slipped = PivotGuide::new(GuideSettings::default()).look(&poses, &[], &seen(5.0));
    assert!(slipped.advice.contains("slipped"), "{slipped:?}");
    assert!((100..=200).contains(&slipped.forget), "{}", slipped.forget);
}
