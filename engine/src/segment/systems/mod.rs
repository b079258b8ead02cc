//! The published systems, end to end: which model is run in which way, and
//! what tells the vertebrae of its mask apart.
//!
//! | system | model | file |
//! |---|---|---|
//! | SpineNav | compact-spine | `whole_scan` |
//! | A, Dense-3D U-Net | dense-3d-spine | `whole_scan`, `box128` |
//! | B, two stages | mafu-instances after compact-spine | `two_stage` |
//! | C, slabs | residual-spine-pelvis | `whole_scan` (its slabs are windows of 16 slices) |
//! | D, lumbar | xunet-lumbar after lumbar-localiser | `lumbar` |
//!
//! Promises that all end in the same [`Case`](crate::case::Case), by the same
//! edges, levels, surfaces and confidence. Called by
//! [`segment`](super::segment()) alone.

mod assign;
mod box128;
mod lumbar;
mod split;
mod two_stage;
mod whole_scan;

use kernels::Device;

use super::model::{Mode, Model, ModelError, Role, join};
use super::pipeline::{Progress, SegmentError};
use super::semantic::{Semantic, Structures};
use crate::volume::Volume;

pub use split::{ByDiscs, Column, Parts, Split, named};

/// A model, the model that runs before it, and the way it is run.
#[derive(Debug)]
pub struct System {
    model: Model,
    companion: Option<Model>,
    mode: Mode,
}

impl System {
    /// Puts a system together.
    ///
    /// * `companion` - the model that the card of `model` needs; none where it needs none.
    /// * `mode` - how to run it; `None` for the usual way.
    ///
    /// # Errors
    /// [`ModelError::Mode`] for a way that does not fit the model,
    /// [`ModelError::Step`] for a model that is only a step of another one,
    /// [`ModelError::Companion`] when the companion is not the one the card needs.
    pub fn new(model: Model, companion: Option<Model>, mode: Option<Mode>) -> Result<Self, ModelError> {
        let card = &model.card;
        if card.role == Role::HeatMap {
            return Err(ModelError::Step { name: card.name.clone(), role: card.role });
        }
        let given = companion.as_ref().map(|model| model.card.name.clone());
        if card.needs != given {
            let or_none = |name: &Option<String>| name.clone().unwrap_or_else(|| "no model".into());
            let (needs, given) = (or_none(&card.needs), or_none(&given));
            return Err(ModelError::Companion { name: card.name.clone(), needs, given });
        }
        let wanted_role = if card.role == Role::LumbarLevels { Role::HeatMap } else { Role::Classes };
        if let Some(other) = companion.as_ref().filter(|other| other.card.role != wanted_role) {
            let (needs, given) = (format!("a model for {wanted_role}"), format!("one for {}", other.card.role));
            return Err(ModelError::Companion { name: card.name.clone(), needs, given });
        }
        let modes = card.modes();
        let usual = modes.first().copied().unwrap_or(Mode::Patches);
        let mode = mode.unwrap_or(usual);
        if !modes.contains(&mode) {
            let reason = refusal(&model, mode);
            return Err(ModelError::Mode { name: card.name.clone(), mode, reason, modes: join(&modes) });
        }
        Ok(Self { model, companion, mode })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// How it is run.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }
}

/// Why a model does not run in a mode its card does not list.
fn refusal(model: &Model, mode: Mode) -> String {
    let mm = model.card.preprocessing.spacing_mm;
    match (model.card.role, mode) {
        (Role::Instances, _) => "it sees one vertebra and its neighbours in a window, not a scan".into(),
        (Role::LumbarLevels, _) => "it labels the part of a scan that its first step cuts out".into(),
        (_, Mode::Box128) => format!("it learnt from voxels of {mm} mm, and a box of 128^3 has others"),
        (_, Mode::Windows) => "it does not tell the vertebrae above, centre and below of a window apart".into(),
        (_, Mode::Slabs) => "it did not learn from slabs of few slices".into(),
        (_, Mode::Patches) => "it learnt from slabs of few slices, and its norms see what is in a patch".into(),
    }
}

/// What a system makes of a scan before edges are looked for.
pub struct Prepared<'a> {
    /// What each voxel is.
    pub semantic: Semantic,
    /// Bones that are no vertebrae, on the same grid.
    pub structures: Structures,
    /// What tells the vertebrae apart.
    pub split: Box<dyn Split + 'a>,
    /// Whether ribs, sacrum and skull are known from other bright things, so
    /// that they can make the names of the levels sure.
    pub knows_other_bone: bool,
}

/// Runs a system up to the voxels' classes; its [`Split`] runs later.
///
/// Stages reported: `resample`, `network`; for system D also `localise`.
///
/// # Errors
/// [`SegmentError`] naming the step.
pub fn prepare<'a>(
    system: &'a System,
    ct: &Volume,
    device: &'a dyn Device,
    progress: &mut dyn Progress,
) -> Result<Prepared<'a>, SegmentError> {
    let System { model, companion, mode } = system;
    match (model.card.role, companion) {
        (Role::Instances, Some(stage_1)) => two_stage::prepare(model, stage_1, ct, device, progress),
        (Role::LumbarLevels, Some(localiser)) => lumbar::prepare(model, localiser, ct, device, progress),
        _ => whole_scan::prepare(model, *mode, ct, device, progress),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::segment::model::tests::{local_model, published_model};

    #[test]
    fn a_mode_that_does_not_fit_is_refused_with_the_reason() {
        let text = System::new(local_model(), None, Some(Mode::Box128)).unwrap_err().to_string();
        assert!(text.contains("voxels of 2 mm") && text.contains("its modes: patches"), "{text}");
        let text = System::new(local_model(), None, Some(Mode::Windows)).unwrap_err().to_string();
        assert!(text.contains("above, centre and below"), "{text}");
        let both = || published_model("dense_3d_unet", &json!({ "modes": ["box128", "patches"] })).unwrap();
        assert_eq!(System::new(both(), None, None).unwrap().mode(), Mode::Box128);
        assert_eq!(System::new(both(), None, Some(Mode::Patches)).unwrap().mode(), Mode::Patches);
    }

    #[test]
    fn a_second_stage_needs_its_own_first_stage() {
        let windows = || published_model("mafu_unet", &json!({ "needs": "local" })).unwrap();
        assert_eq!(System::new(windows(), Some(local_model()), None).unwrap().mode(), Mode::Windows);
        let text = System::new(windows(), None, None).unwrap_err().to_string();
        assert!(text.contains("needs local") && text.contains("no model"), "{text}");
        let heat = published_model("localisation_unet", &json!({ "name": "local" })).unwrap();
        let text = System::new(windows(), Some(heat), None).unwrap_err().to_string();
        assert!(text.contains("heat map"), "{text}");
        let alone = published_model("localisation_unet", &json!({})).unwrap();
        assert!(System::new(alone, None, None).unwrap_err().to_string().contains("step of another model"));
    }
}
