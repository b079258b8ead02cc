//! The report: percentiles of the way, and where the time goes.

use std::fmt::Write;

use super::plot::{self, BOTTOM, HEIGHT, LEFT, RIGHT, WIDTH, up};
use super::results::Results;
use crate::page::{begin, escaped};

/// The whole page.
pub fn page(results: &Results) -> String {
    let mut page = begin("SpineNav latency");
    for line in results.text().lines().take(3) {
        page.extend(["<p>", &escaped(line), "</p>\n"]);
    }
    page.push_str(
        "<p>Counted from the time a packet should have been sent. The timer floor is how late a thread wakes \
         that only sleeps, in the same run.</p>\n<div class=\"plots\">\n",
    );
    curve(&mut page, results);
    stages(&mut page, results);
    page.push_str("</div>\n");
    table(&mut page, results);
    if let Some(last) = results.text().lines().rfind(|line| line.contains(" lost, ")) {
        page.extend(["<p>", &escaped(last), "</p>\n"]);
    }
    page.push_str("</html>\n");
    page
}

fn curve(page: &mut String, results: &Results) {
    let sides = [
        ("engine: decoded to published", &results.histograms.engine, "var(--ours)"),
        ("whole way: intended send to picked up", &results.histograms.total, "#c2571a"),
    ];
    plot::curves(page, &sides, results.floor.p999_ms);
}

fn stages(page: &mut String, results: &Results) {
    plot::open(page, "bar: median of each stage, line: up to its 99.9th percentile, ms", 0);
    plot::rules(page);
    let stages = results.histograms.stages();
    let width = (WIDTH - LEFT - RIGHT) / stages.len().max(1) as f64;
    for (i, stage) in stages.iter().enumerate() {
        let middle = LEFT + (i as f64 + 0.5) * width;
        let (p50, p999) = (up(stage.latency.p50_ms), up(stage.latency.p999_ms));
        let _infallible = writeln!(
            page,
            "<rect class=\"ours\" x=\"{:.1}\" y=\"{p50:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>\
             <line class=\"whisker\" x1=\"{middle:.1}\" x2=\"{middle:.1}\" y1=\"{p999:.1}\" y2=\"{p50:.1}\"/>\
             <text x=\"{middle:.1}\" y=\"{}\" text-anchor=\"middle\" font-size=\"10\">{}</text>",
            middle - 0.3 * width,
            0.6 * width,
            HEIGHT - BOTTOM - p50,
            HEIGHT - BOTTOM + 16.0,
            stage.stage.replace('_', " ")
        );
    }
    page.push_str("</svg></figure>\n");
}

fn table(page: &mut String, results: &Results) {
    plot::begin_table(page, &[]);
    for (i, (name, l)) in results.rows().iter().enumerate() {
        page.push_str(if i == 0 { "<tr class=\"us\">" } else { "<tr>" });
        page.extend(["<td>", &escaped(name), "</td>"]);
        for ms in [l.p50_ms, l.p90_ms, l.p99_ms, l.p999_ms, l.max_ms] {
            let _infallible = write!(page, "<td>{ms:.3}</td>");
        }
        let _infallible = writeln!(page, "<td>{}</td></tr>", l.count);
    }
    page.push_str("</table></div>\n");
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::example;
    use super::*;

    #[test]
    fn every_stage_is_drawn_and_nothing_breaks_out_of_the_page() {
        let page = page(&example());
        assert_eq!(page.matches("<rect ").count(), 7, "seven stages");
        assert_eq!(page.matches("<polyline ").count(), 2, "engine and whole way");
        assert!(page.contains("timer") && !page.contains("<c>") && !page.contains("NaN"));
    }
}
