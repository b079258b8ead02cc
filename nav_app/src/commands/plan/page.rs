//! One page about a plan: every screw in two planes, with its numbers.

use std::fmt::Write;

use super::picture::Drawn;
use super::table::wall;
use crate::failure::{Blame, Failure};
use crate::page::{begin, escaped};
use crate::scene_input::PlannedScrew;

/// The whole page.
pub fn page(screws: &[(&PlannedScrew, Vec<Drawn>)]) -> Result<String, Failure> {
    let mut page = begin("Plan of pedicle screws");
    page.push_str(
        "<style>.cuts { display: flex; flex-wrap: wrap; gap: .6rem; } .cuts img { width: 340px; height: auto; }</style>\n\
         <p><b>Research use only.</b> Each screw in the plane of its axis across the vertebra (patient's right on the left) \
         and along it (front on the left). Screw: solid line grade A, dashed B, short dashes C to E. Dotted: canal. \
         The cross is where it is tightest.</p>\n",
    );
    for (checked, pictures) in screws {
        let (screw, found) = (&checked.screw, &checked.found);
        let canal = found.canal_mm.map_or("not found".to_owned(), |[mm, _]| format!("{mm:.1} mm away"));
        let _infallible = writeln!(
            page,
            "<h2>{}: {} x {} mm, grade {} (95 %: {})</h2>\n<p>{}; canal {canal}; bone around the tip {:.1} mm; \
             standard deviation {:.2} mm.</p>",
            escaped(&screw.name()),
            screw.diameter_mm,
            screw.length_mm,
            found.grade,
            found.grade_95,
            escaped(&wall(&found.pedicle)),
            found.tip_depth_mm,
            found.sd_mm(),
        );
        for note in &found.notes {
            let _infallible = writeln!(page, "<p>{}</p>", escaped(note));
        }
        page.push_str("<div class=\"cuts\">\n");
        for picture in pictures {
            let uri = picture.uri().internal()?;
            let _infallible = writeln!(page, "<img alt=\"{}\" src=\"{uri}\">", picture.view.name());
        }
        page.push_str("</div>\n");
    }
    page.push_str("</html>\n");
    Ok(page)
}
