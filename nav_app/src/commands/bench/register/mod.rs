//! `bench register`: surface registration from displaced starts, and the
//! methods people use today on the same cases.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cases`] | the cases as files |
//! | [`make`] | cases from the CT that ships |
//! | [`ours`] | our side |
//! | [`peers`] | the others, by `scripts/bench_register_peers.py` |
//! | [`results`] | what comes out, for machines and people |
//! | [`html`] | the same as a report with plots |

mod cases;
mod html;
mod make;
mod ours;
mod peers;
mod results;

use std::path::Path;

use super::machine::Machine;
use crate::cli::BenchRegisterArguments;
use crate::failure::{Blame, Failure, with_causes};
use crate::page::write_report;
use crate::progress::Progress;
use crate::report::Output;
use cases::Case;
use make::Spine;
use peers::{Answer, Peers};
use results::{Results, Side};

/// Numbers of points, and cases a start, of the cases made here.
const MADE: [(usize, usize); 3] = [(500, 60), (5_000, 60), (50_000, 20)];

/// Runs the command.
pub fn run(options: &BenchRegisterArguments, quiet: bool) -> Result<Output, Failure> {
    let machine = Machine::this(0);
    let peers = options.peers.as_deref().map(|python| Peers::new(python, machine.threads)).transpose()?;
    let data = prepare(options)?;
    let bone = cases::read_bone(&options.data).bad_input()?;
    let sizes = chosen_sizes(options)?;
    let sets: Vec<Vec<Case>> =
        sizes.iter().map(|points| cases::read_cases(&options.data, *points)).collect::<Result<_, _>>().bad_input()?;
    let (target, built) = ours::build(&bone).bad_input()?;
    let mut results = Results::new(machine, data, built);
    let steps = sets.iter().map(Vec::len).sum::<usize>() * (1 + peers.as_ref().map_or(0, |_| peers::METHODS.len()));
    let mut progress = Progress::new(steps, quiet);
    for set in &sets {
        let points = set.first().map_or(0, |case| case.points.len());
        let trials = ours::run(&target, set, &mut |number| progress.case("SpineNav", points, number, set.len()));
        let method = concat!("SpineNav ", env!("CARGO_PKG_VERSION")).to_owned();
        results.ours.push(Side { method, points, trials: trials.bad_input()? });
        let Some(peers) = &peers else { continue };
        for method in peers::METHODS {
            let each = &mut |number| progress.case(method, points, number, set.len());
            match peers.run(method, &options.data, set, each) {
                Ok(Answer::Done(method, trials)) => results.peers.push(Side { method, points, trials }),
                Ok(Answer::CannotRun(reason)) => results.note(reason),
                Err(error) => results.note(with_causes(&error)),
            }
        }
    }
    progress.finish();
    if let Some(file) = &options.report {
        write_report(file, &html::page(&results))?;
    }
    Ok(Output { json: results.json(), text: results.text(), is_refused: false })
}

/// Makes the cases where there are none, and says where they come from.
fn prepare(options: &BenchRegisterArguments) -> Result<String, Failure> {
    let folder: &Path = &options.data;
    let there = folder.join("target.bin").exists();
    let data = format!("cases in {}", folder.display());
    if there {
        return Ok(data);
    }
    std::fs::create_dir_all(folder)
        .map_err(|e| anyhow::anyhow!("cannot make {}: {e}; choose another folder with --data", folder.display()))
        .bad_input()?;
    let spine = Spine::that_ships(folder).internal()?;
    for (points, each) in MADE {
        cases::write_cases(folder, &spine.cases(points, each).internal()?).bad_input()?;
    }
    // Last, so that an interrupted run is not taken for a whole one.
    cases::write_bone(folder, &spine.bone()).bad_input()?;
    Ok(format!("{data}, made from the reference labels of the CT that ships"))
}

fn chosen_sizes(options: &BenchRegisterArguments) -> Result<Vec<usize>, Failure> {
    let there = cases::sizes(&options.data).bad_input()?;
    if options.points.is_empty() {
        if there.is_empty() {
            let what = format!("{} has a target.bin but no cases_N.bin", options.data.display());
            return Err(Failure::BadInput(anyhow::anyhow!(what)));
        }
        return Ok(there);
    }
    match options.points.iter().find(|points| !there.contains(points)) {
        None => Ok(options.points.clone()),
        Some(points) => {
            let what = format!("{} has no cases of {points} points, only of {there:?}", options.data.display());
            Err(Failure::WrongUse(anyhow::anyhow!(what)))
        }
    }
}
