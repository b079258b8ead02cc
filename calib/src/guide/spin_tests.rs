//! What would be lost: a tool that is called done before it was turned, or a
//! shaft whose way into its hole spoils the whole recording.

use geom::Tracker;
use geom::nalgebra::{UnitQuaternion, Vector3};

use super::*;
use crate::simulate::{Draws, PoseNoise};

/// Poses at 50 Hz while the tool turns from one angle to another, its shaft
/// tilted by `tilt_deg` at the beginning and upright at the end.
fn turned(from_deg: f64, to_deg: f64, tilt_deg: f64, draws: &mut Draws) -> Vec<Transform<Tracker, Tool>> {
    let noise = PoseNoise { position_mm: 0.1, rotation_deg: 0.1 };
    let pose = |i: u32, draws: &mut Draws| {
        let share = f64::from(i) / 199.0;
        let turn =
            UnitQuaternion::from_scaled_axis(Vector3::z() * (from_deg + (to_deg - from_deg) * share).to_radians());
        let tilt = UnitQuaternion::from_scaled_axis(Vector3::x() * (tilt_deg * (1.0 - share)).to_radians());
        noise.measured(&Transform::new(tilt * turn, Vector3::new(5.0, 6.0, -900.0)), draws)
    };
    (0..200).map(|i| pose(i, draws)).collect()
}

fn times(count: usize) -> Vec<f64> {
    (0..count).map(|i| i as f64 * 0.02).collect()
}

fn look(guide: &mut SpinGuide, poses: &[Transform<Tracker, Tool>], now_s: f64) -> (GuideState, SpinProgress) {
    let seen = Seen { now_s, packet_s: Some(now_s), pose_s: Some(now_s) };
    let state = guide.look(poses, &times(poses.len()), &seen);
    let Progress::Spin(progress) = state.progress else { panic!("{state:?}") };
    (state, progress)
}

fn guide() -> SpinGuide {
    SpinGuide::new(GuideSettings::default(), Point::new(0.0, 0.0, -150.0))
}

#[test]
fn it_is_turned_on_until_it_was_turned_far_enough_and_has_stayed_good() {
    let mut draws = Draws::new(3);
    let mut guide = guide();
    let nothing = look(&mut guide, &[], 0.0).0;
    assert!(nothing.step == Step::Move && nothing.advice.contains("0 of 90 deg"), "{}", nothing.advice);
    let mut poses = turned(0.0, 50.0, 0.0, &mut draws);
    let (part, progress) = look(&mut guide, &poses, 4.0);
    assert!(part.step == Step::Move && part.advice.contains("Turn the tool"), "{}", part.advice);
    assert!((progress.turn_deg - 50.0).abs() < 4.0, "{progress:?}");
    // The tip lies at -z: turning about +z is turning back about the shaft.
    assert!(progress.now_deg.is_some_and(|now| (now + 50.0).abs() < 2.0), "{progress:?}");
    poses.extend(turned(50.0, 130.0, 0.0, &mut draws));
    let (whole, progress) = look(&mut guide, &poses, 8.0);
    assert!(whole.step == Step::Hold && progress.turn_deg > 120.0, "{} {progress:?}", whole.advice);
    assert_eq!(look(&mut guide, &poses, 9.9).0.step, Step::Hold);
    assert_eq!(look(&mut guide, &poses, 10.1).0.step, Step::Done);
}

#[test]
fn the_way_into_the_hole_is_given_up_once_the_shaft_is_steady() {
    let mut draws = Draws::new(4);
    let mut guide = guide();
    let mut poses = turned(0.0, 20.0, 40.0, &mut draws);
    let tilting = look(&mut guide, &poses, 4.0).0;
    assert!(tilting.forget == 0 && tilting.advice.contains("a hole that fits"), "{}", tilting.advice);
    poses.extend(turned(20.0, 100.0, 0.0, &mut draws));
    let steady = look(&mut guide, &poses, 8.0).0;
    assert!((200..280).contains(&steady.forget) && steady.step == Step::Move, "{steady:?}");
    let rest = look(&mut guide, &poses[steady.forget..], 8.1).0;
    assert!(rest.forget == 0 && !rest.advice.contains("tilted"), "{}", rest.advice);
}
