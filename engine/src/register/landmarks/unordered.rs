//! Landmarks touched in no agreed order.

use geom::{Ct, Patient, Point, Transform, fit_rigid};

use super::{LandmarkSettings, landmarks};
use crate::register::error::RegisterError;
use crate::register::registration::Registration;
use crate::register::verdict::{Reason, Verdict};

/// Most landmarks on either side.
const MAX_LANDMARKS: usize = 24;
/// Sides of matching triangles differ by less than this many expected errors.
const SIDE_ERRORS: f64 = 3.0;
/// From this ratio of errors on, two orders are told apart by chance only.
const MAX_RATIO: f64 = 0.7;

/// Finds pose and order together: which of the `ct` landmarks was touched as
/// which of the `patient` points. Every touched point must have a partner; the
/// CT may hold more landmarks than were touched.
///
/// The widest triangle of touched points is tried on every triangle of the CT
/// with equal sides; each gives a pose, by which all points take the nearest
/// free landmark. Returns the registration and the partner of each point. A
/// second order that fits nearly as well (symmetric landmarks) is rejected.
///
/// # Errors
/// As [`landmarks`]; [`RegisterError::TooManyLandmarks`] beyond 24;
/// [`RegisterError::NoOrder`] when no order fits. Cost: at most 10 ms for 24.
pub fn unordered_landmarks(
    patient: &[Point<Patient>],
    ct: &[Point<Ct>],
    settings: &LandmarkSettings,
) -> Result<(Registration, Vec<usize>), RegisterError> {
    let found = patient.len().max(ct.len());
    if found > MAX_LANDMARKS {
        return Err(RegisterError::TooManyLandmarks { found, most: MAX_LANDMARKS });
    }
    let fle_mm = if settings.min_fle_mm.is_finite() { settings.min_fle_mm.max(0.1) } else { 1.0 };
    let mut orders = orders(patient, ct, SIDE_ERRORS * fle_mm);
    orders.sort_by(|a, b| a.0.total_cmp(&b.0));
    orders.dedup_by(|a, b| a.1 == b.1);
    let (error, order) = orders.first().cloned().ok_or(RegisterError::NoOrder { touched: patient.len() })?;
    let partners: Vec<Point<Ct>> = order.iter().filter_map(|&i| ct.get(i).copied()).collect();
    let registration = landmarks(patient, &partners, settings)?;
    // Errors below what can be touched are equal.
    let ratio = orders.get(1).map_or(0.0, |second| error.max(fle_mm / 2.0) / second.0.max(fle_mm / 2.0));
    let finding = (ratio > MAX_RATIO).then_some((Verdict::Reject, Reason::AmbiguousLandmarks { ratio }));
    Ok((registration.with_finding(finding), order))
}

/// Orders that fit, with their RMS errors.
fn orders(patient: &[Point<Patient>], ct: &[Point<Ct>], tolerance_mm: f64) -> Vec<(f64, Vec<usize>)> {
    let Some([a, b, c]) = widest(patient) else { return Vec::new() };
    let sides = [patient[a].distance(patient[b]), patient[b].distance(patient[c]), patient[c].distance(patient[a])];
    let is_side = |i: usize, j: usize, side: f64| i != j && (ct[i].distance(ct[j]) - side).abs() <= tolerance_mm;
    let mut orders = Vec::new();
    for i in 0..ct.len() {
        for j in (0..ct.len()).filter(|&j| is_side(i, j, sides[0])) {
            for k in (0..ct.len()).filter(|&k| is_side(j, k, sides[1]) && is_side(k, i, sides[2])) {
                let Ok(fit) = fit_rigid(&[patient[a], patient[b], patient[c]], &[ct[i], ct[j], ct[k]], None) else {
                    continue;
                };
                orders.extend(complete(patient, ct, &fit.to_from, tolerance_mm));
            }
        }
    }
    orders
}

/// The three points of the largest triangle.
fn widest(points: &[Point<Patient>]) -> Option<[usize; 3]> {
    let area = |[i, j, k]: &[usize; 3]| (points[*j] - points[*i]).cross(points[*k] - points[*i]).norm();
    let n = points.len();
    let all = (0..n).flat_map(|i| (i + 1..n).flat_map(move |j| (j + 1..n).map(move |k| [i, j, k])));
    all.filter(|t| area(t).is_finite()).max_by(|s, t| area(s).total_cmp(&area(t)))
}

/// Gives each point the nearest free landmark and fits again.
fn complete(
    patient: &[Point<Patient>],
    ct: &[Point<Ct>],
    pose: &Transform<Patient, Ct>,
    tolerance_mm: f64,
) -> Option<(f64, Vec<usize>)> {
    let mut is_free = vec![true; ct.len()];
    let mut order = Vec::with_capacity(patient.len());
    for point in patient {
        let distance = |i: &usize| point.distance(*pose * ct[*i]);
        let nearest = (0..ct.len()).filter(|&i| is_free[i]).min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
        if distance(&nearest) > 3.0 * tolerance_mm {
            return None;
        }
        is_free[nearest] = false;
        order.push(nearest);
    }
    let partners: Vec<Point<Ct>> = order.iter().map(|&i| ct[i]).collect();
    let fit = fit_rigid(patient, &partners, None).ok()?;
    (fit.fre_mm <= tolerance_mm).then_some((fit.fre_mm, order))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::random::Random;
    use geom::nalgebra::Vector3;
    use geom::{Twist, Vector};

    fn marked() -> Vec<Point<Ct>> {
        [[0., 0., 0.], [30., 5., 2.], [-26., 4., 0.], [1., 30., -8.], [2., 25., 33.], [-22., 2., 34.], [14., -9., 51.]]
            .map(Point::from)
            .into()
    }

    fn truth() -> Transform<Patient, Ct> {
        Transform::exp(&Twist {
            rotation_rad: Vector3::new(2.4, -1.2, 0.3),
            translation_mm: Vector3::new(80.0, -30.0, 400.0),
        })
    }

    #[test]
    fn any_order_is_found() {
        let (ct, mut random) = (marked(), Random::new(6));
        for round in 0..40 {
            let mut order: Vec<usize> = (0..7).collect();
            (1..7).rev().for_each(|i| order.swap(i, random.below(i + 1)));
            order.truncate(5 + round % 3);
            let noisy =
                |i: &usize| truth() * ct[*i] + Vector::from_vector3(Vector3::from(random.clone().normal3()) * 0.2);
            let patient: Vec<_> = order.iter().map(noisy).collect();
            let (registration, found) = unordered_landmarks(&patient, &ct, &LandmarkSettings::default()).unwrap();
            assert_eq!(found, order, "round {round}");
            assert!((registration.patient_from_ct() * ct[0]).distance(truth() * ct[0]) < 1.0);
        }
    }

    #[test]
    fn symmetric_and_impossible_sets_are_refused() {
        let square: Vec<Point<Ct>> =
            [[0., 0., 0.], [20., 0., 0.], [20., 20., 0.], [0., 20., 0.]].map(Point::from).into();
        let patient: Vec<_> = square.iter().map(|c| truth() * *c).collect();
        let (registration, _) = unordered_landmarks(&patient, &square, &LandmarkSettings::default()).unwrap();
        assert_eq!(registration.verdict(), Verdict::Reject);
        assert!(registration.reasons().iter().any(|r| matches!(r, Reason::AmbiguousLandmarks { .. })));
        let elsewhere: Vec<_> = patient.iter().map(|p| Point::from_vector3(p.vector3() * 3.0)).collect();
        let refused = unordered_landmarks(&elsewhere, &square, &LandmarkSettings::default());
        assert!(matches!(refused, Err(RegisterError::NoOrder { touched: 4 })));
        let many = vec![Point::new(0.0, 0.0, 0.0); 25];
        let refused = unordered_landmarks(&many, &square, &LandmarkSettings::default());
        assert!(matches!(refused, Err(RegisterError::TooManyLandmarks { found: 25, .. })));
    }
}
