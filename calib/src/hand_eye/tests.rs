//! What would be lost: an overlay that sits a millimetre beside the bone.

use super::*;
use crate::simulate::{Draws, HandEyeScene};
use crate::statistics::median;
use geom::nalgebra::{UnitQuaternion, Vector3};
use geom::{Headset, Tool, Tracker, World};

fn settings() -> HandEyeSettings {
    let noise = HandEyeNoise { second_sees_world: true, ..HandEyeNoise::default() };
    HandEyeSettings { noise, ..HandEyeSettings::default() }
}

fn solved(scene: &HandEyeScene, seed: u64) -> (HandEye<Tracker, Tool, World, Headset>, f64, f64) {
    let pairs = scene.pairs(&mut Draws::new(seed));
    let world_from_headset: Vec<_> = pairs.headset_from_world.iter().map(Transform::inverse).collect();
    let found = hand_eye(&pairs.tracker_from_tool, &world_from_headset, &settings()).unwrap();
    let mm = (found.hand_from_eye.translation() - pairs.tool_from_headset.translation()).norm();
    let deg = (found.hand_from_eye.rotation() * pairs.tool_from_headset.rotation().inverse()).angle().to_degrees();
    (found, mm, deg)
}

fn medians(scene: &HandEyeScene, trials: u64) -> (f64, f64) {
    let all: Vec<(f64, f64)> = (0..trials).map(|seed| solved(scene, seed)).map(|s| (s.1, s.2)).collect();
    (median(&all.iter().map(|e| e.0).collect::<Vec<_>>()), median(&all.iter().map(|e| e.1).collect::<Vec<_>>()))
}

#[test]
fn the_eye_is_found_as_exactly_as_the_acceptance_line_asks() {
    let (mm, deg) = medians(&HandEyeScene::default(), 40);
    assert!(mm <= 0.6 && deg <= 0.05, "60 poses: {mm:.3} mm {deg:.3} deg");
    let (mm, _) = medians(&HandEyeScene { poses: 20, ..HandEyeScene::default() }, 40);
    assert!(mm <= 1.2, "20 poses: {mm:.3} mm");
}

#[test]
fn wrong_pairs_are_left_out() {
    let (mm, deg) = medians(&HandEyeScene { outlier_share: 0.15, ..HandEyeScene::default() }, 30);
    assert!(mm <= 0.7 && deg <= 0.06, "{mm:.3} mm {deg:.3} deg");
    let (found, ..) = solved(&HandEyeScene { outlier_share: 0.15, ..HandEyeScene::default() }, 3);
    assert!(found.inliers() >= 48 && found.is_inlier[..9].iter().filter(|i| !**i).count() >= 7);
}

#[test]
fn predicted_error_is_what_happens() {
    let (mut actual, mut predicted, mut turned, mut foretold) = (0.0, 0.0, 0.0, 0.0);
    for seed in 0..80 {
        let (found, mm, deg) = solved(&HandEyeScene::default(), seed);
        actual += mm.powi(2);
        turned += deg.powi(2);
        predicted += found.position_error_mm.powi(2);
        foretold += found.rotation_error_deg.powi(2);
        assert_ne!(found.judgement.verdict(), Verdict::Reject, "{:?}", found.judgement);
    }
    let (mm, deg) = ((actual / predicted).sqrt(), (turned / foretold).sqrt());
    assert!((0.8..1.25).contains(&mm) && (0.8..1.25).contains(&deg), "{mm:.3} {deg:.3}");
}

#[test]
fn small_rotations_and_one_axis_are_refused() {
    let (found, ..) = solved(&HandEyeScene { turn_deg: 6.0, ..HandEyeScene::default() }, 1);
    assert_eq!(found.judgement.verdict(), Verdict::Reject);
    let text = found.judgement.findings()[0].to_string();
    assert!(text.contains("at least 30 are needed: tilt the device further"), "{text}");
    let pose = |i: u32| {
        let turn = UnitQuaternion::from_scaled_axis(Vector3::z() * 0.1 * f64::from(i));
        Transform::<Tracker, Tool>::new(turn, Vector3::new(f64::from(i), 2.0, 3.0))
    };
    let one_axis: Vec<_> = (0..20).map(pose).collect();
    let other: Vec<Transform<World, Headset>> =
        one_axis.iter().map(|p| Transform::new(p.rotation(), p.translation())).collect();
    let refused = hand_eye(&one_axis, &other, &settings()).unwrap_err().to_string();
    assert!(refused.contains("about one axis") && refused.contains("turn the device"), "{refused}");
}

#[test]
fn files_that_do_not_belong_together_are_rejected() {
    let scene = HandEyeScene::default();
    let (one, other) = (scene.pairs(&mut Draws::new(1)), scene.pairs(&mut Draws::new(2)));
    let world_from_headset: Vec<_> = other.headset_from_world.iter().map(Transform::inverse).collect();
    // An error or a rejection; never a pose that looks good.
    if let Ok(found) = hand_eye(&one.tracker_from_tool, &world_from_headset, &settings()) {
        assert_eq!(found.judgement.verdict(), Verdict::Reject, "{:?}", found.judgement);
    }
    let few = hand_eye(&one.tracker_from_tool[..4], &world_from_headset[..4], &settings());
    assert!(matches!(few, Err(CalibrationError::TooFew { found: 4, .. })));
    assert!(hand_eye(&one.tracker_from_tool[..9], &world_from_headset, &settings()).is_err());
}
