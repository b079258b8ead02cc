//! `scene --xr`: one process draws in the headset, this one watches over it.
//!
//! A session that is lost ends the drawing process with an error, a runtime
//! that hangs makes it fall silent; both ways it is started again, until the
//! wearer ends it.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use engine::case::Case;
use engine::stream::{Supervisor, SupervisorSettings};
use serde_json::{Value, json};

use super::{Demonstration, demonstration, tool_state};
use crate::cli::SceneArguments;
use crate::failure::{Blame, Failure};
use crate::report::Output;
use crate::scene::{SceneHeader, SceneInput, VolumeSettings, XrSettings, run_headset};

/// The drawing process says something twice a second; a runtime may hold it
/// for a while without being dead, and so may a machine that draws by processor.
const SILENCE: Duration = Duration::from_secs(6);
/// Shaders of a software device take their time.
const FIRST_WORD: Duration = Duration::from_secs(120);
/// Time between two looks at the supervisor.
const LOOK: Duration = Duration::from_millis(50);
/// File with what happened.
const REPORT: &str = "headset.json";

/// Draws in the headset.
pub fn worker(
    options: &SceneArguments,
    case: Arc<Case>,
    ct_name: String,
    volume: VolumeSettings,
) -> Result<Output, Failure> {
    let header =
        SceneHeader { ct_name, device: demonstration::SOURCE.into(), is_demonstration: true, ..SceneHeader::default() };
    let snapshots = Box::new(Demonstration::moving(&case, tool_state(options.state)));
    let settings = XrSettings {
        frames: options.frames,
        out: options.out.clone(),
        headset: ::headset::HeadsetSettings { see_through: options.see_through, resolution: options.resolution },
        volume,
    };
    let end = run_headset(SceneInput { case, snapshots, header }, &settings).internal()?;
    if let Some(loss) = end.loss {
        return Err(Failure::Internal(anyhow::Error::from(loss).context("the headset's session is lost")));
    }
    std::fs::create_dir_all(&options.out).internal()?;
    std::fs::write(options.out.join(REPORT), format!("{:#}\n", end.report)).internal()?;
    Ok(Output { text: format!("{:#}", end.report), json: end.report, is_refused: false })
}

/// Starts the drawing process, again where needed, until it ends well.
pub fn watch(options: &SceneArguments) -> Result<Output, Failure> {
    let found = ::headset::probe().map_err(|error| Failure::BadInput(error.into()))?;
    tracing::info!(headset = found, "found");
    let report = options.out.join(REPORT);
    if report.exists() {
        std::fs::remove_file(&report).with_context(|| format!("cannot replace {}", report.display())).bad_input()?;
    }
    let program = std::env::current_exe().internal()?;
    let arguments: Vec<_> = std::env::args_os().skip(1).filter(|a| a != "--json").collect();
    let command = move || {
        let mut command = Command::new(&program);
        command.args(&arguments).arg("--worker");
        command
    };
    let settings = SupervisorSettings { silence: SILENCE, first_word: FIRST_WORD, ..SupervisorSettings::default() };
    let supervisor = Supervisor::start(command, settings).internal()?;
    while !supervisor.is_closed() {
        std::thread::sleep(LOOK);
    }
    let counts = supervisor.counts();
    let told: Value =
        std::fs::read_to_string(&report).ok().and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default();
    let text = format!(
        "{found}: {} frames drawn; started {} times, {} ended by a loss, {} by silence",
        told["frames_drawn"], counts.starts, counts.deaths, counts.hangs
    );
    let json = json!({ "headset": found, "processes": counts, "session": told });
    Ok(Output { json, text, is_refused: false })
}
