//! Rows, gates, and how they are shown.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use super::super::machine::Machine;
use crate::page::{begin, escaped, push_row};
use crate::quantile::{quantile, sorted};

/// One method on one kind of recording.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The kind of recording.
    pub set: String,
    /// Who calibrated.
    pub method: String,
    /// Is it ours?
    pub is_ours: bool,
    /// Recordings.
    pub trials: usize,
    /// Recordings without a result.
    pub failed: usize,
    /// Median, 95 % of the position error, mm.
    pub p50_mm: Option<f64>,
    /// See [`Self::p50_mm`].
    pub p95_mm: Option<f64>,
    /// Median of the rotation error, degrees.
    pub p50_deg: Option<f64>,
    /// Median of the position error over the recordings the others have, mm.
    pub shared_mm: Option<f64>,
    /// Median wall time, ms; ours only.
    pub p50_ms: Option<f64>,
    /// Mean CPU time, ms.
    pub cpu_ms: f64,
    /// Accepted median errors.
    pub gate_mm: Option<f64>,
    /// See [`Self::gate_mm`].
    pub gate_deg: Option<f64>,
}

impl Row {
    /// Our row.
    pub fn ours(set: &str, mm: Vec<f64>, deg: Vec<f64>, ms: Vec<f64>) -> Self {
        let p50_ms = quantile(&sorted(ms.into_iter()), 0.5);
        Self { is_ours: true, p50_ms, ..Self::peer(set, "SpineNav".into(), mm, deg) }
    }

    /// Somebody else's.
    pub fn peer(set: &str, method: String, mm: Vec<f64>, deg: Vec<f64>) -> Self {
        let trials = mm.len();
        let (mm, deg) = (sorted(mm.into_iter()), sorted(deg.into_iter()));
        Self {
            set: set.to_owned(),
            method,
            is_ours: false,
            trials,
            failed: 0,
            p50_mm: quantile(&mm, 0.5),
            p95_mm: quantile(&mm, 0.95),
            p50_deg: quantile(&deg, 0.5),
            shared_mm: None,
            p50_ms: None,
            cpu_ms: f64::NAN,
            gate_mm: None,
            gate_deg: None,
        }
    }

    /// Within its gates, where it has some.
    fn passes(&self) -> Option<bool> {
        let within = |value: Option<f64>, gate: Option<f64>| gate.map(|gate| value.is_some_and(|v| v <= gate));
        match (within(self.p50_mm, self.gate_mm), within(self.p50_deg, self.gate_deg)) {
            (None, None) => None,
            (mm, deg) => Some(mm.unwrap_or(true) && deg.unwrap_or(true)),
        }
    }
}

/// Simulated accuracy tests.
#[derive(Debug, Clone, Serialize)]
pub struct Phantom {
    /// How many.
    pub tests: usize,
    /// Median over the tests of the mean error of a touch, mm.
    pub mean_mm: f64,
    /// The worst of them.
    pub worst_mean_mm: f64,
    /// As `mean_mm` with a single frame a touch.
    pub single_frame_mean_mm: f64,
}

/// The recording of eight landmarks.
#[derive(Debug, Clone, Serialize)]
pub struct Plus {
    /// Distance of the tip found from the configured one, mm.
    pub tip_apart_mm: f64,
    /// What we predict of its error, mm.
    pub tip_error_mm: f64,
    /// Landmarks found.
    pub touches: usize,
    /// Distance of the tip found by its landmarks from the configured one, mm.
    pub landmark_tip_apart_mm: f64,
    /// What we predict of its error, mm.
    pub landmark_tip_error_mm: f64,
    /// Misfit of the landmarks by it, mm.
    pub landmark_rms_mm: f64,
    /// FRE of the phantom's registration by the tip found, mm.
    pub fre_own_tip_mm: f64,
    /// The same by the configured tip.
    pub fre_mm: f64,
    /// Distance of its landmarks from where the published result puts them, mm.
    pub mean_apart_mm: f64,
    /// See [`Self::mean_apart_mm`].
    pub max_apart_mm: f64,
}

/// One pair of pose logs.
#[derive(Debug, Clone, Serialize)]
pub struct Ethz {
    /// Which.
    pub name: String,
    /// Latency of the second device, ms.
    pub latency_ms: f64,
    /// Its standard deviation, ms.
    pub sigma_ms: f64,
    /// Correlation of the rotation speeds.
    pub correlation: f64,
    /// Misfit, mm and degrees.
    pub rms_mm: f64,
    /// See [`Self::rms_mm`].
    pub rms_deg: f64,
    /// Share of pairs that agree.
    pub inlier_share: f64,
    /// Predicted error of the eye, mm.
    pub position_error_mm: f64,
    /// Distance between the results of both halves, mm and degrees.
    pub halves_mm: Option<f64>,
    /// See [`Self::halves_mm`].
    pub halves_deg: Option<f64>,
    /// Accepted, doubtful or rejected.
    pub verdict: String,
}

/// Everything measured.
#[derive(Debug)]
pub struct Results {
    /// On what.
    pub machine: Machine,
    /// By which sources.
    pub commit: String,
    /// Simulated recordings.
    pub rows: Vec<Row>,
    /// Simulated accuracy tests.
    pub phantom: Option<Phantom>,
    /// PLUS.
    pub plus: Option<Plus>,
    /// ETH Zurich.
    pub ethz: Vec<Ethz>,
    /// Who could not run, and why.
    pub notes: Vec<String>,
}

impl Results {
    /// Nothing yet.
    pub fn new(machine: Machine, commit: String) -> Self {
        let (rows, ethz, notes) = (Vec::new(), Vec::new(), Vec::new());
        Self { machine, commit, rows, phantom: None, plus: None, ethz, notes }
    }

    /// What has to hold, and whether it does.
    fn gates(&self) -> Vec<(String, bool)> {
        let mut gates: Vec<(String, bool)> =
            self.rows.iter().filter_map(|row| Some((row.set.clone(), row.passes()?))).collect();
        if let Some(row) = self.rows.iter().find(|row| row.is_ours && row.set.contains("10 % outliers")) {
            gates.push(("pivot, 10 % outliers: CPU below 5 ms".into(), row.cpu_ms < 5.0));
        }
        if let Some(phantom) = &self.phantom {
            gates.push(("phantom, simulated: mean <= 0.3 mm".into(), phantom.mean_mm <= 0.3));
        }
        if let Some(plus) = &self.plus {
            gates.push(("PLUS: tip by pivoting within 0.5 mm".into(), plus.tip_apart_mm <= 0.5));
            gates.push(("PLUS: phantom by the configured tip within 0.3 mm".into(), plus.mean_apart_mm <= 0.3));
        }
        gates
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let gates: Vec<Value> = self.gates().iter().map(|(what, ok)| json!({ "what": what, "ok": ok })).collect();
        json!({
            "machine": self.machine,
            "commit": self.commit,
            "results": self.rows,
            "phantom": self.phantom,
            "plus": self.plus,
            "ethz": self.ethz,
            "gates": gates,
            "notes": self.notes,
        })
    }
}

const HEADINGS: [&str; 8] = ["recording", "method", "trials", "median mm", "95 % mm", "median deg", "CPU ms", "failed"];

fn cells(row: &Row) -> [String; 8] {
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.4}"));
    [
        row.set.clone(),
        row.method.clone(),
        row.trials.to_string(),
        number(row.p50_mm),
        number(row.p95_mm),
        number(row.p50_deg),
        format!("{:.2}", row.cpu_ms),
        row.failed.to_string(),
    ]
}

/// The lines below the table: recordings, gates, notes.
fn lines(results: &Results) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(p) = &results.phantom {
        lines.push(format!(
            "Simulated phantom, {} tests: mean error {:.3} mm (worst test {:.3}), {:.3} with one frame a touch.",
            p.tests, p.mean_mm, p.worst_mean_mm, p.single_frame_mean_mm
        ));
    }
    if let Some(p) = &results.plus {
        lines.push(format!(
            "PLUS recording: tip by pivoting {:.3} mm from the configured one (predicted {:.3}), FRE {:.3} mm; \
             by the configured tip {} landmarks, FRE {:.3} mm, phantom {:.3} mm from the published result on \
             average, {:.3} at most.",
            p.tip_apart_mm, p.tip_error_mm, p.fre_own_tip_mm, p.touches, p.fre_mm, p.mean_apart_mm, p.max_apart_mm
        ));
        lines.push(format!(
            "PLUS: tip by the eight landmarks {:.3} mm from the configured one (predicted {:.3}), misfit {:.3} mm RMS.",
            p.landmark_tip_apart_mm, p.landmark_tip_error_mm, p.landmark_rms_mm
        ));
    }
    for e in &results.ethz {
        let number = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.2}"));
        lines.push(format!(
            "{}: latency {:.1} +- {:.1} ms (correlation {:.3}), {:.0} % agree with {:.2} mm and {:.2} deg RMS, \
             eye known to {:.2} mm, halves {} mm and {} deg apart, {}.",
            e.name,
            e.latency_ms,
            e.sigma_ms,
            e.correlation,
            100.0 * e.inlier_share,
            e.rms_mm,
            e.rms_deg,
            e.position_error_mm,
            number(e.halves_mm),
            number(e.halves_deg),
            e.verdict
        ));
    }
    let word = |ok: bool| if ok { "holds" } else { "FAILS" };
    lines.extend(results.gates().iter().map(|(what, ok)| format!("{}: {what}", word(*ok))));
    lines.extend(results.notes.iter().cloned());
    lines
}

/// For people.
pub fn table(results: &Results) -> String {
    let all: Vec<[String; 8]> =
        std::iter::once(HEADINGS.map(str::to_owned)).chain(results.rows.iter().map(cells)).collect();
    let width = |k: usize| all.iter().map(|row| row[k].len()).max().unwrap_or(0);
    let widths: [usize; 8] = std::array::from_fn(width);
    let line = |row: &[String; 8]| {
        let cell = |(k, text): (usize, &String)| {
            if k < 2 { format!("{text:<w$}", w = widths[k]) } else { format!("{text:>w$}", w = widths[k]) }
        };
        row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ")
    };
    let machine = &results.machine;
    let head = format!(
        "{}, load {:.1}; commit {}",
        machine.processor,
        machine.load_before.unwrap_or(f64::NAN),
        results.commit
    );
    let rows: Vec<String> = all.iter().map(line).collect();
    format!("{head}\n{}\n{}", rows.join("\n"), lines(results).join("\n"))
}

/// One HTML file.
pub fn page(results: &Results) -> String {
    let mut page = begin("SpineNav calibration");
    let _infallible = write!(
        page,
        "<p>{}; commit {}. CPU time of one thread.</p>\n<div class=\"wide\"><table><tr>",
        escaped(&results.machine.processor),
        escaped(&results.commit)
    );
    HEADINGS.iter().for_each(|h| page.extend(["<th>", h, "</th>"]));
    page.push_str("</tr>\n");
    for row in &results.rows {
        push_row(&mut page, &cells(row).map(|cell| escaped(&cell)), row.is_ours);
    }
    page.push_str("</table></div>\n<ul>\n");
    lines(results).iter().for_each(|l| page.extend(["<li>", &escaped(l), "</li>\n"]));
    page.push_str("</ul>\n</html>\n");
    page
}
