//! One side of the comparison: a process that relays poses.
//!
//! It is started as `PROGRAM TRACKER_PORT`, connects to that port of this
//! machine as an OpenIGTLink client, prints `{"port": N}` and sends every
//! TRANSFORM on to whoever connects to port N. It runs until it is killed.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use engine::rt::raise_this_thread;
use serde::Deserialize;

use crate::failure::{Blame, Failure};

/// Longest time until a side listens; a Python needs a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// What can be started.
pub struct Side {
    /// Its name in the report.
    pub name: String,
    program: PathBuf,
    before: Vec<String>,
}

/// A side's process; dropping it ends it.
pub struct Running {
    child: Child,
    address: SocketAddr,
}

/// What a side says first.
#[derive(Deserialize)]
struct Listens {
    port: u16,
}

/// This program and every executable file of `folder`, by name.
pub fn all(folder: &Path, tools: usize) -> Result<Vec<Side>, Failure> {
    let unusable = |why: String| {
        let help = "scripts/make_latency_rivals.sh FOLDER makes one";
        Failure::WrongUse(anyhow!("--rivals {}: {why}; {help}", folder.display()))
    };
    let files = std::fs::read_dir(folder).map_err(|error| unusable(error.to_string()))?;
    let mut programs: Vec<PathBuf> =
        files.filter_map(|file| Some(file.ok()?.path())).filter(|p| is_program(p)).collect();
    programs.sort();
    if programs.is_empty() {
        return Err(unusable("no executable file is in it".into()));
    }
    let before = ["bench", "latency-relay", "--tools"].map(str::to_owned).into_iter().chain([tools.to_string()]);
    let ours = Side {
        name: "SpineNav".into(),
        program: std::env::current_exe().internal()?,
        before: before.chain(["--tracker-port".to_owned()]).collect(),
    };
    let rival = |program: PathBuf| {
        let name = program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Side { name, program, before: Vec::new() }
    };
    Ok(std::iter::once(ours).chain(programs.into_iter().map(rival)).collect())
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "exe")
}

impl Side {
    /// Starts the process and waits until it listens.
    pub fn start(&self, tracker: SocketAddr) -> Result<Running> {
        let mut command = Command::new(&self.program);
        command.args(&self.before).arg(tracker.port().to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        // A process inherits the priority of the thread that starts it: all
        // sides run with the same one.
        let starting = std::thread::spawn(move || {
            let _ = raise_this_thread();
            command.spawn()
        });
        let spawned = starting.join().map_err(|_| anyhow!("a thread of the bench died"))?;
        let child = spawned.with_context(|| format!("cannot start {}", self.program.display()))?;
        let mut running = Running { child, address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) };
        let port = running.port().with_context(|| format!("{} does not relay", self.name))?;
        running.address.set_port(port);
        Ok(running)
    }
}

impl Running {
    /// Where its client connects.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    fn port(&mut self) -> Result<u16> {
        let output = self.child.stdout.take().context("it has no standard output")?;
        let (sender, lines) = mpsc::channel();
        std::thread::Builder::new().spawn(move || {
            // Reads on to the end, so that a side that prints more is not held up.
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _nobody_listens_any_more = sender.send(line);
            }
        })?;
        let line = lines.recv_timeout(PATIENCE).context("it did not print its port")?;
        let listens: Listens = serde_json::from_str(&line).with_context(|| format!("it printed {line:?}"))?;
        Ok(listens.port)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_programs_is_refused_with_the_way_to_make_one() {
        for folder in [Path::new("/nowhere"), Path::new(env!("CARGO_MANIFEST_DIR"))] {
            let Err(Failure::WrongUse(error)) = all(folder, 8) else { panic!("{folder:?} was taken") };
            assert!(error.to_string().contains("make_latency_rivals.sh"), "{error}");
        }
    }
}
