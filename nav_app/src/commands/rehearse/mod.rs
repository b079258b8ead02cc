//! `rehearse`: registrations of simulated patients, and sessions in which things
//! go wrong, before there is a real one.

#[cfg(feature = "scene")]
mod by_mouse;
mod chart;
mod html;
#[cfg(feature = "xr")]
mod in_headset;
#[cfg(feature = "scene")]
mod pointer;
mod practice;
mod summary;
#[cfg(feature = "scene")]
mod trainer;

use engine::rehearsal::{FaultTrial, Script, rehearse, rehearse_faults};
use engine::volume::LabelMap;

use crate::assets;
use crate::cli::RehearseArguments;
use crate::failure::{Blame, Failure};
use crate::page::write_report;
use crate::progress::Progress;
use crate::report::Output;
use summary::Summary;

/// Runs the command.
pub fn run(options: &RehearseArguments, quiet: bool) -> Result<Output, Failure> {
    if let Some(folder) = &options.state {
        return in_headset::worker(options, folder, case(options)?);
    }
    if options.headset.xr {
        return in_headset::watch(options, case(options)?);
    }
    if options.by_mouse {
        return by_mouse::run(options, case(options)?);
    }
    if let Some(path) = &options.practice {
        return practice::run(options, path, case(options)?);
    }
    let script = script(options)?;
    let (case, labels) = case(options)?;
    let mut progress = Progress::new(script.trials, quiet);
    let count = script.trials;
    let rehearsal = rehearse(&labels, &script, &mut |n| progress.case("registration", script.points, n, count));
    let rehearsal = rehearsal.bad_input()?;
    progress.finish();
    let faults = faults(&script, quiet)?;
    let summary = Summary { case, script, rehearsal, faults };
    if let Some(file) = &options.report {
        write_report(file, &html::page(&summary))?;
    }
    Ok(Output { json: summary.json(), text: summary.text(), is_refused: false })
}

/// The script's faults, each in a session on a phantom.
fn faults(script: &Script, quiet: bool) -> Result<Vec<FaultTrial>, Failure> {
    let faults = script.fault_script().bad_input()?;
    if faults.injections.is_empty() {
        return Ok(Vec::new());
    }
    let folder = std::env::temp_dir().join(format!("spinenav-rehearse-faults-{}", std::process::id()));
    std::fs::create_dir_all(&folder).internal()?;
    let names: Vec<String> = faults.injections.iter().map(|injection| injection.fault.full_name()).collect();
    let mut progress = Progress::new(names.len() + 1, quiet);
    let trials = rehearse_faults(&faults, script.seed, &folder, &mut |done| {
        progress.step(names.get(done - 1).map_or("all faults together", |name| name.as_str()));
    });
    progress.finish();
    let _left_to_the_system = std::fs::remove_dir_all(&folder);
    Ok(trials)
}

fn script(options: &RehearseArguments) -> Result<Script, Failure> {
    let Some(path) = &options.script else { return Ok(Script::default()) };
    let described = |e| anyhow::anyhow!("cannot read {}: {e}; check the name and the permissions", path.display());
    let text = engine::io::read_text(path).map_err(described).bad_input()?;
    Script::from_json(&text).map_err(|e| anyhow::anyhow!("{}: {e}", path.display())).bad_input()
}

/// Its name and its labels.
fn case(options: &RehearseArguments) -> Result<(String, LabelMap), Failure> {
    if let Some(path) = &options.case {
        return Ok((path.display().to_string(), super::read_case_labels(path, "rehearse")?));
    }
    let folder = std::env::temp_dir().join(format!("spinenav-rehearse-{}", std::process::id()));
    std::fs::create_dir_all(&folder).internal()?;
    let labels = assets::demo_labels(&folder);
    let _left_to_the_system = std::fs::remove_dir_all(&folder);
    Ok(("the CT that ships".to_owned(), labels.internal()?))
}

#[cfg(not(feature = "scene"))]
mod by_mouse {
    //! What a program without a scene says.

    use super::{Failure, LabelMap, Output, RehearseArguments};

    pub fn run(_: &RehearseArguments, _: (String, LabelMap)) -> Result<Output, Failure> {
        Err(Failure::WrongUse(anyhow::anyhow!("this program was built without the scene; --practice needs none")))
    }
}

#[cfg(not(feature = "xr"))]
mod in_headset {
    //! What a program without headset support says.

    use super::{Failure, LabelMap, Output, RehearseArguments};

    pub fn watch(_: &RehearseArguments, _: (String, LabelMap)) -> Result<Output, Failure> {
        Err(crate::commands::without_headset())
    }

    pub fn worker(
        options: &RehearseArguments,
        _: &std::path::Path,
        case: (String, LabelMap),
    ) -> Result<Output, Failure> {
        watch(options, case)
    }
}
