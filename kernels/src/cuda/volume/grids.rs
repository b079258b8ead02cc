//! Volumes and label maps on the GPU.
#![allow(unsafe_code)]

use std::sync::Arc;

use super::buffer::{Buffer, each, grid_error, launch, narrow, parameters, voxel_count};
use crate::cuda::Cuda;
use crate::cuda::driver::Driver;
use crate::cuda::memory::Pinned;
use crate::cuda::staging::Arriving;
use crate::error::OpError;
use crate::grid::{check_len, check_setting};

/// A scalar field (HU, a probability) of dimensions `[z, y, x]` on the GPU.
#[derive(Debug)]
pub struct DeviceVolume {
    pub(super) values: Buffer<f32>,
    pub(super) dims: [usize; 3],
}

/// A label map or a mask (0 and 1) of dimensions `[z, y, x]` on the GPU.
#[derive(Debug)]
pub struct DeviceLabels {
    pub(super) values: Buffer<u8>,
    pub(super) dims: [usize; 3],
}

parameters! { struct ConvertStoredHuParameters { stored: u64, hu: u64, voxels: u32 } }
parameters! { struct MaskAboveParameters { field: u64, mask: u64, voxels: u32, level: f32 } }
parameters! { struct MaskOfLabelParameters { labels: u64, mask: u64, voxels: u32, wanted: u32 } }

impl Cuda {
    /// Copies a volume to the GPU; `dims` are `[z, y, x]`.
    ///
    /// # Errors
    /// [`OpError::Device`] for a length that does not fit, an empty grid, 2^31
    /// voxels or more, and a GPU without memory.
    ///
    /// Cost: 4 bytes a voxel over the bus; [`Cuda::upload_stored_hu`] needs 2.
    pub fn upload_volume(&self, values: &[f32], dims: [usize; 3]) -> Result<DeviceVolume, OpError> {
        checked_len("upload_volume", dims, values.len())?;
        Ok(DeviceVolume { values: Buffer::upload(&self.driver, values)?, dims })
    }

    /// The same from stored Hounsfield units.
    ///
    /// # Errors
    /// As [`Cuda::upload_volume`].
    pub fn upload_stored_hu(&self, stored: &[i16], dims: [usize; 3]) -> Result<DeviceVolume, OpError> {
        checked_len("upload_stored_hu", dims, stored.len())?;
        let mut volume = DeviceVolume::reserve(&self.driver, dims)?;
        volume.fill_stored_hu(stored)?;
        Ok(volume)
    }

    /// Copies labels or a mask to the GPU; `dims` are `[z, y, x]`.
    ///
    /// # Errors
    /// As [`Cuda::upload_volume`].
    pub fn upload_labels(&self, labels: &[u8], dims: [usize; 3]) -> Result<DeviceLabels, OpError> {
        checked_len("upload_labels", dims, labels.len())?;
        Ok(DeviceLabels { values: Buffer::upload(&self.driver, labels)?, dims })
    }
}

fn checked_len(operation: &'static str, dims: [usize; 3], given: usize) -> Result<usize, OpError> {
    voxel_count(operation, dims)?;
    check_len(operation, dims, given).map_err(grid_error)
}

impl DeviceVolume {
    /// Memory to be filled.
    pub(super) fn reserve(driver: &Arc<Driver>, dims: [usize; 3]) -> Result<Self, OpError> {
        Ok(Self { values: Buffer::new(driver, voxel_count("volume", dims)?)?, dims })
    }

    /// Replaces all values.
    pub(super) fn fill(&mut self, values: &[f32]) -> Result<(), OpError> {
        self.values.fill(values)
    }

    /// Replaces all values by stored Hounsfield units.
    pub(super) fn fill_stored_hu(&mut self, stored: &[i16]) -> Result<(), OpError> {
        let voxels = checked_len("fill_stored_hu", self.dims, stored.len())?;
        let driver = self.values.driver();
        let stored = Buffer::upload(driver, stored)?;
        let parameters =
            ConvertStoredHuParameters { stored: stored.address(), hu: self.values.address(), voxels: narrow(voxels) };
        // SAFETY: both buffers hold `voxels` values; watched by
        // `cuda_volume::stored_units_and_masks`.
        unsafe { launch(driver, "convert_stored_hu", each(voxels), &parameters) }
    }

    /// `[z, y, x]`.
    #[must_use]
    pub const fn dims(&self) -> [usize; 3] {
        self.dims
    }

    pub(super) const fn voxels(&self) -> usize {
        self.dims[0] * self.dims[1] * self.dims[2]
    }

    /// Brings the values back; waits until they are computed.
    ///
    /// # Errors
    /// [`OpError::Device`] when anything queued before failed.
    pub fn download(&self) -> Result<Vec<f32>, OpError> {
        self.values.download()
    }

    /// The mask of voxels above `level` (bone in HU, say); NaN is not above.
    ///
    /// # Errors
    /// [`OpError::Device`] for a level that is not finite.
    pub fn above(&self, level: f32) -> Result<DeviceLabels, OpError> {
        check_setting("above", "level", f64::from(level), true, "finite").map_err(grid_error)?;
        let mask = Buffer::new(self.values.driver(), self.voxels())?;
        let parameters = MaskAboveParameters {
            field: self.values.address(),
            mask: mask.address(),
            voxels: narrow(self.voxels()),
            level,
        };
        // SAFETY: both buffers hold `voxels` values; watched by
        // `cuda_volume::stored_units_and_masks`.
        unsafe { launch(self.values.driver(), "mask_above", each(self.voxels()), &parameters)? };
        Ok(DeviceLabels { values: mask, dims: self.dims })
    }
}

impl DeviceLabels {
    /// `[z, y, x]`.
    #[must_use]
    pub const fn dims(&self) -> [usize; 3] {
        self.dims
    }

    pub(super) const fn voxels(&self) -> usize {
        self.dims[0] * self.dims[1] * self.dims[2]
    }

    /// Brings the labels back; waits until they are computed.
    ///
    /// # Errors
    /// [`OpError::Device`] when anything queued before failed.
    pub fn download(&self) -> Result<Vec<u8>, OpError> {
        self.values.download()
    }

    /// Starts to copy the labels to `values`, which holds as many, once all
    /// work so far is done; later work goes on meanwhile.
    pub(super) fn start_download<'a>(
        &'a self,
        driver: &'a Driver,
        values: &'a mut Pinned<u8>,
    ) -> Result<Arriving<'a, u8>, OpError> {
        checked_len("download", self.dims, values.values().len())?;
        // SAFETY: as many labels as `values`, borrowed as long as it arrives;
        // watched by `cuda_volume::copies`.
        unsafe { Arriving::start(driver, self.values.address(), values) }
    }

    /// The mask of one label.
    ///
    /// # Errors
    /// [`OpError::Device`] when the GPU has no memory left.
    pub fn mask_of(&self, label: u8) -> Result<DeviceLabels, OpError> {
        let mask = Buffer::new(self.values.driver(), self.voxels())?;
        let parameters = MaskOfLabelParameters {
            labels: self.values.address(),
            mask: mask.address(),
            voxels: narrow(self.voxels()),
            wanted: u32::from(label),
        };
        // SAFETY: both buffers hold `voxels` values; watched by
        // `cuda_volume::stored_units_and_masks`.
        unsafe { launch(self.values.driver(), "mask_of_label", each(self.voxels()), &parameters)? };
        Ok(DeviceLabels { values: mask, dims: self.dims })
    }
}
