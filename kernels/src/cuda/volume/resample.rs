//! A volume sampled on another grid on the GPU.
#![allow(unsafe_code)]

use super::buffer::{Buffer, each, grid_error, launch, narrow, parameters, voxel_count};
use super::grids::{DeviceLabels, DeviceVolume};
use crate::cuda::driver::refuse;
use crate::error::OpError;
use crate::grid::check_setting;

/// What a network is given of an HU value: `(clamp(hu) - offset) / scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct HuWindow {
    /// Lowest HU kept.
    pub low: f32,
    /// Highest HU kept.
    pub high: f32,
    /// Subtracted, HU.
    pub offset: f32,
    /// Divided by, HU; not 0.
    pub scale: f32,
}

impl Default for HuWindow {
    /// Leaves every value as it is.
    fn default() -> Self {
        Self { low: f32::NEG_INFINITY, high: f32::INFINITY, offset: 0.0, scale: 1.0 }
    }
}

impl HuWindow {
    pub(super) fn check(&self, operation: &'static str) -> Result<(), OpError> {
        let (low, high, scale) = (self.low, self.high, f64::from(self.scale));
        check_setting(operation, "offset", f64::from(self.offset), true, "finite")
            .and_then(|()| check_setting(operation, "scale", scale, scale != 0.0, "finite and not 0"))
            .map_err(grid_error)?;
        if low <= high {
            return Ok(());
        }
        Err(refuse(&format!(
            "{operation}: the window keeps {low} to {high} HU; its low end must not be above the high one"
        )))
    }
}

/// The source voxels on both sides of a destination index along an axis.
#[derive(Debug, Clone, Copy)]
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
        window.check("resample")?;
        let result = Buffer::<f32>::new(self.values.driver(), voxels)?;
        if is_diagonal(src_from_dst) {
            self.resample_into("resample_linear", result.address(), src_from_dst, dims, outside, window)?;
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

    /// [`DeviceVolume::resample`] for parallel axes to fp16 bits, for a
    /// network that reads half precision; returns them to the host.
    ///
    /// # Errors
    /// As there, and for axes that are not parallel.
    pub fn resample_half(
        &self,
        src_from_dst: &[[f64; 4]; 3],
        dims: [usize; 3],
        outside: f32,
        window: &HuWindow,
    ) -> Result<Vec<u16>, OpError> {
        let voxels = check("resample_half", src_from_dst, dims)?;
        window.check("resample_half")?;
        if !is_diagonal(src_from_dst) {
            return Err(refuse("resample_half: the grids' axes must be parallel; use resample"));
        }
        let result = Buffer::<u16>::new(self.values.driver(), voxels)?;
        self.resample_into("resample_linear_half", result.address(), src_from_dst, dims, outside, window)?;
        result.download()
    }

    fn resample_into(
        &self,
        kernel: &'static str,
        result: u64,
        src_from_dst: &[[f64; 4]; 3],
        dims: [usize; 3],
        outside: f32,
        window: &HuWindow,
    ) -> Result<(), OpError> {
        let driver = self.values.driver();
        let mut places = Vec::with_capacity(dims.iter().sum());
        for (axis, row) in src_from_dst.iter().enumerate() {
            let (count, length) = (dims[2 - axis], self.dims[2 - axis]);
            // As the CPU computes it: the other indices add their zero.
            places.extend((0..count).map(|i| locate(row[axis] * i as f64 + row[3], length)));
        }
        let places = Buffer::upload(driver, &places)?;
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
        unsafe { launch(driver, kernel, each(dims.iter().product()), &parameters) }
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
        let parameters = LabelsParameters {
            source: self.values.address(),
            result: result.address(),
            source_from_result: *src_from_dst,
            source_depth,
            source_height,
            source_width,
            depth,
            height,
            width,
            outside: u32::from(outside),
        };
        // SAFETY: both buffers hold the voxels of their dimensions; watched
        // by `cuda_volume::labels_come_back_to_the_ct`.
        unsafe { launch(driver, "resample_nearest_labels", each(voxels), &parameters)? };
        Ok(DeviceLabels { values: result, dims })
    }
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
