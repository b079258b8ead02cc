//! One descent.

use geom::nalgebra::{Matrix3x6, Matrix6, Vector3, Vector6};
use geom::{Ct, Patient, Transform};
use rayon::prelude::*;

use super::reject::Pair;
use super::{Align, Alignment, Lookup, Moving, Weighting};
use crate::register::error::RegisterError;
use crate::register::pose::Pose;
use crate::register::source::Source;
use crate::register::target::Target;

/// Points a thread sums. Fixed, so that the sums do not depend on threads.
const CHUNK: usize = 512;

/// Moves `moving` onto `target` from `initial`, with the given parts.
///
/// # Errors
/// [`RegisterError`] for points that fix no pose (fewer than six, not finite,
/// on a line or plane), normals that are not one a point, and a first guess
/// that is not finite. No pair in reach is no error: the pose stays, with no
/// inliers. Cost: 0.5 us a point and iteration.
pub fn align(
    target: &Target,
    moving: &Moving<'_>,
    initial: &Transform<Patient, Ct>,
    parts: &Align,
) -> Result<Alignment, RegisterError> {
    let source = Source::new(moving.points, 0)?;
    let (points, normals) = (moving.points.len(), moving.normals.map_or(moving.points.len(), <[_]>::len));
    if normals != points {
        return Err(RegisterError::UnequalTarget { points, normals, levels: points });
    }
    if !initial.is_finite() {
        return Err(RegisterError::InitialNotFinite);
    }
    let mut pose = Pose::from_transform(&initial.inverse(), &source, target);
    let (mut iterations, mut has_converged) = (0, false);
    let mut last = State::default();
    for weighting in &parts.weightings {
        has_converged = false;
        for _ in 0..parts.max_iterations {
            iterations += 1;
            last = State::new(target, moving, &source, &pose, (parts, *weighting));
            let mut matrix = last.information;
            (0..6).for_each(|i| matrix[(i, i)] += 1e-6);
            let Some(x) = matrix.cholesky().map(|factor| factor.solve(&last.right_side)) else { break };
            let (turn, shift) = (Vector3::new(x[0], x[1], x[2]), Vector3::new(x[3], x[4], x[5]));
            pose = pose.moved(turn, shift);
            if shift.norm().hypot(turn.norm() * source.radius_mm) < parts.tolerance_mm {
                has_converged = true;
                break;
            }
        }
    }
    Ok(Alignment {
        patient_from_ct: pose.to_transform(&source, target).inverse(),
        information: last.information,
        iterations,
        has_converged,
        residuals_mm: last.residuals_mm,
        weights: last.weights,
    })
}

/// Everything at one pose.
#[derive(Default)]
struct State {
    information: Matrix6<f64>,
    right_side: Vector6<f64>,
    residuals_mm: Vec<f64>,
    weights: Vec<f64>,
}

impl State {
    fn new(
        target: &Target,
        moving: &Moving<'_>,
        source: &Source,
        pose: &Pose,
        (parts, weighting): (&Align, Weighting),
    ) -> Self {
        let arm = |i: usize| {
            let point = moving.points.get(i).map_or(source.centroid, |p| p.vector3());
            pose.rotation * (point - source.centroid)
        };
        let pair = |i: usize| {
            let at = arm(i) + pose.centre;
            let site = target.find(at.cast::<f32>().into(), parts.lookup == Lookup::Exact)?;
            let f64s = |v: [f32; 3]| Vector3::from(v).cast::<f64>();
            let own_normal = moving.normals.and_then(|n| n.get(i)).map(|n| pose.rotation * n.vector3());
            Some(Pair { apart: at - f64s(site.point), normal: f64s(site.normal), own_normal })
        };
        let count = moving.points.len();
        let mut pairs: Vec<Option<Pair>> = (0..count).into_par_iter().with_min_len(CHUNK).map(pair).collect();
        let residual = |pair: &Option<Pair>| pair.as_ref().map_or(f64::NAN, |p| p.apart.dot(&p.normal));
        let residuals_mm: Vec<f64> = pairs.iter().map(residual).collect();
        parts.rejectors.iter().for_each(|reject| reject.apply(&mut pairs));
        let weight = |pair: &Option<Pair>| {
            let height = |p: &Pair| p.apart.dot(&p.normal) as f32;
            pair.as_ref().map_or(0.0, |p| f64::from(weighting.weight(p.apart.norm_squared() as f32, height(p))))
        };
        let weights: Vec<f64> = pairs.iter().map(weight).collect();
        let sum = |numbers: &[usize]| {
            let mut sums = (Matrix6::zeros(), Vector6::zeros());
            for &i in numbers {
                let Some(Some(pair)) = pairs.get(i) else { continue };
                let weight = weights.get(i).copied().unwrap_or(0.0);
                let mut jacobian = Matrix3x6::zeros();
                jacobian.fixed_view_mut::<3, 3>(0, 0).copy_from(&-arm(i).cross_matrix());
                jacobian.fixed_view_mut::<3, 3>(0, 3).fill_with_identity();
                let weighed = jacobian.transpose() * parts.factor.information(pair) * weight;
                sums.0 += weighed * jacobian;
                sums.1 -= weighed * pair.apart;
            }
            sums
        };
        let numbers: Vec<usize> = (0..count).collect();
        let chunks: Vec<(Matrix6<f64>, Vector6<f64>)> = numbers.par_chunks(CHUNK).map(sum).collect();
        let (information, right_side) = chunks
            .iter()
            .fold((Matrix6::zeros(), Vector6::zeros()), |total, part| (total.0 + part.0, total.1 + part.1));
        Self { information, right_side, residuals_mm, weights }
    }
}
