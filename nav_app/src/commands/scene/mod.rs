//! `scene`: what the surgeon sees, without a session: to try it, to document
//! it, to rehearse how faults look.

mod appearance;
mod demonstration;
mod dropped;

use std::sync::Arc;

use engine::case::Case;
use engine::safety::ToolState;
use engine::segment::Progress;
use serde_json::json;

use super::alignment::{AlignmentThread, Around, read_alignment};
use super::navigate::{read_case, renamed};
use crate::assets;
use crate::cli::{AlignmentArguments, SceneArguments, ToolStateChoice};
use crate::failure::{Blame, Failure};
use crate::report::{Output, Stages, stage_table};
#[cfg(not(feature = "xr"))]
use crate::scene::VolumeSettings;
use crate::scene::{self, SceneHeader, SceneInput, SceneStart};
use crate::scene_input::read_tool_shape;
use crate::shown_alignment::SharedAlignment;

pub use demonstration::Demonstration;
#[cfg(feature = "xr")]
mod headset;

/// Runs the command.
pub fn run(options: &SceneArguments, quiet: bool) -> Result<Output, Failure> {
    let has_window = !options.headless && !options.headset.xr && scene::display_name().is_some();
    let (settings, settings_file) = appearance::read(options, has_window)?;
    if options.headset.xr && !options.headset.worker {
        return watch(options);
    }
    let mut stages = Stages::new(quiet);
    stages.stage("read");
    let (case, ct_name) = read(options)?;
    let case = Arc::new(case);
    let plan = match &options.plan {
        Some(path) => super::plan::checked(path, &case, None)?,
        None => Vec::new(),
    };
    let tool_shape = options.tool_shape.as_deref().map(read_tool_shape).transpose()?;
    let (alignment, keeper) = alignment(options)?;
    let device = demonstration::SOURCE.into();
    let header = SceneHeader {
        ct_name,
        device,
        plan: plan.into(),
        tool_shape,
        alignment,
        is_demonstration: true,
        ..SceneHeader::default()
    };
    if options.headset.worker {
        return worker(options, case, header, settings.volume);
    }
    let state = tool_state(options.state);
    let mut images = Vec::new();
    if has_window {
        stages.stage("show");
        let snapshots = Box::new(Demonstration::moving(&case, state));
        let opener: Option<Arc<dyn scene::Open>> = Some(Arc::new(dropped::Dropped));
        let video = options.video.clone();
        let start = SceneStart { settings, settings_file, video, opener, practice: None, turn: None };
        let opened = scene::run_window_with(SceneInput { case, snapshots, header }, start).internal()?;
        if let Some(opened) = opened {
            dropped::show(options, &opened)?;
        }
    } else {
        stages.stage("render");
        let snapshots = Box::new(Demonstration::still(&case, state));
        let input = SceneInput { case, snapshots, header };
        images = scene::render_headless_with(input, settings, &options.out, &mut |_| {}).internal()?;
    }
    // What was corrected last is written before the program ends.
    drop(keeper.map(AlignmentThread::finish));
    let images: Vec<String> = images.iter().map(|path| path.display().to_string()).collect();
    let (stages, total_ms) = stages.finish();
    let text = [
        "Research use only. The instrument is demonstrated, not tracked.".to_owned(),
        stage_table(&stages, total_ms),
        images.join("\n"),
    ];
    let json = json!({ "stages": stages, "total_ms": total_ms, "images": images });
    Ok(Output { json, text: text.join("\n"), is_refused: false })
}

#[cfg(feature = "xr")]
use headset::{watch, worker};

#[cfg(not(feature = "xr"))]
fn watch(_options: &SceneArguments) -> Result<Output, Failure> {
    Err(super::without_headset())
}

#[cfg(not(feature = "xr"))]
fn worker(options: &SceneArguments, _: Arc<Case>, _: SceneHeader, _: VolumeSettings) -> Result<Output, Failure> {
    watch(options)
}

const fn tool_state(choice: ToolStateChoice) -> ToolState {
    match choice {
        ToolStateChoice::Live => ToolState::Live,
        ToolStateChoice::Stale => ToolState::Stale,
        ToolStateChoice::Lost => ToolState::Lost,
        ToolStateChoice::Frozen => ToolState::Frozen,
        ToolStateChoice::Implausible => ToolState::Implausible,
    }
}

/// The alignment to show: of a file, or measured on the case, where it can be corrected.
fn alignment(options: &SceneArguments) -> Result<(Option<SharedAlignment>, Option<AlignmentThread>), Failure> {
    if let Some(path) = &options.alignment {
        return Ok((Some(SharedAlignment::still(read_alignment(path)?)), None));
    }
    let (Some(case), Some(_)) = (&options.case, &options.corrections) else { return Ok((None, None)) };
    let (corrections, by) = (options.corrections.clone(), options.by.clone());
    let asked = AlignmentArguments { corrections, by, ..AlignmentArguments::default() };
    let keeper = AlignmentThread::start(&asked, case, Around::nothing())?;
    Ok((keeper.as_ref().map(AlignmentThread::shown), keeper))
}

/// The case that was asked for, or the CT that ships with its reference labels.
fn read(options: &SceneArguments) -> Result<(Case, String), Failure> {
    if let Some(case) = &options.case {
        let name = options.ct.as_ref().unwrap_or(case).display().to_string();
        let ct = options.ct.as_deref();
        let renamed = renamed(options.corrections.as_deref().filter(|path| path.exists()))?;
        return Ok((read_case(case, ct, &renamed, "scene")?, name));
    }
    Ok((shipped_case()?, "LIDC-IDRI-0001".into()))
}

/// The CT that ships with its reference labels, as a case.
pub fn shipped_case() -> Result<Case, Failure> {
    let (ct, labels) = assets::demo_ct_and_labels().internal()?;
    Ok(Case::from_labels(ct, labels))
}
