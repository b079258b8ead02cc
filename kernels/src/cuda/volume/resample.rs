//! A volume sampled on another grid on the GPU.
#![allow(unsafe_code)]

use std::sync::Arc;

use super::buffer::{Buffer, each, grid_error, launch, narrow, parameters, voxel_count};
use super::grids::{DeviceLabels, DeviceVolume};
use crate::cuda::driver::Driver;
use crate::device::HuWindow;
use crate::error::OpError;
use crate::grid::check_setting;

/// Refuses a window that no value passes.
pub(super) fn check_window(operation: &'static str, window: &HuWindow) -> Result<(), OpError> {
    window.check(operation).map_err(grid_error)
}

/// The source voxels on both sides of a destination index along an axis.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
struct AxisSample {
    lower: i32,
    upper: i32,
    fraction: f32,
    nearest: i32,
}

// SAFETY: four numbers of 4 bytes, as in `volume_resample.cu`; watched by
// `cuda_volume::resamples_like_the_cpu`.
unsafe impl cudarc::driver::DeviceRepr for AxisSample {}
// SAFETY: zeros are voxel 0.
unsafe impl cudarc::driver::ValidAsZeroBits for AxisSample {}

parameters! {
    struct ResampleParameters {
        source: u64, places: u64, result: u64, source_height: u32, source_width: u32, depth: u32, height: u32,
        width: u32, outside: f32, window: HuWindow,
    }
}
parameters! {
    struct ObliqueParameters {
        source: u64, result: u64, source_from_result: [[f64; 4]; 3], source_depth: u32, source_height: u32,
        source_width: u32, depth: u32, height: u32, width: u32, outside: f32, window: HuWindow,
    }
}
parameters! {
    struct LabelsParameters {
        source: u64, places: u64, result: u64, source_height: u32, source_width: u32, depth: u32, height: u32,
        width: u32, outside: u32,
    }
}
parameters! {
    struct LabelsObliqueParameters {
        source: u64, result: u64, source_from_result: [[f64; 4]; 3], source_depth: u32, source_height: u32,
        source_width: u32, depth: u32, height: u32, width: u32, outside: u32,
    }
}

impl DeviceVolume {
    /// What [`crate::resample`] does with linear interpolation, then the
    /// window, which also applies to `outside`.
    ///
    /// - `src_from_dst`: destination voxel index `(x, y, z, 1)` to source index.
    /// - `dims`: of the result, `[z, y, x]`.
    ///
    /// # Errors
    /// [`OpError::Device`] for an empty or too large grid, a transform that is
    /// not finite, and a window without width or scale.
    ///
    /// Cost: one read of the source and one write of the result; oblique
    /// grids are located in f64 per voxel.
    pub fn resample(
        &self,
        src_from_dst: &[[f64; 4]; 3],
        dims: [usize; 3],
        outside: f32,
        window: &HuWindow,
    ) -> Result<DeviceVolume, OpError> {
        let voxels = check("resample", src_from_dst, dims)?;
        check_window("resample", window)?;
        let result = Buffer::<f32>::new(self.values.driver(), voxels)?;
        if is_diagonal(src_from_dst) {
            self.resample_parallel(result.address(), src_from_dst, dims, outside, window)?;
        } else {
            let [source_depth, source_height, source_width] = self.dims.map(narrow);
            let [depth, height, width] = dims.map(narrow);
            let parameters = ObliqueParameters {
                source: self.values.address(),
                result: result.address(),
                source_from_result: *src_from_dst,
                source_depth,
                source_height,
                source_width,
                depth,
                height,
                width,
                outside,
                window: *window,
            };
            // SAFETY: both buffers hold the voxels of their dimensions, and
            // the kernel locates within them; watched by
            // `cuda_volume::resamples_like_the_cpu`.
            unsafe { launch(self.values.driver(), "resample_linear_oblique", each(voxels), &parameters)? };
        }
        Ok(DeviceVolume { values: result, dims })
    }

    /// Along parallel axes; where each index falls is computed here, as on
    /// the CPU.
    fn resample_parallel(
        &self,
        result: u64,
        src_from_dst: &[[f64; 4]; 3],
        dims: [usize; 3],
        outside: f32,
        window: &HuWindow,
    ) -> Result<(), OpError> {
        let driver = self.values.driver();
        let places = places(driver, src_from_dst, self.dims, dims)?;
        let [_, source_height, source_width] = self.dims.map(narrow);
        let [depth, height, width] = dims.map(narrow);
        let parameters = ResampleParameters {
            source: self.values.address(),
            places: places.address(),
            result,
            source_height,
            source_width,
            depth,
            height,
            width,
            outside,
            window: *window,
        };
        // SAFETY: `places` holds width + height + depth entries that lie in
        // the source, the result all voxels; watched by
        // `cuda_volume::resamples_like_the_cpu`.
        unsafe { launch(driver, "resample_linear", each(dims.iter().product()), &parameters) }
    }
}

impl DeviceLabels {
    /// What [`crate::resample`] does with labels: the nearest voxel, `outside`
    /// beyond the grid. Any affine.
    ///
    /// # Errors
    /// As [`DeviceVolume::resample`].
    pub fn resample(
        &self,
        src_from_dst: &[[f64; 4]; 3],
        dims: [usize; 3],
        outside: u8,
    ) -> Result<DeviceLabels, OpError> {
        let voxels = check("resample", src_from_dst, dims)?;
        let driver = self.values.driver();
        let result = Buffer::new(driver, voxels)?;
        let [source_depth, source_height, source_width] = self.dims.map(narrow);
        let [depth, height, width] = dims.map(narrow);
        let (source, outside) = (self.values.address(), u32::from(outside));
        // SAFETY: source and result hold the voxels of their dimensions, and
        // the kernels locate within them; watched by
        // `cuda_volume::labels_come_back_to_the_ct`.
        unsafe {
            if is_diagonal(src_from_dst) {
                let places = places(driver, src_from_dst, self.dims, dims)?;
                let (places, result) = (places.address(), result.address());
                let parameters = LabelsParameters {
                    source,
                    places,
                    result,
                    source_height,
                    source_width,
                    depth,
                    height,
                    width,
                    outside,
                };
                launch(driver, "resample_labels", each(voxels), &parameters)?;
            } else {
                let parameters = LabelsObliqueParameters {
                    source,
                    result: result.address(),
                    source_from_result: *src_from_dst,
                    source_depth,
                    source_height,
                    source_width,
                    depth,
                    height,
                    width,
                    outside,
                };
                launch(driver, "resample_labels_oblique", each(voxels), &parameters)?;
            }
        }
        Ok(DeviceLabels { values: result, dims })
    }
}

/// Where each index of the result falls on each axis of the source: x, then
/// y, then z.
fn places(
    driver: &Arc<Driver>,
    src_from_dst: &[[f64; 4]; 3],
    source: [usize; 3],
    result: [usize; 3],
) -> Result<Buffer<AxisSample>, OpError> {
    let mut places = Vec::with_capacity(result.iter().sum());
    for (axis, row) in src_from_dst.iter().enumerate() {
        // As the CPU computes it: the other indices add their zero.
        places.extend((0..result[2 - axis]).map(|i| locate(row[axis] * i as f64 + row[3], source[2 - axis])));
    }
    Buffer::upload(driver, &places)
}

fn check(operation: &'static str, src_from_dst: &[[f64; 4]; 3], dims: [usize; 3]) -> Result<usize, OpError> {
    for &value in src_from_dst.iter().flatten() {
        check_setting(operation, "src_from_dst", value, true, "finite").map_err(grid_error)?;
    }
    voxel_count(operation, dims)
}

/// The CPU's rule: within half a voxel beyond the outermost centres the border
/// value holds, further out there is nothing.
fn locate(coordinate: f64, length: usize) -> AxisSample {
    let shifted = coordinate + 0.5;
    if !(shifted >= 0.0 && shifted < length as f64) {
        return AxisSample { lower: -1, upper: -1, fraction: 0.0, nearest: -1 };
    }
    let inside = coordinate.clamp(0.0, (length - 1) as f64);
    let lower = inside as usize;
    let index = |i: usize| i32::try_from(i.min(length - 1)).unwrap_or(i32::MAX);
    AxisSample {
        lower: index(lower),
        upper: index(lower + 1),
        fraction: (inside - lower as f64) as f32,
        nearest: index(shifted as usize),
    }
}

/// Whether each source axis depends on the same destination axis only.
fn is_diagonal(src_from_dst: &[[f64; 4]; 3]) -> bool {
    (0..9).all(|i| i / 3 == i % 3 || src_from_dst[i / 3][i % 3] == 0.0)
}
