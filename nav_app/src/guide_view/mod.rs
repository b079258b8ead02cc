//! A guided recording at one moment, for the terminal, the window and
//! pictures: what to do, how far it is, what it is worth.
//!
//! Holds what is shown and words it; computes nothing. Made by
//! `commands::calibrate::guided`.

mod pivot;
mod spin;
mod touches;

use calib::Verdict;
use calib::guide::{GuideState, Progress, Step};

/// Why a guided recording is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuideEnd {
    /// Nothing is missing.
    Done,
    /// Its time is up.
    Time,
    /// The user ended it: the window was closed, or Ctrl-C.
    Ended,
}

/// What is shown.
#[derive(Debug, Clone)]
pub struct GuideView {
    /// Name of the tool.
    pub tool: String,
    /// How far it is.
    pub state: GuideState,
    /// Packets without a pose of the tool.
    pub unseen: u64,
    /// Poses given up after a slip.
    pub given_up: usize,
    /// Since the beginning, s.
    pub elapsed_s: f64,
    /// When the recording ends by itself, s.
    pub limit_s: f64,
    /// Why it is over.
    pub end: Option<GuideEnd>,
}

/// A figure to be read from afar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// What it is.
    pub caption: &'static str,
    /// Itself.
    pub value: String,
    /// Its unit.
    pub unit: &'static str,
}

/// A fact in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// What it is, in a word.
    pub name: &'static str,
    /// The fact.
    pub words: String,
}

/// What is drawn beside the words.
#[derive(Debug, Clone, PartialEq)]
pub enum Picture {
    /// Directions: tilts to all sides, or a turn.
    Disc(Dial),
    /// Points of a phantom, seen from one side.
    Map(Map),
}

/// Directions about a middle.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dial {
    /// What was reached in each direction, degrees; the first is at the right,
    /// the others follow counterclockwise.
    pub reached_deg: Vec<f64>,
    /// Directions that are needed; all, where it is shorter.
    pub is_needed: Vec<bool>,
    /// What each needs, degrees.
    pub wanted_deg: f64,
    /// Azimuth and distance from the middle of poses, degrees.
    pub poses_deg: Vec<[f64; 2]>,
    /// Where the tool is now.
    pub now_deg: Option<[f64; 2]>,
    /// The direction to go to next.
    pub next: Option<usize>,
    /// Names of the directions, where they have some.
    pub names: Vec<String>,
}

/// Points to touch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Map {
    /// The points, in the geometry's order.
    pub spots: Vec<Spot>,
    /// The one to touch next.
    pub next: Option<usize>,
    /// Where the tip is, as a spot's place.
    pub now: Option<[f64; 2]>,
    /// How much of a rest there is, 0 to 1.
    pub still: f64,
}

/// A point to touch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// To the right and up, -1 to 1.
    pub at: [f64; 2],
    /// Touches it has of those it needs, 0 to 1.
    pub share: f64,
}

impl GuideView {
    /// What is being done.
    pub fn title(&self) -> String {
        let what = match &self.state.progress {
            Progress::Pivot(_) => "Calibration of",
            Progress::Spin(_) => "Shaft of",
            Progress::Touches(progress) => touches::title(progress),
        };
        format!("{what} {}", self.tool)
    }

    /// What to do now.
    pub fn advice(&self) -> &str {
        let is_accepted = self.verdict() == Some(Verdict::Accept);
        match self.end {
            Some(GuideEnd::Time) if !is_accepted => "Time is up. See what is missing, and record again",
            Some(GuideEnd::Ended) if !is_accepted => "Ended. The result is of what came so far",
            Some(_) if is_accepted => match &self.state.progress {
                Progress::Pivot(_) => "Done. Take the tool out, and check it on a known divot before use",
                Progress::Spin(_) => "Done. The direction of the shaft is known",
                Progress::Touches(_) => "Done. Take the tool away",
            },
            _ => &self.state.advice,
        }
    }

    /// The verdict so far.
    pub fn verdict(&self) -> Option<Verdict> {
        self.state.judgement.as_ref().map(calib::Judgement::verdict)
    }

    /// The verdict in a word; while it goes on nothing is final.
    pub const fn verdict_word(verdict: Option<Verdict>, is_over: bool) -> &'static str {
        match (verdict, is_over) {
            (Some(Verdict::Accept), true) => "ACCEPTED",
            (Some(Verdict::Accept), false) => "ACCEPTED SO FAR",
            (Some(Verdict::Doubtful), true) => "DOUBTFUL",
            (Some(Verdict::Reject), true) => "REJECTED",
            (Some(Verdict::Doubtful), false) => "NOT YET: DOUBTFUL",
            (Some(Verdict::Reject), false) => "NOT YET",
            (None, _) => "NOTHING MEASURED",
        }
    }

    /// The worst reason against it, or that there is none.
    pub fn reason(&self) -> String {
        let findings = self.state.judgement.as_ref().map(calib::Judgement::findings).unwrap_or_default();
        let worst = findings.iter().map(|f| f.verdict).max();
        let first = findings.iter().find(|f| Some(f.verdict) == worst);
        match (first, &self.state.judgement) {
            (Some(finding), _) => finding.reason.clone(),
            (None, Some(_)) => "all checks passed".into(),
            (None, None) => String::new(),
        }
    }

    /// What matters most, for a large print.
    pub fn numbers(&self) -> [Number; 3] {
        match &self.state.progress {
            Progress::Pivot(progress) => pivot::numbers(self, progress),
            Progress::Spin(progress) => spin::numbers(progress),
            Progress::Touches(progress) => touches::numbers(progress),
        }
    }

    /// Facts, the two that matter most first.
    pub fn details(&self) -> Vec<Detail> {
        match &self.state.progress {
            Progress::Pivot(progress) => pivot::details(self, progress),
            Progress::Spin(progress) => spin::details(self, progress),
            Progress::Touches(progress) => touches::details(progress),
        }
    }

    /// What is drawn.
    pub fn picture(&self) -> Picture {
        match &self.state.progress {
            Progress::Pivot(progress) => Picture::Disc(pivot::dial(progress)),
            Progress::Spin(progress) => Picture::Disc(spin::dial(progress)),
            Progress::Touches(progress) => Picture::Map(touches::map(progress)),
        }
    }

    /// Poses that count, that do not, and packets without one.
    pub fn samples(&self) -> String {
        let GuideState { poses, agreeing, .. } = self.state;
        let refused = if self.state.judgement.is_some() { poses - agreeing.min(poses) } else { 0 };
        let given_up = if self.given_up > 0 { format!(", {} given up", self.given_up) } else { String::new() };
        format!("{} taken, {refused} refused, {} not seen{given_up}", poses - refused, self.unseen)
    }

    /// One line for those who see no picture.
    pub fn line(&self) -> String {
        let left = (self.limit_s - self.elapsed_s).max(0.0);
        let verdict = Self::verdict_word(self.verdict(), self.end.is_some()).to_lowercase();
        let (summary, missing) = match &self.state.progress {
            Progress::Pivot(progress) => pivot::summary(self, progress),
            Progress::Spin(progress) => spin::summary(self, progress),
            Progress::Touches(progress) => touches::summary(self, progress),
        };
        let missing = if missing.is_empty() { String::new() } else { format!(" (missing: {missing})") };
        let is_alarm = self.end.is_none() && matches!(self.state.step, Step::Connect | Step::Show);
        let mark = if is_alarm { "! " } else { "" };
        format!("{left:4.0} s left, {summary}; {verdict}. {mark}{}{missing}", self.advice())
    }
}

/// A number, or that there is none.
fn or_dashes(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "--".into(), |value| format!("{value:.decimals$}"))
}
