//! The stages of a pose's way from its intended send time to whoever shows it.

use geom::Nanoseconds;
use serde::Serialize;

use super::histogram::{LatencyHistogram, LatencySummary};

/// A stage of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// From the intended send time until its bytes were read.
    Receive,
    /// From bytes to a packet.
    Decode,
    /// From the reader thread to the loop.
    HandOver,
    /// Order, clock, motion: what the packet is worth.
    Check,
    /// Poses relative to the bone, distances, predicted errors.
    Fuse,
    /// Into the latest-value cell.
    Publish,
    /// Until a consumer has read it.
    PickUp,
}

impl Stage {
    /// All stages in the order of the way.
    pub const ALL: [Self; 7] =
        [Self::Receive, Self::Decode, Self::HandOver, Self::Check, Self::Fuse, Self::Publish, Self::PickUp];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Decode => "decode",
            Self::HandOver => "hand_over",
            Self::Check => "check",
            Self::Fuse => "fuse",
            Self::Publish => "publish",
            Self::PickUp => "pick_up",
        }
    }
}

/// When one packet passed each place, on one clock. Each stage has its own
/// begin and end, so that what lies between two stages shows as unaccounted.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PacketTimes {
    /// Number of the packet.
    pub sequence: u64,
    /// When it should have been sent.
    pub intended: Nanoseconds,
    /// When its last bytes were read.
    pub received: Nanoseconds,
    /// When it was decoded.
    pub decoded: Nanoseconds,
    /// When the reader put it into the ring.
    pub handed: Nanoseconds,
    /// When the loop took it out.
    pub taken: Nanoseconds,
    /// When it was judged.
    pub checked: Nanoseconds,
    /// When the loop began to compute the snapshot with it.
    pub fuse_began: Nanoseconds,
    /// When that snapshot was computed.
    pub fused: Nanoseconds,
    /// When it began to be published.
    pub publish_began: Nanoseconds,
    /// When it was published.
    pub published: Nanoseconds,
    /// When the consumer had read it; 0 when nobody did.
    pub picked_up: Nanoseconds,
}

impl PacketTimes {
    /// Time in a stage.
    #[must_use]
    pub const fn stage(&self, stage: Stage) -> Nanoseconds {
        let (from, to) = match stage {
            Stage::Receive => (self.intended, self.received),
            Stage::Decode => (self.received, self.decoded),
            Stage::HandOver => (self.handed, self.taken),
            Stage::Check => (self.taken, self.checked),
            Stage::Fuse => (self.fuse_began, self.fused),
            Stage::Publish => (self.publish_began, self.published),
            Stage::PickUp => (self.published, self.picked_up),
        };
        Nanoseconds(to.0.saturating_sub(from.0))
    }

    /// From the intended send time to the consumer.
    #[must_use]
    pub const fn total(&self) -> Nanoseconds {
        Nanoseconds(self.picked_up.0.saturating_sub(self.intended.0))
    }

    /// The engine's own share: decoded to published.
    #[must_use]
    pub const fn engine(&self) -> Nanoseconds {
        Nanoseconds(self.published.0.saturating_sub(self.decoded.0))
    }

    /// What no stage accounts for.
    #[must_use]
    pub fn unaccounted(&self) -> Nanoseconds {
        let stages = Stage::ALL.iter().map(|stage| self.stage(*stage).0).sum();
        Nanoseconds(self.total().0.saturating_sub(stages))
    }
}

/// A stage's percentiles.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StageSummary {
    /// Which stage.
    pub stage: &'static str,
    /// Its percentiles.
    #[serde(flatten)]
    pub latency: LatencySummary,
}

/// Histograms of the whole way and its stages. Recording allocates nothing.
#[derive(Debug, Clone, Default)]
pub struct StageHistograms {
    stages: [LatencyHistogram; Stage::ALL.len()],
    /// Intended send time to consumer.
    pub total: LatencyHistogram,
    /// Decoded to published.
    pub engine: LatencyHistogram,
    /// What no stage accounts for.
    pub unaccounted: LatencyHistogram,
    /// Unaccounted share of the total in a packet, in millionths.
    share_ppm: LatencyHistogram,
}

impl StageHistograms {
    /// Counts one packet that was picked up.
    pub fn record(&mut self, times: &PacketTimes) {
        for (histogram, stage) in self.stages.iter_mut().zip(Stage::ALL) {
            histogram.record(times.stage(stage));
        }
        let (total, unaccounted) = (times.total(), times.unaccounted());
        self.total.record(total);
        self.engine.record(times.engine());
        self.unaccounted.record(unaccounted);
        self.share_ppm.record(Nanoseconds(unaccounted.0.saturating_mul(1_000_000) / total.0.max(1)));
    }

    /// Percentiles of every stage, in the order of the way.
    #[must_use]
    pub fn stages(&self) -> Vec<StageSummary> {
        let summary =
            |(h, stage): (&LatencyHistogram, Stage)| StageSummary { stage: stage.name(), latency: h.summary() };
        self.stages.iter().zip(Stage::ALL).map(summary).collect()
    }

    /// The 99th percentile of the unaccounted share of a packet's way, %.
    #[must_use]
    pub fn unaccounted_p99_pct(&self) -> f64 {
        // Millionths recorded as "nanoseconds" come back as 1e-6 of themselves.
        self.share_ppm.percentile_ms(99.0) * 100.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times() -> PacketTimes {
        let at = Nanoseconds;
        PacketTimes {
            sequence: 1,
            intended: at(1000),
            received: at(1100),
            decoded: at(1150),
            handed: at(1160),
            taken: at(1360),
            checked: at(1400),
            fuse_began: at(1410),
            fused: at(1510),
            publish_began: at(1510),
            published: at(1540),
            picked_up: at(2000),
        }
    }

    #[test]
    fn stages_and_the_unaccounted_rest_make_the_whole_way() {
        let times = times();
        let sum: u64 = Stage::ALL.iter().map(|stage| times.stage(*stage).0).sum();
        assert_eq!((times.total().0, sum, times.unaccounted().0), (1000, 980, 20));
        assert_eq!(times.engine().0, 390);
    }

    #[test]
    fn the_unaccounted_share_is_told_in_percent() {
        let mut histograms = StageHistograms::default();
        (0..100).for_each(|_| histograms.record(&times()));
        assert!((histograms.unaccounted_p99_pct() - 2.0).abs() < 0.01);
        assert_eq!(histograms.stages().len(), 7);
    }
}
