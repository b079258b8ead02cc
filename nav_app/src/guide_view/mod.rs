//! A guided calibration at one moment, for the terminal, the window and
//! pictures: what to do, how far it is, what it is worth.
//!
//! Holds what is shown and words it; computes nothing. Made by
//! `commands::calibrate::guided`.

use calib::Verdict;
use calib::guide::{PivotState, Step};

/// Why a guided recording is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuideEnd {
    /// It was accepted and has stayed so.
    Accepted,
    /// Its time is up.
    Time,
    /// The window was closed.
    Closed,
}

/// What is shown.
#[derive(Debug, Clone)]
pub struct GuideView {
    /// Name of the tool.
    pub tool: String,
    /// How far the calibration is.
    pub state: PivotState,
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

impl GuideView {
    /// What to do now.
    pub fn advice(&self) -> &str {
        match self.end {
            Some(GuideEnd::Time) if self.verdict() != Some(Verdict::Accept) => {
                "Time is up. See what is missing, and record again"
            }
            Some(GuideEnd::Closed) if self.verdict() != Some(Verdict::Accept) => "Ended. Record again to finish",
            Some(_) if self.verdict() == Some(Verdict::Accept) => {
                "Done. Take the tool out, and check it on a known divot before use"
            }
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

    /// Where the tip is, and how well that is known.
    pub fn tip(&self) -> String {
        let known = |([x, y, z], error): ([f64; 3], f64)| format!("({x:.2}, {y:.2}, {z:.2}) mm +- {error:.2} mm");
        // A tip that is known to centimetres is none.
        self.state.tip_mm.filter(|tip| tip.1 < 50.0).map_or_else(|| "--".into(), known)
    }

    /// Poses that count, that do not, and packets without one.
    pub fn samples(&self) -> String {
        let PivotState { poses, agreeing, .. } = self.state;
        let refused = if self.state.judgement.is_some() { poses - agreeing.min(poses) } else { 0 };
        let given_up = if self.given_up > 0 { format!(", {} given up", self.given_up) } else { String::new() };
        format!("{} taken, {refused} refused, {} not seen{given_up}", poses - refused, self.unseen)
    }

    /// Sides covered, and the span.
    pub fn tilt(&self) -> String {
        let Some(coverage) = &self.state.coverage else { return "0 of 8 sides".into() };
        let missing = coverage.missing();
        let sides = coverage.names.len();
        let span = self.state.span_deg;
        if missing.is_empty() {
            return format!("all {sides} sides, span {span:.0} deg");
        }
        format!("{} of {sides} sides, span {span:.0} deg", sides - missing.len())
    }

    /// Names of the sides that are missing.
    pub fn missing(&self) -> String {
        self.state.coverage.as_ref().map_or_else(|| "all sides".into(), |c| c.missing().join(", "))
    }

    /// One line for those who see no picture.
    pub fn line(&self) -> String {
        let left = (self.limit_s - self.elapsed_s).max(0.0);
        let verdict = Self::verdict_word(self.verdict(), self.end.is_some()).to_lowercase();
        let (samples, tip) = (self.samples(), self.tip());
        let missing = self.missing();
        let missing = if missing.is_empty() { String::new() } else { format!(" (missing: {missing})") };
        let is_alarm = self.end.is_none() && matches!(self.state.step, Step::Connect | Step::Show);
        let mark = if is_alarm { "! " } else { "" };
        format!("{left:4.0} s left, {samples}; tip {tip}; {verdict}. {mark}{}{missing}", self.advice())
    }
}
