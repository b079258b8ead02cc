//! What comes out, for machines and people.

use engine::latency::{LatencyHistogram, LatencySummary};
use geom::Nanoseconds;
use serde_json::{Value, json};

use super::cases;
use super::processes::Heard;
use crate::cli::StreamCase;
use crate::commands::bench::machine::Machine;

/// What all turns of a case have counted.
pub struct CaseResult {
    /// Who watched.
    pub case: StreamCase,
    /// Decoded to published, in the engine.
    pub engine: LatencyHistogram,
    /// How late a thread woke that only sleeps.
    pub floor: LatencyHistogram,
    /// Published to looked at by an observer.
    pub pick_up: LatencyHistogram,
    /// Intended send time of the tracker to looked at.
    pub whole: LatencyHistogram,
    /// Refresh of the display to handed over for drawing.
    pub submit: LatencyHistogram,
    /// Intended send time of the tracker to the refresh that shows it.
    pub shown: LatencyHistogram,
    /// Time that counted, s.
    pub seconds: f64,
    /// Snapshots sent by the engine.
    pub published: u64,
    /// Snapshots that came, all observers that count.
    pub received: u64,
    /// Bytes of a snapshot on the wire.
    pub frame_bytes: usize,
    /// Bytes over the loopback, the tracker's included.
    pub loopback_bytes: u64,
    /// Packets the engine dropped.
    pub dropped_packets: u64,
    /// Largest movement of the time of day against the monotonic clock in a turn.
    pub clock_moved_ns: u64,
}

/// A whole run.
pub struct Results {
    /// Where it ran.
    pub machine: Machine,
    /// The commit of the source tree.
    pub commit: String,
    /// Packets a second.
    pub hz: f64,
    /// Instruments in each.
    pub tools: usize,
    /// In the order of their turns.
    pub cases: Vec<CaseResult>,
}

impl CaseResult {
    /// Nothing counted yet.
    pub fn new(case: StreamCase) -> Self {
        Self {
            case,
            engine: LatencyHistogram::default(),
            floor: LatencyHistogram::default(),
            pick_up: LatencyHistogram::default(),
            whole: LatencyHistogram::default(),
            submit: LatencyHistogram::default(),
            shown: LatencyHistogram::default(),
            seconds: 0.0,
            published: 0,
            received: 0,
            frame_bytes: 0,
            loopback_bytes: 0,
            dropped_packets: 0,
            clock_moved_ns: 0,
        }
    }

    /// Adds what an observer has counted.
    pub fn hear(&mut self, heard: &Heard) {
        self.received += heard.snapshots;
        for (histogram, times) in [
            (&mut self.pick_up, &heard.pick_up),
            (&mut self.whole, &heard.whole),
            (&mut self.submit, &heard.submit),
            (&mut self.shown, &heard.shown),
        ] {
            times.iter().for_each(|ns| histogram.record(Nanoseconds(*ns)));
        }
    }

    fn a_second(&self, count: u64) -> f64 {
        count as f64 / self.seconds.max(1e-9)
    }

    /// Snapshots that a counting observer got, of those that were sent, %.
    fn received_percent(&self) -> Option<f64> {
        let all = self.published * cases::observers(self.case) as u64;
        (all > 0).then(|| 100.0 * self.received as f64 / all as f64)
    }

    fn json(&self) -> Value {
        let some = |histogram: &LatencyHistogram| {
            let summary = histogram.summary();
            (summary.count > 0).then_some(summary)
        };
        json!({
            "case": cases::words(self.case),
            "observers": cases::observers(self.case),
            "seconds": self.seconds,
            "engine": self.engine.summary(),
            "timer_floor": self.floor.summary(),
            "pick_up": some(&self.pick_up),
            "whole_way": some(&self.whole),
            "submit": some(&self.submit),
            "predicted_display": some(&self.shown),
            "snapshots_a_second": self.a_second(self.published),
            "received_percent": self.received_percent(),
            "frame_bytes": self.frame_bytes,
            "payload_kb_s": self.a_second(self.received * self.frame_bytes as u64) * 1e-3,
            "loopback_kb_s": self.a_second(self.loopback_bytes) * 1e-3,
            "dropped_packets": self.dropped_packets,
            "clock_moved_us": self.clock_moved_ns as f64 * 1e-3,
        })
    }
}

impl Results {
    /// For machines.
    pub fn json(&self) -> Value {
        json!({
            "machine": self.machine,
            "commit": self.commit,
            "hz": self.hz,
            "tools": self.tools,
            "cases": self.cases.iter().map(CaseResult::json).collect::<Vec<_>>(),
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut lines = vec![
            format!("{}, {} cores, commit {}", self.machine.processor, self.machine.cores, self.commit),
            format!("{} tools at {} Hz; observers are processes, over TCP on the loopback", self.tools, self.hz),
            format!("{:46} {:>8} {:>8} {:>8} {:>8} {:>8}", "ms", "count", "p50", "p99", "p99.9", "max"),
        ];
        let row = |who: &str, what: &str, l: LatencySummary| {
            let numbers = [l.p50_ms, l.p99_ms, l.p999_ms, l.max_ms].map(|ms| format!("{ms:8.3}"));
            format!("{who:20} {what:25} {:8} {}", l.count, numbers.join(" "))
        };
        for case in &self.cases {
            lines.push(row(cases::words(case.case), "engine", case.engine.summary()));
            for (what, histogram) in [
                ("timer floor", &case.floor),
                ("published to picked up", &case.pick_up),
                ("sent to picked up", &case.whole),
                ("refresh to submitted", &case.submit),
                ("sent to predicted display", &case.shown),
            ] {
                let summary = histogram.summary();
                if summary.count > 0 {
                    lines.push(row("", what, summary));
                }
            }
            let received = case.received_percent().map_or_else(String::new, |p| format!(", {p:.1} % of them received"));
            lines.push(format!(
                "{:20} {:.0} snapshots a second of {} bytes{received}; {:.0} kB/s over the loopback; {} packets dropped",
                "",
                case.a_second(case.published),
                case.frame_bytes,
                case.a_second(case.loopback_bytes) * 1e-3,
                case.dropped_packets
            ));
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_observers_heard_is_counted_a_second_and_an_observer() {
        let mut case = CaseResult::new(StreamCase::Four);
        (case.seconds, case.published, case.frame_bytes) = (2.0, 200, 1000);
        for _ in 0..4 {
            case.hear(&Heard { snapshots: 150, pick_up: vec![1_000_000, 3_000_000], ..Heard::default() });
        }
        let json = case.json();
        assert_eq!((json["received_percent"].as_f64(), json["payload_kb_s"].as_f64()), (Some(75.0), Some(300.0)));
        assert_eq!((json["pick_up"]["count"].as_u64(), json["whole_way"].is_null()), (Some(8), true));
    }
}
