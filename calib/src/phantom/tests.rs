//! What would be lost: an accuracy figure that flatters.

use super::*;
use crate::simulate::Draws;
use geom::nalgebra::UnitQuaternion;
use geom::{Ct, Tracker};

#[test]
fn the_simulated_test_meets_the_acceptance_line() {
    // Mean error <= 0.3 mm with 0.25 mm of tracker noise, calibration included.
    let divots = stepped_phantom();
    let touches = PhantomScene::default().touches(&divots, &mut Draws::new(1)).unwrap();
    let found = phantom_accuracy(&divots, &touches, &PhantomSettings::default()).unwrap();
    assert!(found.single.mean_mm <= 0.3, "{:?}", found.single);
    assert!(found.distances.rms_mm <= 0.3, "{:?}", found.distances);
    assert_eq!(found.judgement.verdict(), Verdict::Accept, "{:?}", found.judgement);
    assert_eq!((found.divots.len(), found.residuals_mm.len()), (25, 125));
}

#[test]
fn bias_and_precision_are_kept_apart() {
    let divots = stepped_phantom();
    let mut draws = Draws::new(2);
    // One divot is drilled 1 mm off; every touch scatters by 0.1 mm an axis.
    let shift = |d: usize| if d == 7 { Vector3::new(0.0, 0.0, 1.0) } else { Vector3::zeros() };
    let touch = |divot: usize, draws: &mut Draws| {
        let at = divots[divot].vector3() + shift(divot) + draws.normal3() * 0.1;
        Touch::<Tracker> { divot, at: Point::from_vector3(at) }
    };
    let touches: Vec<_> = (0..500).map(|i| touch(i % 25, &mut draws)).collect();
    let found = phantom_accuracy(&divots, &touches, &PhantomSettings::default()).unwrap();
    let precision = found.precision_mm.unwrap();
    assert!((precision / (0.1 * 3f64.sqrt()) - 1.0).abs() < 0.1, "{precision:.3}");
    assert!((0.8..1.1).contains(&found.divots[7].bias_mm[2]), "{:?}", found.divots[7]);
    assert!(found.divots[8].bias_mm[2].abs() < 0.2 && found.divots[7].held_out_mm.unwrap() > 0.9);
    assert!((found.bias.max_mm - 0.9).abs() < 0.2);
}

#[test]
fn a_wrong_tip_shows_in_the_distances() {
    // A tip that is 1 mm wrong and a pointer that is tilted about: no registration hides it.
    let divots = stepped_phantom();
    let mut draws = Draws::new(3);
    let error = |draws: &mut Draws| UnitQuaternion::from_scaled_axis(draws.cube(0.8)) * Vector3::new(1.0, 0.0, 0.0);
    let touches: Vec<Touch<Tracker>> = (0..100)
        .map(|i| Touch { divot: i % 25, at: Point::from_vector3(divots[i % 25].vector3() + error(&mut draws)) })
        .collect();
    let found = phantom_accuracy(&divots, &touches, &PhantomSettings::default()).unwrap();
    assert!(found.distances.rms_mm > 0.4 && found.precision_mm.unwrap() > 0.4);
}

#[test]
fn too_little_and_nonsense_are_refused() {
    let divots = stepped_phantom();
    let touch = |divot, x| Touch::<Tracker> { divot, at: Point::new(x, 0.0, 0.0) };
    let settings = PhantomSettings::default();
    assert!(phantom_accuracy(&divots, &[touch(0, 0.0); 3], &settings).is_err());
    assert!(phantom_accuracy(&divots, &[touch(0, 0.0); 9], &settings).is_err());
    assert!(phantom_accuracy(&divots, &[touch(99, 0.0); 9], &settings).is_err());
    assert!(phantom_accuracy(&divots, &[touch(1, f64::NAN); 9], &settings).is_err());
    let line: Vec<Point<Ct>> = (0..5).map(|i| Point::new(f64::from(i), 0.0, 0.0)).collect();
    let touches: Vec<_> = (0..5).map(|i| touch(i, i as f64)).collect();
    assert!(phantom_accuracy(&line, &touches, &settings).unwrap_err().to_string().contains("line"));
}
