//! How far the hand was turned, and about which axis too little.

use geom::nalgebra::{Matrix3, Vector3};

use super::Pair;
use crate::rigid::{Rigid, mean_rotation, rotation_vector};
use crate::statistics::quantile;

/// Spans of the rotations about their principal axes.
///
/// Rotations about one axis leave the eye's place along it open (Tsai and
/// Lenz, IEEE TRA 5(3), 1989, doi:10.1109/70.34770), so the second axis decides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HandEyeSpan {
    /// Span about the axis turned most, degrees (95 % of the poses).
    pub first_deg: f64,
    /// Span about the second axis, degrees.
    pub second_deg: f64,
    /// The second axis, in the base's axes.
    pub second_axis: [f64; 3],
}

pub(super) fn span_of(pairs: &[Pair], counts: &[bool]) -> HandEyeSpan {
    let poses: Vec<Rigid> = pairs.iter().zip(counts).filter(|(_, counts)| **counts).map(|(p, _)| p.a).collect();
    let nothing = HandEyeSpan { first_deg: 0.0, second_deg: 0.0, second_axis: [0.0; 3] };
    let Some(mean) = mean_rotation(&poses) else { return nothing };
    let turns: Vec<Vector3<f64>> = poses.iter().map(|p| rotation_vector(&(p.rotation * mean.transpose()))).collect();
    let scatter = turns.iter().fold(Matrix3::zeros(), |sum, w| sum + w * w.transpose());
    let eigen = scatter.symmetric_eigen();
    let mut order = [0, 1, 2];
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let along = |k: usize| -> (f64, Vector3<f64>) {
        let axis: Vector3<f64> = eigen.eigenvectors.column(order[k]).into();
        let angles: Vec<f64> = turns.iter().map(|w| w.dot(&axis).to_degrees()).collect();
        (quantile(&angles, 0.975) - quantile(&angles, 0.025), axis)
    };
    let ((first_deg, _), (second_deg, axis)) = (along(0), along(1));
    HandEyeSpan { first_deg, second_deg, second_axis: axis.into() }
}
