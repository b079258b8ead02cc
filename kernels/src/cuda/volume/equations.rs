//! The normal equations of point-to-plane registration on the GPU.
#![allow(unsafe_code)]

use super::buffer::{BLOCK, Buffer, grid_error, launch, narrow, parameters, same_gpu};
use super::points::{DeviceNeighbours, DevicePoints, DeviceTarget, PointsPose};
use crate::cuda::driver::{Shape, refuse};
use crate::error::OpError;
use crate::grid::check_setting;

/// Points a block sums, and the sums; as in `register_equations.cu`.
const POINTS_PER_BLOCK: usize = 1024;
const SUMS: usize = 29;

/// How much a point counts.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum RobustKernel {
    /// Geman-McClure on the distance to the nearest point (Black & Rangarajan
    /// 1996, doi:10.1007/BF00131148).
    GemanMcClure {
        /// Scale, mm.
        scale_mm: f32,
    },
    /// Tukey's biweight on the distance to the plane (Beaton & Tukey 1974,
    /// doi:10.1080/00401706.1974.10489171).
    Tukey {
        /// Cut-off, mm.
        cutoff_mm: f32,
    },
}

#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Robust {
    kind: i32,
    scale_mm: f32,
}

parameters! {
    struct BlocksParameters {
        offsets: u64, targets: u64, normals: u64, keys: u64, partials: u64, sources: u32, target_count: u32,
        placement: PointsPose, max_squared: f32, robust: Robust,
    }
}
parameters! { struct TotalParameters { partials: u64, total: u64, blocks: u32 } }

/// Sums over the points that have a neighbour: rotation (rad) about the
/// centroid first, then translation (mm).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormalEquations {
    /// Sum of `w J J^T`, symmetric.
    pub information: [[f64; 6]; 6],
    /// Sum of `-w J e`, e the distance above the plane.
    pub right_side: [f64; 6],
    /// Sum of `w e^2`, mm^2.
    pub squared_error_mm2: f64,
    /// Points with a neighbour within reach.
    pub inliers: usize,
}

impl DeviceTarget {
    /// Builds the normal equations at `pose` from neighbours no further than
    /// `max_distance_mm` (Chen & Medioni 1992,
    /// doi:10.1016/0262-8856(92)90066-C).
    ///
    /// # Errors
    /// [`OpError::Device`] for neighbours of another number of points, a
    /// distance or scale that is not positive, and data of another GPU.
    ///
    /// Cost: one pass over the points. The order of the sums is fixed.
    pub fn normal_equations(
        &self,
        points: &DevicePoints,
        pose: &PointsPose,
        neighbours: &DeviceNeighbours,
        max_distance_mm: f32,
        kernel: RobustKernel,
    ) -> Result<NormalEquations, OpError> {
        let driver = self.points.driver();
        same_gpu(driver, points.offsets.driver())?;
        same_gpu(driver, neighbours.keys.driver())?;
        if neighbours.count != points.count {
            let (found, given) = (neighbours.count, points.count);
            return Err(refuse(&format!("normal_equations: neighbours of {found} points, but {given} points")));
        }
        let robust = match kernel {
            RobustKernel::GemanMcClure { scale_mm } => Robust { kind: 0, scale_mm },
            RobustKernel::Tukey { cutoff_mm } => Robust { kind: 1, scale_mm: cutoff_mm },
        };
        for (name, value) in [("max_distance_mm", max_distance_mm), ("scale", robust.scale_mm)] {
            check_setting("normal_equations", name, f64::from(value), value > 0.0, "above 0 mm").map_err(grid_error)?;
        }
        let blocks = points.count.div_ceil(POINTS_PER_BLOCK);
        let (partials, total) = (Buffer::<f64>::new(driver, blocks * SUMS)?, Buffer::<f64>::new(driver, SUMS)?);
        let sum = BlocksParameters {
            offsets: points.offsets.address(),
            targets: self.points.address(),
            normals: self.normals.address(),
            keys: neighbours.keys.address(),
            partials: partials.address(),
            sources: narrow(points.count),
            target_count: narrow(self.count),
            placement: *pose,
            max_squared: max_distance_mm * max_distance_mm,
            robust,
        };
        let add = TotalParameters { partials: partials.address(), total: total.address(), blocks: narrow(blocks) };
        let one = |blocks: usize, threads: u32| Shape { grid: [narrow(blocks), 1, 1], threads, shared_bytes: 0 };
        // SAFETY: keys and offsets of all points, partial sums of all blocks,
        // and indices are compared with the number of target points; watched
        // by `cuda_volume::sums_the_equations_of_the_engine`.
        unsafe {
            launch(driver, "equations_of_blocks", one(blocks, BLOCK), &sum)?;
            launch(driver, "equations_total", one(1, 32 * narrow(SUMS)), &add)?;
        }
        Ok(NormalEquations::from_sums(&total.download()?))
    }
}

impl NormalEquations {
    /// The 21 sums of the upper triangle, 6 of the right side, error, count.
    fn from_sums(sums: &[f64]) -> Self {
        let sum = |i: usize| sums.get(i).copied().unwrap_or(0.0);
        // Row r of the upper triangle begins after 6 + 5 + ... of r rows.
        let upper = |row: usize, column: usize| sum(row * (13 - row) / 2 + column - row);
        Self {
            information: [0, 1, 2, 3, 4, 5].map(|r| [0, 1, 2, 3, 4, 5].map(|c: usize| upper(c.min(r), c.max(r)))),
            right_side: [21, 22, 23, 24, 25, 26].map(|i| -sum(i)),
            squared_error_mm2: sum(27),
            inliers: sum(28) as usize,
        }
    }
}
