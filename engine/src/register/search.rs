//! The search for the right basin: many starts on few points.
//!
//! Iterations are cheap, basins are the problem: from 20 deg and 20 mm away a
//! single descent ends at the neighbouring vertebra three times out of four.

use geom::nalgebra::Vector3;
use rayon::prelude::*;

use super::factor::Coarse;
use super::pose::Pose;
use super::settings::MultiStart;
use super::solve::{APPROACH, CLOSE_IN, mean_squared_mm2, misfit_mm, solve};
use super::source::Source;
use super::target::Target;

/// Points used for the closer look.
pub(super) const CLOSE_POINTS: usize = 500;
/// Poses nearer to each other than this are one basin, mm.
const SAME_MM: f64 = 1.0;
/// Most starts that are ever tried.
const MAX_STARTS: usize = 1 << 16;

/// A pose and how well it fits (lower is better).
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub pose: Pose,
    pub score_mm2: f64,
}

/// Distinct poses that fit, best first; empty when no start reached the bone.
pub(super) fn search(target: &Target, source: &Source, initial: &Pose, settings: &MultiStart) -> Vec<Candidate> {
    let lookup = Coarse(target);
    let few = source.subset(settings.subset.max(6));
    let approach = |(turn, shift): &(Vector3<f64>, Vector3<f64>)| {
        let mut pose = initial.moved(*turn, *shift);
        solve(&lookup, &few, &mut pose, &APPROACH, (0.02, source.radius_mm));
        Candidate { pose, score_mm2: mean_squared_mm2(&lookup, &few, &pose, 3.0) }
    };
    let starts = starts(settings);
    let reached: Vec<Candidate> = starts.par_iter().with_min_len(8).map(approach).collect();
    let kept = distinct(reached, source.radius_mm, settings.keep.max(1));

    let many = source.subset(CLOSE_POINTS);
    let close_in = |candidate: Candidate| {
        let mut pose = candidate.pose;
        solve(&lookup, &many, &mut pose, &CLOSE_IN, (0.01, source.radius_mm));
        Candidate { pose, score_mm2: misfit_mm(&lookup, &many, &pose).powi(2) }
    };
    distinct(kept.into_par_iter().map(close_in).collect(), source.radius_mm, settings.keep.max(1))
}

/// The best `keep` candidates that lie apart, best first. Ties keep the order
/// of the starts, so that the result does not depend on threads.
fn distinct(mut candidates: Vec<Candidate>, radius_mm: f64, keep: usize) -> Vec<Candidate> {
    // 9 mm^2 is the score of a pose that reaches nothing.
    candidates.retain(|c| c.score_mm2.is_finite() && c.score_mm2 < 8.99);
    candidates.sort_by(|a, b| a.score_mm2.total_cmp(&b.score_mm2));
    let mut kept: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        if kept.iter().all(|k| k.pose.distance_mm(&candidate.pose, radius_mm) > SAME_MM) {
            kept.push(candidate);
        }
        if kept.len() == keep {
            break;
        }
    }
    kept
}

/// Rotation vectors (rad) and shifts (mm) of the starts, the first guess
/// first, then a Halton sequence in the product of two balls (Halton 1960,
/// doi:10.1007/BF01386213): even coverage without chance.
fn starts(settings: &MultiStart) -> Vec<(Vector3<f64>, Vector3<f64>)> {
    let in_balls = (1..).filter_map(|i| {
        let [a, b, c, d, e, f] = [2, 3, 5, 7, 11, 13].map(|base| 2.0 * halton(i, base) - 1.0);
        let (turn, shift) = (Vector3::new(a, b, c), Vector3::new(d, e, f));
        let is_inside = turn.norm() <= 1.0 && shift.norm() <= 1.0;
        is_inside.then(|| (turn * settings.capture_deg.to_radians(), shift * settings.capture_mm))
    });
    let count = settings.starts.clamp(1, MAX_STARTS);
    std::iter::once((Vector3::zeros(), Vector3::zeros())).chain(in_balls).take(count).collect()
}

fn halton(mut index: u32, base: u32) -> f64 {
    let (mut share, mut value) = (1.0, 0.0);
    while index > 0 {
        share /= f64::from(base);
        value += share * f64::from(index % base);
        index /= base;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_cover_both_balls_and_begin_at_the_guess() {
        let settings = MultiStart::default();
        let starts = starts(&settings);
        assert_eq!((starts.len(), starts[0].0.norm() + starts[0].1.norm()), (64, 0.0));
        assert!(starts.iter().all(|s| s.0.norm() <= 24f64.to_radians() && s.1.norm() <= 24.0));
        let mean = starts.iter().fold(Vector3::zeros(), |sum, s| sum + s.1) / 64.0;
        assert!(mean.norm() < 2.0, "{mean}");
        assert!(starts.iter().filter(|s| s.1.norm() > 18.0).count() > 20);
    }
}
