//! Figures over the outcomes of many cases.

use super::Outcome;
use crate::register::Verdict;

/// An error below this counts as success, mm: what StealthStation accepts.
const SUCCESS_MM: f64 = 2.0;

/// What a run over many cases says.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Number of cases.
    pub starts: usize,
    /// Share of errors below 2 mm, percent.
    pub success_2mm_pct: f64,
    /// Share of errors up to 1 mm, percent.
    pub success_1mm_pct: f64,
    /// Median error of the successes, mm.
    pub tre_median_mm: f64,
    /// 95th percentile of the error of the successes, mm.
    pub tre_p95_mm: f64,
    /// Median CPU time, ms.
    pub cpu_ms_median: f64,
    /// 95th percentile of the CPU time, ms.
    pub cpu_ms_p95: f64,
    /// Accepted, doubtful and rejected results that are right.
    pub right: [usize; 3],
    /// Accepted, doubtful and rejected results that are off by 2 mm or more.
    pub wrong: [usize; 3],
    /// Share of the targets of the successes within the predicted 95 % bound,
    /// percent.
    pub covered_pct: f64,
    /// Root mean square of true over predicted error of the successes.
    pub true_over_predicted: f64,
}

impl Summary {
    /// Sums up; no outcomes give zeros and NaN.
    #[must_use]
    pub fn new<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Self {
        let all: Vec<&Outcome> = outcomes.into_iter().collect();
        let good: Vec<&Outcome> = all.iter().copied().filter(|o| o.tre_mm < SUCCESS_MM).collect();
        let share = |count: usize| 100.0 * count as f64 / all.len().max(1) as f64;
        let count = |is_right: bool| {
            [Verdict::Accept, Verdict::Doubtful, Verdict::Reject]
                .map(|v| all.iter().filter(|o| o.verdict == v && (o.tre_mm < SUCCESS_MM) == is_right).count())
        };
        let tre: Vec<f64> = good.iter().map(|o| o.tre_mm).collect();
        let cpu_ms: Vec<f64> = all.iter().map(|o| o.cpu.as_secs_f64() * 1e3).collect();
        let squares = good.iter().fold((0.0, 0.0), |s, o| (s.0 + o.tre_mm.powi(2), s.1 + o.predicted_mm.powi(2)));
        Self {
            starts: all.len(),
            success_2mm_pct: share(good.len()),
            success_1mm_pct: share(good.iter().filter(|o| o.tre_mm <= 1.0).count()),
            tre_median_mm: percentile(&tre, 0.5),
            tre_p95_mm: percentile(&tre, 0.95),
            cpu_ms_median: percentile(&cpu_ms, 0.5),
            cpu_ms_p95: percentile(&cpu_ms, 0.95),
            right: count(true),
            wrong: count(false),
            covered_pct: 100.0 * good.iter().map(|o| o.covered).sum::<f64>() / good.len().max(1) as f64,
            true_over_predicted: (squares.0 / squares.1).sqrt(),
        }
    }

    /// Accepted although off by 2 mm or more: the figure that must be zero.
    #[must_use]
    pub const fn accepted_wrong(&self) -> usize {
        self.wrong[0]
    }
}

/// The value below which `share` of the values lie; NaN for none.
fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get((sorted.len().saturating_sub(1) as f64 * share) as usize).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn wrong_results_are_counted_by_verdict() {
        let outcome = |tre_mm, verdict| Outcome {
            offset_deg: 5.0,
            tre_mm,
            predicted_mm: 0.1,
            covered: 1.0,
            verdict,
            reasons: Vec::new(),
            cpu: Duration::from_millis(3),
        };
        let all = [
            outcome(0.1, Verdict::Accept),
            outcome(0.3, Verdict::Doubtful),
            outcome(30.0, Verdict::Accept),
            outcome(f64::INFINITY, Verdict::Reject),
        ];
        let summary = Summary::new(&all);
        assert_eq!((summary.right, summary.wrong, summary.accepted_wrong()), ([1, 1, 0], [1, 0, 1], 1));
        assert_eq!((summary.success_2mm_pct, summary.tre_median_mm, summary.cpu_ms_median), (50.0, 0.1, 3.0));
        assert!(Summary::new(&[]).tre_median_mm.is_nan());
    }
}
