//! Separable Gaussian smoothing on the GPU.
#![allow(unsafe_code)]

use super::buffer::{BLOCK, Buffer, each, grid_error, launch, narrow, parameters};
use super::grids::DeviceVolume;
use crate::cuda::driver::Shape;
use crate::error::OpError;
use crate::grid::check_setting;

/// As in [`crate::gaussian_blur`]: where the kernel ends, and the largest sigma.
const TRUNCATE_SIGMAS: f64 = 4.0;
const MAX_SIGMA: f64 = 256.0;

/// Voxels along the axis per thread of `gaussian_across`.
const RUN: usize = 8;

parameters! { struct GaussianAlongXParameters { source: u64, result: u64, taps: u64, radius: i32, width: u32 } }
parameters! {
    struct GaussianAcrossParameters {
        source: u64, result: u64, taps: u64, radius: i32, length: u32, stride: u32, lines: u32,
    }
}

impl DeviceVolume {
    /// What [`crate::gaussian_blur`] does: beyond the border the border value
    /// continues, a sigma of 0 (`[z, y, x]`, in voxels) leaves its axis alone.
    ///
    /// # Errors
    /// [`OpError::Device`] for sigmas that are not within 0 to 256 voxels.
    ///
    /// Cost: one pass over the volume an axis, `8 sigma + 1` multiply-adds a voxel.
    pub fn gaussian_blur(&self, sigma_voxels: [f64; 3]) -> Result<DeviceVolume, OpError> {
        for sigma in sigma_voxels {
            let is_valid = (0.0..=MAX_SIGMA).contains(&sigma);
            check_setting("gaussian_blur", "sigma_voxels", sigma, is_valid, "0 to 256 voxels").map_err(grid_error)?;
        }
        self.convolve(&sigma_voxels.map(|sigma| gaussian_taps(sigma, (TRUNCATE_SIGMAS * sigma + 0.5).floor() as i32)))
    }

    /// Convolves each axis with its taps (an odd number, centre in the middle;
    /// a single tap leaves the axis alone).
    pub(super) fn convolve(&self, taps: &[Vec<f32>; 3]) -> Result<DeviceVolume, OpError> {
        let mut done: Option<Buffer<f32>> = None;
        for (axis, taps) in taps.iter().enumerate() {
            if taps.len() > 1 {
                let result = self.convolve_axis(done.as_ref().unwrap_or(&self.values), axis, taps)?;
                done = Some(result);
            }
        }
        let values = match done {
            Some(values) => values,
            // Nothing to smooth: a copy, so that the result owns its memory.
            None => self.convolve_axis(&self.values, 2, &[1.0])?,
        };
        Ok(DeviceVolume { values, dims: self.dims })
    }

    fn convolve_axis(&self, source: &Buffer<f32>, axis: usize, taps: &[f32]) -> Result<Buffer<f32>, OpError> {
        let driver = source.driver();
        let [_, height, width] = self.dims;
        let voxels = self.voxels();
        let result = Buffer::new(driver, voxels)?;
        let kernel = Buffer::upload(driver, taps)?;
        let radius = taps.len() / 2;
        let (source, target, taps) = (source.address(), result.address(), kernel.address());
        let radius_taps = i32::try_from(radius).unwrap_or(i32::MAX);
        if axis == 2 {
            let parameters =
                GaussianAlongXParameters { source, result: target, taps, radius: radius_taps, width: narrow(width) };
            let blocks = voxels / width * width.div_ceil(BLOCK as usize);
            let shared_bytes = narrow((BLOCK as usize + 2 * radius) * size_of::<f32>());
            let shape = Shape { grid: [narrow(blocks), 1, 1], threads: BLOCK, shared_bytes };
            // SAFETY: source and result hold `voxels` values, taps 2 radius + 1,
            // shared memory a stretch; watched by `cuda_volume::smooths_like_the_cpu`.
            unsafe { launch(driver, "gaussian_along_x", shape, &parameters)? };
        } else {
            let (length, stride) = if axis == 1 { (height, width) } else { (self.dims[0], height * width) };
            let lines = voxels / length;
            let parameters = GaussianAcrossParameters {
                source,
                result: target,
                taps,
                radius: radius_taps,
                length: narrow(length),
                stride: narrow(stride),
                lines: narrow(lines),
            };
            // SAFETY: as above; lines * length are all voxels.
            unsafe { launch(driver, "gaussian_across", each(lines * length.div_ceil(RUN)), &parameters)? };
        }
        Ok(result)
    }
}

/// A sampled Gaussian of `radius` taps to either side that sums to one; `[1]`
/// for sigma 0. The same numbers as on the CPU.
pub(super) fn gaussian_taps(sigma: f64, radius: i32) -> Vec<f32> {
    if sigma <= 0.0 {
        return vec![1.0];
    }
    let value = |i: i32| (-0.5 * (f64::from(i) / sigma).powi(2)).exp();
    let sum: f64 = (-radius..=radius).map(value).sum();
    (-radius..=radius).map(|i| (value(i) / sum) as f32).collect()
}
