//! Poses of the wire and the check that makes a rigid transform of them.

use geom::nalgebra::{Quaternion, UnitQuaternion, Vector3};
use geom::{Frame, Transform};

use super::error::Refusal;

/// How far from 1 a quaternion's length may be and still count as rounding;
/// the same share that `geom` grants a matrix.
const UNIT_TOLERANCE: f64 = 1e-3;

/// Twelve numbers as TRANSFORM, TDATA and IMAGE carry them: the three columns
/// of the 3x3 block, then the translation in mm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Matrix(pub [f32; 12]);

impl Matrix {
    /// The rigid transform these numbers describe, frames as the caller knows
    /// them from the device name.
    ///
    /// # Errors
    /// [`Refusal`] for NaN, infinity, a mirrored axis, scale or shear beyond
    /// 1e-3. Rounding below that is removed. No allocation.
    pub fn rigid<To: Frame, Src: Frame>(&self) -> Result<Transform<To, Src>, Refusal> {
        let m = self.0.map(f64::from);
        let row_major = [m[0], m[3], m[6], m[9], m[1], m[4], m[7], m[10], m[2], m[5], m[8], m[11], 0.0, 0.0, 0.0, 1.0];
        Ok(Transform::from_row_major(&row_major)?)
    }
}

impl<To: Frame, Src: Frame> From<&Transform<To, Src>> for Matrix {
    fn from(pose: &Transform<To, Src>) -> Self {
        let m = pose.to_row_major();
        Self([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11].map(|i| m[i] as f32))
    }
}

/// A position and a quaternion `(x, y, z, w)` as QTDATA and POSITION carry them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuaternionPose {
    /// Position, mm.
    pub position: [f32; 3],
    /// Orientation, scalar part last.
    pub quaternion: [f32; 4],
}

impl QuaternionPose {
    /// The rigid transform, as [`Matrix::rigid`].
    ///
    /// # Errors
    /// [`Refusal`] for NaN, infinity or a length more than 1e-3 off 1.
    pub fn rigid<To: Frame, Src: Frame>(&self) -> Result<Transform<To, Src>, Refusal> {
        if self.position.iter().chain(&self.quaternion).any(|v| !v.is_finite()) {
            return Err(Refusal::NotFinite);
        }
        let [x, y, z, w] = self.quaternion.map(f64::from);
        let quaternion = Quaternion::new(w, x, y, z);
        let norm = quaternion.norm();
        if (norm - 1.0).abs() > UNIT_TOLERANCE {
            return Err(Refusal::NotUnit { norm });
        }
        let [x, y, z] = self.position.map(f64::from);
        Ok(Transform::new(UnitQuaternion::from_quaternion(quaternion), Vector3::new(x, y, z)))
    }
}

impl<To: Frame, Src: Frame> From<&Transform<To, Src>> for QuaternionPose {
    fn from(pose: &Transform<To, Src>) -> Self {
        let (q, t) = (pose.rotation(), pose.translation());
        Self { position: [t.x, t.y, t.z].map(|v| v as f32), quaternion: [q.i, q.j, q.k, q.w].map(|v| v as f32) }
    }
}

#[cfg(test)]
mod tests {
    use geom::{Tool, Tracker};

    use super::*;
    use crate::track::openigtlink::Reason;

    fn pose() -> Transform<Tracker, Tool> {
        Transform::new(UnitQuaternion::from_scaled_axis(Vector3::new(0.3, -0.8, 1.2)), Vector3::new(10.0, -250.0, 7.5))
    }

    #[test]
    fn a_pose_survives_both_forms_to_single_precision() {
        let matrix: Transform<Tracker, Tool> = Matrix::from(&pose()).rigid().unwrap();
        let quaternion: Transform<Tracker, Tool> = QuaternionPose::from(&pose()).rigid().unwrap();
        for back in [matrix, quaternion] {
            let error = pose().inverse() * back;
            assert!(error.angle_rad() < 1e-6 && error.translation().norm() < 1e-4, "{error:?}");
        }
    }

    #[test]
    fn what_is_no_pose_is_refused_by_its_reason() {
        let good = Matrix::from(&pose()).0;
        let reason = |m: [f32; 12]| Matrix(m).rigid::<Tracker, Tool>().unwrap_err().reason();
        for (at, value) in [(0, f32::NAN), (4, f32::INFINITY), (9, f32::NAN), (11, f32::NEG_INFINITY)] {
            let mut bad = good;
            bad[at] = value;
            assert_eq!(reason(bad), Reason::NotFinite, "entry {at}");
        }
        let mut mirrored = good;
        mirrored[..3].iter_mut().for_each(|v| *v = -*v);
        assert_eq!(reason(mirrored), Reason::Reflection);
        let mut scaled = good;
        scaled[..9].iter_mut().for_each(|v| *v *= 1.01);
        assert_eq!(reason(scaled), Reason::NotRigid);
        assert_eq!(reason([0.0; 12]), Reason::NotRigid, "a lost tool sent as zeros");
        assert_eq!(reason([f32::MAX; 12]), Reason::NotRigid);
    }

    #[test]
    fn a_quaternion_that_is_not_of_unit_length_is_refused() {
        let pose = QuaternionPose { position: [1.0; 3], quaternion: [0.0; 4] };
        assert_eq!(pose.rigid::<Tracker, Tool>().unwrap_err(), Refusal::NotUnit { norm: 0.0 });
        let pose = QuaternionPose { position: [f32::NAN; 3], quaternion: [0.0, 0.0, 0.0, 1.0] };
        assert_eq!(pose.rigid::<Tracker, Tool>().unwrap_err(), Refusal::NotFinite);
    }
}
