//! Sampling a voxel grid on another grid: CT to network spacing, network
//! labels back to the CT, oblique slices.
//!
//! Does not smooth: before making voxels larger, run
//! [`gaussian_blur`](crate::gaussian_blur) with
//! [`antialias_sigma`](crate::antialias_sigma), or bone edges alias.

mod fill;
mod voxel;

use crate::error::GridError;
use crate::grid::{check_len, check_setting, count};

use fill::{Grid, fill};

pub use voxel::{Blend, Voxel};

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
    let src_grid = Grid { dims: src_dims, src_from_dst };
    let [_, height, width] = src_dims;
    let at = |z: usize, y: usize| (z * height + y) * width;
    let mut dst = vec![outside; voxels];
    match interpolation {
        Interpolation::Nearest => fill(&mut dst, dst_dims, &src_grid, holder, |[x, y, z]| src[at(z, y) + x]),
        Interpolation::Linear if T::BLEND.is_none() => return Err(GridError::LinearLabels { voxel: T::NAME }),
        Interpolation::Linear => fill(&mut dst, dst_dims, &src_grid, neighbours, |[x, y, z]| {
            let corners = [(z.lower, y.lower), (z.lower, y.upper), (z.upper, y.lower), (z.upper, y.upper)]
                .map(|(z, y)| at(z, y))
                .map(|row| [src[row + x.lower], src[row + x.upper]]);
            let [[a, b], [c, d], [e, f], [g, h]] = corners;
            let corners = [a, b, c, d, e, f, g, h];
            // Named here, not captured, so that the compiler can inline it.
            T::BLEND.map_or(outside, |blend| blend(corners, [x.fraction, y.fraction, z.fraction]))
        }),
    }
    Ok(dst)
}

/// The voxel whose extent, half a voxel to both sides with the lower end
/// included, holds a coordinate; `None` outside.
fn holder(coordinate: f64, len: usize) -> Option<usize> {
    let shifted = coordinate + 0.5;
    // Not negative, so the cast is the floor.
    (shifted >= 0.0 && shifted < len as f64).then_some(shifted as usize)
}

/// The voxels on both sides of a coordinate.
#[derive(Clone, Copy)]
struct Neighbours {
    lower: usize,
    upper: usize,
    fraction: f32,
}

/// The voxels on both sides of a coordinate, both the border voxel beyond its
/// centre; `None` outside the same range as for [`holder`].
fn neighbours(coordinate: f64, len: usize) -> Option<Neighbours> {
    holder(coordinate, len)?;
    let inside = coordinate.clamp(0.0, (len - 1) as f64);
    let lower = inside as usize;
    let upper = (lower + 1).min(len - 1);
    Some(Neighbours { lower, upper, fraction: (inside - lower as f64) as f32 })
}
