//! Warm-up, turns, percentiles.
//!
//! All sides of a network are loaded at the same time and take turns, so that
//! whatever else the machine does falls on all of them. In a turn a side rests
//! (the threads of the last one may still spin), runs once untimed where that
//! is cheap, then is timed. Over all rounds a side is timed at least
//! [`MIN_RUNS`] times and for [`MIN_MS`], whichever is more, but at most
//! [`MAX_RUNS`] times.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::runner::{Memory, Ready, Runner};
use crate::failure::with_causes;

const MIN_RUNS: usize = 5;
const MIN_MS: f64 = 3000.0;
const MAX_RUNS: usize = 300;

/// Between the turns of two sides.
const REST: Duration = Duration::from_millis(200);

/// Slower networks are not run untimed at each turn: one run fills no cache
/// that the next would find.
const CHEAP_MS: f64 = 500.0;

/// What one side gave.
#[derive(Debug)]
pub struct Measured {
    /// Who it is.
    pub ready: Ready,
    /// How long its runs took, ms, sorted.
    pub times: Times,
    /// What it needed.
    pub memory: Memory,
    /// Largest difference of its first result from the first side's, relative
    /// to the largest value there; `None` for the first side.
    pub difference: Option<f64>,
}

/// Times of one side, ms, sorted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Times(Vec<f64>);

/// The usual figures of many times, ms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Percentiles {
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub min_ms: f64,
    pub max_ms: f64,
    pub count: usize,
}

impl Times {
    fn new(mut ms: Vec<f64>) -> Self {
        ms.sort_by(f64::total_cmp);
        Self(ms)
    }

    /// For tests of what is made of times.
    #[cfg(test)]
    pub fn of(ms: &[f64]) -> Self {
        Self::new(ms.to_vec())
    }

    /// Nearest-rank percentiles; zeros without times.
    pub fn percentiles(&self) -> Percentiles {
        let at = |share: f64| {
            let rank = (share * self.0.len() as f64).ceil() as usize;
            self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        Percentiles {
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            min_ms: at(0.0),
            max_ms: at(1.0),
            count: self.0.len(),
        }
    }
}

/// All sides of a case.
#[derive(Debug)]
pub struct Outcome {
    /// Those that came through, ours first.
    pub sides: Vec<Measured>,
    /// What happened to the others.
    pub failures: Vec<String>,
}

/// A side while it is measured.
struct Side {
    runner: Runner,
    warm_ms: f64,
    ms: Vec<f64>,
    difference: Option<f64>,
}

/// Measures all sides, the first of which is ours, in `rounds` rounds;
/// `begins` hears of each. A peer that fails is left out from then on.
///
/// # Errors
/// When our side fails.
pub fn measure(runners: Vec<Runner>, rounds: usize, mut begins: impl FnMut(usize)) -> Result<Outcome> {
    let side = |runner| Side { runner, warm_ms: 0.0, ms: Vec::new(), difference: None };
    let mut sides: Vec<Side> = runners.into_iter().map(side).collect();
    let mut failures = Vec::new();
    warm_up(&mut sides, &mut failures)?;
    let rounds = rounds.max(1);
    for round in 0..rounds {
        begins(round + 1);
        // Nobody is always the first, or always behind the same one.
        let first = round % sides.len().max(1);
        each(&mut sides, first, &mut failures, |side| {
            std::thread::sleep(REST);
            let untimed = usize::from(side.warm_ms < CHEAP_MS);
            let ms = side.runner.run(untimed + runs_a_turn(side.warm_ms, rounds))?;
            side.ms.extend(ms.into_iter().skip(untimed));
            Ok(())
        })?;
    }
    let mut measured = Vec::new();
    for mut side in sides {
        let memory = side.runner.memory().unwrap_or_default();
        let (ready, difference) = (side.runner.ready.clone(), side.difference);
        measured.push(Measured { ready, times: Times::new(side.ms), memory, difference });
    }
    Ok(Outcome { sides: measured, failures })
}

/// The first results, compared with ours, and how long a run takes.
fn warm_up(sides: &mut Vec<Side>, failures: &mut Vec<String>) -> Result<()> {
    let scratch = std::env::temp_dir().join(format!("spinenav-bench-{}.f32", std::process::id()));
    let mut reference: Option<Vec<f32>> = None;
    let done = each(sides, 0, failures, |side| {
        let output = side.runner.output(&scratch)?;
        side.difference = reference.as_ref().map(|reference| difference(&output, reference));
        reference.get_or_insert(output);
        side.warm_ms = side.runner.run(1)?.into_iter().fold(f64::INFINITY, f64::min);
        Ok(())
    });
    let _left_to_the_system = std::fs::remove_file(&scratch);
    done
}

/// Does `work` on every side in turn, beginning with number `first`.
fn each(
    sides: &mut Vec<Side>,
    first: usize,
    failures: &mut Vec<String>,
    mut work: impl FnMut(&mut Side) -> Result<()>,
) -> Result<()> {
    let mut failed = Vec::new();
    let count = sides.len();
    for index in (0..count).map(|turn| (first + turn) % count) {
        match sides.get_mut(index).map_or(Ok(()), &mut work) {
            Ok(()) => {}
            Err(error) if index == 0 => return Err(error),
            Err(error) => failed.push((index, error)),
        }
    }
    failures.extend(failed.iter().map(|(_, error)| with_causes(error)));
    let mut index = 0..;
    sides.retain(|_| index.next().is_some_and(|index| failed.iter().all(|(at, _)| *at != index)));
    Ok(())
}

/// Timed runs of one turn for a side whose run takes about `warm_ms`.
fn runs_a_turn(warm_ms: f64, rounds: usize) -> usize {
    let wanted = (MIN_MS / warm_ms.max(1e-3)).ceil() as usize;
    wanted.clamp(MIN_RUNS, MAX_RUNS).div_ceil(rounds)
}

/// Largest difference relative to the largest value; infinite when they
/// cannot be compared.
fn difference(values: &[f32], reference: &[f32]) -> f64 {
    if values.len() != reference.len() {
        return f64::INFINITY;
    }
    let largest = |values: &mut dyn Iterator<Item = f64>| {
        values.fold(0.0, |most: f64, value| if value.is_nan() { f64::INFINITY } else { most.max(value.abs()) })
    };
    let scale = largest(&mut reference.iter().map(|&v| f64::from(v)));
    let apart = largest(&mut values.iter().zip(reference).map(|(&a, &b)| f64::from(a) - f64::from(b)));
    apart / scale.max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_networks_are_timed_five_times_fast_ones_for_three_seconds() {
        assert_eq!(runs_a_turn(60_000.0, 5), 1);
        assert_eq!(runs_a_turn(60_000.0, 2), 3);
        assert_eq!(runs_a_turn(30.0, 5), 20);
        assert_eq!(runs_a_turn(0.0, 5), MAX_RUNS / 5);
    }

    #[test]
    fn percentiles_are_times_that_occurred() {
        let times = Times::new(vec![5.0, 1.0, 2.0, 4.0, 3.0]).percentiles();
        assert_eq!((times.p50_ms, times.p90_ms, times.min_ms, times.max_ms, times.count), (3.0, 5.0, 1.0, 5.0, 5));
        assert_eq!(Times::default().percentiles().p50_ms, 0.0);
    }

    #[test]
    fn results_that_cannot_be_compared_never_look_equal() {
        assert_eq!(difference(&[1.0, 2.5], &[1.0, 2.0]), 0.25);
        assert_eq!(difference(&[1.0], &[1.0, 2.0]), f64::INFINITY);
        assert_eq!(difference(&[f32::NAN, 2.0], &[1.0, 2.0]), f64::INFINITY);
    }
}
