//! Gaussian smoothing, mostly before a grid is sampled on larger voxels.

use rayon::prelude::*;

use crate::error::GridError;
use crate::grid::{check_len, check_setting};

/// The kernel ends after this many sigmas, where it is below 0.04 % of its
/// peak (the default of `scipy.ndimage.gaussian_filter`).
const TRUNCATE_SIGMAS: f64 = 4.0;

/// Most voxels a sigma may span; larger ones are mistaken units.
const MAX_SIGMA: f64 = 256.0;

/// The smoothing that keeps a coarser grid from aliasing: sigmas in source
/// voxels, per axis, for spacings in mm given in the same axis order.
///
/// Voxels are taken as Gaussian point spread functions whose full width at
/// half maximum is the spacing; the result widens the source's to the
/// destination's: `sqrt(dst^2 - src^2) / (2 sqrt(2 ln 2)) / src` (Cardoso et
/// al. 2015, DOI 10.1007/978-3-319-24571-3_81). Axes that do not get coarser
/// get 0.
///
/// ```
/// let sigma = kernels::antialias_sigma([0.7, 2.5, 5.0], [2.5, 2.5, 2.5]);
/// assert!((sigma[0] - 1.456).abs() < 1e-3);
/// assert_eq!(sigma[1..], [0.0, 0.0]);
/// ```
#[must_use]
pub fn antialias_sigma(src_spacing_mm: [f64; 3], dst_spacing_mm: [f64; 3]) -> [f64; 3] {
    let sigmas_per_width = 2.0 * (2.0 * std::f64::consts::LN_2).sqrt();
    std::array::from_fn(|axis| {
        let ratio = dst_spacing_mm[axis] / src_spacing_mm[axis];
        // `max` also turns the NaN of a bad spacing into "no smoothing".
        (ratio * ratio - 1.0).max(0.0).sqrt() / sigmas_per_width
    })
}

/// Smooths with a separable Gaussian. Beyond the border the border value
/// continues; a constant grid stays constant.
///
/// - `dims`, `sigma_voxels`: `[z, y, x]`; a sigma of 0 leaves its axis alone.
///
/// # Errors
/// [`GridError`] for lengths that do not match, empty grids, and sigmas that
/// are not within 0 to 256 voxels.
///
/// Cost: `8 sigma + 1` multiply-adds per voxel and axis; all threads of the
/// current rayon pool. The result does not depend on them.
///
/// ```
/// let spike = [0.0, 0.0, 1.0, 0.0, 0.0];
/// let smooth = kernels::gaussian_blur(&spike, [1, 1, 5], [0.0, 0.0, 0.5])?;
/// assert!((smooth[2] - 0.7866).abs() < 1e-4);
/// assert!((smooth[1] - 0.1065).abs() < 1e-4);
/// # Ok::<(), kernels::GridError>(())
/// ```
pub fn gaussian_blur(src: &[f32], dims: [usize; 3], sigma_voxels: [f64; 3]) -> Result<Vec<f32>, GridError> {
    const OPERATION: &str = "gaussian_blur";
    check_len(OPERATION, dims, src.len())?;
    for sigma in sigma_voxels {
        let is_valid = (0.0..=MAX_SIGMA).contains(&sigma);
        check_setting(OPERATION, "sigma_voxels", sigma, is_valid, "0 to 256 voxels")?;
    }
    let [_, _, width] = dims;
    let mut data = src.to_vec();
    let mut other = Vec::new();
    for (axis, &sigma) in sigma_voxels.iter().enumerate() {
        let kernel = gaussian_kernel(sigma);
        if kernel.len() == 1 {
            continue;
        }
        if axis == 2 {
            data.par_chunks_mut(width).for_each_init(Vec::new, |padded, row| blur_row(row, &kernel, padded));
        } else {
            other.resize(data.len(), 0.0);
            blur_across(&data, &mut other, dims, axis, &kernel);
            std::mem::swap(&mut data, &mut other);
        }
    }
    Ok(data)
}

/// A sampled Gaussian that sums to one; `[1]` for sigma 0.
fn gaussian_kernel(sigma: f64) -> Vec<f32> {
    if sigma <= 0.0 {
        return vec![1.0];
    }
    let radius = (TRUNCATE_SIGMAS * sigma + 0.5).floor() as i32;
    let value = |i: i32| (-0.5 * (f64::from(i) / sigma).powi(2)).exp();
    let sum: f64 = (-radius..=radius).map(value).sum();
    (-radius..=radius).map(|i| (value(i) / sum) as f32).collect()
}

/// Smooths one row in place.
fn blur_row(row: &mut [f32], kernel: &[f32], padded: &mut Vec<f32>) {
    let (Some(&first), Some(&last)) = (row.first(), row.last()) else {
        return;
    };
    let radius = kernel.len() / 2;
    padded.clear();
    padded.resize(radius, first);
    padded.extend_from_slice(row);
    padded.resize(row.len() + 2 * radius, last);
    row.fill(0.0);
    for (tap, &weight) in kernel.iter().enumerate() {
        add_scaled(row, &padded[tap..], weight);
    }
}

/// Smooths along z (axis 0) or y (axis 1): each row is a sum of whole rows.
fn blur_across(src: &[f32], dst: &mut [f32], dims: [usize; 3], axis: usize, kernel: &[f32]) {
    let [depth, height, width] = dims;
    let radius = kernel.len() / 2;
    dst.par_chunks_mut(width).enumerate().for_each(|(index, row)| {
        let (z, y) = (index / height, index % height);
        row.fill(0.0);
        for (tap, &weight) in kernel.iter().enumerate() {
            let shifted = |at: usize, len: usize| (at + tap).saturating_sub(radius).min(len - 1);
            let from = match axis {
                0 => shifted(z, depth) * height + y,
                _ => z * height + shifted(y, height),
            };
            add_scaled(row, &src[from * width..], weight);
        }
    });
}

fn add_scaled(to: &mut [f32], from: &[f32], weight: f32) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += weight * from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_direct_three_dimensional_sum() {
        let dims = [5, 7, 9];
        let sigma = [0.8, 0.0, 1.3];
        let src: Vec<f32> = (0..315_u16).map(|i| (f32::from(i) * 1.7).sin()).collect();
        let blurred = gaussian_blur(&src, dims, sigma).unwrap();
        let [kz, ky, kx] = sigma.map(gaussian_kernel);
        let at = |z: usize, y: usize, x: usize| src[(z * 7 + y) * 9 + x];
        let clamp = |i: usize, tap: usize, radius: usize, len: usize| (i + tap).saturating_sub(radius).min(len - 1);
        for (i, &value) in blurred.iter().enumerate() {
            let (z, y, x) = (i / 63, i / 9 % 7, i % 9);
            let mut sum = 0.0;
            for (a, wz) in kz.iter().enumerate() {
                for (b, wx) in kx.iter().enumerate() {
                    let z = clamp(z, a, kz.len() / 2, 5);
                    sum += wz * ky[0] * wx * at(z, y, clamp(x, b, kx.len() / 2, 9));
                }
            }
            assert!((value - sum).abs() < 1e-5, "{i}: {value} {sum}");
        }
    }

    #[test]
    fn a_spike_keeps_its_sum_and_gets_the_asked_spread() {
        let mut src = vec![0.0; 31 * 31];
        src[15 * 31 + 15] = 1.0;
        let blurred = gaussian_blur(&src, [31, 31, 1], [2.0, 1.0, 0.0]).unwrap();
        let (mut sum, mut spread) = (0.0, [0.0; 2]);
        for (i, &value) in blurred.iter().enumerate() {
            let value = f64::from(value);
            sum += value;
            spread[0] += value * (i as f64 / 31.0).floor().mul_add(1.0, -15.0).powi(2);
            spread[1] += value * ((i % 31) as f64 - 15.0).powi(2);
        }
        assert!((sum - 1.0).abs() < 1e-6);
        assert!((spread[0] - 4.0).abs() < 0.02, "{spread:?}");
        assert!((spread[1] - 1.0).abs() < 0.02, "{spread:?}");
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(gaussian_blur(&[0.0; 3], [1, 1, 4], [0.0; 3]).is_err());
        assert!(gaussian_blur(&[0.0; 4], [1, 1, 4], [0.0, f64::NAN, 0.0]).is_err());
        assert!(gaussian_blur(&[0.0; 4], [1, 1, 4], [0.0, -1.0, 0.0]).is_err());
        assert!(gaussian_blur(&[0.0; 4], [1, 1, 4], [0.0, 1e9, 0.0]).is_err());
    }
}
