//! Before, now and target for people.

use engine::measure::follow::{Alignment, Estimate, FollowedParameter};

/// A line a parameter, then what a reader must know.
pub fn lines(alignment: &Alignment) -> Vec<String> {
    let mut lines = vec![format!(
        "  {:26} {:>14} {:>14} {:>7}  {:14} {:>8}",
        "alignment", "before", "now", "change", "target", "to go"
    )];
    lines.extend(alignment.parameters.iter().map(line));
    for level in &alignment.levels {
        let (moved, turned) = (level.moved_mm, level.turned_deg);
        lines.push(format!("  {} {}: moved {moved:.1} mm, turned {turned:.1} deg", level.level, level.verdict));
    }
    if alignment.most_moved_mm() > 1.0 {
        lines.push(format!(
            "  Guidance still shows every level where the whole spine's registration has it, up to {:.1} mm off.",
            alignment.most_moved_mm()
        ));
    }
    if !alignment.targets_source.is_empty() {
        lines.push(format!("  Targets: {}", alignment.targets_source));
    }
    lines.push("  Vertical is that of the CT, carried over by the whole spine's registration.".into());
    lines
}

fn line(row: &FollowedParameter) -> String {
    let target = row.target.map_or_else(String::new, |target| target.words());
    let line = format!(
        "  {:26} {:>14} {:>14} {:>7}  {target:14} {:>8}",
        row.name,
        estimate(row.before),
        estimate(row.now),
        row.change().map_or_else(String::new, |change| format!("{change:+.1}")),
        to_go(row),
    );
    format!("{line}  {}", words(row))
}

fn estimate(estimate: Option<Estimate>) -> String {
    estimate.map_or_else(|| "-".into(), |e| format!("{:.1} +-{:.1}", e.value, e.sd))
}

/// What is left to the target, in a word or a number.
pub fn to_go(row: &FollowedParameter) -> String {
    match row.to_go {
        Some(0.0) => "reached".into(),
        Some(rest) => format!("{rest:+.1}"),
        None => String::new(),
    }
}

/// Which levels stand behind a value, or why there is none.
pub fn words(row: &FollowedParameter) -> String {
    if let Some(reason) = &row.reason {
        return reason.clone();
    }
    let mut words = Vec::new();
    if !row.followed.is_empty() {
        words.push(format!("followed {}", row.followed.join(", ")));
    }
    if !row.assumed.is_empty() {
        words.push(format!("assumed as in the CT {}", row.assumed.join(", ")));
    }
    if row.is_doubtful {
        words.push("doubtful registration".into());
    }
    words.join("; ")
}
