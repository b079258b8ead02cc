//! Registration cases with known answers, and what a run over them says.
//!
//! Cases come from files that rival programs read as well ([`files`]), or are
//! made here ([`cases`]) in harder variants: another segmentation of the same
//! bone, vertebrae that moved against each other, more outliers, a first guess
//! at the neighbouring level. Called by `spinenav bench register` and by
//! `benches/register.rs`.

pub mod cases;
pub mod files;
mod summary;

use std::time::Duration;

use geom::{Ct, Patient, Point, Transform, Vector};

use super::{RegisterError, Registration, Settings, Target, Verdict, simulate, surface};
use crate::surface::PointCloud;

pub use summary::Summary;

/// One registration with its answer.
#[derive(Debug, Clone)]
pub struct Case {
    /// How far the first guess is off, degrees.
    pub offset_deg: f64,
    /// How far the first guess is off, mm.
    pub offset_mm: f64,
    /// First guess of the pose.
    pub initial: Transform<Patient, Ct>,
    /// The answer.
    pub truth: Transform<Patient, Ct>,
    /// Touched points.
    pub points: Vec<Point<Patient>>,
    /// Where the error is measured, inside the bone.
    pub targets: Vec<Point<Ct>>,
}

/// A bone surface and cases on it.
#[derive(Debug, Clone)]
pub struct Suite {
    /// What the cases are, for reports.
    pub name: String,
    /// The surface registered to.
    pub cloud: PointCloud,
    /// Level number of each point.
    pub levels: Vec<u8>,
    /// From the bone towards the surgeon.
    pub approach: Vector<Ct>,
    /// The cases.
    pub cases: Vec<Case>,
}

/// What became of a case.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How far the first guess was off, degrees.
    pub offset_deg: f64,
    /// Mean error at the targets, mm; infinite when no pose was found.
    pub tre_mm: f64,
    /// RMS error predicted at the targets, mm.
    pub predicted_mm: f64,
    /// Share of the targets whose error is within the predicted 95 % bound.
    pub covered: f64,
    /// The judgement; an error counts as reject.
    pub verdict: Verdict,
    /// The reasons in words.
    pub reasons: Vec<String>,
    /// CPU time of all threads.
    pub cpu: Duration,
}

/// CPU time of all threads of this process; zero where the system does not say.
#[must_use]
pub fn process_cpu_time() -> Duration {
    // Fields of schedstat: nanoseconds on the CPU first, a file for each thread.
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Duration::ZERO };
    let of = |path: std::path::PathBuf| -> Option<u64> {
        std::fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    Duration::from_nanos(tasks.filter_map(Result::ok).filter_map(|task| of(task.path())).sum())
}

/// Runs one case.
pub fn run(target: &Target, case: &Case, settings: &Settings) -> Outcome {
    let begun = process_cpu_time();
    let result = surface(target, &case.points, &case.initial, settings);
    let cpu = process_cpu_time().saturating_sub(begun);
    outcome(case, &result, cpu)
}

fn outcome(case: &Case, result: &Result<Registration, RegisterError>, cpu: Duration) -> Outcome {
    let offset_deg = case.offset_deg;
    let registration = match result {
        Ok(registration) => registration,
        Err(error) => {
            let (tre_mm, reasons) = (f64::INFINITY, vec![error.to_string()]);
            return Outcome {
                offset_deg,
                tre_mm,
                predicted_mm: f64::INFINITY,
                covered: 0.0,
                verdict: Verdict::Reject,
                reasons,
                cpu,
            };
        }
    };
    let pose = registration.patient_from_ct();
    let (mut squared, mut covered) = (0.0, 0usize);
    for target in &case.targets {
        let at = pose * *target;
        squared += registration.predicted_tre_mm(at).powi(2);
        covered += usize::from(at.distance(case.truth * *target) <= registration.predicted_tre_95_mm(at));
    }
    let count = case.targets.len().max(1) as f64;
    Outcome {
        offset_deg,
        tre_mm: simulate::true_tre_mm(&pose, &case.truth, &case.targets),
        predicted_mm: (squared / count).sqrt(),
        covered: covered as f64 / count,
        verdict: registration.verdict(),
        reasons: registration.reasons().iter().map(ToString::to_string).collect(),
        cpu,
    }
}
