//! The page's table of the alignment before, now and to be reached.

use std::fmt::Write;

use engine::measure::follow::{Alignment, Estimate, FollowedParameter};

use super::page::{close, open};
use crate::commands::alignment::table::words;
use crate::page::{escaped, push_row};

/// Adds the section.
pub fn section(page: &mut String, alignment: &Alignment) {
    let columns =
        ["parameter", "before (CT)", "now", "change", "its sd", "target", "to go", "levels followed and assumed"];
    open(page, "Alignment before and now", &columns);
    for row in &alignment.parameters {
        push_row(page, &cells(row), false);
    }
    close(page);
    if alignment.levels.is_empty() {
        page.push_str("<p>No level was registered by itself: every value now is that of the CT.</p>\n");
    } else {
        open(page, "", &["level followed", "registration", "moved", "turned"]);
        for level in &alignment.levels {
            let cells = [
                escaped(&level.level),
                escaped(&level.verdict),
                format!("{:.1} mm", level.moved_mm),
                format!("{:.1}\u{b0}", level.turned_deg),
            ];
            push_row(page, &cells, false);
        }
        close(page);
    }
    if !alignment.targets_source.is_empty() {
        let _infallible = writeln!(page, "<p>Targets: {}</p>", escaped(&alignment.targets_source));
    }
    page.push_str(
        "<p>Now is measured between the same landmarks as before. Levels that were not registered again are assumed to \
         lie as in the CT. Vertical is that of the CT, carried over by the registration of the whole spine: slope, tilt \
         and vertical axis are not those of a standing patient.</p>\n",
    );
}

fn cells(row: &FollowedParameter) -> [String; 8] {
    let unit = if row.unit() == "deg" { "\u{b0}" } else { " mm" };
    let estimate = |e: Option<Estimate>| e.map_or("-".into(), |e| format!("{:.1}{unit} \u{b1} {:.1}", e.value, e.sd));
    let arrow = |rest: f64| if rest > 0.0 { "\u{25b2}" } else { "\u{25bc}" };
    let to_go = match row.to_go {
        Some(0.0) => "<span class=\"done\">\u{2713} reached</span>".to_owned(),
        Some(rest) => format!("<span class=\"out\">{} {rest:+.1}{unit}</span>", arrow(rest)),
        None => "-".into(),
    };
    [
        escaped(&row.name),
        estimate(row.before),
        estimate(row.now),
        row.change().map_or("-".into(), |change| format!("{change:+.1}{unit}")),
        row.registration_sd.map_or("-".into(), |sd| format!("{sd:.1}{unit}")),
        row.target.map_or("-".into(), |target| format!("{}{unit}", target.words())),
        to_go,
        escaped(&words(row)),
    ]
}
