//! A network over a volume larger than its window, blended on the GPU.
#![allow(unsafe_code)]

use super::buffer::{Buffer, each, grid_error, launch, narrow, parameters, same_gpu, voxel_count};
use super::grids::DeviceVolume;
use super::resample::check_window;
use super::tensor::DeviceTensor;
use crate::cuda::Cuda;
use crate::cuda::driver::refuse;
use crate::device::HuWindow;
use crate::error::OpError;
use crate::grid::{check_len, check_setting};

/// How windows are cut out of the volume.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlidingSettings {
    /// What the network is given of an HU value.
    pub window: HuWindow,
    /// HU of voxels beyond the volume (air). Default -1024.
    pub padding_hu: f32,
    /// Windows without a voxel above this are all background. Default 120 HU,
    /// below which there is no bone.
    pub threshold_hu: f32,
}

impl Default for SlidingSettings {
    fn default() -> Self {
        Self { window: HuWindow::default(), padding_hu: -1024.0, threshold_hu: 120.0 }
    }
}

#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Placement {
    dims: [u32; 3],
    origin: [u32; 3],
    patch: [u32; 3],
}

#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Preparation {
    window: HuWindow,
    padding: f32,
    threshold: f32,
}

parameters! { struct CutParameters { hu: u64, window: u64, found: u64, broken: u64, place: Placement, prepare: Preparation } }
parameters! {
    struct BlendParameters {
        values: u64, weights: u64, found: u64, sums: u64, total: u64, place: Placement, classes: u32,
    }
}
parameters! { struct NormalizeParameters { sums: u64, total: u64, voxels: u32, classes: u32 } }

/// Weighted sums of class probabilities over a volume, window by window
/// (nnU-Net, Isensee et al. 2021, doi:10.1038/s41592-020-01008-z): cut, run
/// the network, blend, and so on. The host is never asked whether a window
/// holds bone: the blend knows.
///
/// Windows are added in the order of the calls, so the sums have the same
/// bits in every run.
#[derive(Debug)]
pub struct SlidingSums {
    sums: DeviceTensor,
    total: Buffer<f32>,
    weights: Buffer<f32>,
    /// Whether the last window holds a voxel above the threshold.
    found: Buffer<u32>,
    /// Whether any window holds NaN.
    broken: Buffer<u32>,
    /// First voxel of the last window.
    origin: [usize; 3],
    patch: [usize; 3],
}

impl Cuda {
    /// Sums of zero for `classes` over a volume of `dims`, for windows of
    /// `patch` voxels (both `[z, y, x]`) blended with `weights`, one a voxel
    /// of the window.
    ///
    /// # Errors
    /// [`OpError::Device`] for empty or too large grids, weights that do not
    /// fit the window, and a GPU without memory.
    pub fn sliding_sums(
        &self,
        dims: [usize; 3],
        classes: usize,
        patch: [usize; 3],
        weights: &[f32],
    ) -> Result<SlidingSums, OpError> {
        let voxels = voxel_count("sliding_sums", dims)?;
        voxel_count("sliding_sums", patch)?;
        check_len("sliding_sums", patch, weights.len()).map_err(grid_error)?;
        Ok(SlidingSums {
            sums: DeviceTensor::zeros(self, [classes, dims[0], dims[1], dims[2]])?,
            total: Buffer::zeros(&self.driver, voxels)?,
            weights: Buffer::upload(&self.driver, weights)?,
            found: Buffer::zeros(&self.driver, 1)?,
            broken: Buffer::zeros(&self.driver, 1)?,
            origin: [0; 3],
            patch,
        })
    }
}

impl SlidingSums {
    /// Writes the network's input for the window whose first voxel is `origin`
    /// `[z, y, x]` to `input`.
    ///
    /// # Errors
    /// [`OpError::Device`] for a volume of other dimensions or of another GPU,
    /// an origin outside it, and settings that are not finite;
    /// [`OpError::Mismatch`] for an input that is not one channel of the window.
    pub fn cut(
        &mut self,
        hu: &DeviceVolume,
        origin: [usize; 3],
        settings: &SlidingSettings,
        input: &DeviceTensor,
    ) -> Result<(), OpError> {
        let driver = self.total.driver();
        same_gpu(driver, hu.values.driver())?;
        same_gpu(driver, input.values.driver())?;
        check_window("cut", &settings.window)?;
        for (name, value) in [("padding_hu", settings.padding_hu), ("threshold_hu", settings.threshold_hu)] {
            check_setting("cut", name, f64::from(value), true, "finite").map_err(grid_error)?;
        }
        if hu.dims != self.sums.dims() {
            let (given, expected) = (hu.dims, self.sums.dims());
            return Err(refuse(&format!("cut: the volume is {given:?} [z, y, x], the sums are {expected:?}")));
        }
        let [depth, height, width] = self.patch;
        self.expect("cut", input, [1, depth, height, width])?;
        self.origin = origin;
        self.found.clear()?;
        let SlidingSettings { window: hu_window, padding_hu: padding, threshold_hu: threshold } = *settings;
        let parameters = CutParameters {
            hu: hu.values.address(),
            window: input.address(),
            found: self.found.address(),
            broken: self.broken.address(),
            place: self.place(origin)?,
            prepare: Preparation { window: hu_window, padding, threshold },
        };
        // SAFETY: the volume has the dimensions in `place`, the window its
        // voxels; watched by `cuda_volume::blends_windows_like_the_engine`.
        unsafe { launch(self.total.driver(), "sliding_cut", each(self.patch.iter().product()), &parameters) }
    }

    /// Adds the class probabilities of the window cut last; a window without a
    /// voxel above the threshold is all of class 0, whatever `values` holds.
    ///
    /// # Errors
    /// [`OpError::Mismatch`] for values of another shape, [`OpError::Device`]
    /// for those of another GPU.
    pub fn blend(&mut self, values: &DeviceTensor) -> Result<(), OpError> {
        same_gpu(self.total.driver(), values.values.driver())?;
        let [depth, height, width] = self.patch;
        let expected = [self.sums.shape[0], depth, height, width];
        self.expect("blend", values, expected)?;
        let parameters = BlendParameters {
            values: values.address(),
            weights: self.weights.address(),
            found: self.found.address(),
            sums: self.sums.values.address(),
            total: self.total.address(),
            place: self.place(self.origin)?,
            classes: narrow(expected[0]),
        };
        // SAFETY: values and weights have the window's shape, sums and total
        // the volume's; watched by `cuda_volume::blends_windows_like_the_engine`.
        unsafe { launch(self.total.driver(), "sliding_blend", each(self.patch.iter().product()), &parameters) }
    }

    /// The probabilities: sums divided by the weights.
    ///
    /// # Errors
    /// [`OpError::Device`] when the driver refuses.
    pub fn into_probabilities(self) -> Result<DeviceTensor, OpError> {
        Ok(self.into_parts()?.0)
    }

    /// The probabilities, and a number that is not 0 when a window held NaN.
    pub(super) fn into_parts(self) -> Result<(DeviceTensor, Buffer<u32>), OpError> {
        let voxels = self.sums.dims().iter().product();
        let parameters = NormalizeParameters {
            sums: self.sums.values.address(),
            total: self.total.address(),
            voxels: narrow(voxels),
            classes: narrow(self.sums.shape[0]),
        };
        // SAFETY: classes * voxels sums and a weight a voxel; watched by
        // `cuda_volume::blends_windows_like_the_engine`.
        unsafe { launch(self.total.driver(), "sliding_normalize", each(voxels), &parameters)? };
        Ok((self.sums, self.broken))
    }

    fn expect(&self, operation: &'static str, given: &DeviceTensor, expected: [usize; 4]) -> Result<(), OpError> {
        if given.shape == expected {
            return Ok(());
        }
        Err(OpError::Mismatch { operation, first: given.shape, second: expected })
    }

    fn place(&self, origin: [usize; 3]) -> Result<Placement, OpError> {
        let dims = self.sums.dims();
        if origin.iter().zip(dims).any(|(&at, size)| at >= size) {
            return Err(refuse(&format!("sliding window at {origin:?} [z, y, x] begins outside the volume {dims:?}")));
        }
        Ok(Placement { dims: dims.map(narrow), origin: origin.map(narrow), patch: self.patch.map(narrow) })
    }
}
