//! What the registrations were worth.

use engine::register::Verdict;
use serde::Serialize;
use serde_json::{Value, json};

use super::super::machine::{self, Machine};
use crate::quantile::{quantile, sorted};

/// A smaller target registration error counts as success, mm: what is asked of
/// navigation systems (FDA clearances of spinal navigation, ASTM F2554).
pub const SUCCESS_MM: f64 = 2.0;

/// One registration.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    /// Start: degrees ...
    pub start_deg: f64,
    /// ... and mm off.
    pub start_mm: f64,
    /// True error.
    pub tre_mm: f64,
    /// CPU time of all threads.
    pub cpu_ms: f64,
    /// Time on the clock, where it was taken.
    pub ms: Option<f64>,
    /// What the method itself thought of it; only we say.
    pub verdict: Option<Verdict>,
}

impl Trial {
    /// Whether it came close enough.
    pub fn is_success(&self) -> bool {
        self.tre_mm < SUCCESS_MM
    }
}

/// What the target took to build.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Built {
    /// Points kept in it.
    pub points: usize,
    /// Time on the clock.
    pub ms: f64,
    /// CPU time.
    pub cpu_ms: f64,
}

/// One method at one number of points of one set of cases.
#[derive(Debug)]
pub struct Side {
    /// The set of cases: what lies between the bone touched and that in the CT.
    pub set: String,
    /// Name and version.
    pub method: String,
    /// Points of each case.
    pub points: usize,
    /// Case after case.
    pub trials: Vec<Trial>,
}

impl Side {
    /// Whether both ran the same cases.
    pub fn is_of(&self, other: &Self) -> bool {
        (&self.set, self.points) == (&other.set, other.points)
    }

    /// Displacements of the starts, nearest first.
    pub fn starts(&self) -> Vec<(f64, f64)> {
        let mut starts: Vec<_> = self.trials.iter().map(|t| (t.start_deg, t.start_mm)).collect();
        starts.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        starts.dedup();
        starts
    }

    /// Per cent of successes, of all or of one start.
    pub fn success_pct(&self, start: Option<(f64, f64)>) -> f64 {
        let of = |t: &&Trial| start.is_none_or(|start| start == (t.start_deg, t.start_mm));
        let (all, good) =
            self.trials.iter().filter(of).fold((0, 0), |(a, g), t| (a + 1, g + usize::from(t.is_success())));
        100.0 * f64::from(good as u32) / f64::from(all.max(1) as u32)
    }

    /// True errors of the successes, ascending: a failure has no accuracy.
    pub fn tre_mm(&self) -> Vec<f64> {
        sorted(self.trials.iter().filter(|t| t.is_success()).map(|t| t.tre_mm))
    }

    /// CPU times, ascending.
    pub fn cpu_ms(&self) -> Vec<f64> {
        sorted(self.trials.iter().map(|t| t.cpu_ms))
    }

    /// Accepted and yet wrong.
    pub fn accepted_wrong(&self) -> usize {
        self.trials.iter().filter(|t| t.verdict == Some(Verdict::Accept) && !t.is_success()).count()
    }

    fn json(&self) -> Value {
        let count = |verdict| self.trials.iter().filter(|t| t.verdict == Some(verdict)).count();
        let has_verdicts = self.trials.iter().any(|t| t.verdict.is_some());
        let verdicts = has_verdicts.then(|| {
            json!({ "accept": count(Verdict::Accept), "doubtful": count(Verdict::Doubtful), "reject": count(Verdict::Reject) })
        });
        let (tre, cpu) = (self.tre_mm(), self.cpu_ms());
        let wall = sorted(self.trials.iter().filter_map(|t| t.ms));
        let by_start = self.starts().into_iter().map(|start| {
            json!({ "start_deg": start.0, "start_mm": start.1, "success_2mm_pct": self.success_pct(Some(start)) })
        });
        json!({
            "set": self.set,
            "method": self.method,
            "points": self.points,
            "starts": self.trials.len(),
            "success_2mm_pct": self.success_pct(None),
            "success_by_start": by_start.collect::<Vec<_>>(),
            "tre_median_mm": quantile(&tre, 0.5),
            "tre_p95_mm": quantile(&tre, 0.95),
            "cpu_ms_median": quantile(&cpu, 0.5),
            "cpu_ms_p95": quantile(&cpu, 0.95),
            "p50_ms": quantile(&wall, 0.5),
            "p90_ms": quantile(&wall, 0.9),
            "p99_ms": quantile(&wall, 0.99),
            "p999_ms": quantile(&wall, 0.999),
            "max_ms": quantile(&wall, 1.0),
            "count": self.trials.len(),
            "verdicts": verdicts,
            "accepted_wrong": has_verdicts.then(|| self.accepted_wrong()),
        })
    }
}

/// A whole run.
#[derive(Debug)]
pub struct Results {
    /// Where it ran.
    pub machine: Machine,
    /// The commit of the source tree.
    pub commit: String,
    /// Where the cases come from.
    pub data: String,
    /// Our first target.
    pub built: Option<Built>,
    /// Ours, by number of points.
    pub ours: Vec<Side>,
    /// The others.
    pub peers: Vec<Side>,
    /// What was left out and why.
    pub notes: Vec<String>,
}

impl Results {
    /// Nothing measured yet.
    pub fn new(machine: Machine, data: String) -> Self {
        let (built, ours, peers, notes) = Default::default();
        Self { machine, commit: machine::commit(), data, built, ours, peers, notes }
    }

    /// Something a reader must know; said once.
    pub fn note(&mut self, text: String) {
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    /// The CPU time of each peer over ours at the same number of points.
    pub fn ratios(&self) -> Vec<(&Side, f64)> {
        let median = |side: &Side| quantile(&side.cpu_ms(), 0.5).unwrap_or(f64::NAN);
        let ours = |peer: &Side| self.ours.iter().find(|side| side.is_of(peer)).map(median);
        let ratio = |peer: &Side| median(peer) / ours(peer).unwrap_or(f64::NAN);
        self.peers.iter().map(|peer| (peer, ratio(peer))).collect()
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let ratios = self.ratios().into_iter();
        let ratios = ratios.map(
            |(peer, ratio)| json!({ "set": peer.set, "points": peer.points, "peer": peer.method, "cpu_ratio": ratio }),
        );
        json!({
            "machine": self.machine,
            "commit": self.commit,
            "data": self.data,
            "target": self.built,
            "results": self.ours.iter().map(Side::json).collect::<Vec<_>>(),
            "peers": self.peers.iter().map(Side::json).collect::<Vec<_>>(),
            "ratios": ratios.collect::<Vec<_>>(),
            "accepted_wrong": self.ours.iter().map(Side::accepted_wrong).sum::<usize>(),
            "notes": self.notes,
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        let built =
            self.built.map_or(String::new(), |b| format!("; target of {} points built in {:.0} ms", b.points, b.ms));
        let mut lines = vec![
            format!("{}, {} threads, commit {}", self.machine.processor, self.machine.threads, self.commit),
            format!("{}{built}", self.data),
            format!(
                "{:20} {:>6} {:34} {:>7} {:>9} {:>9} {:>9} {:>9}",
                "cases", "points", "method", "success", "TRE mm", "p95 mm", "CPU ms", "p95 ms"
            ),
        ];
        for side in self.ours.iter().chain(&self.peers) {
            let (tre, cpu) = (side.tre_mm(), side.cpu_ms());
            let at = |values: &[f64], share| quantile(values, share).map_or("-".to_owned(), |v| format!("{v:.3}"));
            lines.push(format!(
                "{:20} {:>6} {:34} {:>5.1} % {:>9} {:>9} {:>9.6} {:>9.6}",
                side.set,
                side.points,
                side.method,
                side.success_pct(None),
                at(&tre, 0.5),
                at(&tre, 0.95),
                at(&cpu, 0.5),
                at(&cpu, 0.95)
            ));
        }
        let ratio = |(peer, ratio): (&Side, f64)| {
            let Side { set, points, method, .. } = peer;
            format!("{set}, {points} points: {method} takes {ratio:.1} times our CPU time")
        };
        lines.extend(self.ratios().into_iter().map(ratio));
        let wrong: usize = self.ours.iter().map(Side::accepted_wrong).sum();
        lines.push(format!("Accepted by us though off by more than {SUCCESS_MM} mm: {wrong}"));
        lines.extend(self.notes.iter().map(|note| format!("Note: {note}")));
        lines.join("\n")
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    fn trial(start: f64, tre_mm: f64, verdict: Option<Verdict>) -> Trial {
        Trial { start_deg: start, start_mm: start, tre_mm, cpu_ms: 4.0, ms: Some(3.0), verdict }
    }

    /// One failure each; ours doubted one and accepted one that was wrong.
    pub fn example() -> Results {
        let mut results = Results::new(Machine::this(1), "two cases".to_owned());
        results.built = Some(Built { points: 1000, ms: 30.0, cpu_ms: 40.0 });
        let (accept, doubt) = (Some(Verdict::Accept), Some(Verdict::Doubtful));
        let ours = vec![trial(5.0, 0.1, accept), trial(5.0, 0.3, doubt), trial(20.0, 9.0, accept)];
        results.ours.push(Side { set: "same".to_owned(), method: "SpineNav".to_owned(), points: 500, trials: ours });
        let slower = |t: Trial| Trial { cpu_ms: 40.0, ..t };
        let peer = vec![slower(trial(5.0, 0.2, None)), slower(trial(20.0, 30.0, None))];
        results.peers.push(Side {
            set: "same".to_owned(),
            method: "A & <B> 1.0".to_owned(),
            points: 500,
            trials: peer,
        });
        results
    }

    #[test]
    fn failures_count_where_they_belong() {
        let json = example().json();
        assert_eq!(json["accepted_wrong"], 1);
        let ours = &json["results"][0];
        assert_eq!((ours["starts"].as_u64(), ours["verdicts"]["doubtful"].as_u64()), (Some(3), Some(1)));
        assert_eq!(ours["success_by_start"][0]["success_2mm_pct"], 100.0);
        assert_eq!(ours["success_by_start"][1]["success_2mm_pct"], 0.0);
        assert_eq!(ours["tre_p95_mm"], 0.3, "a failure has no accuracy");
        assert_eq!(json["ratios"][0]["cpu_ratio"], 10.0);
        assert!(json["peers"][0]["verdicts"].is_null());
        assert!(example().text().contains("10.0 times our CPU time"));
    }
}
