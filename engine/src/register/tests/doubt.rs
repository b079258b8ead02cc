//! What must be doubted, rejected or refused.

use super::*;
use crate::register::{MultiStart, RegisterError, SurfaceError};

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

#[test]
fn bone_that_looks_one_way_only_is_never_accepted() {
    // A facet, the flat side of a body, and a single point touched 500 times
    // with noise: a pose would slide or turn freely.
    let bone = exposed(2..3);
    let all = TargetSettings { approach: None, ..TargetSettings::default() };
    let target = Target::new(&BONE.cloud, Some(&BONE.levels), &all).unwrap();
    let patch = |is_in: &dyn Fn(&[f32; 3], &[f32; 3]) -> bool| {
        bone.select(&(0..bone.len()).filter(|&i| is_in(&bone.points[i], &bone.normals[i])).collect::<Vec<_>>())
    };
    let lowest = bone.points.iter().map(|p| p[1]).fold(f32::MAX, f32::min);
    let seed = bone.points[bone.len() / 3];
    let near = |p: &[f32; 3], mm: f32| (0..3).map(|i| (p[i] - seed[i]).powi(2)).sum::<f32>().sqrt() < mm;
    let patches = [
        ("side of the body", patch(&|p, n| p[1] < lowest + 14.0 && n[0] > 0.85)),
        ("facet", patch(&|p, _| near(p, 5.0))),
        ("spot", patch(&|p, _| near(p, 1.0))),
    ];
    let mut random = Random::new(17);
    for (name, patch) in patches {
        assert!(!patch.is_empty(), "{name}");
        let touch = |r: &mut Random| {
            let at = Point::<Ct>::from(patch.points[r.below(patch.len())]);
            truth() * (at + Vector::from_vector3(Vector3::from(r.normal3()) * 0.2))
        };
        let points: Vec<_> = (0..500).map(|_| touch(&mut random)).collect();
        match surface(&target, &points, &truth(), &settings()) {
            Ok(registration) => {
                assert_ne!(registration.verdict(), Verdict::Accept, "{name}");
                assert!(registration.reasons()[0].to_string().contains(':'), "{name} says what to do");
            }
            Err(error) => assert!(error.to_string().contains(';'), "{name} says what to do: {error}"),
        }
    }
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
    let flat: Vec<_> =
        (0..60).map(|i| truth() * Point::new(f64::from(i % 8) * 4.0, 20.0, f64::from(i / 8) * 5.0)).collect();
    assert!(matches!(attempt(&flat, &truth()), Err(RegisterError::Coplanar { .. })));
    let metres: Vec<_> = good.iter().map(|p| Point::from_vector3(p.vector3() * 1e-3)).collect();
    assert!(attempt(&metres, &truth()).unwrap_err().to_string().contains("were they metres?"));
    let still = attempt(&[good[0]; 200], &truth());
    assert!(matches!(still, Err(RegisterError::Duplicates { found: 200, distinct: 1, .. })));
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
        search: MultiStart {
            starts: 0,
            capture_deg: f64::NAN,
            capture_mm: 1e9,
            subset: 0,
            keep: 0,
            wide_starts: 70,
            ..MultiStart::default()
        },
        surface: SurfaceError { patch_sigma_mm: f64::NAN, edge_sigma_mm: f64::NAN },
        ..settings()
    };
    let _ = surface(&BONE.target, &good, &truth(), &odd);
}
