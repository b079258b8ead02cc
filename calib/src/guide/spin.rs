//! A spin calibration, step by step: how far the tool was turned about its
//! shaft, and whether the shaft kept its place.

#[cfg(test)]
#[path = "spin_tests.rs"]
mod tests;

use geom::{Frame, Point, Tool, Transform};

use super::{Guide, GuideSettings, GuideState, Held, Progress, Seen, Step, share_of, worst_remedy};
use crate::pivot::{MAX_WOBBLE_DEG, MIN_TURN_DEG, Spin, spin};
use crate::statistics::quantile;
use crate::verdict::Verdict;

/// Turn that is asked for: half as much again as is needed, degrees.
const WANTED_TURN_DEG: f64 = 1.5 * MIN_TURN_DEG;
/// When the shaft tilted, poses older than this are given up, s.
const RECENT_S: f64 = 3.0;
/// An axis this far from the direction of the tip is that of a tilt, degrees;
/// below a turn of `.1` degrees there is no axis yet.
const NO_SHAFT_DEG: (f64, f64) = (60.0, 15.0);
/// A tip nearer to the array's origin has no direction, mm.
const MIN_LEVER_MM: f64 = 5.0;
/// Fewer recent poses say nothing.
const MIN_RECENT: usize = 20;

/// How far a spin calibration is; angles about the shaft are counted from the
/// first pose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpinProgress {
    /// How far the tool was turned, degrees.
    pub turn_deg: f64,
    /// How far it has to be turned, degrees.
    pub wanted_deg: f64,
    /// The stretch that was turned over, degrees.
    pub range_deg: [f64; 2],
    /// The angle now, degrees.
    pub now_deg: Option<f64>,
    /// How far the shaft tilts, RMS, degrees.
    pub wobble_deg: Option<f64>,
}

/// Follows one spin calibration.
#[derive(Debug, Clone)]
pub struct SpinGuide {
    settings: GuideSettings,
    tip: Point<Tool>,
    accepted: Held,
}

impl SpinGuide {
    /// A calibration that begins; `tip` as [`spin`] takes it.
    #[must_use]
    pub const fn new(settings: GuideSettings, tip: Point<Tool>) -> Self {
        Self { settings, tip, accepted: Held(None) }
    }

    fn advise(&mut self, found: Option<&Spin>, forget: usize, seen: &Seen) -> (Step, String) {
        let turn_deg = found.map_or(0.0, |found| found.turn_deg);
        let (step, advice) = if let Some(absence) = self.settings.absence(seen) {
            absence
        } else if forget > 0 {
            (Step::Move, "The shaft tilted. Keep it in its hole, and turn the tool about it again".into())
        } else if found.is_some_and(|found| self.is_tilted(found)) {
            (Step::Move, "Hold the shaft in a hole that fits, and turn the tool about it".into())
        } else if turn_deg < WANTED_TURN_DEG {
            let way = format!("{turn_deg:.0} of {WANTED_TURN_DEG:.0} deg");
            (Step::Move, format!("Turn the tool slowly about its shaft, the shaft held in a hole: {way}"))
        } else if found.is_some_and(|found| found.judgement.verdict() != Verdict::Accept) {
            (Step::Improve, worst_remedy(found.map(|found| &found.judgement)))
        } else {
            (Step::Hold, "Good. Go on a moment longer".into())
        };
        if self.accepted.stays(step == Step::Hold, seen.now_s, self.settings.hold_s) {
            return (Step::Done, "Done. The direction of the shaft is known".into());
        }
        (step, advice)
    }
}

impl<Room: Frame> Guide<Room> for SpinGuide {
    /// Cost: that of two calls of [`spin`] with at most 4 000 poses.
    fn look(&mut self, room_from_tool: &[Transform<Room, Tool>], times_s: &[f64], seen: &Seen) -> GuideState {
        let (part, _) = share_of(room_from_tool);
        let found = spin(&part, Some(self.tip)).ok();
        let is_tilted = found.as_ref().is_some_and(|found| self.is_tilted(found));
        let forget = if is_tilted { self.steady_from(room_from_tool, times_s) } else { 0 };
        let (step, advice) = self.advise(found.as_ref(), forget, seen);
        let turns = found.as_ref().map(|found| found.turns_deg.as_slice()).unwrap_or_default();
        let edge = |share: f64| if turns.is_empty() { 0.0 } else { quantile(turns, share) };
        let progress = SpinProgress {
            turn_deg: found.as_ref().map_or(0.0, |found| found.turn_deg),
            wanted_deg: WANTED_TURN_DEG,
            range_deg: [edge(0.02), edge(0.98)],
            now_deg: turns.last().copied(),
            wobble_deg: found.as_ref().map(|found| found.wobble_deg),
        };
        GuideState {
            step,
            advice,
            poses: room_from_tool.len(),
            agreeing: room_from_tool.len(),
            forget,
            judgement: found.map(|found| found.judgement),
            progress: Progress::Spin(progress),
        }
    }
}

impl SpinGuide {
    /// True when the shaft did not keep its direction: it wobbles, or the tool
    /// was tilted and not turned.
    fn is_tilted(&self, found: &Spin) -> bool {
        let lever = self.tip.vector3();
        let off_deg = lever
            .try_normalize(MIN_LEVER_MM)
            .map_or(0.0, |to_tip| found.axis.vector3().dot(&to_tip).clamp(-1.0, 1.0).acos().to_degrees());
        let is_other_axis = found.turn_deg >= NO_SHAFT_DEG.1 && off_deg > NO_SHAFT_DEG.0;
        found.wobble_deg > MAX_WOBBLE_DEG || is_other_axis
    }

    /// How many poses came before the last seconds, where the shaft kept its
    /// place in these; 0 where it did not.
    fn steady_from<Room: Frame>(&self, room_from_tool: &[Transform<Room, Tool>], times_s: &[f64]) -> usize {
        let Some(last) = times_s.last() else { return 0 };
        let from = times_s.iter().rposition(|time| last - time > RECENT_S || time > last).map_or(0, |at| at + 1);
        let recent = room_from_tool.get(from..).unwrap_or_default();
        let is_steady =
            recent.len() >= MIN_RECENT && spin(recent, Some(self.tip)).is_ok_and(|found| !self.is_tilted(&found));
        if is_steady { from } else { 0 }
    }
}
