//! What goes into networks and comes out of them, on the GPU.
#![allow(unsafe_code)]

use std::sync::Arc;

use super::buffer::{Buffer, each, launch, narrow, parameters, voxel_count};
use super::grids::{DeviceLabels, DeviceVolume};
use crate::cuda::Cuda;
use crate::cuda::driver::{Driver, refuse};
use crate::error::OpError;
use crate::tensor::{Tensor, count};

/// Classes an 8-bit label can name.
const MAX_CLASSES: usize = 256;

/// Planar f32 values `[channels, depth, height, width]` on the GPU, as [`Tensor`].
#[derive(Debug)]
pub struct DeviceTensor {
    pub(in crate::cuda) values: Buffer<f32>,
    pub(super) shape: [usize; 4],
}

parameters! { struct SoftmaxParameters { logits: u64, voxels: u32, classes: u32 } }
parameters! { struct ArgmaxParameters { values: u64, labels: u64, voxels: u32, classes: u32 } }

impl Cuda {
    /// Copies a tensor to the GPU.
    ///
    /// # Errors
    /// [`OpError::Device`] for 2^31 voxels or more, and a GPU without memory.
    pub fn upload_tensor(&self, tensor: &Tensor) -> Result<DeviceTensor, OpError> {
        voxel_count("upload_tensor", tensor.dims())?;
        Ok(DeviceTensor { values: Buffer::upload(&self.driver, tensor.data())?, shape: tensor.shape() })
    }
}

impl DeviceTensor {
    /// Memory that a kernel fills.
    pub(in crate::cuda) fn reserve(driver: &Arc<Driver>, shape: [usize; 4]) -> Result<Self, OpError> {
        Ok(Self { values: Buffer::new(driver, count("tensor", &shape)?)?, shape })
    }

    /// The address for kernels.
    pub(in crate::cuda) fn address(&self) -> u64 {
        self.values.address()
    }

    /// Bytes on the GPU.
    pub(in crate::cuda) const fn bytes(&self) -> usize {
        self.values.len() * size_of::<f32>()
    }

    /// Zeros, for sums.
    pub(super) fn zeros(cuda: &Cuda, shape: [usize; 4]) -> Result<Self, OpError> {
        let values = Buffer::zeros(&cuda.driver, count("tensor", &shape)?)?;
        Ok(Self { values, shape })
    }

    /// `[channels, depth, height, width]`.
    #[must_use]
    pub const fn shape(&self) -> [usize; 4] {
        self.shape
    }

    /// `[depth, height, width]`.
    #[must_use]
    pub const fn dims(&self) -> [usize; 3] {
        [self.shape[1], self.shape[2], self.shape[3]]
    }

    /// Replaces all values, in order with the GPU's work.
    ///
    /// # Errors
    /// [`OpError::Mismatch`] for another shape.
    pub fn fill(&self, tensor: &Tensor) -> Result<(), OpError> {
        if tensor.shape() != self.shape {
            return Err(OpError::Mismatch { operation: "fill", first: tensor.shape(), second: self.shape });
        }
        self.values.fill(tensor.data())
    }

    /// Brings the values back; waits until they are computed.
    ///
    /// # Errors
    /// [`OpError::Device`] when anything queued before failed.
    pub fn download(&self) -> Result<Tensor, OpError> {
        Tensor::new(self.shape, self.values.download()?)
    }

    /// Softmax over the channels at each voxel, in place.
    ///
    /// # Errors
    /// [`OpError::Device`] when the driver refuses.
    pub fn softmax_channels(&mut self) -> Result<(), OpError> {
        let voxels = self.dims().iter().product();
        let parameters =
            SoftmaxParameters { logits: self.values.address(), voxels: narrow(voxels), classes: narrow(self.shape[0]) };
        // SAFETY: the buffer holds classes * voxels values; watched by
        // `cuda_volume::softmax_and_labels_of_logits`.
        unsafe { launch(self.values.driver(), "softmax_planar", each(voxels), &parameters) }
    }

    /// At each voxel the channel with the largest value, the first of equals.
    ///
    /// # Errors
    /// [`OpError::Device`] for more than 256 channels.
    pub fn argmax_channels(&self) -> Result<DeviceLabels, OpError> {
        let (driver, classes) = (self.values.driver(), self.shape[0]);
        if classes > MAX_CLASSES {
            return Err(refuse(&format!(
                "argmax_channels: {classes} channels; 8-bit labels name at most {MAX_CLASSES}"
            )));
        }
        let voxels = self.dims().iter().product();
        let labels = Buffer::new(driver, voxels)?;
        let parameters = ArgmaxParameters {
            values: self.values.address(),
            labels: labels.address(),
            voxels: narrow(voxels),
            classes: narrow(classes),
        };
        // SAFETY: classes * voxels values and as many labels as voxels;
        // watched by `cuda_volume::softmax_and_labels_of_logits`.
        unsafe { launch(driver, "argmax_planar", each(voxels), &parameters)? };
        Ok(DeviceLabels { values: labels, dims: self.dims() })
    }

    /// A tensor of one channel as a volume, without a copy.
    ///
    /// # Errors
    /// [`OpError::Channels`] for another number of channels.
    pub fn into_volume(self) -> Result<DeviceVolume, OpError> {
        if self.shape[0] != 1 {
            return Err(OpError::Channels { operation: "into_volume", expected: 1, shape: self.shape });
        }
        Ok(DeviceVolume { dims: self.dims(), values: self.values })
    }
}
