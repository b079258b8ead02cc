//! Where poses come from: trackers real, simulated or replayed.
//!
//! A [`Source`] hands over packets as they arrive; it judges nothing. What a
//! packet is worth is decided in [`crate::safety`], on the source's own time.

mod simulated;

pub use simulated::{Occlusion, SimulatedTracker, SimulationSettings, Waypoint};

use geom::{Nanoseconds, Patient, Tool, Tracker, Transform};

/// One packet of a tracker: the patient reference and one instrument, both as
/// measured at `source_time`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackerPacket {
    /// Count of the source, growing by one a packet.
    pub sequence: u64,
    /// When the source measured, on the source's clock.
    pub source_time: Nanoseconds,
    /// When the packet reached this machine, on the session's clock.
    pub arrival_time: Nanoseconds,
    /// Pose of the patient reference, `None` while it is not seen.
    pub tracker_from_patient: Option<Transform<Tracker, Patient>>,
    /// Pose of the instrument's marker array, `None` while it is not seen.
    pub tracker_from_tool: Option<Transform<Tracker, Tool>>,
}

/// A stream of packets, read by the reader thread only.
pub trait Source: Send {
    /// What it is, for logs and the screen.
    fn description(&self) -> String;

    /// The next packet due by `now`, or `None` when there is none yet.
    fn poll(&mut self, now: Nanoseconds) -> Option<TrackerPacket>;

    /// When the next packet is expected, so that the reader can sleep.
    fn next_due(&self) -> Nanoseconds;
}
