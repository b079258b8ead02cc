//! What a rehearsal found, for machines and people.

use std::collections::BTreeMap;

use engine::register::Verdict;
use engine::rehearsal::{FaultTrial, Rehearsal, Script, Trial};
use serde_json::{Value, json};

use crate::quantile::{quantile, sorted};

/// An accepted registration that is off by more than this was wrong, mm.
pub const WRONG_MM: f64 = 2.0;

/// A whole rehearsal.
#[derive(Debug)]
pub struct Summary {
    /// Where the bone comes from.
    pub case: String,
    /// What was rehearsed.
    pub script: Script,
    /// What came out.
    pub rehearsal: Rehearsal,
    /// What the script's faults led to.
    pub faults: Vec<FaultTrial>,
}

/// The five things that must hold, in words.
pub fn broken(trial: &FaultTrial) -> Vec<&'static str> {
    let held = trial.outcome.invariants;
    [
        (held.no_panic, "it panicked"),
        (held.deadline_kept, "the loop fell behind"),
        (held.not_live, "a wrong pose was live"),
        (held.reason_shown, "no reason was shown"),
        (held.journalled, "the journal does not replay"),
    ]
    .into_iter()
    .filter_map(|(holds, what)| (!holds).then_some(what))
    .collect()
}

impl Summary {
    /// True errors of the registrations with `verdict`, or of all, ascending.
    pub fn errors_mm(&self, verdict: Option<Verdict>) -> Vec<f64> {
        let of = |trial: &&Trial| verdict.is_none_or(|verdict| trial.verdict == verdict);
        sorted(self.rehearsal.trials.iter().filter(of).filter_map(|t| t.tre_mm))
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.rehearsal.trials.iter().filter(|t| t.verdict == verdict).count()
    }

    fn accepted_wrong(&self) -> usize {
        self.errors_mm(Some(Verdict::Accept)).iter().filter(|mm| **mm > WRONG_MM).count()
    }

    /// How often each reason was given, the most frequent first. Numbers
    /// differ from trial to trial: the kind of reason is its first words.
    fn reasons(&self) -> Vec<(String, usize)> {
        let mut counts: BTreeMap<String, (String, usize)> = BTreeMap::new();
        for reason in self.rehearsal.trials.iter().flat_map(|t| &t.reasons) {
            let kind: String = reason.chars().filter(|c| !c.is_ascii_digit() && *c != '-').collect();
            counts.entry(kind).or_insert_with(|| (reason.clone(), 0)).1 += 1;
        }
        let mut reasons: Vec<_> = counts.into_values().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        reasons
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let (accepted, all) = (self.errors_mm(Some(Verdict::Accept)), self.errors_mm(None));
        let predicted = sorted(self.rehearsal.trials.iter().filter_map(|t| t.predicted_tre_mm));
        let advice = self.rehearsal.advice.iter().map(|a| {
            json!({
                "level": a.level.to_string(), "part": a.part, "at_mm": a.at.to_array(), "points": a.points,
                "predicted_tre_before_mm": a.before_mm, "predicted_tre_after_mm": a.after_mm,
            })
        });
        let reasons = self.reasons().into_iter().map(|(reason, count)| json!({ "example": reason, "trials": count }));
        json!({
            "case": self.case,
            "script": self.script,
            "levels": self.rehearsal.levels.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "trials": self.rehearsal.trials.len(),
            "tre_mm": percentiles(&all),
            "tre_accepted_mm": percentiles(&accepted),
            "predicted_tre_mm": percentiles(&predicted),
            "verdicts": {
                "accept": self.count(Verdict::Accept),
                "doubtful": self.count(Verdict::Doubtful),
                "reject": self.count(Verdict::Reject),
            },
            "accepted_wrong": self.accepted_wrong(),
            "reasons": reasons.collect::<Vec<_>>(),
            "advice": advice.collect::<Vec<_>>(),
            "faults": self.faults.iter().map(fault).collect::<Vec<_>>(),
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        let levels: Vec<String> = self.rehearsal.levels.iter().map(ToString::to_string).collect();
        let mut lines = vec![format!(
            "{} registrations of {} on {}, {} points each",
            self.rehearsal.trials.len(),
            levels.join(" "),
            self.case,
            self.script.points
        )];
        for (verdict, name) in
            [(Verdict::Accept, "accepted"), (Verdict::Doubtful, "doubtful"), (Verdict::Reject, "rejected")]
        {
            let errors = self.errors_mm(Some(verdict));
            let at = |share| quantile(&errors, share).map_or("-".to_owned(), |mm| format!("{mm:.2}"));
            lines.push(format!(
                "  {name:9} {:5}   true error p50 {} p95 {} p99 {} max {} mm",
                self.count(verdict),
                at(0.5),
                at(0.95),
                at(0.99),
                at(1.0)
            ));
        }
        lines.push(format!("  accepted though off by more than {WRONG_MM} mm: {}", self.accepted_wrong()));
        lines.extend(self.histogram());
        lines.extend(self.reasons().into_iter().take(5).map(|(reason, count)| format!("  {count} times: {reason}")));
        if !self.rehearsal.advice.is_empty() {
            lines.push("More points would help most here:".to_owned());
        }
        lines.extend(self.rehearsal.advice.iter().map(|a| {
            let (points, part, level) = (a.points, a.part, a.level);
            format!(
                "  {points} on the {part} of {level}: predicted error {:.3} mm -> {:.3} mm",
                a.before_mm, a.after_mm
            )
        }));
        if !self.faults.is_empty() {
            let held = self.faults.iter().filter(|trial| trial.holds()).count();
            lines.push(format!("{held} of {} sessions with faults went as they must:", self.faults.len()));
        }
        lines.extend(self.faults.iter().map(|trial| {
            let found = trial.outcome.detected_ms.map_or("not found".into(), |ms| format!("found after {ms:.0} ms"));
            let wrong = broken(trial).into_iter().chain(trial.outcome.problem.as_deref());
            let wrong: String = wrong.map(|what| format!("; {what}")).collect();
            format!("  {:32} {found}{wrong}", trial.name)
        }));
        lines.join("\n")
    }

    /// The true errors as bars of characters.
    fn histogram(&self) -> Vec<String> {
        let errors = self.errors_mm(None);
        let counts = counts(&errors);
        let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
        let bar = |(limit, count): &(f64, usize)| {
            let label = if limit.is_finite() { format!("< {limit:5.2} mm") } else { "beyond    ".to_owned() };
            format!("  {label} {:40} {count}", "#".repeat((count * 40).div_ceil(most)))
        };
        counts.iter().map(bar).collect()
    }
}

/// Upper ends of the bars, mm.
const LIMITS: [f64; 9] = [0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, f64::INFINITY];

/// How many of the sorted errors lie below each limit and above the last.
pub fn counts(errors: &[f64]) -> Vec<(f64, usize)> {
    let below = |limit: f64| errors.iter().filter(|mm| **mm < limit).count();
    let lower = std::iter::once(0.0).chain(LIMITS);
    LIMITS.into_iter().zip(lower).map(|(limit, lower)| (limit, below(limit) - below(lower))).collect()
}

fn fault(trial: &FaultTrial) -> Value {
    let outcome = &trial.outcome;
    json!({
        "name": trial.name,
        "script": outcome.faults,
        "detected_ms": outcome.detected_ms,
        "invariants": outcome.invariants,
        "holds": trial.holds(),
        "wrong_live_ms": outcome.wrong_live_ms,
        "recovered_ms": outcome.recovered_ms,
        "seen": outcome.seen,
        "problem": outcome.problem,
    })
}

fn percentiles(sorted: &[f64]) -> Value {
    let at = |share| quantile(sorted, share);
    json!({ "p50": at(0.5), "p90": at(0.9), "p95": at(0.95), "p99": at(0.99), "max": at(1.0) })
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use engine::fault::{Invariants, Outcome};

    /// A fault that was found, and one that was not.
    fn faults() -> Vec<FaultTrial> {
        let held =
            Invariants { no_panic: true, deadline_kept: true, not_live: true, reason_shown: true, journalled: true };
        let found = Outcome { invariants: held, detected_ms: Some(70.0), ..Outcome::default() };
        let missed = Outcome { invariants: Invariants { reason_shown: false, ..held }, ..Outcome::default() };
        [("tracker freeze", found), ("image <twin>", missed)]
            .map(|(name, outcome)| FaultTrial { name: name.to_owned(), outcome })
            .to_vec()
    }

    /// Two accepted, one of them wrong, and one refused without a pose.
    pub fn example() -> Summary {
        let trial = |tre_mm, verdict, reasons: &[&str]| Trial {
            tre_mm,
            predicted_tre_mm: tre_mm.map(|_| 0.2),
            verdict,
            reasons: reasons.iter().map(|&r| r.to_owned()).collect(),
        };
        let trials = vec![
            trial(Some(0.15), Verdict::Accept, &[]),
            trial(Some(3.0), Verdict::Accept, &[]),
            trial(Some(0.4), Verdict::Doubtful, &["only 12 points", "only 13 points <x>"]),
            trial(None, Verdict::Reject, &["only 7 points"]),
        ];
        let rehearsal = Rehearsal { levels: Vec::new(), trials, advice: Vec::new() };
        Summary { case: "a & b".to_owned(), script: Script::default(), rehearsal, faults: faults() }
    }

    #[test]
    fn what_was_wrongly_accepted_is_counted_and_reasons_are_gathered() {
        let json = example().json();
        assert_eq!((json["accepted_wrong"].as_u64(), json["verdicts"]["reject"].as_u64()), (Some(1), Some(1)));
        assert_eq!(json["tre_mm"]["max"], 3.0);
        assert_eq!(json["reasons"][0]["trials"], 2);
        let text = example().text();
        assert!(text.contains("2 mm: 1") && text.contains("2 times: only 12 points"), "{text}");
        assert!(text.contains("1 of 2 sessions") && text.contains("not found; no reason was shown"), "{text}");
        assert_eq!((&json["faults"][0]["detected_ms"], &json["faults"][1]["holds"]), (&70.0.into(), &false.into()));
        assert_eq!(json["faults"][1]["invariants"]["reason_shown"], false);
        assert_eq!(counts(&[0.15, 0.4, 3.0]).iter().map(|c| c.1).collect::<Vec<_>>(), [0, 0, 1, 0, 1, 0, 0, 1, 0]);
    }
}
