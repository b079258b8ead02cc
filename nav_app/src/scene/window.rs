//! The scene in a window: keys, resizing, screenshots.
//!
//! Mesa 22.3's software device never gives back some memory of every 3-D frame
//! (pygfx/wgpu-py#306; 25.0 does). One mesh for all bone, coarse there, and no
//! frame without need keep it to 3 MB a frame; [`run_window`] warns.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use bevy::ecs::system::SystemParam;
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureFormat};
use bevy::render::view::screenshot::{Screenshot, save_to_disk};
use bevy::ui::{ComputedNode, UiScale};
use bevy::window::{PrimaryWindow, WindowResolution};
use bevy::winit::{UpdateMode, WinitSettings};

use geom::{Ct, Tip};

use super::camera::{self, MainCamera, Orbit};
use super::corrections::{self, Correcting};
use super::enlarge::{self, Enlarged};
use super::hanging::SliceMode;
use super::keys::{self, Action, Chosen};
use super::labels::{self, ViewScale};
use super::layout::{self, SpineView};
use super::opening::{self, Open, Opened, Opening};
use super::orbit_control::{self, IsChosen};
use super::picture::{Condition, Feed, Picture};
use super::quality::{Adaptive, Quality};
use super::settings::{self, SceneSettings, SettingsFile};
use super::slice_view::Screens;
use super::slices::SliceWindow;
use super::standby;
use super::vertebrae::IsCoarse;
use super::video::{self, Video};
use super::volume::transfer::Preset;
use super::volume::{Volume, VolumeSettings};
use super::widgets::{self, text};
use super::{ColumnScreens, Content, SceneInput, adapter, palette, practice};
use crate::turn::Turn;

const TITLE: &str = "SpineNav - research use only";
/// Time between frames on a software device, which shares the processor with
/// the navigation loop.
const SOFTWARE_FRAME: Duration = Duration::from_millis(66);
/// Longest time of a frame while the view moves: the slower device still
/// shows ten a second.
const MOVING_FRAME: (Duration, Duration) = (Duration::from_millis(14), Duration::from_millis(100));

/// The image the 3-D view is drawn into.
#[derive(Resource)]
struct ViewImage(Handle<Image>);

/// A curve of the user's, which the presets come round to.
#[derive(Resource)]
struct OwnPreset(Option<Preset>);

/// Smooth edges, where the device can afford them.
#[derive(Resource)]
struct Antialiasing(Msaa);

/// The list of keys.
#[derive(Component)]
struct Help;

/// How a window begins, and what it may do.
#[derive(Default)]
pub struct SceneStart {
    /// What is drawn at first.
    pub settings: SceneSettings,
    /// The file that follows what the user chooses.
    pub settings_file: Option<PathBuf>,
    /// Record a video into this folder from the beginning.
    pub video: Option<PathBuf>,
    /// Opens what is dropped on the window; nothing may be dropped without it.
    pub opener: Option<Arc<dyn Open>>,
    /// Practise by mouse: the bone can be touched.
    pub practice: Option<practice::Behind>,
    /// Stay out of sight until then.
    pub turn: Option<Turn>,
}

impl SceneStart {
    /// As the user left it. A file that cannot be used is told and left alone.
    #[must_use]
    pub fn of_user() -> Self {
        let Some(path) = SceneSettings::user_file() else { return Self::default() };
        match SceneSettings::read(&path) {
            Ok(settings) => {
                Self { settings: settings.unwrap_or_default(), settings_file: Some(path), ..Self::default() }
            }
            Err(error) => {
                tracing::warn!("{error:#}");
                Self::default()
            }
        }
    }
}

/// Opens the window as the user left it and draws until it is closed; out of sight until its turn, if it has to wait
/// for one. Must be called on the main thread, once a process.
///
/// # Errors
/// There is no display or no Vulkan device; the message says what helps.
pub fn run_window(input: SceneInput, turn: Option<Turn>) -> Result<()> {
    run_window_with(input, SceneStart { turn, ..SceneStart::of_user() }).map(|_| ())
}

/// As [`run_window`], begun as asked for. Returns what the user opened by
/// dropping it on the window: then the window was closed to make room for it.
///
/// # Errors
/// As there; or the folder of the video cannot be used.
pub fn run_window_with(input: SceneInput, start: SceneStart) -> Result<Option<Opened>> {
    let SceneStart { settings, settings_file, video, opener, practice, turn } = start;
    let SceneSettings { window: grey, slices, volume } = settings;
    let device = adapter::for_window()?;
    let resolution = WindowResolution::new(1920, 1080);
    let window = Window { title: TITLE.into(), resolution, visible: turn.is_none(), ..default() };
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
    corrections::plugin(&mut app);
    let own = matches!(volume.preset, Preset::Curve(_)).then(|| volume.preset.clone());
    let frame = if device.is_software { MOVING_FRAME.1 } else { MOVING_FRAME.0 };
    let opening = Opening::new(opener);
    let opened = opening.opened.clone();
    if let Some(path) = settings_file {
        app.insert_resource(SettingsFile::new(path)).add_systems(Last, settings::save);
    }
    app.insert_resource(video.map_or_else(|| Ok(Video::default()), Video::begun)?);
    app.insert_resource(volume)
        .insert_resource(grey)
        .insert_resource(slices)
        .insert_resource(opening)
        .insert_resource(OwnPreset(own))
        .insert_resource(Adaptive::new(frame))
        .insert_resource(Antialiasing(if device.is_software { Msaa::Off } else { Msaa::Sample4 }))
        .add_systems(PostStartup, spawn)
        .add_systems(
            Update,
            (
                press_keys,
                enlarge::use_mouse,
                frame_first_pose,
                corrections::drag.run_if(corrections::may_correct),
                orbit_control::apply.run_if(turns_view).run_if(practice::mouse::is_free),
            )
                .chain()
                .before(camera::follow_orbit),
        )
        .add_systems(Update, (opening::follow, video::record, tell_video))
        .add_systems(Update, (draw_when_needed, fit).chain().after(camera::follow_orbit).before(labels::place));
    if let Some(behind) = practice {
        practice::plugin(&mut app, behind, practice::Means::Mouse);
        practice::use_mouse(&mut app);
    }
    if let Some(turn) = turn {
        standby::plugin(&mut app, turn);
    }
    if device.is_software {
        super::run_on_one_thread(&mut app);
    }
    app.run();
    let opened = opened.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(opened)
}

/// The mouse turns the view: no slice lies over it, and no landmark is held.
fn turns_view(enlarged: Res<'_, Enlarged>, correcting: Res<'_, Correcting>) -> bool {
    enlarged.plane.is_none() && !correcting.is_dragging()
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
    let enlarged = Enlarged::new(&mut screens, &mut images);
    layout::spawn_desktop(&mut commands, camera, &content, &screens, &slices.0, view.clone());
    let mut place = widgets::at(24.0, 116.0);
    place.padding = UiRect::all(px(22.0));
    let help = (place, BackgroundColor(palette::PANEL), Help, Visibility::Hidden, GlobalZIndex(2));
    commands.spawn(help).with_children(|help| {
        help.spawn(text(keys::help(), 22.0, palette::TEXT));
    });
    // Where nothing else is, neither over bone nor over a large slice.
    let mut place = Node { position_type: PositionType::Absolute, ..default() };
    (place.right, place.bottom) = (px(layout::COLUMN + 20.0), px(96.0));
    place.padding = UiRect::axes(px(10.0), px(4.0));
    let words = text("", 22.0, palette::ON_ALARM);
    commands.spawn((words, place, BackgroundColor(palette::ALARM), VideoWords, Visibility::Hidden, GlobalZIndex(1)));
    commands.insert_resource(ViewImage(view));
    commands.insert_resource(enlarged);
}

/// Tells that a video is being recorded.
#[derive(Component)]
struct VideoWords;

/// Tells a video, and its length.
fn tell_video(
    video: Res<'_, Video>,
    mut told: Local<'_, Option<u32>>,
    mut words: Single<'_, '_, (&mut Text, &mut Visibility), With<VideoWords>>,
) {
    let frames = video.frames();
    if std::mem::replace(&mut *told, frames) != frames {
        words.1.set_if_neq(if frames.is_some() { Visibility::Inherited } else { Visibility::Hidden });
        words.0.0 = frames.map_or_else(String::new, |frames| format!("REC {frames}"));
    }
}

/// Keeps design and textures in step with the window's size and the quality.
fn fit(
    window: Single<'_, '_, &Window, With<PrimaryWindow>>,
    view: Single<'_, '_, &ComputedNode, With<SpineView>>,
    target: Res<'_, ViewImage>,
    quality: Res<'_, Quality>,
    mut images: ResMut<'_, Assets<Image>>,
    mut scale: ResMut<'_, UiScale>,
    mut view_scale: ResMut<'_, ViewScale>,
    mut screens: ResMut<'_, Screens>,
) {
    let fitting = (window.height() / layout::HEIGHT).clamp(0.2, 8.0);
    if scale.0 != fitting {
        scale.0 = fitting;
    }
    fit_view(&target.0, view.size(), quality.resolution, &mut images);
    screens.bypass_change_detection().fit(fitting * window.scale_factor());
    // Names are placed by the picture's pixels, whatever it is stretched to.
    let pixels_per_design = fitting * window.scale_factor() * quality.resolution;
    if view_scale.0 != pixels_per_design {
        view_scale.0 = pixels_per_design;
    }
}

/// Makes the 3-D view's texture a share of what it is stretched to.
pub fn fit_view(target: &Handle<Image>, shown: Vec2, resolution: f32, images: &mut Assets<Image>) {
    let wanted = (shown * resolution).as_uvec2().max(UVec2::splat(16));
    if images.get(target).is_some_and(|image| image.size() != wanted)
        && let Some(mut image) = images.get_mut(target)
    {
        image.resize(Extent3d { width: wanted.x, height: wanted.y, depth_or_array_layers: 1 });
    }
}

/// What of the instrument is drawn in the 3-D view.
type Instrument = (Condition, Option<geom::Transform<Ct, Tip>>);

/// What the 3-D view was last drawn for.
#[derive(Default)]
struct Drawn {
    instrument: Option<Instrument>,
    frames_left: u32,
    at: Option<Instant>,
}

/// Draws the 3-D view only when something changed: what is in the texture
/// stays. Coarsely while it moves, whole when it rests.
fn draw_when_needed(
    mut camera: Single<'_, '_, &mut Camera, With<MainCamera>>,
    orbit: Single<'_, '_, Ref<'_, Orbit>>,
    picture: Res<'_, Picture>,
    enlarged: Res<'_, Enlarged>,
    volume: (Res<'_, Volume>, Res<'_, VolumeSettings>),
    practice: Option<Res<'_, practice::Practice>>,
    view: Single<'_, '_, Ref<'_, ComputedNode>, With<SpineView>>,
    mut adaptive: ResMut<'_, Adaptive>,
    mut quality: ResMut<'_, Quality>,
    mut drawn: Local<'_, Drawn>,
) {
    let now = Instant::now();
    let instrument = Some((picture.condition, picture.ct_from_tip));
    let is_moving = drawn.instrument != instrument || orbit.is_changed();
    drawn.instrument = instrument;
    let took = drawn.at.replace(now).map_or(Duration::ZERO, |last| now.duration_since(last));
    let chosen = adaptive.choose(is_moving, took, now);
    let is_finer = *quality != chosen;
    quality.set_if_neq(chosen);
    let is_new = volume.0.is_changed() || volume.1.is_changed() || view.is_changed() || enlarged.is_changed();
    let is_new = is_new || practice.is_some_and(|practice| practice.is_changed());
    if is_moving || is_finer || is_new {
        // More than one frame, for what reaches the renderer late.
        drawn.frames_left = 3;
    }
    drawn.frames_left = drawn.frames_left.saturating_sub(1);
    let is_active = drawn.frames_left > 0 && enlarged.plane.is_none();
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

/// What keys change.
#[derive(SystemParam)]
struct Changed<'w> {
    screens: ResMut<'w, Screens>,
    enlarged: ResMut<'w, Enlarged>,
    volume: ResMut<'w, VolumeSettings>,
    window: ResMut<'w, SliceWindow>,
    slices: ResMut<'w, SliceMode>,
    video: ResMut<'w, Video>,
}

fn press_keys(
    keys: Res<'_, ButtonInput<KeyCode>>,
    mut commands: Commands<'_, '_>,
    content: Res<'_, Content>,
    picture: Res<'_, Picture>,
    view: Single<'_, '_, (Entity, &ComputedNode), With<SpineView>>,
    own: Res<'_, OwnPreset>,
    mut changed: Changed<'_>,
    mut orbit: Single<'_, '_, &mut Orbit>,
    mut help: Single<'_, '_, &mut Visibility, With<Help>>,
) {
    let (view, node) = *view;
    let size = node.size().max(Vec2::ONE);
    for action in keys::pressed(&keys) {
        match action {
            Action::StandardView => **orbit = camera::standard_view(&content, &picture, size.x / size.y),
            Action::Screenshot => {
                let path = screenshot_path();
                tracing::info!(path = %path.display(), "saving a screenshot");
                commands.spawn(Screenshot::primary_window()).observe(save_to_disk(path));
            }
            Action::Help => help.toggle_visible_hidden(),
            Action::Enlarge(plane) => {
                let Changed { screens, enlarged, .. } = &mut changed;
                enlarged.show(&mut commands, screens, view, size * node.inverse_scale_factor(), plane);
            }
            Action::Video => changed.video.toggle(),
            other => {
                let Changed { volume, window, slices, .. } = &mut changed;
                let chosen = Chosen { volume: &mut *volume, window: &mut *window, slices: &mut *slices };
                keys::apply(other, chosen, own.0.as_ref());
            }
        }
    }
}

/// The first free name in the current folder; the last one is overwritten.
fn screenshot_path() -> PathBuf {
    let path = |number: u32| PathBuf::from(format!("spinenav-{number:03}.png"));
    (1..999).map(path).find(|path| !path.exists()).unwrap_or_else(|| path(999))
}
