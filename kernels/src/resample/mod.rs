//! Sampling a voxel grid on another grid: CT to network spacing, network
//! labels back to the CT, oblique slices.
//!
//! Does not smooth: before making voxels larger, run
//! [`gaussian_blur`](crate::gaussian_blur) with
//! [`antialias_sigma`](crate::antialias_sigma), or bone edges alias.

mod fill;
mod sample;
mod voxel;

use crate::error::GridError;
use crate::grid::{check_len, check_setting, count};

use sample::Job;

pub use voxel::Voxel;

/// How values between voxel centres are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interpolation {
    /// The voxel whose box holds the point. For labels.
    Nearest,
    /// Trilinear between the eight surrounding centres. For intensities.
    Linear,
}

/// Samples `src` at the voxel centres of another grid.
///
/// - `src`: values of `src_dims` = `[z, y, x]`, x fastest.
/// - `src_from_dst`: maps a destination voxel index `(x, y, z, 1)` to a source
///   voxel index `(x, y, z)`; integers are voxel centres. Note the order:
///   indices are x first, dimensions z first.
/// - `outside`: the value for points outside the source, that is more than
///   half a voxel beyond its outermost centres (air, -1024 HU, or label 0).
///   Within that half voxel the border value holds.
///
/// # Errors
/// [`GridError`] for lengths that do not match, empty grids, a transform with
/// NaN or infinity, and [`Interpolation::Linear`] on labels.
///
/// Cost: one (nearest) or eight (linear) reads per destination voxel; all
/// threads of the current rayon pool. The result does not depend on them.
///
/// ```
/// use kernels::{Interpolation, resample};
/// // Halfway between two voxels along x.
/// let src_from_dst = [[1.0, 0.0, 0.0, 0.5], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
/// let dst = resample(
///     &[0.0_f32, 10.0, 30.0], [1, 1, 3], &src_from_dst, [1, 1, 3],
///     Interpolation::Linear, -1024.0,
/// )?;
/// assert_eq!(dst, [5.0, 20.0, -1024.0]);
/// # Ok::<(), kernels::GridError>(())
/// ```
pub fn resample<T: Voxel>(
    src: &[T],
    src_dims: [usize; 3],
    src_from_dst: &[[f64; 4]; 3],
    dst_dims: [usize; 3],
    interpolation: Interpolation,
    outside: T,
) -> Result<Vec<T>, GridError> {
    const OPERATION: &str = "resample";
    check_len(OPERATION, src_dims, src.len())?;
    let voxels = count(OPERATION, dst_dims)?;
    for &value in src_from_dst.iter().flatten() {
        check_setting(OPERATION, "src_from_dst", value, true, "finite")?;
    }
    if T::IS_LABEL && interpolation == Interpolation::Linear {
        return Err(GridError::LinearLabels { voxel: T::NAME });
    }
    let mut dst = vec![outside; voxels];
    let job = Job { src, src_dims, src_from_dst, dst_dims, interpolation };
    T::sample(&job, &mut dst);
    Ok(dst)
}
