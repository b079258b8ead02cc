//! The linear core: one point fixed in the tool, one fixed in the room for
//! every place where the tool pivoted.
//!
//! `R_i tip + t_i = pivot_g(i)` for all poses at once (the algebraic one-step
//! method; Yaniv, Proc. SPIE 9415, 2015, doi:10.1117/12.2081348), here with a
//! weight matrix a pose and with the pivots eliminated, so that a hundred of
//! them cost no more than one.

use geom::nalgebra::{Matrix3, Vector3};

use crate::rigid::Rigid;

/// Poses, and at which place each was taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Problem<'a> {
    pub poses: &'a [Rigid],
    /// Number of the place of each pose, below `groups`.
    pub group: &'a [usize],
    pub groups: usize,
}

/// Standard deviation (mm, one axis) of a residual along the tool's lever and
/// across it. A rotation error moves the tip across the lever only, so a long
/// tool is known better along than across.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PivotNoise {
    /// Along the line from the array to the tip, mm.
    pub axial_mm: f64,
    /// In each of the two directions across, mm.
    pub lateral_mm: f64,
}

impl PivotNoise {
    /// The same in all directions.
    pub(crate) const fn isotropic(mm: f64) -> Self {
        Self { axial_mm: mm, lateral_mm: mm }
    }

    /// Inverse covariance of a residual, mm^-2, `lever` being array to tip.
    pub(crate) fn information(&self, lever: &Vector3<f64>) -> Matrix3<f64> {
        let (axial, lateral) = (self.axial_mm.powi(-2), self.lateral_mm.powi(-2));
        match lever.try_normalize(1.0) {
            Some(a) => Matrix3::identity() * lateral + a * a.transpose() * (axial - lateral),
            None => Matrix3::identity() * lateral,
        }
    }
}

/// The points that fit best.
#[derive(Debug, Clone)]
pub(crate) struct Solution {
    pub tip: Vector3<f64>,
    pub tip_covariance: Matrix3<f64>,
    pub pivots: Vec<Vector3<f64>>,
    pub pivot_covariances: Vec<Matrix3<f64>>,
}

/// Below this share of the rotation part's largest eigenvalue a direction of
/// the tip is free; poses that differ by rounding only end here.
const MIN_EIGENVALUE_SHARE: f64 = 1e-10;

/// Minimises `sum w_i r_i^T W_i r_i`; `None` when no tip is determined.
///
/// * `tip` - a guess for the levers; `None` weighs all directions alike.
pub(crate) fn solve(
    problem: &Problem<'_>,
    weights: &[f64],
    noise: &PivotNoise,
    tip: Option<&Vector3<f64>>,
) -> Option<Solution> {
    let groups = problem.groups;
    let (mut tip_tip, mut tip_right) = (Matrix3::zeros(), Vector3::zeros());
    let mut tip_pivot = vec![Matrix3::zeros(); groups];
    let mut pivot_pivot = vec![Matrix3::zeros(); groups];
    let mut pivot_right = vec![Vector3::zeros(); groups];
    for ((pose, group), weight) in problem.poses.iter().zip(problem.group).zip(weights) {
        let lever = tip.map_or_else(Vector3::zeros, |tip| pose.rotation * tip);
        let information = noise.information(&lever) * *weight;
        let turned = pose.rotation.transpose() * information;
        tip_tip += turned * pose.rotation;
        tip_right -= turned * pose.translation;
        tip_pivot[*group] -= turned;
        pivot_pivot[*group] += information;
        pivot_right[*group] += information * pose.translation;
    }
    let scale = tip_tip.trace();
    let (mut reduced, mut right) = (tip_tip, tip_right);
    let mut inverses = Vec::with_capacity(groups);
    for g in 0..groups {
        // A place that lost all its poses takes no part.
        let inverse = pivot_pivot[g].try_inverse().unwrap_or_else(Matrix3::zeros);
        let gain = tip_pivot[g] * inverse;
        reduced -= gain * tip_pivot[g].transpose();
        right -= gain * pivot_right[g];
        inverses.push(inverse);
    }
    let reduced = (reduced + reduced.transpose()) * 0.5;
    // False also for numbers that are none.
    let is_determined = reduced.symmetric_eigenvalues().min() > MIN_EIGENVALUE_SHARE * scale;
    if !is_determined {
        return None;
    }
    let tip_covariance = reduced.try_inverse()?;
    let tip = tip_covariance * right;
    let pivots = (0..groups).map(|g| inverses[g] * (pivot_right[g] - tip_pivot[g].transpose() * tip)).collect();
    let covariance = |g: usize| {
        let gain = inverses[g] * tip_pivot[g].transpose();
        inverses[g] + gain * tip_covariance * gain.transpose()
    };
    let pivot_covariances = (0..groups).map(covariance).collect();
    tip.iter().all(|v| v.is_finite()).then_some(Solution { tip, tip_covariance, pivots, pivot_covariances })
}

/// Where the tip was by each pose, from its pivot, mm, in the room's axes.
pub(crate) fn residuals(problem: &Problem<'_>, solution: &Solution) -> Vec<Vector3<f64>> {
    let of = |(pose, group): (&Rigid, &usize)| pose.apply(&solution.tip) - solution.pivots[*group];
    problem.poses.iter().zip(problem.group).map(of).collect()
}
