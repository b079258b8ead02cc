//! The plots of the reports: latency on a logarithmic axis.

use std::fmt::Write;

use engine::latency::LatencyHistogram;

pub const WIDTH: f64 = 460.0;
pub const HEIGHT: f64 = 270.0;
pub const LEFT: f64 = 60.0;
pub const RIGHT: f64 = 16.0;
pub const TOP: f64 = 10.0;
pub const BOTTOM: f64 = 34.0;

/// Height of a line of the legend.
const LINE: f64 = 18.0;

/// Percentiles along the axis: each step is a tenth of the rest.
const PERCENTILES: [f64; 6] = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99];

/// Decades of the latency axis: 0.001 to 1000 ms.
const LOWEST: f64 = -3.0;
const DECADES: f64 = 6.0;

/// A curve: its name, what it shows and its colour.
pub type Curve<'a> = (&'a str, &'a LatencyHistogram, &'a str);

/// Begins a figure with `below` lines under the plot.
pub fn open(page: &mut String, title: &str, below: usize) {
    let height = HEIGHT + LINE * below as f64;
    let _infallible = writeln!(
        page,
        "<figure><figcaption>{title}</figcaption><svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">"
    );
}

/// Height of a latency on the logarithmic axis.
pub fn up(ms: f64) -> f64 {
    let share = ((ms.max(1e-6).log10() - LOWEST) / DECADES).clamp(0.0, 1.0);
    HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)
}

/// A line for each decade.
pub fn rules(page: &mut String) {
    for ms in ["0.001", "0.01", "0.1", "1", "10", "100", "1000"] {
        let (y, right) = (up(ms.parse().unwrap_or(0.0)), WIDTH - RIGHT);
        let _infallible = writeln!(
            page,
            "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"var(--line)\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{ms}</text>",
            LEFT - 6.0,
            y + 4.0
        );
    }
}

/// Latency by percentile; names stand in a legend below, where no curve comes.
pub fn curves(page: &mut String, curves: &[Curve<'_>], floor_p999_ms: f64) {
    open(page, "latency by percentile, ms", curves.len() + 1);
    rules(page);
    let x = |i: usize| LEFT + i as f64 / (PERCENTILES.len() - 1) as f64 * (WIDTH - LEFT - RIGHT);
    for (i, percent) in PERCENTILES.iter().enumerate() {
        let y = HEIGHT - BOTTOM + 16.0;
        let anchor = if i + 1 == PERCENTILES.len() { "end" } else { "middle" };
        let _infallible = writeln!(page, "<text x=\"{:.1}\" y=\"{y}\" text-anchor=\"{anchor}\">{percent}</text>", x(i));
    }
    for (number, (name, histogram, colour)) in curves.iter().enumerate() {
        let point = |(i, percent): (usize, &f64)| format!("{:.1},{:.1}", x(i), up(histogram.percentile_ms(*percent)));
        let points: Vec<String> = PERCENTILES.iter().enumerate().map(point).collect();
        let _infallible = writeln!(
            page,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            points.join(" ")
        );
        legend(page, number, name, colour, "none");
    }
    let y = up(floor_p999_ms);
    let _infallible = writeln!(
        page,
        "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"var(--soft)\" stroke-dasharray=\"4 3\"/>",
        WIDTH - RIGHT
    );
    legend(page, curves.len(), "p99.9 of the machine's timer", "var(--soft)", "4 3");
    page.push_str("</svg></figure>\n");
}

fn legend(page: &mut String, number: usize, name: &str, colour: &str, dashes: &str) {
    let y = HEIGHT + LINE * number as f64;
    let _infallible = writeln!(
        page,
        "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\" stroke-width=\"2\" \
         stroke-dasharray=\"{dashes}\"/><text x=\"{}\" y=\"{y:.1}\">{name}</text>",
        LEFT + 24.0,
        y - 4.0,
        y - 4.0,
        LEFT + 32.0
    );
}

/// The head of a table of percentiles, with more columns at its end.
pub fn begin_table(page: &mut String, more: &[&str]) {
    page.push_str("<div class=\"wide\"><table>\n<tr>");
    let names = ["ms", "p50", "p90", "p99", "p99.9", "max", "count"];
    names.iter().chain(more).for_each(|name| page.extend(["<th>", name, "</th>"]));
    page.push_str("</tr>\n");
}
