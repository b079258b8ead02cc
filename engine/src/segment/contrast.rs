//! Blood and organs full of contrast agent are as bright as bone, but smooth.
//!
//! A vertebra's marrow is textured and walled by cortex into pieces of a few
//! cubic centimetres; enhanced heart, aorta, kidney and liver are large and
//! even. Measured on LIDC-IDRI-0001: no voxel of the pools found belonged to a
//! vertebra, and no even piece of a vertebra was larger than 4 cm^3.

use kernels::{Connectivity, connected_components, dilate_mm, gaussian_blur};

use super::pipeline::SegmentError;
use super::preprocess::{dims, spacing_mm};
use crate::volume::Grid;

/// Brightness of enhanced blood and organs, HU.
const POOL_HU: std::ops::Range<f32> = 130.0..600.0;

/// Local standard deviation below which tissue counts as even, HU. Scans with
/// more noise than this lose the check, not the spine.
const EVEN_HU: f32 = 40.0;

/// Smallest even region that cannot be bone, mm^3.
const MIN_POOL_MM3: f64 = 12_000.0;

/// Width of the rim that the measure of evenness leaves out and that is taken
/// back, mm; a shell of a voxel may stay.
const RIM_MM: f64 = 4.0;

/// Neighbourhood of the local standard deviation, in voxels: as wide as a
/// 3 x 3 x 3 box.
const NEIGHBOURHOOD: f64 = 0.8;

/// Marks large, bright, even regions and their rim.
///
/// * `hu` - the CT on `grid`, HU, voxels of about 2.5 mm.
///
/// Cost: two blurs, one labelling and one distance transform on that grid.
///
/// # Errors
/// [`SegmentError::Kernel`] when the data does not fit the grid.
pub fn pools(hu: &[f32], grid: &Grid) -> Result<Vec<bool>, SegmentError> {
    let dims = dims(grid);
    let squares: Vec<f32> = hu.iter().map(|v| v * v).collect();
    let mean = gaussian_blur(hu, dims, [NEIGHBOURHOOD; 3])?;
    let mean_square = gaussian_blur(&squares, dims, [NEIGHBOURHOOD; 3])?;
    let deviations = mean.iter().zip(&mean_square).map(|(m, s)| (s - m * m).max(0.0).sqrt());
    let even: Vec<bool> = hu.iter().zip(deviations).map(|(v, d)| POOL_HU.contains(v) && d < EVEN_HU).collect();
    let parts = connected_components(&even, dims, Connectivity::Faces)?;
    let spacing = spacing_mm(grid);
    let voxel_mm3: f64 = spacing.iter().product();
    let is_pool = |label: &u32| {
        let size = (*label as usize).checked_sub(1).and_then(|i| parts.sizes.get(i));
        size.is_some_and(|size| *size as f64 * voxel_mm3 >= MIN_POOL_MM3)
    };
    let pools: Vec<bool> = parts.labels.iter().map(is_pool).collect();
    Ok(dilate_mm(&pools, dims, spacing, RIM_MM)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use geom::Point;

    #[test]
    fn an_enhanced_heart_is_a_pool_and_textured_bone_is_not() {
        let grid = Grid::axis_aligned([40, 30, 30], [2.5; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let hu: Vec<f32> = (0..grid.len())
            .map(|i| {
                let (x, y, z) = (i % 40, i / 40 % 30, i / 1200);
                let inside =
                    |from: usize| (from..from + 14).contains(&x) && (5..20).contains(&y) && (5..25).contains(&z);
                let texture = if (x + 2 * y + 3 * z) % 3 == 0 { 220.0 } else { -110.0 };
                match (inside(2), inside(22)) {
                    (true, _) => 320.0,
                    (_, true) => 320.0 + texture,
                    _ => 40.0,
                }
            })
            .collect();
        let pools = pools(&hu, &grid).unwrap();
        assert!(pools[grid.index([9, 12, 15])] && pools[grid.index([3, 12, 15])], "inside and rim");
        assert!(!pools[grid.index([29, 12, 15])] && !pools[grid.index([38, 28, 28])]);
    }
}
