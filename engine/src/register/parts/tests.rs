//! Every part brings bone onto itself.

use super::*;
use crate::register::random::Random;
use crate::register::simulate::{Sweep, sweep, true_tre_mm};
use crate::register::{Target, TargetSettings};
use crate::surface::phantom;
use geom::Twist;
use geom::nalgebra::Vector3;

fn nearby(random: &mut Random) -> Transform<Patient, Ct> {
    let twist = Twist {
        rotation_rad: Vector3::from(random.direction()) * 0.03,
        translation_mm: Vector3::from(random.direction()) * 1.0,
    };
    Transform::exp(&twist)
}

#[test]
fn every_combination_of_parts_settles_on_the_bone() {
    let bone = phantom::vertebra(0).vertices_cloud();
    let target = Target::new(&bone, None, &TargetSettings::default()).unwrap();
    let mut random = Random::new(9);
    let points = sweep(&bone, &Transform::identity(), &Sweep { noise_mm: 0.1, ..Sweep::default() });
    let moving = Moving { points: &points, normals: None };
    let screws: Vec<Point<Ct>> = bone.points.iter().step_by(211).map(|p| Point::from(*p)).collect();
    let factors = [Factor::PointToPoint, Factor::PointToPlane, Factor::Generalised { flatness: 100.0 }];
    let weightings = [
        vec![Weighting::GemanMcClure { scale_mm: 3.0 }, Weighting::GemanMcClure { scale_mm: 0.5 }],
        vec![Weighting::Tukey { cutoff_mm: 1.5 }],
        vec![Weighting::Huber { knee_mm: 0.3 }],
        vec![Weighting::Even],
    ];
    let rejectors = [
        vec![Reject::Distance { most_mm: 2.0 }],
        vec![Reject::Trimmed { keep: 0.85 }],
        vec![
            Reject::Visibility { towards: [0.0, 2.0, 0.0], min_cosine: 0.0 },
            Reject::Normal { most_deg: 30.0 },
            Reject::Distance { most_mm: 2.0 },
        ],
    ];
    for factor in factors {
        for weightings in &weightings {
            for rejectors in &rejectors {
                let initial = nearby(&mut random);
                let parts = Align {
                    rejectors: rejectors.clone(),
                    weightings: weightings.clone(),
                    factor,
                    max_iterations: 60,
                    ..Align::default()
                };
                let aligned = align(&target, &moving, &initial, &parts).unwrap();
                let tre = true_tre_mm(&aligned.patient_from_ct, &Transform::identity(), &screws);
                assert!(tre < 0.35, "{parts:?}: {tre}");
                assert!(aligned.inliers() > 300 && aligned.information.symmetric_eigenvalues().min() > 1.0);
            }
        }
    }
}

#[test]
fn rejectors_refuse_what_they_say() {
    let pair = |x: f64, own: [f64; 3]| {
        Some(reject::Pair { apart: Vector3::new(0.0, x, 0.0), normal: Vector3::y(), own_normal: Some(own.into()) })
    };
    let mut pairs = [pair(0.1, [0.0, 1.0, 0.0]), pair(2.0, [0.0, 1.0, 0.0]), pair(0.5, [1.0, 0.0, 0.0]), None];
    let left = |reject: Reject, pairs: &mut [Option<reject::Pair>; 4]| {
        let mut copy = *pairs;
        reject.apply(&mut copy);
        copy.map(|p| p.is_some())
    };
    assert_eq!(left(Reject::Distance { most_mm: 1.0 }, &mut pairs), [true, false, true, false]);
    assert_eq!(left(Reject::Normal { most_deg: 45.0 }, &mut pairs), [true, true, false, false]);
    assert_eq!(left(Reject::Trimmed { keep: 0.6 }, &mut pairs), [true, false, true, false]);
    assert_eq!(left(Reject::Trimmed { keep: 0.0 }, &mut pairs), [false; 4]);
    let back = Reject::Visibility { towards: [0.0, -1.0, 0.0], min_cosine: 0.0 };
    assert_eq!(left(back, &mut pairs), [false; 4]);
}
