//! A scene in a headset: one process draws, the command that was called watches
//! over it.
//!
//! A session that is lost ends the drawing process with an error, a runtime
//! that hangs makes it fall silent; both ways it is started again, until the
//! wearer ends it. A guided session is another process's: nothing a headset's
//! runtime does can hold it up.

pub mod feed;

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use engine::stream::{Supervisor, SupervisorSettings};
use serde_json::{Value, json};

use crate::cli::HeadsetArguments;
use crate::failure::{Blame, Failure};
use crate::report::Output;
use crate::scene::{SceneInput, VolumeSettings, XrSettings, run_headset};
use crate::scene_input::Practising;

/// The drawing process says something twice a second; a runtime may hold it
/// for a while without being dead, and so may a machine that draws by processor.
const SILENCE: Duration = Duration::from_secs(6);
/// Shaders of a software device take their time.
const FIRST_WORD: Duration = Duration::from_secs(120);
/// File with what happened.
const REPORT: &str = "headset.json";

/// Draws in the headset until the wearer ends it.
///
/// * `practice` - what is practised in it, if anything.
///
/// # Errors
/// There is no headset, its session is lost, or pictures cannot be written.
pub fn draw(
    options: &HeadsetArguments,
    out: &Path,
    input: SceneInput,
    volume: VolumeSettings,
    practice: Option<Arc<Mutex<dyn Practising>>>,
) -> Result<Output, Failure> {
    let settings = XrSettings {
        frames: options.frames,
        out: out.to_owned(),
        headset: ::headset::HeadsetSettings { see_through: options.see_through, resolution: options.resolution },
        volume,
        practice,
    };
    let end = run_headset(input, &settings).internal()?;
    if let Some(loss) = end.loss {
        return Err(Failure::Internal(anyhow::Error::from(loss).context("the headset's session is lost")));
    }
    std::fs::create_dir_all(out).internal()?;
    std::fs::write(out.join(REPORT), format!("{:#}\n", end.report)).internal()?;
    Ok(Output { text: format!("{:#}", end.report), json: end.report, is_refused: false })
}

/// The drawing process, started again where needed.
pub struct Watched {
    found: String,
    report: std::path::PathBuf,
    supervisor: Supervisor,
}

impl Watched {
    /// Starts this command again as the drawing process, with `more` arguments.
    ///
    /// # Errors
    /// There is no headset, or an old report stands in the way.
    pub fn start(out: &Path, more: Vec<String>) -> Result<Self, Failure> {
        let found = ::headset::probe().map_err(|error| Failure::BadInput(error.into()))?;
        tracing::info!(headset = found, "found");
        let report = out.join(REPORT);
        if report.exists() {
            std::fs::remove_file(&report)
                .with_context(|| format!("cannot replace {}", report.display()))
                .bad_input()?;
        }
        let program = std::env::current_exe().internal()?;
        let arguments: Vec<_> = std::env::args_os().skip(1).filter(|a| a != "--json").collect();
        let command = move || {
            let mut command = Command::new(&program);
            command.args(&arguments).arg("--worker").args(&more);
            command
        };
        let settings = SupervisorSettings { silence: SILENCE, first_word: FIRST_WORD, ..SupervisorSettings::default() };
        Ok(Self { found, report, supervisor: Supervisor::start(command, settings).internal()? })
    }

    /// True when the wearer has ended it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.supervisor.is_closed()
    }

    /// What happened: for machines, and for people.
    #[must_use]
    pub fn tell(&self) -> (Value, String) {
        let counts = self.supervisor.counts();
        let told: Value =
            std::fs::read_to_string(&self.report).ok().and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default();
        let text = format!(
            "{}: {} frames drawn; started {} times, {} ended by a loss, {} by silence",
            self.found, told["frames_drawn"], counts.starts, counts.deaths, counts.hangs
        );
        (json!({ "headset": self.found, "processes": counts, "session": told }), text)
    }
}
