//! Pairs of points that pull at a pose beside the surface.

use geom::nalgebra::{Matrix3x6, Matrix6, Vector3, Vector6};

use super::pose::Pose;

/// Points of the source with the places where they are expected in the CT:
/// landmarks, an earlier pose, or the vertebra next door.
#[derive(Debug, Clone, Default)]
pub(super) struct Anchors {
    pairs: Vec<Pair>,
}

#[derive(Debug, Clone, Copy)]
struct Pair {
    /// Relative to the source's centroid, mm.
    offset: Vector3<f64>,
    /// Relative to the target's origin, mm.
    place: Vector3<f64>,
    sigma_mm: f64,
}

impl Anchors {
    /// Expects the point at `offset` (from the source's centroid) at `place`
    /// (from the target's origin) up to `sigma_mm` in each coordinate.
    pub fn add(&mut self, offset: Vector3<f64>, place: Vector3<f64>, sigma_mm: f64) {
        self.pairs.push(Pair { offset, place, sigma_mm: sigma_mm.max(0.01) });
    }

    /// Expects the source where `pose` puts it, up to a shift of about
    /// `shift_mm` and a turn of about `turn_rad` (standard deviations): six
    /// points on three axes.
    pub fn near(pose: &Pose, shift_mm: f64, turn_rad: f64) -> Self {
        // Six points of deviation s at distance r fix a shift to s / sqrt(6)
        // and a turn, which four of them see, to s / (2 r).
        let sigma_mm = shift_mm * 6f64.sqrt();
        let reach_mm = sigma_mm / (2.0 * turn_rad.max(1e-6));
        let mut anchors = Self::default();
        for axis in [Vector3::x(), Vector3::y(), Vector3::z()] {
            for offset in [axis * reach_mm, -axis * reach_mm] {
                anchors.add(offset, pose.rotation * offset + pose.centre, sigma_mm);
            }
        }
        anchors
    }

    pub fn append(&mut self, other: Self) {
        self.pairs.extend(other.pairs);
    }

    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Information (1/mm^2) and `-J^T r / sigma^2` at `pose`, in the order and
    /// frame of the point-to-plane sums.
    pub fn equations(&self, pose: &Pose) -> (Matrix6<f64>, Vector6<f64>) {
        let (mut information, mut right_side) = (Matrix6::zeros(), Vector6::zeros());
        for pair in &self.pairs {
            let arm = pose.rotation * pair.offset;
            let mut jacobian = Matrix3x6::zeros();
            jacobian.fixed_view_mut::<3, 3>(0, 0).copy_from(&-arm.cross_matrix());
            jacobian.fixed_view_mut::<3, 3>(0, 3).fill_with_identity();
            let weight = 1.0 / (pair.sigma_mm * pair.sigma_mm);
            information += jacobian.transpose() * jacobian * weight;
            right_side -= jacobian.transpose() * (arm + pose.centre - pair.place) * weight;
        }
        (information, right_side)
    }

    /// Distance of each pair at `pose`, mm.
    pub fn distances_mm(&self, pose: &Pose) -> Vec<f64> {
        self.pairs.iter().map(|p| (pose.rotation * p.offset + pose.centre - p.place).norm()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geom::nalgebra::UnitQuaternion;

    #[test]
    fn a_pose_as_anchors_has_the_stated_deviations() {
        let pose =
            Pose { rotation: UnitQuaternion::from_euler_angles(0.3, -1.0, 2.0), centre: Vector3::new(5.0, 6.0, 7.0) };
        let anchors = Anchors::near(&pose, 2.0, 0.05);
        let (information, right_side) = anchors.equations(&pose);
        assert!(right_side.amax() < 1e-9 && !anchors.is_empty());
        for i in 0..6 {
            let sigma = if i < 3 { 0.05 } else { 2.0 };
            assert!((information[(i, i)] * sigma * sigma - 1.0).abs() < 1e-9, "{i} {}", information[(i, i)]);
        }
        let shifted = pose.moved(Vector3::zeros(), Vector3::new(0.0, 1.5, 0.0));
        assert!(anchors.distances_mm(&shifted).iter().all(|mm| (mm - 1.5).abs() < 1e-9));
    }
}
