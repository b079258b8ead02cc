//! What may be shown now, judged from the newest snapshot.
//!
//! One rule lives here and nowhere else: a value is drawn only while the
//! engine stands behind it. Everything else in the scene reads [`Picture`].

use std::time::{Duration, Instant};

use bevy::prelude::{Res, ResMut, Resource};
use engine::level::Level;
use engine::rt::{Snapshot, ToolView};
use engine::safety::{Alarms, SessionState, ToolReason, ToolState};
use geom::{Ct, Tip, Transform};

/// Where the scene's snapshots come from.
pub trait SnapshotFeed: Send + Sync {
    /// The newest snapshot, or `None` when nothing new came since the last call.
    fn latest(&self) -> Option<Snapshot>;
}

/// Silence of the engine after which nothing is shown. Its heartbeat is 10 ms;
/// 300 ms is 6 mm at a hand's 20 mm/s.
const SILENCE: Duration = Duration::from_millis(300);

/// Why the instrument is shown, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Condition {
    /// No snapshot, or none for too long.
    #[default]
    NoData,
    /// Measured now.
    Live,
    /// Measured a moment ago.
    Stale,
    /// The instrument is not seen.
    ToolLost,
    /// The tracker repeats itself.
    Frozen,
    /// The pose moved as no hand can.
    Implausible,
    /// There is no registration to show a pose with.
    NotRegistered,
    /// The reference on the patient is not seen.
    ReferenceLost,
    /// Poses are withheld until a landmark check passes.
    CheckNeeded,
    /// A virtual patient that somebody is about to register: nothing is wrong.
    Practice,
}

impl Condition {
    /// A word or two for the panel.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoData => "NO DATA",
            Self::Live => "LIVE",
            Self::Stale => "STALE",
            Self::ToolLost => "LOST",
            Self::Frozen => "FROZEN",
            Self::Implausible => "IMPLAUSIBLE",
            Self::NotRegistered => "NOT REGISTERED",
            Self::ReferenceLost => "REFERENCE LOST",
            Self::CheckNeeded => "CHECK NEEDED",
            Self::Practice => "PRACTICE",
        }
    }

    /// The banner across the view, `None` while a pose is shown and where none is expected.
    #[must_use]
    pub const fn banner(self) -> Option<&'static str> {
        match self {
            Self::Live | Self::Stale | Self::Practice => None,
            Self::NoData => Some("NO DATA FROM ENGINE"),
            Self::ToolLost => Some("TOOL NOT SEEN"),
            Self::Frozen => Some("TRACKER POSE IS FROZEN"),
            Self::Implausible => Some("TOOL POSE IMPLAUSIBLE"),
            Self::NotRegistered => Some("NOT REGISTERED"),
            Self::ReferenceLost => Some("PATIENT REFERENCE NOT SEEN"),
            Self::CheckNeeded => Some("TOUCH LANDMARKS TO CHECK THE REGISTRATION"),
        }
    }
}

/// What is drawn this frame. Numbers are `None` unless they belong to a pose
/// that is shown.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Default)]
pub struct Picture {
    /// Why the instrument is shown or not.
    pub condition: Condition,
    /// Pose of the tip.
    pub ct_from_tip: Option<Transform<Ct, Tip>>,
    /// Level of the nearest bone.
    pub level: Option<Level>,
    /// Distance to the nearest bone, mm.
    pub bone_distance_mm: Option<f32>,
    /// Predicted error at the tip, mm.
    pub predicted_tre_mm: Option<f32>,
    /// From the pose's measurement to this frame, ms.
    pub pose_age_ms: Option<f32>,
    /// Step of the session.
    pub session: Option<SessionState>,
    /// What is wrong; empty while the engine is silent, which the condition says.
    pub alarms: Alarms,
}

impl Picture {
    /// Judges `snapshot`, which the viewer has held for `held`.
    #[must_use]
    pub fn of(snapshot: Option<&Snapshot>, held: Duration) -> Self {
        let Some(snapshot) = snapshot.filter(|_| held < SILENCE) else { return Self::default() };
        let tool = snapshot.guided();
        let condition = condition(snapshot, &tool);
        let (session, alarms) = (Some(snapshot.session), snapshot.alarms);
        let is_shown = matches!(condition, Condition::Live | Condition::Stale);
        if !is_shown {
            return Self { condition, session, alarms, ..Self::default() };
        }
        let engine_ns = snapshot.published.0.saturating_sub(tool.measured.0);
        Self {
            condition,
            ct_from_tip: tool.ct_from_tip,
            level: tool.nearest_level,
            bone_distance_mm: finite(tool.bone_distance_mm),
            predicted_tre_mm: finite(tool.predicted_tre_mm),
            pose_age_ms: Some((engine_ns as f64 * 1e-6 + held.as_secs_f64() * 1e3) as f32),
            session,
            alarms,
        }
    }
}

fn finite(value: Option<f32>) -> Option<f32> {
    value.filter(|v| v.is_finite())
}

fn condition(snapshot: &Snapshot, tool: &ToolView) -> Condition {
    let is_of_reference = tool.reason == Some(ToolReason::Reference);
    let has_pose = tool.ct_from_tip.is_some_and(|pose| pose.is_finite());
    match (tool.state, snapshot.session) {
        (_, SessionState::NoImage | SessionState::Segmented | SessionState::Stopped) => Condition::NotRegistered,
        (ToolState::Lost | ToolState::Frozen | ToolState::Implausible, _) if is_of_reference => {
            Condition::ReferenceLost
        }
        (ToolState::Lost, _) => Condition::ToolLost,
        (ToolState::Frozen, _) => Condition::Frozen,
        (ToolState::Implausible, _) => Condition::Implausible,
        (_, SessionState::Degraded(reason)) if reason.needs_check() && !has_pose => Condition::CheckNeeded,
        (ToolState::Live | ToolState::Stale, _) if !has_pose => Condition::ReferenceLost,
        (ToolState::Live, _) => Condition::Live,
        (ToolState::Stale, _) => Condition::Stale,
    }
}

/// The feed, and the last snapshot it gave.
#[derive(Resource)]
pub struct Feed {
    source: Box<dyn SnapshotFeed>,
    last: Option<Snapshot>,
    received: Instant,
    is_still: bool,
}

impl Feed {
    /// A running feed; silence hides the instrument.
    #[must_use]
    pub fn live(source: Box<dyn SnapshotFeed>) -> Self {
        Self { source, last: None, received: Instant::now(), is_still: false }
    }

    /// Takes one snapshot and holds it: for pictures of one instant.
    #[must_use]
    pub fn still(source: Box<dyn SnapshotFeed>) -> Self {
        let last = source.latest();
        Self { source, last, received: Instant::now(), is_still: true }
    }

    /// What to draw now.
    pub fn picture(&mut self) -> Picture {
        if self.is_still {
            return Picture::of(self.last.as_ref(), Duration::ZERO);
        }
        if let Some(snapshot) = self.source.latest() {
            self.last = Some(snapshot);
            self.received = Instant::now();
        }
        Picture::of(self.last.as_ref(), self.received.elapsed())
    }
}

/// Takes in the newest snapshot, once a frame before anything is drawn.
pub fn take_snapshot(mut feed: ResMut<'_, Feed>, mut picture: ResMut<'_, Picture>) {
    *picture = feed.picture();
}

/// Run condition: the picture differs from the one before.
#[must_use]
pub fn has_changed(picture: Res<'_, Picture>, mut before: bevy::prelude::Local<'_, Option<Picture>>) -> bool {
    let is_new = *before != Some(*picture);
    *before = Some(*picture);
    is_new
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::safety::DegradedReason;
    use engine::track::ToolList;
    use geom::Nanoseconds;

    fn snapshot(tool: ToolState, session: SessionState) -> Snapshot {
        let view = ToolView {
            state: tool,
            reason: None,
            measured: Nanoseconds(10_000_000),
            ct_from_tip: Some(Transform::identity()),
            bone_distance_mm: Some(3.0),
            nearest_level: Level::from_number(22),
            predicted_tre_mm: Some(1.2),
            ..ToolView::default()
        };
        Snapshot {
            sequence: 1,
            published: Nanoseconds(12_000_000),
            session,
            tools: ToolList::from_slice(&[view]).unwrap(),
            ..Snapshot::default()
        }
    }

    #[test]
    fn no_number_outlives_its_pose() {
        // Even when the engine were to leave numbers in the snapshot.
        for tool in [ToolState::Lost, ToolState::Frozen, ToolState::Implausible] {
            let shown =
                Picture::of(Some(&snapshot(tool, SessionState::Degraded(DegradedReason::ToolLost))), Duration::ZERO);
            let values =
                (shown.ct_from_tip, shown.level, shown.bone_distance_mm, shown.predicted_tre_mm, shown.pose_age_ms);
            assert_eq!(values, (None, None, None, None, None));
            assert!(shown.condition.banner().is_some());
        }
    }

    #[test]
    fn a_silent_engine_hides_the_tool() {
        let live = snapshot(ToolState::Live, SessionState::Navigating);
        assert_eq!(Picture::of(Some(&live), Duration::from_millis(299)).condition, Condition::Live);
        let silent = Picture::of(Some(&live), Duration::from_millis(300));
        assert_eq!(silent, Picture::default());
        assert_eq!(silent.condition.banner(), Some("NO DATA FROM ENGINE"));
    }

    #[test]
    fn the_age_counts_engine_and_viewer() {
        let live = snapshot(ToolState::Live, SessionState::Navigating);
        let age = Picture::of(Some(&live), Duration::from_millis(5)).pose_age_ms.unwrap();
        assert!((age - 7.0).abs() < 1e-3);
    }

    #[test]
    fn without_reference_or_registration_nothing_is_live() {
        let mut blind = snapshot(ToolState::Live, SessionState::Degraded(DegradedReason::ToolLost));
        blind.tools.iter_mut().for_each(|tool| tool.ct_from_tip = None);
        assert_eq!(Picture::of(Some(&blind), Duration::ZERO).condition, Condition::ReferenceLost);
        blind.session = SessionState::Degraded(DegradedReason::Doubtful);
        assert_eq!(Picture::of(Some(&blind), Duration::ZERO).condition, Condition::CheckNeeded);
        let unregistered = snapshot(ToolState::Live, SessionState::Segmented);
        assert_eq!(Picture::of(Some(&unregistered), Duration::ZERO).condition, Condition::NotRegistered);
    }
}
