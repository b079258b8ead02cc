//! Gauss-Newton iterations through graduated stages.

use geom::nalgebra::Vector3;

use super::factor::{Correspondence, Placer, linearize, plane_distance};
use super::kernel::Kernel;
use super::pose::Pose;

/// A number of iterations under one kernel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stage {
    /// Correspondences further apart are left out, mm.
    pub max_distance_mm: f32,
    pub iterations: usize,
    pub kernel: Kernel,
}

const fn geman_mcclure(max_distance_mm: f32, iterations: usize, scale_mm: f32) -> Stage {
    Stage { max_distance_mm, iterations, kernel: Kernel::GemanMcClure { scale_mm } }
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
/// To the final pose, exact correspondences.
pub(super) const FINISH: [Stage; 1] =
    [Stage { max_distance_mm: CONTACT_MM, iterations: 12, kernel: Kernel::Tukey { cutoff_mm: CUTOFF_MM } }];

/// Added to the diagonal, so that a free direction stays where it is.
const DAMPING: f64 = 1e-6;

/// Improves `pose` stage by stage; returns the number of iterations.
///
/// A stage ends when a step moves the points by less than `tolerance_mm` (RMS,
/// at `radius_mm` from the centroid).
pub(super) fn solve<C: Correspondence>(
    lookup: &C,
    offsets: &[[f32; 3]],
    pose: &mut Pose,
    stages: &[Stage],
    (tolerance_mm, radius_mm): (f64, f64),
) -> usize {
    let mut iterations = 0;
    for stage in stages {
        for _ in 0..stage.iterations {
            iterations += 1;
            let equations = linearize(lookup, offsets, pose, stage.max_distance_mm, stage.kernel);
            let mut matrix = equations.information();
            (0..6).for_each(|i| matrix[(i, i)] += DAMPING);
            let Some(factor) = matrix.cholesky() else { break };
            let x = factor.solve(&equations.right_side());
            if !x.iter().all(|v| v.is_finite()) {
                break;
            }
            let (rotation, shift) = (Vector3::new(x[0], x[1], x[2]), Vector3::new(x[3], x[4], x[5]));
            *pose = pose.moved(rotation, shift);
            if shift.norm().hypot(rotation.norm() * radius_mm) < tolerance_mm {
                break;
            }
        }
    }
    iterations
}

/// Mean squared distance to the nearest surface point, each point counting at
/// most `limit_mm` squared.
pub(super) fn mean_squared_mm2<C: Correspondence>(lookup: &C, offsets: &[[f32; 3]], pose: &Pose, limit_mm: f32) -> f64 {
    let placer = Placer::new(pose);
    let limit = limit_mm * limit_mm;
    let one = |o: &[f32; 3]| f64::from(lookup.site(placer.place(o).1).map_or(limit, |found| found.2.min(limit)));
    offsets.iter().map(one).sum::<f64>() / offsets.len().max(1) as f64
}

/// How badly the points fit: root of the mean squared distance to the planes,
/// where a point off the bone counts [`CUTOFF_MM`]. Tells basins apart more
/// sharply than the distance to the vertices.
pub(super) fn misfit_mm<C: Correspondence>(lookup: &C, offsets: &[[f32; 3]], pose: &Pose) -> f64 {
    let placer = Placer::new(pose);
    let one = |o: &[f32; 3]| {
        let p = placer.place(o).1;
        let contact = lookup.site(p).filter(|found| found.2 <= CONTACT_MM * CONTACT_MM);
        f64::from(contact.map_or(CUTOFF_MM, |found| plane_distance(&p, found.1).abs().min(CUTOFF_MM))).powi(2)
    };
    (offsets.iter().map(one).sum::<f64>() / offsets.len().max(1) as f64).sqrt()
}
