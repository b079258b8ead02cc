//! A pivot calibration, step by step: to which side the handle has to be tilted.

#[cfg(test)]
#[path = "pivot_tests.rs"]
mod tests;

use geom::nalgebra::Vector3;
use geom::{Frame, Tool, Transform, Vector};

use super::{Guide, GuideSettings, GuideState, Held, Progress, Seen, Step, share_of, worst_remedy};
use crate::coverage::Coverage;
use crate::pivot::{Moved, Pivot, pivot};
use crate::verdict::{Judgement, Verdict};

/// How far a pivot calibration is.
#[derive(Debug, Clone, Default)]
pub struct PivotProgress {
    /// The sector to tilt the handle to next.
    pub target: Option<usize>,
    /// The tip so far, mm, and its predicted error (RMS distance).
    pub tip_mm: Option<([f64; 3], f64)>,
    /// Span of the direction that turned least, degrees.
    pub span_deg: f64,
    /// Where the handle was tilted to, once the tip is roughly known.
    pub coverage: Option<Coverage>,
}

/// A lever that is known worse than this share of its length has no direction yet.
const MAX_LEVER_ERROR: f64 = 0.2;
/// Shorter levers have no direction, mm.
const MIN_LEVER_MM: f64 = 5.0;
/// Follows one pivot calibration.
#[derive(Debug, Clone)]
pub struct PivotGuide {
    settings: GuideSettings,
    /// Keeps the picture from turning.
    right: Option<[f64; 3]>,
    accepted: Held,
}

impl<Room: Frame> Guide<Room> for PivotGuide {
    /// Cost: that of [`pivot`] with at most 4 000 poses, some milliseconds.
    fn look(&mut self, room_from_tool: &[Transform<Room, Tool>], _times_s: &[f64], seen: &Seen) -> GuideState {
        let (part, stride) = share_of(room_from_tool);
        let found = pivot(&part, &self.settings.pivot).ok();
        let coverage = found.as_ref().and_then(|found| self.coverage(found, &part));
        let progress = PivotProgress {
            target: coverage.as_ref().and_then(Coverage::next_missing),
            tip_mm: found.as_ref().map(|f| (f.tip.to_array(), f.tip_error_mm())),
            span_deg: found.as_ref().map_or(0.0, |f| f.span.span_deg),
            coverage,
        };
        let judgement = found.as_ref().map(|f| f.judgement.clone());
        let poses = room_from_tool.len();
        let (step, advice, forget) = self.advise(&progress, judgement.as_ref(), found.as_ref(), seen);
        GuideState {
            step,
            advice,
            poses,
            agreeing: found.as_ref().map_or(0, |f| (f.inliers() * stride).min(poses)),
            forget: (forget * stride).min(poses),
            judgement,
            progress: Progress::Pivot(Box::new(progress)),
        }
    }
}

impl PivotGuide {
    /// A calibration that begins.
    #[must_use]
    pub const fn new(settings: GuideSettings) -> Self {
        Self { settings, right: None, accepted: Held(None) }
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

    /// The step, what to do, and how many of the looked at poses to forget.
    fn advise<Room: Frame>(
        &mut self,
        progress: &PivotProgress,
        judgement: Option<&Judgement>,
        found: Option<&Pivot<Room>>,
        seen: &Seen,
    ) -> (Step, String, usize) {
        let slip = found.and_then(|f| f.step.as_ref()).filter(|step| step.moved == Moved::Pivot);
        let is_accepted = judgement.is_some_and(|j| j.verdict() == Verdict::Accept);
        let mut forget = 0;
        let (step, advice) = if let Some(absence) = self.settings.absence(seen) {
            absence
        } else if let Some(step) = slip.filter(|step| step.shift_mm > 2.0 * self.settings.pivot.max_step_mm) {
            forget = step.at_pose;
            (Step::Move, format!("The tip slipped by {:.1} mm: press it into its divot and go on", step.shift_mm))
        } else if let Some(target) = progress.target {
            (Step::Move, format!("Tilt the handle {}", self.towards(progress.coverage.as_ref(), target)))
        } else if progress.coverage.is_none() {
            (Step::Move, "Keep the tip in its divot and tilt the handle slowly to all sides".into())
        } else if !is_accepted {
            (Step::Improve, worst_remedy(judgement))
        } else {
            (Step::Hold, "Good. Go on a moment longer".into())
        };
        // Held means: accepted and all sides covered.
        if self.accepted.stays(step == Step::Hold, seen.now_s, self.settings.hold_s) {
            return (Step::Done, "Done. Take the tool out, and check it on a known divot before use".into(), forget);
        }
        (step, advice, forget)
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
