//! The robust fit: reweighting from far to near, then rejection and a full
//! refit of what is left, with the noise estimated along and across the lever.

use geom::nalgebra::Vector3;

use super::solve::{PivotNoise, Problem, Solution, residuals, solve};
use crate::rigid::Rigid;
use crate::statistics::{chi_square, median, median_norm};

/// Noise is never believed to be smaller, mm; keeps exact input finite.
const MIN_NOISE_MM: f64 = 1e-4;
/// Residuals beyond this normal deviate of their chi-square are left out: one
/// good pose in a thousand.
const REJECTION_DEVIATE: f64 = 3.09;

/// A fit with its evidence.
#[derive(Debug, Clone)]
pub(crate) struct Fit {
    pub solution: Solution,
    pub noise: PivotNoise,
    pub residuals: Vec<Vector3<f64>>,
    pub is_inlier: Vec<bool>,
}

/// Geman-McClure weights whose width shrinks from the largest residual to
/// three times the noise (graduated non-convexity: Yang et al. 2020,
/// doi:10.1109/LRA.2020.2965893); returns the solution, and the noise of one axis.
pub(crate) fn reweighted(problem: &Problem<'_>, rounds: usize) -> Option<(Solution, f64)> {
    let mut weights = vec![1.0; problem.poses.len()];
    let even = PivotNoise::isotropic(1.0);
    let mut solution = solve(problem, &weights, &even, None)?;
    let mut width = f64::INFINITY;
    let mut sigma = MIN_NOISE_MM;
    for _ in 0..rounds {
        let norms: Vec<f64> = residuals(problem, &solution).iter().map(Vector3::norm).collect();
        sigma = (median(&norms) / median_norm(3.0)).max(MIN_NOISE_MM);
        let widest = norms.iter().copied().fold(0.0, f64::max);
        let was = width;
        width = (width.min(widest) * 0.5).max(3.0 * sigma);
        weights.iter_mut().zip(&norms).for_each(|(w, r)| *w = (1.0 + (r / width).powi(2)).powi(-2));
        let next = solve(problem, &weights, &even, None)?;
        let moved = (next.tip - solution.tip).norm();
        solution = next;
        if width >= was && moved < 1e-3 * sigma {
            break;
        }
    }
    Some((solution, sigma))
}

/// The fit of all poses that agree.
pub(crate) fn fit(problem: &Problem<'_>) -> Option<Fit> {
    let (mut solution, sigma) = reweighted(problem, 40)?;
    let mut noise = PivotNoise::isotropic(sigma);
    let mut is_inlier = Vec::new();
    for _ in 0..10 {
        let found = residuals(problem, &solution);
        let next = inliers(problem, &solution, &found, &noise);
        let weights: Vec<f64> = next.iter().map(|inlier| f64::from(u8::from(*inlier))).collect();
        let is_settled = next == is_inlier;
        is_inlier = next;
        solution = solve(problem, &weights, &noise, Some(&solution.tip))?;
        noise = noise_of(problem, &solution, &residuals(problem, &solution), &is_inlier);
        if is_settled {
            break;
        }
    }
    // Once more with the noise that belongs to these residuals.
    let weights: Vec<f64> = is_inlier.iter().map(|inlier| f64::from(u8::from(*inlier))).collect();
    let solution = solve(problem, &weights, &noise, Some(&solution.tip))?;
    let residuals = residuals(problem, &solution);
    Some(Fit { solution, noise, residuals, is_inlier })
}

fn inliers(problem: &Problem<'_>, solution: &Solution, found: &[Vector3<f64>], noise: &PivotNoise) -> Vec<bool> {
    let limit = chi_square(3.0, REJECTION_DEVIATE);
    let is_inlier = |(pose, r): (&Rigid, &Vector3<f64>)| {
        let information = noise.information(&(pose.rotation * solution.tip));
        r.dot(&(information * r)) <= limit
    };
    problem.poses.iter().zip(found).map(is_inlier).collect()
}

/// Standard deviations along and across the lever, of the inliers.
fn noise_of(problem: &Problem<'_>, solution: &Solution, found: &[Vector3<f64>], is_inlier: &[bool]) -> PivotNoise {
    let (mut axial, mut lateral, mut count) = (0.0, 0.0, 0.0);
    for ((pose, r), _) in problem.poses.iter().zip(found).zip(is_inlier).filter(|(_, inlier)| **inlier) {
        let along = (pose.rotation * solution.tip).try_normalize(1.0).map_or(r.norm() / 3f64.sqrt(), |a| a.dot(r));
        axial += along * along;
        lateral += r.norm_squared() - along * along;
        count += 1.0;
    }
    // The tip used up one residual's worth of freedom, each pivot another.
    let freedom = (count - 1.0 - problem.groups as f64).max(1.0);
    let axial_mm = (axial / freedom).sqrt().max(MIN_NOISE_MM);
    let lateral_mm = (0.5 * lateral / freedom).sqrt().max(MIN_NOISE_MM);
    PivotNoise { axial_mm, lateral_mm }
}
