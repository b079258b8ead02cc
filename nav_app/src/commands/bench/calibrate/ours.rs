//! Our calibrations on simulated recordings.

use std::time::{Duration, Instant};

use anyhow::Result;
use calib::hand_eye::{HandEyeNoise, HandEyeSettings};
use calib::phantom::{PhantomScene, stepped_phantom};
use calib::simulate::Draws;
use calib::{PhantomSettings, PivotSettings, phantom_accuracy};
use geom::Transform;
use serde_json::{Value, json};

use super::results::{Phantom, Row};
use super::scenes::{HandEyes, Pivots};
use crate::quantile::{quantile, sorted};

/// Calibrates `trials` recordings; returns the row and the first `shared`
/// recordings for others.
pub fn pivot(kind: &Pivots, trials: u64, shared: u64) -> Result<(Row, Value)> {
    let (mut mm, mut ms, mut recorded) = (Vec::new(), Vec::new(), Vec::new());
    let mut cpu = Duration::ZERO;
    for seed in 0..trials.max(shared) {
        let poses = kind.scene.poses(&mut Draws::new(seed));
        if seed < shared {
            let tip = kind.scene.tip();
            recorded.push(json!({ "poses": poses, "tip": tip, "divot": kind.scene.divot }));
        }
        if seed < trials {
            let (begun, cpu_begun) = (Instant::now(), cpu_time());
            let found = calib::pivot(&poses, &PivotSettings::default())?;
            ms.push(begun.elapsed().as_secs_f64() * 1e3);
            cpu += cpu_time().saturating_sub(cpu_begun);
            mm.push(found.tip.distance(kind.scene.tip()));
        }
    }
    let row = Row {
        cpu_ms: cpu.as_secs_f64() * 1e3 / trials as f64,
        gate_mm: kind.gate_mm,
        shared_mm: shared_median(&mm, shared),
        ..Row::ours(kind.name, mm, Vec::new(), ms)
    };
    Ok((row, json!({ "kind": "pivot", "name": kind.name, "trials": recorded })))
}

/// As [`pivot`]; our only knowledge of the devices is that the second sees the
/// world from afar.
pub fn hand_eye(kind: &HandEyes, trials: u64, shared: u64) -> Result<(Row, Value)> {
    let (mut mm, mut deg, mut ms, mut recorded) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut cpu = Duration::ZERO;
    let noise = HandEyeNoise { second_sees_world: true, ..HandEyeNoise::default() };
    let settings = HandEyeSettings { noise, ..HandEyeSettings::default() };
    for seed in 0..trials.max(shared) {
        let pairs = kind.scene.pairs(&mut Draws::new(seed));
        if seed < shared {
            recorded.push(json!({
                "base_from_hand": pairs.tracker_from_tool,
                "eye_from_world": pairs.headset_from_world,
                "hand_from_eye": pairs.tool_from_headset,
            }));
        }
        if seed < trials {
            let second: Vec<_> = pairs.headset_from_world.iter().map(Transform::inverse).collect();
            let (begun, cpu_begun) = (Instant::now(), cpu_time());
            let found = calib::hand_eye(&pairs.tracker_from_tool, &second, &settings)?;
            ms.push(begun.elapsed().as_secs_f64() * 1e3);
            cpu += cpu_time().saturating_sub(cpu_begun);
            let truth = pairs.tool_from_headset;
            mm.push((found.hand_from_eye.translation() - truth.translation()).norm());
            deg.push((found.hand_from_eye.rotation() * truth.rotation().inverse()).angle().to_degrees());
        }
    }
    let row = Row {
        cpu_ms: cpu.as_secs_f64() * 1e3 / trials as f64,
        gate_mm: kind.gates.0,
        gate_deg: kind.gates.1,
        shared_mm: shared_median(&mm, shared),
        ..Row::ours(kind.name, mm, deg, ms)
    };
    Ok((row, json!({ "kind": "hand-eye", "name": kind.name, "trials": recorded })))
}

/// Median over the recordings that others calibrate as well.
fn shared_median(mm: &[f64], shared: u64) -> Option<f64> {
    quantile(&sorted(mm.iter().copied().take(usize::try_from(shared).ok()?)), 0.5)
}

/// Simulated accuracy tests, pivot calibration of the pointer included.
pub fn phantom(trials: u64) -> Result<Phantom> {
    let divots = stepped_phantom();
    let tests = |frames: usize| -> Result<Vec<calib::phantom::ErrorSummary>> {
        let scene = PhantomScene { frames, ..PhantomScene::default() };
        let test = |seed| {
            let touches = scene.touches(&divots, &mut Draws::new(seed))?;
            Ok(phantom_accuracy(&divots, &touches, &PhantomSettings::default())?.single)
        };
        (0..trials).map(test).collect()
    };
    let (averaged, single) = (tests(30)?, tests(1)?);
    let median = |of: &[calib::phantom::ErrorSummary]| quantile(&sorted(of.iter().map(|s| s.mean_mm)), 0.5);
    let worst = averaged.iter().map(|s| s.mean_mm).fold(0.0, f64::max);
    Ok(Phantom {
        tests: averaged.len(),
        mean_mm: median(&averaged).unwrap_or(f64::NAN),
        worst_mean_mm: worst,
        single_frame_mean_mm: median(&single).unwrap_or(f64::NAN),
    })
}

/// CPU time of this thread; zero where the system does not say. Updated with
/// the scheduler's clock, so only sums over many trials mean something.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0))
}
