//! `scene --xr`: the demonstration in a headset.

use std::sync::Arc;
use std::time::Duration;

use engine::case::Case;

use super::{Demonstration, tool_state};
use crate::cli::SceneArguments;
use crate::commands::headset::{Watched, draw};
use crate::failure::Failure;
use crate::report::Output;
use crate::scene::{SceneHeader, SceneInput, VolumeSettings};

/// Time between two looks at the drawing process.
const LOOK: Duration = Duration::from_millis(50);

/// Draws in the headset.
pub fn worker(
    options: &SceneArguments,
    case: Arc<Case>,
    header: SceneHeader,
    volume: VolumeSettings,
) -> Result<Output, Failure> {
    let state = tool_state(options.state);
    // Counted frames are for comparing: the last one is the same each time.
    let is_still = options.headset.frames > 0;
    let shown = if is_still { Demonstration::still(&case, state) } else { Demonstration::moving(&case, state) };
    let snapshots = Box::new(shown);
    draw(&options.headset, &options.out, SceneInput { case, snapshots, header }, volume, None)
}

/// Starts the drawing process, again where needed, until it ends well.
pub fn watch(options: &SceneArguments) -> Result<Output, Failure> {
    let watched = Watched::start(&options.out, Vec::new())?;
    while !watched.is_closed() {
        std::thread::sleep(LOOK);
    }
    let (json, text) = watched.tell();
    Ok(Output { json, text, is_refused: false })
}
