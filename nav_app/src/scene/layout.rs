//! Where things are on the screen: the spine on the left, slices and numbers
//! on the right. Design pixels of a 1080 pixel high screen.

use bevy::prelude::*;
use bevy::ui::RelativeCursorPosition;

use super::plane::{Plane, SliceView};
use super::slice_view::{self, ScreenId, Screens};
use super::widgets::Area;
use super::{Content, labels, opening, panel, status};

/// Height of the design.
pub const HEIGHT: f32 = 1080.0;
/// Width of the column with slices and numbers.
pub const COLUMN: f32 = 860.0;
/// Line between areas.
const GAP: f32 = 2.0;
/// Edge of the upper cells and width of all.
const CELL: f32 = 429.0;
/// Height of the lower cells.
const TALL: f32 = HEIGHT - CELL - GAP;
/// Edge of a slice's pixel: 5 vertebrae in the tall slices.
const MM_PER_PIXEL: f64 = 0.33;

/// Where a slice is within the column.
#[must_use]
pub const fn slice_area(plane: Plane) -> Area {
    match plane {
        Plane::Axial => Area::new(0.0, 0.0, CELL, CELL),
        Plane::Sagittal => Area::new(0.0, CELL + GAP, CELL, TALL),
        Plane::Coronal => Area::new(CELL + GAP, CELL + GAP, CELL, TALL),
    }
}

/// Where the numbers are within the column.
const NUMBERS: Area = Area::new(CELL + GAP, 0.0, CELL, CELL);

/// The view a slice of the column shows.
#[must_use]
pub fn column_view(plane: Plane) -> SliceView {
    let area = slice_area(plane);
    SliceView { plane, size: [area.width as u32, area.height as u32], mm_per_pixel: MM_PER_PIXEL }
}

/// Slices and numbers, in a node at the parent's right edge. The lines between
/// them are what the camera clears with ([`super::palette::EDGE`]): on a software
/// device every layer over the whole screen costs a tenth of a second.
pub fn spawn_column(
    parent: &mut ChildSpawnerCommands<'_>,
    content: &Content,
    screens: &Screens,
    slices: &[(Plane, ScreenId)],
    scale: f32,
) {
    let node = Node {
        position_type: PositionType::Absolute,
        right: px(0.0),
        top: px(0.0),
        width: px(COLUMN * scale),
        height: px(HEIGHT * scale),
        ..default()
    };
    parent.spawn(node).with_children(|column| {
        for (plane, id) in slices {
            slice_view::spawn(column, screens, *id, slice_area(*plane), scale);
        }
        panel::spawn(column, content, NUMBERS, scale);
    });
}

/// Takes the notes of a plan and of touched points, at its upper left.
#[derive(Component)]
pub struct NotePlace;

/// Where the legend of touched points begins: below the numbers of a plan.
#[must_use]
pub fn legend_top(content: &Content) -> f32 {
    if content.header.plan.is_empty() { 12.0 } else { 88.0 }
}

/// Height of all notes, design pixels; `None` where there are none.
#[must_use]
pub fn notes_height(content: &Content) -> Option<f32> {
    match (content.header.plan.is_empty(), content.header.touched.is_none()) {
        (true, true) => None,
        (false, true) => Some(94.0),
        (_, false) => Some(legend_top(content) + if content.header.hints.is_empty() { 78.0 } else { 128.0 }),
    }
}

/// The 3-D view's node: all of the screen left of the column.
#[derive(Component)]
pub struct SpineView;

/// The desktop: 3-D view, names, banner and column.
pub fn spawn_desktop(
    commands: &mut Commands<'_, '_>,
    camera: Entity,
    content: &Content,
    screens: &Screens,
    slices: &[(Plane, ScreenId)],
    spine_view: Handle<Image>,
) -> Entity {
    let whole = Node { width: percent(100.0), height: percent(100.0), ..default() };
    let mut root = commands.spawn((whole, UiTargetCamera(camera)));
    root.with_children(|root| {
        let left = Node {
            position_type: PositionType::Absolute,
            left: px(0.0),
            top: px(0.0),
            bottom: px(0.0),
            right: px(COLUMN + GAP),
            overflow: Overflow::clip(),
            ..default()
        };
        let image = ImageNode::new(spine_view).with_mode(NodeImageMode::Stretch);
        root.spawn((left, image, SpineView, NotePlace, RelativeCursorPosition::default())).with_children(|view| {
            labels::spawn(view, content);
            panel::spawn_banner(view);
            status::spawn(view);
            opening::spawn(view);
        });
        spawn_column(root, content, screens, slices, 1.0);
    });
    root.id()
}
