//! Uncertainty of a pose, and what it means at a point.

use nalgebra::{Matrix3, Matrix3x6, Matrix6};

use crate::frames::Frame;
use crate::point::Point;
use crate::se3::skew;
use crate::transform::Transform;

/// Covariance of a left perturbation of a pose `T <- exp(x) T`.
///
/// Order rotation (rad), translation (mm); `x` lives in the frame mapped into
/// and rotates about that frame's origin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PoseCovariance(Matrix6<f64>);

impl PoseCovariance {
    /// From a symmetric matrix; `None` when it is not finite or has a clearly
    /// negative eigenvalue.
    #[must_use]
    pub fn new(matrix: Matrix6<f64>) -> Option<Self> {
        if matrix.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let symmetric = (matrix + matrix.transpose()) * 0.5;
        let eigenvalues = symmetric.symmetric_eigenvalues();
        (eigenvalues.min() >= -1e-9 * eigenvalues.amax().max(1e-300)).then_some(Self(symmetric))
    }

    /// A pose known exactly.
    #[must_use]
    pub fn zero() -> Self {
        Self(Matrix6::zeros())
    }

    /// The 6x6 matrix, rotation before translation.
    #[must_use]
    pub const fn matrix(&self) -> &Matrix6<f64> {
        &self.0
    }

    /// Covariance of `outer * T` when `T` has this covariance and `outer` is
    /// exact: `Ad S Ad^T` (Barfoot 2017, eq. 7.261).
    #[must_use]
    pub fn transported<A: Frame, B: Frame>(&self, outer: &Transform<A, B>) -> Self {
        let adjoint = outer.adjoint();
        Self(adjoint * self.0 * adjoint.transpose())
    }

    /// Covariance of `T1 * T2` with independent errors, to first order:
    /// `S1 + Ad_T1 S2 Ad_T1^T` (Barfoot 2017, eq. 7.261).
    #[must_use]
    pub fn composed<A: Frame, B: Frame>(&self, outer: &Transform<A, B>, inner: &Self) -> Self {
        Self(self.0 + inner.transported(outer).0)
    }

    /// 3x3 covariance (mm^2) of a point mapped by the pose, `point` being its
    /// image in the frame mapped into. The lever arm enters here.
    ///
    /// ```
    /// use geom::{Patient, Point, PoseCovariance};
    /// use geom::nalgebra::Matrix6;
    /// let mut s = Matrix6::zeros();
    /// s[(2, 2)] = 1e-4; // 0.01 rad about z
    /// let at_100_mm = PoseCovariance::new(s).unwrap().at_point(Point::<Patient>::new(100.0, 0.0, 0.0));
    /// assert!((at_100_mm[(1, 1)].sqrt() - 1.0).abs() < 1e-9); // 1 mm sideways
    /// ```
    #[must_use]
    pub fn at_point<F: Frame>(&self, point: Point<F>) -> Matrix3<f64> {
        let mut jacobian = Matrix3x6::zeros();
        jacobian.fixed_view_mut::<3, 3>(0, 0).copy_from(&-skew(&point.vector3()));
        jacobian.fixed_view_mut::<3, 3>(0, 3).copy_from(&Matrix3::identity());
        jacobian * self.0 * jacobian.transpose()
    }

    /// Root-mean-square error (mm) of a point mapped by the pose: the
    /// predicted target registration error.
    #[must_use]
    pub fn rms_at_point_mm<F: Frame>(&self, point: Point<F>) -> f64 {
        self.at_point(point).trace().max(0.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ct, Patient, Tracker, Twist};
    use nalgebra::{Vector3, Vector6};

    fn example() -> PoseCovariance {
        let sigma = Vector6::new(0.01, 0.02, 0.005, 0.3, 0.1, 0.5);
        PoseCovariance::new(Matrix6::from_diagonal(&sigma.component_mul(&sigma))).unwrap()
    }

    #[test]
    fn transport_keeps_the_error_at_a_physical_point() {
        let tracker_from_patient = Transform::<Tracker, Patient>::exp(&Twist {
            rotation_rad: Vector3::new(0.5, -1.0, 0.3),
            translation_mm: Vector3::new(100.0, -800.0, 1500.0),
        });
        let point = Point::<Patient>::new(30.0, -20.0, 80.0);
        let before = example().rms_at_point_mm(point);
        let after = example().transported(&tracker_from_patient).rms_at_point_mm(tracker_from_patient * point);
        assert!((before - after).abs() < 1e-9, "{before} {after}");
    }

    #[test]
    fn point_error_matches_perturbed_poses() {
        // Perturbing along each principal axis reproduces the Jacobian's answer.
        let point = Point::<Patient>::new(30.0, -20.0, 80.0);
        let variance: f64 = (0..6)
            .map(|axis| {
                let mut x = Vector6::zeros();
                x[axis] = example().matrix()[(axis, axis)].sqrt() * 1e-3;
                let moved = Transform::<Patient, Patient>::exp(&Twist::from_vector(&x)) * point;
                (moved.distance(point) * 1e3).powi(2)
            })
            .sum();
        assert!((variance.sqrt() / example().rms_at_point_mm(point) - 1.0).abs() < 1e-4);
    }

    #[test]
    fn a_matrix_that_is_no_covariance_is_refused() {
        assert!(PoseCovariance::new(-Matrix6::identity()).is_none());
        assert!(PoseCovariance::new(Matrix6::from_element(f64::NAN)).is_none());
        let _: Transform<Patient, Ct> = Transform::identity();
    }
}
