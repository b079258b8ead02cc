//! What a registration's covariance says about a point.

use geom::nalgebra::{Matrix3, Matrix6, Vector3};
use geom::{Patient, Point, PoseCovariance};

use super::registration::Registration;

/// 95th percentile of the standard normal distribution.
const NORMAL_95: f64 = 1.644_853_6;

/// RMS error that each level between the reference and the target adds, mm;
/// errors of levels add in squares, as independent motions do.
///
/// Guha et al. 2019, doi:10.1177/2192568218804556: 2 mm more at two levels from
/// the reference in the cervical and lumbar spine; `1.41 sqrt(2) = 2.0`.
const LEVEL_MM: f64 = 1.41;

/// How well the points fix the pose where the target is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observability {
    /// Standard deviations of the shift at the target along its principal
    /// directions, largest first, mm.
    pub shift_mm: [f64; 3],
    /// The least certain direction, unit, patient frame.
    pub weakest_direction: [f64; 3],
    /// Standard deviations of the turn about its principal axes, largest
    /// first, degrees.
    pub turn_deg: [f64; 3],
    /// The least certain axis, unit, patient frame.
    pub weakest_axis: [f64; 3],
    /// Eigenvalues of the information matrix about the target with turns in
    /// millimetres at 50 mm, largest first, 1/mm^2; near zero is a free motion.
    pub information_eigenvalues: [f64; 6],
}

impl Registration {
    /// Predicted RMS error (TRE) where `target` is shown, mm.
    ///
    /// From the residuals and the geometry of the touched points: it knows
    /// noise and lever arms, not a moved reference or a wrong level.
    #[must_use]
    pub fn predicted_tre_mm(&self, target: Point<Patient>) -> f64 {
        self.covariance().rms_at_point_mm(target)
    }

    /// The error at `target` that 95 of 100 such registrations stay below, mm.
    ///
    /// The squared error is a weighted sum of three squared normal numbers;
    /// taken as a gamma distribution of the same mean and variance
    /// (Satterthwaite 1946, doi:10.2307/3002019) with the quantile of Wilson and
    /// Hilferty 1931, doi:10.1073/pnas.17.12.684.
    #[must_use]
    pub fn predicted_tre_95_mm(&self, target: Point<Patient>) -> f64 {
        bound_95_mm(&self.covariance().at_point(target))
    }

    /// [`Self::predicted_tre_mm`] at a vertebra `levels` away from the one that
    /// carries the reference: what posture and hands move in between is added.
    #[must_use]
    pub fn predicted_tre_at_level_mm(&self, target: Point<Patient>, levels: u32) -> f64 {
        self.predicted_tre_mm(target).hypot(LEVEL_MM * f64::from(levels).sqrt())
    }

    /// Eigenvalues of what is known, in mm and degrees at `target`.
    #[must_use]
    pub fn observability(&self, target: Point<Patient>) -> Observability {
        /// Turns count as the millimetres they make at this distance: a
        /// pedicle screw's length.
        const LEVER_MM: f64 = 50.0;
        let about = about(self.covariance(), target);
        let (shift_mm, weakest_direction) = principal(&about.fixed_view::<3, 3>(3, 3).into());
        let (turn, weakest_axis) = principal(&about.fixed_view::<3, 3>(0, 0).into());
        let scale = Matrix6::from_diagonal(&[LEVER_MM, LEVER_MM, LEVER_MM, 1.0, 1.0, 1.0].into());
        let mut variances: [f64; 6] = (scale * about * scale).symmetric_eigenvalues().into();
        variances.sort_by(f64::total_cmp);
        Observability {
            shift_mm,
            weakest_direction,
            turn_deg: turn.map(f64::to_degrees),
            weakest_axis,
            information_eigenvalues: variances.map(|v| 1.0 / v.max(1e-12)),
        }
    }
}

/// Bound for the length of a normal vector of this covariance.
fn bound_95_mm(covariance: &Matrix3<f64>) -> f64 {
    let (mean, half_variance) = (covariance.trace(), (covariance * covariance).trace());
    if !(mean > 0.0 && half_variance > 0.0) {
        return 0.0;
    }
    let freedom = mean * mean / half_variance;
    let spread = 2.0 / (9.0 * freedom);
    (mean * (1.0 - spread + NORMAL_95 * spread.sqrt()).powi(3)).sqrt()
}

/// The covariance with the motion taken about `target`.
fn about(covariance: &PoseCovariance, target: Point<Patient>) -> Matrix6<f64> {
    let mut shift = Matrix6::identity();
    // A turn about the origin moves the target by turn cross target.
    shift.fixed_view_mut::<3, 3>(3, 0).copy_from(&-target.vector3().cross_matrix());
    shift * covariance.matrix() * shift.transpose()
}

/// Standard deviations, largest first, and the direction of the largest.
fn principal(block: &Matrix3<f64>) -> ([f64; 3], [f64; 3]) {
    let eigen = block.symmetric_eigen();
    let mut deviations: [f64; 3] = eigen.eigenvalues.map(|v| v.max(0.0).sqrt()).into();
    deviations.sort_by(|a, b| b.total_cmp(a));
    let direction: Vector3<f64> = eigen.eigenvectors.column(eigen.eigenvalues.imax()).into();
    (deviations, direction.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::random::Random;
    use crate::register::{LandmarkSettings, landmarks};
    use geom::Ct;

    #[test]
    fn ninety_five_of_a_hundred_errors_stay_below_the_bound() {
        // Long, flat and round error ellipsoids; 100 000 draws each.
        let mut random = Random::new(3);
        for sigma in [[1.0, 0.1, 0.1], [1.0, 1.0, 0.05], [1.0, 1.0, 1.0], [1.0, 0.5, 0.2]] {
            let covariance = Matrix3::from_diagonal(&Vector3::from(sigma.map(|s: f64| s * s)));
            let bound = bound_95_mm(&covariance);
            let is_below = |r: &mut Random| {
                r.normal3().iter().zip(sigma).map(|(n, s)| (n * s).powi(2)).sum::<f64>().sqrt() <= bound
            };
            let covered = (0..100_000).filter(|_| is_below(&mut random)).count();
            assert!((94_000..96_000).contains(&covered), "{sigma:?}: {covered}");
        }
        assert_eq!(bound_95_mm(&Matrix3::zeros()), 0.0);
    }

    #[test]
    fn prediction_grows_with_depth_and_with_levels_from_the_reference() {
        let marked: Vec<Point<Ct>> =
            [[0., 0., 0.], [30., 5., 2.], [-28., 4., 0.], [1., 30., -8.], [2., 28., 30.]].map(Point::from).into();
        let touched: Vec<Point<Patient>> = marked.iter().map(|p| Point::from(p.to_array())).collect();
        let r = landmarks(&touched, &marked, &LandmarkSettings::default()).unwrap();
        let (near, far) = (Point::new(0.0, 10.0, 5.0), Point::new(0.0, -90.0, 5.0));
        let (shallow, deep) = (r.observability(near), r.observability(far));
        assert!(deep.shift_mm[0] > 1.5 * shallow.shift_mm[0], "{deep:?}");
        assert!((deep.turn_deg[0] - shallow.turn_deg[0]).abs() < 1e-9 && deep.information_eigenvalues[5] > 0.0);
        assert!(shallow.shift_mm.map(|s| s * s).iter().sum::<f64>().sqrt() - r.predicted_tre_mm(near) < 1e-9);
        assert!(r.predicted_tre_95_mm(near) > r.predicted_tre_mm(near));
        let at = |levels| r.predicted_tre_at_level_mm(near, levels);
        assert!((at(0) - r.predicted_tre_mm(near)).abs() < 1e-12 && at(2) >= 2.0 && at(4) > at(2));
    }
}
