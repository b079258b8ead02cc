//! A pose while it is being solved.

use geom::nalgebra::{UnitQuaternion, Vector3};
use geom::{Ct, Patient, Transform};
use kernels::point_to_plane::Placement;

use super::source::Source;
use super::target::Target;

/// Where the touched points lie in the CT: rotation about their centroid, and
/// the centroid's place relative to the target's origin. Small numbers only,
/// so that the per-point work fits in `f32`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pose {
    pub rotation: UnitQuaternion<f64>,
    pub centre: Vector3<f64>,
}

impl Pose {
    pub fn from_transform(ct_from_patient: &Transform<Ct, Patient>, source: &Source, target: &Target) -> Self {
        let rotation = ct_from_patient.rotation();
        Self { rotation, centre: rotation * source.centroid + ct_from_patient.translation() - target.origin }
    }

    pub fn to_transform(self, source: &Source, target: &Target) -> Transform<Ct, Patient> {
        Transform::new(self.rotation, self.centre + target.origin - self.rotation * source.centroid)
    }

    /// Turned about the centroid by a rotation vector (rad), then shifted (mm).
    pub fn moved(&self, rotation_rad: Vector3<f64>, shift_mm: Vector3<f64>) -> Self {
        let rotation = UnitQuaternion::from_scaled_axis(rotation_rad) * self.rotation;
        Self { rotation: UnitQuaternion::new_normalize(rotation.into_inner()), centre: self.centre + shift_mm }
    }

    /// RMS distance between where two poses put points spread `radius_mm`
    /// about their centroid; rotation counts as millimetres (KISS-ICP,
    /// doi:10.1109/LRA.2023.3236571, eq. 8).
    pub fn distance_mm(&self, other: &Self, radius_mm: f64) -> f64 {
        (self.centre - other.centre).norm().hypot(self.rotation.angle_to(&other.rotation) * radius_mm)
    }

    /// For the per-point work.
    pub fn placement(self) -> Placement {
        let r = self.rotation.to_rotation_matrix().into_inner().cast::<f32>();
        Placement { rotation: std::array::from_fn(|i| r[(i / 3, i % 3)]), centre: self.centre.cast::<f32>().into() }
    }
}
