//! What was found, for people.

use engine::xray::{Cuboid, Findings, Score, name};

use super::super::measure::table::parameters;

/// Parameters, vertebrae and notes as lines of text.
pub fn table(findings: &Findings, warnings: &[String]) -> String {
    let mut lines = parameters(&findings.report);
    for curve in &findings.report.curves {
        lines.push(format!(
            "  curve {}-{}: {:.1} deg +-{:.1}, convex to the {}, apex {}",
            curve.upper, curve.lower, curve.cobb_deg, curve.cobb_sd_deg, curve.convex_to, curve.apex
        ));
    }
    lines.push("  level  views     sure   depth  width height mm   views apart mm (upper, lower)".to_owned());
    lines.extend(findings.cuboids.iter().map(row));
    lines.extend(findings.report.unreadable.iter().map(|(level, why)| format!("  {level} was left out: {why}")));
    if !findings.corrections.is_empty() {
        let c = &findings.corrections;
        lines.push(format!("  Corrected by {:?} at {:?}: {}", c.by, c.when, moved(findings).join(", ")));
    }
    if findings.levels_assumed {
        lines.push("  The names of the levels are assumed.".to_owned());
    }
    lines.extend(findings.notes.iter().chain(warnings).map(|note| format!("  Note: {note}.")));
    lines.extend(findings.report.posture_note().map(|note| format!("  Note: {note}.")));
    lines.push("  Research use only: no real radiograph was at hand for training or tests.".to_owned());
    lines.join("\n")
}

fn row(cuboid: &Cuboid) -> String {
    let [depth, width, height] = cuboid.size_mm();
    let views = if cuboid.is_in_both { "both" } else { "lateral" };
    let gap = cuboid.gap_mm.map_or_else(|| "-".to_owned(), |[a, b]| format!("{a:.1}, {b:.1}"));
    let name = name(cuboid.level);
    format!("  {name:6} {views:8} {:5.2}  {depth:6.1} {width:6.1} {height:6.1}      {gap}", cuboid.confidence)
}

/// What a person placed, `lateral L3 corners`.
fn moved(findings: &Findings) -> Vec<String> {
    let c = &findings.corrections;
    let mut all: Vec<String> = c.levels.iter().map(|(from, to)| format!("{from} is {to}")).collect();
    for (view, by_hand) in [("frontal", &c.frontal), ("lateral", &c.lateral)] {
        let named = |names: Vec<&String>, what: &str| {
            let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
            (!names.is_empty()).then(|| format!("{view} {what} of {}", names.join(" ")))
        };
        all.extend(named(by_hand.boxes.keys().collect(), "boxes"));
        all.extend(named(by_hand.corners.keys().collect(), "corners"));
        all.extend(named(by_hand.heads.keys().collect(), "femoral heads"));
        all.extend(named(by_hand.remove.iter().collect(), "removal"));
    }
    all
}

/// Findings against a truth.
pub fn score(score: &Score) -> String {
    let mut lines = vec!["  Against the truth:".to_owned()];
    for (view, s) in [("frontal", &score.frontal), ("lateral", &score.lateral)] {
        let middle = s.corner_mm.get(s.corner_mm.len() / 2).map_or_else(|| "-".to_owned(), |mm| format!("{mm:.1}"));
        lines.push(format!(
            "  {view}: {} of {} bodies found, {} with the right name, {} false boxes; corners {middle} mm off (median)",
            s.found, s.bodies, s.named, s.false_boxes
        ));
    }
    lines.extend(score.parameter_errors.iter().map(|(key, error)| format!("  {key:10} {error:+6.1}")));
    lines.join("\n")
}
