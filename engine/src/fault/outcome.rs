//! What a trial of a fault found.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;

/// The five things that must hold whatever fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Invariants {
    /// Nothing panicked.
    pub no_panic: bool,
    /// Every round of the loop that was run gave its snapshot, with bounded
    /// work.
    pub deadline_kept: bool,
    /// No tool was live while its shown pose was wrong, longer than finding
    /// out may take.
    pub not_live: bool,
    /// One of the expected signs was shown.
    pub reason_shown: bool,
    /// The journal is whole, shows the sign and replays bit for bit.
    pub journalled: bool,
}

impl Invariants {
    /// True when all five hold.
    #[must_use]
    pub const fn hold(self) -> bool {
        self.no_panic && self.deadline_kept && self.not_live && self.reason_shown && self.journalled
    }
}

/// What a trial found.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Outcome {
    /// The faults, as a script says them.
    pub faults: Vec<String>,
    /// What held.
    pub invariants: Invariants,
    /// From the fault to the first expected sign, ms.
    pub detected_ms: Option<f64>,
    /// Longest stretch in which a tool was live more than 5 mm off, ms.
    pub wrong_live_ms: f64,
    /// From the end of the fault until a tool was live again, ms.
    pub recovered_ms: Option<f64>,
    /// Everything that was shown or said while the fault lasted.
    pub seen: Vec<String>,
    /// What kept the trial from being made, or a panic's message.
    pub problem: Option<String>,
}

/// Runs a trial; a panic or an error in it becomes part of the outcome.
pub(super) fn guarded(faults: Vec<String>, trial: impl FnOnce() -> Result<Outcome, String>) -> Outcome {
    let mut outcome = match catch_unwind(AssertUnwindSafe(trial)) {
        Ok(Ok(mut outcome)) => {
            outcome.invariants.no_panic = true;
            outcome
        }
        Ok(Err(problem)) => {
            let invariants = Invariants { no_panic: true, ..Invariants::default() };
            Outcome { problem: Some(problem), invariants, ..Outcome::default() }
        }
        Err(panic) => {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            Outcome { problem: Some(said.unwrap_or_else(|| "a panic".into())), ..Outcome::default() }
        }
    };
    outcome.faults = faults;
    outcome
}
