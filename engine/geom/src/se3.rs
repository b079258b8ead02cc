//! Exponential and logarithm of rigid motions.

use nalgebra::{Matrix3, Matrix6, UnitQuaternion, Vector3, Vector6};

use crate::frames::Frame;
use crate::transform::Transform;

/// Below this angle the series replace the quotients (relative error < 1e-15).
const SMALL_ANGLE_RAD: f64 = 1e-4;

/// A small motion: rotation vector in radians, then translation in
/// millimetres, both in the axes of the frame mapped into.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Twist {
    /// Rotation vector `omega` (axis times angle), radians.
    pub rotation_rad: Vector3<f64>,
    /// Translational part `v`, millimetres.
    pub translation_mm: Vector3<f64>,
}

/// The cross-product matrix: `skew(a) * b = a x b`.
pub(crate) fn skew(a: &Vector3<f64>) -> Matrix3<f64> {
    Matrix3::new(0.0, -a.z, a.y, a.z, 0.0, -a.x, -a.y, a.x, 0.0)
}

/// `V(omega)`, the left Jacobian of SO(3).
///
/// Barfoot, *State Estimation for Robotics*, 2017, eq. 7.77.
fn left_jacobian(omega: &Vector3<f64>) -> Matrix3<f64> {
    let angle = omega.norm();
    let k = skew(omega);
    let (b, c) = if angle < SMALL_ANGLE_RAD {
        (0.5 - angle * angle / 24.0, 1.0 / 6.0 - angle * angle / 120.0)
    } else {
        ((1.0 - angle.cos()) / (angle * angle), (angle - angle.sin()) / (angle * angle * angle))
    };
    Matrix3::identity() + k * b + k * k * c
}

/// Inverse of [`left_jacobian`], closed form; Barfoot 2017, eq. 7.76b.
fn left_jacobian_inverse(omega: &Vector3<f64>) -> Matrix3<f64> {
    let angle = omega.norm();
    let k = skew(omega);
    let c = if angle < SMALL_ANGLE_RAD {
        1.0 / 12.0 + angle * angle / 720.0
    } else {
        let half = 0.5 * angle;
        (1.0 - half / half.tan()) / (angle * angle)
    };
    Matrix3::identity() - k * 0.5 + k * k * c
}

impl Twist {
    /// From `[rx, ry, rz, tx, ty, tz]`, radians and millimetres.
    #[must_use]
    pub fn from_vector(v: &Vector6<f64>) -> Self {
        Self { rotation_rad: Vector3::new(v[0], v[1], v[2]), translation_mm: Vector3::new(v[3], v[4], v[5]) }
    }

    /// As `[rx, ry, rz, tx, ty, tz]`, radians and millimetres.
    #[must_use]
    pub fn to_vector(&self) -> Vector6<f64> {
        let (r, t) = (&self.rotation_rad, &self.translation_mm);
        Vector6::new(r.x, r.y, r.z, t.x, t.y, t.z)
    }
}

impl<To: Frame, From: Frame> Transform<To, From> {
    /// Exponential map of SE(3). Costs one sine and cosine and two 3x3 products.
    ///
    /// ```
    /// use geom::{Ct, Patient, Transform, Twist};
    /// use geom::nalgebra::Vector3;
    /// let quarter_turn = Twist { rotation_rad: Vector3::z() * std::f64::consts::FRAC_PI_2, translation_mm: Vector3::zeros() };
    /// let x_axis = Transform::<Patient, Ct>::exp(&quarter_turn) * geom::Point::new(1.0, 0.0, 0.0);
    /// assert!((x_axis.to_array()[1] - 1.0).abs() < 1e-12);
    /// ```
    #[must_use]
    pub fn exp(twist: &Twist) -> Self {
        let rotation = UnitQuaternion::from_scaled_axis(twist.rotation_rad);
        Self::new(rotation, left_jacobian(&twist.rotation_rad) * twist.translation_mm)
    }

    /// Logarithm, the inverse of [`Transform::exp`] for rotations below pi.
    #[must_use]
    pub fn log(&self) -> Twist {
        let rotation_rad = self.rotation().scaled_axis();
        Twist { rotation_rad, translation_mm: left_jacobian_inverse(&rotation_rad) * self.translation() }
    }

    /// The 6x6 adjoint in the order rotation, translation:
    /// `T exp(x) T^-1 = exp(Ad_T x)`. Barfoot 2017, eq. 7.45 (blocks reordered).
    #[must_use]
    pub fn adjoint(&self) -> Matrix6<f64> {
        let r = self.rotation().to_rotation_matrix().into_inner();
        let mut adjoint = Matrix6::zeros();
        adjoint.fixed_view_mut::<3, 3>(0, 0).copy_from(&r);
        adjoint.fixed_view_mut::<3, 3>(3, 3).copy_from(&r);
        adjoint.fixed_view_mut::<3, 3>(3, 0).copy_from(&(skew(&self.translation()) * r));
        adjoint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ct, Patient};

    fn twists() -> impl Iterator<Item = Twist> {
        // From far below the series' threshold to just under half a turn.
        [1e-9, 1e-5, 0.99e-4, 1.01e-4, 0.1, 1.0, 3.1].into_iter().flat_map(|angle| {
            [Vector3::x(), Vector3::new(0.6, -0.48, 0.64), Vector3::new(0.0, 0.8, -0.6)]
                .map(|axis| Twist { rotation_rad: axis * angle, translation_mm: Vector3::new(12.0, -300.0, 4.5) })
        })
    }

    #[test]
    fn log_undoes_exp() {
        for twist in twists() {
            let back = Transform::<Patient, Ct>::exp(&twist).log();
            assert!((back.to_vector() - twist.to_vector()).amax() < 1e-8, "{twist:?} -> {back:?}");
        }
    }

    #[test]
    fn exp_equals_many_small_steps() {
        let twist = Twist { rotation_rad: Vector3::new(0.4, -0.9, 0.3), translation_mm: Vector3::new(20.0, 5.0, -7.0) };
        let small = Twist::from_vector(&(twist.to_vector() / 1024.0));
        let step = Transform::<Ct, Ct>::exp(&small);
        let walked = (0..1024).fold(Transform::<Ct, Ct>::identity(), |pose, _| step * pose);
        assert!((walked.matrix() - Transform::<Ct, Ct>::exp(&twist).matrix()).amax() < 1e-9);
    }

    #[test]
    fn adjoint_moves_a_twist_to_the_other_side() {
        let pose = Transform::<Ct, Ct>::exp(&Twist {
            rotation_rad: Vector3::new(0.2, 1.1, -0.4),
            translation_mm: Vector3::new(40.0, 3.0, -9.0),
        });
        let x = Vector6::new(0.1, -0.2, 0.05, 3.0, -1.0, 2.0);
        let left = pose * Transform::exp(&Twist::from_vector(&x)) * pose.inverse();
        let right = Transform::<Ct, Ct>::exp(&Twist::from_vector(&(pose.adjoint() * x)));
        assert!((left.matrix() - right.matrix()).amax() < 1e-10);
    }
}
