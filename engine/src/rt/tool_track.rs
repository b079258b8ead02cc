//! What the loop keeps of one instrument, and its pose carried forward.

use geom::{Nanoseconds, Patient, Tool, Transform, Twist};

use super::guidance::TrackedTool;
use crate::clock::MILLISECOND_NS;
use crate::safety::{Judgement, ToolJudge, ToolLimits, ToolReason, ToolState};

/// Longest gap between two poses whose motion is carried forward.
const LONGEST_GAP_NS: u64 = 50 * MILLISECOND_NS;

type Fused = (Nanoseconds, Transform<Patient, Tool>);

/// One instrument: its judge, and its last two poses in the patient.
#[derive(Debug, Clone, Copy)]
pub struct ToolTrack {
    /// What it is.
    pub tool: TrackedTool,
    /// Who judges its poses.
    pub judge: ToolJudge<Tool>,
    limits: ToolLimits,
    before: Option<Fused>,
    newest: Option<Fused>,
}

impl ToolTrack {
    /// An instrument that was not seen yet.
    #[must_use]
    pub const fn new(tool: TrackedTool, limits: ToolLimits) -> Self {
        Self { tool, judge: ToolJudge::new(limits), limits, before: None, newest: None }
    }

    /// Takes in a pose relative to the reference of the same instant.
    pub fn fuse(&mut self, time: Nanoseconds, patient_from_tool: Transform<Patient, Tool>) {
        self.before = self.newest.replace((time, patient_from_tool));
    }

    /// The last pose relative to the reference, and when it was measured.
    #[must_use]
    pub const fn newest(&self) -> Option<(Nanoseconds, Transform<Patient, Tool>)> {
        self.newest
    }

    /// The state of the pose that would be shown: the instrument's own, the
    /// reference's, and the age of the last pair of both.
    #[must_use]
    pub fn judge(&self, now: Nanoseconds, reference: Judgement) -> Judgement {
        let judged = self.judge.judge(now).under(reference);
        if !matches!(judged.state, ToolState::Live | ToolState::Stale) {
            return judged;
        }
        let age = Nanoseconds(self.newest.map_or(u64::MAX, |(time, _)| now.0.saturating_sub(time.0)));
        if age >= self.limits.lost_after {
            Judgement::not_live(ToolState::Lost, ToolReason::Reference)
        } else if age >= self.limits.stale_after && judged.state == ToolState::Live {
            Judgement::not_live(ToolState::Stale, ToolReason::Reference)
        } else {
            judged
        }
    }

    /// The pose to show at `display_time`, carried forward by at most `limit`,
    /// and whether it was.
    #[must_use]
    pub fn pose_at(&self, display_time: Nanoseconds, limit: Nanoseconds) -> Option<(Transform<Patient, Tool>, bool)> {
        let (time, pose) = self.newest?;
        let ahead = display_time.0.saturating_sub(time.0).min(limit.0);
        let Some((before_time, before)) = self.before.filter(|_| ahead > 0) else { return Some((pose, false)) };
        let gap = time.0.saturating_sub(before_time.0);
        if gap == 0 || gap > LONGEST_GAP_NS {
            return Some((pose, false));
        }
        let share = ahead as f64 / gap as f64;
        let motion = (before.inverse() * pose).log();
        let step = Twist { rotation_rad: motion.rotation_rad * share, translation_mm: motion.translation_mm * share };
        Some((pose * Transform::<Tool, Tool>::exp(&step), true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geom::Vector;

    fn ms(ms: u64) -> Nanoseconds {
        Nanoseconds(ms * MILLISECOND_NS)
    }

    fn x_at(times: [u64; 2], display: u64, limit: u64) -> (f64, bool) {
        let mut track = ToolTrack::new(TrackedTool::default(), ToolLimits::default());
        for (time, x) in times.into_iter().zip([0.0, 1.0]) {
            track.fuse(ms(time), Transform::from_translation(Vector::new(x, 0.0, 0.0)));
        }
        let (pose, is_predicted) = track.pose_at(ms(display), ms(limit)).unwrap();
        ((pose.translation().x * 100.0).round() / 100.0, is_predicted)
    }

    #[test]
    fn a_pose_is_carried_forward_one_frame_at_most_and_says_so() {
        assert_eq!(x_at([100, 110], 115, 16), (1.5, true));
        assert_eq!(x_at([100, 110], 500, 16), (2.6, true), "never further than the limit");
        assert_eq!(x_at([100, 110], 115, 0), (1.0, false), "switched off");
        assert_eq!(x_at([100, 170], 180, 16), (1.0, false), "no motion is known across a gap");
    }
}
