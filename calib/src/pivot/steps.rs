//! Did something move while it was thought to be fixed?
//!
//! A step of the pivot in the room is a slip; a step of the tip in the tool is
//! a bent shaft or a shifted array; a tip that goes sideways with the tilt is
//! a shaft that bends.

use geom::nalgebra::Vector3;

use super::robust::{Fit, reweighted};
use super::solve::{PivotNoise, Problem, residuals, solve};
use crate::rigid::Rigid;
use crate::statistics::{correlation_time, median, quantile};

/// What moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// The tip in the room: it slipped out of its seat.
    Pivot,
    /// The tip in the tool: the shaft was bent or the array shifted.
    Tip,
}

/// A sudden movement of a point that should be fixed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// What moved.
    pub moved: Moved,
    /// How far, mm.
    pub shift_mm: f64,
    /// About at which pose, counted from 0.
    pub at_pose: usize,
}

/// Poses the search looks at, evenly taken from all.
const MAX_SEARCHED: usize = 240;
/// Places where the recording is cut in two.
const CUTS: usize = 10;
/// Residuals are counted up to this squared multiple of the noise.
const MAX_SQUARED: f64 = 16.0;
/// Drop of the truncated chi-square that no chance makes: three parameters and
/// twenty cuts looked at.
const MIN_GAIN: f64 = 40.0;

/// Looks for a step of at least `limit_mm`; the poses are in the order recorded.
pub(crate) fn find_step(problem: &Problem<'_>, fit: &Fit, limit_mm: f64) -> Option<Step> {
    if problem.groups != 1 || problem.poses.len() < 6 * CUTS || !is_suspect(problem, fit, limit_mm) {
        return None;
    }
    let stride = problem.poses.len().div_ceil(MAX_SEARCHED);
    let poses: Vec<Rigid> = problem.poses.iter().step_by(stride).copied().collect();
    let inverses: Vec<Rigid> = poses.iter().map(Rigid::inverse).collect();
    let all = vec![0; poses.len()];
    let whole = Problem { poses: &poses, group: &all, groups: 1 };
    let (base, sigma) = reweighted(&whole, 15)?;
    let vectors: Vec<Vector3<f64>> = residuals(&whole, &base);
    let mut best: Option<(f64, f64, Step)> = None;
    for (moved, poses) in [(Moved::Pivot, &poses), (Moved::Tip, &inverses)] {
        for cut in (1..CUTS).map(|i| i * poses.len() / CUTS) {
            let group: Vec<usize> = (0..poses.len()).map(|i| usize::from(i >= cut)).collect();
            let parted = Problem { poses, group: &group, groups: 2 };
            let Some((solution, own_sigma)) = reweighted(&parted, 12) else { continue };
            let own = residuals(&parted, &solution);
            // The scatter without the step is the scale for both.
            let scale = own_sigma.min(sigma);
            let gain = truncated(&vectors, scale) - truncated(&own, scale);
            let shift_mm = (solution.pivots[1] - solution.pivots[0]).norm();
            if best.as_ref().is_none_or(|b| gain > b.0) {
                // Of what the step leaves: a step is slow itself, and would hide behind its own slowness.
                let inflation = correlation_time(&own.iter().map(|v| (*v).into()).collect::<Vec<_>>());
                best = Some((gain, MIN_GAIN * inflation, Step { moved, shift_mm, at_pose: cut * stride }));
            }
        }
    }
    best.filter(|(gain, needed, step)| gain > needed && step.shift_mm > limit_mm).map(|b| b.2)
}

fn truncated(vectors: &[Vector3<f64>], sigma: f64) -> f64 {
    vectors.iter().map(|r| (r.norm_squared() / (sigma * sigma)).min(MAX_SQUARED)).sum()
}

/// A first look: is the median of some tenth of the recording off zero, by
/// more than its own scatter explains? Single outliers do not make it look twice.
fn is_suspect(problem: &Problem<'_>, fit: &Fit, limit_mm: f64) -> bool {
    let size = problem.poses.len().div_ceil(CUTS);
    let turned: Vec<Vector3<f64>> =
        fit.residuals.iter().zip(problem.poses).map(|(r, pose)| pose.rotation.transpose() * r).collect();
    let is_off = |part: &[Vector3<f64>], axis: usize| {
        let values: Vec<f64> = part.iter().map(|v| v[axis]).collect();
        let middle = median(&values);
        let deviations: Vec<f64> = values.iter().map(|v| (v - middle).abs()).collect();
        // A median's standard deviation is 1.25 that of a mean; 1.48 makes a
        // median deviation one.
        let sigma = 1.25 * 1.48 * median(&deviations) / (part.len() as f64).sqrt();
        middle.abs() > 0.3 * limit_mm && middle.abs() > 4.0 * sigma
    };
    [&fit.residuals, &turned].into_iter().any(|v| v.chunks(size).any(|part| (0..3).any(|axis| is_off(part, axis))))
}

/// How far the tip goes sideways at the 95 % tilt when the shaft bends in
/// proportion to the sideways force, mm, and how many standard deviations that
/// is from zero.
///
/// With `a` the lever's direction and `d` its mean, the tip shows up displaced
/// by `b (d - (d a) a)`; the constant part joins the pivot, so one coefficient
/// `b` is fitted to `-(d a) a`, with tip and pivot free.
pub(crate) fn bending(problem: &Problem<'_>, fit: &Fit) -> Option<(f64, f64)> {
    let levers: Vec<Vector3<f64>> =
        problem.poses.iter().map(|p| (p.rotation * fit.solution.tip).try_normalize(1.0)).collect::<Option<_>>()?;
    let weights: Vec<f64> = fit.is_inlier.iter().map(|inlier| f64::from(u8::from(*inlier))).collect();
    let mean = levers.iter().zip(&weights).fold(Vector3::zeros(), |sum, (a, w)| sum + a * *w).try_normalize(1e-9)?;
    let bent: Vec<Rigid> = problem
        .poses
        .iter()
        .zip(&levers)
        .map(|(p, a)| Rigid { translation: p.translation - a * mean.dot(a), ..*p })
        .collect();
    let changed = Problem { poses: &bent, ..*problem };
    let with_one = residuals(&changed, &solve(&changed, &weights, &fit.noise, Some(&fit.solution.tip))?);
    let (mut cross, mut own) = (0.0, 0.0);
    for (i, pose) in problem.poses.iter().enumerate().filter(|(i, _)| fit.is_inlier[*i]) {
        let information: PivotNoise = fit.noise;
        let information = information.information(&(pose.rotation * fit.solution.tip));
        let change = with_one[i] - fit.residuals[i];
        cross -= change.dot(&(information * fit.residuals[i]));
        own += change.dot(&(information * change));
    }
    let changes_anything = own > 0.0;
    if !changes_anything {
        return None;
    }
    let inlying: Vec<[f64; 3]> =
        fit.residuals.iter().zip(&fit.is_inlier).filter(|(_, i)| **i).map(|(r, _)| (*r).into()).collect();
    let (b, sigma) = (cross / own, (correlation_time(&inlying) / own).sqrt());
    let sines: Vec<f64> = levers.iter().map(|a| (a - mean * mean.dot(a)).norm()).collect();
    Some((b.abs() * quantile(&sines, 0.95), (b / sigma).abs()))
}
