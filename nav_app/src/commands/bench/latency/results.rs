//! What comes out, for machines and people.

use engine::latency::{LatencySummary, StageHistograms};
use geom::Nanoseconds;
use serde_json::{Value, json};

use super::engine_side::EngineCounts;
use super::observers::ByTurn;
use crate::cli::LatencyLoad;
use crate::commands::bench::machine::Machine;

/// Lock types in the reader and the loop. Not a count of this run: a test of
/// the engine reads the files of the loop and refuses them.
const LOCKS: u64 = 0;

/// A whole run.
pub struct Results {
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
    /// How long it took, s.
    pub seconds: f64,
    /// Packets sent.
    pub sent: u64,
    /// The way of each packet.
    pub histograms: StageHistograms,
    /// The engine's share by who looked on, when that was asked for.
    pub by_turn: Option<ByTurn>,
    /// How late a thread woke that only sleeps.
    pub floor: LatencySummary,
    /// What the engine did.
    pub engine: EngineCounts,
    /// Rounds of the load.
    pub segmentations: u64,
}

impl Results {
    /// Packets that reached the consumer after the next one was due.
    pub fn missed_deadlines(&self) -> u64 {
        self.histograms.total.longer_than(Nanoseconds((1e9 / self.hz) as u64))
    }

    /// Packets that were sent and never counted.
    pub fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.histograms.total.summary().count)
    }

    /// The 99.9th percentile of the engine in units of the machine's own.
    pub fn over_floor(&self) -> f64 {
        self.histograms.engine.summary().p999_ms / self.floor.p999_ms.max(1e-6)
    }

    /// Rows of the table: the engine, the whole way, its stages, the floor.
    pub fn rows(&self) -> Vec<(String, LatencySummary)> {
        let mut rows = vec![
            ("engine: decoded to published".to_owned(), self.histograms.engine.summary()),
            ("whole way: intended send to picked up".to_owned(), self.histograms.total.summary()),
        ];
        let stages = self.histograms.stages().into_iter();
        rows.extend(stages.map(|s| (format!("  {}", s.stage.replace('_', " ")), s.latency)));
        rows.push(("  unaccounted".to_owned(), self.histograms.unaccounted.summary()));
        let turns = self.by_turn.iter().flat_map(ByTurn::rows);
        rows.extend(turns.map(|(name, latency)| (format!("engine, {name}"), latency)));
        rows.push(("timer floor of this machine".to_owned(), self.floor));
        rows
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let result = |name: &str, latency: LatencySummary| {
            let mut value = json!(latency);
            value["name"] = json!(name);
            value
        };
        let summary = &self.engine.summary;
        json!({
            "machine": self.machine,
            "commit": self.commit,
            "load": self.load.name(),
            "load_rounds": self.segmentations,
            "hz": self.hz,
            "tools": self.tools,
            "poses": self.sent * self.tools as u64,
            "packets_sent": self.sent,
            "packets_lost": self.lost(),
            "packets_dropped": summary.dropped_packets,
            "packets_ignored": summary.ignored_packets,
            "seconds": self.seconds,
            "results": [
                result("engine", self.histograms.engine.summary()),
                result("total", self.histograms.total.summary()),
                result("timer_floor", self.floor),
            ],
            "observers": self.by_turn.as_ref().map(|turns| {
                turns.rows().into_iter().map(|(name, latency)| result(name, latency)).collect::<Vec<_>>()
            }),
            "stages": self.histograms.stages(),
            "unaccounted": self.histograms.unaccounted.summary(),
            "unaccounted_p99_pct": self.histograms.unaccounted_p99_pct(),
            "allocations": self.engine.allocations,
            "locks": LOCKS,
            "missed_deadlines": self.missed_deadlines(),
            "timer_floor_p999_ms": self.floor.p999_ms,
            "p999_over_floor": self.over_floor(),
            "real_time": summary.real_time,
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        let real_time = &self.engine.summary.real_time;
        let mut lines = vec![
            format!("{}, {} cores, commit {}", self.machine.processor, self.machine.cores, self.commit),
            format!(
                "{} packets of {} tools at {} Hz over OpenIGTLink on the loopback, load: {}",
                self.sent,
                self.tools,
                self.hz,
                self.load.name()
            ),
            format!(
                "real-time priority: {}; reader and loop on one processor: {}; locked memory: {}",
                real_time.priority.words(),
                real_time.one_processor.words(),
                real_time.locked_memory.words()
            ),
            format!("{:40} {:>8} {:>8} {:>8} {:>8} {:>8}", "ms", "p50", "p90", "p99", "p99.9", "max"),
        ];
        lines.extend(self.rows().into_iter().map(|(name, l)| {
            let numbers = [l.p50_ms, l.p90_ms, l.p99_ms, l.p999_ms, l.max_ms].map(|ms| format!("{ms:8.3}"));
            format!("{name:40} {}", numbers.join(" "))
        }));
        lines.push(format!(
            "{} lost, {} missed the next packet's time, {} allocations, p99.9 is {:.2} times the timer floor, \
             {:.2} % unaccounted at p99",
            self.lost(),
            self.missed_deadlines(),
            self.engine.allocations,
            self.over_floor(),
            self.histograms.unaccounted_p99_pct()
        ));
        if self.load != LatencyLoad::None {
            lines.push(format!("the load did its whole work {} times meanwhile", self.segmentations));
        }
        lines.join("\n")
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use engine::latency::PacketTimes;
    use engine::rt::{Granted, RealTime, SessionSummary};

    pub fn example() -> Results {
        let mut histograms = StageHistograms::default();
        for k in 1..=1000_u64 {
            let at = |us: u64| Nanoseconds(1_000_000 * k + 1000 * us);
            histograms.record(&PacketTimes {
                sequence: k,
                intended: at(0),
                received: at(50),
                decoded: at(60),
                handed: at(60),
                taken: at(90),
                checked: at(95),
                fuse_began: at(95),
                fused: at(115),
                publish_began: at(115),
                published: at(116),
                picked_up: at(if k == 1000 { 9000 } else { 150 }),
            });
        }
        let summary = SessionSummary {
            source: "OpenIGTLink <x>".into(),
            packets: 1000,
            dropped_packets: 0,
            ignored_packets: 0,
            snapshots: 1000,
            engine_latency: LatencySummary::default(),
            real_time: RealTime { priority: Granted::No("not allowed".into()), ..RealTime::NOT_ASKED },
        };
        Results {
            machine: Machine::this(1),
            commit: "<c>".into(),
            load: LatencyLoad::None,
            hz: 250.0,
            tools: 8,
            seconds: 4.0,
            sent: 1002,
            histograms,
            by_turn: None,
            floor: LatencySummary { p999_ms: 0.112, ..LatencySummary::default() },
            engine: EngineCounts { summary, allocations: 0 },
            segmentations: 0,
        }
    }

    #[test]
    fn lost_and_late_packets_are_told() {
        let results = example();
        assert_eq!((results.lost(), results.missed_deadlines()), (2, 1));
        assert!((results.over_floor() - 0.5).abs() < 0.01);
        let json = results.json();
        for key in ["machine", "commit", "allocations", "locks", "unaccounted_p99_pct", "timer_floor_p999_ms"] {
            assert!(!json[key].is_null(), "{key}");
        }
        for key in ["p50_ms", "p90_ms", "p99_ms", "p999_ms", "max_ms", "count"] {
            assert!(json["results"][0][key].is_number(), "{key}");
        }
        assert!(results.text().contains("no (not allowed"));
    }
}
