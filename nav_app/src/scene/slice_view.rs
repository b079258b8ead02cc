//! The slices on the screen: textures, letters, scale bar, level names.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy::asset::RenderAssetUsages;
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
use bevy::tasks::{AsyncComputeTaskPool, Task, block_on, poll_once};
use bevy::ui::RelativeCursorPosition;
use drawing::contours::Contours;
use engine::level::Level;

use super::hanging::{Hanging, SliceMode};
use super::picture::Picture;
use super::plane::SliceView;
use super::slices::{self, Focus, Look, SlicePicture, SliceWindow};
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
    hanging: Hanging,
    drawn: Option<Look>,
    drawing: Option<Drawing>,
    is_active: bool,
}

/// A slice being drawn in the background.
struct Drawing {
    view: SliceView,
    look: Look,
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
    density: f32,
}

impl Screens {
    /// Follows how large a design pixel is on the screen: fewer pixels than
    /// that would be coarse, more than one are not worth their time.
    pub fn fit(&mut self, pixels_per_design: f32) {
        self.density = pixels_per_design.clamp(0.3, 1.0);
    }

    /// What a texture shows.
    #[must_use]
    pub fn view(&self, id: ScreenId) -> Option<SliceView> {
        self.screens.get(id.0).map(|screen| screen.view)
    }

    /// No textures yet.
    #[must_use]
    pub fn new(contours: Contours) -> Self {
        Self { contours: Arc::new(contours), screens: Vec::new(), last_redraw: None, density: 1.0 }
    }

    /// Adds a texture of `view`.
    pub fn add(&mut self, view: SliceView, images: &mut Assets<Image>) -> ScreenId {
        let image = images.add(blank(view.size));
        let hanging = Hanging::of(view.plane);
        let names = Vec::new();
        self.screens.push(Screen { view, image, names, hanging, drawn: None, drawing: None, is_active: true });
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

fn extent(size: [u32; 2]) -> Extent3d {
    Extent3d { width: size[0].max(1), height: size[1].max(1), depth_or_array_layers: 1 }
}

/// Black; its pixels go to the device and are not kept here.
fn blank(size: [u32; 2]) -> Image {
    let (format, usages) = (TextureFormat::Rgba8UnormSrgb, RenderAssetUsages::RENDER_WORLD);
    Image::new_fill(extent(size), TextureDimension::D2, &[0, 0, 0, 255], format, usages)
}

/// Redraws the textures whose focus moved, at most at 15 Hz. The drawing runs
/// in the background, so that the view never waits for a slice.
pub fn redraw(
    picture: Res<'_, Picture>,
    content: Res<'_, Content>,
    window: Res<'_, SliceWindow>,
    mode: Res<'_, SliceMode>,
    mut screens: ResMut<'_, Screens>,
    mut images: ResMut<'_, Assets<Image>>,
) {
    let focus = match picture.ct_from_tip.zip(palette::tool(picture.condition)) {
        Some((ct_from_tip, color)) => Focus::Tip { ct_from_tip, rgb: palette::rgb(color) },
        None => Focus::Spine(content.spine_centre),
    };
    let look = Look { focus, window: *window, mode: *mode, density: screens.density };
    // Marked as changed when a slice was drawn, and not because it was looked at.
    let mut is_new = false;
    let Screens { contours, screens: all, last_redraw, .. } = screens.bypass_change_detection();
    for screen in all.iter_mut() {
        is_new |= take_drawn(screen, &mut images);
    }
    start_drawing(all, contours, last_redraw, &content, look);
    if is_new {
        screens.set_changed();
    }
}

/// Starts to draw what is not drawn as it should look.
fn start_drawing(
    screens: &mut [Screen],
    contours: &Arc<Contours>,
    last_redraw: &mut Option<Instant>,
    content: &Content,
    look: Look,
) {
    if last_redraw.is_some_and(|last| last.elapsed() < REDRAW_EVERY) {
        return;
    }
    let is_due = |screen: &&mut Screen| screen.is_active && screen.drawing.is_none() && screen.drawn != Some(look);
    for screen in screens.iter_mut().filter(is_due) {
        let (case, contours, view) = (content.case.clone(), contours.clone(), screen.view);
        let planned = content.header.plan.clone();
        let task =
            AsyncComputeTaskPool::get().spawn(async move { slices::draw(&case, &contours, &planned, view, &look) });
        screen.drawing = Some(Drawing { view, look, task });
        *last_redraw = Some(Instant::now());
    }
}

/// Shows a slice that is ready, and says so; one of a view no longer wanted is
/// dropped.
fn take_drawn(screen: &mut Screen, images: &mut Assets<Image>) -> bool {
    let Some(drawing) = screen.drawing.take_if(|drawing| drawing.task.is_finished()) else { return false };
    let Some(slice) = block_on(poll_once(drawing.task)).filter(|_| drawing.view == screen.view) else { return false };
    if let Some(mut image) = images.get_mut(&screen.image) {
        // Of the same size, it is written into the texture that is there.
        image.texture_descriptor.size = extent(slice.size);
        image.data = Some(slice.rgba);
    }
    (screen.names, screen.hanging) = (slice.names, slice.hanging);
    screen.drawn = Some(drawing.look);
    true
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
    mut tags: Query<'_, '_, (Ref<'_, NameTag>, &mut Node, &mut Text, &mut TextColor, &mut Visibility)>,
) {
    for (tag, mut node, mut text, mut color, mut visibility) in &mut tags {
        if !screens.is_changed() && !tag.is_added() {
            continue;
        }
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

/// A word that tells which way a slice hangs.
#[derive(Component)]
pub struct HangingWord {
    screen: ScreenId,
    /// Left, right, top, bottom; `None` for the slice's name.
    edge: Option<usize>,
}

/// Tells which way the slices hang: what was drawn, not what is wanted.
pub fn tell_hanging(screens: Res<'_, Screens>, mut words: Query<'_, '_, (&mut Text, Ref<'_, HangingWord>)>) {
    for (mut text, word) in &mut words {
        if !screens.is_changed() && !word.is_added() {
            continue;
        }
        let Some(hanging) = screens.screens.get(word.screen.0).map(|screen| screen.hanging) else { continue };
        let told = match word.edge {
            Some(edge) => hanging.letters().get(edge).cloned().unwrap_or_default(),
            None => hanging.name.to_uppercase(),
        };
        if text.0 != told {
            text.0 = told;
        }
    }
}

/// Puts a slice on the screen: the texture with everything around it.
pub fn spawn(parent: &mut ChildSpawnerCommands<'_>, screens: &Screens, id: ScreenId, area: Area, scale: f32) {
    let Some(screen) = screens.screens.get(id.0) else { return };
    let image = ImageNode::new(screen.image.clone()).with_mode(NodeImageMode::Stretch);
    parent.spawn((area.node(scale), image, id, RelativeCursorPosition::default())).with_children(|slice| {
        decorate(slice, id, screen.view.mm_per_pixel, area, scale);
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
fn decorate(slice: &mut ChildSpawnerCommands<'_>, screen: ScreenId, mm_per_pixel: f64, area: Area, scale: f32) {
    let (letter, s) = (Vec2::new(44.0, 30.0), |v: f32| px(v * scale));
    let (middle_x, middle_y) = (0.5 * (area.width - letter.x), 0.5 * (area.height - letter.y));
    let edges = [
        (JustifyContent::FlexStart, 8.0, middle_y),
        (JustifyContent::FlexEnd, area.width - letter.x - 8.0, middle_y),
        (JustifyContent::Center, middle_x, 4.0),
        (JustifyContent::Center, middle_x, area.height - 36.0),
    ];
    for (edge, (justify_content, x, y)) in edges.into_iter().enumerate() {
        // One letter or two: the row keeps them at their edge.
        let row = Node { width: s(letter.x), justify_content, ..widgets::at(x * scale, y * scale) };
        slice.spawn(row).with_children(|row| {
            let word = HangingWord { screen, edge: Some(edge) };
            row.spawn((text("", 26.0 * scale, palette::TEXT), widgets::chip(), word));
        });
    }
    slice.spawn((
        text("", 18.0 * scale, palette::CAPTION),
        widgets::at(8.0 * scale, 6.0 * scale),
        widgets::chip(),
        HangingWord { screen, edge: None },
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
