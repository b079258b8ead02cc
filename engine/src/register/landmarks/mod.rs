//! Registration by landmarks: paired, with outliers, or in unknown order.

mod consensus;
mod unordered;

use std::time::Instant;

use geom::nalgebra::{Matrix3x6, Matrix6, Vector3};
use geom::{Ct, Patient, Point, PoseCovariance, Transform, Vector, fit_rigid};

use crate::register::error::RegisterError;
use crate::register::registration::{Evidence, Figures, Method, Registration};
use crate::register::verdict::{Reason, Verdict};

pub use consensus::robust_landmarks;
pub use geom::LandmarkSettings;
pub use unordered::unordered_landmarks;

/// Finds where the CT lies on the patient from landmarks touched in the same
/// order as they were marked in the CT.
///
/// * `patient`, `ct` - paired positions, mm.
///
/// # Errors
/// [`RegisterError::Fit`] for fewer than three pairs, unequal lists, values
/// that are not finite, or landmarks on a line.
pub fn landmarks(
    patient: &[Point<Patient>],
    ct: &[Point<Ct>],
    settings: &LandmarkSettings,
) -> Result<Registration, RegisterError> {
    weighted(patient, ct, None, settings)
}

/// [`landmarks`] with a weight of each pair, 0 or more: the inverse of its
/// expected squared error. A pair of weight 0 only shows its residual.
///
/// # Errors
/// As [`landmarks`], and for weights that are negative or not one a pair.
pub fn weighted_landmarks(
    patient: &[Point<Patient>],
    ct: &[Point<Ct>],
    weights: &[f64],
    settings: &LandmarkSettings,
) -> Result<Registration, RegisterError> {
    weighted(patient, ct, Some(weights), settings)
}

fn weighted(
    patient: &[Point<Patient>],
    ct: &[Point<Ct>],
    weights: Option<&[f64]>,
    settings: &LandmarkSettings,
) -> Result<Registration, RegisterError> {
    let begun = Instant::now();
    let fit = fit_rigid(patient, ct, weights)?;
    let patient_from_ct: Transform<Patient, Ct> = fit.to_from;
    let residuals_mm: Vec<f64> = patient.iter().zip(ct).map(|(p, c)| p.distance(patient_from_ct * *c)).collect();
    let weights = weights.map_or_else(|| vec![1.0; patient.len()], <[f64]>::to_vec);
    let (covariance, information, sigma_mm) = uncertainty(patient, &residuals_mm, &weights, settings.min_fle_mm);

    let mut findings = Vec::new();
    let (found, wanted) = (weights.iter().filter(|w| **w > 0.0).count(), settings.min_pairs);
    if found < wanted {
        findings.push((Verdict::Doubtful, Reason::FewLandmarks { found, wanted }));
    }
    let (fre_mm, limit_mm) = (fit.fre_mm, settings.max_fre_mm);
    if fre_mm > limit_mm {
        let verdict = if fre_mm > 2.0 * limit_mm { Verdict::Reject } else { Verdict::Doubtful };
        findings.push((verdict, Reason::HighFiducialError { fre_mm, limit_mm }));
    }
    let evidence = Evidence {
        method: Method::Landmarks,
        rms_mm: fit.fre_mm,
        sigma_mm,
        inliers: found,
        residuals_mm,
        iterations: 1,
        information,
        covariance,
        figures: Figures::default(),
        elapsed: begun.elapsed(),
    };
    Ok(Registration::new(patient_from_ct, findings, evidence))
}

/// Covariance, information and the error of one coordinate.
///
/// The error of one coordinate follows from the residuals with `3 n - 6`
/// degrees of freedom, which is `FRE^2 = (1 - 2/n) FLE^2` (Fitzpatrick et al.,
/// IEEE TMI 17(5), 1998, doi:10.1109/42.736021, eq. 10); with it
/// `sigma^2 (sum J^T J)^-1` is their TRE (eq. 46) as a covariance. Weights
/// divide the variance of a pair, relative to their mean.
fn uncertainty(
    patient: &[Point<Patient>],
    residuals_mm: &[f64],
    weights: &[f64],
    min_fle_mm: f64,
) -> (PoseCovariance, Matrix6<f64>, f64) {
    let used = weights.iter().filter(|w| **w > 0.0).count().max(1);
    let mean = weights.iter().sum::<f64>() / used as f64;
    let share = |i: usize| weights.get(i).copied().unwrap_or(0.0) / mean.max(1e-300);
    let squares: f64 = residuals_mm.iter().enumerate().map(|(i, r)| share(i) * r * r).sum();
    let freedom = (3 * used).saturating_sub(6).max(1) as f64;
    let floor = if min_fle_mm.is_finite() { min_fle_mm.max(0.01) } else { 1.0 } / 3f64.sqrt();
    let sigma_mm = (squares / freedom).sqrt().max(floor);
    // About the centroid, where the matrix is well conditioned.
    let centroid = Point::centroid(patient).map_or_else(Vector3::zeros, Point::vector3);
    let mut information = Matrix6::zeros();
    for (i, point) in patient.iter().enumerate() {
        let jacobian = arm_jacobian(&(point.vector3() - centroid));
        information += jacobian.transpose() * jacobian * share(i) / (sigma_mm * sigma_mm);
    }
    let to_origin = Transform::<Patient, Patient>::from_translation(Vector::from_vector3(centroid));
    let about_centroid = information.try_inverse().and_then(PoseCovariance::new).unwrap_or_else(PoseCovariance::zero);
    let back = to_origin.inverse().adjoint();
    (about_centroid.transported(&to_origin), back.transpose() * information * back, sigma_mm)
}

/// Motion of a point at `arm` under a small rotation and translation.
fn arm_jacobian(arm: &Vector3<f64>) -> Matrix3x6<f64> {
    let mut jacobian = Matrix3x6::zeros();
    jacobian.fixed_view_mut::<3, 3>(0, 0).copy_from(&-arm.cross_matrix());
    jacobian.fixed_view_mut::<3, 3>(0, 3).fill_with_identity();
    jacobian
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::random::Random;
    use geom::Twist;

    fn truth() -> Transform<Patient, Ct> {
        Transform::exp(&Twist {
            rotation_rad: Vector3::new(0.4, -1.2, 2.0),
            translation_mm: Vector3::new(80.0, -30.0, 400.0),
        })
    }

    fn marked() -> Vec<Point<Ct>> {
        [[0., 0., 0.], [30., 5., 2.], [-28., 4., 0.], [1., 30., -8.], [2., 28., 30.], [-25., 2., 34.]]
            .map(Point::from)
            .into()
    }

    #[test]
    fn predicted_error_matches_what_happens() {
        // Ratio of true to predicted RMS TRE; 500 cases, FLE 1 mm.
        let (mut random, ct) = (Random::new(11), marked());
        let deep = Point::new(0.0, -40.0, 20.0);
        let (mut actual, mut predicted) = (0.0, 0.0);
        for _ in 0..500 {
            let noise = |r: &mut Random| Vector::from_vector3(Vector3::from(r.normal3()) / 3f64.sqrt());
            let patient: Vec<_> = ct.iter().map(|c| truth() * *c + noise(&mut random)).collect();
            let settings = LandmarkSettings { min_fle_mm: 0.01, ..LandmarkSettings::default() };
            let registration = landmarks(&patient, &ct, &settings).unwrap();
            let at = truth() * deep;
            actual += (registration.patient_from_ct() * deep).distance(at).powi(2);
            predicted += registration.predicted_tre_mm(at).powi(2);
        }
        let ratio = (actual / predicted).sqrt();
        assert!((0.93..1.07).contains(&ratio), "{ratio:.3}");
    }

    #[test]
    fn swapped_landmarks_are_rejected_and_few_are_doubted() {
        let ct = marked();
        let mut patient: Vec<_> = ct.iter().map(|c| truth() * *c).collect();
        let good = landmarks(&patient, &ct, &LandmarkSettings::default()).unwrap();
        assert_eq!((good.verdict(), good.method(), good.inliers()), (Verdict::Accept, Method::Landmarks, 6));
        assert!(good.predicted_tre_mm(patient[0]) > 0.3, "six perfect pairs are luck, not certainty");
        let three = landmarks(&patient[..3], &ct[..3], &LandmarkSettings::default()).unwrap();
        assert_eq!(three.verdict(), Verdict::Doubtful);
        patient.swap(0, 4);
        let swapped = landmarks(&patient, &ct, &LandmarkSettings::default()).unwrap();
        assert_eq!(swapped.verdict(), Verdict::Reject, "{:?}", swapped.reasons());
        assert!(landmarks(&patient[..2], &ct[..2], &LandmarkSettings::default()).is_err());
        patient[1] = Point::new(f64::NAN, 0.0, 0.0);
        assert!(landmarks(&patient, &ct, &LandmarkSettings::default()).is_err());
    }

    #[test]
    fn information_is_the_inverse_of_the_covariance() {
        let ct = marked();
        let patient: Vec<_> = ct.iter().map(|c| truth() * *c).collect();
        let r = landmarks(&patient, &ct, &LandmarkSettings::default()).unwrap();
        assert!((r.information() * r.covariance().matrix() - Matrix6::identity()).amax() < 1e-5);
    }
}
