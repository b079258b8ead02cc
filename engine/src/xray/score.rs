//! How far findings are from a known truth: boxes, corners, parameters.

use std::collections::BTreeMap;

use serde::Serialize;

use super::drr::{Truth, ViewTruth};
use super::findings::Findings;
use super::landmarks::{ViewLandmarks, name};

/// A box counts as found when its overlap (intersection over union) is at least this.
const OVERLAP: f64 = 0.5;

/// One view against its truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ViewScore {
    /// Bodies in the truth.
    pub bodies: usize,
    /// ... that a found box overlaps by half, whatever its name.
    pub found: usize,
    /// ... and whose name is right.
    pub named: usize,
    /// Found boxes that overlap none.
    pub false_boxes: usize,
    /// Distance of each corner from the true one, bodies with the right name, mm at the patient, sorted.
    pub corner_mm: Vec<f64>,
}

/// Findings against a truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// The frontal view.
    pub frontal: ViewScore,
    /// The lateral view.
    pub lateral: ViewScore,
    /// Found less true, for each parameter that both have; the key names the unit.
    pub parameter_errors: BTreeMap<String, f64>,
}

/// Compares findings with what a CT says.
///
/// Cost: boxes of both multiplied.
#[must_use]
pub fn score(findings: &Findings, truth: &Truth) -> Score {
    let [frontal, lateral] = &findings.views;
    let [front_mm, side_mm] = findings.pixel_mm();
    let error = |(key, value): (&String, &Option<f64>)| {
        let found = findings.report.parameter(key)?.as_ref().ok()?.value;
        Some((key.clone(), found - (*value)?))
    };
    Score {
        frontal: view(frontal, &truth.frontal, front_mm),
        lateral: view(lateral, &truth.lateral, side_mm),
        parameter_errors: truth.parameters.iter().filter_map(error).collect(),
    }
}

fn view(seen: &ViewLandmarks, truth: &ViewTruth, pixel_mm: f64) -> ViewScore {
    let found: Vec<(String, [f64; 4])> = seen.vertebrae.iter().map(|v| (name(v.level), v.bounds.into())).collect();
    let hits = |area: &[f64; 4], other: &[f64; 4]| overlap(area, other) >= OVERLAP;
    // Boxes of a truth are counted from the first pixel's corner, ours from its middle.
    let bodies: Vec<(&String, [f64; 4])> =
        truth.levels.iter().map(|(level, shown)| (level, shown.area.map(|v| v - 0.5))).collect();
    let mut corner_mm = Vec::new();
    for (level, shown) in &truth.levels {
        let same = seen.vertebrae.iter().find(|v| name(v.level) == *level);
        if let (Some(Ok(ours)), Some(theirs)) = (same.map(|v| &v.corners), &shown.corners) {
            let off = |(a, b): (&[f64; 2], &[f64; 2])| (a[0] - b[0]).hypot(a[1] - b[1]) * pixel_mm;
            corner_mm.extend(ours.iter().zip(theirs).map(off));
        }
    }
    corner_mm.sort_by(f64::total_cmp);
    ViewScore {
        bodies: bodies.len(),
        found: bodies.iter().filter(|(_, area)| found.iter().any(|(_, other)| hits(area, other))).count(),
        named: bodies
            .iter()
            .filter(|(level, area)| found.iter().any(|(name, other)| name == *level && hits(area, other)))
            .count(),
        false_boxes: found.iter().filter(|(_, area)| !bodies.iter().any(|(_, other)| hits(area, other))).count(),
        corner_mm,
    }
}

/// Intersection over union of two boxes: left, top, right, bottom.
fn overlap(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    let side = |low: usize| (a[low + 2].min(b[low + 2]) - a[low].max(b[low])).max(0.0);
    let area = |c: &[f64; 4]| (c[2] - c[0]).max(0.0) * (c[3] - c[1]).max(0.0);
    let common = side(0) * side(1);
    let union = area(a) + area(b) - common;
    if union > 0.0 { common / union } else { 0.0 }
}
