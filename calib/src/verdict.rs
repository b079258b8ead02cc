//! What a calibration is worth, and what to do when it is not good enough.
//!
//! Every result of this crate carries a [`Judgement`]; nothing that was
//! refused can be mistaken for something that was accepted.

use std::fmt;

pub use geom::Verdict;
use serde::Serialize;

/// One check that did not pass: what was found, with its numbers, and what to do.
///
/// Prints as `rotations span 12 deg, at least 30 are needed: tilt the tool further`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub verdict: Verdict,
    /// What was found and what was wanted.
    pub reason: String,
    /// What to do next.
    pub remedy: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.remedy)
    }
}

/// Findings of one calibration; without any it is accepted.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct Judgement {
    findings: Vec<Finding>,
}

impl Judgement {
    /// The worst of the findings.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.findings.iter().map(|f| f.verdict).max().unwrap_or(Verdict::Accept)
    }

    /// What was found, in the order it was looked for.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Adds a finding.
    pub fn add(&mut self, verdict: Verdict, reason: impl Into<String>, remedy: impl Into<String>) {
        self.findings.push(Finding { verdict, reason: reason.into(), remedy: remedy.into() });
    }

    /// Adds a finding when `value` exceeds `doubtful` (or, worse, `reject`);
    /// a value that is not a number is rejected.
    pub fn at_most(&mut self, value: f64, (doubtful, reject): (f64, f64), reason: String, remedy: &str) {
        if value <= doubtful {
            return;
        }
        let verdict = if value <= reject { Verdict::Doubtful } else { Verdict::Reject };
        self.add(verdict, reason, remedy);
    }

    /// Adds a finding when `value` falls below `doubtful` (or, worse, `reject`);
    /// a value that is not a number is rejected.
    pub fn at_least(&mut self, value: f64, (doubtful, reject): (f64, f64), reason: String, remedy: &str) {
        if value >= doubtful {
            return;
        }
        let verdict = if value >= reject { Verdict::Doubtful } else { Verdict::Reject };
        self.add(verdict, reason, remedy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_decides_and_a_lost_number_is_no_good_news() {
        let mut judgement = Judgement::default();
        assert_eq!(judgement.verdict(), Verdict::Accept);
        judgement.at_most(0.4, (0.5, 1.0), "fine".into(), "nothing");
        assert!(judgement.findings().is_empty());
        judgement.at_least(25.0, (30.0, 20.0), "rotations span 25 deg, at least 30 are needed".into(), "tilt further");
        assert_eq!(judgement.verdict(), Verdict::Doubtful);
        assert!(judgement.findings()[0].to_string().ends_with("are needed: tilt further"));
        judgement.at_most(f64::NAN, (0.5, 1.0), "no number".into(), "measure again");
        assert_eq!(judgement.verdict(), Verdict::Reject);
    }
}
