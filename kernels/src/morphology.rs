//! Growing and shrinking binary masks by a distance in millimetres, the same
//! in every direction whatever the voxel size.

use rayon::prelude::*;

use crate::distance::distance_transform;
use crate::error::GridError;
use crate::grid::check_setting;

/// Centres closer than this fraction to the radius count as inside, so that a
/// radius of three voxels reaches the third voxel despite rounding.
const TOLERANCE: f64 = 1e-5;

/// Voxels whose centre lies within `radius_mm` of the centre of a `true` voxel.
///
/// - `dims`, `spacing_mm`: `[z, y, x]`.
///
/// # Errors
/// Those of [`distance_transform`], and [`GridError::Setting`] for a radius
/// that is negative or not finite.
///
/// Cost: one distance transform, whatever the radius.
///
/// ```
/// let mask = [false, false, true, false, false];
/// let grown = kernels::dilate_mm(&mask, [1, 1, 5], [1.0, 1.0, 0.8], 0.8)?;
/// assert_eq!(grown, [false, true, true, true, false]);
/// # Ok::<(), kernels::GridError>(())
/// ```
pub fn dilate_mm(
    mask: &[bool],
    dims: [usize; 3],
    spacing_mm: [f64; 3],
    radius_mm: f64,
) -> Result<Vec<bool>, GridError> {
    check_setting("dilate_mm", "radius_mm", radius_mm, radius_mm >= 0.0, "0 or more")?;
    Ok(within(&distance_transform(mask, dims, spacing_mm)?, radius_mm))
}

/// Voxels farther than `radius_mm` from every `false` voxel: the dilation of
/// the background, inverted. Beyond the border nothing is assumed, so a mask
/// that touches it is not shrunk from there.
///
/// Arguments, errors and cost as [`dilate_mm`].
///
/// # Errors
/// As [`dilate_mm`].
///
/// ```
/// let mask = [false, true, true, true, true];
/// let shrunk = kernels::erode_mm(&mask, [1, 1, 5], [1.0, 1.0, 0.8], 0.8)?;
/// assert_eq!(shrunk, [false, false, true, true, true]);
/// # Ok::<(), kernels::GridError>(())
/// ```
pub fn erode_mm(mask: &[bool], dims: [usize; 3], spacing_mm: [f64; 3], radius_mm: f64) -> Result<Vec<bool>, GridError> {
    check_setting("erode_mm", "radius_mm", radius_mm, radius_mm >= 0.0, "0 or more")?;
    let background: Vec<bool> = mask.par_iter().map(|&is_inside| !is_inside).collect();
    let mut shrunk = within(&distance_transform(&background, dims, spacing_mm)?, radius_mm);
    shrunk.par_iter_mut().for_each(|voxel| *voxel = !*voxel);
    Ok(shrunk)
}

fn within(squared_mm: &[f32], radius_mm: f64) -> Vec<bool> {
    let limit = (radius_mm * radius_mm * (1.0 + TOLERANCE)) as f32;
    squared_mm.par_iter().map(|&squared| squared <= limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIMS: [usize; 3] = [9, 9, 9];

    #[test]
    fn a_point_grows_into_a_ball_in_millimetres() {
        let spacing = [2.0, 1.0, 1.0];
        let mut mask = vec![false; 729];
        mask[(4 * 9 + 4) * 9 + 4] = true;
        let ball = dilate_mm(&mask, DIMS, spacing, 3.0).unwrap();
        for (i, &is_inside) in ball.iter().enumerate() {
            let offset = |axis: i32| f64::from(i as i32 / 9_i32.pow(axis as u32) % 9 - 4);
            let [x, y, z] = [offset(0), offset(1), 2.0 * offset(2)];
            assert_eq!(is_inside, x * x + y * y + z * z <= 9.0, "{i}");
        }
    }

    #[test]
    fn radius_zero_changes_nothing() {
        let mask: Vec<bool> = (0..729).map(|i| i % 5 == 0).collect();
        assert_eq!(dilate_mm(&mask, DIMS, [1.0; 3], 0.0).unwrap(), mask);
        assert_eq!(erode_mm(&mask, DIMS, [1.0; 3], 0.0).unwrap(), mask);
    }

    #[test]
    fn closing_fills_a_hole_and_keeps_the_rest() {
        let cube = |i: usize| [i / 81, i / 9 % 9, i % 9].iter().all(|c| (2..7).contains(c));
        let full: Vec<bool> = (0..729).map(cube).collect();
        let mut holed = full.clone();
        holed[(4 * 9 + 4) * 9 + 4] = false;
        let grown = dilate_mm(&holed, DIMS, [1.0; 3], 1.0).unwrap();
        assert_eq!(erode_mm(&grown, DIMS, [1.0; 3], 1.0).unwrap(), full);
    }

    #[test]
    fn every_third_voxel_is_reached_at_any_spacing() {
        for spacing in [0.1, 0.3, 0.7, 0.702_148, 1.1, 2.5] {
            let mask = [true, false, false, false, false];
            let grown = dilate_mm(&mask, [1, 1, 5], [1.0, 1.0, spacing], 3.0 * spacing);
            assert_eq!(grown.unwrap(), [true, true, true, true, false], "{spacing}");
        }
    }

    #[test]
    fn a_bad_radius_is_refused() {
        for radius in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(dilate_mm(&[true], [1, 1, 1], [1.0; 3], radius).is_err());
            assert!(erode_mm(&[true], [1, 1, 1], [1.0; 3], radius).is_err());
        }
    }
}
