//! The fast path: packets in, snapshots out, nothing waits.
//!
//! Reader thread -> bounded ring -> navigation loop -> latest-value cell ->
//! viewer, stream, whoever reads. The loop does fixed work, takes no lock and
//! reads only the immutable [`Guidance`]; a full ring is counted, never waited
//! for. `docs/real-time.md` has the picture and the limits.

mod guidance;
mod latest;
mod loop_settings;
mod navigation;
mod observer;
mod real_time;
mod reference_track;
mod session;
mod snapshot;
mod snapshot_words;
mod threads;
mod tool_track;
mod words;

pub use crate::latency::{LatencyHistogram, LatencySummary};
pub use guidance::{Guidance, ToolRole, TrackedTool, TrackerErrors};
pub use latest::{Publisher, Reader, latest};
pub use loop_settings::LoopSettings;
pub use navigation::NavigationLoop;
pub use observer::LoopObserver;
pub use real_time::{Granted, RealTime, lock_memory, raise_this_thread};
pub use reference_track::ReferenceTrack;
pub use session::{Around, LiveSession, LiveSettings, SessionSummary};
pub use snapshot::{Snapshot, ToolView};
pub(crate) use snapshot_words::{SESSIONS as SESSION_STATES, STATES as TOOL_STATES};
pub use words::{WordReader, WordWriter, Words, nth};
