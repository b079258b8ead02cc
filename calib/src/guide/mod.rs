//! What to do next while a tool is being calibrated or tested: the poses so far
//! become one instruction at a time.
//!
//! Promises an instruction at every look, the verdict the result would have
//! now, and an end: nothing is missing, and that has stayed so for a moment.
//! Knows no clock and no tracker: the caller says when it is and what came.
//!
//! | guide | what it follows |
//! |---|---|
//! | [`PivotGuide`] | a tip that pivots in a divot |
//! | [`SpinGuide`] | a tool that turns about its shaft |
//! | [`TouchGuide`] | known points touched one after the other: an accuracy test, or a tip from landmarks |
//!
//! `nav_app` shows them on the terminal and in a window.

mod axes;
mod pivot;
mod spin;
mod touches;

use geom::{Frame, Tool, Transform};

pub use axes::RoomAxes;
pub use pivot::{PivotGuide, PivotProgress};
pub use spin::{SpinGuide, SpinProgress};
pub use touches::{Place, TouchFigures, TouchGuide, TouchProgress, TouchPurpose, TouchSettings};

use crate::pivot::PivotSettings;
use crate::verdict::Judgement;

/// Settings that all guides share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GuideSettings {
    /// Of a pivot calibration.
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

impl GuideSettings {
    /// What has to be done before anything else can be measured.
    fn absence(&self, seen: &Seen) -> Option<(Step, String)> {
        let is_older = |at: Option<f64>, limit: f64| at.is_none_or(|at| seen.now_s - at > limit);
        if is_older(seen.packet_s, self.silence_s) {
            Some((Step::Connect, "The tracker sends nothing: start its program, or look at the cable".into()))
        } else if is_older(seen.pose_s, self.unseen_s) {
            Some((Step::Show, "The tracker does not see the tool: turn its markers to the camera".into()))
        } else {
            None
        }
    }
}

/// Which part of the calibration it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The tracker sends nothing.
    Connect,
    /// The tracker does not see the tool.
    Show,
    /// The tool has to be moved: tilted, turned, brought to the next point.
    Move,
    /// Nothing is missing and it is not yet good enough.
    Improve,
    /// Good, if it stays so; or the tool has to be held as it is.
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

/// How far it is, whatever is followed.
#[derive(Debug, Clone)]
pub struct GuideState {
    /// Which part it is.
    pub step: Step,
    /// What to do now: one short sentence.
    pub advice: String,
    /// Poses so far.
    pub poses: usize,
    /// Those that the result rests on.
    pub agreeing: usize,
    /// Forget this many poses from the beginning and go on with the rest.
    pub forget: usize,
    /// What the result would be worth now.
    pub judgement: Option<Judgement>,
    /// What is special to what is followed.
    pub progress: Progress,
}

/// What is special to what is followed.
#[derive(Debug, Clone)]
pub enum Progress {
    /// A pivot calibration.
    Pivot(Box<PivotProgress>),
    /// A spin calibration.
    Spin(SpinProgress),
    /// Touches of known points.
    Touches(TouchProgress),
}

/// Follows a recording and says what to do.
pub trait Guide<Room: Frame> {
    /// Looks at all poses so far; call it some times a second.
    ///
    /// * `times_s` - when each pose was measured, s.
    fn look(&mut self, room_from_tool: &[Transform<Room, Tool>], times_s: &[f64], seen: &Seen) -> GuideState;
}

/// Since when something has been good.
#[derive(Debug, Clone, Copy, Default)]
struct Held(Option<f64>);

impl Held {
    /// True once it has been good for `hold_s`.
    fn stays(&mut self, is_good: bool, now_s: f64, hold_s: f64) -> bool {
        self.0 = if is_good { self.0.or(Some(now_s)) } else { None };
        self.0.is_some_and(|since| now_s - since >= hold_s)
    }
}

/// Poses a look takes; of more an even share.
const MAX_LOOKED_AT: usize = 4000;

/// An even share of the poses with the last one, which is where the tool is
/// now, and how many poses each stands for.
fn share_of<Room: Frame>(room_from_tool: &[Transform<Room, Tool>]) -> (Vec<Transform<Room, Tool>>, usize) {
    let stride = room_from_tool.len().div_ceil(MAX_LOOKED_AT).max(1);
    let part = room_from_tool.iter().rev().step_by(stride).rev().filter(|pose| pose.is_finite()).copied().collect();
    (part, stride)
}

/// The first of the worst findings, as an instruction.
fn worst_remedy(judgement: Option<&Judgement>) -> String {
    let findings = judgement.map(Judgement::findings).unwrap_or_default();
    let worst = findings.iter().map(|f| f.verdict).max();
    capital(findings.iter().find(|f| Some(f.verdict) == worst).map_or("go on", |f| f.remedy.as_str()))
}

/// The same words as the beginning of a sentence.
fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
