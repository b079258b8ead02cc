//! What the engine stands behind: tool states and the session's steps.

mod session;
mod tool_state;

pub use session::{Event, RefusedEvent, Session, SessionState};
pub use tool_state::{ToolJudge, ToolLimits, ToolState};
