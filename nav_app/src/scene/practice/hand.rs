//! Mouse and keys of a practice: from the pixel to the bone.

use bevy::prelude::*;
use bevy::ui::RelativeCursorPosition;
use drawing::pick::first_hit;
use geom::{Ct, Point};

use super::super::Content;
use super::super::camera::MainCamera;
use super::super::enlarge::Enlarged;
use super::super::layout::SpineView;
use super::{Practice, Wish};

/// Bone between two points of a stroke, mm: a pointer drawn at 60 mm/s before a
/// tracker of 30 Hz.
const SPACING_MM: f64 = 2.0;

/// The stroke that is being made.
#[derive(Resource, Default)]
pub struct Stroke {
    last: Option<Point<Ct>>,
    /// True from a press on the bone until the button is let go.
    pub is_drawn: bool,
}

/// Run condition: the mouse is free to turn the view.
pub fn is_free(stroke: Option<Res<'_, Stroke>>) -> bool {
    stroke.is_none_or(|stroke| !stroke.is_drawn)
}

/// A press on the bone begins a stroke, dragging goes on with it.
pub fn use_mouse(
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
    if !buttons.pressed(MouseButton::Left) {
        *stroke = Stroke::default();
        practice.ask(Wish::Lift);
        return;
    }
    let Some(place) = view.normalized.and_then(|at| under(&content, *camera, at)) else { return };
    stroke.is_drawn = true;
    if stroke.last.is_none_or(|last| last.distance(place) >= SPACING_MM) {
        stroke.last = Some(place);
        practice.ask(Wish::Touch(place));
    }
}

/// The bone under a place of the view, -0.5 to 0.5 from its upper left.
fn under(content: &Content, (camera, eye): (&Camera, &GlobalTransform), at: Vec2) -> Option<Point<Ct>> {
    let size = camera.logical_viewport_size()?;
    let ray = camera.viewport_to_world(eye, (at + 0.5) * size).ok()?;
    let (from, along) = (content.frame.ct_point(ray.origin), content.frame.ct_direction(*ray.direction));
    let hits = content.case.vertebrae.iter().filter_map(|v| first_hit(&v.mesh, from, along));
    hits.min_by(f64::total_cmp).map(|distance| from + along * distance)
}

/// Backspace takes a stroke back, Enter registers.
pub fn press_keys(keys: Res<'_, ButtonInput<KeyCode>>, mut practice: ResMut<'_, Practice>) {
    if keys.just_pressed(KeyCode::Backspace) {
        practice.ask(Wish::Undo);
    }
    if keys.any_just_pressed([KeyCode::Enter, KeyCode::NumpadEnter]) {
        practice.ask(Wish::Register);
    }
}
