//! Poses without their frames, for the linear algebra inside this crate.

use geom::nalgebra::{Matrix3, Rotation3, UnitQuaternion, Vector3};
use geom::{Frame, Point, Transform};

use crate::error::CalibrationError;

/// Most poses a calibration takes: an hour at 55 Hz.
pub(crate) const MAX_POSES: usize = 200_000;

/// A pose as matrix and vector; rotations of poses that were checked to be finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rigid {
    pub rotation: Matrix3<f64>,
    pub translation: Vector3<f64>,
}

impl Rigid {
    pub fn of<A: Frame, B: Frame>(pose: &Transform<A, B>) -> Self {
        let rotation = pose.rotation().to_rotation_matrix().into_inner();
        Self { rotation, translation: pose.translation() }
    }

    pub fn transform<A: Frame, B: Frame>(&self) -> Transform<A, B> {
        Transform::new(quaternion(&self.rotation), self.translation)
    }

    pub fn inverse(&self) -> Self {
        let rotation = self.rotation.transpose();
        Self { rotation, translation: -(rotation * self.translation) }
    }

    pub fn apply(&self, point: &Vector3<f64>) -> Vector3<f64> {
        self.rotation * point + self.translation
    }
}

/// Largest coordinate that is taken, mm: ten kilometres. Squares of larger ones
/// would end the decompositions in numbers that are none.
const MAX_MM: f64 = 1e7;

/// Refuses points that are not finite or absurdly far away.
pub(crate) fn check_points<F: Frame>(points: &[Point<F>], of: &'static str) -> Result<(), CalibrationError> {
    points.iter().enumerate().try_for_each(|(index, point)| check_vector(&point.vector3(), of, index))
}

fn check_vector(vector: &Vector3<f64>, of: &'static str, index: usize) -> Result<(), CalibrationError> {
    if vector.iter().any(|v| !v.is_finite()) {
        return Err(CalibrationError::NotFinite { of, index });
    }
    if vector.amax() > MAX_MM {
        return Err(CalibrationError::OutOfRange { of, index, limit: MAX_MM, unit: "mm" });
    }
    Ok(())
}

/// All poses, or which of them is not finite or absurdly far away.
pub(crate) fn rigids<A: Frame, B: Frame>(
    poses: &[Transform<A, B>],
    of: &'static str,
) -> Result<Vec<Rigid>, CalibrationError> {
    if let Some(index) = poses.iter().position(|p| !p.is_finite()) {
        return Err(CalibrationError::NotFinite { of, index });
    }
    poses.iter().enumerate().try_for_each(|(index, p)| check_vector(&p.translation(), of, index))?;
    Ok(poses.iter().map(Rigid::of).collect())
}

/// A rotation matrix that rounding has moved off the group by very little.
pub(crate) fn quaternion(rotation: &Matrix3<f64>) -> UnitQuaternion<f64> {
    UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(*rotation))
}

/// Axis times angle of a rotation, radians.
pub(crate) fn rotation_vector(rotation: &Matrix3<f64>) -> Vector3<f64> {
    quaternion(rotation).scaled_axis()
}

/// The rotation about `vector` by its length, radians.
pub(crate) fn rotation_of(vector: &Vector3<f64>) -> Matrix3<f64> {
    Rotation3::from_scaled_axis(*vector).into_inner()
}

/// The rotation nearest to a matrix (least squares; Umeyama 1991,
/// doi:10.1109/34.88573), or `None` when it is singular.
pub(crate) fn nearest_rotation(matrix: &Matrix3<f64>) -> Option<Matrix3<f64>> {
    let svd = matrix.svd(true, true);
    let (u, v_t) = (svd.u?, svd.v_t?);
    let mut guard = Matrix3::identity();
    guard[(2, 2)] = (u.determinant() * v_t.determinant()).signum();
    let rotation = u * guard * v_t;
    rotation.iter().all(|v| v.is_finite()).then_some(rotation)
}

/// The mean of rotations: the nearest rotation to the sum of their matrices.
pub(crate) fn mean_rotation(poses: &[Rigid]) -> Option<Matrix3<f64>> {
    nearest_rotation(&poses.iter().fold(Matrix3::zeros(), |sum, p| sum + p.rotation))
}
/// The cross-product matrix: `skew(a) * b = a x b`.
pub(crate) fn skew(a: &Vector3<f64>) -> Matrix3<f64> {
    a.cross_matrix()
}
