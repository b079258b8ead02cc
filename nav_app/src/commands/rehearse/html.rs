//! The report of a rehearsal: errors by verdict, where to touch more, faults.

use std::fmt::Write;

use engine::register::Verdict;

use super::summary::{Summary, WRONG_MM, broken, counts};
use crate::page::{begin, escaped};
use crate::quantile::quantile;

const VERDICTS: [(Verdict, &str, &str); 3] = [
    (Verdict::Accept, "accepted", "#009e73"),
    (Verdict::Doubtful, "doubtful", "#e69f00"),
    (Verdict::Reject, "rejected", "#d55e00"),
];

/// The whole page.
pub fn page(summary: &Summary) -> String {
    let mut page = begin("SpineNav rehearsal");
    let script = &summary.script;
    let levels: Vec<String> = summary.rehearsal.levels.iter().map(ToString::to_string).collect();
    let _infallible = writeln!(
        page,
        "<p>{} simulated registrations of {} on {}: {} points each, noise {} mm, {:.0} % off the bone, first guess \
         off by up to {}\u{b0} and {} mm. The error of the segmentation is not part of this. Research use only.</p>",
        summary.rehearsal.trials.len(),
        escaped(&levels.join(" ")),
        escaped(&summary.case),
        script.points,
        script.noise_mm,
        100.0 * script.outlier_share,
        script.start_deg,
        script.start_mm,
    );
    bars(&mut page, summary);
    table(&mut page, summary);
    if !summary.rehearsal.advice.is_empty() {
        page.push_str("<h2>More points would help most here</h2>\n<ol>\n");
        for advice in &summary.rehearsal.advice {
            let _infallible = writeln!(
                page,
                "<li>{} points on the {} of {}: predicted error {:.3} mm \u{2192} {:.3} mm</li>",
                advice.points, advice.part, advice.level, advice.before_mm, advice.after_mm
            );
        }
        page.push_str("</ol>\n");
    }
    faults(&mut page, summary);
    page.push_str("</html>\n");
    page
}

const LABEL: f64 = 90.0;
const BARS: f64 = 380.0;
const ROW: f64 = 24.0;

/// One row a range of errors, its parts by verdict.
fn bars(page: &mut String, summary: &Summary) {
    let by_verdict = VERDICTS.map(|(verdict, ..)| counts(&summary.errors_mm(Some(verdict))));
    let rows = by_verdict[0].len();
    let total = |row: usize| by_verdict.iter().map(|counts| counts[row].1).sum::<usize>();
    let most = (0..rows).map(total).max().unwrap_or(0).max(1) as f64;
    let (width, height) = (LABEL + BARS + 60.0, ROW * rows as f64);
    let title = "registrations by true error";
    let _infallible = write!(page, "<figure><figcaption>{title}: ");
    for (_, name, colour) in VERDICTS {
        let _infallible = write!(page, "<span style=\"color:{colour}\">&#9632;</span> {name}&emsp;");
    }
    let _infallible =
        writeln!(page, "</figcaption><svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\">");
    for row in 0..rows {
        let (limit, top) = (by_verdict[0][row].0, ROW * row as f64);
        let label = if limit.is_finite() { format!("&lt; {limit} mm") } else { "beyond".to_owned() };
        let base = top + 0.67 * ROW;
        let _infallible =
            writeln!(page, "<text x=\"{}\" y=\"{base:.1}\" text-anchor=\"end\">{label}</text>", LABEL - 8.0);
        let mut left = LABEL;
        for (counts, (_, name, colour)) in by_verdict.iter().zip(VERDICTS) {
            let wide = BARS * counts[row].1 as f64 / most;
            if wide > 0.0 {
                let _infallible = writeln!(
                    page,
                    "<rect x=\"{left:.1}\" y=\"{}\" width=\"{wide:.1}\" height=\"{}\" fill=\"{colour}\"><title>{} {name}</title></rect>",
                    top + 4.0,
                    ROW - 8.0,
                    counts[row].1
                );
            }
            left += wide;
        }
        let _infallible = writeln!(page, "<text x=\"{:.1}\" y=\"{base:.1}\">{}</text>", left + 6.0, total(row));
    }
    page.push_str("</svg></figure>\n");
}

fn table(page: &mut String, summary: &Summary) {
    page.push_str(
        "<div class=\"wide\"><table>\n<tr><th></th><th>registrations</th><th>p50 mm</th><th>p95 mm</th><th>p99 mm</th>\
         <th>max mm</th><th>off by more than 2 mm</th></tr>\n",
    );
    for (verdict, name, _) in VERDICTS {
        let errors = summary.errors_mm(Some(verdict));
        let count = summary.rehearsal.trials.iter().filter(|t| t.verdict == verdict).count();
        let wrong = errors.iter().filter(|mm| **mm > WRONG_MM).count();
        let _infallible = write!(page, "<tr><td>{name}</td><td>{count}</td>");
        for share in [0.5, 0.95, 0.99, 1.0] {
            let cell = quantile(&errors, share).map_or("-".to_owned(), |mm| format!("{mm:.2}"));
            let _infallible = write!(page, "<td>{cell}</td>");
        }
        let _infallible = writeln!(page, "<td>{wrong}</td></tr>");
    }
    page.push_str("</table></div>\n");
}

/// One row a session with faults.
fn faults(page: &mut String, summary: &Summary) {
    if summary.faults.is_empty() {
        return;
    }
    page.push_str(
        "<h2>Faults</h2>\n<p>Each in a simulated session of its own, on a phantom whose truth is known.</p>\n\
         <div class=\"wide\"><table>\n<tr><th>fault</th><th>found after ms</th><th>holds</th><th>shown or said</th></tr>\n",
    );
    for trial in &summary.faults {
        let outcome = &trial.outcome;
        let found = outcome.detected_ms.map_or("-".to_owned(), |ms| format!("{ms:.0}"));
        let wrong = broken(trial).into_iter().chain(outcome.problem.as_deref()).collect::<Vec<_>>().join("; ");
        let held = if trial.holds() { "yes".to_owned() } else { format!("no: {}", escaped(&wrong)) };
        let (name, seen) = (escaped(&trial.name), escaped(&outcome.seen.join("; ")));
        let _infallible = writeln!(page, "<tr><td>{name}</td><td>{found}</td><td>{held}</td><td>{seen}</td></tr>");
    }
    page.push_str("</table></div>\n");
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::example;
    use super::*;

    #[test]
    fn every_verdict_is_drawn_and_nothing_breaks_out_of_the_page() {
        let page = page(&example());
        assert_eq!(page.matches("<rect ").count(), 3, "a refusal without a pose has no error");
        assert!(page.contains("image &lt;twin&gt;") && page.contains("no: no reason was shown"));
        assert!(page.contains("a &amp; b") && page.contains("<td>rejected</td><td>1</td>"));
    }
}
