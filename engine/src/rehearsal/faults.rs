//! Scripted faults beside the registrations: is each noticed, said and written
//! down?

use std::path::Path;

use geom::Nanoseconds;

use super::script::RehearsalError;
use crate::fault::{FaultScript, Injection, Outcome, Place, run, run_slow};

const SECOND_NS: u64 = 1_000_000_000;
/// Shortest session: the watch over the reference learns for three seconds.
const SHORTEST_NS: u64 = 8 * SECOND_NS;
/// What a session goes on for after its last fault.
const AFTER_NS: u64 = 3 * SECOND_NS;
/// Latest end of a fault that is rehearsed.
const LATEST_NS: u64 = 3600 * SECOND_NS;
/// Most faults of a script.
const MOST_FAULTS: usize = 200;

/// What a fault of the script, or all of them together, led to.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultTrial {
    /// The fault, such as `"tracker freeze"`; `"all together"` for all at once.
    pub name: String,
    /// What was found.
    pub outcome: Outcome,
}

impl FaultTrial {
    /// True when all five invariants hold.
    #[must_use]
    pub const fn holds(&self) -> bool {
        self.outcome.invariants.hold() && self.outcome.problem.is_none()
    }
}

/// The faults of a rehearsal's script, one a line.
///
/// # Errors
/// [`RehearsalError::Faults`] with the line and what was expected there.
pub(super) fn parse(lines: &[String]) -> Result<FaultScript, RehearsalError> {
    let refused = |what: String| Err(RehearsalError::Faults(what));
    let script = FaultScript::parse(&lines.join("\n")).map_err(|error| RehearsalError::Faults(error.to_string()))?;
    if script.injections.len() > MOST_FAULTS {
        return refused(format!("{} of them, at most {MOST_FAULTS} are rehearsed", script.injections.len()));
    }
    match script.injections.iter().find(|injection| last(injection) > LATEST_NS) {
        Some(late) => refused(format!("\"{late}\" comes too late: a session is rehearsed for an hour at most")),
        None => Ok(script),
    }
}

/// When a fault has struck for good, or is over.
fn last(injection: &Injection) -> u64 {
    injection.at.0.saturating_add(injection.lasts.unwrap_or_default().0)
}

/// Runs each fault in a session of its own, on a phantom whose truth is known,
/// and those of tracker, reference and host once all together.
///
/// * `folder` - takes the journals; must exist, and is left with them.
/// * `on_done` - told the number of trials that are over.
///
/// Cost: about 10 ms a second of session; seconds for faults of images.
pub fn rehearse_faults(
    script: &FaultScript,
    seed: u64,
    folder: &Path,
    on_done: &mut dyn FnMut(usize),
) -> Vec<FaultTrial> {
    let is_live =
        |injection: &&Injection| matches!(injection.fault.place, Place::Tracker | Place::Reference | Place::Host);
    let mut trials = Vec::new();
    for injection in &script.injections {
        let folder = folder.join(format!("fault-{}", trials.len() + 1));
        let outcome = match std::fs::create_dir_all(&folder) {
            Ok(()) if is_live(&injection) => session(vec![*injection], seed, &folder),
            Ok(()) => run_slow(injection, &folder),
            Err(error) => unmade(&error),
        };
        trials.push(FaultTrial { name: injection.fault.full_name(), outcome });
        on_done(trials.len());
    }
    let together: Vec<Injection> = script.injections.iter().filter(is_live).copied().collect();
    if together.len() > 1 {
        let folder = folder.join("fault-together");
        let outcome = match std::fs::create_dir_all(&folder) {
            Ok(()) => session(together, seed, &folder),
            Err(error) => unmade(&error),
        };
        trials.push(FaultTrial { name: "all together".into(), outcome });
        on_done(trials.len());
    }
    trials
}

fn session(injections: Vec<Injection>, seed: u64, folder: &Path) -> Outcome {
    let end = injections.iter().map(last).max().unwrap_or(0) + AFTER_NS;
    run(&FaultScript { injections }, Nanoseconds(end.max(SHORTEST_NS)), seed, folder)
}

fn unmade(error: &std::io::Error) -> Outcome {
    Outcome { problem: Some(format!("no folder for its journal: {error}")), ..Outcome::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(ToOwned::to_owned).collect()
    }

    #[test]
    fn each_fault_is_judged_alone_and_all_of_them_together() {
        let script = parse(&lines("at 4 s for 1 s tracker freeze\nat 4.5 s for 1 s tracker occlude tool 1")).unwrap();
        let folder = std::env::temp_dir().join(format!("spinenav-rehearse-faults-{}", std::process::id()));
        let mut done = 0;
        let trials = rehearse_faults(&script, 1, &folder, &mut |n| done = n);
        std::fs::remove_dir_all(&folder).ok();
        let names: Vec<&str> = trials.iter().map(|trial| trial.name.as_str()).collect();
        assert_eq!((names.len(), names[2], done), (3, "all together", 3));
        assert_eq!(names[0], "tracker freeze");
        for trial in &trials {
            assert!(trial.holds() && trial.outcome.detected_ms.unwrap() < 250.0, "{trial:?}");
        }
    }

    #[test]
    fn a_script_that_cannot_be_rehearsed_is_refused_with_its_line() {
        let said = |text: &str| parse(&lines(text)).unwrap_err().to_string();
        assert!(said("at 4 s tracker freeze\nat 5 s tracker explode").contains("line 2: expected a fault"));
        assert!(said("at 70 min tracker freeze").contains("an hour at most"));
        assert!(said(&"at 1 s tracker nan\n".repeat(201)).contains("201 of them"));
    }
}
