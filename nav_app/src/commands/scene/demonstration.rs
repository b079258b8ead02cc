//! An instrument that nobody holds: a pose for pictures and rehearsed states.
//!
//! Its numbers are made up, and the panel says so.

use std::time::Instant;

use engine::case::Case;
use engine::rt::{Snapshot, ToolView};
use engine::safety::{Alarm, Alarms, DegradedReason, SessionState, ToolReason, ToolState};
use engine::track::ToolList;
use geom::nalgebra::{Matrix3, Rotation3, UnitQuaternion, Vector3};
use geom::{Ct, Nanoseconds, Point, Tip, Transform};

use crate::scene::SnapshotFeed;

/// What the panel names as the source of the poses.
pub const SOURCE: &str = "demonstration pose, no tracker";
/// Direction from tip to handle for a left pedicle, LPS: mostly posterior, a
/// little lateral.
const HANDLE: [f64; 3] = [0.34, 0.93, 0.10];
/// Tip beyond the middle of the body, towards the handle, mm.
const ALONG_MM: f64 = 3.0;
/// Sway of the tip along the shaft, mm and Hz.
const SWAY: (f64, f64) = (6.0, 0.2);

/// A pointer at a vertebra in the middle of the case.
pub struct Demonstration {
    at: Point<Ct>,
    state: ToolState,
    level: Option<engine::level::Level>,
    started: Option<Instant>,
}

impl Demonstration {
    /// One that stands still.
    pub fn still(case: &Case, state: ToolState) -> Self {
        let middle = case.vertebrae.get(case.vertebrae.len() / 2);
        let (low, high) = case.ct.grid.bounds();
        let at = middle.map_or(low + (high - low) * 0.5, |v| v.body_centre);
        Self { at, state, level: middle.map(|v| v.level), started: None }
    }

    /// One that sways along its shaft.
    pub fn moving(case: &Case, state: ToolState) -> Self {
        Self { started: Some(Instant::now()), ..Self::still(case, state) }
    }

    fn pose(&self) -> Transform<Ct, Tip> {
        let seconds = self.started.map_or(0.0, |started| started.elapsed().as_secs_f64());
        let along_mm = ALONG_MM + SWAY.0 * (std::f64::consts::TAU * SWAY.1 * seconds).sin();
        let shaft = Vector3::from(HANDLE).normalize();
        let side = shaft.cross(&Vector3::z()).normalize();
        let axes = Matrix3::from_columns(&[side, shaft.cross(&side), shaft]);
        let rotation = UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(axes));
        Transform::new(rotation, self.at.vector3() + shaft * along_mm)
    }

    /// What the engine would say in this state.
    pub fn snapshot(&self) -> Snapshot {
        let (session, reason, alarms) = match self.state {
            ToolState::Live => (SessionState::Navigating, None, Alarms::default()),
            ToolState::Stale => (SessionState::Navigating, Some(ToolReason::Occluded), Alarms::default()),
            ToolState::Lost => {
                (SessionState::Degraded(DegradedReason::ToolLost), Some(ToolReason::Occluded), Alarms::default())
            }
            ToolState::Frozen => (
                SessionState::Degraded(DegradedReason::StreamFault),
                Some(ToolReason::Unchanging),
                Alarms::default().with(Alarm::Duplicated),
            ),
            ToolState::Implausible => (
                SessionState::Degraded(DegradedReason::ToolLost),
                Some(ToolReason::TooFast),
                Alarms::default().with(Alarm::RateLow),
            ),
        };
        let is_shown = matches!(self.state, ToolState::Live | ToolState::Stale);
        let age_ns = if self.state == ToolState::Stale { 180_000_000 } else { 9_000_000 };
        let published = Nanoseconds(1_000_000_000);
        let tool = ToolView {
            state: self.state,
            reason,
            measured: Nanoseconds(published.0 - age_ns),
            ct_from_tip: is_shown.then(|| self.pose()),
            bone_distance_mm: is_shown.then_some(0.0),
            nearest_level: self.level.filter(|_| is_shown),
            predicted_tre_mm: is_shown.then_some(1.1),
            ..ToolView::default()
        };
        let tools = ToolList::from_slice(&[tool]).unwrap_or_default();
        Snapshot { sequence: 1, published, session, alarms, tools, ..Snapshot::default() }
    }
}

impl SnapshotFeed for Demonstration {
    fn latest(&self) -> Option<Snapshot> {
        Some(self.snapshot())
    }
}
