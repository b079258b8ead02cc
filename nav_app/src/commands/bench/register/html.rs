//! The report: success by start, distribution of the error, time by points.

use std::fmt::Write;

use super::results::{Results, SUCCESS_MM, Side};
use crate::page::{begin, escaped, push_row, short};
use crate::quantile::{quantile, sorted};

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 240.0;
/// Room for the axes: left, right, top, bottom.
const LEFT: f64 = 54.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 34.0;

/// Colours of the sides, ours first; told apart by people who see no red or
/// green (Okabe & Ito 2008).
const COLOURS: [&str; 5] = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#999999"];

/// The whole page.
pub fn page(results: &Results) -> String {
    let machine = &results.machine;
    let mut page = begin("SpineNav surface registration");
    let built = results
        .built
        .map_or(String::new(), |b| format!("; our target of {} points was built in {:.0} ms", b.points, b.ms));
    let _infallible = write!(
        page,
        "<p>{}, {} threads; commit {}.</p>\n<p>{}{built}.</p>\n\
         <p>Success: target registration error below {SUCCESS_MM} mm. Errors are those of the successes; \
         times are CPU times of all threads.</p>\n",
        escaped(&machine.processor),
        machine.threads,
        escaped(&results.commit),
        escaped(&results.data),
    );
    for ours in &results.ours {
        let peers = results.peers.iter().filter(|peer| peer.is_of(ours));
        let sides: Vec<&Side> = std::iter::once(ours).chain(peers).collect();
        let _infallible =
            writeln!(page, "<h2>{}, {} points, {} starts</h2>", escaped(&ours.set), ours.points, ours.trials.len());
        legend(&mut page, &sides);
        page.push_str("<div class=\"plots\">\n");
        success(&mut page, &sides);
        errors(&mut page, &sides);
        page.push_str("</div>\n");
        table(&mut page, &sides);
    }
    times(&mut page, results);
    if !results.notes.is_empty() {
        page.push_str("<h2>Notes</h2>\n<ul>\n");
        results.notes.iter().for_each(|note| page.extend(["<li>", &escaped(note), "</li>\n"]));
        page.push_str("</ul>\n");
    }
    page.push_str("</html>\n");
    page
}

fn colour(side: usize) -> &'static str {
    COLOURS[side % COLOURS.len()]
}

fn legend(page: &mut String, sides: &[&Side]) {
    page.push_str("<p>");
    for (i, side) in sides.iter().enumerate() {
        let _infallible =
            write!(page, "<span style=\"color:{}\">&#9632;</span> {}&emsp;", colour(i), escaped(&side.method));
    }
    page.push_str("</p>\n");
}

fn open(page: &mut String, title: &str) {
    let _infallible = writeln!(
        page,
        "<figure><figcaption>{title}</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">"
    );
}

/// A horizontal line with its value at the left.
fn rule(page: &mut String, y: f64, text: &str) {
    let _infallible = writeln!(
        page,
        "<line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"var(--line)\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
        WIDTH - RIGHT,
        LEFT - 6.0,
        y + 4.0
    );
}

fn below(page: &mut String, x: f64, text: &str) {
    let y = HEIGHT - BOTTOM + 16.0;
    let _infallible = writeln!(page, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{text}</text>");
}

/// From a share of 0 to 1 to the height of a plot.
fn height(share: f64) -> f64 {
    HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)
}

/// From a share of 0 to 1 to the width of a plot.
fn across(share: f64) -> f64 {
    LEFT + share * (WIDTH - LEFT - RIGHT)
}

fn success(page: &mut String, sides: &[&Side]) {
    open(page, "success by start, %");
    [0.0, 0.5, 1.0].iter().for_each(|share| rule(page, height(*share), &format!("{:.0}", 100.0 * share)));
    let starts = sides.first().map(|side| side.starts()).unwrap_or_default();
    let group = 1.0 / starts.len().max(1) as f64;
    let bar = 0.8 * group / sides.len().max(1) as f64;
    for (place, start) in starts.iter().enumerate() {
        let left = place as f64 * group;
        below(page, across(left + 0.5 * group), &format!("{}°, {} mm", start.0, start.1));
        for (i, side) in sides.iter().enumerate() {
            let share = side.success_pct(Some(*start)) / 100.0;
            let (x, y) = (across(left + 0.1 * group + i as f64 * bar), height(share));
            let width = across(bar) - across(0.0) - 1.0;
            let _infallible = writeln!(
                page,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill=\"{}\"/>",
                height(0.0) - y,
                colour(i)
            );
        }
    }
    page.push_str("</svg></figure>\n");
}

/// 0.01 to 100 mm on a logarithmic axis.
fn errors(page: &mut String, sides: &[&Side]) {
    open(page, "share of all starts with an error below, mm");
    [0.0, 0.5, 1.0].iter().for_each(|share| rule(page, height(*share), &format!("{:.0} %", 100.0 * share)));
    let place = |mm: f64| across((mm.max(0.01).log10() + 2.0).min(4.0) / 4.0);
    [0.01, 0.1, 1.0, 10.0, 100.0].iter().for_each(|mm| below(page, place(*mm), &format!("{mm}")));
    let x = place(SUCCESS_MM);
    let _infallible = writeln!(
        page,
        "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"var(--soft)\" stroke-dasharray=\"4 3\"/>",
        height(0.0),
        height(1.0)
    );
    for (i, side) in sides.iter().enumerate() {
        let all = sorted(side.trials.iter().map(|t| t.tre_mm));
        let count = all.len().max(1) as f64;
        let points = all.iter().enumerate().map(|(n, mm)| (place(*mm), height((n + 1) as f64 / count)));
        line(page, points, colour(i));
    }
    page.push_str("</svg></figure>\n");
}

fn line(page: &mut String, points: impl Iterator<Item = (f64, f64)>, colour: &str) {
    let points: Vec<String> = points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _infallible = writeln!(
        page,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
        points.join(" ")
    );
}

/// Both axes logarithmic: 100 to 100 000 points, 1 to 100 000 ms.
fn times(page: &mut String, results: &Results) {
    let mut methods: Vec<&str> = Vec::new();
    let first = results.ours.first().map(|side| side.set.as_str());
    let all = || results.ours.iter().chain(&results.peers).filter(move |side| Some(side.set.as_str()) == first);
    for side in all() {
        if !methods.contains(&side.method.as_str()) {
            methods.push(&side.method);
        }
    }
    page.push_str("<h2>CPU time</h2>\n<div class=\"plots\">\n");
    open(page, "median CPU ms by number of points");
    let up = |ms: f64| height((ms.max(1.0).log10() / 5.0).min(1.0));
    let along = |points: usize| across(((points.max(1) as f64).log10() - 2.0).clamp(0.0, 3.0) / 3.0);
    [1.0, 10.0, 100.0, 1e3, 1e4, 1e5].iter().for_each(|ms| rule(page, up(*ms), &format!("{ms}")));
    [100, 1000, 10_000, 100_000].iter().for_each(|points| below(page, along(*points), &points.to_string()));
    for (i, method) in methods.iter().enumerate() {
        let median = |side: &Side| quantile(&side.cpu_ms(), 0.5).map(|ms| (along(side.points), up(ms)));
        let points: Vec<_> = all().filter(|side| side.method == *method).filter_map(median).collect();
        for (x, y) in &points {
            let _infallible = writeln!(page, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{}\"/>", colour(i));
        }
        line(page, points.into_iter(), colour(i));
    }
    page.push_str("</svg></figure>\n</div>\n");
}

fn table(page: &mut String, sides: &[&Side]) {
    let columns = ["", "success %", "TRE median mm", "TRE p95 mm", "CPU median ms", "CPU p95 ms", "accepted, wrong"];
    page.push_str("<div class=\"wide\"><table>\n<tr>");
    columns.iter().for_each(|name| page.extend(["<th>", name, "</th>"]));
    page.push_str("</tr>\n");
    for (i, side) in sides.iter().enumerate() {
        let (tre, cpu) = (side.tre_mm(), side.cpu_ms());
        let number = |values: &[f64], share| quantile(values, share).map_or("-".to_owned(), |v| format!("{v:.3}"));
        let has_verdicts = side.trials.iter().any(|t| t.verdict.is_some());
        let cells = [
            escaped(&side.method),
            short(side.success_pct(None)),
            number(&tre, 0.5),
            number(&tre, 0.95),
            number(&cpu, 0.5),
            number(&cpu, 0.95),
            if has_verdicts { side.accepted_wrong().to_string() } else { "no verdict".to_owned() },
        ];
        push_row(page, &cells, i == 0);
    }
    page.push_str("</table></div>\n");
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::example;
    use super::*;

    #[test]
    fn every_side_is_drawn_and_nothing_breaks_out_of_the_page() {
        let page = page(&example());
        assert_eq!(page.matches("<rect ").count(), 4, "two starts of two sides");
        assert_eq!(page.matches("<polyline ").count(), 4, "two errors, two times");
        assert!(page.contains("A &amp; &lt;B&gt; 1.0") && !page.contains("<B>"));
        assert!(!page.contains("NaN") && !page.contains("inf"));
    }
}
