//! How long things took: histograms, and the stages of a pose's way.
//!
//! Durations are counted from the *intended* send time, so that a stalled
//! sender cannot hide its own delay (coordinated omission; Tene, "How NOT to
//! measure latency", 2013). Recording allocates nothing.

mod histogram;
mod stages;

pub use histogram::{LatencyHistogram, LatencySummary};
pub use stages::{PacketTimes, Stage, StageHistograms, StageSummary};
