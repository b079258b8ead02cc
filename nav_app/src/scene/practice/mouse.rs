//! Mouse and keys of a practice: from the pixel to the bone.

use bevy::prelude::*;
use bevy::ui::{ComputedNode, RelativeCursorPosition};
use geom::{Ct, Point};

use super::super::Content;
use super::super::camera::{MainCamera, Orbit};
use super::super::enlarge::Enlarged;
use super::super::layout::SpineView;
use super::super::orbit_control::IsChosen;
use super::{Practice, SPACING_MM};
use crate::scene_input::Wish;

/// How much farther than needed the view stands.
const ROOM: f32 = 1.35;
/// Pixels between two looks for bone: frames are rare where a processor draws,
/// and a hand goes far between two of them.
const LOOK: f32 = 6.0;

/// The stroke that is being made.
#[derive(Resource, Default)]
pub struct Stroke {
    last: Option<Point<Ct>>,
    cursor: Option<Vec2>,
    /// True where the press touched a landmark, which is no stroke however the mouse moves.
    is_landmark: bool,
    /// True from a press on the bone until the button is let go.
    pub is_drawn: bool,
}

/// Run condition: the mouse is free to turn the view.
pub fn is_free(stroke: Option<Res<'_, Stroke>>) -> bool {
    stroke.is_none_or(|stroke| !stroke.is_drawn)
}

/// A press on the bone touches the landmark that is asked for, or begins a stroke; dragging goes
/// on with it.
pub fn touch(
    buttons: Res<'_, ButtonInput<MouseButton>>,
    content: Res<'_, Content>,
    enlarged: Res<'_, Enlarged>,
    view: Single<'_, '_, &RelativeCursorPosition, With<SpineView>>,
    camera: Single<'_, '_, (&Camera, &GlobalTransform), With<MainCamera>>,
    mut stroke: ResMut<'_, Stroke>,
    mut practice: ResMut<'_, Practice>,
) {
    let is_begun = buttons.just_pressed(MouseButton::Left) && view.cursor_over() && enlarged.plane.is_none();
    if !(is_begun || stroke.is_drawn) {
        return;
    }
    // A click between two frames is pressed and let go at once.
    if !buttons.pressed(MouseButton::Left) && !is_begun {
        *stroke = Stroke::default();
        practice.ask(Wish::Lift);
        return;
    }
    if is_begun {
        stroke.is_landmark = practice.landmark.is_some();
    } else if stroke.is_landmark {
        return;
    }
    let Some(now) = view.normalized else { return };
    let before = stroke.cursor.replace(now).unwrap_or(now);
    let pixels = camera.0.logical_viewport_size().unwrap_or(Vec2::ONE);
    let looks = ((now - before) * pixels).length().div_euclid(LOOK) as u16 + 1;
    for look in 1..=looks {
        let at = before.lerp(now, f32::from(look) / f32::from(looks));
        let Some(place) = under(&content, *camera, at) else { continue };
        stroke.is_drawn = true;
        if stroke.last.is_none_or(|last| last.distance(place) >= SPACING_MM) {
            stroke.last = Some(place);
            practice.ask(Wish::Touch(place));
        }
    }
    if !stroke.is_drawn {
        *stroke = Stroke::default();
    }
}

/// The bone under a place of the view, -0.5 to 0.5 from its upper left.
fn under(content: &Content, (camera, eye): (&Camera, &GlobalTransform), at: Vec2) -> Option<Point<Ct>> {
    let size = camera.logical_viewport_size()?;
    let ray = camera.viewport_to_world(eye, (at + 0.5) * size).ok()?;
    content.bone_along(ray.origin, *ray.direction)
}

/// Shows what is laid open, large, when the view is there.
pub fn frame_levels(
    practice: Res<'_, Practice>,
    content: Res<'_, Content>,
    view: Single<'_, '_, &ComputedNode, With<SpineView>>,
    mut orbit: Single<'_, '_, &mut Orbit>,
    mut is_chosen: ResMut<'_, IsChosen>,
    mut is_framed: Local<'_, bool>,
) {
    if *is_framed || view.size().y <= 0.0 {
        return;
    }
    *is_framed = true;
    let open = content.case.vertebrae.iter().filter(|v| practice.levels.contains(&v.level));
    let points: Vec<Vec3> = open
        .flat_map(|v| v.mesh.vertices.iter().step_by(50))
        .map(|vertex| content.frame.point((*vertex).into()))
        .collect();
    if points.is_empty() {
        return;
    }
    let mut framed = Orbit::framing(&points, view.size().x / view.size().y);
    // As the surgeon stands: from the side one process hides another.
    (framed.yaw_rad, framed.pitch_rad) = (0.0, 0.0);
    // Room for the words above.
    framed.distance_m *= ROOM;
    **orbit = framed;
    // A first pose must not turn the view away.
    is_chosen.0 = true;
}

/// Backspace takes a stroke back, Enter registers, and ends what is over.
pub fn press_keys(
    keys: Res<'_, ButtonInput<KeyCode>>,
    mut practice: ResMut<'_, Practice>,
    mut exits: MessageWriter<'_, AppExit>,
) {
    if keys.just_pressed(KeyCode::Backspace) {
        practice.ask(Wish::Undo);
    }
    if keys.any_just_pressed([KeyCode::Enter, KeyCode::NumpadEnter]) {
        if practice.score.is_some() {
            exits.write(AppExit::Success);
        } else {
            practice.ask(Wish::Register);
        }
    }
}
