//! Pictures without a display.
//!
//! Everything is drawn into textures and read back. A picture that does not
//! arrive is an error, never an endless wait.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Instant;

use bevy::app::PluginsState;
use bevy::prelude::*;
use bevy::render::pipelined_rendering::PipelinedRenderingPlugin;
use bevy::render::render_resource::{PollType, TextureFormat};
use bevy::render::renderer::RenderDevice;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy::render::{Render, RenderApp, RenderSystems};
use bevy::ui::UiTargetCamera;
use bevy::winit::WinitPlugin;
use thiserror::Error;

use super::eyes::{self, Eye, EyeImages};
use super::picture::Feed;
use super::plane::{Plane, SliceView};
use super::slice_view::{self, Screens};
use super::widgets::Area;
use super::{ColumnScreens, Content, SceneInput, camera, first_picture, layout, palette};

/// Size of the whole scene's picture.
const SCENE: UVec2 = UVec2::new(1920, 1080);
/// Edge of a slice's picture, pixels.
const SLICE: u32 = 900;
/// Edge of a slice's pixel, mm.
const SLICE_MM_PER_PIXEL: f64 = 0.2;
/// Frames in which text, layout and slices settle before anything is shaded.
const SETTLING_FRAMES: u32 = 4;
/// Frames after which a missing picture is given up.
const MAX_WAIT_FRAMES: u32 = 60;
