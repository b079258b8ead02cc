//! What the scene, the stream and the journal are told, all of one instant.

use geom::{Ct, Nanoseconds, Tip, Transform, Vector};

use crate::level::Level;
use crate::safety::{Alarms, CheckLimits, CheckPrompt, CheckState, SessionState, ToolReason, ToolState};
use crate::track::{ToolId, ToolList};

/// One instrument in a snapshot. No number outlives its pose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToolView {
    /// Which instrument.
    pub id: ToolId,
    /// How far its pose can be trusted.
    pub state: ToolState,
    /// Why it is not live; `None` while it is.
    pub reason: Option<ToolReason>,
    /// When the pose was measured, on the session's clock.
    pub measured: Nanoseconds,
    /// Pose of the tip in the CT; `None` unless the tool is live or stale, the
    /// reference can be trusted, the registration was not rejected and no
    /// landmark check is owed.
    pub ct_from_tip: Option<Transform<Ct, Tip>>,
    /// True when the pose was carried forward from the measurement.
    pub is_predicted: bool,
    /// Distance from the tip to the nearest bone surface, mm.
    pub bone_distance_mm: Option<f32>,
    /// Level of the nearest bone.
    pub nearest_level: Option<Level>,
    /// Predicted RMS error at the tip, mm.
    pub predicted_tre_mm: Option<f32>,
}

impl Default for ToolView {
    /// A tool that was never seen.
    fn default() -> Self {
        Self {
            id: ToolId::default(),
            state: ToolState::Lost,
            reason: Some(ToolReason::NeverSeen),
            measured: Nanoseconds(0),
            ct_from_tip: None,
            is_predicted: false,
            bone_distance_mm: None,
            nearest_level: None,
            predicted_tre_mm: None,
        }
    }
}

impl ToolView {
    /// Unit direction the instrument points in, in the CT.
    #[must_use]
    pub fn direction(&self) -> Option<Vector<Ct>> {
        self.ct_from_tip.map(|pose| pose * Vector::new(0.0, 0.0, -1.0))
    }
}

/// The picture of one instant. Plain data of fixed size, copied whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Snapshot {
    /// Sequence number of the newest packet behind it.
    pub sequence: u64,
    /// When the tracker measured that packet, on the source's clock.
    pub source_time: Nanoseconds,
    /// When that packet arrived, on the session's clock.
    pub arrival_time: Nanoseconds,
    /// When this snapshot was published, on the session's clock.
    pub published: Nanoseconds,
    /// Step of the session.
    pub session: SessionState,
    /// How far the patient reference's pose can be trusted.
    pub reference: ToolState,
    /// What is wrong at this instant.
    pub alarms: Alarms,
    /// How far the landmark check is that is asked for, if one is.
    pub check: CheckState,
    /// The instruments in the order of [`Guidance`](super::Guidance); the first
    /// is the one the scene follows.
    pub tools: ToolList<ToolView>,
}

impl Default for Snapshot {
    /// Nothing is known.
    fn default() -> Self {
        let zero = Nanoseconds(0);
        Self {
            sequence: 0,
            source_time: zero,
            arrival_time: zero,
            published: zero,
            session: SessionState::NoImage,
            reference: ToolState::Lost,
            alarms: Alarms::default(),
            check: CheckState::default(),
            tools: ToolList::default(),
        }
    }
}

impl Snapshot {
    /// The instrument the scene follows: the first; one that was never seen
    /// when there is none.
    #[must_use]
    pub fn guided(&self) -> ToolView {
        self.tools.first().copied().unwrap_or_default()
    }

    /// What the user is asked to do before poses are shown, or because a check
    /// is due; `None` while nothing is asked.
    ///
    /// * `limits` - those of the session, [`LoopSettings::check`](super::LoopSettings::check).
    #[must_use]
    pub const fn check_prompt(&self, limits: CheckLimits) -> Option<CheckPrompt> {
        CheckPrompt::of(self.session, self.check, limits)
    }

    /// An instrument by its number.
    #[must_use]
    pub fn tool(&self, id: ToolId) -> Option<&ToolView> {
        self.tools.iter().find(|tool| tool.id == id)
    }
}
