//! The report: one HTML file that needs nothing else.

use std::fmt::Write;

use super::results::{Entry, Group, Results};
use crate::page::{begin, escaped, push_row, short};

/// The whole page.
pub fn page(results: &Results) -> String {
    let machine = &results.machine;
    let load = machine.load_before.map_or(String::new(), |load| format!(", load {load:.1} before"));
    let mut page = begin("SpineNav networks");
    let _infallible = write!(
        page,
        "<p>{}, {} threads{load}; commit {}.</p>\n\
         <p>This processor at most: {:.0} GFLOP/s of f32 multiply-adds, {:.1} GB/s from memory, measured in this run.</p>\n\
         <p>Medians; the line reaches to the 90th percentile. All sides took turns, each in its own process. \
         Memory is the largest resident set less what was resident before the network was loaded.</p>\n",
        escaped(&machine.processor),
        machine.threads,
        escaped(&results.commit),
        results.roof.peak_gflops,
        results.roof.bandwidth_gb_s,
    );
    results.groups.iter().for_each(|group| section(&mut page, group));
    if !results.notes.is_empty() {
        page.push_str("<h2>Notes</h2>\n<ul>\n");
        results.notes.iter().for_each(|note| page.extend(["<li>", &escaped(note), "</li>\n"]));
        page.push_str("</ul>\n");
    }
    page.push_str("</html>\n");
    page
}

fn section(page: &mut String, group: &Group) {
    let Some(ours) = group.entries.first() else { return };
    let work = group.work.map_or(String::new(), |w| {
        format!("{:.1} GMAC, {:.2} GB moved, {:.0} operations a byte", w.gmac, w.gigabytes, 2.0 * w.gmac / w.gigabytes)
    });
    let device = ours.device.as_deref().unwrap_or_default();
    let _infallible = write!(
        page,
        "<h2>{} {}</h2>\n<p>{}; {work}</p>\n<div class=\"plots\">\n",
        escaped(&ours.network),
        escaped(&ours.size),
        escaped(device)
    );
    let times = |entry: &Entry| Some((entry.times.p50_ms, entry.times.p90_ms));
    plot(page, &group.entries, "time, ms", times);
    plot(page, &group.entries, "memory, MB", |entry| entry.net_peak_mb.map(|mb| (mb, mb)));
    page.push_str("</div>\n");
    table(page, &group.entries);
}

const LABEL: f64 = 170.0;
const BARS: f64 = 240.0;
const ROW: f64 = 24.0;

/// One bar an entry, with a line from the bar's end to its second value.
fn plot(page: &mut String, entries: &[Entry], title: &str, value: impl Fn(&Entry) -> Option<(f64, f64)>) {
    let values: Vec<_> =
        entries.iter().map(|entry| value(entry).filter(|v| v.0.is_finite() && v.1.is_finite())).collect();
    let most = values.iter().flatten().fold(1e-9_f64, |most, v| most.max(v.0).max(v.1));
    let (width, height) = (LABEL + BARS + 70.0, ROW * entries.len() as f64);
    let _infallible = writeln!(
        page,
        "<figure><figcaption>{title}</figcaption><svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\">"
    );
    for (row, (entry, value)) in entries.iter().zip(values).enumerate() {
        let (top, class) = (ROW * row as f64, if row == 0 { "ours" } else { "peer" });
        let name = escaped(&format!("{} {}", entry.runtime, entry.dtype));
        let base = top + 0.67 * ROW;
        let _infallible = write!(page, "<text x=\"{}\" y=\"{base:.1}\" text-anchor=\"end\">{name}</text>", LABEL - 8.0);
        let Some((bar, end)) = value else { continue };
        let (bar_width, line) = (BARS * bar / most, LABEL + BARS * end / most);
        let middle = top + 0.5 * ROW;
        let _infallible = writeln!(
            page,
            "<rect class=\"{class}\" x=\"{LABEL}\" y=\"{}\" width=\"{bar_width:.1}\" height=\"{}\" rx=\"2\"/>\
             <line class=\"whisker\" x1=\"{:.1}\" x2=\"{line:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>\
             <text x=\"{:.1}\" y=\"{base:.1}\">{}</text>",
            top + 4.0,
            ROW - 8.0,
            LABEL + bar_width,
            line.max(LABEL + bar_width) + 6.0,
            short(bar),
        );
    }
    page.push_str("</svg></figure>\n");
}

fn table(page: &mut String, entries: &[Entry]) {
    let columns = ["", "p50 ms", "p90 ms", "min ms", "runs", "GFLOP/s", "of roof", "net MB", "total MB", "difference"];
    page.push_str("<div class=\"wide\"><table>\n<tr>");
    columns.iter().for_each(|name| page.extend(["<th>", name, "</th>"]));
    page.push_str("</tr>\n");
    for (row, entry) in entries.iter().enumerate() {
        let number = |value: Option<f64>| value.map_or("-".to_owned(), short);
        let cells = [
            escaped(&format!("{} {}", entry.runtime, entry.dtype)),
            short(entry.times.p50_ms),
            short(entry.times.p90_ms),
            short(entry.times.min_ms),
            entry.times.count.to_string(),
            number(entry.gflops),
            entry.roofline_share.map_or("-".to_owned(), |share| format!("{:.0} %", 100.0 * share)),
            number(entry.net_peak_mb),
            number(entry.peak_mb),
            entry.relative_difference.map_or("-".to_owned(), |difference| format!("{difference:.0e}")),
        ];
        push_row(page, &cells, row == 0);
    }
    page.push_str("</table></div>\n");
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::example;
    use super::*;

    #[test]
    fn every_side_has_its_bar_and_nothing_breaks_out_of_the_page() {
        let page = page(&example());
        assert_eq!(page.matches("<rect class=\"ours\"").count(), 2);
        assert_eq!(page.matches("<rect class=\"peer\"").count(), 4);
        assert!(page.contains("A &amp; &lt;B&gt;") && !page.contains("<B>"));
        assert!(page.contains("200") && page.contains("50 %"));
    }
}
