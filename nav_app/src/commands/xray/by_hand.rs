//! `xray --window`: a person corrects what was found.

use std::path::PathBuf;

use engine::xray::{Findings, Pair, RunningNetworks};

use crate::cli::XrayArguments;
use crate::failure::Failure;

/// Opens the window and returns what was found with the corrections made in it.
#[cfg(feature = "scene")]
pub fn correct(
    options: &XrayArguments,
    pair: &Pair,
    findings: Findings,
    networks: Option<RunningNetworks>,
) -> Result<Findings, Failure> {
    use crate::failure::Blame;
    let file = file(options);
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).bad_input()?;
    }
    let by = options.by.clone().or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "unnamed".to_owned());
    let (pair, settings) = (pair.clone(), super::settings(options));
    let start = crate::xray_window::Start { pair, findings, settings, file, by };
    crate::xray_window::run(start, networks).map_err(Failure::Internal)
}

/// As above, in a program without its scene.
#[cfg(not(feature = "scene"))]
pub fn correct(
    options: &XrayArguments,
    _: &Pair,
    _: Findings,
    _: Option<RunningNetworks>,
) -> Result<Findings, Failure> {
    let what = format!(
        "this program was built without its scene and has no window; corrections can be written into {}",
        file(options).display()
    );
    Err(Failure::WrongUse(anyhow::anyhow!(what)))
}

/// Where the corrections go.
fn file(options: &XrayArguments) -> PathBuf {
    let beside = || options.out.as_ref().map(|folder| folder.join("corrections.json"));
    options.corrections.clone().or_else(beside).unwrap_or_else(|| PathBuf::from("xray-corrections.json"))
}
