//! The measures for people.

use engine::measure::{Measure, Report, RotationFrame};

/// Everything in a report as lines of text.
pub fn table(report: &Report) -> String {
    let mut lines = parameters(report);
    for c in &report.curves {
        lines.push(format!(
            "  curve {}-{}: {:.1} deg +-{:.1}, convex to the {}, apex {}; {:.1} deg in the plane {:.0} deg from coronal",
            c.upper, c.lower, c.cobb_deg, c.cobb_sd_deg, c.convex_to, c.apex, c.maximum_deg, c.maximum_plane_deg
        ));
    }
    lines.push(levels(report));
    lines.push(discs(report));
    lines.extend(report.unreadable.iter().map(|(level, why)| format!("  {level} was left out: {why}")));
    if !report.corrections.is_empty() {
        let c = &report.corrections;
        let moved: Vec<&str> = c.levels.keys().chain(c.landmarks.keys()).map(String::as_str).collect();
        lines.push(format!("  Corrected by {:?} at {:?}: {}", c.by, c.when, moved.join(", ")));
    }
    lines.extend(report.posture_note().map(|note| format!("  Note: {note}.")));
    lines.join("\n")
}

/// The named parameters, a line each, and how well the pelvic ones add up.
pub fn parameters(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for (parameter, measure) in &report.parameters {
        let (_, unit) = parameter.key.rsplit_once('_').unwrap_or(("", ""));
        let line = match measure {
            Ok(v) => format!("{:7.1} {unit} +-{:.1}   {}", v.value, v.sd, v.landmarks.join(", ")),
            Err(why) => format!("      -  {why}"),
        };
        lines.push(format!("  {:26} {line}", parameter.name));
    }
    if let Some(check) = report.pelvis_check_deg {
        lines.push(format!("  {:26} {check:7.1} deg", "incidence - tilt - slope"));
    }
    lines
}

fn levels(report: &Report) -> String {
    let frame = match report.rotation_frame {
        RotationFrame::FemoralHeads => "the femoral heads",
        RotationFrame::Sacrum => "the sacrum",
        RotationFrame::Image => "the image (no pelvis in view)",
    };
    let head = format!(
        "  Rotation relative to {frame}, left positive\n  level  rotation deg    height mm front middle back   wedge deg sagittal coronal"
    );
    let row = |l: &engine::measure::LevelMeasures| {
        let [front, middle, back] = l.height_mm.each_ref().map(|m| cell(m, 6));
        format!(
            "  {:6} {}          {front} {middle} {back}             {} {}",
            l.level.to_string(),
            with_sd(&l.rotation_deg),
            cell(&l.wedge_sagittal_deg, 6),
            cell(&l.wedge_coronal_deg, 6)
        )
    };
    let rows: Vec<String> = report.levels.iter().map(row).collect();
    format!("{head}\n{}", rows.join("\n"))
}

fn discs(report: &Report) -> String {
    let row = |d: &engine::measure::DiscMeasures| {
        let [front, middle, back] = d.height_mm.each_ref().map(|m| cell(m, 6));
        let grade = d.slip_grade.as_ref().map_or("-".to_owned(), ToString::to_string);
        let name = format!("{}-{}", d.upper, d.lower);
        format!("  {name:12} {front} {middle} {back}      {} {grade:>6}", cell(&d.slip_mm, 6))
    };
    let rows: Vec<String> = report.discs.iter().map(row).collect();
    format!("  disc          height mm front middle back   slip mm  grade\n{}", rows.join("\n"))
}

fn cell(measure: &Measure, width: usize) -> String {
    measure.as_ref().map_or_else(|_| format!("{:>width$}", "-"), |v| format!("{:width$.1}", v.value))
}

fn with_sd(measure: &Measure) -> String {
    measure.as_ref().map_or_else(|_| format!("{:>12}", "-"), |v| format!("{:6.1} +-{:3.1}", v.value, v.sd))
}
