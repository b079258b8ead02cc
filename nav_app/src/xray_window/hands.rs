//! What mouse and keys do.

use bevy::input::mouse::{AccumulatedMouseScroll, MouseScrollUnit};
use bevy::prelude::*;
use bevy::ui::RelativeCursorPosition;

use super::Work;
use super::picture::{Frame, HANDLE_PX};
use super::shown::{Help, PICTURE, PictureNode};

/// Step of one notch of the wheel.
const ZOOM_PER_NOTCH: f64 = 0.85;
/// Pixels a touchpad reports for a notch.
const PIXELS_PER_NOTCH: f32 = 60.0;

/// Mouse and keys, in words.
pub const HELP: &str = "\
drag a corner      move it; the measures follow
drag a box         look for the outline in the new box
drag a circle      femoral head: its middle, or its rim
wheel              nearer, farther
C                  bone stands out from what lies over it, or the picture as it is
right drag         move the picture
N                  a box for a missing body, under the pointer
Delete             leave out the body under the pointer
Page Up / Down     every name one level up / down
U                  undo
0                  both pictures whole
F1                 this help
Escape             done: the files are written";

/// Where the pointer is: the view and the place in it, pixels of the picture on the screen.
type Pointer = Option<(usize, [f64; 2])>;

fn pointer_place(pictures: &Query<'_, '_, (&PictureNode, &RelativeCursorPosition)>) -> Pointer {
    let under = pictures.iter().find(|(_, cursor)| cursor.cursor_over())?;
    Some((under.0.0, place(under.1)?))
}

fn place(cursor: &RelativeCursorPosition) -> Option<[f64; 2]> {
    let at = cursor.normalized?;
    Some([0, 1].map(|i| (f64::from(at.to_array()[i]) + 0.5) * f64::from(PICTURE[i])))
}

/// What the right button holds: a view, and where the pointer was last.
type Panned = Option<(usize, [f64; 2])>;

/// Drags handles, moves and nears the pictures.
pub fn pointer(
    buttons: Res<'_, ButtonInput<MouseButton>>,
    scroll: Res<'_, AccumulatedMouseScroll>,
    pictures: Query<'_, '_, (&PictureNode, &RelativeCursorPosition)>,
    mut last: Local<'_, Option<[f64; 2]>>,
    mut panned: Local<'_, Panned>,
    mut work: ResMut<'_, Work>,
) {
    if let Some((view, at)) = pointer_place(&pictures) {
        if buttons.just_pressed(MouseButton::Left) {
            let frame = work.frames[view];
            if let Some(handle) = work.sheet.pick(view, frame.to_picture(at), 1.5 * HANDLE_PX * frame.step) {
                work.sheet.begin();
                (work.held, work.is_dirty) = (Some((view, handle)), true);
                *last = Some(at);
            }
        }
        if buttons.just_pressed(MouseButton::Right) {
            *panned = Some((view, at));
        }
        let notches = match scroll.unit {
            MouseScrollUnit::Line => scroll.delta.y,
            MouseScrollUnit::Pixel => scroll.delta.y / PIXELS_PER_NOTCH,
        };
        if notches != 0.0 {
            work.frames[view].zoom(at, ZOOM_PER_NOTCH.powf(f64::from(notches.clamp(-1.0, 1.0))));
            work.is_dirty = true;
        }
    }
    // Beyond the picture's edge a drag goes on.
    let place_in = |view: usize| pictures.iter().find(|(node, _)| node.0 == view).and_then(|(_, cursor)| place(cursor));
    if let Some((view, handle)) = work.held {
        if let Some(at) = place_in(view).filter(|at| *last != Some(*at)) {
            let to = work.frames[view].to_picture(at);
            work.sheet.drag(view, handle, to);
            work.is_dirty = true;
            *last = Some(at);
        }
        if !buttons.pressed(MouseButton::Left) {
            work.held = None;
            work.changed();
        }
    }
    if !buttons.pressed(MouseButton::Right) {
        *panned = None;
    } else if let Some((view, before)) = *panned
        && let Some(at) = place_in(view).filter(|at| *at != before)
    {
        work.frames[view].shift([at[0] - before[0], at[1] - before[1]]);
        (*panned, work.is_dirty) = (Some((view, at)), true);
    }
}

/// Obeys the keys.
pub fn keys(
    keys: Res<'_, ButtonInput<KeyCode>>,
    pictures: Query<'_, '_, (&PictureNode, &RelativeCursorPosition)>,
    mut help: Single<'_, '_, &mut Visibility, With<Help>>,
    mut exits: MessageWriter<'_, AppExit>,
    mut work: ResMut<'_, Work>,
) {
    if keys.get_just_pressed().next().is_none() || work.held.is_some() {
        return;
    }
    let pointer = pointer_place(&pictures);
    let pressed = |key| keys.just_pressed(key);
    if pressed(KeyCode::Escape) {
        exits.write(AppExit::Success);
    } else if pressed(KeyCode::F1) {
        help.toggle_visible_hidden();
    } else if pressed(KeyCode::Digit0) {
        let whole = [&work.pair.frontal, &work.pair.lateral].map(|r| Frame::whole(r, PICTURE.map(|n| n as usize)));
        (work.frames, work.is_dirty) = (whole, true);
    } else if pressed(KeyCode::KeyC) {
        (work.is_enhanced, work.is_dirty) = (!work.is_enhanced, true);
    } else if pressed(KeyCode::KeyU) {
        if work.sheet.undo() { work.changed() } else { work.say("there is nothing to take back".to_owned(), false) }
    } else if pressed(KeyCode::PageUp) || pressed(KeyCode::PageDown) {
        let by = if pressed(KeyCode::PageDown) { 1 } else { -1 };
        match work.sheet.rename(by) {
            Ok(()) => work.changed(),
            Err(why) => work.say(why, true),
        }
    } else if pressed(KeyCode::KeyN) {
        let added = pointer.and_then(|(view, at)| {
            let to = work.frames[view].to_picture(at);
            work.sheet.add(view, to)
        });
        match added {
            Some(_) => work.changed(),
            None => work.say("no level is missing there (point at where the body lies)".to_owned(), true),
        }
    } else if pressed(KeyCode::Delete) || pressed(KeyCode::Backspace) {
        let body =
            pointer.and_then(|(view, at)| Some((view, work.sheet.body_at(view, work.frames[view].to_picture(at))?)));
        match body {
            Some((view, level)) => {
                work.sheet.remove(view, level);
                work.changed();
            }
            None => work.say("point at a body to leave it out".to_owned(), true),
        }
    }
}
