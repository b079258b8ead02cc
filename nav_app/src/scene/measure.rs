//! How long frames take: the desktop's 3-D view with its slices, off screen.
//!
//! A frame here is everything from taking the snapshot to the device having
//! drawn; nothing overlaps, so that the time is that of the work, not of a
//! queue.

use std::path::Path;
use std::time::{Duration, Instant};

use bevy::prelude::*;
use bevy::render::render_resource::TextureFormat;
use bevy::ui::UiScale;

use super::camera::{self, MainCamera, Orbit};
use super::headless::{self, RenderError, Shots};
use super::labels::ViewScale;
use super::picture::{Feed, Picture};
use super::quality::{Adaptive, Quality};
use super::slice_view::Screens;
use super::vertebrae::IsCoarse;
use super::volume::{Volume, VolumeSettings};
use super::{ColumnScreens, Content, SceneInput, adapter, eyes, layout, palette, window};

/// Frames before counting begins: pipelines, textures, the first choices.
const WARM_UP: u32 = 12;
/// Longest wait for volume and slices.
const PATIENCE: Duration = Duration::from_secs(120);
/// Turn of the view from frame to frame, rad.
const TURN: f32 = 0.02;

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct FrameRun {
    /// Width and height of the whole screen, pixels.
    pub size: [u32; 2],
    /// Frames that count.
    pub frames: u32,
    /// Resolution is chosen for frames of at most this; `None` always draws whole.
    pub target: Option<Duration>,
}

/// Times of frames.
#[derive(Debug, Clone, Default)]
pub struct FrameTimes {
    /// From snapshot to drawn, ms, in their order.
    pub ms: Vec<f64>,
    /// Processor time of a frame, all threads, mean, ms; `None` where the system
    /// does not tell. Other programs make frames slower, and hardly change this.
    pub processor_ms: Option<f64>,
    /// Share of the full resolution along each edge in the last frame.
    pub resolution: f32,
    /// The device that drew.
    pub device: String,
}

/// The 3-D view's texture.
#[derive(Resource)]
struct View(Handle<Image>);

/// The screen's size.
#[derive(Resource)]
struct Screen(UVec2);

/// Turns the view frame by frame and measures each; the instrument moves as the
/// feed says. Writes the last frame into `picture` where that is given.
///
/// # Errors
/// [`RenderError`].
pub fn measure_frames(
    input: SceneInput,
    volume: VolumeSettings,
    run: FrameRun,
    picture: Option<&Path>,
) -> Result<FrameTimes, RenderError> {
    let Some(device) = adapter::adapters().into_iter().next() else { return Err(RenderError::NoVulkan) };
    let SceneInput { case, snapshots, header } = input;
    let mut app = headless::bare_with(Content::new(case, header), Feed::live(snapshots));
    let size = UVec2::from_array(run.size).max(UVec2::splat(64));
    app.insert_resource(volume).insert_resource(Screen(size));
    if device.is_software {
        // As in the window.
        app.insert_resource(IsCoarse);
    }
    app.insert_resource(UiScale(size.y as f32 / layout::HEIGHT));
    app.add_systems(PostStartup, spawn);
    headless::finish(&mut app);
    if device.is_software {
        super::run_on_one_thread(&mut app);
    }
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        app.update();
        let world = app.world();
        let is_there = world.resource::<Volume>().is_ready(world.resource::<VolumeSettings>());
        if is_there && world.resource::<Screens>().are_drawn() {
            break;
        }
    }
    let mut adaptive = run.target.map(Adaptive::new);
    let mut times = FrameTimes { device: device.to_string(), resolution: 1.0, ..FrameTimes::default() };
    let mut took = Duration::ZERO;
    let mut worked_before = None;
    for frame in 0..WARM_UP + run.frames {
        if frame == WARM_UP {
            worked_before = processor_ms();
        }
        let quality = adaptive.as_mut().map_or_else(Quality::default, |a| a.choose(true, took, Instant::now()));
        times.resolution = quality.resolution;
        let begun = Instant::now();
        turn(&mut app, quality);
        app.update();
        took = begun.elapsed();
        if frame >= WARM_UP {
            times.ms.push(took.as_secs_f64() * 1e3);
        }
    }
    let worked = worked_before.zip(processor_ms()).map(|(before, after)| after - before);
    times.processor_ms = worked.map(|ms| ms / f64::from(run.frames.max(1)));
    if let Some(folder) = picture {
        headless::take_pictures(&mut app, folder)?;
    }
    Ok(times)
}

/// Processor time of this process so far. Linux counts in hundredths of a second.
fn processor_ms() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in brackets may hold blanks; user and system time are the 12th
    // and 13th word behind it.
    let mut words = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || words.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) * 10.0)
}

fn turn(app: &mut App, quality: Quality) {
    let world = app.world_mut();
    let full = view_size(world.resource::<Screen>().0);
    *world.resource_mut::<Quality>() = quality;
    world.resource_mut::<ViewScale>().0 = full.y / layout::HEIGHT * quality.resolution;
    world.resource_mut::<Screens>().bypass_change_detection().fit(full.y / layout::HEIGHT);
    let view = world.resource::<View>().0.clone();
    window::fit_view(&view, full, quality.resolution, &mut world.resource_mut::<Assets<Image>>());
    let mut cameras = world.query_filtered::<&mut Orbit, With<MainCamera>>();
    for mut orbit in cameras.iter_mut(world) {
        orbit.yaw_rad += TURN;
    }
}

/// What the slices leave of the screen.
fn view_size(screen: UVec2) -> Vec2 {
    let column = layout::COLUMN * screen.y as f32 / layout::HEIGHT;
    Vec2::new((screen.x as f32 - column).max(64.0), screen.y as f32)
}

fn spawn(
    mut commands: Commands<'_, '_>,
    screen: Res<'_, Screen>,
    content: Res<'_, Content>,
    picture: Res<'_, Picture>,
    screens: Res<'_, Screens>,
    slices: Res<'_, ColumnScreens>,
    mut images: ResMut<'_, Assets<Image>>,
    mut shots: ResMut<'_, Shots>,
) {
    let size = view_size(screen.0);
    let pixels = size.as_uvec2();
    let view = images.add(Image::new_target_texture(pixels.x, pixels.y, TextureFormat::Rgba8UnormSrgb, None));
    let orbit = camera::standard_view(&content, &picture, size.x / size.y);
    camera::spawn(&mut commands, view.clone(), orbit, Msaa::Off);
    let (camera, image) = eyes::interface_camera(&mut commands, &mut images, screen.0, palette::EDGE);
    commands.entity(camera).insert(Camera { order: 1, clear_color: palette::EDGE.into(), ..default() });
    layout::spawn_desktop(&mut commands, camera, &content, &screens, &slices.0, view.clone());
    shots.ask("frame", image);
    commands.insert_resource(View(view));
}
