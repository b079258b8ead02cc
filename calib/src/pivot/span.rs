//! How far the tool was turned, and in which direction too little.

use geom::nalgebra::{Matrix3, Vector3};

use super::solve::Problem;
use crate::rigid::Rigid;
use crate::statistics::quantile;

/// The motion along the direction of the tool that was turned least.
///
/// The information about the tip along a direction `u` of the tool is
/// `n u^T (I - M^T M) u` with `M` the mean rotation matrix: how far `u` itself
/// moves about. Turning the tool about its own axis moves every direction but
/// the axis, so the weakest direction is usually the shaft.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RotationSpan {
    /// Angle over which the weakest direction was spread, degrees: twice its
    /// 95 % distance from its mean.
    pub span_deg: f64,
    /// That direction, in the tool's axes.
    pub weakest: [f64; 3],
}

/// Span of the poses that count.
pub(crate) fn rotation_span(problem: &Problem<'_>, counts: &[bool]) -> RotationSpan {
    let mut sums = vec![(Matrix3::zeros(), 0.0); problem.groups];
    for ((pose, group), _) in problem.poses.iter().zip(problem.group).zip(counts).filter(|(_, counts)| **counts) {
        sums[*group].0 += pose.rotation;
        sums[*group].1 += 1.0;
    }
    let spread = sums.iter().filter(|s| s.1 > 0.0).fold(Matrix3::zeros(), |spread, (sum, count)| {
        spread + Matrix3::identity() * *count - sum.transpose() * sum / *count
    });
    let eigen = spread.symmetric_eigen();
    let weakest: Vector3<f64> = eigen.eigenvectors.column(eigen.eigenvalues.imin()).into();
    let of = |((pose, group), counts): ((&Rigid, &usize), &bool)| {
        let mean = (sums[*group].0 * weakest).try_normalize(1e-9)?;
        counts.then(|| (pose.rotation * weakest).dot(&mean).clamp(-1.0, 1.0).acos().to_degrees())
    };
    let angles: Vec<f64> = problem.poses.iter().zip(problem.group).zip(counts).filter_map(of).collect();
    let widest = quantile(&angles, 0.95);
    RotationSpan { span_deg: if widest.is_finite() { 2.0 * widest } else { 0.0 }, weakest: weakest.into() }
}

/// Span of poses that belong to no place.
pub(crate) fn span_of(poses: &[Rigid]) -> RotationSpan {
    let group = vec![0; poses.len()];
    rotation_span(&Problem { poses, group: &group, groups: 1 }, &vec![true; poses.len()])
}
