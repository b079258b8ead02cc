//! What the engine stands behind: is the stream in order, is a pose live, does
//! the registration still hold, and which step of the session follows.
//!
//! Everything here is plain data with constant work a packet, so that it runs
//! inside the navigation loop and gives the same answers in a replay.

mod alarm;
mod drift_sentinel;
mod evidence;
mod landmark_check;
mod session;
mod stream_judge;
mod swap_watch;
mod tool_judge;
mod tool_state;

pub use alarm::{Alarm, Alarms};
pub use drift_sentinel::{DriftLimits, DriftSentinel};
pub use evidence::Evidence;
pub use landmark_check::{CheckLimits, CheckProgress, CheckPrompt, CheckState, LandmarkCheck};
pub use session::{DegradedReason, Event, RefusedEvent, Session, SessionState};
pub use stream_judge::{Arrival, StreamCounts, StreamJudge, StreamLimits};
pub use swap_watch::SwapWatch;
pub use tool_judge::ToolJudge;
pub use tool_state::{Judgement, ToolLimits, ToolReason, ToolState};
