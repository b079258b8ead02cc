//! Gauss-Newton iterations through graduated stages.

use geom::nalgebra::{Matrix6, Vector3, Vector6};
use kernels::point_to_plane::{PlaneSums, PointBlocks, Sites, Weighting, mean_squared, plane_sums};
use rayon::prelude::*;

use super::anchors::Anchors;
use super::correspond::{CHUNK, Coarse, Matched};
use super::pose::Pose;
use super::target::Target;

/// A number of iterations under one weighting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stage {
    /// Correspondences further apart are left out, mm.
    pub reach_mm: f32,
    pub iterations: usize,
    pub weighting: Weighting,
}

const fn geman_mcclure(reach_mm: f32, iterations: usize, scale_mm: f32) -> Stage {
    Stage { reach_mm, iterations, weighting: Weighting::GemanMcClure { scale_mm } }
}

/// From anywhere within the capture range to the right basin.
pub(super) const APPROACH: [Stage; 3] =
    [geman_mcclure(25.0, 6, 8.0), geman_mcclure(25.0, 6, 4.0), geman_mcclure(12.0, 6, 2.0)];
/// From the right basin to within the grid's accuracy.
pub(super) const CLOSE_IN: [Stage; 2] = [geman_mcclure(8.0, 8, 2.0), geman_mcclure(4.0, 12, 1.0)];
/// Beyond this distance from its plane a point is an outlier, mm: five times
/// the noise of a tracked pointer (0.3 mm).
pub(super) const CUTOFF_MM: f32 = 1.5;
/// Correspondences further apart are no contact with the bone, mm.
pub(super) const CONTACT_MM: f32 = 3.0;
/// How a point on the bone counts in the final pose.
pub(super) const FINAL: Weighting = Weighting::Tukey { cutoff_mm: CUTOFF_MM };
/// Times the exact correspondences are found anew.
const MATCHES: usize = 6;
/// Iterations with the same correspondences.
const INNER: usize = 4;
/// A pose that moved the points less than this since they were matched keeps
/// its correspondences, mm: a tenth of their spacing.
const REMATCH_MM: f64 = 0.05;

/// Added to the diagonal, so that a free direction stays where it is.
const DAMPING: f64 = 1e-6;

/// Weighted sums at `pose`, the same on any number of threads.
pub(super) fn linearize<S: Sites>(
    sites: &S,
    points: &PointBlocks,
    pose: &Pose,
    reach_mm: f32,
    weighting: Weighting,
) -> PlaneSums {
    let (placement, blocks) = (pose.placement(), points.blocks());
    let one = |(i, chunk)| plane_sums(sites, chunk, i * CHUNK, &placement, (reach_mm, weighting));
    if blocks.len() <= 2 * CHUNK {
        return blocks.chunks(CHUNK).enumerate().map(one).fold(PlaneSums::ZERO, |sum, part| sum.plus(&part));
    }
    let parts: Vec<PlaneSums> = blocks.par_chunks(CHUNK).enumerate().map(one).collect();
    parts.iter().fold(PlaneSums::ZERO, PlaneSums::plus)
}

/// Sum of `w J J^T`: rotation (rad) about the centroid, then translation (mm),
/// in the CT's axes.
pub(super) fn information(sums: &PlaneSums) -> Matrix6<f64> {
    Matrix6::from_fn(|row, column| sums.product(row, column))
}

/// Variance of a point's distance that anchors are weighed against, mm^2: a
/// tracked pointer's 0.3 mm.
const POINT_VARIANCE_MM2: f64 = 0.09;

/// Moves `pose` by one Gauss-Newton step; returns how far the points moved
/// (RMS, mm), `None` when the equations cannot be solved.
pub(super) fn step(sums: &PlaneSums, anchors: &Anchors, pose: &mut Pose, radius_mm: f64) -> Option<f64> {
    let mut matrix = information(sums);
    let mut right_side = Vector6::from_fn(|row, _| -sums.product(row, 6));
    if !anchors.is_empty() {
        let (more, pull) = anchors.equations(pose);
        matrix += more * POINT_VARIANCE_MM2;
        right_side += pull * POINT_VARIANCE_MM2;
    }
    (0..6).for_each(|i| matrix[(i, i)] += DAMPING);
    let x = matrix.cholesky()?.solve(&right_side);
    if !x.iter().all(|v| v.is_finite()) {
        return None;
    }
    let (rotation, shift) = (Vector3::new(x[0], x[1], x[2]), Vector3::new(x[3], x[4], x[5]));
    *pose = pose.moved(rotation, shift);
    Some(shift.norm().hypot(rotation.norm() * radius_mm))
}

/// Improves `pose` stage by stage on the look-up grid.
///
/// A stage ends when a step moves the points by less than `tolerance_mm` (RMS,
/// at `radius_mm` from the centroid).
pub(super) fn solve(
    target: &Target,
    points: &PointBlocks,
    pose: &mut Pose,
    stages: &[Stage],
    (tolerance_mm, radius_mm): (f64, f64),
) {
    for stage in stages {
        for _ in 0..stage.iterations {
            let sums = linearize(&Coarse(target), points, pose, stage.reach_mm, stage.weighting);
            if step(&sums, &Anchors::default(), pose, radius_mm).is_none_or(|moved_mm| moved_mm < tolerance_mm) {
                break;
            }
        }
    }
}

/// To the final pose, with exact correspondences; returns them and the number
/// of iterations.
pub(super) fn finish<'a>(
    target: &'a Target,
    points: &PointBlocks,
    anchors: &Anchors,
    pose: &mut Pose,
    (tolerance_mm, radius_mm): (f64, f64),
) -> (Matched<'a>, usize) {
    let mut iterations = 0;
    let mut matched = Matched::new(target, points, &pose.placement(), CONTACT_MM);
    for _ in 0..MATCHES {
        let before = *pose;
        for _ in 0..INNER {
            iterations += 1;
            let sums = linearize(&matched, points, pose, CONTACT_MM, FINAL);
            if step(&sums, anchors, pose, radius_mm).is_none_or(|moved_mm| moved_mm < tolerance_mm) {
                break;
            }
        }
        if pose.distance_mm(&before, radius_mm) < REMATCH_MM {
            break;
        }
        matched = Matched::new(target, points, &pose.placement(), CONTACT_MM);
    }
    (matched, iterations)
}

/// Mean squared distance to the nearest surface point, each point counting at
/// most `limit_mm` squared.
pub(super) fn mean_squared_mm2(target: &Target, points: &PointBlocks, pose: &Pose, limit_mm: f32) -> f64 {
    mean_squared(&Coarse(target), points, &pose.placement(), (limit_mm, limit_mm, false))
}

/// How badly the points fit: root of the mean squared distance to the planes,
/// where a point off the bone counts [`CUTOFF_MM`]. Tells basins apart more
/// sharply than the distance to the vertices.
pub(super) fn misfit_mm(target: &Target, points: &PointBlocks, pose: &Pose) -> f64 {
    mean_squared(&Coarse(target), points, &pose.placement(), (CONTACT_MM, CUTOFF_MM, true)).max(0.0).sqrt()
}
