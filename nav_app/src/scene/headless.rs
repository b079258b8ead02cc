//! Pictures without a display.
//!
//! Everything is drawn into textures and read back. A picture that does not
//! arrive is an error, never an endless wait.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bevy::app::{PluginsState, TerminalCtrlCHandlerPlugin};
use bevy::prelude::*;
use bevy::render::pipelined_rendering::PipelinedRenderingPlugin;
use bevy::render::render_resource::{PollType, TextureFormat};
use bevy::render::renderer::RenderDevice;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy::render::{Render, RenderApp, RenderSystems};
use bevy::ui::UiTargetCamera;
use bevy::winit::WinitPlugin;

use super::camera::{self, MainCamera};
use super::eyes::{self, Eye, EyeImages};
use super::hanging::SliceMode;
use super::picture::Feed;
use super::plane::{Plane, SliceView};
use super::settings::SceneSettings;
use super::slice_view::{self, Screens};
use super::volume::{Volume, VolumeSettings};
use super::widgets::Area;
use super::{ColumnScreens, Content, SceneInput, adapter, layout, palette};

/// Size of the whole scene's picture.
const SCENE: UVec2 = UVec2::new(1920, 1080);
/// Edge of a slice's picture, pixels.
const SLICE: u32 = 900;
/// Edge of a slice's pixel, mm.
const SLICE_MM_PER_PIXEL: f64 = 0.2;
/// Fewest frames in which text and layout settle before anything is shaded.
const SETTLING_FRAMES: u32 = 4;
/// Longest wait for the slices, which are drawn in the background.
const SLICE_PATIENCE: Duration = Duration::from_secs(20);
/// Frames after which a missing picture is given up.
const MAX_WAIT_FRAMES: u32 = 60;

/// Why there are no pictures.
#[derive(Debug)]
#[non_exhaustive]
pub enum RenderError {
    /// No Vulkan device, not even a software one.
    NoVulkan,
    /// The folder could not be made.
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A picture could not be written.
    Write {
        /// The file.
        path: PathBuf,
        /// What the encoder said.
        source: png::EncodingError,
    },
    /// The device drew, but these pictures never came back.
    Missing {
        /// Their names.
        pictures: Vec<String>,
    },
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVulkan => f.write_str(adapter::NO_DEVICE),
            Self::Folder { path, .. } => write!(f, "the folder {} could not be made", path.display()),
            Self::Write { path, .. } => write!(f, "the picture {} could not be written", path.display()),
            Self::Missing { pictures } => write!(
                f,
                "the graphics device did not return {} within {MAX_WAIT_FRAMES} frames; its driver may have stopped",
                pictures.join(", ")
            ),
        }
    }
}

impl std::error::Error for RenderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoVulkan | Self::Missing { .. } => None,
            Self::Folder { source, .. } => Some(source),
            Self::Write { source, .. } => Some(source),
        }
    }
}

/// The cameras of the 3-D view and the eyes.
type ShadesBone = Or<(With<MainCamera>, With<Eye>)>;

/// A picture asked for, and what came back.
pub struct Shot {
    name: String,
    target: Handle<Image>,
    captured: Option<Image>,
}

/// The pictures asked for.
#[derive(Resource, Default)]
pub struct Shots(Vec<Shot>);

impl Shots {
    /// Asks for a picture of a texture.
    pub fn ask(&mut self, name: &str, target: Handle<Image>) {
        self.0.push(Shot { name: name.into(), target, captured: None });
    }
}

/// Draws the scene into `dir`: `scene.png` (1920x1080), `axial.png`,
/// `sagittal.png`, `coronal.png`, `eye_left.png`, `eye_right.png`; returns
/// their paths in this order. `progress` is told each step.
///
/// Takes one snapshot from the feed and holds it. Some seconds on a processor,
/// most of it spent on compiling shaders and baking light.
///
/// # Errors
/// [`RenderError`]; without a Vulkan device nothing is tried.
pub fn render_headless(
    input: SceneInput,
    dir: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<PathBuf>, RenderError> {
    render_headless_with(input, SceneSettings::default(), dir, progress)
}

/// As [`render_headless`], with the CT itself in the 3-D view and the eyes, and
/// slices of the kind asked for; pictures of slices are named after what they show.
///
/// # Errors
/// As there.
pub fn render_headless_with(
    input: SceneInput,
    settings: SceneSettings,
    dir: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<PathBuf>, RenderError> {
    let Some(device) = adapter::adapters().into_iter().next() else { return Err(RenderError::NoVulkan) };
    std::fs::create_dir_all(dir).map_err(|source| RenderError::Folder { path: dir.to_owned(), source })?;
    progress(&format!("preparing the scene on {device}"));
    let mut app = assemble(input, settings.slices);
    app.insert_resource(settings.volume).insert_resource(settings.window);
    progress("compiling shaders");
    settle(&mut app);
    progress("drawing");
    set_active(&mut app, true);
    take_pictures(&mut app, dir)
}

/// Draws once more and writes what [`Shots`] ask for into `dir`, which is made
/// where it is missing.
///
/// # Errors
/// [`RenderError`].
pub fn take_pictures(app: &mut App, dir: &Path) -> Result<Vec<PathBuf>, RenderError> {
    std::fs::create_dir_all(dir).map_err(|source| RenderError::Folder { path: dir.to_owned(), source })?;
    request(app);
    let start = Instant::now();
    app.update();
    tracing::debug!(seconds = start.elapsed().as_secs_f64(), "drew all views");
    set_active(app, false);
    let shots = collect(app)?;
    shots.iter().map(|shot| write(shot, dir)).collect()
}

/// The app with all its views, ready to draw.
fn assemble(input: SceneInput, slices: SliceMode) -> App {
    let mut app = bare(input);
    app.insert_resource(slices);
    app.add_systems(PostStartup, (spawn_desktop, spawn_slices, eyes::spawn, ask_for_eyes).chain());
    finish(&mut app);
    app.add_systems(PostStartup, pause.after(ask_for_eyes));
    app
}

/// An app without window and views that draws one instant; [`finish`] it when
/// everything is added.
pub fn bare(input: SceneInput) -> App {
    bare_with(Content::new(input.case, input.header), Feed::still(input.snapshots))
}

/// As [`bare`], with a feed that may go on.
pub fn bare_with(content: Content, feed: Feed) -> App {
    let mut app = windowless();
    super::add_content(&mut app, content, feed);
    app
}

/// An app that draws into textures and nothing yet; [`finish`] it when
/// everything is added.
pub fn windowless() -> App {
    let mut app = App::new();
    let plugins = super::plugins(None)
        .disable::<WinitPlugin>()
        .disable::<PipelinedRenderingPlugin>()
        .disable::<TerminalCtrlCHandlerPlugin>();
    app.add_plugins(plugins).init_resource::<Shots>();
    if let Some(render) = app.get_sub_app_mut(RenderApp) {
        // Without this the processor runs ahead of a software device.
        render.add_systems(Render, wait_for_device.in_set(RenderSystems::Cleanup));
    }
    app
}

/// Ends the building of an app.
pub fn finish(app: &mut App) {
    while app.plugins_state() == PluginsState::Adding {
        bevy::tasks::tick_global_task_pools_on_main_thread();
    }
    app.finish();
    app.cleanup();
}

fn wait_for_device(device: Res<'_, RenderDevice>) {
    // A lost device shows up as a missing picture.
    let _ = device.wgpu_device().poll(PollType::wait_indefinitely());
}

fn spawn_desktop(
    mut commands: Commands<'_, '_>,
    content: Res<'_, Content>,
    picture: Res<'_, super::Picture>,
    screens: Res<'_, Screens>,
    slices: Res<'_, ColumnScreens>,
    mut images: ResMut<'_, Assets<Image>>,
    mut shots: ResMut<'_, Shots>,
) {
    let size = SCENE - UVec2::new(layout::COLUMN as u32 + 2, 0);
    let view = images.add(Image::new_target_texture(size.x, size.y, TextureFormat::Rgba8UnormSrgb, None));
    let orbit = camera::standard_view(&content, &picture, size.x as f32 / size.y as f32);
    camera::spawn(&mut commands, view.clone(), orbit, Msaa::Sample4);
    let (camera, image) = eyes::interface_camera(&mut commands, &mut images, SCENE, palette::EDGE);
    // After the 3-D view that it shows.
    commands.entity(camera).insert(Camera { order: 1, clear_color: palette::EDGE.into(), ..default() });
    layout::spawn_desktop(&mut commands, camera, &content, &screens, &slices.0, view);
    shots.ask("scene", image);
}

fn spawn_slices(
    mut commands: Commands<'_, '_>,
    picture: Res<'_, super::Picture>,
    mode: Res<'_, SliceMode>,
    mut screens: ResMut<'_, Screens>,
    mut images: ResMut<'_, Assets<Image>>,
    mut shots: ResMut<'_, Shots>,
) {
    for plane in Plane::ALL {
        let view = SliceView { plane, size: [SLICE; 2], mm_per_pixel: SLICE_MM_PER_PIXEL };
        let id = screens.add(view, &mut images);
        let (camera, image) = eyes::interface_camera(&mut commands, &mut images, UVec2::splat(SLICE), Color::BLACK);
        let whole = Node { width: percent(100.0), height: percent(100.0), ..default() };
        let area = Area::new(0.0, 0.0, SLICE as f32, SLICE as f32);
        commands
            .spawn((whole, UiTargetCamera(camera)))
            .with_children(|root| slice_view::spawn(root, &screens, id, area, 1.0));
        let name = mode.hang(plane, picture.ct_from_tip.as_ref()).name;
        shots.ask(&name.replace([' ', '\''], "_"), image);
    }
}

fn ask_for_eyes(eyes: Res<'_, EyeImages>, mut shots: ResMut<'_, Shots>) {
    for (name, target) in ["eye_left", "eye_right"].into_iter().zip(eyes.0.clone()) {
        shots.ask(name, target);
    }
}

/// Shading bone is what costs on a processor: not before it is needed.
fn pause(mut cameras: Query<'_, '_, &mut Camera, ShadesBone>) {
    for mut camera in &mut cameras {
        camera.is_active = false;
    }
}

fn set_active(app: &mut App, is_active: bool) {
    let world = app.world_mut();
    let mut cameras = world.query_filtered::<&mut Camera, ShadesBone>();
    for mut camera in cameras.iter_mut(world) {
        camera.is_active = is_active;
    }
}

/// Runs until layout and slices are what they will stay. A slice that does
/// not come in time is black; it must not hold up the rest.
fn settle(app: &mut App) {
    let start = Instant::now();
    for frame in 0.. {
        app.update();
        let world = app.world();
        let is_there = world.resource::<Volume>().is_ready(world.resource::<VolumeSettings>());
        let is_drawn = is_there && world.resource::<Screens>().are_drawn();
        if frame >= SETTLING_FRAMES && (is_drawn || start.elapsed() > SLICE_PATIENCE) {
            break;
        }
    }
    // Level names take their places one frame after their slice.
    app.update();
}

/// Asks for every picture; they arrive some frames later.
fn request(app: &mut App) {
    let targets: Vec<_> = app.world().resource::<Shots>().0.iter().map(|shot| shot.target.clone()).collect();
    for (index, target) in targets.into_iter().enumerate() {
        let keep = move |captured: On<'_, '_, ScreenshotCaptured>, mut shots: ResMut<'_, Shots>| {
            if let Some(shot) = shots.0.get_mut(index) {
                shot.captured = Some(captured.image.clone());
            }
        };
        app.world_mut().spawn(Screenshot::image(target)).observe(keep);
    }
}

fn collect(app: &mut App) -> Result<Vec<Shot>, RenderError> {
    for _ in 0..MAX_WAIT_FRAMES {
        app.update();
        if app.world().resource::<Shots>().0.iter().all(|shot| shot.captured.is_some()) {
            break;
        }
    }
    let shots = std::mem::take(&mut app.world_mut().resource_mut::<Shots>().0);
    let pictures: Vec<_> = shots.iter().filter(|s| s.captured.is_none()).map(|s| s.name.clone()).collect();
    if pictures.is_empty() { Ok(shots) } else { Err(RenderError::Missing { pictures }) }
}

fn write(shot: &Shot, dir: &Path) -> Result<PathBuf, RenderError> {
    let path = dir.join(format!("{}.png", shot.name));
    let result = shot.captured.as_ref().map_or(Ok(()), |image| write_png(image, &path));
    result.map(|()| path.clone()).map_err(|source| RenderError::Write { path, source })
}

/// Writes an RGBA image without its alpha.
pub fn write_png(image: &Image, path: &Path) -> Result<(), png::EncodingError> {
    let texels = image.data.as_deref().unwrap_or_default();
    let rgb: Vec<u8> = texels.chunks_exact(4).flat_map(|texel| texel.iter().take(3).copied()).collect();
    write_rgb(&rgb, [image.width(), image.height()], path)
}

/// Writes 8-bit RGB, rows from the top, `size` pixels wide and high.
pub fn write_rgb(rgb: &[u8], size: [u32; 2], path: &Path) -> Result<(), png::EncodingError> {
    let file = io::BufWriter::new(std::fs::File::create(path)?);
    let mut encoder = png::Encoder::new(file, size[0], size[1]);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(rgb)?;
    writer.finish()
}
