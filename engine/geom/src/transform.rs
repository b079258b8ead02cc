//! Rigid transforms between named frames.

use std::marker::PhantomData;
use std::ops::Mul;

use nalgebra::{Matrix3, Matrix4, Rotation3, UnitQuaternion, Vector3};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::frames::Frame;
use crate::point::{Point, Vector};

/// Largest deviation of a matrix from a rotation that is taken as rounding.
const ORTHONORMAL_TOLERANCE: f64 = 1e-3;

/// Why sixteen numbers are not a rigid transform.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum TransformError {
    /// An entry is NaN or infinite.
    #[error("the {to}<-{from} matrix holds a value that is not a finite number; the sender lost its pose")]
    NotFinite {
        /// Frame mapped into.
        to: &'static str,
        /// Frame mapped from.
        from: &'static str,
    },
    /// The last row is not `0 0 0 1`.
    #[error("the {to}<-{from} matrix ends in {row:?} instead of [0, 0, 0, 1]; is it stored column by column?")]
    NotAffine {
        /// Frame mapped into.
        to: &'static str,
        /// Frame mapped from.
        from: &'static str,
        /// The last row found.
        row: [f64; 4],
    },
    /// The upper 3x3 block scales, shears or mirrors.
    #[error(
        "the {to}<-{from} matrix is not rigid: its rotation part deviates from orthonormal by {deviation:.4} (determinant {determinant:.4}); a determinant near -1 is a mirrored axis"
    )]
    NotRigid {
        /// Frame mapped into.
        to: &'static str,
        /// Frame mapped from.
        from: &'static str,
        /// Largest entry of `R^T R - I`.
        deviation: f64,
        /// Determinant of the 3x3 block.
        determinant: f64,
    },
}

/// A rigid motion that maps points of `From` into `To`.
///
/// Named `to_from_...` in code: `patient_from_ct: Transform<Patient, Ct>`.
/// `Transform<A, B> * Transform<B, C>` is a `Transform<A, C>`; any other
/// pairing does not compile. Rotation is a unit quaternion, translation is in
/// millimetres, both `f64`; in files it is the row-major 4x4 matrix, checked on
/// reading. Application costs about 30 flops.
///
/// ```compile_fail,E0277
/// use geom::{Ct, Patient, Tracker, Transform};
/// let tracker_from_patient = Transform::<Tracker, Patient>::identity();
/// let patient_from_ct = Transform::<Patient, Ct>::identity();
/// let _ = patient_from_ct * tracker_from_patient; // the inner frames do not meet
/// ```
#[derive(Serialize, Deserialize)]
#[serde(try_from = "[f64; 16]", into = "[f64; 16]", bound = "")]
pub struct Transform<To: Frame, From: Frame> {
    rotation: UnitQuaternion<f64>,
    translation: Vector3<f64>,
    frames: PhantomData<(To, From)>,
}

impl<To: Frame, From: Frame> Clone for Transform<To, From> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<To: Frame, From: Frame> Copy for Transform<To, From> {}
impl<To: Frame, From: Frame> PartialEq for Transform<To, From> {
    fn eq(&self, other: &Self) -> bool {
        self.rotation == other.rotation && self.translation == other.translation
    }
}
impl<To: Frame, From: Frame> std::fmt::Debug for Transform<To, From> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let axis = self.rotation.scaled_axis().map(f64::to_degrees);
        write!(
            f,
            "{}<-{} rotation {:?} deg translation {:?} mm",
            To::NAME,
            From::NAME,
            axis.as_slice(),
            self.translation.as_slice()
        )
    }
}

impl<To: Frame, From: Frame> Transform<To, From> {
    /// From a rotation and a translation in millimetres.
    #[must_use]
    pub const fn new(rotation: UnitQuaternion<f64>, translation: Vector3<f64>) -> Self {
        Self { rotation, translation, frames: PhantomData }
    }

    /// The motion that changes nothing; says that both frames coincide.
    #[must_use]
    pub fn identity() -> Self {
        Self::new(UnitQuaternion::identity(), Vector3::zeros())
    }

    /// A pure translation, in the axes of `To`.
    #[must_use]
    pub fn from_translation(translation: Vector<To>) -> Self {
        Self::new(UnitQuaternion::identity(), translation.vector3())
    }

    /// From a row-major 4x4 matrix, as files and packets carry it.
    ///
    /// Rounding up to 1e-3 in the rotation block is removed; more is refused.
    /// About 400 flops, the same for every matrix.
    ///
    /// # Errors
    /// [`TransformError`] when an entry is not finite, the last row is not
    /// `0 0 0 1`, or the 3x3 block scales, shears or mirrors.
    ///
    /// ```
    /// use geom::{Ct, Patient, Transform};
    /// let mirrored = [-1., 0., 0., 0., 0., 1., 0., 0., 0., 0., 1., 0., 0., 0., 0., 1.];
    /// assert!(Transform::<Patient, Ct>::from_row_major(&mirrored).is_err());
    /// ```
    pub fn from_row_major(m: &[f64; 16]) -> Result<Self, TransformError> {
        let (to, from) = (To::NAME, From::NAME);
        if m.iter().any(|v| !v.is_finite()) {
            return Err(TransformError::NotFinite { to, from });
        }
        let row = [m[12], m[13], m[14], m[15]];
        if row.iter().zip([0.0, 0.0, 0.0, 1.0]).any(|(a, b)| (a - b).abs() > 1e-6) {
            return Err(TransformError::NotAffine { to, from, row });
        }
        let rotation = Matrix3::new(m[0], m[1], m[2], m[4], m[5], m[6], m[8], m[9], m[10]);
        let deviation = (rotation.transpose() * rotation - Matrix3::identity()).amax();
        let determinant = rotation.determinant();
        if deviation > ORTHONORMAL_TOLERANCE || determinant < 0.0 {
            return Err(TransformError::NotRigid { to, from, deviation, determinant });
        }
        let rotation = UnitQuaternion::from_rotation_matrix(&nearest_rotation(rotation));
        Ok(Self::new(rotation, Vector3::new(m[3], m[7], m[11])))
    }

    /// The row-major 4x4 matrix.
    #[must_use]
    pub fn to_row_major(&self) -> [f64; 16] {
        let m = self.matrix();
        std::array::from_fn(|i| m[(i / 4, i % 4)])
    }

    /// The 4x4 homogeneous matrix.
    #[must_use]
    pub fn matrix(&self) -> Matrix4<f64> {
        let mut m = self.rotation.to_homogeneous();
        m.fixed_view_mut::<3, 1>(0, 3).copy_from(&self.translation);
        m
    }

    /// The rotation part.
    #[must_use]
    pub const fn rotation(&self) -> UnitQuaternion<f64> {
        self.rotation
    }

    /// The translation part in millimetres: where `From`'s origin lies in `To`.
    #[must_use]
    pub const fn translation(&self) -> Vector3<f64> {
        self.translation
    }

    /// The reverse motion, `From <- To`.
    #[must_use]
    pub fn inverse(&self) -> Transform<From, To> {
        let rotation = self.rotation.inverse();
        Transform::new(rotation, -(rotation * self.translation))
    }

    /// Rotation angle of the motion in radians, in `[0, pi]`.
    #[must_use]
    pub fn angle_rad(&self) -> f64 {
        self.rotation.angle()
    }

    /// True when every number of the motion is finite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.rotation.coords.iter().chain(self.translation.iter()).all(|v| v.is_finite())
    }
}

/// The rotation nearest to a matrix that is orthonormal to
/// [`ORTHONORMAL_TOLERANCE`] and not mirrored: its polar factor, as an SVD gives.
///
/// Newton-Schulz steps square the deviation: 3e-3 (the tolerance as a norm), 7e-6,
/// 4e-11, below rounding. No loop that asks for convergence, so the time is fixed.
/// Bjorck and Bowie, SIAM J. Numer. Anal. 8(2), 1971, doi:10.1137/0708036.
fn nearest_rotation(m: Matrix3<f64>) -> Rotation3<f64> {
    let step = |x: Matrix3<f64>| x * (Matrix3::from_diagonal_element(1.5) - 0.5 * (x.transpose() * x));
    Rotation3::from_matrix_unchecked(step(step(step(m))))
}

impl<To: Frame, Src: Frame> TryFrom<[f64; 16]> for Transform<To, Src> {
    type Error = TransformError;
    fn try_from(row_major: [f64; 16]) -> Result<Self, TransformError> {
        Self::from_row_major(&row_major)
    }
}
impl<To: Frame, Src: Frame> From<Transform<To, Src>> for [f64; 16] {
    fn from(transform: Transform<To, Src>) -> Self {
        transform.to_row_major()
    }
}

impl<A: Frame, B: Frame, C: Frame> Mul<Transform<B, C>> for Transform<A, B> {
    type Output = Transform<A, C>;
    fn mul(self, inner: Transform<B, C>) -> Transform<A, C> {
        let rotation = UnitQuaternion::new_normalize((self.rotation * inner.rotation).into_inner());
        Transform::new(rotation, self.rotation * inner.translation + self.translation)
    }
}
impl<A: Frame, B: Frame> Mul<Point<B>> for Transform<A, B> {
    type Output = Point<A>;
    fn mul(self, point: Point<B>) -> Point<A> {
        Point::from_vector3(self.rotation * point.vector3() + self.translation)
    }
}
impl<A: Frame, B: Frame> Mul<Vector<B>> for Transform<A, B> {
    type Output = Vector<A>;
    fn mul(self, vector: Vector<B>) -> Vector<A> {
        Vector::from_vector3(self.rotation * vector.vector3())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ct, Patient, Tracker};

    fn example() -> Transform<Patient, Ct> {
        Transform::new(UnitQuaternion::from_scaled_axis(Vector3::new(0.3, -0.8, 1.2)), Vector3::new(10.0, -250.0, 77.5))
    }

    #[test]
    fn inverse_undoes_the_motion() {
        let there_and_back = example().inverse() * example();
        assert!(there_and_back.angle_rad() < 1e-12 && there_and_back.translation().norm() < 1e-10);
    }

    #[test]
    fn row_major_round_trips() {
        let back = Transform::<Patient, Ct>::from_row_major(&example().to_row_major()).unwrap();
        assert!((back.matrix() - example().matrix()).amax() < 1e-12);
    }

    #[test]
    fn a_long_chain_adds_less_than_a_hundredth_of_a_millimetre() {
        let forth = example();
        let step = Transform::<Tracker, Patient>::identity();
        let mut pose = step * forth;
        for _ in 0..10_000 {
            let patient = step.inverse() * pose;
            pose = step * (forth * (forth.inverse() * patient));
        }
        assert!((pose.matrix() - forth.matrix()).amax() < 1e-6);
    }

    #[test]
    fn scaled_mirrored_transposed_and_nan_matrices_are_refused() {
        let good = example().to_row_major();
        for (index, value) in [(0, f64::NAN), (3, f64::INFINITY), (15, 2.0), (12, 5.0)] {
            let mut bad = good;
            bad[index] = value;
            assert!(Transform::<Patient, Ct>::from_row_major(&bad).is_err(), "entry {index} = {value}");
        }
        let scaled = good.map(|v| v * 1.01);
        assert!(Transform::<Patient, Ct>::from_row_major(&scaled).is_err());
    }

    /// Numbers in [-1, 1], the same in every run.
    fn numbers() -> impl FnMut() -> f64 {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
        }
    }

    fn row_major(rotation: &Matrix3<f64>) -> [f64; 16] {
        let mut m = rotation.to_homogeneous();
        m.fixed_view_mut::<3, 1>(0, 3).copy_from(&Vector3::new(1.0, 2.0, 3.0));
        std::array::from_fn(|i| m[(i / 4, i % 4)])
    }

    #[test]
    fn what_is_taken_becomes_the_rotation_an_svd_gives_and_the_same_matrices_are_taken() {
        let mut number = numbers();
        let (mut taken, mut refused) = (0, 0);
        for k in 0..20_000 {
            let axis = 4.0 * Vector3::from_fn(|_, _| number());
            // From rounding to three times the tolerance.
            let size = 10_f64.powf(-3.0 + 6.0 * (number() - 1.0)) * f64::from(1 + k % 3);
            let rotation = UnitQuaternion::from_scaled_axis(axis).to_rotation_matrix().into_inner();
            let m = rotation + size * Matrix3::from_fn(|_, _| number());
            let deviation = (m.transpose() * m - Matrix3::identity()).amax();
            let found = Transform::<Patient, Ct>::from_row_major(&row_major(&m));
            assert_eq!(found.is_ok(), deviation <= ORTHONORMAL_TOLERANCE, "deviation {deviation}");
            let Ok(found) = found else {
                refused += 1;
                continue;
            };
            taken += 1;
            let svd = m.svd(true, true);
            let nearest = svd.u.unwrap() * svd.v_t.unwrap();
            let off = (found.rotation().to_rotation_matrix().into_inner() - nearest).amax();
            assert!(off < 4e-15, "{off} off the nearest rotation, deviation {deviation}");
            assert!((found.rotation().norm() - 1.0).abs() < 1e-15);
        }
        assert!(taken > 10_000 && refused > 500, "{taken} taken, {refused} refused");
    }

    #[test]
    fn a_mirrored_matrix_is_refused_however_it_is_turned() {
        let mut number = numbers();
        for _ in 0..1000 {
            let rotation = UnitQuaternion::from_scaled_axis(4.0 * Vector3::from_fn(|_, _| number()));
            let mirrored =
                rotation.to_rotation_matrix().into_inner() * Matrix3::from_diagonal(&Vector3::new(1., 1., -1.));
            let found = Transform::<Patient, Ct>::from_row_major(&row_major(&mirrored));
            assert!(matches!(found, Err(TransformError::NotRigid { determinant, .. }) if determinant < -0.99));
        }
    }
}
