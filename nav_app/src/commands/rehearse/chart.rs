//! A trainee's attempts as one page: the true error of each, and how it was judged.

use std::fmt::Write;

use engine::rehearsal::GOOD_MM;

use super::practice::Attempt;
use crate::page::{begin, escaped, push_row};

const LEFT: f64 = 50.0;
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 220.0;
const TOP: f64 = 12.0;

/// The whole page.
pub fn page(trainee: &str, attempts: &[Attempt]) -> String {
    let mut page = begin(&format!("Practice of {trainee}"));
    let good = attempts.iter().filter(|a| a.is_good).count();
    let _infallible = writeln!(
        page,
        "<p>{} attempts, {good} good (accepted, and the true error at most {GOOD_MM} mm). Virtual patients; the error of \
         the segmentation is not part of this. Research use only.</p>",
        attempts.len()
    );
    plot(&mut page, attempts);
    page.push_str(
        "<div class=\"wide\"><table>\n<tr><th>attempt</th><th>case</th><th>levels</th><th>strokes</th><th>points</th>\
         <th>verdict</th><th>predicted mm</th><th>true mm</th><th>good</th></tr>\n",
    );
    let mm = |value: Option<f64>| value.map_or("-".to_owned(), |mm| format!("{mm:.2}"));
    for a in attempts {
        let cells = [
            a.attempt.to_string(),
            escaped(&a.case),
            escaped(&a.levels.join(" ")),
            a.strokes.to_string(),
            a.points.to_string(),
            escaped(&a.verdict),
            mm(a.predicted_tre_mm),
            mm(a.true_tre_mm),
            if a.is_good { "yes" } else { "no" }.to_owned(),
        ];
        push_row(&mut page, &cells, a.is_good);
    }
    page.push_str("</table></div>\n</html>\n");
    page
}

/// Circles for true errors, bars for predicted ones; filled where good.
fn plot(page: &mut String, attempts: &[Attempt]) {
    let errors = attempts.iter().flat_map(|a| [a.true_tre_mm, a.predicted_tre_mm]).flatten();
    let most = errors.filter(|mm| mm.is_finite()).fold(1.25 * GOOD_MM, f64::max).min(20.0);
    let y = |mm: f64| TOP + HEIGHT * (1.0 - (mm / most).clamp(0.0, 1.0));
    let x = |i: usize| LEFT + WIDTH * (i as f64 + 0.5) / attempts.len().max(1) as f64;
    let title = "true error of each attempt, mm";
    let _infallible = writeln!(
        page,
        "<figure><figcaption>{title}: filled where it was good, hollow where not; the short bar is what was predicted\
         </figcaption><svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{title}\">",
        LEFT + WIDTH + 10.0,
        TOP + HEIGHT + 26.0
    );
    for (tick, dash) in [(0.0, ""), (GOOD_MM, " stroke-dasharray=\"6 4\""), (most, "")] {
        let at = y(tick);
        let _infallible = writeln!(
            page,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"currentColor\" opacity=\"0.4\"{dash}/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{tick:.1}</text>",
            LEFT + WIDTH,
            LEFT - 8.0,
            at + 4.0
        );
    }
    for (i, a) in attempts.iter().enumerate() {
        if let Some(mm) = a.predicted_tre_mm {
            let _infallible = writeln!(
                page,
                "<rect class=\"peer\" x=\"{:.1}\" y=\"{:.1}\" width=\"18\" height=\"3\"/>",
                x(i) - 9.0,
                y(mm) - 1.5
            );
        }
        let (fill, word) = if a.is_good { ("#0072b2", "good") } else { ("none", "not good") };
        if let Some(mm) = a.true_tre_mm {
            let _infallible = writeln!(
                page,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"6\" fill=\"{fill}\" stroke=\"#0072b2\" stroke-width=\"2\">\
                 <title>{mm:.2} mm, {word}</title></circle>",
                x(i),
                y(mm)
            );
        }
        let _infallible = writeln!(
            page,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            x(i),
            TOP + HEIGHT + 18.0,
            a.attempt
        );
    }
    page.push_str("</svg></figure>\n");
}
