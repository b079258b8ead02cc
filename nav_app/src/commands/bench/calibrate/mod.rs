//! `bench calibrate`: calibrations on simulated recordings with a known truth,
//! others on the same recordings, and recordings of real devices where given.
//!
//! | module | what it holds |
//! |---|---|
//! | [`scenes`] | what is simulated |
//! | [`ours`] | our calibrations on it |
//! | [`peers`] | others, by `scripts/bench_calib_peers.py` |
//! | [`recordings`] | PLUS and ETH recordings |
//! | [`results`] | rows, gates, table, page |

mod ours;
mod peers;
mod recordings;
mod results;
mod scenes;

use super::machine::{Machine, commit};
use super::{check_python, script};
use crate::cli::BenchCalibrateArguments;
use crate::failure::{Blame, Failure};
use crate::page::write_report;
use crate::progress::Progress;
use crate::report::Output;

use results::{Results, page, table};

/// Runs the command.
pub fn run(options: &BenchCalibrateArguments, quiet: bool) -> Result<Output, Failure> {
    let python = options.peers.as_deref();
    if let Some(python) = python {
        check_python(python)?;
    }
    let peers_script = python.map(|_| script("bench_calib_peers.py")).transpose()?;
    let (pivots, hand_eyes) = (scenes::pivots(), scenes::hand_eyes());
    let mut progress = Progress::new(pivots.len() + hand_eyes.len() + 2, quiet);
    let mut results = Results::new(Machine::this(1), commit());
    for scene in &pivots {
        progress.step(scene.name);
        let (row, data) = ours::pivot(scene, options.trials, options.peer_trials).bad_input()?;
        results.rows.push(row);
        if let (Some(python), Some(script)) = (python, &peers_script) {
            let (rows, notes) = peers::run(python, script, &data).bad_input()?;
            results.rows.extend(rows);
            results.notes.extend(notes);
        }
    }
    for scene in &hand_eyes {
        progress.step(scene.name);
        let (row, data) = ours::hand_eye(scene, options.trials, options.peer_trials).bad_input()?;
        results.rows.push(row);
        if let (Some(python), Some(script)) = (python, &peers_script) {
            let (rows, notes) = peers::run(python, script, &data).bad_input()?;
            results.rows.extend(rows);
            results.notes.extend(notes);
        }
    }
    progress.step("phantom");
    results.phantom = Some(ours::phantom(options.trials.min(50)).bad_input()?);
    progress.step("recordings");
    if let Some(folder) = &options.plus {
        match recordings::plus(folder) {
            Ok(plus) => results.plus = Some(plus),
            Err(problem) => results.notes.push(format!("PLUS recording: {problem:#}")),
        }
    }
    if let Some(folder) = &options.ethz {
        match recordings::ethz(folder) {
            Ok(ethz) => results.ethz = ethz,
            Err(problem) => results.notes.push(format!("ETH recordings: {problem:#}")),
        }
    }
    progress.finish();
    results.notes.sort();
    results.notes.dedup();
    if let Some(file) = &options.report {
        write_report(file, &page(&results))?;
    }
    Ok(Output { json: results.json(), text: table(&results), is_refused: false })
}
