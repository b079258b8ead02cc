//! From the scanner's grid to an axis-aligned working grid, and back.

use geom::Point;
use geom::nalgebra::{Matrix3x4, Matrix4};
use kernels::{Interpolation, antialias_sigma, gaussian_blur, resample};

use super::pipeline::SegmentError;
use crate::volume::{Grid, Volume};

/// Row-major affine that maps voxel indices of `destination` to those of `source`.
#[must_use]
pub fn source_from_destination(source: &Grid, destination: &Grid) -> [[f64; 4]; 3] {
    let homogeneous = |m: &Matrix3x4<f64>| {
        let mut full = Matrix4::identity();
        full.fixed_view_mut::<3, 4>(0, 0).copy_from(m);
        full
    };
    let m = homogeneous(source.voxel_from_ct()) * homogeneous(destination.ct_from_voxel());
    [0, 1, 2].map(|row| [0, 1, 2, 3].map(|column| m[(row, column)]))
}

/// The axis-aligned LPS grid with cubic voxels of `spacing_mm` that covers the
/// box between two corners.
///
/// # Errors
/// [`SegmentError::Grid`] when the box is empty or absurdly large.
pub fn cover(low: [f64; 3], high: [f64; 3], spacing_mm: f64) -> Result<Grid, SegmentError> {
    let size = [0, 1, 2].map(|axis| ((high[axis] - low[axis]) / spacing_mm).ceil().clamp(0.0, 1e5) as usize + 1);
    Ok(Grid::axis_aligned(size, [spacing_mm; 3], Point::from(low))?)
}

/// The whole CT on cubic voxels, without aliasing. `[z, y, x]`, HU; outside
/// the CT it is air.
///
/// Cost: three passes over the source for the blur, one over the result.
///
/// # Errors
/// [`SegmentError::Kernel`] when the grids do not fit their data.
pub fn resample_ct(ct: &Volume, grid: &Grid, outside_hu: f32) -> Result<Vec<f32>, SegmentError> {
    let from_to = source_from_destination(&ct.grid, grid);
    let dims = dims(&ct.grid);
    let sigma = antialias_sigma(spacing_mm(&ct.grid), spacing_mm(grid));
    if sigma.iter().any(|s| *s > 0.0) {
        let blurred = gaussian_blur(&ct.hu, dims, sigma)?;
        return Ok(resample(&blurred, dims, &from_to, self::dims(grid), Interpolation::Linear, outside_hu)?);
    }
    Ok(resample(&ct.hu, dims, &from_to, self::dims(grid), Interpolation::Linear, outside_hu)?)
}

/// A field from one grid on another, linear.
///
/// # Errors
/// As [`resample_ct`].
pub fn resample_field(field: &[f32], source: &Grid, grid: &Grid, outside: f32) -> Result<Vec<f32>, SegmentError> {
    let from_to = source_from_destination(source, grid);
    Ok(resample(field, dims(source), &from_to, dims(grid), Interpolation::Linear, outside)?)
}

/// Labels from one grid on another, nearest neighbour.
///
/// # Errors
/// As [`resample_ct`].
pub fn resample_labels(labels: &[u8], source: &Grid, grid: &Grid) -> Result<Vec<u8>, SegmentError> {
    let from_to = source_from_destination(source, grid);
    Ok(resample(labels, dims(source), &from_to, dims(grid), Interpolation::Nearest, 0)?)
}

/// Voxel spacing in memory order `[z, y, x]`, mm, as the kernels want it.
#[must_use]
pub fn spacing_mm(grid: &Grid) -> [f64; 3] {
    let [x, y, z] = grid.spacing_mm();
    [z, y, x]
}

/// Voxel counts in memory order `[z, y, x]`.
#[must_use]
pub fn dims(grid: &Grid) -> [usize; 3] {
    let [x, y, z] = grid.size();
    [z, y, x]
}

#[cfg(test)]
mod tests {
    use super::*;
    use geom::{Ct, Point};

    #[test]
    fn a_flipped_scan_lands_in_the_same_place() {
        // A ramp along world x, stored right to left.
        let mut affine = Matrix3x4::identity();
        affine[(0, 0)] = -2.0;
        affine[(0, 3)] = 18.0;
        let grid = Grid::new([10, 3, 3], affine).unwrap();
        let hu = (0..90).map(|i| 18.0 - 2.0 * (i % 10) as f32).collect();
        let working = Grid::axis_aligned([15, 1, 1], [1.0; 3], Point::<Ct>::new(2.0, 1.0, 1.0)).unwrap();
        let ramp = resample_ct(&Volume { grid, hu }, &working, -1000.0).unwrap();
        for (i, value) in ramp.iter().enumerate() {
            assert!((value - (2.0 + i as f32)).abs() < 1e-3, "{ramp:?}");
        }
    }
}
