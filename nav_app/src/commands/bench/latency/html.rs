//! The report: percentiles of the way, and where the time goes.

use std::fmt::Write;

use super::results::Results;
use crate::page::{begin, escaped};

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 34.0;

/// Percentiles along the axis: each step is a tenth of the rest.
const PERCENTILES: [f64; 6] = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99];

/// Decades of the latency axis: 0.001 to 100 ms.
const LOWEST: f64 = -3.0;
const DECADES: f64 = 5.0;

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

fn open(page: &mut String, title: &str) {
    let _infallible = writeln!(
        page,
        "<figure><figcaption>{title}</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">"
    );
}

/// Height of a latency on the logarithmic axis.
fn up(ms: f64) -> f64 {
    let share = ((ms.max(1e-6).log10() - LOWEST) / DECADES).clamp(0.0, 1.0);
    HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)
}

fn rules(page: &mut String) {
    for ms in [0.001, 0.01, 0.1, 1.0, 10.0, 100.0] {
        let (y, right) = (up(ms), WIDTH - RIGHT);
        let _infallible = writeln!(
            page,
            "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"var(--line)\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{ms}</text>",
            LEFT - 6.0,
            y + 4.0
        );
    }
}

fn curve(page: &mut String, results: &Results) {
    open(page, "latency by percentile, ms");
    rules(page);
    let x = |i: usize| LEFT + i as f64 / (PERCENTILES.len() - 1) as f64 * (WIDTH - LEFT - RIGHT);
    for (i, percent) in PERCENTILES.iter().enumerate() {
        let y = HEIGHT - BOTTOM + 16.0;
        let anchor = if i + 1 == PERCENTILES.len() { "end" } else { "middle" };
        let _infallible = writeln!(page, "<text x=\"{:.1}\" y=\"{y}\" text-anchor=\"{anchor}\">{percent}</text>", x(i));
    }
    let sides = [
        ("whole way", &results.histograms.total, "var(--peer)"),
        ("engine: decoded to published", &results.histograms.engine, "var(--ours)"),
    ];
    for (number, (name, histogram, colour)) in sides.into_iter().enumerate() {
        let point = |(i, percent): (usize, &f64)| format!("{:.1},{:.1}", x(i), up(histogram.percentile_ms(*percent)));
        let points: Vec<String> = PERCENTILES.iter().enumerate().map(point).collect();
        let _infallible = writeln!(
            page,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\" style=\"fill:{colour}\">{name}</text>",
            points.join(" "),
            WIDTH - RIGHT,
            // Low on the right, where no curve comes.
            HEIGHT - BOTTOM - 24.0 + 16.0 * number as f64
        );
    }
    let y = up(results.floor.p999_ms);
    let _infallible = writeln!(
        page,
        "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"var(--soft)\" stroke-dasharray=\"4 3\"/>\
         <text x=\"{}\" y=\"{:.1}\">timer floor p99.9</text>",
        WIDTH - RIGHT,
        LEFT + 8.0,
        y - 4.0
    );
    page.push_str("</svg></figure>\n");
}

fn stages(page: &mut String, results: &Results) {
    open(page, "median and 99.9th percentile of each stage, ms");
    rules(page);
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
    page.push_str("<div class=\"wide\"><table>\n<tr>");
    ["ms", "p50", "p90", "p99", "p99.9", "max", "count"].iter().for_each(|n| page.extend(["<th>", n, "</th>"]));
    page.push_str("</tr>\n");
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
        assert!(page.contains("timer floor") && !page.contains("<c>") && !page.contains("NaN"));
    }
}
