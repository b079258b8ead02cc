//! The other ways to register.

use super::*;
use crate::register::benchmark::cases::second_segmentation;
use crate::register::{
    Articulated, ArticulatedSettings, Bump, LandmarkSettings, Method, between_cts, check_landmarks,
    landmarks_and_surface, residual_map, update, whole_spine,
};

fn error_at(registration: &Registration, truth: &Transform<Patient, Ct>, bone: &PointCloud) -> f64 {
    true_tre_mm(&registration.patient_from_ct(), truth, &screw_targets(bone))
}

#[test]
fn the_level_is_found_without_any_first_guess() {
    // Only how the patient lies is known, to 20 degrees.
    let mut random = Random::new(12);
    for case in 0..6u64 {
        let first = case as usize % 4;
        let bone = exposed(first..first + 2);
        let points = sweep(&bone, &truth(), &Sweep { seed: case, ..Sweep::default() });
        let facing = guess(&truth(), &bone, 20.0, 0.0, &mut random)
            * Transform::<Ct, Ct>::from_translation(Vector::new(300.0, -200.0, 500.0));
        let found = whole_spine(&BONE.target, &points, &facing, &settings()).unwrap();
        let tre = error_at(&found, &truth(), &bone);
        assert!(tre < 0.3 || found.verdict() == Verdict::Reject, "case {case}: {tre:.1} mm {:?}", found.reasons());
        assert!(tre < 0.3, "case {case}: {tre:.1} mm");
    }
}

#[test]
fn a_bump_is_undone_from_few_points_and_the_pose_before() {
    let bone = exposed(1..3);
    let mut random = Random::new(3);
    for case in 0..8u64 {
        let points = sweep(&bone, &truth(), &Sweep { points: 15, outlier_share: 0.0, seed: case, ..Sweep::default() });
        let before = guess(&truth(), &bone, 3.0, 3.0, &mut random);
        let found = update(&BONE.target, &points, &before, &Bump::default(), &settings()).unwrap();
        let (off, tre) = (true_tre_mm(&before, &truth(), &screw_targets(&bone)), error_at(&found, &truth(), &bone));
        assert!(tre < 1.2 && tre < off / 2.0, "case {case}: {tre:.2} of {off:.2} mm, {:?}", found.reasons());
    }
    assert!(update(&BONE.target, &[], &truth(), &Bump::default(), &settings()).is_err());
}

/// Landmarks on `bone` as marked and as touched.
fn touched_landmarks(bone: &PointCloud, random: &mut Random) -> (Vec<Point<Patient>>, Vec<Point<Ct>>) {
    let marked: Vec<Point<Ct>> = bone.points.iter().step_by(bone.len() / 6).map(|p| Point::from(*p)).collect();
    let touch = |c: &Point<Ct>| truth() * *c + Vector::from_vector3(Vector3::from(random.normal3()) * 0.4);
    (marked.iter().map(touch).collect(), marked)
}

#[test]
fn landmarks_hold_what_the_surface_leaves_free() {
    // A ball turns freely under any number of swept points.
    let ball = phantom::ball([0.0; 3], 20.0).vertices_cloud();
    let target = Target::new(&ball, None, &TargetSettings::default()).unwrap();
    let points = sweep(&ball, &truth(), &Sweep { outlier_share: 0.0, ..Sweep::default() });
    let mut random = Random::new(7);
    let (patient, ct) = touched_landmarks(&ball, &mut random);
    let both =
        landmarks_and_surface(&target, (&patient, &ct), &points, &LandmarkSettings::default(), &settings()).unwrap();
    assert_eq!(both.method(), Method::Combined);
    let alone = crate::register::landmarks(&patient, &ct, &LandmarkSettings::default()).unwrap();
    let off = |r: &Registration| true_tre_mm(&r.patient_from_ct(), &truth(), &ct);
    assert!(off(&both) < off(&alone) && off(&both) < 0.6, "{} {}", off(&both), off(&alone));
    assert!(both.figures().landmark_mm.unwrap() < 3.0);
}

#[test]
fn a_checked_landmark_can_take_the_acceptance_away() {
    let bone = exposed(1..3);
    let points = sweep(&bone, &truth(), &Sweep::default());
    let (patient, ct) = touched_landmarks(&bone, &mut Random::new(2));
    let good = check_landmarks(register(&points, &truth()), &patient, &ct, 2.0);
    assert_eq!(good.verdict(), Verdict::Accept, "{:?}", good.reasons());
    let mut bad = patient.clone();
    bad[1] = bad[1] + Vector::new(0.0, 2.5, 0.0);
    let doubted = check_landmarks(good.clone(), &bad, &ct, 2.0);
    assert_eq!(doubted.verdict(), Verdict::Doubtful);
    assert!(matches!(doubted.reasons()[0], Reason::LandmarkOff { index: 1, .. }));
    bad[1] = bad[1] + Vector::new(0.0, 30.0, 0.0);
    assert_eq!(check_landmarks(good.clone(), &bad, &ct, 2.0).verdict(), Verdict::Reject);
    bad[1] = Point::new(f64::NAN, 0.0, 0.0);
    assert_eq!(check_landmarks(good, &bad, &ct, 2.0).verdict(), Verdict::Reject);
}

#[test]
fn vertebrae_that_moved_get_poses_of_their_own() {
    // Bent by 4 degrees and 2 mm between scan and table.
    let articulated = Articulated::new(&BONE.cloud, &BONE.levels, &TargetSettings::default()).unwrap();
    let mut random = Random::new(31);
    for case in 0..4u64 {
        let (mut points, mut truths) = (Vec::new(), Vec::new());
        for level in 1..4 {
            let bone = exposed(level..level + 1);
            let moved = if level == 2 { truth() } else { guess(&truth(), &bone, 4.0, 2.0, &mut random) };
            points.extend(sweep(
                &bone,
                &moved,
                &Sweep { points: 200, seed: case * 3 + level as u64, ..Sweep::default() },
            ));
            truths.push((20 + level as u8, moved, bone));
        }
        let poses = articulated
            .register(&points, &truth(), &ArticulatedSettings { surface: settings(), ..Default::default() })
            .unwrap();
        assert_eq!(poses.len(), 3, "case {case}");
        for (level, moved, bone) in &truths {
            let found = poses.iter().find(|p| p.level == *level).unwrap();
            let tre = error_at(&found.registration, moved, bone);
            assert!(tre < 0.5, "case {case} level {level}: {tre:.2} mm {:?}", found.registration.reasons());
            assert_ne!(found.registration.verdict(), Verdict::Reject, "{:?}", found.registration.reasons());
        }
    }
}

#[test]
fn another_ct_of_the_same_bone_is_laid_over_the_first() {
    let bone = exposed(1..4);
    let all = TargetSettings { approach: None, ..TargetSettings::default() };
    let target = Target::new(&bone, None, &all).unwrap();
    let (other, _) = second_segmentation(&bone, &[], (0.1, 0.15, 0.4), 5);
    let place = |p: &[f32; 3]| (truth() * Point::<Ct>::from(*p)).to_array().map(|c| c as f32);
    let turn = |n: &[f32; 3]| (truth() * Vector::<Ct>::from(*n)).to_array().map(|c| c as f32);
    let other = PointCloud {
        points: other.points.iter().map(place).collect(),
        normals: other.normals.iter().map(turn).collect(),
    };
    let initial = guess(&truth(), &bone, 15.0, 12.0, &mut Random::new(6));
    let found = between_cts(&target, &other, &initial, &settings()).unwrap();
    let tre = error_at(&found, &truth(), &bone);
    assert!(tre < 0.25, "{tre:.2} mm {:?}", found.reasons());
    assert_eq!((found.method(), found.verdict()), (Method::OtherCt, Verdict::Accept), "{:?}", found.reasons());
}

#[test]
fn the_map_shows_where_the_bone_does_not_fit() {
    let bone = exposed(2..3);
    let mut points = sweep(&bone, &truth(), &Sweep { noise_mm: 0.1, outlier_share: 0.0, ..Sweep::default() });
    // Tissue left on one side.
    let in_ct = |p: &Point<Patient>| truth().inverse() * *p;
    let up = truth() * Vector::<Ct>::new(0.0, 1.0, 0.0);
    let is_left = |p: &Point<Patient>| in_ct(p).to_array()[0] > 20.0;
    points.iter_mut().filter(|p| is_left(p)).for_each(|p| *p = *p + up);
    let registration = register(&points, &truth());
    let map = residual_map(&registration, &points, &bone, 1.0);
    assert_eq!(map.len(), bone.len());
    let mean = |is_in: &dyn Fn(f32) -> bool| {
        let own = map.iter().zip(&bone.points).filter(|(_, p)| is_in(p[0])).filter_map(|(v, _)| v.height_mm);
        let heights: Vec<f32> = own.collect();
        heights.iter().sum::<f32>() / heights.len() as f32
    };
    let (left, right) = (mean(&|x| x > 22.0), mean(&|x| x < 15.0));
    assert!(left > right + 0.3, "{left} {right}");
    assert!(map.iter().any(|v| v.height_mm.is_none() && v.colour == [150; 3]), "the front was not touched");
}
