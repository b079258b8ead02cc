//! The fast path: packets in, snapshots out, nothing waits.
//!
//! Reader thread -> bounded ring -> navigation loop -> latest-value cell ->
//! whoever draws. The loop does fixed work, takes no lock and reads only the
//! immutable [`Guidance`]; a full ring is counted, never waited for.

mod latency;
mod latest;
mod navigation;
mod session;

pub use latency::{LatencyHistogram, LatencySummary};
pub use latest::Latest;
pub use navigation::{Guidance, NavigationLoop, Snapshot, TrackerErrors};
pub use session::{LiveSession, SessionSummary};
