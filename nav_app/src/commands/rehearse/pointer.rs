//! The virtual pointer of a practice, at rest where it touched last.

use engine::rehearsal::Practised;
use engine::rt::{Snapshot, ToolView};
use engine::safety::{SessionState, ToolState};
use engine::track::ToolList;
use geom::nalgebra::{UnitQuaternion, Vector3};
use geom::{Nanoseconds, Transform};

use crate::scene::SnapshotFeed;

/// A snapshot that stays the same.
pub struct Resting(pub Snapshot);

impl Resting {
    /// Without a registration no pose is shown.
    pub fn on(practised: &Practised) -> Self {
        let last = practised.registration().zip(practised.points.last());
        let at = last.map(|(r, point)| r.patient_from_ct().inverse() * *point);
        // The shaft stands towards the surgeon, the tip's -z into the bone.
        let turn = UnitQuaternion::rotation_between(&Vector3::z(), &Vector3::new(0.25, 0.93, 0.28));
        let pose = at.map(|at| Transform::new(turn.unwrap_or_default(), at.vector3()));
        let predicted = last.map(|(r, point)| r.predicted_tre_mm(*point) as f32);
        let state = if pose.is_some() { ToolState::Live } else { ToolState::Lost };
        let now = Nanoseconds(1_000_000_000);
        let tool = ToolView {
            state,
            reason: None,
            measured: now,
            ct_from_tip: pose,
            predicted_tre_mm: predicted,
            ..ToolView::default()
        };
        let tools = ToolList::from_slice(&[tool]).unwrap_or_default();
        let session = if pose.is_some() { SessionState::Navigating } else { SessionState::Segmented };
        Self(Snapshot { sequence: 1, published: now, session, tools, ..Snapshot::default() })
    }
}

impl SnapshotFeed for Resting {
    fn latest(&self) -> Option<Snapshot> {
        Some(self.0)
    }
}
