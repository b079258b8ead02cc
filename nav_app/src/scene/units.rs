//! The one place where CT millimetres become scene units.
//!
//! The scene is metric (1 unit = 1 m, as a headset wants it), y up, centred on
//! the spine. A viewer on +z stands behind a prone patient whose head points
//! up: patient right is on the viewer's right, as in the room.

use bevy::math::{Mat3, Quat, Vec3};
use bevy::prelude::{Resource, Transform as SceneTransform};
use geom::{Ct, Frame, Point, Transform, Vector};

/// Metres in a millimetre.
pub const M_PER_MM: f32 = 1e-3;

/// Maps the CT frame (LPS, mm) into the scene (m, y up).
#[derive(Resource, Debug, Clone, Copy)]
pub struct SceneFrame {
    centre: Point<Ct>,
}

impl SceneFrame {
    /// A scene whose origin is at `centre`.
    #[must_use]
    pub const fn new(centre: Point<Ct>) -> Self {
        Self { centre }
    }

    /// A position.
    #[must_use]
    pub fn point(&self, position: Point<Ct>) -> Vec3 {
        self.direction(position - self.centre) * M_PER_MM
    }

    /// A direction; its length is kept (millimetres stay millimetres).
    #[must_use]
    pub fn direction(&self, direction: Vector<Ct>) -> Vec3 {
        let [left, posterior, superior] = direction.to_array().map(|c| c as f32);
        axes(left, posterior, superior)
    }

    /// A direction of the scene (m) in the CT, mm.
    #[must_use]
    pub fn ct_direction(&self, direction: Vec3) -> Vector<Ct> {
        let [x, y, z] = (direction / M_PER_MM).to_array().map(f64::from);
        Vector::new(-x, z, y)
    }

    /// A vertex normal.
    #[must_use]
    pub fn normal(&self, [left, posterior, superior]: [f32; 3]) -> Vec3 {
        axes(left, posterior, superior)
    }

    /// A pose; the child's own coordinates are metres.
    #[must_use]
    pub fn pose<F: Frame>(&self, ct_from_child: &Transform<Ct, F>) -> SceneTransform {
        let axis = |x, y, z| self.direction(*ct_from_child * Vector::<F>::new(x, y, z));
        let columns = Mat3::from_cols(axis(1.0, 0.0, 0.0), axis(0.0, 1.0, 0.0), axis(0.0, 0.0, 1.0));
        let origin = self.point(*ct_from_child * Point::<F>::new(0.0, 0.0, 0.0));
        SceneTransform::from_translation(origin).with_rotation(Quat::from_mat3(&columns).normalize())
    }
}

/// LPS axes to scene axes; a rotation, so that left stays left.
const fn axes(left: f32, posterior: f32, superior: f32) -> Vec3 {
    Vec3::new(-left, superior, posterior)
}

#[cfg(test)]
mod tests {
    use super::*;
    use geom::Tip;

    #[test]
    fn the_scene_does_not_mirror_the_patient() {
        let frame = SceneFrame::new(Point::new(1.0, 2.0, 3.0));
        let [l, p, s] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(|d| frame.direction(d.into()));
        assert!((l.cross(p) - s).length() < 1e-6);
        assert!(frame.point(Point::new(1.0, 2.0, 1003.0)).abs_diff_eq(Vec3::Y, 1e-6), "1000 mm superior is 1 m up");
    }

    #[test]
    fn a_pose_carries_its_points_along() {
        let frame = SceneFrame::new(Point::new(-30.0, 120.0, 40.0));
        let ct_from_tip = Transform::<Ct, Tip>::exp(&geom::Twist {
            rotation_rad: geom::nalgebra::Vector3::new(0.7, -1.1, 0.4),
            translation_mm: geom::nalgebra::Vector3::new(10.0, 20.0, 30.0),
        });
        let handle_mm = Point::<Tip>::new(5.0, -3.0, 150.0);
        let scene = frame.pose(&ct_from_tip).transform_point(Vec3::new(5.0, -3.0, 150.0) * M_PER_MM);
        assert!(scene.abs_diff_eq(frame.point(ct_from_tip * handle_mm), 1e-6));
    }
}
