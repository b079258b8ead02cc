//! `bench register`: surface registration from displaced starts, and the
//! methods people use today on the same cases.
//!
//! | module | what it holds |
//! |---|---|
//! | [`files`] | the cases as files |
//! | [`make`] | cases from the CT that ships |
//! | [`ours`] | our side |
//! | [`peers`] | the others, by `scripts/bench_register_peers.py` |
//! | [`results`] | what comes out, for machines and people |
//! | [`html`] | the same as a report with plots |

mod files;
mod html;
mod make;
mod ours;
mod peers;
mod results;

use std::path::{Path, PathBuf};

use engine::register::benchmark::files::read;

use super::machine::Machine;
use crate::cli::BenchRegisterArguments;
use crate::failure::{Blame, Failure, with_causes};
use crate::page::write_report;
use crate::progress::Progress;
use crate::report::Output;
use make::{Spine, Variant};
use peers::{Answer, Peers};
use results::{Results, Side};

/// Cases made here: numbers of points, and cases for each start.
const MADE: [(Variant, &[(usize, usize)]); 3] = [
    (Variant::Same, &[(500, 60), (5_000, 60), (50_000, 20)]),
    (Variant::SecondSegmentation, &[(500, 60)]),
    (Variant::Moved, &[(500, 60)]),
];

/// One file of cases.
struct Set {
    name: String,
    folder: PathBuf,
    points: usize,
}

/// Whether the vertebrae moved against the CT in these cases.
fn is_moved(set: &Set) -> bool {
    set.folder.ends_with(Variant::Moved.folder())
}

/// Runs the command.
pub fn run(options: &BenchRegisterArguments, quiet: bool) -> Result<Output, Failure> {
    let machine = Machine::this(0);
    let peers = options.peers.as_deref().map(|python| Peers::new(python, machine.threads)).transpose()?;
    let data = prepare(&options.data)?;
    let mut results = Results::new(machine, data);
    let mut progress: Option<Progress> = None;
    let sets = sets(options)?;
    for (place, set) in sets.iter().enumerate() {
        let suite = read(&set.folder, set.points).bad_input()?;
        let count = suite.cases.len();
        let progress = progress.get_or_insert_with(|| {
            let sides = 1 + peers.as_ref().map_or(0, |_| peers::METHODS.len());
            let articulated = sets.iter().filter(|set| is_moved(set)).count();
            Progress::new((sets.len() * sides + articulated) * count, quiet)
        });
        let (target, built) = ours::build(&suite).bad_input()?;
        results.built.get_or_insert(built);
        let mut each = |who: &str, number| progress.case(who, set.points, number, count);
        // The plain cases, which lie in the folder itself, come from one mesh.
        let is_one_mesh = set.folder == options.data;
        let trials = ours::run(&target, &suite.cases, is_one_mesh, &mut |number| each("SpineNav", number));
        let method = concat!("SpineNav ", env!("CARGO_PKG_VERSION")).to_owned();
        results.ours.push(Side { set: set.name.clone(), method, points: set.points, trials: trials.bad_input()? });
        if is_moved(set) {
            let trials = ours::run_articulated(&suite, &suite.cases, &mut |number| each("articulated", number));
            let name = format!("{}, each vertebra by itself", set.name);
            let method = concat!("SpineNav ", env!("CARGO_PKG_VERSION"), ", articulated").to_owned();
            results.ours.push(Side { set: name, method, points: set.points, trials: trials.bad_input()? });
        }
        for method in peers::METHODS.iter().filter(|_| peers.is_some()) {
            let Some(peers) = &peers else { continue };
            match peers.run(method, &set.folder, &suite.cases, &mut |number| each(method, number)) {
                Ok(Answer::Done(method, trials)) => {
                    results.peers.push(Side { set: set.name.clone(), method, points: set.points, trials });
                }
                Ok(Answer::CannotRun(reason)) => results.note(reason),
                Err(error) => results.note(format!("{} of {}: {}", set.points, sets[place].name, with_causes(&error))),
            }
        }
    }
    if let Some(progress) = &progress {
        progress.finish();
    }
    if let Some(file) = &options.report {
        write_report(file, &html::page(&results))?;
    }
    Ok(Output { json: results.json(), text: results.text(), is_refused: false })
}

/// Makes the cases where there are none, and says where they come from.
fn prepare(folder: &Path) -> Result<String, Failure> {
    let data = format!("cases in {}", folder.display());
    if folder.join("target.bin").exists() {
        return Ok(data);
    }
    let make = |folder: &Path| {
        std::fs::create_dir_all(folder)
            .map_err(|e| anyhow::anyhow!("cannot make {}: {e}; choose another folder with --data", folder.display()))
            .bad_input()
    };
    make(folder)?;
    let spine = Spine::that_ships(folder).internal()?;
    for (variant, sizes) in MADE.iter().rev() {
        let folder = folder.join(variant.folder());
        make(&folder)?;
        for (points, each) in *sizes {
            files::write_cases(&folder, &spine.cases(*variant, *points, *each).internal()?).bad_input()?;
        }
        // Last, so that an interrupted run is not taken for a whole one.
        files::write_bone(&folder, &spine.suite()).bad_input()?;
    }
    Ok(format!("{data}, made from the reference labels of the CT that ships"))
}

/// The files of cases that are asked for.
fn sets(options: &BenchRegisterArguments) -> Result<Vec<Set>, Failure> {
    let mut sets = Vec::new();
    for folder in files::suites(&options.data).bad_input()? {
        let within = folder.strip_prefix(&options.data).ok().filter(|name| !name.as_os_str().is_empty());
        let name = within.map_or_else(|| "one mesh".to_owned(), |name| name.display().to_string());
        let there = files::sizes(&folder).bad_input()?;
        let asked = there.into_iter().filter(|points| options.points.is_empty() || options.points.contains(points));
        sets.extend(asked.map(|points| Set { name: name.clone(), folder: folder.clone(), points }));
    }
    if sets.is_empty() {
        let what = format!("{} has no cases_N.bin for N of {:?}", options.data.display(), options.points);
        return Err(Failure::BadInput(anyhow::anyhow!(what)));
    }
    Ok(sets)
}
