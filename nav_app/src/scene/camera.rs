//! Viewpoint of the 3-D view.

use bevy::camera::RenderTarget;
use bevy::core_pipeline::tonemapping::Tonemapping;
use bevy::prelude::*;
use engine::case::Case;
use geom::Point;

use super::picture::Picture;
use super::tool;
use super::units::SceneFrame;
use super::{Content, palette};

/// Vertical field of view: narrow, so that near bone is not blown up.
const FIELD_OF_VIEW_DEG: f32 = 24.0;
/// Free border around what is framed.
const MARGIN: f32 = 1.10;
/// Part of the picture's height kept free at the top, for the banner.
const TOP_FREE: f32 = 0.085;
/// A step to the patient's left and a little from above, so that spinous
/// processes do not hide behind each other.
const YAW_DEG: f32 = -32.0;
const PITCH_DEG: f32 = 14.0;

/// A viewpoint on a sphere around a point.
#[derive(Component, Debug, Clone, Copy, PartialEq)]
pub struct Orbit {
    /// What is looked at.
    pub focus: Vec3,
    /// Turn about the spine's axis; 0 is straight from behind, negative from
    /// the patient's left, rad.
    pub yaw_rad: f32,
    /// Height above the horizon, rad.
    pub pitch_rad: f32,
    /// Distance from the focus, m.
    pub distance_m: f32,
}

impl Orbit {
    /// The camera's place.
    #[must_use]
    pub fn transform(&self) -> Transform {
        let rotation = Quat::from_rotation_y(self.yaw_rad) * Quat::from_rotation_x(-self.pitch_rad);
        Transform::from_translation(self.focus + rotation * Vec3::Z * self.distance_m).with_rotation(rotation)
    }

    /// Frames `points` from the posterior-oblique standard direction in a
    /// picture `aspect` times as wide as high.
    #[must_use]
    pub fn framing(points: &[Vec3], aspect: f32) -> Self {
        let mut orbit = Self {
            focus: Vec3::ZERO,
            yaw_rad: YAW_DEG.to_radians(),
            pitch_rad: PITCH_DEG.to_radians(),
            distance_m: 0.7,
        };
        if points.is_empty() {
            return orbit;
        }
        let view = orbit.transform().rotation;
        let seen: Vec<Vec3> = points.iter().map(|p| view.inverse() * *p).collect();
        let tangent = (0.5 * FIELD_OF_VIEW_DEG.to_radians()).tan();
        let tangent_x = tangent * aspect.max(0.1) / MARGIN;
        let tangent_y = tangent * (1.0 - TOP_FREE) / MARGIN;
        // The middle of the outline depends on the distance and the other way
        // round; a few rounds settle both to a fraction of a millimetre.
        let mut centre = seen.iter().sum::<Vec3>() / seen.len() as f32;
        for _ in 0..12 {
            let offset = |p: &Vec3| *p - centre;
            let needed = |p: Vec3| (p.x.abs() / tangent_x).max(p.y.abs() / tangent_y) + p.z;
            orbit.distance_m = seen.iter().map(|p| needed(offset(p))).fold(0.05, f32::max);
            let on_screen = |p: Vec3| Vec2::new(p.x, p.y) / (orbit.distance_m - p.z).max(1e-3);
            let low = seen.iter().map(|p| on_screen(offset(p))).fold(Vec2::MAX, Vec2::min);
            let high = seen.iter().map(|p| on_screen(offset(p))).fold(Vec2::MIN, Vec2::max);
            centre += (0.5 * (low + high) * orbit.distance_m).extend(0.0);
        }
        centre.y += TOP_FREE * tangent * orbit.distance_m;
        orbit.focus = view * centre;
        orbit
    }
}

/// What the first view must hold: every vertebra, and the whole instrument
/// when there is one.
#[must_use]
pub fn points_to_frame(case: &Case, frame: &SceneFrame, picture: &Picture) -> Vec<Vec3> {
    let vertices = case.vertebrae.iter().flat_map(|v| v.mesh.vertices.iter().step_by(50));
    let mut points: Vec<Vec3> = vertices.map(|v| frame.point((*v).into())).collect();
    if let Some(ct_from_tip) = picture.ct_from_tip {
        let ends = [0.0, f64::from(tool::LENGTH_MM)].map(|z| frame.point(ct_from_tip * Point::new(0.0, 0.0, z)));
        points.extend(ends);
    }
    points
}

/// Marks the camera of the 3-D view.
#[derive(Component)]
pub struct MainCamera;

/// Marks every camera that looks at bone and volume.
#[derive(Component)]
pub struct Eye3d;

/// Puts the camera of the 3-D view into the scene.
pub fn spawn(commands: &mut Commands<'_, '_>, target: Handle<Image>, orbit: Orbit, msaa: Msaa) {
    let camera = (
        MainCamera,
        Eye3d,
        Camera3d::default(),
        Camera { order: -2, clear_color: palette::BACKGROUND.into(), ..default() },
        RenderTarget::Image(target.into()),
        Projection::Perspective(PerspectiveProjection { fov: FIELD_OF_VIEW_DEG.to_radians(), near: 0.02, ..default() }),
        Tonemapping::None,
        msaa,
        orbit,
        orbit.transform(),
    );
    commands.spawn(camera);
}

/// Moves the camera to its orbit.
pub fn follow_orbit(mut cameras: Query<'_, '_, (&Orbit, &mut Transform), Changed<Orbit>>) {
    for (orbit, mut transform) in &mut cameras {
        *transform = orbit.transform();
    }
}

/// The standard view of what is to be seen now.
#[must_use]
pub fn standard_view(content: &Content, picture: &Picture, aspect: f32) -> Orbit {
    Orbit::framing(&points_to_frame(&content.case, &content.frame, picture), aspect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_framed_is_in_the_picture_and_fills_it() {
        let points = [Vec3::new(-0.05, -0.2, 0.0), Vec3::new(0.06, 0.25, 0.03), Vec3::new(0.1, 0.0, 0.2)];
        for aspect in [0.6f32, 1.0, 1.8] {
            let orbit = Orbit::framing(&points, aspect);
            let place = orbit.transform();
            let tangent = (0.5 * FIELD_OF_VIEW_DEG.to_radians()).tan();
            let reach = |p: &Vec3| {
                let seen = place.rotation.inverse() * (*p - place.translation);
                (seen.x.abs() / (tangent * aspect)).max(seen.y.abs() / tangent) / -seen.z
            };
            let most = points.iter().map(reach).fold(0.0, f32::max);
            assert!(most < 1.0 && most > 0.8, "{most} at aspect {aspect}");
        }
    }

    #[test]
    fn the_standard_view_is_from_behind_with_the_head_up() {
        let place = Orbit::framing(&[Vec3::ZERO], 1.0).transform();
        assert!(place.translation.z > 0.0 && place.translation.x < 0.0 && place.up().y > 0.9);
    }
}
