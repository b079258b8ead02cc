//! What would be lost: a wrong point that spoils the registration unseen.

use super::*;
use crate::simulate::Draws;
use geom::{Ct, Patient, Twist};

fn truth() -> Transform<Patient, Ct> {
    Transform::exp(&Twist { rotation_rad: Vector3::new(0.4, -2.0, 0.9), translation_mm: Vector3::new(80., -30., 500.) })
}

fn known() -> Vec<Point<Ct>> {
    [[0., 0., 0.], [60., 3., 8.], [55., 48., -4.], [-6., 41., 22.], [20., 18., 47.], [44., -22., 31.], [8., -35., 12.]]
        .map(Point::from)
        .to_vec()
}

fn touched(sigma_mm: f64, draws: &mut Draws) -> Vec<Point<Patient>> {
    known().iter().map(|p| Point::from_vector3((truth() * *p).vector3() + draws.normal3() * sigma_mm)).collect()
}

#[test]
fn predicted_error_matches_monte_carlo_with_unequal_weights() {
    let (mut draws, from) = (Draws::new(2), known());
    let sigmas = [0.1, 0.1, 0.1, 0.4, 0.4, 0.4, 0.4];
    let weights: Vec<f64> = sigmas.iter().map(|s: &f64| s.powi(-2)).collect();
    let target = Point::<Ct>::new(10.0, 5.0, 120.0);
    let settings = LandmarkSettings { min_fle_mm: 0.01, ..LandmarkSettings::FIDUCIALS };
    let (mut actual, mut predicted, mut unweighted) = (0.0, 0.0, 0.0);
    for _ in 0..600 {
        let to: Vec<Point<Patient>> = from
            .iter()
            .zip(sigmas)
            .map(|(p, s)| Point::from_vector3((truth() * *p).vector3() + draws.normal3() * s))
            .collect();
        let found = landmarks(&to, &from, Some(&weights), &settings).unwrap();
        actual += (found.to_from * target).distance(truth() * target).powi(2);
        predicted += found.predicted_tre_mm(truth() * target).powi(2);
        let plain = landmarks(&to, &from, None, &settings).unwrap();
        unweighted += (plain.to_from * target).distance(truth() * target).powi(2);
    }
    assert!(((actual / predicted).sqrt() - 1.0).abs() < 0.08, "{:.3}", (actual / predicted).sqrt());
    assert!(actual < 0.8 * unweighted, "weights help");
}

#[test]
fn the_worst_point_is_named() {
    let mut draws = Draws::new(5);
    for wrong in 0..7 {
        let mut to = touched(0.15, &mut draws);
        to[wrong] = to[wrong] + geom::Vector::new(0.0, 2.5, 0.0);
        let found = landmarks(&to, &known(), None, &LandmarkSettings::FIDUCIALS).unwrap();
        assert_eq!(found.worst.unwrap().index, wrong);
        let named = format!("touch point {} again", wrong + 1);
        assert!(found.judgement.findings().iter().any(|f| f.remedy.contains(&named)), "{:?}", found.judgement);
        assert_ne!(found.judgement.verdict(), Verdict::Accept);
    }
    let good = landmarks(&touched(0.15, &mut draws), &known(), None, &LandmarkSettings::FIDUCIALS).unwrap();
    assert_eq!(good.judgement.verdict(), Verdict::Accept, "{:?}", good.judgement);
    let map = good.tre_map(100.0, 11);
    assert!(map[60].1 < map[0].1, "the middle is known better than a corner");
}

#[test]
fn the_order_is_found_among_repeats_and_strays() {
    let mut draws = Draws::new(7);
    let to = touched(0.2, &mut draws);
    let order = [4, 2, 2, 6, 0, 5, 3];
    let mut measured: Vec<Point<Patient>> = order.iter().map(|i| to[*i]).collect();
    measured.insert(2, Point::new(300.0, 20.0, -40.0));
    let found = match_points(&measured, &known(), 2.0).unwrap();
    let expected = [Some(4), Some(2), None, Some(2), Some(6), Some(0), Some(5), Some(3)];
    assert_eq!(found.partners, expected);
    assert!(!found.is_ambiguous && found.rms_mm < 0.6);
}

#[test]
fn symmetry_strangers_and_nonsense_are_refused() {
    let square: Vec<Point<Ct>> = [[0., 0., 0.], [40., 0., 0.], [40., 40., 0.], [0., 40., 0.]].map(Point::from).to_vec();
    let to: Vec<_> = square.iter().map(|p| truth() * *p).collect();
    assert!(match_points(&to, &square, 2.0).unwrap().is_ambiguous);
    let strange: Vec<Point<Patient>> = to.iter().map(|p| Point::from_vector3(p.vector3() * 1.5)).collect();
    assert!(match_points(&strange, &square, 2.0).unwrap_err().to_string().contains("geometry file"));
    assert!(match_points(&to[..2], &square, 2.0).is_err());
    assert!(match_points(&vec![to[0]; 200], &square, 2.0).is_err());
    let mut broken = to.clone();
    broken[1] = Point::new(f64::NAN, 0.0, 0.0);
    assert!(match_points(&broken, &square, 2.0).is_err());
    assert!(landmarks(&broken, &square, None, &LandmarkSettings::FIDUCIALS).is_err());
    broken[1] = Point::new(1e300, 0.0, 0.0);
    assert!(landmarks(&broken, &square, None, &LandmarkSettings::FIDUCIALS).is_err());
    assert!(landmarks(&to, &square, Some(&[1e308, 1.0, 0.0, f64::NAN]), &LandmarkSettings::FIDUCIALS).is_err());
    assert!(landmarks(&to, &square, Some(&[0.0; 4]), &LandmarkSettings::FIDUCIALS).is_err());
    assert!(match_points(&vec![to[0]; 20], &vec![square[0]; 20], 2.0).is_err());
}
