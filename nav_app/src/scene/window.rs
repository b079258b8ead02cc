//! The scene in a window: keys, resizing, screenshots.
//!
//! Mesa 22.3's software device never gives back some memory of every 3-D frame
//! (pygfx/wgpu-py#306; 25.0 does). One mesh for all bone, coarse there, and no
//! frame without need keep it to 3 MB a frame; [`run_window`] warns.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureFormat};
use bevy::render::view::screenshot::{Screenshot, save_to_disk};
use bevy::ui::{ComputedNode, UiScale};
use bevy::window::{PrimaryWindow, WindowResolution};
use bevy::winit::{UpdateMode, WinitSettings};

use geom::{Ct, Tip};

use super::camera::{self, MainCamera, Orbit};
use super::labels::ViewScale;
use super::layout::{self, SpineView};
use super::orbit_control::{self, IsChosen};
use super::picture::{Condition, Feed, Picture};
use super::plane::{Plane, SliceView};
use super::slice_view::{self, ScreenId, Screens};
use super::vertebrae::IsCoarse;
use super::widgets::{self, Area, text};
use super::{ColumnScreens, Content, SceneInput, adapter, palette};

const TITLE: &str = "SpineNav - research use only";
/// Time between frames on a software device, which shares the processor with
/// the navigation loop.
const SOFTWARE_FRAME: Duration = Duration::from_millis(66);
/// Edge of an enlarged slice's design pixel, mm.
const ENLARGED_MM_PER_PIXEL: f64 = 0.2;
const HELP: &str = "\
left drag    turn the spine
right drag   move it
wheel        nearer, farther
R            standard view
1  2  3      axial, sagittal, coronal large
0            all views
S            save a screenshot
F1           this help";

/// The image the 3-D view is drawn into.
#[derive(Resource)]
struct ViewImage(Handle<Image>);

/// The slice drawn large over the 3-D view.
#[derive(Resource)]
struct Enlarged {
    screen: ScreenId,
    plane: Option<Plane>,
    node: Option<Entity>,
}

/// Smooth edges, where the device can afford them.
#[derive(Resource)]
struct Antialiasing(Msaa);

/// The list of keys.
#[derive(Component)]
struct Help;

/// Opens the window and draws until it is closed. Must be called on the main
/// thread, once a process.
///
/// # Errors
/// There is no display or no Vulkan device; the message says what helps.
pub fn run_window(input: SceneInput) -> Result<()> {
    let Some(x_display) = adapter::display_name() else {
        bail!("there is no display to open a window on; pictures can be drawn without one");
    };
    let Some(device) = adapter::adapters().into_iter().next() else {
        bail!(adapter::NO_DEVICE);
    };
    tracing::info!("opening a window on display {x_display}, drawn by {device}");
    let window = Window { title: TITLE.into(), resolution: WindowResolution::new(1920, 1080), ..default() };
    let mut app = App::new();
    app.add_plugins(super::plugins(Some(window))).init_resource::<IsChosen>();
    if device.is_software {
        tracing::warn!(
            "software rendering is slow, and old Mesa versions leak memory: use the window for minutes only"
        );
        let mode = UpdateMode::reactive_low_power(SOFTWARE_FRAME);
        app.insert_resource(WinitSettings { focused_mode: mode, unfocused_mode: mode });
        app.insert_resource(IsCoarse);
    } else {
        app.insert_resource(WinitSettings::continuous());
    }
    super::add_content(&mut app, Content::new(input.case, input.header), Feed::live(input.snapshots));
    app.insert_resource(Antialiasing(if device.is_software { Msaa::Off } else { Msaa::Sample4 }))
        .add_systems(PostStartup, spawn)
        .add_systems(Update, (press_keys, frame_first_pose, orbit_control::apply).before(camera::follow_orbit))
        .add_systems(Update, (fit, draw_when_needed).chain().after(camera::follow_orbit));
    app.run();
    Ok(())
}

fn spawn(
    antialiasing: Res<'_, Antialiasing>,
    mut commands: Commands<'_, '_>,
    content: Res<'_, Content>,
    picture: Res<'_, Picture>,
    mut screens: ResMut<'_, Screens>,
    slices: Res<'_, ColumnScreens>,
    mut images: ResMut<'_, Assets<Image>>,
) {
    let view = images.add(Image::new_target_texture(1058, 1080, TextureFormat::Rgba8UnormSrgb, None));
    let orbit = camera::standard_view(&content, &picture, 1058.0 / 1080.0);
    camera::spawn(&mut commands, view.clone(), orbit, antialiasing.0);
    let camera = commands
        .spawn((
            Camera2d,
            Camera { order: 1, clear_color: palette::EDGE.into(), ..default() },
            Msaa::Off,
            IsDefaultUiCamera,
        ))
        .id();
    let enlarged = screens.add(SliceView { plane: Plane::Axial, size: [1, 1], mm_per_pixel: 1.0 }, &mut images);
    screens.show(enlarged, None);
    layout::spawn_desktop(&mut commands, camera, &content, &screens, &slices.0, view.clone());
    let mut place = widgets::at(24.0, 116.0);
    place.padding = UiRect::all(px(22.0));
    let help = (place, BackgroundColor(palette::PANEL), Help, Visibility::Hidden, GlobalZIndex(2));
    commands.spawn(help).with_children(|help| {
        help.spawn(text(HELP, 24.0, palette::TEXT));
    });
    commands.insert_resource(ViewImage(view));
    commands.insert_resource(Enlarged { screen: enlarged, plane: None, node: None });
}

/// Keeps design and textures in step with the window's size.
fn fit(
    window: Single<'_, '_, &Window, With<PrimaryWindow>>,
    view: Single<'_, '_, &ComputedNode, With<SpineView>>,
    target: Res<'_, ViewImage>,
    mut images: ResMut<'_, Assets<Image>>,
    mut scale: ResMut<'_, UiScale>,
    mut view_scale: ResMut<'_, ViewScale>,
) {
    let fitting = (window.height() / layout::HEIGHT).clamp(0.2, 8.0);
    if scale.0 != fitting {
        scale.0 = fitting;
    }
    let pixels_per_design = fitting * window.scale_factor();
    if view_scale.0 != pixels_per_design {
        view_scale.0 = pixels_per_design;
    }
    let wanted = view.size().as_uvec2().max(UVec2::splat(16));
    if images.get(&target.0).is_some_and(|image| image.size() != wanted)
        && let Some(mut image) = images.get_mut(&target.0)
    {
        image.resize(Extent3d { width: wanted.x, height: wanted.y, depth_or_array_layers: 1 });
    }
}

/// What of the instrument is drawn in the 3-D view.
type Instrument = (Condition, Option<geom::Transform<Ct, Tip>>);

/// Shades the bone only when something moved: what is in the texture stays.
fn draw_when_needed(
    mut camera: Single<'_, '_, &mut Camera, With<MainCamera>>,
    orbit: Single<'_, '_, Ref<'_, Orbit>>,
    picture: Res<'_, Picture>,
    enlarged: Res<'_, Enlarged>,
    view: Single<'_, '_, Ref<'_, ComputedNode>, With<SpineView>>,
    mut drawn: Local<'_, Option<Instrument>>,
    mut frames_left: Local<'_, u32>,
) {
    let now = Some((picture.condition, picture.ct_from_tip));
    if *drawn != now || orbit.is_changed() || view.is_changed() || enlarged.is_changed() {
        // One more frame for what reaches the renderer late.
        *frames_left = 3;
    }
    *drawn = now;
    *frames_left = frames_left.saturating_sub(1);
    let is_active = *frames_left > 0 && enlarged.plane.is_none();
    if camera.is_active != is_active {
        camera.is_active = is_active;
    }
}

/// The instrument is seen for the first time: show all of it, unless the user
/// chose a viewpoint.
fn frame_first_pose(
    picture: Res<'_, Picture>,
    content: Res<'_, Content>,
    view: Single<'_, '_, &ComputedNode, With<SpineView>>,
    mut orbit: Single<'_, '_, &mut Orbit>,
    is_chosen: Res<'_, IsChosen>,
    mut is_framed: Local<'_, bool>,
) {
    if !*is_framed && picture.ct_from_tip.is_some() && view.size().y > 0.0 {
        *is_framed = true;
        if !is_chosen.0 {
            **orbit = camera::standard_view(&content, &picture, view.size().x / view.size().y);
        }
    }
}

fn press_keys(
    keys: Res<'_, ButtonInput<KeyCode>>,
    mut commands: Commands<'_, '_>,
    content: Res<'_, Content>,
    picture: Res<'_, Picture>,
    view: Single<'_, '_, (Entity, &ComputedNode), With<SpineView>>,
    scale: Res<'_, ViewScale>,
    mut screens: ResMut<'_, Screens>,
    mut enlarged: ResMut<'_, Enlarged>,
    mut orbit: Single<'_, '_, &mut Orbit>,
    mut help: Single<'_, '_, &mut Visibility, With<Help>>,
) {
    let (view, node) = *view;
    let size = node.size().max(Vec2::ONE);
    if keys.just_pressed(KeyCode::KeyR) {
        **orbit = camera::standard_view(&content, &picture, size.x / size.y);
    }
    if keys.just_pressed(KeyCode::KeyS) {
        let path = screenshot_path();
        tracing::info!(path = %path.display(), "saving a screenshot");
        commands.spawn(Screenshot::primary_window()).observe(save_to_disk(path));
    }
    if keys.just_pressed(KeyCode::F1) {
        help.toggle_visible_hidden();
    }
    let choices = [
        (KeyCode::Digit0, None),
        (KeyCode::Digit1, Some(Plane::Axial)),
        (KeyCode::Digit2, Some(Plane::Sagittal)),
        (KeyCode::Digit3, Some(Plane::Coronal)),
    ];
    if let Some((_, plane)) = choices.into_iter().find(|(key, _)| keys.just_pressed(*key)) {
        enlarge(&mut commands, &mut screens, &mut enlarged, view, size / scale.0, plane);
    }
}

/// Covers the 3-D view with `plane`, or uncovers it.
fn enlarge(
    commands: &mut Commands<'_, '_>,
    screens: &mut Screens,
    enlarged: &mut Enlarged,
    over: Entity,
    size: Vec2,
    plane: Option<Plane>,
) {
    if let Some(node) = enlarged.node.take() {
        commands.entity(node).despawn();
    }
    enlarged.plane = plane;
    let pixels = size.as_uvec2().max(UVec2::ONE).to_array();
    let view = plane.map(|plane| SliceView { plane, size: pixels, mm_per_pixel: ENLARGED_MM_PER_PIXEL });
    screens.show(enlarged.screen, view);
    if plane.is_some() {
        let area = Area::new(0.0, 0.0, size.x, size.y);
        let id = enlarged.screen;
        let cover = commands.spawn((area.node(1.0), ChildOf(over))).id();
        commands.entity(cover).with_children(|cover| slice_view::spawn(cover, screens, id, area, 1.0));
        enlarged.node = Some(cover);
    }
}

/// The first free name in the current folder; the last one is overwritten.
fn screenshot_path() -> PathBuf {
    let path = |number: u32| PathBuf::from(format!("spinenav-{number:03}.png"));
    (1..999).map(path).find(|path| !path.exists()).unwrap_or_else(|| path(999))
}
