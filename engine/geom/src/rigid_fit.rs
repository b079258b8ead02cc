//! Closed-form rigid fit of paired points.

use nalgebra::{Matrix3, UnitQuaternion, Vector3};
use thiserror::Error;

use crate::frames::Frame;
use crate::point::Point;
use crate::transform::Transform;

/// Smallest second-to-first extent of the points that fixes a rotation. At
/// 0.02, one part of noise across the line becomes 50 in the angle about it.
const MIN_EXTENT_RATIO: f64 = 0.02;

/// Why paired points do not fix a rigid motion.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum FitError {
    /// The two lists (or the weights) differ in length.
    #[error(
        "{from_points} points are paired with {to_points} points and {weights} weights; every point needs its partner and its weight"
    )]
    UnpairedPoints {
        /// Points in the frame mapped from.
        from_points: usize,
        /// Points in the frame mapped into.
        to_points: usize,
        /// Weights given.
        weights: usize,
    },
    /// Fewer than three pairs carry weight.
    #[error("{found} paired points cannot fix a rigid motion; touch at least 3, better 6, spread over the bone")]
    TooFewPoints {
        /// Pairs with a positive weight.
        found: usize,
    },
    /// A coordinate or weight is NaN, infinite, or a weight is negative.
    #[error("pair {index} holds a value that is not a finite number or a weight below zero; measure it again")]
    NotFinite {
        /// Index of the pair.
        index: usize,
    },
    /// All points lie on a line or in one spot.
    #[error(
        "the points lie on a line: {spread_mm:.1} mm along it but only {width_mm:.1} mm across; add a point away from the line"
    )]
    Collinear {
        /// RMS extent along the line, mm.
        spread_mm: f64,
        /// RMS extent across it, mm.
        width_mm: f64,
    },
}

/// The best motion and how well it fits.
#[derive(Debug, Clone, Copy)]
pub struct RigidFit<To: Frame, From: Frame> {
    /// The motion that minimises the weighted squared distances.
    pub to_from: Transform<To, From>,
    /// Fiducial registration error: weighted RMS distance of the pairs, mm.
    pub fre_mm: f64,
}

/// Weighted least-squares rigid motion that maps `from[i]` onto `to[i]`.
///
/// Horn's problem solved by singular value decomposition with the reflection
/// guard of Umeyama, IEEE PAMI 13(4), 1991, doi:10.1109/34.88573 (eq. 40-43,
/// scale fixed to 1). Cost: linear in the points plus one 3x3 SVD.
///
/// * `from`, `to` - paired points in millimetres.
/// * `weights` - one weight >= 0 a pair; `None` weighs all alike.
///
/// # Errors
/// [`FitError`] when fewer than three pairs carry weight, a value is not
/// finite, or the points lie so near a line that the angle about it is free.
///
/// ```
/// use geom::{fit_rigid, Ct, Patient, Point};
/// let ct = [[0., 0., 0.], [10., 0., 0.], [0., 10., 0.]].map(Point::<Ct>::from);
/// let patient = [[5., 0., 0.], [15., 0., 0.], [5., 10., 0.]].map(Point::<Patient>::from);
/// let fit = fit_rigid(&patient, &ct, None).unwrap();
/// assert!((fit.to_from.translation().x - 5.0).abs() < 1e-12 && fit.fre_mm < 1e-12);
/// ```
pub fn fit_rigid<To: Frame, From: Frame>(
    to: &[Point<To>],
    from: &[Point<From>],
    weights: Option<&[f64]>,
) -> Result<RigidFit<To, From>, FitError> {
    let weight_count = weights.map_or(from.len(), <[f64]>::len);
    if from.len() != to.len() || weight_count != from.len() {
        return Err(FitError::UnpairedPoints { from_points: from.len(), to_points: to.len(), weights: weight_count });
    }
    let weight = |i: usize| weights.and_then(|w| w.get(i).copied()).unwrap_or(1.0);
    let pairs: Vec<(Vector3<f64>, Vector3<f64>, f64)> =
        from.iter().zip(to).enumerate().map(|(i, (a, b))| (a.vector3(), b.vector3(), weight(i))).collect();
    let is_bad = |(a, b, w): &(Vector3<f64>, Vector3<f64>, f64)| {
        !(a.iter().chain(b.iter()).all(|v| v.is_finite()) && w.is_finite() && *w >= 0.0)
    };
    if let Some(index) = pairs.iter().position(is_bad) {
        return Err(FitError::NotFinite { index });
    }
    let found = pairs.iter().filter(|p| p.2 > 0.0).count();
    if found < 3 {
        return Err(FitError::TooFewPoints { found });
    }
    let total: f64 = pairs.iter().map(|p| p.2).sum();
    let from_centre = pairs.iter().fold(Vector3::zeros(), |s, p| s + p.0 * p.2) / total;
    let to_centre = pairs.iter().fold(Vector3::zeros(), |s, p| s + p.1 * p.2) / total;
    let (mut cross, mut scatter) = (Matrix3::zeros(), Matrix3::zeros());
    for (a, b, w) in &pairs {
        let (a, b) = (a - from_centre, b - to_centre);
        cross += b * a.transpose() * *w;
        scatter += a * a.transpose() * *w;
    }
    check_spread(&(scatter / total))?;

    let svd = cross.svd(true, true);
    let (Some(u), Some(v_t)) = (svd.u, svd.v_t) else {
        return Err(FitError::TooFewPoints { found });
    };
    let mut reflection_guard = Matrix3::identity();
    reflection_guard[(2, 2)] = (u.determinant() * v_t.determinant()).signum();
    let rotation = nalgebra::Rotation3::from_matrix_unchecked(u * reflection_guard * v_t);
    let rotation = UnitQuaternion::from_rotation_matrix(&rotation);
    let to_from = Transform::new(rotation, to_centre - rotation * from_centre);
    let squared: f64 =
        pairs.iter().map(|(a, b, w)| w * (rotation * a + to_from.translation() - b).norm_squared()).sum();
    Ok(RigidFit { to_from, fre_mm: (squared / total).sqrt() })
}

/// Refuses point sets whose second-largest extent is too small to hold a rotation.
fn check_spread(scatter_mm2: &Matrix3<f64>) -> Result<(), FitError> {
    let mut extent: Vec<f64> = scatter_mm2.symmetric_eigenvalues().iter().map(|v| v.max(0.0).sqrt()).collect();
    extent.sort_by(|a, b| b.total_cmp(a));
    let (spread_mm, width_mm) = (extent[0], extent[1]);
    if width_mm <= MIN_EXTENT_RATIO * spread_mm || spread_mm <= 1e-9 {
        return Err(FitError::Collinear { spread_mm, width_mm });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ct, Patient, Twist};

    fn truth() -> Transform<Patient, Ct> {
        Transform::exp(&Twist {
            rotation_rad: Vector3::new(2.0, -1.0, 0.7),
            translation_mm: Vector3::new(30.0, -4.0, 200.0),
        })
    }

    fn cloud(n: usize) -> Vec<Point<Ct>> {
        (0..n).map(|i| i as f64).map(|i| Point::new((i * 1.7).sin() * 40.0, (i * 2.3).cos() * 25.0, i * 3.0)).collect()
    }

    #[test]
    fn exact_pairs_give_the_exact_motion() {
        let ct = cloud(8);
        let patient: Vec<_> = ct.iter().map(|p| truth() * *p).collect();
        let fit = fit_rigid(&patient, &ct, None).unwrap();
        assert!((fit.to_from.matrix() - truth().matrix()).amax() < 1e-9);
        assert!(fit.fre_mm < 1e-9);
    }

    #[test]
    fn planar_points_never_give_a_mirrored_patient() {
        let ct: Vec<_> = cloud(6).iter().map(|p| Point::new(p.to_array()[0], p.to_array()[1], 0.0)).collect();
        let patient: Vec<_> = ct.iter().map(|p| truth() * *p).collect();
        let fit = fit_rigid(&patient, &ct, None).unwrap();
        assert!((fit.to_from.matrix() - truth().matrix()).amax() < 1e-9);
    }

    #[test]
    fn a_pair_without_weight_does_not_matter() {
        let ct = cloud(5);
        let mut patient: Vec<_> = ct.iter().map(|p| truth() * *p).collect();
        patient[2] = Point::new(1e3, 1e3, 1e3);
        let fit = fit_rigid(&patient, &ct, Some(&[1.0, 1.0, 0.0, 1.0, 2.0])).unwrap();
        assert!((fit.to_from.matrix() - truth().matrix()).amax() < 1e-9);
    }

    #[test]
    fn degenerate_sets_are_refused_with_their_reason() {
        let line: Vec<_> = (0..6).map(|i| Point::<Ct>::new(0.0, 0.0, f64::from(i) * 10.0)).collect();
        let to: Vec<_> = line.iter().map(|p| truth() * *p).collect();
        assert!(matches!(fit_rigid(&to, &line, None), Err(FitError::Collinear { .. })));
        let spot = vec![Point::<Ct>::new(1.0, 2.0, 3.0); 4];
        let to: Vec<_> = spot.iter().map(|p| truth() * *p).collect();
        assert!(matches!(fit_rigid(&to, &spot, None), Err(FitError::Collinear { .. })));
        assert!(matches!(fit_rigid(&to[..2], &spot[..2], None), Err(FitError::TooFewPoints { found: 2 })));
        assert!(matches!(fit_rigid(&to[..2], &spot, None), Err(FitError::UnpairedPoints { .. })));
        let mut nan = cloud(4);
        nan[3] = Point::new(f64::NAN, 0.0, 0.0);
        assert!(matches!(fit_rigid(&to, &nan, None), Err(FitError::NotFinite { index: 3 })));
    }
}
