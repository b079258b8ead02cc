//! Whether one tracked array may be shown as live.

use geom::{Frame, Nanoseconds, Tracker, Transform};

use super::tool_state::{Judgement, ToolLimits, ToolReason, ToolState};
use crate::track::{Measured, Missing};

/// Judges one array from what the packets say about it, on the time at which
/// they were measured. Constant work, no allocation.
#[derive(Debug, Clone, Copy)]
pub struct ToolJudge<F: Frame> {
    limits: ToolLimits,
    seen: Option<Sighting<F>>,
    missing: Missing,
    newest: Nanoseconds,
    implausible_until: Nanoseconds,
}

#[derive(Debug, Clone, Copy)]
struct Sighting<F: Frame> {
    pose: Transform<Tracker, F>,
    time: Nanoseconds,
    unchanged_since: Nanoseconds,
}

fn is_identical<F: Frame>(a: &Transform<Tracker, F>, b: &Transform<Tracker, F>) -> bool {
    a.rotation().coords == b.rotation().coords && a.translation() == b.translation()
}

impl<F: Frame> ToolJudge<F> {
    /// A judge that has seen nothing yet.
    #[must_use]
    pub const fn new(limits: ToolLimits) -> Self {
        let zero = Nanoseconds(0);
        Self { limits, seen: None, missing: Missing::NotReported, newest: zero, implausible_until: zero }
    }

    /// Takes in what a packet measured at `time` (on the session's clock) says.
    ///
    /// Packets must come in the order of their measurement; the
    /// [`StreamJudge`](super::StreamJudge) sees to that.
    pub fn observe(&mut self, time: Nanoseconds, measured: Measured<F>) {
        self.newest = if time > self.newest { time } else { self.newest };
        let pose = match measured {
            Ok(pose) if pose.is_finite() => pose,
            Ok(_) => return self.missing = Missing::Refused,
            Err(missing) => return self.missing = missing,
        };
        let mut unchanged_since = time;
        if let Some(before) = self.seen {
            if is_identical(&before.pose, &pose) {
                unchanged_since = before.unchanged_since;
            } else if self.is_jump(&before, &pose, time) {
                self.implausible_until = time + self.limits.jump_hold;
            }
        }
        self.seen = Some(Sighting { pose, time, unchanged_since });
    }

    fn is_jump(&self, before: &Sighting<F>, pose: &Transform<Tracker, F>, time: Nanoseconds) -> bool {
        let seconds = time.0.saturating_sub(before.time.0) as f64 * 1e-9;
        let moved_mm = (pose.translation() - before.pose.translation()).norm();
        let turned_rad = pose.rotation().angle_to(&before.pose.rotation());
        moved_mm > (self.limits.max_speed_mm_s * seconds).max(self.limits.least_jump_mm)
            || turned_rad > (self.limits.max_turn_rad_s * seconds).max(0.1)
    }

    /// The state at `now` on the session's clock. The age of a pose is what
    /// passed since it was measured, and at least how far the source went on
    /// without it.
    #[must_use]
    pub fn judge(&self, now: Nanoseconds) -> Judgement {
        let Some(seen) = self.seen else {
            return Judgement::not_live(ToolState::Lost, ToolReason::NeverSeen);
        };
        let without_it = self.newest.0.saturating_sub(seen.time.0);
        let age = Nanoseconds(now.0.saturating_sub(seen.time.0).max(without_it));
        let why_old = if without_it > 0 { self.missing.into() } else { ToolReason::Silent };
        if age >= self.limits.lost_after {
            Judgement::not_live(ToolState::Lost, why_old)
        } else if now < self.implausible_until {
            Judgement::not_live(ToolState::Implausible, ToolReason::TooFast)
        } else if seen.time.0.saturating_sub(seen.unchanged_since.0) >= self.limits.frozen_after.0 {
            Judgement::not_live(ToolState::Frozen, ToolReason::Unchanging)
        } else if age >= self.limits.stale_after {
            Judgement::not_live(ToolState::Stale, why_old)
        } else {
            Judgement::LIVE
        }
    }

    /// The last pose seen, of whatever worth, and when it was measured.
    #[must_use]
    pub fn last(&self) -> Option<(Nanoseconds, Transform<Tracker, F>)> {
        self.seen.map(|seen| (seen.time, seen.pose))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MILLISECOND_NS;
    use geom::{Tool, Vector};

    fn ms(ms: u64) -> Nanoseconds {
        Nanoseconds(ms * MILLISECOND_NS)
    }

    fn judge(sightings: impl IntoIterator<Item = (u64, Option<f64>)>) -> ToolJudge<Tool> {
        let mut judge = ToolJudge::new(ToolLimits::default());
        for (time, x_mm) in sightings {
            let pose = x_mm.map(|x| Transform::from_translation(Vector::new(x, 0.0, 0.0)));
            judge.observe(ms(time), pose.ok_or(Missing::Occluded));
        }
        judge
    }

    fn at(judge: &ToolJudge<Tool>, time: u64) -> ToolState {
        judge.judge(ms(time)).state
    }

    #[test]
    fn a_silent_tracker_never_leaves_the_tool_live() {
        let judge = judge((1..=10).map(|i| (i * 16, Some(i as f64))));
        assert_eq!(at(&judge, 160), ToolState::Live);
        assert_eq!(at(&judge, 160 + 101), ToolState::Stale);
        assert_eq!(judge.judge(ms(160 + 501)), Judgement::not_live(ToolState::Lost, ToolReason::Silent));
    }

    #[test]
    fn packets_without_the_tool_age_its_pose() {
        // The stream goes on, the instrument is covered: the arrival of
        // packets must not keep it alive.
        let judge = judge((1..=20).map(|i| (i * 16, (i <= 5).then_some(i as f64))));
        assert_eq!(judge.judge(ms(320)), Judgement::not_live(ToolState::Stale, ToolReason::Occluded));
    }

    #[test]
    fn a_frozen_pose_is_found_before_it_is_a_tenth_of_a_second_old() {
        assert_eq!(at(&judge((1..=6).map(|i| (i * 16, Some(7.0)))), 96), ToolState::Frozen);
        assert_eq!(at(&judge((1..=2).map(|i| (i * 66, Some(7.0)))), 132), ToolState::Frozen, "at 15 Hz");
    }

    #[test]
    fn a_jump_no_hand_can_make_is_implausible_for_a_while() {
        let jumped = [(16, 0.0), (32, 80.0), (48, 80.1), (64, 80.2)].map(|(t, x)| (t, Some(x)));
        assert_eq!(at(&judge(jumped), 64), ToolState::Implausible);
        let stayed = (1..30).map(|i| (i * 16, Some(if i < 2 { 0.0 } else { 80.0 + i as f64 })));
        assert_eq!(at(&judge(stayed), 464), ToolState::Live);
    }

    #[test]
    fn a_pose_that_is_not_finite_is_refused_and_changes_nothing() {
        let judge = judge([(16, Some(1.0)), (32, Some(f64::NAN)), (200, Some(f64::INFINITY))]);
        assert_eq!(judge.judge(ms(200)), Judgement::not_live(ToolState::Stale, ToolReason::Refused));
        assert_eq!(judge.last().unwrap().1.translation().x, 1.0);
    }
}
