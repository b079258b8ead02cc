//! Durations counted without allocating, in an HdrHistogram.

use geom::Nanoseconds;
use hdrhistogram::Histogram;
use serde::Serialize;

/// Longest duration told apart, ns: a minute. Longer ones count as a minute;
/// the maximum is kept apart and exact.
const LONGEST_NS: u64 = 60_000_000_000;
/// Three digits: a percentile is at most 0.1 % too high.
const DIGITS: u8 = 3;

/// Histogram of durations with fixed memory (about 200 KiB).
#[derive(Debug, Clone)]
pub struct LatencyHistogram {
    counts: Option<Histogram<u64>>,
    max: Nanoseconds,
}

/// Percentiles of a histogram, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct LatencySummary {
    /// Durations counted.
    pub count: u64,
    /// Median, ms.
    pub p50_ms: f64,
    /// 90th percentile, ms.
    pub p90_ms: f64,
    /// 99th percentile, ms.
    pub p99_ms: f64,
    /// 99.9th percentile, ms.
    pub p999_ms: f64,
    /// Longest, ms.
    pub max_ms: f64,
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        // The bounds are constants the crate accepts.
        Self { counts: Histogram::new_with_bounds(1, LONGEST_NS, DIGITS).ok(), max: Nanoseconds(0) }
    }
}

impl LatencyHistogram {
    /// Counts one duration. Constant time, no allocation.
    pub fn record(&mut self, duration: Nanoseconds) {
        if let Some(counts) = &mut self.counts {
            counts.saturating_record(duration.0);
        }
        self.max = if duration > self.max { duration } else { self.max };
    }

    /// Durations longer than `limit`; to the histogram's resolution of 0.1 %.
    #[must_use]
    pub fn longer_than(&self, limit: Nanoseconds) -> u64 {
        self.counts.as_ref().map_or(0, |counts| counts.len() - counts.count_between(0, limit.0))
    }

    /// A percentile, ms; 0 when nothing was counted.
    #[must_use]
    pub fn percentile_ms(&self, percent: f64) -> f64 {
        let ns = self.counts.as_ref().filter(|c| !c.is_empty()).map_or(0, |c| c.value_at_percentile(percent));
        ns.min(self.max.0) as f64 * 1e-6
    }

    /// Percentiles of all that was counted; zeros when nothing was.
    #[must_use]
    pub fn summary(&self) -> LatencySummary {
        LatencySummary {
            count: self.counts.as_ref().map_or(0, Histogram::len),
            p50_ms: self.percentile_ms(50.0),
            p90_ms: self.percentile_ms(90.0),
            p99_ms: self.percentile_ms(99.0),
            p999_ms: self.percentile_ms(99.9),
            max_ms: self.max.0 as f64 * 1e-6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_never_too_low_and_at_most_a_thousandth_too_high() {
        let mut histogram = LatencyHistogram::default();
        (1..=100_000u64).for_each(|us| histogram.record(Nanoseconds(us * 1000)));
        let summary = histogram.summary();
        for (found, exact) in [(summary.p50_ms, 50.0), (summary.p99_ms, 99.0), (summary.p999_ms, 99.9)] {
            assert!(found >= exact && found <= exact * 1.001, "{found} for {exact}");
        }
        assert_eq!((summary.count, summary.max_ms), (100_000, 100.0));
        let late = histogram.longer_than(Nanoseconds(90_000_000));
        assert!(late.abs_diff(10_000) <= 100, "{late}");
    }

    #[test]
    fn an_empty_histogram_is_all_zero_and_an_absurd_duration_is_kept_as_maximum() {
        let mut histogram = LatencyHistogram::default();
        assert_eq!(histogram.summary(), LatencySummary::default());
        histogram.record(Nanoseconds(u64::MAX));
        assert_eq!(histogram.summary().count, 1);
    }
}
