//! What commands give the scene; the same in a program built without one.
#![cfg_attr(not(feature = "scene"), allow(dead_code, reason = "without a scene nothing is drawn"))]

use std::sync::Arc;

use engine::case::Case;
use engine::register::Verdict;

use crate::scene::SnapshotFeed;

/// Everything the scene draws.
pub struct SceneInput {
    /// The segmented CT.
    pub case: Arc<Case>,
    /// Where the poses come from.
    pub snapshots: Box<dyn SnapshotFeed>,
    /// What stays the same for the whole session.
    pub header: SceneHeader,
}

/// The lines of the panel that do not follow the instrument.
#[derive(Debug, Clone, Default)]
pub struct SceneHeader {
    /// True when no tracker stands behind the instrument: it is shown to try
    /// the scene, and no step of a session counts as done.
    pub is_demonstration: bool,
    /// Verdict over the registration, `None` when there is none.
    pub verdict: Option<Verdict>,
    /// RMS residual of the registration, mm.
    pub rms_mm: Option<f64>,
    /// Predicted error at the centre of the spine, mm.
    pub centre_tre_mm: Option<f64>,
    /// Name of the CT.
    pub ct_name: String,
    /// What the poses come from, and what the network ran on.
    pub device: String,
}
