//! The slices on the screen: textures, letters, scale bar, level names.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy::asset::RenderAssetUsages;
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
use bevy::tasks::{AsyncComputeTaskPool, Task, block_on, poll_once};
use bevy::ui::RelativeCursorPosition;
use engine::level::Level;

use super::contours::Contours;
use super::picture::Picture;
use super::plane::{Plane, SliceView};
use super::slices::{self, Focus, SlicePicture, SliceWindow};
use super::widgets::{self, Area, text};
use super::{Content, palette};

/// Shortest time between two redraws: 15 Hz is smooth for a hand-held tip.
const REDRAW_EVERY: Duration = Duration::from_millis(66);
/// Most level names on one slice.
const MAX_NAMES: usize = 24;
/// Length of the scale bar, mm.
const SCALE_BAR_MM: f32 = 20.0;

/// One slice texture.
struct Screen {
    view: SliceView,
    image: Handle<Image>,
    names: Vec<(Level, [f32; 2])>,
    drawn: Option<(Focus, SliceWindow)>,
    drawing: Option<Drawing>,
    is_active: bool,
}

/// A slice being drawn in the background.
struct Drawing {
    view: SliceView,
    focus: (Focus, SliceWindow),
    task: Task<SlicePicture>,
}

/// Index of a slice texture.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScreenId(usize);

/// All slice textures, and the sorted surfaces they are outlined with.
#[derive(Resource)]
pub struct Screens {
    contours: Arc<Contours>,
    screens: Vec<Screen>,
    last_redraw: Option<Instant>,
}

impl Screens {
    /// What a texture shows.
    #[must_use]
    pub fn view(&self, id: ScreenId) -> Option<SliceView> {
        self.screens.get(id.0).map(|screen| screen.view)
    }

    /// No textures yet.
    #[must_use]
    pub fn new(contours: Contours) -> Self {
        Self { contours: Arc::new(contours), screens: Vec::new(), last_redraw: None }
    }

    /// Adds a texture of `view`.
    pub fn add(&mut self, view: SliceView, images: &mut Assets<Image>) -> ScreenId {
        let image = images.add(blank(view.size));
        self.screens.push(Screen { view, image, names: Vec::new(), drawn: None, drawing: None, is_active: true });
        ScreenId(self.screens.len() - 1)
    }

    /// True when every texture in use has been drawn.
    #[must_use]
    pub fn are_drawn(&self) -> bool {
        self.screens.iter().all(|screen| !screen.is_active || screen.drawn.is_some())
    }

    /// Changes what a texture shows; it is drawn anew.
    pub fn show(&mut self, id: ScreenId, view: Option<SliceView>) {
        let Some(screen) = self.screens.get_mut(id.0) else { return };
        screen.is_active = view.is_some();
        if let Some(view) = view.filter(|view| *view != screen.view) {
            screen.view = view;
            screen.drawn = None;
        }
    }
}

fn blank(size: [u32; 2]) -> Image {
    let extent = Extent3d { width: size[0].max(1), height: size[1].max(1), depth_or_array_layers: 1 };
    let (format, usages) = (TextureFormat::Rgba8UnormSrgb, RenderAssetUsages::default());
    Image::new_fill(extent, TextureDimension::D2, &[0, 0, 0, 255], format, usages)
}

/// Redraws the textures whose focus moved, at most at 15 Hz. The drawing runs
/// in the background, so that the view never waits for a slice.
pub fn redraw(
    picture: Res<'_, Picture>,
    content: Res<'_, Content>,
    window: Res<'_, SliceWindow>,
    mut screens: ResMut<'_, Screens>,
    mut images: ResMut<'_, Assets<Image>>,
) {
    let window = *window;
    let focus = match picture.ct_from_tip.zip(palette::tool(picture.condition)) {
        Some((ct_from_tip, color)) => Focus::Tip { ct_from_tip, rgb: palette::rgb(color) },
        None => Focus::Spine(content.spine_centre),
    };
    let Screens { contours, screens, last_redraw } = &mut *screens;
    for screen in screens.iter_mut() {
        take_drawn(screen, &mut images);
    }
    if last_redraw.is_some_and(|last| last.elapsed() < REDRAW_EVERY) {
        return;
    }
    let is_due =
        |screen: &&mut Screen| screen.is_active && screen.drawing.is_none() && screen.drawn != Some((focus, window));
    for screen in screens.iter_mut().filter(is_due) {
        let (case, contours, view) = (content.case.clone(), contours.clone(), screen.view);
        let task =
            AsyncComputeTaskPool::get().spawn(async move { slices::draw(&case, &contours, view, &focus, window) });
        screen.drawing = Some(Drawing { view, focus: (focus, window), task });
        *last_redraw = Some(Instant::now());
    }
}

/// Shows a slice that is ready; one of a view no longer wanted is dropped.
fn take_drawn(screen: &mut Screen, images: &mut Assets<Image>) {
    let Some(drawing) = screen.drawing.take_if(|drawing| drawing.task.is_finished()) else { return };
    let Some(slice) = block_on(poll_once(drawing.task)).filter(|_| drawing.view == screen.view) else { return };
    if let Some(mut image) = images.get_mut(&screen.image) {
        let mut fresh = blank(screen.view.size);
        fresh.data = Some(slice.rgba);
        *image = fresh;
    }
    screen.names = slice.names;
    screen.drawn = Some(drawing.focus);
}

/// The words that tell the window.
#[derive(Component)]
pub struct WindowWords;

/// Tells the window.
pub fn tell_window(window: Res<'_, SliceWindow>, mut words: Query<'_, '_, (&mut Text, Ref<'_, WindowWords>)>) {
    for (mut text, tag) in &mut words {
        if window.is_changed() || tag.is_added() {
            text.0 = window.words();
        }
    }
}

/// A level name that follows its outline.
#[derive(Component)]
pub struct NameTag {
    screen: ScreenId,
    number: usize,
    scale: f32,
}

/// Moves the level names to their outlines.
pub fn place_names(
    screens: Res<'_, Screens>,
    mut tags: Query<'_, '_, (&NameTag, &mut Node, &mut Text, &mut TextColor, &mut Visibility)>,
) {
    for (tag, mut node, mut text, mut color, mut visibility) in &mut tags {
        let name = screens.screens.get(tag.screen.0).and_then(|screen| screen.names.get(tag.number));
        let Some((level, [x, y])) = name else {
            visibility.set_if_neq(Visibility::Hidden);
            continue;
        };
        visibility.set_if_neq(Visibility::Inherited);
        let (left, top) = (px((x - 14.0) * tag.scale), px((y - 11.0) * tag.scale));
        if node.left != left || node.top != top {
            (node.left, node.top) = (left, top);
        }
        if text.0 != level.to_string() {
            text.0 = level.to_string();
            color.0 = palette::bone(*level);
        }
    }
}

/// Puts a slice on the screen: the texture with everything around it.
pub fn spawn(parent: &mut ChildSpawnerCommands<'_>, screens: &Screens, id: ScreenId, area: Area, scale: f32) {
    let Some(screen) = screens.screens.get(id.0) else { return };
    let image = ImageNode::new(screen.image.clone()).with_mode(NodeImageMode::Stretch);
    parent.spawn((area.node(scale), image, id, RelativeCursorPosition::default())).with_children(|slice| {
        decorate(slice, screen.view.plane, screen.view.mm_per_pixel, area, scale);
        for number in 0..MAX_NAMES {
            let tag = NameTag { screen: id, number, scale };
            slice.spawn((
                text("", 18.0 * scale, palette::TEXT),
                Node { position_type: PositionType::Absolute, ..default() },
                widgets::chip(),
                tag,
            ));
        }
    });
}

/// Letters, caption and scale bar.
fn decorate(slice: &mut ChildSpawnerCommands<'_>, plane: Plane, mm_per_pixel: f64, area: Area, scale: f32) {
    let [left, right, top, bottom] = plane.letters();
    let (middle_x, middle_y) = (area.width * 0.5 - 8.0, area.height * 0.5 - 16.0);
    let edges = [
        (left, 8.0, middle_y),
        (right, area.width - 26.0, middle_y),
        (top, middle_x, 4.0),
        (bottom, middle_x, area.height - 36.0),
    ];
    for (letter, x, y) in edges {
        slice.spawn((text(letter, 26.0 * scale, palette::TEXT), widgets::at(x * scale, y * scale), widgets::chip()));
    }
    let caption = plane.name().to_uppercase();
    slice.spawn((
        text(caption, 18.0 * scale, palette::CAPTION),
        widgets::at(8.0 * scale, 6.0 * scale),
        widgets::chip(),
    ));
    let node = widgets::at(8.0 * scale, (area.height - 30.0) * scale);
    slice.spawn((text("", 16.0 * scale, palette::CAPTION), node, widgets::chip(), WindowWords));
    let bar = SCALE_BAR_MM / mm_per_pixel as f32;
    let (x, y) = (area.width - bar - 14.0, area.height - 14.0);
    let bar_area = Area::new(x, y, bar, 4.0);
    slice.spawn((bar_area.node(scale), BackgroundColor(palette::TEXT)));
    let length = format!("{SCALE_BAR_MM:.0} mm");
    slice.spawn((text(length, 17.0 * scale, palette::TEXT), widgets::at(x * scale, (y - 23.0) * scale)));
}
