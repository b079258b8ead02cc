//! `rehearse --by-mouse`: a person touches a virtual patient's bone in the
//! window, registers, and hears the truth. Kept as a script's practice is.

use std::sync::PoisonError;

use engine::volume::LabelMap;
use serde_json::json;

use super::practice::conclude;
use super::trainer::{Trainer, patient};
use crate::cli::RehearseArguments;
use crate::failure::{Blame, Failure};
use crate::report::Output;
use crate::scene::{self, SceneStart};

/// Opens the window and keeps what came of it.
pub fn run(options: &RehearseArguments, (case_name, labels): (String, LabelMap)) -> Result<Output, Failure> {
    let script = patient(options, "--by-mouse")?;
    if scene::display_name().is_none() {
        let what = "--by-mouse needs a display; --practice STROKES.json plays strokes without one";
        return Err(Failure::WrongUse(anyhow::anyhow!(what)));
    }
    let (trainer, input) = Trainer::begin(&labels, &script, &case_name, "the mouse")?;
    let start = SceneStart { practice: Some(trainer.clone()), ..SceneStart::of_user() };
    scene::run_window_with(input, start).internal()?;
    let ended = trainer.lock().unwrap_or_else(PoisonError::into_inner).take(case_name, script.seed);
    let Some((practised, attempt)) = ended else {
        let text = "The window was closed before Enter registered the touched points: nothing was kept.".to_owned();
        return Ok(Output { json: json!({ "attempt": null }), text, is_refused: false });
    };
    conclude(options, &practised, attempt, labels)
}
