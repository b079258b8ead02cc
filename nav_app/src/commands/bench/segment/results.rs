//! What a measurement found.

use kernels::roofline::Roofline;
use serde::Serialize;
use serde_json::{Value, json};

use super::super::machine::{self, Machine};
use super::cases::Case;
use super::rounds::{Measured, Percentiles};
use super::work::Work;

/// One side of one network at one size.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Name and version of the runtime.
    pub runtime: String,
    /// The network.
    pub network: String,
    /// `ZxYxX`.
    pub size: String,
    /// What it ran on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// How it stored activations.
    pub dtype: String,
    /// Times.
    #[serde(flatten)]
    pub times: Percentiles,
    /// 10^9 operations a second, two a multiply-accumulate, at the median.
    pub gflops: Option<f64>,
    /// `gflops` over the roof of this machine for this network; processor only.
    pub roofline_share: Option<f64>,
    /// Largest resident set of the process, runtime and program included.
    pub peak_mb: Option<f64>,
    /// The same without what was resident before the network was loaded.
    pub net_peak_mb: Option<f64>,
    /// Largest allocation on a GPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_mb: Option<f64>,
    /// What the runtime says it holds: weights, activations, scratch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned_mb: Option<f64>,
    /// Largest difference from our first result, relative to its largest value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relative_difference: Option<f64>,
}

/// Us against the fastest peer at the same network and size.
#[derive(Debug, Clone, Serialize)]
pub struct Ratio {
    /// The network.
    pub network: String,
    /// `ZxYxX`.
    pub size: String,
    /// Our storage.
    pub dtype: String,
    /// The fastest peer and its storage.
    pub peer: String,
    /// Its median time over ours: above 1 we are faster.
    pub speedup: f64,
    /// The least net peak memory of any peer over ours: above 1 we need less.
    pub memory: Option<f64>,
}

/// All sides of one case; ours first.
#[derive(Debug)]
pub struct Group {
    /// Multiply-accumulates and bytes.
    pub work: Option<Work>,
    /// The sides.
    pub entries: Vec<Entry>,
}

/// A whole run.
#[derive(Debug)]
pub struct Results {
    /// Where it ran.
    pub machine: Machine,
    /// The commit of the source tree.
    pub commit: String,
    /// What the processor can do.
    pub roof: Roofline,
    /// Case after case.
    pub groups: Vec<Group>,
    /// What was left out and why.
    pub notes: Vec<String>,
}

impl Results {
    /// Nothing measured yet.
    pub fn new(machine: Machine, roof: Roofline) -> Self {
        Self { machine, commit: machine::commit(), roof, groups: Vec::new(), notes: Vec::new() }
    }

    /// Something a reader must know; said once.
    pub fn note(&mut self, text: String) {
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    /// Adds all sides of a case, ours first.
    pub fn add(&mut self, case: &Case, sides: &[Measured]) {
        let work = sides.first().and_then(|ours| ours.ready.work);
        let is_on_gpu = sides.first().and_then(|s| s.ready.device.as_ref()).is_some_and(|d| d.contains("CUDA"));
        let roof = work.filter(|_| !is_on_gpu).map(|w| self.roof.attainable_gflops(2e9 * w.gmac, 1e9 * w.gigabytes));
        let entries = sides.iter().map(|side| entry(case, side, work, roof)).collect();
        self.groups.push(Group { work, entries });
        for side in sides {
            // f32 sums in another order; 16-bit storage of a deep network.
            let allowed = if side.ready.dtype == "f32" && sides[0].ready.dtype == "f32" { 1e-3 } else { 5e-2 };
            if let Some(difference) = side.difference.filter(|d| *d > allowed) {
                let who = &side.ready.runtime;
                self.note(format!(
                    "{case}: the result of {who} differs from ours by {difference:.1e}: not the same work"
                ));
            }
        }
    }

    /// Our entries.
    pub fn ours(&self) -> impl Iterator<Item = &Entry> {
        self.groups.iter().filter_map(|group| group.entries.first())
    }

    /// Us against the fastest peer, case by case.
    pub fn ratios(&self) -> Vec<Ratio> {
        self.groups.iter().filter_map(ratio).collect()
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let ours: Vec<&Entry> = self.ours().collect();
        let peers: Vec<&Entry> = self.groups.iter().flat_map(|group| group.entries.iter().skip(1)).collect();
        json!({
            "machine": self.machine,
            "commit": self.commit,
            "roofline": { "peak_gflops": self.roof.peak_gflops, "bandwidth_gb_s": self.roof.bandwidth_gb_s },
            "results": ours,
            "peers": peers,
            "ratios": self.ratios(),
            "notes": self.notes,
        })
    }
}

fn entry(case: &Case, side: &Measured, work: Option<Work>, roof: Option<f64>) -> Entry {
    let times = side.times.percentiles();
    // 10^9 operations in a millisecond are 10^12 a second.
    let gflops = work.filter(|_| times.p50_ms > 0.0).map(|w| 2e3 * w.gmac / times.p50_ms);
    Entry {
        runtime: side.ready.runtime.clone(),
        network: case.network.name.to_owned(),
        size: case.size(),
        device: side.ready.device.clone(),
        dtype: side.ready.dtype.clone(),
        times,
        gflops,
        roofline_share: gflops.zip(roof).map(|(gflops, roof)| gflops / roof),
        peak_mb: side.memory.peak_mb,
        net_peak_mb: side.memory.peak_mb.zip(side.ready.base_mb).map(|(peak, base)| peak - base),
        device_mb: side.memory.device_mb,
        planned_mb: side.memory.planned_mb,
        relative_difference: side.difference,
    }
}

fn ratio(group: &Group) -> Option<Ratio> {
    let (ours, peers) = group.entries.split_first()?;
    let fastest = peers.iter().min_by(|a, b| a.times.p50_ms.total_cmp(&b.times.p50_ms))?;
    let least_mb = peers.iter().filter_map(|peer| peer.net_peak_mb).min_by(f64::total_cmp);
    Some(Ratio {
        network: ours.network.clone(),
        size: ours.size.clone(),
        dtype: ours.dtype.clone(),
        peer: format!("{} {}", fastest.runtime, fastest.dtype),
        speedup: fastest.times.p50_ms / ours.times.p50_ms.max(1e-9),
        memory: least_mb.zip(ours.net_peak_mb).map(|(theirs, ours)| theirs / ours.max(1e-9)),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::commands::bench::segment::rounds::Times;
    use crate::commands::bench::segment::runner::{Memory, Ready};

    fn side(runtime: &str, ms: f64, peak_mb: f64, difference: Option<f64>) -> Measured {
        let work = difference.is_none().then_some(Work { gmac: 10.0, gigabytes: 0.1 });
        Measured {
            ready: Ready { runtime: runtime.into(), dtype: "f32".into(), base_mb: Some(10.0), device: None, work },
            times: Times::of(&[ms]),
            memory: Memory { peak_mb: Some(peak_mb), ..Memory::default() },
            difference,
        }
    }

    /// Us at 100 ms between two peers, one of them with a wrong result.
    pub fn example() -> Results {
        let roof = Roofline { peak_gflops: 400.0, bandwidth_gb_s: 20.0 };
        let mut results = Results::new(Machine::this(2), roof);
        let sides = [
            side("SpineNav", 100.0, 110.0, None),
            side("A & <B>", 150.0, 310.0, Some(1e-6)),
            side("C", 300.0, 60.0, Some(0.5)),
        ];
        results.add(&Case { network: &kernels::architectures::list()[0], dims: [64; 3] }, &sides);
        results
    }

    #[test]
    fn ratios_are_against_the_fastest_and_the_smallest() {
        let results = example();
        let ratios = results.ratios();
        assert_eq!((ratios[0].peer.as_str(), ratios[0].speedup, ratios[0].memory), ("A & <B> f32", 1.5, Some(0.5)));
    }

    #[test]
    fn the_share_of_the_roof_is_at_the_median() {
        let results = example();
        let ours = results.ours().next().unwrap();
        // 20 GFLOP in 0.1 s under a roof of 400 GFLOP/s.
        assert_eq!((ours.gflops, ours.roofline_share), (Some(200.0), Some(0.5)));
    }

    #[test]
    fn a_peer_that_computes_something_else_is_pointed_out() {
        let results = example();
        assert!(results.notes.len() == 1 && results.notes[0].contains("of C differs"), "{:?}", results.notes);
    }

    #[test]
    fn machines_find_what_the_command_promises() {
        let json = example().json();
        for name in ["machine", "commit", "results", "peers", "ratios"] {
            assert!(json.get(name).is_some(), "{name}");
        }
        for name in ["network", "size", "dtype", "p50_ms", "p90_ms", "p99_ms", "max_ms", "count", "gflops", "peak_mb"] {
            assert!(json["results"][0].get(name).is_some(), "{name}");
        }
        assert_eq!(json["peers"].as_array().map(Vec::len), Some(2));
    }
}
