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
    /// Scene to room; y up in both, level, evenly scaled.
    room_from_scene: Transform,
}

impl Placement {
    /// Hangs the spine before a head at `place` in the room, as large as it is.
    #[must_use]
    pub fn before(place: &Transform) -> Self {
        let turn = facing(place);
        let spine = place.translation + turn * Vec3::new(-LEFT_M, -BELOW_M, -AHEAD_M);
        Self { room_from_scene: Transform::from_translation(spine).with_rotation(turn) }
    }

    /// Turned by `yaw_rad` and scaled by `ratio` about a place of the room, which goes to another.
    #[must_use]
    pub fn moved(&self, about: Vec3, to: Vec3, yaw_rad: f32, ratio: f32) -> Self {
        let turn = Quat::from_rotation_y(yaw_rad);
        let old = self.room_from_scene;
        let translation = to + turn * (old.translation - about) * ratio;
        let room_from_scene = Transform { translation, rotation: turn * old.rotation, scale: old.scale * ratio };
        Self { room_from_scene }
    }

    /// An eye of the room in the scene. It has no size: what scales is the distance between two eyes.
    #[must_use]
    pub fn scene(&self, place: &Transform) -> Transform {
        let back = self.room_from_scene.rotation.inverse();
        let offset = back * (place.translation - self.room_from_scene.translation);
        Transform::from_translation(offset / self.scale()).with_rotation(back * place.rotation)
    }

    /// A thing of the room in the scene, as large as it is in the room.
    #[must_use]
    pub fn thing(&self, place: &Transform) -> Transform {
        self.scene(place).with_scale(Vec3::splat(1.0 / self.scale()))
    }

    /// A place of the scene in the room.
    #[must_use]
    pub fn room(&self, place: &Transform) -> Transform {
        self.room_from_scene.mul_transform(*place)
    }

    /// How large a metre of the scene is in the room.
    #[must_use]
    pub fn scale(&self) -> f32 {
        self.room_from_scene.scale.x
    }
}

/// The way a head faces, level. Looking straight up or down says nothing about
/// it; the top or the chin of the head does.
#[must_use]
pub fn facing(head: &Transform) -> Quat {
    let forward = *head.forward();
    let level = Vec3::new(forward.x, 0.0, forward.z);
    let facing = if level.length() > 0.1 { level } else { *head.up() * -forward.y.signum() };
    Quat::from_rotation_y((-facing.x).atan2(-facing.z))
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

    #[test]
    fn a_scene_twice_as_large_stays_level_and_a_thing_of_the_room_keeps_its_size() {
        let head = Transform::from_xyz(0.0, 1.6, 0.0);
        let about = Vec3::new(0.1, 1.5, -0.4);
        let placement = Placement::before(&head).moved(about, about, 0.5, 2.0);
        let there = |p: Vec3| placement.room(&Transform::from_translation(p)).translation;
        assert!(((there(Vec3::Y) - there(Vec3::ZERO)) - 2.0 * Vec3::Y).length() < 1e-5, "level, and twice as large");
        // What lay at the place it was turned about lies there still.
        let before = Placement::before(&head).scene(&Transform::from_translation(about)).translation;
        assert!((there(before) - about).length() < 1e-5);
        let thing = Transform::from_xyz(0.3, 1.2, -0.5).with_rotation(Quat::from_rotation_x(0.4));
        let again = placement.room(&placement.thing(&thing));
        assert!((again.translation - thing.translation).length() < 1e-5 && (again.scale - Vec3::ONE).length() < 1e-5);
    }
}
