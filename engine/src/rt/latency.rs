//! Counting how long things took, without allocating while it is done.

use geom::Nanoseconds;
use serde::Serialize;

/// Buckets an octave; a bucket is at most 1/16 wide, so a percentile is
/// reported at most 6.3 % too high and never too low.
const BUCKETS_PER_OCTAVE: usize = 16;
const OCTAVES: usize = 48;

/// Histogram of durations with logarithmic buckets and fixed memory (6 KiB).
#[derive(Debug, Clone)]
pub struct LatencyHistogram {
    counts: Vec<u64>,
    count: u64,
    max: Nanoseconds,
}

/// Percentiles of a histogram, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
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
        Self { counts: vec![0; BUCKETS_PER_OCTAVE * OCTAVES], count: 0, max: Nanoseconds(0) }
    }
}

impl LatencyHistogram {
    fn bucket(ns: u64) -> usize {
        let scaled = ns.max(BUCKETS_PER_OCTAVE as u64);
        let octave = scaled.ilog2() as usize - 4;
        let within = (scaled >> octave) as usize - BUCKETS_PER_OCTAVE;
        (octave * BUCKETS_PER_OCTAVE + within).min(BUCKETS_PER_OCTAVE * OCTAVES - 1)
    }

    fn upper_edge_ns(bucket: usize) -> f64 {
        let (octave, within) = (bucket / BUCKETS_PER_OCTAVE, bucket % BUCKETS_PER_OCTAVE);
        (BUCKETS_PER_OCTAVE + within + 1) as f64 * 2f64.powi(i32::try_from(octave).unwrap_or(0))
    }

    /// Counts one duration. Constant time, no allocation.
    pub fn record(&mut self, duration: Nanoseconds) {
        if let Some(count) = self.counts.get_mut(Self::bucket(duration.0)) {
            *count += 1;
        }
        self.count += 1;
        self.max = if duration > self.max { duration } else { self.max };
    }

    fn percentile_ms(&self, percent: f64) -> f64 {
        let rank = (percent / 100.0 * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Self::upper_edge_ns(bucket).min(self.max.0 as f64) * 1e-6;
            }
        }
        0.0
    }

    /// Percentiles of all that was counted; zeros when nothing was.
    #[must_use]
    pub fn summary(&self) -> LatencySummary {
        LatencySummary {
            count: self.count,
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
    fn percentiles_are_never_too_low_and_at_most_a_sixteenth_too_high() {
        let mut histogram = LatencyHistogram::default();
        (1..=100_000u64).for_each(|us| histogram.record(Nanoseconds(us * 1000)));
        let summary = histogram.summary();
        for (found, exact) in [(summary.p50_ms, 50.0), (summary.p99_ms, 99.0), (summary.p999_ms, 99.9)] {
            assert!(found >= exact && found <= exact * 1.0626, "{found} for {exact}");
        }
        assert_eq!((summary.count, summary.max_ms), (100_000, 100.0));
    }

    #[test]
    fn an_empty_histogram_is_all_zero() {
        assert_eq!(LatencyHistogram::default().summary().p999_ms, 0.0);
    }
}
