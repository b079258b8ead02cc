//! Landmarks moved by hand in the window: dragged with the mouse, or chosen and nudged by keys.
//!
//! A handle is a square over the bone, the chosen one with its name. Nothing is changed here: each correction is asked
//! of the thread that keeps the landmarks ([`crate::shown_alignment`]), which writes it down with name and time and
//! measures again; a handle then stands where that thread says. Only where a name was given (`--by`).

use std::sync::Arc;

use bevy::prelude::*;
use bevy::ui::RelativeCursorPosition;
use engine::measure::handle::Handle;
use geom::Point;
use geom::nalgebra::Vector3;

use super::camera::MainCamera;
use super::labels::{LevelName, ViewScale};
use super::layout::SpineView;
use super::widgets::{self, text};
use super::{Content, palette, status};
use crate::shown_alignment::{Asked, LevelShift, SharedAlignment, ShownAlignment};

/// Edge of a handle, design pixels.
const DOT: f32 = 9.0;
/// A press this near to a handle holds it, design pixels.
const REACH: f32 = 14.0;
/// A step of the arrow keys, mm; with Shift the larger one.
const STEPS_MM: [f64; 2] = [0.5, 2.0];

/// What is being corrected.
#[derive(Resource, Default)]
pub struct Correcting {
    is_on: bool,
    chosen: usize,
    /// Where the chosen handle is to go, until the landmarks say where it is.
    wanted: Option<Vector3<f64>>,
    is_dragging: bool,
    seen: Option<Arc<ShownAlignment>>,
}

impl Correcting {
    /// True while the mouse holds a handle: the view must not turn.
    pub const fn is_dragging(&self) -> bool {
        self.is_dragging
    }

    fn handle(&self) -> Option<&Handle> {
        self.seen.as_ref()?.handles.get(self.chosen)
    }

    /// Chooses the handle `step` landmarks on, or the next end of this one.
    fn choose(&mut self, step: isize) {
        let Some(shown) = self.seen.clone() else { return };
        let handles = &shown.handles;
        let Some(now) = handles.get(self.chosen) else { return };
        self.wanted = None;
        if step == 0 {
            let ends: Vec<usize> = (0..handles.len()).filter(|i| handles[*i].landmark == now.landmark).collect();
            let place = ends.iter().position(|i| *i == self.chosen).unwrap_or_default();
            self.chosen = ends.get((place + 1) % ends.len().max(1)).copied().unwrap_or_default();
            return;
        }
        let mut firsts: Vec<usize> = (0..handles.len()).collect();
        firsts.dedup_by_key(|i| handles[*i].landmark.as_str());
        let place = firsts.iter().rposition(|i| *i <= self.chosen).unwrap_or_default();
        let next = place.saturating_add_signed(step).min(firsts.len().saturating_sub(1));
        self.chosen = firsts.get(next).copied().unwrap_or_default();
    }
}

/// A handle on the screen.
#[derive(Component)]
pub struct Dot(usize);

/// What is held, and how to move it.
#[derive(Component)]
pub struct Words;

/// Adds handles and keys; they answer where corrections may be made.
pub fn plugin(app: &mut App) {
    app.init_resource::<Correcting>()
        .add_systems(Update, (take_newest, press, spawn, tell, rename).chain().run_if(may_correct));
}

/// Run condition: corrections may be made here.
pub fn may_correct(content: Res<'_, Content>) -> bool {
    content.header.alignment.as_ref().is_some_and(SharedAlignment::is_correctable)
}

fn take_newest(content: Res<'_, Content>, mut correcting: ResMut<'_, Correcting>) {
    let Some(newest) = content.header.alignment.as_ref().map(SharedAlignment::newest) else { return };
    if !correcting.seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, &newest)) {
        // The chosen handle keeps its name, wherever it stands in the list now.
        let held = correcting.handle().map(|h| (h.landmark.clone(), h.part));
        let place =
            held.and_then(|(name, part)| newest.handles.iter().position(|h| h.landmark == name && h.part == part));
        correcting.chosen = place.unwrap_or_default();
        if !correcting.is_dragging {
            correcting.wanted = None;
        }
        correcting.seen = Some(newest);
    }
}

/// The direction of an arrow key, LPS.
fn direction(key: KeyCode) -> Option<Vector3<f64>> {
    Some(match key {
        KeyCode::ArrowUp => Vector3::z(),
        KeyCode::ArrowDown => -Vector3::z(),
        KeyCode::ArrowRight => -Vector3::x(),
        KeyCode::ArrowLeft => Vector3::x(),
        KeyCode::PageUp => -Vector3::y(),
        KeyCode::PageDown => Vector3::y(),
        _ => return None,
    })
}

fn press(keys: Res<'_, ButtonInput<KeyCode>>, content: Res<'_, Content>, mut correcting: ResMut<'_, Correcting>) {
    let Some(shared) = &content.header.alignment else { return };
    if keys.just_pressed(KeyCode::KeyL) {
        correcting.is_on = !correcting.is_on;
        (correcting.wanted, correcting.is_dragging) = (None, false);
    }
    if !correcting.is_on {
        return;
    }
    let has_shift = keys.any_pressed([KeyCode::ShiftLeft, KeyCode::ShiftRight]);
    for key in keys.get_just_pressed() {
        match key {
            KeyCode::KeyN => correcting.choose(1),
            KeyCode::KeyP => correcting.choose(-1),
            KeyCode::Tab => correcting.choose(0),
            KeyCode::KeyU if has_shift => drop(shared.ask(Asked::RenameAll(LevelShift::Up))),
            KeyCode::KeyD if has_shift => drop(shared.ask(Asked::RenameAll(LevelShift::Down))),
            key => {
                let Some((direction, handle)) = direction(*key).zip(correcting.handle().cloned()) else { continue };
                let to = correcting.wanted.unwrap_or(handle.at_mm) + direction * STEPS_MM[usize::from(has_shift)];
                correcting.wanted = Some(to);
                shared.ask(Asked::Move(handle.landmark, handle.part, to));
            }
        }
    }
}

/// Takes hold of the handle under the mouse, moves it in the plane of the picture, and asks for it when let go.
pub fn drag(
    buttons: Res<'_, ButtonInput<MouseButton>>,
    content: Res<'_, Content>,
    scale: Res<'_, ViewScale>,
    view: Single<'_, '_, &RelativeCursorPosition, With<SpineView>>,
    camera: Single<'_, '_, (&Camera, &GlobalTransform), With<MainCamera>>,
    mut correcting: ResMut<'_, Correcting>,
) {
    if !correcting.is_on {
        return;
    }
    let (camera, eye) = *camera;
    let size = camera.logical_viewport_size();
    let Some(cursor) = view.normalized.zip(size).map(|(at, size)| (at + 0.5) * size) else { return };
    if buttons.just_pressed(MouseButton::Left) && view.cursor_over() {
        let held = nearest(&correcting, &content, cursor, REACH * scale.0, |p| camera.world_to_viewport(eye, p).ok());
        if let Some(held) = held {
            (correcting.chosen, correcting.wanted, correcting.is_dragging) = (held, None, true);
        }
    }
    let Some(handle) = correcting.handle().filter(|_| correcting.is_dragging).cloned() else { return };
    let start = content.frame.point(Point::from_vector3(handle.at_mm));
    let plane = InfinitePlane3d::new(eye.forward());
    let hit = camera
        .viewport_to_world(eye, cursor)
        .ok()
        .and_then(|ray| Some(ray.get_point(ray.intersect_plane(start, plane)?)));
    if let Some(hit) = hit {
        correcting.wanted =
            Some(handle.at_mm + (content.frame.ct_point(hit) - content.frame.ct_point(start)).vector3());
    }
    if buttons.just_released(MouseButton::Left) {
        correcting.is_dragging = false;
        if let (Some(shared), Some(to)) = (&content.header.alignment, correcting.wanted) {
            shared.ask(Asked::Move(handle.landmark, handle.part, to));
        }
    }
}

/// The handle nearest to the cursor within reach.
fn nearest(
    correcting: &Correcting,
    content: &Content,
    cursor: Vec2,
    reach: f32,
    project: impl Fn(Vec3) -> Option<Vec2>,
) -> Option<usize> {
    let handles = &correcting.seen.as_ref()?.handles;
    let distance =
        |handle: &Handle| Some(project(content.frame.point(Point::from_vector3(handle.at_mm)))?.distance(cursor));
    let near = handles.iter().enumerate().filter_map(|(i, handle)| Some((i, distance(handle)?)));
    near.filter(|(_, d)| *d <= reach).min_by(|a, b| a.1.total_cmp(&b.1)).map(|(i, _)| i)
}

type IsOfCorrections = Or<(With<Dot>, With<Words>)>;

/// Puts squares and words there when corrections begin, and takes them away when they end.
fn spawn(
    mut commands: Commands<'_, '_>,
    correcting: Res<'_, Correcting>,
    views: Query<'_, '_, Entity, With<SpineView>>,
    dots: Query<'_, '_, Entity, IsOfCorrections>,
    mut count: Local<'_, usize>,
) {
    let wanted = if correcting.is_on { correcting.seen.as_ref().map_or(0, |seen| seen.handles.len() + 1) } else { 0 };
    if *count == wanted {
        return;
    }
    *count = wanted;
    dots.iter().for_each(|entity| commands.entity(entity).despawn());
    for view in views.iter().filter(|_| wanted > 0) {
        commands.entity(view).with_children(|view| {
            for number in 0..wanted - 1 {
                let place =
                    Node { width: px(DOT), height: px(DOT), border: UiRect::all(px(1.5)), ..widgets::at(0.0, 0.0) };
                view.spawn((place, BackgroundColor(palette::CAUTION), BorderColor::all(Color::BLACK), Dot(number)));
            }
            let mut place = Node { position_type: PositionType::Absolute, left: px(15.0), ..default() };
            (place.bottom, place.padding) = (px(status::RESERVED + 6.0), UiRect::axes(px(10.0), px(6.0)));
            view.spawn((text("", 19.0, palette::TEXT), place, widgets::chip(), Words));
        });
    }
}

/// Moves the squares with the view, and says what is held.
fn tell(
    correcting: Res<'_, Correcting>,
    content: Res<'_, Content>,
    scale: Res<'_, ViewScale>,
    camera: Single<'_, '_, (&Camera, &Transform), With<MainCamera>>,
    mut dots: Query<'_, '_, (&Dot, &mut Node, &mut BackgroundColor, &mut BorderColor)>,
    mut words: Query<'_, '_, &mut Text, With<Words>>,
) {
    let Some(shown) = correcting.seen.as_ref().filter(|_| correcting.is_on) else { return };
    let (camera, eye) = (camera.0, GlobalTransform::from(*camera.1));
    for (dot, mut node, mut fill, mut border) in &mut dots {
        let Some(handle) = shown.handles.get(dot.0) else { continue };
        let is_chosen = dot.0 == correcting.chosen;
        let at_mm = correcting.wanted.filter(|_| is_chosen).unwrap_or(handle.at_mm);
        let at = camera.world_to_viewport(&eye, content.frame.point(Point::from_vector3(at_mm))).ok();
        let (left, top) = at.map_or((-100.0, -100.0), |p| (p.x / scale.0 - DOT / 2.0, p.y / scale.0 - DOT / 2.0));
        if (node.left, node.top) != (px(left), px(top)) {
            (node.left, node.top) = (px(left), px(top));
        }
        let [inside, edge] = if is_chosen { [palette::TEXT, palette::ALARM] } else { [palette::CAUTION, Color::BLACK] };
        fill.set_if_neq(BackgroundColor(inside));
        border.set_if_neq(BorderColor::all(edge));
    }
    let line = correcting.handle().map_or_else(
        || "no landmark can be moved".to_owned(),
        |handle| {
            let moved = correcting.wanted.map_or(0.0, |to| (to - handle.at_mm).norm());
            let way = if moved > 0.01 { format!("  moving {moved:.1} mm") } else { String::new() };
            format!("CORRECT  {} {}{way}\n{HELP}", handle.landmark, handle.part.name())
        },
    );
    for mut text in &mut words {
        if text.0 != line {
            text.0.clone_from(&line);
        }
    }
}

/// The keys while landmarks are corrected.
const HELP: &str = "drag a square, or N P: landmark, Tab: end,\narrows: left right head feet, PgUp PgDn: front back\n(Shift: 2 mm)  Shift+U, Shift+D: all levels renamed  L: end";

/// Names at the bones follow what was renamed.
fn rename(
    correcting: Res<'_, Correcting>,
    names: Query<'_, '_, (&LevelName, &Children)>,
    mut texts: Query<'_, '_, &mut Text>,
    mut told: Local<'_, Vec<(String, String)>>,
) {
    let Some(shown) = correcting.seen.as_ref().filter(|shown| shown.renamed != *told) else { return };
    told.clone_from(&shown.renamed);
    for (name, children) in &names {
        let first = name.level().to_string();
        let now = shown.renamed.iter().find(|(from, _)| *from == first).map_or(&first, |(_, to)| to);
        for child in children {
            if let Ok(mut text) = texts.get_mut(*child) {
                text.0.clone_from(now);
            }
        }
    }
}
