//! Level names beside the vertebrae, and which side is which.
//!
//! Names stand in a column left of the spine with a leader to each bone, so
//! that they never cover what they name and never overlap.

use bevy::prelude::*;
use engine::level::Level;
use geom::{Ct, Vector};

use super::camera::MainCamera;
use super::picture::Picture;
use super::vertebrae::is_uncertain;
use super::widgets::{self, text};
use super::{Content, palette, plane, status};

/// Height of a name, design pixels.
const ROW: f32 = 36.0;
/// Free space between the names and the bone, design pixels.
const CLEARANCE: f32 = 46.0;
/// Width a name may take, design pixels.
const WIDTH: f32 = 84.0;

/// The name of a vertebra.
#[derive(Component)]
pub struct LevelName {
    level: Level,
    /// The bone's outermost points on both sides, in the scene.
    sides: [Vec3; 2],
}

impl LevelName {
    /// The level as the case names it.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }
}

/// The line from a name to its bone.
#[derive(Component)]
pub struct Leader(Level);

/// A letter at an edge of the view.
#[derive(Component, Clone, Copy)]
pub enum EdgeLetter {
    /// At the left edge.
    Left,
    /// At the right edge.
    Right,
}

/// Puts the names and letters into the 3-D view's node.
pub fn spawn(view: &mut ChildSpawnerCommands<'_>, content: &Content) {
    for vertebra in &content.case.vertebrae {
        let vertices = || vertebra.mesh.vertices.iter();
        let side = |v: Option<&[f32; 3]>| v.map_or_else(Vec3::default, |v| content.frame.point((*v).into()));
        let sides = [
            side(vertices().max_by(|a, b| a[0].total_cmp(&b[0]))),
            side(vertices().min_by(|a, b| a[0].total_cmp(&b[0]))),
        ];
        let color = palette::bone(vertebra.level);
        let leader = Node { position_type: PositionType::Absolute, height: px(1.5), ..default() };
        view.spawn((leader, BackgroundColor(color.with_alpha(0.55)), Leader(vertebra.level), UiTransform::IDENTITY));
        let words = format!("{}{}", vertebra.level, if is_uncertain(vertebra) { " ?" } else { "" });
        let mut place = widgets::at(0.0, 0.0);
        (place.padding, place.border) = (UiRect::axes(px(5.0), px(0.0)), UiRect::all(px(2.0)));
        (place.width, place.justify_content) = (px(WIDTH), JustifyContent::FlexEnd);
        let name = LevelName { level: vertebra.level, sides };
        view.spawn((place, widgets::chip(), BorderColor::all(Color::NONE), name)).with_children(|chip| {
            chip.spawn(text(words, 25.0, color));
        });
    }
    for (edge, left) in [(EdgeLetter::Left, percent(1.5)), (EdgeLetter::Right, percent(95.5))] {
        let place = Node { position_type: PositionType::Absolute, left, top: percent(47.0), ..default() };
        view.spawn((place, text("", 40.0, palette::TEXT), edge));
    }
}

/// Pixels of the 3-D view in a design pixel.
#[derive(Resource, Debug, Clone, Copy)]
pub struct ViewScale(pub f32);

/// Run condition: something moved that names stand beside.
pub fn have_moved(
    picture: Res<'_, Picture>,
    scale: Res<'_, ViewScale>,
    camera: Single<'_, '_, (Ref<'_, Camera>, Ref<'_, Transform>), With<MainCamera>>,
    added: Query<'_, '_, (), Added<LevelName>>,
    mut level: Local<'_, Option<Level>>,
) -> bool {
    let is_other = std::mem::replace(&mut *level, picture.level) != picture.level;
    is_other || scale.is_changed() || camera.0.is_changed() || camera.1.is_changed() || !added.is_empty()
}

/// Follows the camera, in the frame in which it moves: its global transform would be that of the frame before, and
/// names beside the wrong bones.
pub fn place(
    picture: Res<'_, Picture>,
    scale: Res<'_, ViewScale>,
    camera: Single<'_, '_, (&Camera, &Transform), With<MainCamera>>,
    mut names: Query<'_, '_, (&LevelName, &mut Node, &mut BorderColor), Without<Leader>>,
    mut leaders: Query<'_, '_, (&Leader, &mut Node, &mut UiTransform)>,
    mut rows: Local<'_, Vec<Row>>,
) {
    let (camera, eye) = (camera.0, GlobalTransform::from(*camera.1));
    let project = |p: Vec3| camera.world_to_viewport(&eye, p).ok().map(|p| p / scale.0);
    rows.clear();
    for (name, ..) in &names {
        let ends = name.sides.map(project);
        if let [Some(a), Some(b)] = ends {
            let bone = if a.x < b.x { a } else { b };
            rows.push(Row { level: name.level, bone, y: bone.y });
        }
    }
    let Some(height) = camera.logical_viewport_size().map(|size| size.y / scale.0) else { return };
    let nearest = rows.iter().map(|row| row.bone.x).fold(f32::INFINITY, f32::min);
    let left = (nearest - CLEARANCE - WIDTH).max(6.0);
    spread(&mut rows, height - status::RESERVED);
    for (name, mut node, mut border) in &mut names {
        let row = rows.iter().find(|row| row.level == name.level);
        show(&mut node, row.is_some());
        let Some(row) = row else { continue };
        put(&mut node, px(left), px(row.y - 0.5 * ROW), None);
        let is_nearest = picture.level == Some(name.level);
        border.set_if_neq(BorderColor::all(if is_nearest { palette::TEXT } else { Color::NONE }));
    }
    for (leader, mut node, mut turn) in &mut leaders {
        let row = rows.iter().find(|row| row.level == leader.0);
        show(&mut node, row.is_some());
        let Some(row) = row else { continue };
        let (from, to) = (Vec2::new(left + WIDTH, row.y), row.bone - Vec2::new(4.0, 0.0));
        let (middle, length) = (0.5 * (from + to), from.distance(to));
        put(&mut node, px(middle.x - 0.5 * length), px(middle.y), Some(px(length)));
        let rotation = Rot2::radians((to - from).to_angle());
        if turn.rotation != rotation {
            turn.rotation = rotation;
        }
    }
}

/// Shows or hides a node. Written only where it differs: a changed node costs a
/// layout of the whole screen.
fn show(node: &mut Mut<'_, Node>, is_shown: bool) {
    let display = if is_shown { Display::Flex } else { Display::None };
    if node.display != display {
        node.display = display;
    }
}

/// Moves a node, and makes it as wide as asked for, where it is not so already.
fn put(node: &mut Mut<'_, Node>, left: Val, top: Val, width: Option<Val>) {
    let width = width.unwrap_or(node.width);
    if (node.left, node.top, node.width) != (left, top, width) {
        (node.left, node.top, node.width) = (left, top, width);
    }
}

/// Where a name stands and what it points at, design pixels.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    level: Level,
    bone: Vec2,
    y: f32,
}

/// Moves names apart until no two overlap, keeping their order; levels out of
/// the picture lose their row.
fn spread(rows: &mut Vec<Row>, height: f32) {
    rows.retain(|row| (0.0..height).contains(&row.bone.y));
    rows.sort_unstable_by(|a, b| a.bone.y.total_cmp(&b.bone.y));
    let mut floor = 0.5 * ROW;
    for row in rows.iter_mut() {
        row.y = row.bone.y.max(floor);
        floor = row.y + ROW;
    }
    let mut ceiling = height - 0.5 * ROW;
    for row in rows.iter_mut().rev() {
        row.y = row.y.min(ceiling);
        ceiling = row.y - ROW;
    }
}

/// Names the sides the view's edges are on.
pub fn name_edges(
    camera: Single<'_, '_, &Transform, With<MainCamera>>,
    mut letters: Query<'_, '_, (&EdgeLetter, &mut Text)>,
) {
    let right = camera.right();
    // Scene to LPS, the inverse of `SceneFrame::direction`.
    let right_lps = Vector::<Ct>::new(-f64::from(right.x), f64::from(right.z), f64::from(right.y));
    for (edge, mut text) in &mut letters {
        let letter = plane::letter(match edge {
            EdgeLetter::Left => -right_lps,
            EdgeLetter::Right => right_lps,
        });
        if text.0 != letter {
            text.0 = letter.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crowded_names_are_spread_in_order() {
        let row = |i: u8| {
            let bone = Vec2::new(0.0, 500.0 + f32::from(20 - i));
            Row { level: Level::from_number(20 - i).unwrap(), bone, y: 0.0 }
        };
        let mut rows: Vec<Row> = (0..20).map(row).collect();
        spread(&mut rows, 1080.0);
        assert_eq!(rows.len(), 20);
        assert!(rows.windows(2).all(|pair| pair[1].y - pair[0].y >= ROW - 1e-3 && pair[0].level < pair[1].level));
        assert!(rows.iter().all(|row| (0.0..1080.0).contains(&row.y)));
    }
}
