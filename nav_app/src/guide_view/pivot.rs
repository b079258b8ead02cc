//! A pivot calibration in words and as a picture.

use calib::guide::PivotProgress;

use super::{Detail, Dial, GuideView, Number, or_dashes};

/// A tip that is known to centimetres is none, mm.
const UNKNOWN_MM: f64 = 50.0;

pub(super) fn numbers(view: &GuideView, progress: &PivotProgress) -> [Number; 3] {
    let error = progress.tip_mm.map(|tip| tip.1).filter(|error| *error < UNKNOWN_MM);
    let span = (view.state.poses > 0).then_some(progress.span_deg);
    let sides = progress
        .coverage
        .as_ref()
        .map_or_else(|| "0/8".into(), |c| format!("{}/{}", c.names.len() - c.missing().len(), c.names.len()));
    [
        Number { caption: "TIP KNOWN TO", value: or_dashes(error, 2), unit: "mm" },
        Number { caption: "TILT SPAN", value: or_dashes(span, 0), unit: "deg" },
        Number { caption: "SIDES DONE", value: sides, unit: "" },
    ]
}

pub(super) fn details(view: &GuideView, progress: &PivotProgress) -> Vec<Detail> {
    let names = progress.coverage.as_ref().map(|c| format!("up {}, right {}", c.names[2], c.names[0]));
    vec![
        Detail { name: "tip", words: tip(progress) },
        Detail { name: "poses", words: view.samples() },
        Detail { name: "tilt", words: tilt(progress) },
        Detail { name: "missing", words: missing(progress) },
        Detail { name: "picture", words: names.unwrap_or_default() },
    ]
}

pub(super) fn summary(view: &GuideView, progress: &PivotProgress) -> (String, String) {
    (format!("{}; tip {}", view.samples(), tip(progress)), missing(progress))
}

pub(super) fn dial(progress: &PivotProgress) -> Dial {
    let Some(coverage) = &progress.coverage else {
        let sides = calib::coverage::SECTORS;
        return Dial { reached_deg: vec![0.0; sides], wanted_deg: 15.0, ..Dial::default() };
    };
    Dial {
        reached_deg: coverage.reached_deg.to_vec(),
        is_needed: Vec::new(),
        wanted_deg: coverage.wanted_deg,
        poses_deg: coverage.samples_deg.clone(),
        now_deg: coverage.latest_deg,
        next: progress.target,
        names: coverage.names.to_vec(),
    }
}

/// Where the tip is, and how well that is known.
fn tip(progress: &PivotProgress) -> String {
    let known = |([x, y, z], error): ([f64; 3], f64)| format!("({x:.2}, {y:.2}, {z:.2}) mm +- {error:.2} mm");
    progress.tip_mm.filter(|tip| tip.1 < UNKNOWN_MM).map_or_else(|| "--".into(), known)
}

/// Sides covered, and the span.
fn tilt(progress: &PivotProgress) -> String {
    let Some(coverage) = &progress.coverage else { return "0 of 8 sides".into() };
    let missing = coverage.missing();
    let sides = coverage.names.len();
    let span = progress.span_deg;
    if missing.is_empty() {
        return format!("all {sides} sides, span {span:.0} deg");
    }
    format!("{} of {sides} sides, span {span:.0} deg", sides - missing.len())
}

/// Names of the sides that are missing.
fn missing(progress: &PivotProgress) -> String {
    progress.coverage.as_ref().map_or_else(|| "all sides".into(), |c| c.missing().join(", "))
}
