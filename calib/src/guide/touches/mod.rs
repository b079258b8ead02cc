//! Touches of known points, step by step: which one is next, when the tool is
//! still enough, when a touch is taken, what is missing.
//!
//! The tip has to be known for that: from before, or by pivoting it first.
//! Each rest of the tip is compared with the touches before it by the distances
//! that the geometry promises, so that a wrong point or a pause in the air is
//! refused and not averaged in.

mod rest;
#[cfg(test)]
mod tests;
mod track;

use geom::{Frame, Point, Tool, Transform};

use super::{Guide, GuideSettings, GuideState, PivotGuide, Progress, Seen, Step, capital, worst_remedy};
use crate::phantom::{PhantomSettings, Touch, phantom_accuracy};
use crate::pivot::DwellSettings;
use crate::tip::{TipSettings, TouchedLandmark, tip_from_landmarks};
use crate::verdict::{Judgement, Verdict};

use rest::Rest;
use track::{Met, Track};

/// What the touches are for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TouchPurpose {
    /// An accuracy test of a tip.
    Test(PhantomSettings),
    /// A tip from landmarks.
    Tip(TipSettings),
}

impl TouchPurpose {
    /// What is touched.
    #[must_use]
    pub const fn point(&self) -> &'static str {
        match self {
            Self::Test(_) => "divot",
            Self::Tip(_) => "landmark",
        }
    }
}

/// Settings of [`TouchGuide`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TouchSettings {
    /// What all guides share.
    pub guide: GuideSettings,
    /// What the touches are for.
    pub purpose: TouchPurpose,
    /// When the tip counts as resting, and how far it must go before the next
    /// touch (`merge_mm`).
    pub dwell: DwellSettings,
    /// How far a touch may lie from where the others put it, mm.
    pub tolerance_mm: f64,
    /// Touches of each point, at least 1.
    pub repeats: usize,
}

/// A point of the geometry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Where it is in the phantom, mm.
    pub at: [f64; 3],
    /// Touches so far.
    pub touches: usize,
    /// Touches that are wanted.
    pub wanted: usize,
}

/// What the touches say so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TouchFigures {
    /// Of an accuracy test.
    Test {
        /// Mean error of a touch, mm.
        mean_mm: f64,
        /// Mean size of the bias of a divot, mm.
        bias_mm: f64,
        /// Precision of a touch, mm, once a divot was touched often enough.
        precision_mm: Option<f64>,
    },
    /// Of a tip from landmarks.
    Tip {
        /// The tip, mm.
        tip_mm: [f64; 3],
        /// Its predicted error (RMS distance), mm.
        error_mm: f64,
        /// Misfit of the touches, mm.
        rms_mm: f64,
    },
}

/// How far the touches are.
#[derive(Debug, Clone)]
pub struct TouchProgress {
    /// What they are for.
    pub purpose: TouchPurpose,
    /// Every point of the geometry.
    pub places: Vec<Place>,
    /// The point to touch next.
    pub next: Option<usize>,
    /// Where the tip is in the phantom, mm, once the phantom is registered.
    pub tip_at_mm: Option<[f64; 3]>,
    /// How much of a rest there is, 0 to 1.
    pub still: f64,
    /// Rests that met no point.
    pub refused: usize,
    /// Touches that were given up because the next ones did not fit.
    pub given_up: usize,
    /// What they say.
    pub figures: Option<TouchFigures>,
}

/// A roughly known tip is enough to find touches: its error, mm, and span, degrees.
const ROUGH_TIP: (f64, f64) = (1.0, 20.0);
/// Rounds that are added while a tip from landmarks is not accepted.
const MAX_EXTRA_ROUNDS: usize = 2;
/// From this share of a rest on the tool is being held still.
const HOLDING: f64 = 0.25;
/// Refusals in a row that mean more than a wrong point.
const MANY_REFUSALS: usize = 3;

/// Follows touches of known points.
#[derive(Debug, Clone)]
pub struct TouchGuide<Room: Frame, Phantom: Frame> {
    settings: TouchSettings,
    tip: Option<Point<Tool>>,
    /// Finds the tip where it is not known.
    first: PivotGuide,
    track: Track<Room, Phantom>,
    extra_rounds: usize,
    figures: Option<TouchFigures>,
    judgement: Option<Judgement>,
}

impl<Room: Frame, Phantom: Frame> TouchGuide<Room, Phantom> {
    /// Touches that begin.
    ///
    /// * `points` - true places, mm.
    /// * `tip` - of the tool, mm; without it the guide begins with a pivot. A rough
    ///   one is enough for [`TouchPurpose::Tip`].
    #[must_use]
    pub fn new(points: Vec<Point<Phantom>>, tip: Option<Point<Tool>>, settings: TouchSettings) -> Self {
        let track = Track::new(points, settings.tolerance_mm);
        let first = PivotGuide::new(settings.guide);
        Self { settings, tip, first, track, extra_rounds: 0, figures: None, judgement: None }
    }

    /// The tip, once it is known: as given, as pivoted, or as the landmarks say.
    #[must_use]
    pub const fn tip(&self) -> Option<Point<Tool>> {
        self.tip
    }

    /// The touches, in the order they were taken; the tip's mean place in each.
    #[must_use]
    pub fn touches(&self) -> Vec<Touch<Room>> {
        self.tip.map_or_else(Vec::new, |tip| self.track.touches(tip))
    }

    /// The touches by the poses in which the tip rested.
    #[must_use]
    pub fn touched(&self) -> Vec<TouchedLandmark> {
        self.track.touched()
    }

    /// Rests that met no point.
    #[must_use]
    pub const fn refused(&self) -> usize {
        self.track.refused
    }

    fn wanted(&self) -> usize {
        self.settings.repeats.max(1) + self.extra_rounds
    }

    /// The tip first, by pivoting it.
    fn find_tip(&mut self, poses: &[Transform<Room, Tool>], times_s: &[f64], seen: &Seen) -> GuideState {
        let mut state = self.first.look(poses, times_s, seen);
        let Progress::Pivot(progress) = &state.progress else { return state };
        let is_rough = progress.tip_mm.is_some_and(|(_, error_mm)| error_mm < ROUGH_TIP.0)
            && progress.span_deg >= ROUGH_TIP.1
            && !matches!(state.step, Step::Connect | Step::Show);
        let is_known = match self.settings.purpose {
            TouchPurpose::Test(_) => state.step == Step::Done,
            TouchPurpose::Tip(_) => is_rough && state.forget == 0,
        };
        let tip = progress.tip_mm.filter(|_| is_known).map(|(tip, _)| Point::from(tip));
        let point = self.settings.purpose.point();
        if let (Some(tip), Some(pose)) = (tip, poses.last()) {
            self.tip = Some(tip);
            // What rests in a point now is no touch yet.
            self.track.leave(*pose * tip);
            state.advice = format!("The tip is known. Lift it, and touch {point} 1");
        } else if !matches!(state.step, Step::Connect | Step::Show) {
            state.advice = format!("First the tip. {}", state.advice);
        }
        if state.step == Step::Done {
            state.step = Step::Move;
        }
        state
    }

    /// What the touches say, with the poses so far.
    fn evaluate(&mut self, poses: &[Transform<Room, Tool>], tip: Point<Tool>) {
        (self.figures, self.judgement) = (None, None);
        match &self.settings.purpose {
            TouchPurpose::Test(settings) => {
                if let Ok(found) = phantom_accuracy(&self.track.points, &self.track.touches(tip), settings) {
                    let (mean_mm, bias_mm) = (found.single.mean_mm, found.bias.mean_mm);
                    let precision_mm = found.precision_mm;
                    self.figures = Some(TouchFigures::Test { mean_mm, bias_mm, precision_mm });
                    self.judgement = Some(found.judgement);
                }
            }
            TouchPurpose::Tip(settings) => {
                let touched = self.track.touched();
                if let Ok(found) = tip_from_landmarks(poses, &touched, &self.track.points, settings) {
                    let (tip_mm, error_mm) = (found.tip.to_array(), found.tip_error_mm());
                    self.figures = Some(TouchFigures::Tip { tip_mm, error_mm, rms_mm: found.rms_mm });
                    // Better than the rough one it began with.
                    if found.judgement.verdict() != Verdict::Reject && error_mm < ROUGH_TIP.0 {
                        self.tip = Some(found.tip);
                    }
                    self.judgement = Some(found.judgement);
                }
            }
        }
        let is_accepted = self.judgement.as_ref().is_some_and(|j| j.verdict() == Verdict::Accept);
        let is_tip = matches!(self.settings.purpose, TouchPurpose::Tip(_));
        if is_tip && !is_accepted && self.track.next(self.wanted()).is_none() && self.extra_rounds < MAX_EXTRA_ROUNDS {
            self.extra_rounds += 1;
        }
    }

    /// What to do about the touches.
    fn advise(&self, rest: Option<&Rest>) -> (Step, String) {
        let point = self.settings.purpose.point();
        let Some(next) = self.track.next(self.wanted()) else {
            let is_rejected = self.judgement.as_ref().is_some_and(|j| j.verdict() == Verdict::Reject);
            let words = if is_rejected { worst_remedy(self.judgement.as_ref()) } else { "Take the tool away".into() };
            return (Step::Done, format!("All {} touches are there. {words}", self.track.count()));
        };
        let number = next + 1;
        let again = if self.track.touches_of(next) > 0 { " again" } else { "" };
        let tilted = match self.settings.purpose {
            TouchPurpose::Tip(_) if self.track.count() > 0 => ", the tool tilted another way",
            _ => "",
        };
        let order = format!("touch {point} {number}{again}{tilted}");
        if !self.track.is_left() {
            return (Step::Move, self.after_rest(&order, next, tilted));
        }
        if rest.is_some_and(|rest| rest.share >= HOLDING) {
            return (Step::Hold, format!("Hold still on {point} {number}"));
        }
        (Step::Move, capital(&order))
    }

    /// What became of the last rest, and that the tip has to go on.
    fn after_rest(&self, order: &str, next: usize, tilted: &str) -> String {
        let (point, number) = (self.settings.purpose.point(), next + 1);
        let title = capital(point);
        match self.track.met {
            Some(Met::Taken { place }) if place == next => {
                format!("{title} {number} is taken. Lift the tip, and touch it again{tilted}")
            }
            Some(Met::Taken { place }) => format!("{title} {} is taken. Lift the tip, and {order}", place + 1),
            Some(Met::Enough { place }) => format!("{title} {} has all its touches: {order}", place + 1),
            Some(Met::Refused { off_mm }) if self.track.refused_in_row >= MANY_REFUSALS => {
                format!(
                    "Again {off_mm:.0} mm from {point} {number}. Was the phantom moved? Then end this and begin anew"
                )
            }
            Some(Met::Refused { off_mm }) => format!("That is not {point} {number}, {off_mm:.0} mm off: {order}"),
            Some(Met::Restart) => format!("The touches do not fit the geometry: begin again with {point} {number}"),
            Some(Met::Sorted { count }) => format!("Now {count} touches are told apart. Lift the tip, and {order}"),
            None => format!("Lift the tip, and {order}"),
        }
    }

    fn progress(&self, poses: &[Transform<Room, Tool>], rest: Option<&Rest>) -> TouchProgress {
        let wanted = self.wanted();
        let tip_at = match (self.tip, poses.last(), &self.track.room_from_phantom) {
            (Some(tip), Some(pose), Some(registered)) => Some(registered.inverse() * (*pose * tip)),
            _ => None,
        };
        let place =
            |(k, at): (usize, &Point<Phantom>)| Place { at: at.to_array(), touches: self.track.touches_of(k), wanted };
        TouchProgress {
            purpose: self.settings.purpose,
            places: self.track.points.iter().enumerate().map(place).collect(),
            next: self.track.next(wanted),
            tip_at_mm: tip_at.map(Point::to_array),
            still: if self.track.is_left() { rest.map_or(0.0, |rest| rest.share) } else { 0.0 },
            refused: self.track.refused,
            given_up: self.track.given_up,
            figures: self.figures,
        }
    }
}

impl<Room: Frame, Phantom: Frame> Guide<Room> for TouchGuide<Room, Phantom> {
    /// Cost: linear in the poses of one rest; when a touch is taken, that of
    /// [`phantom_accuracy`] or [`tip_from_landmarks`].
    fn look(&mut self, room_from_tool: &[Transform<Room, Tool>], times_s: &[f64], seen: &Seen) -> GuideState {
        let Some(tip) = self.tip else { return self.find_tip(room_from_tool, times_s, seen) };
        let absence = self.settings.guide.absence(seen);
        let rest = match absence {
            Some(_) => None,
            None => Rest::of(room_from_tool, times_s, tip, &self.settings.dwell),
        };
        if let Some(rest) = &rest {
            let is_taken = self.track.watch(room_from_tool, rest, tip, (self.wanted(), self.settings.dwell.merge_mm));
            if is_taken {
                self.evaluate(room_from_tool, tip);
            }
        }
        let (step, advice) = absence.unwrap_or_else(|| self.advise(rest.as_ref()));
        GuideState {
            step,
            advice,
            poses: room_from_tool.len(),
            agreeing: self.track.poses(),
            forget: 0,
            judgement: self.judgement.clone(),
            progress: Progress::Touches(self.progress(room_from_tool, rest.as_ref())),
        }
    }
}
