//! What commands with a live session share.

use std::sync::Arc;

use engine::rt::{LiveSession, Snapshot};

use crate::scene::SnapshotFeed;

/// The newest snapshot of a session that goes on.
pub struct Running(pub Arc<LiveSession>);

impl SnapshotFeed for Running {
    fn latest(&self) -> Option<Snapshot> {
        self.0.latest()
    }
}
