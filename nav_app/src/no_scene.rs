//! Stands where the scene is in a program built without the feature `scene`:
//! an engine without graphics, and checks that need no Bevy.
//!
//! Has the scene's public names as far as commands use them; opens no window
//! and draws no picture.
#![allow(dead_code, reason = "nothing here is ever drawn")]

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::rt::Snapshot;

use crate::guide_view::GuideView;
pub use crate::scene_input::{SceneHeader, SceneInput};
use crate::turn::Turn;

/// What every door says.
const WITHOUT: &str = "this program was built without its scene; build it with the default features";

/// Where a scene's snapshots would come from.
pub trait SnapshotFeed: Send + Sync {
    /// The newest snapshot, or `None` when nothing new came since the last call.
    fn latest(&self) -> Option<Snapshot>;
}

/// No graphics device is looked for.
pub const fn adapters() -> Vec<Infallible> {
    Vec::new()
}

/// No window can be opened, whatever display there is.
pub const fn display_name() -> Option<String> {
    None
}

/// Opens no window.
///
/// # Errors
/// Always.
pub fn run_window(_: SceneInput, _: Option<Turn>) -> anyhow::Result<()> {
    anyhow::bail!(WITHOUT)
}

/// Where a guide's views would come from, and whether there will be no more.
pub type GuideFeed = Arc<dyn Fn() -> (Option<GuideView>, bool) + Send + Sync>;

/// Opens no window.
///
/// # Errors
/// Always.
pub fn run_guide(_: GuideFeed) -> anyhow::Result<()> {
    anyhow::bail!(WITHOUT)
}

/// Draws nothing.
///
/// # Errors
/// Always.
pub fn render_guide(_: GuideView, _: &Path) -> anyhow::Result<PathBuf> {
    anyhow::bail!(WITHOUT)
}

/// Draws nothing.
///
/// # Errors
/// Always.
pub fn render_headless(_: SceneInput, _: &Path, _: &mut dyn FnMut(&str)) -> anyhow::Result<Vec<PathBuf>> {
    anyhow::bail!(WITHOUT)
}
