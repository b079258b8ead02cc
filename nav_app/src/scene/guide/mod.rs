//! A guided recording on the screen: a disc of the sides that were reached or a
//! map of the points that were touched, what to do now, and what it is worth.
//!
//! Draws the newest [`GuideView`] and computes nothing. In a window
//! ([`run_guide`]) or as one picture without a display ([`render_guide`]).

mod panel;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use bevy::asset::RenderAssetUsages;
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
use bevy::ui::UiScale;
use bevy::window::{PrimaryWindow, WindowResolution};
use bevy::winit::{UpdateMode, WinitSettings};
use drawing::disc::{self, Disc, DiscColors};
use drawing::touch_map::{self, Spot, TouchMap};

use super::headless::{self, RenderError, Shots};
use super::{adapter, eyes, palette};
use crate::guide_view::{Dial, GuideEnd, GuideView, Picture};

/// Where views come from, and whether there will be no more of them.
pub type GuideFeed = Arc<dyn Fn() -> (Option<GuideView>, bool) + Send + Sync>;

/// The design's size.
const DESIGN: Vec2 = Vec2::new(1920.0, 1080.0);
/// Width of the disc, design pixels and pixels of its image.
const DISC: u32 = 640;
/// Time between frames: the views come four times a second.
const FRAME: Duration = Duration::from_millis(50);
/// The last view stays this long before the window closes by itself.
const FAREWELL: Duration = Duration::from_secs(12);
/// Frames in which text and layout settle before a picture is taken.
const SETTLING_FRAMES: u32 = 6;

/// What is shown now.
#[derive(Resource, Default)]
struct Shown(Option<GuideView>);

/// Where it comes from, and since when there is nothing more.
#[derive(Resource)]
struct Feed {
    source: GuideFeed,
    over: Option<Instant>,
}

/// The image of the disc or map.
#[derive(Resource)]
struct DiscImage(Handle<Image>);

/// Opens a window and shows views until it is closed, or for some seconds
/// after the last one. Must be called on the main thread, once a process.
///
/// # Errors
/// There is no display or no Vulkan device; the message says what helps.
pub fn run_guide(feed: GuideFeed) -> Result<()> {
    adapter::for_window()?;
    let resolution = WindowResolution::new(DESIGN.x as u32, DESIGN.y as u32);
    let window = Window { title: "SpineNav calibration - research use only".into(), resolution, ..default() };
    let mut app = App::new();
    let mode = UpdateMode::reactive_low_power(FRAME);
    app.add_plugins(super::plugins(Some(window)))
        .insert_resource(WinitSettings { focused_mode: mode, unfocused_mode: mode })
        .insert_resource(Feed { source: feed, over: None })
        .add_systems(PreUpdate, take_view)
        .add_systems(Startup, spawn_window)
        .add_systems(Update, fit);
    add_guide(&mut app);
    super::run_on_one_thread(&mut app);
    app.run();
    Ok(())
}

/// Draws one view into `path`, a PNG file of 1920 by 1080 pixels.
///
/// # Errors
/// There is no Vulkan device, the picture did not come, or cannot be written.
pub fn render_guide(view: GuideView, path: &Path) -> Result<PathBuf> {
    if adapter::adapters().is_empty() {
        return Err(RenderError::NoVulkan.into());
    }
    let name = path.file_stem().map_or_else(|| "guide".into(), |name| name.to_string_lossy().into_owned());
    let mut app = headless::windowless();
    app.insert_resource(Shown(Some(view)));
    add_guide(&mut app);
    let picture = move |mut commands: Commands<'_, '_>,
                        disc: Res<'_, DiscImage>,
                        mut images: ResMut<'_, Assets<Image>>,
                        mut shots: ResMut<'_, Shots>| {
        let size = DESIGN.as_uvec2();
        let (camera, image) = eyes::interface_camera(&mut commands, &mut images, size, palette::BACKGROUND);
        panel::spawn(&mut commands, camera, disc.0.clone());
        shots.ask(&name, image);
    };
    app.add_systems(Startup, picture);
    headless::finish(&mut app);
    for _ in 0..SETTLING_FRAMES {
        app.update();
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = headless::take_pictures(&mut app, folder)?;
    written.into_iter().next().ok_or_else(|| anyhow::anyhow!("no picture was asked for"))
}

/// What window and picture have in common.
fn add_guide(app: &mut App) {
    app.init_resource::<Shown>().insert_resource(ClearColor(palette::BACKGROUND));
    let size = Extent3d { width: DISC, height: DISC, depth_or_array_layers: 1 };
    let usages = RenderAssetUsages::MAIN_WORLD | RenderAssetUsages::RENDER_WORLD;
    let format = TextureFormat::Rgba8UnormSrgb;
    let image = Image::new_fill(size, TextureDimension::D2, &[0, 0, 0, 255], format, usages);
    let handle = app.world_mut().resource_mut::<Assets<Image>>().add(image);
    app.insert_resource(DiscImage(handle))
        .add_systems(Update, (draw_picture, panel::write).run_if(resource_changed::<Shown>));
}

fn take_view(mut feed: ResMut<'_, Feed>, mut shown: ResMut<'_, Shown>, mut exits: MessageWriter<'_, AppExit>) {
    let (view, is_over) = (feed.source)();
    // Who ended it does not wait for a farewell.
    let is_ended = view.as_ref().is_some_and(|view| view.end == Some(GuideEnd::Ended));
    let moment = |view: &Option<GuideView>| view.as_ref().map(|v| (v.elapsed_s, v.limit_s, v.end));
    if moment(&view) != moment(&shown.0) {
        shown.0 = view;
    }
    if is_over && (is_ended || feed.over.get_or_insert_with(Instant::now).elapsed() > FAREWELL) {
        exits.write(AppExit::Success);
    }
}

fn spawn_window(mut commands: Commands<'_, '_>, disc: Res<'_, DiscImage>) {
    let camera = commands.spawn((Camera2d, Msaa::Off, IsDefaultUiCamera)).id();
    panel::spawn(&mut commands, camera, disc.0.clone());
}

/// Keeps the design as large as the window has room for.
fn fit(window: Single<'_, '_, &Window, With<PrimaryWindow>>, mut scale: ResMut<'_, UiScale>) {
    let fitting = (window.width() / DESIGN.x).min(window.height() / DESIGN.y).clamp(0.2, 8.0);
    if scale.0 != fitting {
        scale.0 = fitting;
    }
}

fn draw_picture(shown: Res<'_, Shown>, image: Res<'_, DiscImage>, mut images: ResMut<'_, Assets<Image>>) {
    let colors = DiscColors {
        background: palette::rgb(palette::BACKGROUND),
        empty: palette::rgb(palette::PANEL),
        covered: palette::rgb(palette::GOOD),
        missing: palette::rgb(palette::CAUTION),
        ink: palette::rgb(palette::TEXT),
    };
    let picture = shown.0.as_ref().map_or_else(|| Picture::Disc(Dial::default()), GuideView::picture);
    let rgba = match &picture {
        Picture::Disc(dial) => {
            let picture = Disc {
                reached_deg: &dial.reached_deg,
                is_needed: &dial.is_needed,
                wanted_deg: dial.wanted_deg,
                poses_deg: &dial.poses_deg,
                now_deg: dial.now_deg,
                next: dial.next,
            };
            disc::draw(&picture, &colors, DISC)
        }
        Picture::Map(map) => {
            let spots: Vec<Spot> = map.spots.iter().map(|spot| Spot { at: spot.at, share: spot.share }).collect();
            let picture = TouchMap { spots: &spots, next: map.next, now: map.now, still: map.still };
            touch_map::draw(&picture, &colors, DISC)
        }
    };
    if let Some(mut image) = images.get_mut(&image.0) {
        image.data = Some(rgba);
    }
}
