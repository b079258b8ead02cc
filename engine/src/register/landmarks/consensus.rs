//! Landmarks of which some are wrong.

use geom::{Ct, Patient, Point, fit_rigid};

use super::{LandmarkSettings, weighted_landmarks};
use crate::register::error::RegisterError;
use crate::register::random::Random;
use crate::register::registration::Registration;
use crate::register::verdict::{Reason, Verdict};

/// Up to this many triples are all tried; more are drawn by chance.
const MAX_TRIPLES: usize = 4096;
/// A landmark this many times its expected error away fits no others.
const INLIER_ERRORS: f64 = 3.0;

/// [`super::landmarks`] where some pairs may be wrong: touched at the wrong
/// place, or swapped.
///
/// Every triple of pairs proposes a pose (RANSAC: Fischler and Bolles 1981,
/// doi:10.1145/358669.358692, but exhaustive for small sets); the pose with the
/// most pairs within three times `min_fle_mm` is fitted to those. The others
/// are named in the reasons and make the result doubtful; fewer than
/// `min_pairs` that agree are doubted as well.
///
/// # Errors
/// As [`super::landmarks`].
pub fn robust_landmarks(
    patient: &[Point<Patient>],
    ct: &[Point<Ct>],
    settings: &LandmarkSettings,
) -> Result<Registration, RegisterError> {
    // Refuses what cannot be fitted at all.
    fit_rigid(patient, ct, None)?;
    let limit_mm = INLIER_ERRORS * if settings.min_fle_mm.is_finite() { settings.min_fle_mm.max(0.1) } else { 1.0 };
    let mut best: Option<(Vec<f64>, usize, f64)> = None;
    for [i, j, k] in triples(patient.len()) {
        let pick = |set: &[usize; 3]| set.iter().filter_map(|&i| patient.get(i).copied()).collect::<Vec<_>>();
        let (to, from): (Vec<_>, Vec<_>) =
            (pick(&[i, j, k]), [i, j, k].iter().filter_map(|&i| ct.get(i).copied()).collect());
        let Ok(fit) = fit_rigid(&to, &from, None) else { continue };
        let distances: Vec<f64> = patient.iter().zip(ct).map(|(p, c)| p.distance(fit.to_from * *c)).collect();
        let weights: Vec<f64> = distances.iter().map(|mm| f64::from(u8::from(*mm <= limit_mm))).collect();
        let agreeing = weights.iter().filter(|w| **w > 0.0).count();
        let error: f64 = distances.iter().map(|mm| mm.min(limit_mm).powi(2)).sum();
        if best.as_ref().is_none_or(|b| agreeing > b.1 || (agreeing == b.1 && error < b.2)) {
            best = Some((weights, agreeing, error));
        }
    }
    let weights = best.map_or_else(|| vec![1.0; patient.len()], |b| b.0);
    let registration = weighted_landmarks(patient, ct, &weights, settings)?;
    let indices: Vec<usize> = weights.iter().enumerate().filter(|(_, w)| **w == 0.0).map(|(i, _)| i).collect();
    // Half of the landmarks against the other half decide nothing.
    let verdict = if indices.len() * 2 >= patient.len() { Verdict::Reject } else { Verdict::Doubtful };
    let finding = (!indices.is_empty()).then_some((verdict, Reason::OutlyingLandmarks { indices }));
    Ok(registration.with_finding(finding))
}

/// Triples of `0..count`: all, or as many as can be afforded.
fn triples(count: usize) -> Vec<[usize; 3]> {
    let all = count * count.saturating_sub(1) * count.saturating_sub(2) / 6;
    if all <= MAX_TRIPLES {
        let pairs = |i: usize| (i + 1..count).flat_map(move |j| (j + 1..count).map(move |k| [i, j, k]));
        return (0..count).flat_map(pairs).collect();
    }
    let mut random = Random::new(1);
    let draw = |random: &mut Random| [0; 3].map(|_| random.below(count));
    (0..MAX_TRIPLES).map(|_| draw(&mut random)).filter(|[i, j, k]| i != j && j != k && i != k).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use geom::nalgebra::Vector3;
    use geom::{Transform, Twist};

    #[test]
    fn wrong_landmarks_are_named_and_left_out() {
        let ct: Vec<Point<Ct>> =
            [[0., 0., 0.], [30., 5., 2.], [-28., 4., 0.], [1., 30., -8.], [2., 28., 30.], [-25., 2., 34.]]
                .map(Point::from)
                .into();
        let truth = Transform::<Patient, Ct>::exp(&Twist {
            rotation_rad: Vector3::new(0.4, -1.2, 2.0),
            translation_mm: Vector3::new(80.0, -30.0, 400.0),
        });
        let mut random = Random::new(4);
        for round in 0..50 {
            let noisy = |c: &Point<Ct>, r: &mut Random| {
                truth * (*c + geom::Vector::from_vector3(Vector3::from(r.normal3()) * 0.3))
            };
            let mut patient: Vec<_> = ct.iter().map(|c| noisy(c, &mut random)).collect();
            let (a, b) = (round % 6, (round + 1 + round % 4) % 6);
            patient.swap(a, b);
            let registration = robust_landmarks(&patient, &ct, &LandmarkSettings::default()).unwrap();
            let mut swapped = vec![a, b];
            swapped.sort_unstable();
            assert_eq!(registration.reasons()[0], Reason::OutlyingLandmarks { indices: swapped }, "{round}");
            assert_eq!(registration.verdict(), Verdict::Doubtful);
            assert!((registration.patient_from_ct() * ct[0]).distance(truth * ct[0]) < 1.5);
        }
        let straight: Vec<_> = ct.iter().map(|c| truth * *c).collect();
        let clean = robust_landmarks(&straight, &ct, &LandmarkSettings::default()).unwrap();
        assert_eq!(clean.verdict(), Verdict::Accept, "{:?}", clean.reasons());
    }
}
