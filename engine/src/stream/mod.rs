//! Engine and viewers as separate processes: snapshots out, intents in.
//!
//! Nothing here runs on the navigation loop's threads. A feed takes the newest
//! snapshot out of the latest-value cell and hands it to a transport; a viewer
//! judges how far it can still be trusted when it arrives; what users want goes
//! through one door. Between processes `wire` carries it, over Zenoh, with the
//! feature `stream`; the rest is always built. `docs/stream.md` has the bytes.
//!
//! | module | what it holds |
//! |---|---|
//! | [`frame`] | the bytes of a snapshot, versioned |
//! | [`feed`] | the newest snapshot to a transport, on its own thread |
//! | [`link`], [`line`] | a viewer's side: stale, lost, late; as JSON |
//! | [`intent`], [`gate`], [`key`] | what viewers may ask, who may, how often |
//! | [`description`], [`meshes`] | what a session is, and its bone |
//! | [`alignment`] | the alignment, for whoever asks |
//! | [`supervisor`] | a viewer that dies is started anew |
//! | `wire` | Zenoh underneath (feature `stream`) |

pub mod alignment;
pub mod description;
pub mod feed;
pub mod frame;
pub mod gate;
pub mod intent;
pub mod key;
pub mod line;
pub mod link;
pub mod meshes;
pub mod supervisor;
#[cfg(feature = "stream")]
pub mod wire;

pub use alignment::ToldAlignment;
pub use description::SessionDescription;
pub use feed::{Feed, FeedCounts, Transport};
pub use frame::{FrameError, SCHEMA, decode_snapshot, encode_snapshot};
pub use gate::{Gate, GateCounts, GateLimits, Refused};
pub use intent::{SentIntent, ViewerIntent};
pub use key::{IntentKey, random_bytes};
pub use line::line;
pub use link::{Link, LinkCounts, LinkLimits, LinkReason, LinkState, LinkView};
pub use meshes::LevelMeshes;
pub use supervisor::{Supervisor, SupervisorCounts, SupervisorSettings};
