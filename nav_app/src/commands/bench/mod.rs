//! `bench`: measures this machine, and others' work beside ours in the same run.
//!
//! | module | what it measures |
//! |---|---|
//! | [`segment`] | the networks |
//! | [`register`] | surface registration |
//! | [`calibrate`] | calibrations |
//! | [`latency`] | a pose's way from tracker to viewer |
//! | [`render`] | frames of the scene |
//!
//! [`machine`] says on what.

mod calibrate;
mod latency;
mod machine;
mod register;
#[cfg(feature = "scene")]
mod render;
mod segment;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cli::Bench;
use crate::failure::Failure;
use crate::report::Output;

/// Runs the command.
pub fn run(what: &Bench, quiet: bool) -> Result<Output, Failure> {
    match what {
        Bench::Segment(options) => segment::run(options, quiet),
        Bench::Register(options) => register::run(options, quiet),
        Bench::Calibrate(options) => calibrate::run(options, quiet),
        Bench::Latency(options) => latency::run(options, quiet),
        #[cfg(feature = "stream")]
        Bench::Stream(options) => latency::run_stream(options, quiet),
        #[cfg(feature = "stream")]
        Bench::StreamObserver(options) => latency::observe(options),
        #[cfg(not(feature = "stream"))]
        Bench::Stream(_) | Bench::StreamObserver(_) => super::without_stream("bench stream"),
        #[cfg(feature = "scene")]
        Bench::Render(options) => render::run(options, quiet),
        Bench::NetworkWorker(options) => segment::worker(options),
        Bench::LatencyRelay(options) => latency::run_relay(options),
    }
}

/// A script of the source tree this program was built from.
fn script(name: &str) -> Result<PathBuf, Failure> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts").join(name);
    if path.exists() {
        return Ok(path);
    }
    let what = format!("--peers needs the source tree this program was built from; {} is not there", path.display());
    Err(Failure::WrongUse(anyhow::anyhow!(what)))
}

/// Refuses what is no Python.
fn check_python(python: &Path) -> Result<(), Failure> {
    let version = Command::new(python).arg("--version").stdin(Stdio::null()).output();
    if version.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    let (path, help) = (python.display(), "scripts/install_peers.sh makes one");
    Err(Failure::WrongUse(anyhow::anyhow!("--peers {path}: not a Python that starts; {help}")))
}
