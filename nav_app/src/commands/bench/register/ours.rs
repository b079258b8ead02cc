//! Our registration on the cases.

use std::time::{Duration, Instant};

use anyhow::Result;
use engine::register::benchmark::{Case, Suite, process_cpu_time};
use engine::register::{
    self, Articulated, ArticulatedSettings, Registration, Settings, SurfaceError, Target, TargetSettings, Verdict,
    simulate,
};

use super::results::{Built, Trial};

/// The target and what it took to build.
pub fn build(suite: &Suite) -> Result<(Target, Built)> {
    let (begun, cpu) = (Instant::now(), process_cpu_time());
    let settings = TargetSettings { approach: Some(suite.approach), ..TargetSettings::default() };
    let target = Target::new(&suite.cloud, Some(&suite.levels), &settings)?;
    let built =
        Built { points: target.len(), ms: ms(begun.elapsed()), cpu_ms: ms(process_cpu_time().saturating_sub(cpu)) };
    Ok((target, built))
}

/// Registers every case from the identity; `each` hears of the progress. The
/// verdict is part of the time.
///
/// `is_one_mesh` says that bone and points come from one mesh: then there is no
/// segmentation error to be expected.
pub fn run(target: &Target, cases: &[Case], is_one_mesh: bool, each: &mut dyn FnMut(usize)) -> Result<Vec<Trial>> {
    let mut settings = Settings::default();
    if is_one_mesh {
        settings.surface = SurfaceError::NONE;
    }
    if let Some(case) = cases.first() {
        register::surface(target, &case.points, &case.initial, &settings)?; // starts the threads
    }
    let mut trials = Vec::with_capacity(cases.len());
    for (number, case) in cases.iter().enumerate() {
        each(number);
        let (begun, cpu) = (Instant::now(), process_cpu_time());
        let registration = register::surface(target, &case.points, &case.initial, &settings)?;
        let (wall, cpu) = (begun.elapsed(), process_cpu_time().saturating_sub(cpu));
        trials.push(Trial {
            start_deg: case.offset_deg,
            start_mm: case.offset_mm,
            tre_mm: simulate::true_tre_mm(&registration.patient_from_ct(), &case.truth, &case.targets),
            cpu_ms: ms(cpu),
            ms: Some(ms(wall)),
            verdict: Some(registration.verdict()),
        });
    }
    Ok(trials)
}

/// The same with a pose for each vertebra; the error is that of the one the
/// targets lie on. A vertebra without a pose of its own counts as rejected.
pub fn run_articulated(suite: &Suite, cases: &[Case], each: &mut dyn FnMut(usize)) -> Result<Vec<Trial>> {
    let settings = TargetSettings { approach: Some(suite.approach), ..TargetSettings::default() };
    let spine = Articulated::new(&suite.cloud, &suite.levels, &settings)?;
    let mut trials = Vec::with_capacity(cases.len());
    for (number, case) in cases.iter().enumerate() {
        each(number);
        let level = level_of(suite, case);
        let (begun, cpu) = (Instant::now(), process_cpu_time());
        let poses = spine.register(&case.points, &case.initial, &ArticulatedSettings::default())?;
        let (wall, cpu) = (begun.elapsed(), process_cpu_time().saturating_sub(cpu));
        let own = poses.iter().find(|pose| Some(pose.level) == level).map(|pose| &pose.registration);
        let error = |r: &Registration| simulate::true_tre_mm(&r.patient_from_ct(), &case.truth, &case.targets);
        trials.push(Trial {
            start_deg: case.offset_deg,
            start_mm: case.offset_mm,
            tre_mm: own.map_or(f64::INFINITY, error),
            cpu_ms: ms(cpu),
            ms: Some(ms(wall)),
            verdict: Some(own.map_or(Verdict::Reject, Registration::verdict)),
        });
    }
    Ok(trials)
}

/// The level that the targets of a case lie on.
fn level_of(suite: &Suite, case: &Case) -> Option<u8> {
    let target = case.targets.first()?.to_array();
    let squared = |p: &[f32; 3]| (0..3).map(|i| (f64::from(p[i]) - target[i]).powi(2)).sum::<f64>();
    let nearest = suite.cloud.points.iter().enumerate().min_by(|a, b| squared(a.1).total_cmp(&squared(b.1)))?;
    suite.levels.get(nearest.0).copied()
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
