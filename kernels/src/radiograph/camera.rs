//! Where an X-ray source, its detector and a CT are.

use crate::error::GridError;
use crate::grid::check_setting;

/// How the rays run, in voxel indices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum XrayBeam {
    /// From a point.
    Cone {
        /// The source, `(x, y, z)`.
        source: [f32; 3],
    },
    /// All in one direction, from far before the CT to far behind it.
    Parallel {
        /// Along the rays, `(x, y, z)` voxels; any length but 0.
        direction: [f32; 3],
    },
}

/// Where the rays begin and which pixels they reach, in voxel indices
/// `(x, y, z)` of the CT (integers are voxel centres).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct XrayCamera {
    /// How the rays run.
    pub beam: XrayBeam,
    /// Middle of the first pixel.
    pub corner: [f32; 3],
    /// From a pixel to the next in its row.
    pub column: [f32; 3],
    /// From a row to the next.
    pub row: [f32; 3],
    /// Voxel size of the CT along x, y, z, mm.
    pub voxel_mm: [f32; 3],
    /// Longest step along a ray, mm; half the voxel size is fine enough.
    pub step_mm: f32,
}

/// The part of a pixel's ray between the outermost voxel centres: points
/// `from + t * along` for t from `enter` to `leave`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ray {
    pub from: [f32; 3],
    pub along: [f32; 3],
    pub enter: f32,
    pub leave: f32,
    /// Length of `along`.
    pub length_mm: f32,
}

impl XrayCamera {
    /// Refuses what makes no rays.
    ///
    /// # Errors
    /// [`GridError::Setting`] naming the number.
    pub fn check(&self) -> Result<(), GridError> {
        const OPERATION: &str = "radiograph";
        let beam = match self.beam {
            XrayBeam::Cone { source } => source,
            XrayBeam::Parallel { direction } => direction,
        };
        for value in [beam, self.corner, self.column, self.row].into_iter().flatten() {
            check_setting(OPERATION, "camera", f64::from(value), true, "finite")?;
        }
        for value in self.voxel_mm.into_iter().chain([self.step_mm]) {
            let value = f64::from(value);
            check_setting(OPERATION, "voxel or step", value, value > 0.0, "above 0 mm")?;
        }
        if matches!(self.beam, XrayBeam::Parallel { direction } if direction.iter().all(|d| *d == 0.0)) {
            check_setting(OPERATION, "direction", 0.0, false, "other than 0")?;
        }
        Ok(())
    }

    /// The ray of pixel `[row, column]` through a CT of `dims` `[z, y, x]`.
    pub(super) fn ray(&self, [row, column]: [usize; 2], dims: [usize; 3]) -> Ray {
        let pixel: [f32; 3] = std::array::from_fn(|axis| {
            self.corner[axis] + column as f32 * self.column[axis] + row as f32 * self.row[axis]
        });
        let (from, along, mut enter, mut leave) = match self.beam {
            XrayBeam::Cone { source } => (source, std::array::from_fn(|k| pixel[k] - source[k]), 0.0, 1.0),
            XrayBeam::Parallel { direction } => (pixel, direction, f32::NEG_INFINITY, f32::INFINITY),
        };
        for axis in 0..3 {
            let (low, high) = (-from[axis], (dims[2 - axis] - 1) as f32 - from[axis]);
            if along[axis] != 0.0 {
                let (a, b) = (low / along[axis], high / along[axis]);
                enter = enter.max(a.min(b));
                leave = leave.min(a.max(b));
            } else if low > 0.0 || high < 0.0 {
                leave = f32::NEG_INFINITY;
            }
        }
        let length_mm = (0..3).map(|k| (along[k] * self.voxel_mm[k]).powi(2)).sum::<f32>().sqrt();
        Ray { from, along, enter, leave, length_mm }
    }
}
