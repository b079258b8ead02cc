//! What to do next while a tool is being calibrated: the poses so far become
//! one instruction at a time.
//!
//! Promises an instruction at every look, the verdict the calibration would
//! have now, and an end: accepted, tilted to all sides, and both for a moment.
//! Knows no clock and no tracker: the caller says when it is and what came.
//! `nav_app` shows it on the terminal and in a window.

mod axes;
#[cfg(test)]
mod tests;

use geom::nalgebra::Vector3;
use geom::{Frame, Tool, Transform, Vector};

pub use axes::RoomAxes;

use crate::coverage::Coverage;
use crate::pivot::{Moved, Pivot, PivotSettings, pivot};
use crate::verdict::{Judgement, Verdict};

/// Settings of [`PivotGuide`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GuideSettings {
    /// Of the calibration.
    pub pivot: PivotSettings,
    /// Accepted for this long is done, s. Default 2.
    pub hold_s: f64,
    /// A tracker that is silent for longer is gone, s. Default 1.
    pub silence_s: f64,
    /// A tool without a pose for longer is not seen, s. Default 0.5.
    pub unseen_s: f64,
    /// Where the room's axes lead. Default unknown: directions are told by the
    /// picture.
    pub axes: Option<RoomAxes>,
}

impl Default for GuideSettings {
    fn default() -> Self {
        Self { pivot: PivotSettings::default(), hold_s: 2.0, silence_s: 1.0, unseen_s: 0.5, axes: None }
    }
}

/// Which part of the calibration it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The tracker sends nothing.
    Connect,
    /// The tracker does not see the tool.
    Show,
    /// The tool has to be tilted.
    Tilt,
    /// All sides are covered and it is not yet good enough.
    Improve,
    /// Good, if it stays so.
    Hold,
    /// Done.
    Done,
}

/// What the caller saw of the tracker.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Seen {
    /// The time, s.
    pub now_s: f64,
    /// When anything came last.
    pub packet_s: Option<f64>,
    /// When a pose of the tool came last.
    pub pose_s: Option<f64>,
}

/// How far a pivot calibration is.
#[derive(Debug, Clone)]
pub struct PivotState {
    /// Which part it is.
    pub step: Step,
    /// What to do now: one short sentence.
    pub advice: String,
    /// The sector to tilt the handle to next.
    pub target: Option<usize>,
    /// Poses so far.
    pub poses: usize,
    /// Those that agree with each other.
    pub agreeing: usize,
    /// The tip so far, mm, and its predicted error (RMS distance).
    pub tip_mm: Option<([f64; 3], f64)>,
    /// Span of the direction that turned least, degrees.
    pub span_deg: f64,
    /// Where the handle was tilted to, once the tip is roughly known.
    pub coverage: Option<Coverage>,
    /// What the calibration would be worth now.
    pub judgement: Option<Judgement>,
    /// The tip slipped: forget this many poses and go on with the rest.
    pub forget: usize,
}

/// A lever that is known worse than this share of its length has no direction yet.
const MAX_LEVER_ERROR: f64 = 0.2;
/// Shorter levers have no direction, mm.
const MIN_LEVER_MM: f64 = 5.0;
/// Poses a look takes; of more an even share.
const MAX_LOOKED_AT: usize = 4000;

/// Follows one pivot calibration.
#[derive(Debug, Clone)]
pub struct PivotGuide {
    settings: GuideSettings,
    /// Keeps the picture from turning.
    right: Option<[f64; 3]>,
    accepted_since_s: Option<f64>,
}

impl PivotGuide {
    /// A calibration that begins.
    #[must_use]
    pub const fn new(settings: GuideSettings) -> Self {
        Self { settings, right: None, accepted_since_s: None }
    }

    /// Looks at all poses so far.
    ///
    /// Cost: that of [`pivot`] with at most 4 000 poses, some milliseconds.
    pub fn look<Room: Frame>(&mut self, room_from_tool: &[Transform<Room, Tool>], seen: &Seen) -> PivotState {
        let stride = room_from_tool.len().div_ceil(MAX_LOOKED_AT).max(1);
        // The last pose is where the tool is now.
        let part: Vec<Transform<Room, Tool>> =
            room_from_tool.iter().rev().step_by(stride).rev().filter(|pose| pose.is_finite()).copied().collect();
        let found = pivot(&part, &self.settings.pivot).ok();
        let coverage = found.as_ref().and_then(|found| self.coverage(found, &part));
        let mut state = PivotState {
            step: Step::Tilt,
            advice: String::new(),
            target: coverage.as_ref().and_then(Coverage::next_missing),
            poses: room_from_tool.len(),
            agreeing: found.as_ref().map_or(0, |f| (f.inliers() * stride).min(room_from_tool.len())),
            tip_mm: found.as_ref().map(|f| (f.tip.to_array(), f.tip_error_mm())),
            span_deg: found.as_ref().map_or(0.0, |f| f.span.span_deg),
            coverage,
            judgement: found.as_ref().map(|f| f.judgement.clone()),
            forget: 0,
        };
        self.advise(&mut state, found.as_ref(), seen, stride);
        state
    }

    fn coverage<Room: Frame>(&mut self, found: &Pivot<Room>, part: &[Transform<Room, Tool>]) -> Option<Coverage> {
        let lever = found.tip.vector3();
        let is_known = lever.norm() > MIN_LEVER_MM && found.tip_error_mm() < MAX_LEVER_ERROR * lever.norm();
        let is_origin = lever.norm() <= MIN_LEVER_MM && found.tip_error_mm() < MIN_LEVER_MM;
        if !is_known && !is_origin {
            return None;
        }
        // From the tip to the handle; a tool whose origin is its tip has its handle along z.
        let handle = if is_known { -lever } else { Vector3::z() };
        let wanted_deg = 0.5 * self.settings.pivot.min_span_deg;
        let right = self.right.map(|[x, y, z]| Vector::new(x, y, z));
        let mut coverage = Coverage::facing(part, Vector::from_vector3(handle), wanted_deg, right).ok()?;
        self.right = Some(coverage.towards[0]);
        if let Some(axes) = self.settings.axes {
            coverage.names = coverage.towards.map(|towards| axes.sides(towards).join("/"));
        }
        Some(coverage)
    }

    fn advise<Room: Frame>(&mut self, state: &mut PivotState, found: Option<&Pivot<Room>>, seen: &Seen, stride: usize) {
        let GuideSettings { silence_s, unseen_s, hold_s, .. } = self.settings;
        let is_older = |at: Option<f64>, limit: f64| at.is_none_or(|at| seen.now_s - at > limit);
        let slip = found.and_then(|f| f.step.as_ref()).filter(|step| step.moved == Moved::Pivot);
        let is_accepted = state.judgement.as_ref().is_some_and(|j| j.verdict() == Verdict::Accept);
        let is_covered = state.coverage.is_some() && state.target.is_none();
        (state.step, state.advice) = if is_older(seen.packet_s, silence_s) {
            (Step::Connect, "The tracker sends nothing: start its program, or look at the cable".into())
        } else if is_older(seen.pose_s, unseen_s) {
            (Step::Show, "The tracker does not see the tool: turn its markers to the camera".into())
        } else if let Some(step) = slip.filter(|step| step.shift_mm > 2.0 * self.settings.pivot.max_step_mm) {
            state.forget = (step.at_pose * stride).min(state.poses);
            (Step::Tilt, format!("The tip slipped by {:.1} mm: press it into its divot and go on", step.shift_mm))
        } else if let Some(target) = state.target {
            (Step::Tilt, format!("Tilt the handle {}", self.towards(state.coverage.as_ref(), target)))
        } else if state.coverage.is_none() {
            (Step::Tilt, "Keep the tip in its divot and tilt the handle slowly to all sides".into())
        } else if !is_accepted {
            (Step::Improve, worst_remedy(state.judgement.as_ref()))
        } else {
            (Step::Hold, "Good. Go on a moment longer".into())
        };
        let is_held = state.step == Step::Hold && is_accepted && is_covered;
        self.accepted_since_s = if is_held { self.accepted_since_s.or(Some(seen.now_s)) } else { None };
        if self.accepted_since_s.is_some_and(|since| seen.now_s - since >= hold_s) {
            state.step = Step::Done;
            state.advice = "Done. Take the tool out, and check it on a known divot before use".into();
        }
    }

    /// Where to tilt to: by the patient, or by the picture.
    fn towards(&self, coverage: Option<&Coverage>, sector: usize) -> String {
        let towards = coverage.and_then(|c| c.towards.get(sector)).copied();
        if let (Some(axes), Some(towards)) = (self.settings.axes, towards) {
            return format!("towards the {}", axes.sides(towards).join(" and the "));
        }
        format!("until the dot is {} in the picture", PLACES.get(sector).copied().unwrap_or_default())
    }
}

/// Where the sectors are in the picture.
const PLACES: [&str; 8] = [
    "at the right",
    "at the upper right",
    "at the top",
    "at the upper left",
    "at the left",
    "at the lower left",
    "at the bottom",
    "at the lower right",
];

/// The first of the worst findings, as an instruction.
fn worst_remedy(judgement: Option<&Judgement>) -> String {
    let findings = judgement.map(Judgement::findings).unwrap_or_default();
    let worst = findings.iter().map(|f| f.verdict).max();
    let remedy = findings.iter().find(|f| Some(f.verdict) == worst).map_or("go on tilting", |f| f.remedy.as_str());
    let mut letters = remedy.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
