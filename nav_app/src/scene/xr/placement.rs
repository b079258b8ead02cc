//! Where the spine hangs in the room: before the wearer, upright, at arm's
//! length, and nowhere else until asked to move.
//!
//! Only the way the wearer faces counts, never nodding or tilting the head: the
//! horizon stays level, which is what keeps people well.

use bevy::math::{Quat, Vec3};

use bevy::prelude::Transform;

/// From the eyes to the spine, m.
const AHEAD_M: f32 = 0.52;
/// The spine's middle is this far below the eyes, m.
const BELOW_M: f32 = 0.05;
/// To the left, so that the slices beside it are in view too, m.
const LEFT_M: f32 = 0.10;

/// The scene's place in the room.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Room to scene; both metric, y up.
    scene_from_room: Transform,
}

impl Placement {
    /// Hangs the spine before a head at `place` in the room.
    #[must_use]
    pub fn before(place: &Transform) -> Self {
        // Looking straight up or down says nothing about the way faced; the top
        // or the chin of the head does.
        let forward = *place.forward();
        let level = Vec3::new(forward.x, 0.0, forward.z);
        let facing = if level.length() > 0.1 { level } else { *place.up() * -forward.y.signum() };
        let yaw = (-facing.x).atan2(-facing.z);
        let turn = Quat::from_rotation_y(yaw);
        let spine = place.translation + turn * Vec3::new(-LEFT_M, -BELOW_M, -AHEAD_M);
        let room_from_scene = Transform::from_translation(spine).with_rotation(turn);
        let back = room_from_scene.rotation.inverse();
        Self { scene_from_room: Transform::from_translation(back * -spine).with_rotation(back) }
    }

    /// A place of the room in the scene.
    #[must_use]
    pub fn scene(&self, place: &Transform) -> Transform {
        self.scene_from_room.mul_transform(*place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spine_hangs_before_the_wearer_and_upright_whatever_the_head_does() {
        for (yaw, pitch, roll) in [(0.0, 0.0, 0.0), (2.0, 0.6, -0.4), (-1.2, -0.9, 0.3), (3.1, 0.1, 0.9)] {
            let turn = Quat::from_rotation_y(yaw) * Quat::from_rotation_x(pitch) * Quat::from_rotation_z(roll);
            let head = Transform::from_xyz(0.4, 1.6, -0.3).with_rotation(turn);
            let placement = Placement::before(&head);
            let seen = placement.scene(&head);
            // Behind the patient, at arm's length, a little above.
            assert!(seen.translation.abs_diff_eq(Vec3::new(LEFT_M, BELOW_M, AHEAD_M), 1e-5), "{}", seen.translation);
            // Up in the room is up in the scene.
            let above = placement.scene(&Transform::from_xyz(0.4, 2.6, -0.3)).translation;
            assert!((above - seen.translation).abs_diff_eq(Vec3::Y, 1e-5));
            if roll == 0.0 && pitch == 0.0 {
                assert!(seen.rotation.abs_diff_eq(Quat::IDENTITY, 1e-5));
            }
        }
    }

    #[test]
    fn the_spine_stays_in_the_room_when_the_head_moves() {
        let placement = Placement::before(&Transform::from_xyz(0.0, 1.6, 0.0));
        let a = placement.scene(&Transform::from_xyz(0.0, 1.6, 0.0)).translation;
        let b = placement.scene(&Transform::from_xyz(0.1, 1.6, -0.2)).translation;
        assert!((b - a).abs_diff_eq(Vec3::new(0.1, 0.0, -0.2), 1e-6));
    }

    #[test]
    fn looking_straight_down_is_no_trouble() {
        let head =
            Transform::from_xyz(0.0, 1.6, 0.0).with_rotation(Quat::from_rotation_x(-std::f32::consts::FRAC_PI_2));
        let seen = Placement::before(&head).scene(&head);
        assert!(seen.translation.abs_diff_eq(Vec3::new(LEFT_M, BELOW_M, AHEAD_M), 1e-5), "{}", seen.translation);
    }
}
