//! A network over a volume larger than its window, blended on the GPU.
#![allow(unsafe_code)]

use super::buffer::{Buffer, each, grid_error, launch, narrow, parameters, same_gpu, voxel_count};
use super::grids::DeviceVolume;
use super::resample::HuWindow;
use super::tensor::DeviceTensor;
use crate::cuda::Cuda;
use crate::cuda::driver::refuse;
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

parameters! { struct CutParameters { hu: u64, window: u64, found: u64, place: Placement, prepare: Preparation } }
parameters! {
    struct BlendParameters { logits: u64, weights: u64, sums: u64, total: u64, place: Placement, classes: u32 }
}
parameters! { struct BackgroundParameters { weights: u64, sums: u64, total: u64, place: Placement } }
parameters! { struct NormalizeParameters { sums: u64, total: u64, voxels: u32, classes: u32 } }

/// Weighted sums of class probabilities over a volume, window by window
/// (nnU-Net, Isensee et al. 2021, doi:10.1038/s41592-020-01008-z).
///
/// Windows are added in the order of the calls, so the sums have the same
/// bits in every run.
#[derive(Debug)]
pub struct SlidingSums {
    sums: DeviceTensor,
    total: Buffer<f32>,
    weights: Buffer<f32>,
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
            patch,
        })
    }
}

impl SlidingSums {
    /// The network's input for the window whose first voxel is `origin`
    /// `[z, y, x]`, or `None` when it holds nothing above the threshold.
    ///
    /// # Errors
    /// [`OpError::Device`] for a volume of other dimensions or of another GPU,
    /// and settings that are not finite.
    pub fn cut(
        &self,
        hu: &DeviceVolume,
        origin: [usize; 3],
        settings: &SlidingSettings,
    ) -> Result<Option<DeviceTensor>, OpError> {
        let driver = self.total.driver();
        same_gpu(driver, hu.values.driver())?;
        settings.window.check("cut")?;
        for (name, value) in [("padding_hu", settings.padding_hu), ("threshold_hu", settings.threshold_hu)] {
            check_setting("cut", name, f64::from(value), true, "finite").map_err(grid_error)?;
        }
        if hu.dims != self.sums.dims() {
            let (given, expected) = (hu.dims, self.sums.dims());
            return Err(refuse(&format!("cut: the volume is {given:?} [z, y, x], the sums are {expected:?}")));
        }
        let voxels = self.patch.iter().product();
        let window = Buffer::new(driver, voxels)?;
        let found = Buffer::<u32>::zeros(driver, 1)?;
        let SlidingSettings { window: hu_window, padding_hu: padding, threshold_hu: threshold } = *settings;
        let parameters = CutParameters {
            hu: hu.values.address(),
            window: window.address(),
            found: found.address(),
            place: self.place(origin)?,
            prepare: Preparation { window: hu_window, padding, threshold },
        };
        // SAFETY: the volume has the dimensions in `place`, the window its
        // voxels; watched by `cuda_volume::blends_windows_like_the_engine`.
        unsafe { launch(driver, "sliding_cut", each(voxels), &parameters)? };
        let [depth, height, width] = self.patch;
        let input = DeviceTensor { values: window, shape: [1, depth, height, width] };
        Ok((found.first()? != 0).then_some(input))
    }

    /// Adds the softmax of a window's logits.
    ///
    /// # Errors
    /// [`OpError::Mismatch`] for logits of another shape, [`OpError::Device`]
    /// for an origin outside the volume or another GPU.
    pub fn blend(&mut self, logits: &DeviceTensor, origin: [usize; 3]) -> Result<(), OpError> {
        let driver = self.total.driver();
        same_gpu(driver, logits.values.driver())?;
        let [depth, height, width] = self.patch;
        let expected = [self.sums.shape[0], depth, height, width];
        if logits.shape != expected {
            return Err(OpError::Mismatch { operation: "blend", first: logits.shape, second: expected });
        }
        let parameters = BlendParameters {
            logits: logits.values.address(),
            weights: self.weights.address(),
            sums: self.sums.values.address(),
            total: self.total.address(),
            place: self.place(origin)?,
            classes: narrow(expected[0]),
        };
        // SAFETY: logits and weights have the window's shape, sums and total
        // the volume's; watched by `cuda_volume::blends_windows_like_the_engine`.
        unsafe { launch(driver, "sliding_blend_softmax", each(self.patch.iter().product()), &parameters) }
    }

    /// Adds a window that is all of class 0.
    ///
    /// # Errors
    /// As [`SlidingSums::blend`].
    pub fn blend_background(&mut self, origin: [usize; 3]) -> Result<(), OpError> {
        let parameters = BackgroundParameters {
            weights: self.weights.address(),
            sums: self.sums.values.address(),
            total: self.total.address(),
            place: self.place(origin)?,
        };
        let voxels = self.patch.iter().product();
        // SAFETY: as in `blend`.
        unsafe { launch(self.total.driver(), "sliding_blend_background", each(voxels), &parameters) }
    }

    /// The probabilities: sums divided by the weights.
    ///
    /// # Errors
    /// [`OpError::Device`] when the driver refuses.
    pub fn into_probabilities(self) -> Result<DeviceTensor, OpError> {
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
        Ok(self.sums)
    }

    fn place(&self, origin: [usize; 3]) -> Result<Placement, OpError> {
        let dims = self.sums.dims();
        if origin.iter().zip(dims).any(|(&at, size)| at >= size) {
            return Err(refuse(&format!("sliding window at {origin:?} [z, y, x] begins outside the volume {dims:?}")));
        }
        Ok(Placement { dims: dims.map(narrow), origin: origin.map(narrow), patch: self.patch.map(narrow) })
    }
}
