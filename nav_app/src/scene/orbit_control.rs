//! Turning, moving and nearing the 3-D view with the mouse.

use bevy::input::mouse::{AccumulatedMouseMotion, AccumulatedMouseScroll, MouseScrollUnit};
use bevy::prelude::*;
use bevy::ui::RelativeCursorPosition;

use super::camera::Orbit;
use super::layout::SpineView;

/// Turn for a pixel of mouse travel, rad.
const TURN_PER_PIXEL: f32 = 0.006;
/// Distance factor of one notch of the wheel.
const ZOOM_PER_NOTCH: f32 = 0.9;
/// Pixels a touchpad reports for a notch.
const PIXELS_PER_NOTCH: f32 = 60.0;
/// Shift for a pixel of mouse travel, relative to the distance.
const SHIFT_PER_PIXEL: f32 = 0.0005;
/// Nearest and farthest viewpoint, m.
const DISTANCE_M: std::ops::RangeInclusive<f32> = 0.08..=5.0;
/// Not quite overhead, where left and right would swap.
const STEEPEST_RAD: f32 = 1.45;

/// True once the user chose a viewpoint; the view then stays where it is.
#[derive(Resource, Default)]
pub struct IsChosen(pub bool);

/// Applies this frame's mouse travel. A drag that began outside the view (for
/// instance on a slice) moves nothing.
pub fn apply(
    buttons: Res<'_, ButtonInput<MouseButton>>,
    motion: Res<'_, AccumulatedMouseMotion>,
    scroll: Res<'_, AccumulatedMouseScroll>,
    view: Single<'_, '_, &RelativeCursorPosition, With<SpineView>>,
    mut orbit: Single<'_, '_, &mut Orbit>,
    mut is_dragging: Local<'_, bool>,
    mut is_chosen: ResMut<'_, IsChosen>,
) {
    let drags = [MouseButton::Left, MouseButton::Right];
    if buttons.any_just_pressed(drags) {
        *is_dragging = view.cursor_over();
    }
    let mut next = **orbit;
    let travel = motion.delta;
    if *is_dragging && buttons.pressed(MouseButton::Left) {
        next.yaw_rad -= travel.x * TURN_PER_PIXEL;
        next.pitch_rad = (next.pitch_rad + travel.y * TURN_PER_PIXEL).clamp(-STEEPEST_RAD, STEEPEST_RAD);
    } else if *is_dragging && buttons.pressed(MouseButton::Right) {
        let shift = Vec3::new(-travel.x, travel.y, 0.0) * SHIFT_PER_PIXEL * next.distance_m;
        next.focus += next.transform().rotation * shift;
    }
    if view.cursor_over() {
        let notches = match scroll.unit {
            MouseScrollUnit::Line => scroll.delta.y,
            MouseScrollUnit::Pixel => scroll.delta.y / PIXELS_PER_NOTCH,
        };
        let distance = next.distance_m * ZOOM_PER_NOTCH.powf(notches);
        next.distance_m = distance.clamp(*DISTANCE_M.start(), *DISTANCE_M.end());
    }
    if next != **orbit {
        **orbit = next;
        is_chosen.0 = true;
    }
}
