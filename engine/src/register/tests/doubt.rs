//! What must be doubted, rejected or refused.

use super::*;
use crate::register::{MultiStart, RegisterError};

#[test]
fn bone_that_leaves_a_direction_open_is_not_accepted() {
    // A smooth ball fixes no rotation, a flat patch no sliding.
    let ball = phantom::ball([0.0; 3], 25.0).vertices_cloud();
    let target = Target::new(&ball, None, &TargetSettings::default()).unwrap();
    let points = sweep(&ball, &truth(), &Sweep::default());
    let registration = surface(&target, &points, &truth(), &settings()).unwrap();
    assert_ne!(registration.verdict(), Verdict::Accept);
    let is_named =
        |r: &Reason| matches!(r, Reason::WeakAxis { .. } | Reason::Unstable { .. } | Reason::Ambiguous { .. });
    assert!(registration.reasons().iter().any(is_named), "{:?}", registration.reasons());

    let mut plane = PointCloud::default();
    for i in 0..10_000u16 {
        plane.points.push([f32::from(i % 100), 0.0, f32::from(i / 100)]);
        plane.normals.push([0.0, 1.0, 0.0]);
    }
    let target = Target::new(&plane, None, &TargetSettings::default()).unwrap();
    let points = sweep(&plane, &truth(), &Sweep::default());
    let registration = surface(&target, &points, &truth(), &settings()).unwrap();
    let reasons = registration.reasons();
    assert_eq!(registration.verdict(), Verdict::Reject, "{reasons:?}");
    assert!(reasons.iter().any(|r| matches!(r, Reason::WeakDirection { .. })), "{reasons:?}");
}

#[test]
fn mostly_soft_tissue_is_not_accepted() {
    let bone = exposed(2..3);
    let points = sweep(&bone, &truth(), &Sweep { outlier_share: 0.5, ..Sweep::default() });
    let registration = register(&points, &truth());
    assert_ne!(registration.verdict(), Verdict::Accept);
    assert!(registration.reasons().iter().any(|r| matches!(r, Reason::LowInlierShare { .. })));
    assert!(registration.reasons()[0].to_string().contains("clear the bone"));
}

#[test]
fn a_small_patch_is_not_accepted() {
    let mut tip = exposed(2..3);
    let highest = tip.points.iter().map(|p| p[1]).fold(f32::MIN, f32::max);
    let kept: Vec<usize> = (0..tip.len()).filter(|&i| tip.points[i][1] > highest - 4.0).collect();
    tip = tip.select(&kept);
    let points = sweep(&tip, &truth(), &Sweep { points: 100, ..Sweep::default() });
    assert_ne!(register(&points, &truth()).verdict(), Verdict::Accept);
}

fn attempt(points: &[Point<Patient>], initial: &Transform<Patient, Ct>) -> Result<Registration, RegisterError> {
    surface(&BONE.target, points, initial, &settings())
}

#[test]
fn unusable_input_is_an_error() {
    let good = sweep(&exposed(1..2), &truth(), &Sweep::default());
    assert!(matches!(attempt(&good[..19], &truth()), Err(RegisterError::TooFewPoints { found: 19, .. })));
    assert!(matches!(attempt(&[], &truth()), Err(RegisterError::TooFewPoints { found: 0, .. })));
    let line: Vec<Point<Patient>> = (0..60).map(|i| truth() * Point::new(0.0, 20.0, f64::from(i))).collect();
    assert!(matches!(attempt(&line, &truth()), Err(RegisterError::Collinear { .. })));
    let mut nan = good.clone();
    nan[40] = Point::new(0.0, f64::NAN, 0.0);
    assert!(matches!(attempt(&nan, &truth()), Err(RegisterError::NotFinite { index: 40 })));
    let far = truth() * Transform::from_translation(Vector::new(0.0, 500.0, 0.0));
    assert!(matches!(attempt(&good, &far), Err(RegisterError::NoOverlap { .. })));
    let broken = Transform::from_translation(Vector::new(f64::NAN, 0.0, 0.0));
    assert!(matches!(attempt(&good, &broken), Err(RegisterError::InitialNotFinite)));
}

#[test]
fn chance_is_not_bone_and_odd_settings_do_not_panic() {
    let mut random = Random::new(4);
    for _ in 0..20 {
        let scale = 10f64.powf(random.between(-4.0, 4.0));
        let noise: Vec<_> =
            (0..40).map(|_| truth() * Point::from_vector3(Vector3::from(random.normal3()) * scale)).collect();
        if let Ok(registration) = attempt(&noise, &truth()) {
            assert_ne!(registration.verdict(), Verdict::Accept, "{registration:?}");
        }
    }
    let good = sweep(&exposed(1..2), &truth(), &Sweep::default());
    let odd = Settings {
        min_points: 0,
        search: MultiStart { starts: 0, capture_deg: f64::NAN, capture_mm: 1e9, subset: 0, keep: 0 },
        surface_sigma_mm: f64::NAN,
        ..settings()
    };
    let _ = surface(&BONE.target, &good, &truth(), &odd);
}
