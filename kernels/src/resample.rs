//! Sampling a voxel grid on another grid: CT to network spacing, network
//! labels back to the CT, oblique slices.
//!
//! Does not smooth: before making voxels larger, run
//! [`gaussian_blur`](crate::gaussian_blur) with
//! [`antialias_sigma`](crate::antialias_sigma), or bone edges alias.

use rayon::prelude::*;

use crate::error::GridError;
use crate::grid::{check_len, check_setting, count};

/// How values between voxel centres are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interpolation {
    /// The voxel whose box holds the point. For labels.
    Nearest,
    /// Trilinear between the eight surrounding centres. For intensities.
    Linear,
}

/// Blends eight corner values (x fastest, then y, then z) at fractions
/// `[x, y, z]` from 0 to 1 between them.
pub type Blend<T> = fn(corners: [T; 8], fractions: [f32; 3]) -> T;

/// Values a grid can hold.
pub trait Voxel: Copy + Send + Sync {
    /// Name for error messages.
    const NAME: &'static str;

    /// How values are blended, or `None` when the type holds labels.
    const BLEND: Option<Blend<Self>>;
}

impl Voxel for f32 {
    const NAME: &'static str = "f32";
    const BLEND: Option<Blend<f32>> = Some(trilinear);
}

/// Stored Hounsfield units; blends round to the nearest integer.
impl Voxel for i16 {
    const NAME: &'static str = "i16";
    const BLEND: Option<Blend<i16>> =
        // A blend lies between its corners, so the cast does not saturate.
        Some(|corners, fractions| trilinear(corners.map(f32::from), fractions).round() as i16);
}

macro_rules! label_voxel {
    ($($label:ty),*) => {$(
        impl Voxel for $label {
            const NAME: &'static str = stringify!($label);
            const BLEND: Option<Blend<$label>> = None;
        }
    )*};
}
label_voxel!(bool, u8, u16, u32, i32);

fn trilinear(corners: [f32; 8], [x, y, z]: [f32; 3]) -> f32 {
    let between = |a: f32, b: f32, t: f32| a + (b - a) * t;
    let [a, b, c, d, e, f, g, h] = corners;
    let lower = between(between(a, b, x), between(c, d, x), y);
    let upper = between(between(e, f, x), between(g, h, x), y);
    between(lower, upper, z)
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
    let source = Source { values: src, dims: src_dims };
    let mut dst = vec![outside; voxels];
    match (interpolation, T::BLEND) {
        (Interpolation::Nearest, _) => {
            fill(&mut dst, dst_dims, src_from_dst, |point| source.nearest(point));
        }
        (Interpolation::Linear, Some(blend)) => {
            fill(&mut dst, dst_dims, src_from_dst, |point| source.linear(point, blend));
        }
        (Interpolation::Linear, None) => return Err(GridError::LinearLabels { voxel: T::NAME }),
    }
    Ok(dst)
}

/// Evaluates `sample` at every destination voxel, row by row; `None` leaves
/// the value that is there.
fn fill<T: Voxel>(
    dst: &mut [T],
    [_, height, width]: [usize; 3],
    src_from_dst: &[[f64; 4]; 3],
    sample: impl Fn([f64; 3]) -> Option<T> + Sync,
) {
    dst.par_chunks_mut(width).enumerate().for_each(|(index, row)| {
        let (y, z) = ((index % height) as f64, (index / height) as f64);
        let start = src_from_dst.map(|[_, sy, sz, origin]| sy * y + (sz * z + origin));
        for (x, voxel) in row.iter_mut().enumerate() {
            let point = std::array::from_fn(|axis| src_from_dst[axis][0] * x as f64 + start[axis]);
            if let Some(value) = sample(point) {
                *voxel = value;
            }
        }
    });
}

/// A grid to read from.
struct Source<'a, T> {
    values: &'a [T],
    dims: [usize; 3],
}

impl<T: Voxel> Source<'_, T> {
    /// The voxel that holds the point `[x, y, z]`, which lies half a voxel
    /// around the centre, the lower face included.
    fn nearest(&self, point: [f64; 3]) -> Option<T> {
        let [depth, height, width] = self.dims;
        let [x, y, z] = point;
        let (x, y, z) = (holder(x, width)?, holder(y, height)?, holder(z, depth)?);
        Some(self.values[(z * height + y) * width + x])
    }

    fn linear(&self, point: [f64; 3], blend: Blend<T>) -> Option<T> {
        let [depth, height, width] = self.dims;
        let [x, y, z] = point;
        let (x0, x1, tx) = neighbours(x, width)?;
        let (y0, y1, ty) = neighbours(y, height)?;
        let (z0, z1, tz) = neighbours(z, depth)?;
        let row = |z: usize, y: usize| &self.values[(z * height + y) * width..][..width];
        let [a, b, c, d] = [row(z0, y0), row(z0, y1), row(z1, y0), row(z1, y1)];
        let corners = [a[x0], a[x1], b[x0], b[x1], c[x0], c[x1], d[x0], d[x1]];
        Some(blend(corners, [tx, ty, tz]))
    }
}

/// The voxel whose extent, half a voxel to both sides, holds a coordinate.
fn holder(coordinate: f64, len: usize) -> Option<usize> {
    let shifted = coordinate + 0.5;
    // Not negative, so the cast is the floor.
    (shifted >= 0.0 && shifted < len as f64).then_some(shifted as usize)
}

/// The voxels on both sides of a coordinate and the fraction between them, or
/// `None` outside `-0.5 <= coordinate < len - 0.5`.
fn neighbours(coordinate: f64, len: usize) -> Option<(usize, usize, f32)> {
    if !(coordinate >= -0.5 && coordinate < len as f64 - 0.5) {
        return None;
    }
    let inside = coordinate.clamp(0.0, (len - 1) as f64);
    // Not negative, so the cast is the floor.
    let lower = inside as usize;
    Some((lower, (lower + 1).min(len - 1), (inside - lower as f64) as f32))
}
