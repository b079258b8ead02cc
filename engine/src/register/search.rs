//! The search for the right basin: many starts on few points.
//!
//! Iterations are cheap, basins are the problem: from 20 deg and 20 mm away a
//! single descent ends at the neighbouring vertebra three times out of four.

use std::sync::LazyLock;

use geom::nalgebra::Vector3;
use rayon::prelude::*;

use super::pose::Pose;
use super::settings::MultiStart;
use super::solve::{APPROACH, CLOSE_IN, Stage, mean_squared_mm2, misfit_mm, solve};
use super::source::Source;
use super::target::Target;

/// Points used for the closer look.
pub(super) const CLOSE_POINTS: usize = 250;
/// Poses nearer to each other than this are one basin, mm.
const SAME_MM: f64 = 1.0;
/// Most starts that are ever tried.
const MAX_STARTS: usize = 1 << 13;

/// A pose and how well it fits (lower is better).
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub pose: Pose,
    pub score_mm2: f64,
}

/// One round of the search: some iterations of every candidate, then only the
/// best go on.
struct Round {
    /// Share of the subset's points.
    points: f64,
    stage: Stage,
    /// A point counts at most this distance in the score, mm.
    limit_mm: f32,
    /// Candidates that go on: this share, but not fewer than the number.
    kept: (f64, usize),
}

/// From anywhere within the capture range to the right basin: graduated, from
/// a scale that sees everything to one that sees bone only (Zhou et al., ECCV
/// 2016, doi:10.1007/978-3-319-46475-6_47, eq. 5), on fewer and fewer starts.
const ROUNDS: [Round; 3] = [
    Round { points: 0.5, stage: APPROACH[0], limit_mm: 8.0, kept: (0.2, 24) },
    Round { points: 1.0, stage: APPROACH[1], limit_mm: 5.0, kept: (0.2, 10) },
    Round { points: 1.0, stage: APPROACH[2], limit_mm: 3.0, kept: (0.0, 0) },
];

/// Distinct poses that fit, best first; empty when no start reached the bone.
pub(super) fn search(target: &Target, source: &Source, initial: &[Pose], settings: &MultiStart) -> Vec<Candidate> {
    let place = |(turn, shift): (Vector3<f64>, Vector3<f64>)| {
        initial.iter().map(move |pose| Candidate { pose: pose.moved(turn, shift), score_mm2: 0.0 })
    };
    let mut candidates: Vec<Candidate> = starts(settings).flat_map(place).collect();
    for round in &ROUNDS {
        let points = source.subset(((settings.subset as f64 * round.points) as usize).max(6));
        let descend = |c: &Candidate| {
            let mut pose = c.pose;
            solve(target, &points, &mut pose, &[round.stage], (0.02, source.radius_mm));
            Candidate { pose, score_mm2: mean_squared_mm2(target, &points, &pose, round.limit_mm) }
        };
        candidates = candidates.par_iter().with_min_len(8).map(descend).collect();
        let (share, at_least) = round.kept;
        let keep = ((candidates.len() as f64 * share).ceil() as usize).max(at_least).max(settings.keep).max(1);
        candidates = distinct(candidates, source.radius_mm, keep, f64::from(round.limit_mm).powi(2));
    }

    let many = source.subset(CLOSE_POINTS);
    let close_in = |candidate: Candidate| {
        let mut pose = candidate.pose;
        solve(target, &many, &mut pose, &CLOSE_IN, (0.01, source.radius_mm));
        Candidate { pose, score_mm2: misfit_mm(target, &many, &pose).powi(2) }
    };
    distinct(candidates.into_par_iter().map(close_in).collect(), source.radius_mm, settings.keep.max(1), 9.0)
}

/// The best `keep` candidates that lie apart, best first. Ties keep the order
/// of the starts, so that the result does not depend on threads.
fn distinct(mut candidates: Vec<Candidate>, radius_mm: f64, keep: usize, nothing_mm2: f64) -> Vec<Candidate> {
    candidates.retain(|c| c.score_mm2.is_finite() && c.score_mm2 < 0.999 * nothing_mm2);
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

/// Rotation vectors (rad) and shifts (mm) of the starts, the first guess first.
fn starts(settings: &MultiStart) -> impl Iterator<Item = (Vector3<f64>, Vector3<f64>)> {
    let (deg, mm) = (settings.capture_deg, settings.capture_mm);
    let scale = move |(turn, shift): &(Vector3<f64>, Vector3<f64>)| (turn * deg.to_radians(), shift * mm);
    UNIT_STARTS.iter().take(settings.starts.max(1)).map(scale)
}

/// The middle, then a Halton sequence in the product of two unit balls (Halton
/// 1960, doi:10.1007/BF01386213): even coverage without chance.
static UNIT_STARTS: LazyLock<Vec<(Vector3<f64>, Vector3<f64>)>> = LazyLock::new(|| {
    let in_balls = (1..).filter_map(|i| {
        let [a, b, c, d, e, f] = [2, 3, 5, 7, 11, 13].map(|base| 2.0 * halton(i, base) - 1.0);
        let (turn, shift) = (Vector3::new(a, b, c), Vector3::new(d, e, f));
        (turn.norm() <= 1.0 && shift.norm() <= 1.0).then_some((turn, shift))
    });
    std::iter::once((Vector3::zeros(), Vector3::zeros())).chain(in_balls).take(MAX_STARTS).collect()
});

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
        let starts: Vec<_> = starts(&settings).collect();
        assert_eq!((starts.len(), starts[0].0.norm() + starts[0].1.norm()), (settings.starts, 0.0));
        assert!(
            starts.iter().all(|s| s.0.norm() <= settings.capture_deg.to_radians() && s.1.norm() <= settings.capture_mm)
        );
        let mean = starts.iter().fold(Vector3::zeros(), |sum, s| sum + s.1) / starts.len() as f64;
        assert!(mean.norm() < 2.0, "{mean}");
    }
}
