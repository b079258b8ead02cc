//! `rehearse --xr`: the same practice in a headset, by controller or bare hand.
//!
//! One process draws and practises, the command that was called watches over it. What is touched is kept in a file, so
//! that a headset whose session is lost goes on where it was ([`Trainer::keep_in`]); what came of it is made from the
//! same file, once, when the headset is done.

use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;

use engine::volume::LabelMap;
use serde_json::json;

use super::practice::conclude;
use super::trainer::{Trainer, patient};
use crate::cli::RehearseArguments;
use crate::commands::headset::{Watched, draw};
use crate::failure::{Blame, Failure};
use crate::report::Output;
use crate::scene::VolumeSettings;

/// Time between two looks at the drawing process.
const LOOK: Duration = Duration::from_millis(50);
/// What was asked for, in the folder of a practice.
const TOUCHES: &str = "touches.jsonl";

/// Starts the drawing process, again where needed, until it is over; keeps and tells what came of it.
pub fn watch(options: &RehearseArguments, (case_name, labels): (String, LabelMap)) -> Result<Output, Failure> {
    let script = patient(options, "--xr")?;
    let folder = folder();
    // What an earlier process of this number left is another practice.
    if folder.exists() {
        std::fs::remove_dir_all(&folder).internal()?;
    }
    std::fs::create_dir_all(&folder).internal()?;
    let state = vec!["--state".to_owned(), folder.display().to_string()];
    let watched = Watched::start(&out(options, &folder), state)?;
    while !watched.is_closed() {
        std::thread::sleep(LOOK);
    }
    let (headset, words) = watched.tell();
    let (trainer, _) = Trainer::begin(&labels, &script, &case_name, "the hand")?;
    let mut trainer = trainer.lock().unwrap_or_else(PoisonError::into_inner);
    trainer.keep_in(&folder.join(TOUCHES))?;
    trainer.do_again();
    let _left_to_the_system = std::fs::remove_dir_all(&folder);
    let Some((practised, attempt)) = trainer.take(case_name, script.seed) else {
        let text = format!("The session ended before REGISTER was pressed: nothing was kept.\n  {words}");
        return Ok(Output { json: json!({ "attempt": null, "headset": headset }), text, is_refused: false });
    };
    let mut told = conclude(options, &practised, attempt, labels)?;
    told.json["headset"] = headset;
    told.text = format!("{}\n  {words}", told.text);
    Ok(told)
}

fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("spinenav-practice-{}", std::process::id()))
}

/// Where the headset's report and the eyes' pictures go: not among the pictures of what was touched.
fn out(options: &RehearseArguments, state: &Path) -> PathBuf {
    options.out.as_deref().unwrap_or(state).join("headset")
}

/// The drawing process; `state` is the folder that outlives it.
pub fn worker(
    options: &RehearseArguments,
    state: &Path,
    (case_name, labels): (String, LabelMap),
) -> Result<Output, Failure> {
    let script = patient(options, "--xr")?;
    let (trainer, input) = Trainer::begin(&labels, &script, &case_name, "the hand")?;
    trainer.lock().unwrap_or_else(PoisonError::into_inner).keep_in(&state.join(TOUCHES))?;
    draw(&options.headset, &out(options, state), input, VolumeSettings::default(), Some(trainer))
}
