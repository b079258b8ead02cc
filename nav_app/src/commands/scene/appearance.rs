//! How `scene` draws: what was kept from before, changed by options.

use std::path::PathBuf;

use crate::cli::{CutChoice, SceneArguments, SlicesChoice};
use crate::failure::{Blame, Failure};
use crate::scene::{ClipBox, Preset, SceneSettings, SceneStart, SliceMode, ToolCut};

/// What is drawn at first, and the file that follows what the user chooses.
pub fn read(options: &SceneArguments, has_window: bool) -> Result<(SceneSettings, Option<PathBuf>), Failure> {
    let kept = match &options.settings {
        Some(path) => (SceneSettings::read(path).bad_input()?.unwrap_or_default(), Some(path.clone())),
        // Pictures are the same whatever the user left the window like.
        None if has_window => {
            let start = SceneStart::of_user();
            (start.settings, start.settings_file)
        }
        None => (SceneSettings::default(), None),
    };
    let (mut settings, file) = kept;
    change(&mut settings, options)?;
    Ok((settings, file))
}

/// Options count more than what was kept.
fn change(settings: &mut SceneSettings, options: &SceneArguments) -> Result<(), Failure> {
    let SceneSettings { slices, volume, .. } = settings;
    if let Some(name) = options.volume.as_deref() {
        volume.is_shown = true;
        volume.preset = match name {
            "bone" => Preset::Bone,
            "bone-skin" => Preset::BoneAndSkin,
            "angiography" => Preset::Angiography,
            path => Preset::from_file(path.as_ref()).bad_input()?,
        };
    }
    if let Some(cut) = options.cut {
        volume.cut = match cut {
            CutChoice::None => ToolCut::Nothing,
            CutChoice::Across => ToolCut::Across,
            CutChoice::Along => ToolCut::Along,
        };
    }
    if let Some(text) = options.clip_box.as_deref() {
        volume.clip_box = clip_box(text)?;
    }
    if let Some(choice) = options.slices {
        *slices = if choice == SlicesChoice::Tool { SliceMode::Tool } else { SliceMode::Patient };
    }
    volume.has_surfaces &= !options.no_surfaces;
    Ok(())
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
