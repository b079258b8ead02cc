//! What comes out of the comparison, for machines and people.

use std::fmt::Write;

use engine::latency::LatencySummary;
use serde_json::{Value, json};

use super::super::plot;
use super::listener::Tally;
use crate::cli::LatencyLoad;
use crate::commands::bench::machine::Machine;
use crate::page::{begin, escaped};

/// Colours of the sides; ours is the first.
const COLOURS: [&str; 5] = ["var(--ours)", "#c2571a", "#6a8f2f", "#8a5fb0", "#a08020"];

/// One side's result.
pub struct SideResult {
    /// Its name.
    pub name: String,
    /// What came back.
    pub tally: Tally,
}

impl SideResult {
    /// Packets of which not every pose came back.
    fn lost(&self) -> u64 {
        self.tally.sent.saturating_sub(self.tally.way.summary().count)
    }
}

/// All sides, measured in turns.
pub struct Comparison {
    /// Where it ran.
    pub machine: Machine,
    /// The commit of the source tree.
    pub commit: String,
    /// What else the machine did.
    pub load: LatencyLoad,
    /// Packets a second.
    pub hz: f64,
    /// Instruments in each.
    pub tools: usize,
    /// Packets sent through each side.
    pub packets: u64,
    /// Ours first.
    pub sides: Vec<SideResult>,
    /// How late a thread woke that only sleeps.
    pub floor: LatencySummary,
    /// Whether all sides and the bench had real-time priority.
    pub is_raised: String,
}

impl Comparison {
    fn rows(&self) -> Vec<(String, LatencySummary, Option<u64>)> {
        let side = |side: &SideResult| (side.name.clone(), side.tally.way.summary(), Some(side.lost()));
        let floor = ("timer floor of this machine".to_owned(), self.floor, None);
        self.sides.iter().map(side).chain([floor]).collect()
    }

    fn head(&self) -> [String; 3] {
        let machine = &self.machine;
        let load = machine.load_before.map_or_else(String::new, |l| format!(", load average before {l:.1}"));
        [
            format!("{}, {} cores, commit {}{load}", machine.processor, machine.cores, self.commit),
            format!(
                "{} packets of a reference and {} tools at {} Hz as TRANSFORM messages through each side, in turns, load: {}",
                self.packets,
                self.tools,
                self.hz,
                self.load.name()
            ),
            format!("the same real-time priority for all: {}", self.is_raised),
        ]
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let result = |(name, latency, lost): (String, LatencySummary, Option<u64>)| {
            let mut value = json!(latency);
            value["name"] = json!(name);
            if let Some(lost) = lost {
                value["packets_lost"] = json!(lost);
            }
            value
        };
        json!({
            "machine": self.machine,
            "commit": self.commit,
            "load": self.load.name(),
            "hz": self.hz,
            "tools": self.tools,
            "packets_sent": self.packets,
            "real_time": self.is_raised,
            "results": self.rows().into_iter().map(result).collect::<Vec<_>>(),
            "timer_floor_p999_ms": self.floor.p999_ms,
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut lines = self.head().to_vec();
        let name = "intended send to last pose back, ms";
        lines.push(format!(
            "{name:36} {:>8} {:>8} {:>8} {:>8} {:>8} {:>6}",
            "p50", "p90", "p99", "p99.9", "max", "lost"
        ));
        lines.extend(self.rows().into_iter().map(|(name, l, lost)| {
            let numbers = [l.p50_ms, l.p90_ms, l.p99_ms, l.p999_ms, l.max_ms].map(|ms| format!("{ms:8.3}"));
            let lost = lost.map_or_else(String::new, |lost| lost.to_string());
            format!("{name:36} {} {lost:>6}", numbers.join(" "))
        }));
        lines.join("\n")
    }
}

/// The whole page.
pub fn page(comparison: &Comparison) -> String {
    let mut page = begin("SpineNav latency beside other OpenIGTLink programs");
    comparison.head().iter().for_each(|line| page.extend(["<p>", &escaped(line), "</p>\n"]));
    page.push_str(
        "<p>From the time a packet should have been sent until the client has decoded its last pose. SpineNav \
         checks and fuses the poses and measures distances on the way; the others copy them.</p>\n\
         <div class=\"plots\">\n",
    );
    let names: Vec<String> = comparison.sides.iter().map(|side| escaped(&side.name)).collect();
    let curves: Vec<plot::Curve<'_>> = comparison
        .sides
        .iter()
        .zip(&names)
        .zip(COLOURS.into_iter().cycle())
        .map(|((side, name), colour)| (name.as_str(), &side.tally.way, colour))
        .collect();
    plot::curves(&mut page, &curves, comparison.floor.p999_ms);
    page.push_str("</div>\n");
    plot::begin_table(&mut page, &["lost"]);
    for (i, (name, l, lost)) in comparison.rows().iter().enumerate() {
        page.push_str(if i == 0 { "<tr class=\"us\">" } else { "<tr>" });
        page.extend(["<td>", &escaped(name), "</td>"]);
        for ms in [l.p50_ms, l.p90_ms, l.p99_ms, l.p999_ms, l.max_ms] {
            let _infallible = write!(page, "<td>{ms:.3}</td>");
        }
        let lost = lost.map_or_else(String::new, |lost| lost.to_string());
        let _infallible = writeln!(page, "<td>{}</td><td>{lost}</td></tr>", l.count);
    }
    page.push_str("</table></div>\n</html>\n");
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use geom::Nanoseconds;

    fn example() -> Comparison {
        let side = |name: &str, ms: u64| {
            let mut tally = Tally { sent: 101, ..Tally::default() };
            (0..100).for_each(|_| tally.way.record(Nanoseconds(ms * 1_000_000)));
            SideResult { name: name.into(), tally }
        };
        Comparison {
            machine: Machine::this(1),
            commit: "<c>".into(),
            load: LatencyLoad::None,
            hz: 250.0,
            tools: 8,
            packets: 101,
            sides: vec![side("SpineNav", 1), side("<rival>", 12)],
            floor: LatencySummary::default(),
            is_raised: "yes".into(),
        }
    }

    #[test]
    fn every_side_is_told_with_what_it_lost_and_no_name_breaks_out_of_the_page() {
        let comparison = example();
        let json = comparison.json();
        assert_eq!(json["results"][1]["packets_lost"], 1);
        assert!(json["results"][1]["p50_ms"].as_f64() > json["results"][0]["p50_ms"].as_f64());
        assert!(json["results"][2]["packets_lost"].is_null(), "the floor loses nothing");
        let page = page(&comparison);
        assert_eq!(page.matches("<polyline ").count(), 2);
        assert!(page.contains("&lt;rival&gt;") && !page.contains("<rival>") && !page.contains("NaN"));
        assert!(comparison.text().contains("<rival>"));
    }
}
