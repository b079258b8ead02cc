//! The other runtimes, each a process of `scripts/bench_peers.py`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::super::{check_python, script};
use super::cases::Case;
use super::runner::{Runner, Start};
use crate::cli::{BenchSegmentArguments, DtypeChoice};
use crate::failure::{Blame, Failure, with_causes};

/// In the order in which they take their turns.
const RUNTIMES: [&str; 3] = ["openvino", "onnxruntime", "pytorch"];

/// How to start the others.
#[derive(Debug)]
pub struct Peers {
    python: PathBuf,
    script: PathBuf,
    folder: Folder,
    threads: usize,
    takes_half: bool,
}

/// A folder for exported networks that ends with the run.
#[derive(Debug)]
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _left_to_the_system = std::fs::remove_dir_all(&self.0);
    }
}

impl Peers {
    /// Peers in the packages of `python`.
    ///
    /// # Errors
    /// When it does not start, or the script is not there.
    pub fn new(python: &Path, options: &BenchSegmentArguments, threads: usize) -> Result<Self, Failure> {
        let script = script("bench_peers.py")?;
        check_python(python)?;
        let folder = std::env::temp_dir().join(format!("spinenav-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).internal()?;
        Ok(Self {
            python: python.to_owned(),
            script,
            folder: Folder(folder),
            threads,
            takes_half: options.dtype == DtypeChoice::Half,
        })
    }

    /// Loads a network in every runtime, on a GPU where ours is on one. What
    /// fails is a refusal: the others are still worth measuring.
    pub fn start(&self, case: &Case, is_on_gpu: bool) -> Vec<Start> {
        if let Err(error) = self.export(case) {
            return vec![Start::Refused(format!("{case}: no peers: {}", with_causes(&error)))];
        }
        let device = if is_on_gpu { "cuda" } else { "cpu" };
        // The peer to beat is the faster of both; a runtime refuses what it cannot do.
        let dtypes: &[&str] = if self.takes_half || is_on_gpu { &["f32", "half"] } else { &["f32"] };
        let mut sides = Vec::new();
        for runtime in RUNTIMES {
            for dtype in dtypes {
                let mut command = self.command("serve", case);
                command.args(["--runtime", runtime, "--dtype", dtype, "--device", device]);
                command.args(["--threads", &self.threads.to_string()]);
                sides.push(match Runner::start(runtime, &mut command) {
                    Ok(Start::Refused(reason)) => Start::Refused(format!("{runtime} {dtype}: {reason}")),
                    Ok(ready) => ready,
                    Err(error) => Start::Refused(format!("{case}, {dtype}: {}", with_causes(&error))),
                });
            }
        }
        sides
    }

    fn command(&self, job: &str, case: &Case) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(&self.script).args([job, "--network", case.network.name, "--dims", &case.size(), "--folder"]);
        command.arg(&self.folder.0).stderr(Stdio::null());
        command
    }

    fn export(&self, case: &Case) -> Result<()> {
        let graph = case.network.graph()?;
        let names: Vec<&str> = graph.outputs().iter().map(|output| output.name.as_str()).collect();
        let mut command = self.command("export", case);
        let output = command.args(["--outputs", &names.join(",")]).stdin(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let answer: Value = serde_json::from_str(text.trim()).with_context(|| format!("the export says {text:?}"))?;
        let reason = answer.get("error").or_else(|| answer.get("cannot_run")).and_then(Value::as_str);
        match reason {
            None => Ok(()),
            Some(reason) => bail!("{reason} (needs the packages of scripts/install_peers.sh)"),
        }
    }
}
