//! `scene`: what the surgeon sees, without a session: to try it, to document
//! it, to rehearse how faults look.

mod demonstration;

use std::sync::Arc;

use engine::case::Case;
use engine::safety::ToolState;
use engine::segment::Progress;
use serde_json::json;

use crate::assets;
use crate::cli::{CutChoice, SceneArguments, ToolStateChoice};
use crate::failure::{Blame, Failure};
use crate::report::{Output, Stages, stage_table};
use crate::scene::{self, ClipBox, Preset, SceneHeader, SceneInput, ToolCut, VolumeSettings};
use crate::scene_input::read_tool_shape;

pub use demonstration::Demonstration;
#[cfg(feature = "xr")]
mod headset;

/// Runs the command.
pub fn run(options: &SceneArguments, quiet: bool) -> Result<Output, Failure> {
    let volume = volume_settings(options)?;
    if options.xr && !options.worker {
        return watch(options);
    }
    let mut stages = Stages::new(quiet);
    stages.stage("read");
    let (case, ct_name) = read(options)?;
    let case = Arc::new(case);
    if options.worker {
        return worker(options, case, ct_name, volume);
    }
    let plan = match &options.plan {
        Some(path) => super::plan::checked(path, &case, None)?,
        None => Vec::new(),
    };
    let tool_shape = options.tool_shape.as_deref().map(read_tool_shape).transpose()?;
    let device = demonstration::SOURCE.into();
    let header = SceneHeader { ct_name, device, plan, tool_shape, ..SceneHeader::default() };
    let state = tool_state(options.state);
    let mut images = Vec::new();
    if !options.headless && scene::display_name().is_some() {
        stages.stage("show");
        let snapshots = Box::new(Demonstration::moving(&case, state));
        scene::run_window_with(SceneInput { case, snapshots, header }, volume).internal()?;
    } else {
        stages.stage("render");
        let snapshots = Box::new(Demonstration::still(&case, state));
        let input = SceneInput { case, snapshots, header };
        images = scene::render_headless_with(input, volume, &options.out, &mut |_| {}).internal()?;
    }
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
    let what = "this build has no headset support: build with `cargo build --features xr`";
    Err(Failure::WrongUse(anyhow::anyhow!(what)))
}

#[cfg(not(feature = "xr"))]
fn worker(options: &SceneArguments, _: Arc<Case>, _: String, _: VolumeSettings) -> Result<Output, Failure> {
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

/// The case that was asked for, or the CT that ships with its reference labels.
fn read(options: &SceneArguments) -> Result<(Case, String), Failure> {
    if let Some(case) = &options.case {
        let name = options.ct.as_ref().unwrap_or(case).display().to_string();
        return Ok((super::navigate::read_case(case, options.ct.as_deref(), "scene")?, name));
    }
    Ok((shipped_case()?, "LIDC-IDRI-0001".into()))
}

/// The CT that ships with its reference labels, as a case.
pub fn shipped_case() -> Result<Case, Failure> {
    let (ct, labels) = assets::demo_ct_and_labels().internal()?;
    Ok(Case::from_labels(ct, labels))
}

/// How the volume is to be drawn.
fn volume_settings(options: &SceneArguments) -> Result<VolumeSettings, Failure> {
    let preset = match options.volume.as_deref() {
        None | Some("bone") => Preset::Bone,
        Some("bone-skin") => Preset::BoneAndSkin,
        Some("angiography") => Preset::Angiography,
        Some(path) => Preset::from_file(path.as_ref()).bad_input()?,
    };
    let cut = match options.cut {
        CutChoice::None => ToolCut::Nothing,
        CutChoice::Across => ToolCut::Across,
        CutChoice::Along => ToolCut::Along,
    };
    let clip_box = options.clip_box.as_deref().map_or(Ok(ClipBox::Spine), clip_box)?;
    let (is_shown, has_surfaces) = (options.volume.is_some(), !options.no_surfaces);
    Ok(VolumeSettings { is_shown, has_surfaces, preset, clip_box, cut })
}

fn clip_box(text: &str) -> Result<ClipBox, Failure> {
    match text {
        "spine" => return Ok(ClipBox::Spine),
        "whole" => return Ok(ClipBox::Whole),
        _ => {}
    }
    let numbers: Vec<f64> =
        text.split(',').filter_map(|n| n.trim().parse().ok()).filter(|n: &f64| n.is_finite()).collect();
    match numbers.as_slice() {
        &[ax, ay, az, bx, by, bz] if ax < bx && ay < by && az < bz => Ok(ClipBox::Corners([ax, ay, az], [bx, by, bz])),
        _ => Err(Failure::WrongUse(anyhow::anyhow!(
            "--clip-box {text:?}: write `spine`, `whole`, or the lower and the upper corner as X,Y,Z,X,Y,Z in mm (LPS)"
        ))),
    }
}
