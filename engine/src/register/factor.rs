//! Point-to-plane equations, summed the same way on any number of threads.

use geom::nalgebra::{Matrix6, Vector6};
use rayon::prelude::*;

use super::kernel::Kernel;
use super::pose::Pose;
use super::target::{Site, Target};

/// Points summed in `f32` before they are added to the `f64` sums.
const BLOCK: usize = 64;
/// Points a thread takes at a time. Fixed, so that the order of the sums does
/// not depend on the number of threads.
const CHUNK: usize = 1024;

/// Finds the surface point that belongs to a position.
pub(super) trait Correspondence: Sync {
    /// The site near `position` and the squared distance to it, mm^2.
    fn site(&self, position: [f32; 3]) -> Option<(usize, &Site, f32)>;
}

/// Look-up by grid: nanoseconds, off by up to a cell.
pub(super) struct Coarse<'a>(pub &'a Target);
/// Look-up by tree: the nearest point.
pub(super) struct Exact<'a>(pub &'a Target);

impl Correspondence for Coarse<'_> {
    #[inline]
    fn site(&self, p: [f32; 3]) -> Option<(usize, &Site, f32)> {
        let index = self.0.grid.nearest(p)? as usize;
        let site = self.0.sites.get(index)?;
        let m = &site.point;
        Some((index, site, (p[0] - m[0]).powi(2) + (p[1] - m[1]).powi(2) + (p[2] - m[2]).powi(2)))
    }
}

impl Correspondence for Exact<'_> {
    #[inline]
    fn site(&self, p: [f32; 3]) -> Option<(usize, &Site, f32)> {
        let found = self.0.tree.nearest(p)?;
        Some((found.index, self.0.sites.get(found.index)?, found.distance_mm * found.distance_mm))
    }
}

/// A source offset placed by a pose.
#[derive(Clone, Copy)]
pub(super) struct Placer {
    rotation: [f32; 9],
    centre: [f32; 3],
}

impl Placer {
    pub fn new(pose: &Pose) -> Self {
        let (rotation, centre) = pose.to_f32();
        Self { rotation, centre }
    }

    /// Lever arm from the centroid, and position in the target.
    #[inline]
    pub fn place(&self, o: &[f32; 3]) -> ([f32; 3], [f32; 3]) {
        let (r, c) = (&self.rotation, &self.centre);
        let arm = [
            r[0] * o[0] + r[1] * o[1] + r[2] * o[2],
            r[3] * o[0] + r[4] * o[1] + r[5] * o[2],
            r[6] * o[0] + r[7] * o[1] + r[8] * o[2],
        ];
        (arm, [arm[0] + c[0], arm[1] + c[1], arm[2] + c[2]])
    }
}

/// Signed distance of `p` above the plane of `site`, mm.
#[inline]
pub(super) fn plane_distance(p: &[f32; 3], site: &Site) -> f32 {
    let (m, n) = (&site.point, &site.normal);
    (p[0] - m[0]) * n[0] + (p[1] - m[1]) * n[1] + (p[2] - m[2]) * n[2]
}

/// Weighted sums of the products of `[J | e]`: the normal equations of the
/// linearised point-to-plane distance (Chen and Medioni 1992,
/// doi:10.1016/0262-8856(92)90066-C; Low 2004, eq. 9-10).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NormalEquations {
    /// Row by row; lanes 0-5 the Jacobian, 6 the distance, 7 spare.
    sums: [[f64; 8]; 6],
}

impl NormalEquations {
    const ZERO: Self = Self { sums: [[0.0; 8]; 6] };

    fn add(mut self, other: &Self) -> Self {
        self.sums.iter_mut().flatten().zip(other.sums.iter().flatten()).for_each(|(a, b)| *a += b);
        self
    }

    /// Sum of `w J J^T`: rotation (rad) about the centroid, then translation
    /// (mm), in the CT's axes.
    pub fn information(&self) -> Matrix6<f64> {
        Matrix6::from_fn(|row, column| self.sums[row.min(column)][row.max(column)])
    }

    /// Sum of `-w J e`.
    pub fn right_side(&self) -> Vector6<f64> {
        Vector6::from_fn(|row, _| -self.sums[row][6])
    }
}

/// Builds the normal equations at `pose` from the points that have a
/// correspondence within `max_distance_mm`.
pub(super) fn linearize<C: Correspondence>(
    lookup: &C,
    offsets: &[[f32; 3]],
    pose: &Pose,
    max_distance_mm: f32,
    kernel: Kernel,
) -> NormalEquations {
    let placer = Placer::new(pose);
    let max_squared = max_distance_mm * max_distance_mm;
    let one = |chunk: &[[f32; 3]]| sum_chunk(lookup, chunk, &placer, max_squared, kernel);
    if offsets.len() <= 2 * CHUNK {
        return offsets.chunks(CHUNK).fold(NormalEquations::ZERO, |sum, chunk| sum.add(&one(chunk)));
    }
    let parts: Vec<NormalEquations> = offsets.par_chunks(CHUNK).map(one).collect();
    parts.iter().fold(NormalEquations::ZERO, NormalEquations::add)
}

fn sum_chunk<C: Correspondence>(
    lookup: &C,
    offsets: &[[f32; 3]],
    placer: &Placer,
    max_squared: f32,
    kernel: Kernel,
) -> NormalEquations {
    let mut total = NormalEquations::ZERO;
    for block in offsets.chunks(BLOCK) {
        let mut sums = [[0f32; 8]; 6];
        for offset in block {
            let (a, p) = placer.place(offset);
            let Some((_, site, squared)) = lookup.site(p).filter(|found| found.2 <= max_squared) else { continue };
            let (n, e) = (&site.normal, plane_distance(&p, site));
            let weight = kernel.weight(squared, e);
            // Rotating by x about the centroid moves the point by x cross a.
            let j = [
                a[1] * n[2] - a[2] * n[1],
                a[2] * n[0] - a[0] * n[2],
                a[0] * n[1] - a[1] * n[0],
                n[0],
                n[1],
                n[2],
                e,
                0.0,
            ];
            for (row, jr) in sums.iter_mut().zip(j) {
                let scaled = weight * jr;
                row.iter_mut().zip(j).for_each(|(sum, jc)| *sum += scaled * jc);
            }
        }
        total.sums.iter_mut().flatten().zip(sums.iter().flatten()).for_each(|(a, b)| *a += f64::from(*b));
    }
    total
}
