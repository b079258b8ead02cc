//! PlannedScrew screws for people and machines.

use engine::plan::Breach;
use serde_json::{Value, json};

use crate::scene_input::PlannedScrew;

/// One line a screw.
pub fn text(screws: &[PlannedScrew], files: &[String]) -> String {
    let mut lines = vec![
        "  screw      size mm     grade  to 95 %  pedicle wall mm             canal mm  tip mm   +- mm".to_owned(),
    ];
    for PlannedScrew { screw, found } in screws {
        let canal = found.canal_mm.map_or("-".to_owned(), |[mm, _]| format!("{mm:.1}"));
        lines.push(format!(
            "  {:9}  {:3.1} x {:2.0}    {}      {}        {:26}  {canal:>7}  {:6.1}  {:6.2}",
            screw.name(),
            screw.diameter_mm,
            screw.length_mm,
            found.grade,
            found.grade_95,
            wall(&found.pedicle),
            found.tip_depth_mm,
            found.sd_mm(),
        ));
        if let Some(body) = &found.body {
            lines.push(format!("             leaves the vertebral body: {}", wall(body)));
        }
        lines.extend(found.notes.iter().map(|note| format!("             note: {note}")));
    }
    lines.push("  Wall: least bone between screw and surface; a breach is how far the screw reaches out of it.".into());
    if !files.is_empty() {
        lines.push(format!("  Written: {}", files.join(", ")));
    }
    lines.join("\n")
}

/// The tightest place in words.
pub fn wall(breach: &Breach) -> String {
    let (word, mm) = if breach.outward_mm > 0.0 { ("BREACH", breach.outward_mm) } else { ("wall", -breach.outward_mm) };
    format!("{word} {mm:.1} {} at {:.0} mm", breach.direction.name(), breach.at_mm)
}

fn breach_json(breach: &Breach) -> Value {
    json!({ "outward_mm": breach.outward_mm, "at_mm": breach.at_mm, "direction": breach.direction.name() })
}

/// One screw for machines.
pub fn json(checked: &PlannedScrew) -> Value {
    let PlannedScrew { screw, found } = checked;
    json!({
        "level": screw.level.to_string(), "side": screw.side.name(),
        "entry_ct_mm": screw.entry.to_array(), "target_ct_mm": screw.target.to_array(),
        "diameter_mm": screw.diameter_mm, "length_mm": screw.length_mm,
        "grade": found.grade.to_string(), "grade_95": found.grade_95.to_string(),
        "breach_mm": found.breach_mm(), "pedicle": breach_json(&found.pedicle), "pedicle_stretch_mm": found.stretch_mm,
        "body": found.body.as_ref().map(breach_json),
        "canal_mm": found.canal_mm.map(|c| c[0]), "canal_at_mm": found.canal_mm.map(|c| c[1]),
        "tip_depth_mm": found.tip_depth_mm, "entry_gap_mm": found.entry_gap_mm,
        "sd_mm": found.sd_mm(), "surface_sd_mm": found.surface_sd_mm, "registration_sd_mm": found.registration_sd_mm,
        "notes": found.notes,
    })
}
