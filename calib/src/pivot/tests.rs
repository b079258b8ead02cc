//! What a technician would lose: a tip that is off, or a verdict that is wrong.

use super::*;
use crate::simulate::{Draws, PivotScene, PoseNoise};
use crate::statistics::median;
use geom::Tracker;
use geom::nalgebra::UnitQuaternion;

fn errors(scene: &PivotScene, trials: u64) -> Vec<f64> {
    let error = |seed| {
        let found = pivot(&scene.poses(&mut Draws::new(seed)), &PivotSettings::default()).unwrap();
        found.tip.distance(scene.tip())
    };
    (0..trials).map(error).collect()
}

#[test]
fn the_tip_is_found_as_exactly_as_the_acceptance_line_asks() {
    let clean = median(&errors(&PivotScene::default(), 60));
    assert!(clean <= 0.048, "clean {clean:.4}");
    let dirty = median(&errors(&PivotScene { outlier_share: 0.1, ..PivotScene::default() }, 150));
    assert!(dirty <= 0.05, "10 % outliers {dirty:.4}");
}

#[test]
fn a_third_of_gross_outliers_does_not_move_the_tip() {
    let scene = PivotScene { outlier_share: 0.33, outlier_mm: 300.0, ..PivotScene::default() };
    let found = pivot(&scene.poses(&mut Draws::new(5)), &PivotSettings::default()).unwrap();
    assert!(found.tip.distance(scene.tip()) < 0.2);
    assert_eq!(found.judgement.verdict(), Verdict::Doubtful, "{:?}", found.judgement);
}

#[test]
fn predicted_error_is_what_happens() {
    for noise_factors in [[1.0; 3], [1.0, 1.0, 3.0]] {
        let scene = PivotScene { poses: 200, noise_factors, ..PivotScene::default() };
        let (mut actual, mut predicted) = (0.0, 0.0);
        for seed in 0..150 {
            let found = pivot(&scene.poses(&mut Draws::new(seed)), &PivotSettings::default()).unwrap();
            assert!(found.judgement.findings().is_empty(), "{:?}", found.judgement);
            actual += found.tip.distance(scene.tip()).powi(2);
            predicted += found.tip_error_mm().powi(2);
        }
        let ratio = (actual / predicted).sqrt();
        assert!((0.85..1.18).contains(&ratio), "{noise_factors:?} {ratio:.3}");
    }
}

#[test]
fn too_little_motion_is_refused_with_the_remedy() {
    let scene = PivotScene { tilt_deg: 5.0, ..PivotScene::default() };
    let found = pivot(&scene.poses(&mut Draws::new(1)), &PivotSettings::default()).unwrap();
    let finding = found.judgement.findings()[0].to_string();
    assert_eq!(found.judgement.verdict(), Verdict::Reject);
    assert!(finding.contains("at least 30 are needed: tilt the tool further"), "{finding}");
    let [x, y, z] = found.span.weakest;
    assert!(x.abs() < 0.1 && y.abs() < 0.1 && z.abs() > 0.99, "the shaft was tilted least");
    let still = vec![Transform::<Tracker, Tool>::identity(); 50];
    let refused = pivot(&still, &PivotSettings::default()).unwrap_err().to_string();
    assert!(refused.contains("not turned") && refused.contains("tilt"), "{refused}");
}

#[test]
fn a_slip_is_told_from_a_bent_shaft() {
    let settings = PivotSettings::default();
    for seed in 0..8 {
        let scene = PivotScene::default();
        let slipped = PivotScene { divot: [51.5, -30.0, -1201.0], ..scene };
        let bent = PivotScene { tip: [1.8, 0.0, -150.0], ..scene };
        for (other, moved) in [(slipped, Moved::Pivot), (bent, Moved::Tip)] {
            let mut draws = Draws::new(seed);
            let mut poses = scene.poses(&mut draws);
            poses.truncate(300);
            poses.extend(other.poses(&mut draws).into_iter().take(200));
            let found = pivot(&poses, &settings).unwrap();
            let step = found.step.unwrap_or_else(|| panic!("seed {seed}: no step for {moved:?}"));
            assert_eq!(step.moved, moved, "seed {seed}");
            assert!((200..=400).contains(&step.at_pose) && step.shift_mm > 1.0, "{step:?}");
            assert_eq!(found.judgement.verdict(), Verdict::Reject);
        }
    }
}

#[test]
fn a_shaft_that_bends_with_the_tilt_is_noticed() {
    let scene = PivotScene::default();
    let axis = Vector3::z();
    let bend = |pose: Transform<Tracker, Tool>| {
        // The tip goes 4 mm sideways at 90 degrees of tilt.
        let lever = pose.rotation() * -axis;
        let sideways = (-axis - lever * lever.dot(&-axis)) * 4.0;
        Transform::<Tracker, Tool>::new(pose.rotation(), pose.translation() - sideways)
    };
    let poses: Vec<_> = scene.poses(&mut Draws::new(2)).into_iter().map(bend).collect();
    let found = pivot(&poses, &PivotSettings::default()).unwrap();
    assert!((1.5..5.0).contains(&found.bend_mm), "{:.2}", found.bend_mm);
    assert!(found.judgement.findings().iter().any(|f| f.reason.contains("bends")), "{:?}", found.judgement);
}

#[test]
fn little_tilt_at_many_places_adds_up() {
    // Sixteen degrees at each of six places; the answer is one tip.
    let mut draws = Draws::new(9);
    let (mut poses, mut place) = (Vec::new(), Vec::new());
    for g in 0..6usize {
        let divot = [50.0 + 30.0 * g as f64, -30.0, -1200.0];
        let scene = PivotScene { poses: 100, tilt_deg: 16.0, divot, ..PivotScene::default() };
        poses.extend(scene.poses(&mut draws));
        place.extend([g; 100]);
    }
    let found = pivot_at_places(&poses, &place, &PivotSettings::default()).unwrap();
    assert!(found.tip.distance(PivotScene::default().tip()) < 0.25);
    assert!((found.pivots[5].to_array()[0] - 200.0).abs() < 0.3);
}

#[test]
fn a_recording_of_touches_gives_tip_and_places() {
    let mut draws = Draws::new(4);
    let (mut poses, mut times) = (Vec::new(), Vec::new());
    for g in 0..4usize {
        let divot = [50.0 + 40.0 * g as f64, -30.0, -1200.0];
        let scene = PivotScene { poses: 80, tilt_deg: 20.0, divot, ..PivotScene::default() };
        // Sorted by tilt: a hand moves slowly; then the pointer flies on.
        let mut touch = scene.poses(&mut draws);
        touch.sort_by(|a, b| a.translation().x.total_cmp(&b.translation().x));
        poses.extend(touch);
        let away = Vector3::new(0.0, 0.0, 200.0);
        poses.extend((1..10).map(|i| {
            Transform::new(UnitQuaternion::from_scaled_axis(Vector3::y() * 0.2 * f64::from(i)), away * f64::from(i))
        }));
    }
    times.extend((0..poses.len()).map(|i| i as f64 / 20.0));
    let found = pivot_recording(&poses, &times, &DwellSettings::default(), &PivotSettings::default()).unwrap();
    assert_eq!(found.dwells.len(), 4);
    assert!(found.pivot.tip.distance(PivotScene::default().tip()) < 0.3, "{:?}", found.pivot.tip);
    assert!(found.dwells[3].at.distance(Point::new(170.0, -30.0, -1200.0)) < 0.5);
}

#[test]
fn the_axis_of_a_turned_tool_points_to_its_tip() {
    let mut draws = Draws::new(8);
    let axis = Vector3::new(0.1, -0.2, -0.97).normalize();
    let noise = PoseNoise { position_mm: 0.25, rotation_deg: 0.1 };
    let base = UnitQuaternion::from_scaled_axis(Vector3::new(0.4, 1.0, -0.3));
    let turned = |i: u32| {
        Transform::<Tracker, Tool>::new(
            base * UnitQuaternion::from_scaled_axis(axis * (f64::from(i) * 0.012)),
            Vector3::zeros(),
        )
    };
    let poses: Vec<_> = (0..200).map(|i| noise.measured(&turned(i), &mut draws)).collect();
    let tip = Point::from_vector3(axis * 150.0);
    let found = spin(&poses, Some(tip)).unwrap();
    assert!(found.axis.vector3().dot(&axis).clamp(-1.0, 1.0).acos().to_degrees() < 0.05);
    assert_eq!(found.judgement.verdict(), Verdict::Accept, "{found:?}");
    let pose = tool_from_tip(tip, Some(found.axis)).unwrap();
    let into_bone = pose * geom::Vector::<geom::Tip>::new(0.0, 0.0, -1.0);
    assert!(into_bone.vector3().dot(&axis) > 0.9999 && (pose * Point::new(0., 0., 0.)).distance(tip) < 1e-9);
    assert_eq!(spin(&poses[..20], None).unwrap().judgement.verdict(), Verdict::Reject);
}

#[test]
fn bad_input_is_an_error_never_a_panic() {
    let scene = PivotScene { poses: 50, ..PivotScene::default() };
    let mut poses = scene.poses(&mut Draws::new(1));
    let settings = PivotSettings::default();
    assert!(matches!(pivot(&poses[..5], &settings), Err(CalibrationError::TooFew { found: 5, .. })));
    assert!(pivot_at_places(&poses, &[0; 3], &settings).is_err());
    assert!(pivot_at_places(&poses, &[usize::MAX - 1; 50], &settings).is_err());
    poses[7] = Transform::new(UnitQuaternion::identity(), Vector3::new(f64::NAN, 0.0, 0.0));
    assert!(matches!(pivot(&poses, &settings), Err(CalibrationError::NotFinite { index: 7, .. })));
    poses[7] = Transform::new(UnitQuaternion::identity(), Vector3::new(1e300, 0.0, 0.0));
    assert!(matches!(pivot(&poses, &settings), Err(CalibrationError::OutOfRange { index: 7, .. })));
    let times = vec![0.0; 50];
    poses[7] = poses[8];
    let tip = Point::new(0.0, 0.0, -150.0);
    assert!(find_dwells(&poses, &times, tip, &DwellSettings::default()).unwrap().is_empty());
    assert!(find_dwells(&poses, &[1.0; 3], tip, &DwellSettings::default()).is_err());
    assert!(find_dwells(&poses, &[1e300; 50], tip, &DwellSettings::default()).is_err());
    let far = Point::new(1e300, 0.0, 0.0);
    assert!(find_dwells(&poses, &times, far, &DwellSettings::default()).is_err());
}
