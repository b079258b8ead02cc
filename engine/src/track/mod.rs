//! Where poses come from: trackers real, simulated or replayed.
//!
//! A [`Source`] hands over packets as they arrive; it judges nothing. What a
//! packet is worth is decided in [`crate::safety`], on the source's own time.

mod clock_map;
mod connector;
pub mod ndi;
pub mod openigtlink;
mod packet;
mod packet_words;
pub mod recording;
mod simulated;
mod tool_list;
mod tool_names;

pub use clock_map::{ClockMap, ClockSettings, ClockStep, Mapped};
pub use packet::{Measured, Missing, ToolId, ToolSlot, TrackerPacket, finite};
pub use simulated::{Occlusion, SIMULATED_TOOL, SimulatedTracker, SimulationSettings, Waypoint};
pub use tool_list::{MAX_TOOLS, ToolList};
pub use tool_names::{Role, ToolNames};

use geom::Nanoseconds;

/// A stream of packets, read by the reader thread only.
pub trait Source: Send {
    /// What it is, for logs and the screen.
    fn description(&self) -> String;

    /// The next packet due by `now`, or `None` when there is none yet.
    ///
    /// Never waits longer than the reader may sleep, and does not allocate
    /// once the stream runs.
    fn poll(&mut self, now: Nanoseconds) -> Option<TrackerPacket>;

    /// When the next packet is expected, so that the reader can sleep.
    fn next_due(&self) -> Nanoseconds;
}
