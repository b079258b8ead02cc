//! What a device must be able to do to run a network.
//!
//! A device is a sibling module that implements [`OpDevice`]; [`crate::Cpu`] is
//! the reference. One test body runs on all of them (`tests/devices.rs`): a
//! new device is added to its `test_on_every_device` macro and is correct
//! when that passes.
//!
//! Data lives in the device's own tensors between [`OpDevice::upload`] and
//! [`OpDevice::download`], and weights in the order its kernels read, packed
//! once by the `prepare_*` calls.

use crate::error::OpError;
use crate::tensor::Tensor;
use crate::op_weights::{Conv3dWeights, ConvTranspose3dWeights, NormWeights};

/// Added to the variance before the root, as PyTorch's `InstanceNorm3d` does.
pub const INSTANCE_NORM_EPS: f32 = 1e-5;

/// Slope of the leaky rectifier below zero (nnU-Net and the SpineNav networks).
pub const LEAKY_RELU_SLOPE: f32 = 0.01;

/// A place where tensors live and networks run.
///
/// Every operation is deterministic: the same device type gives the same bits
/// for the same input, whatever else the machine does.
pub trait OpDevice: Send + Sync {
    /// A tensor in the device's memory.
    type Tensor: Send + Sync;
    /// Packed weights of a convolution.
    type Conv3d: Send + Sync;
    /// Packed weights of a transposed convolution.
    type ConvTranspose3d: Send + Sync;
    /// Scale and shift of an instance norm.
    type Norm: Send + Sync;

    /// Name and extent for reports, such as `CPU, 2 threads, AVX2+FMA`.
    fn description(&self) -> String;

    /// Copies a tensor to the device.
    ///
    /// # Errors
    /// [`OpError::Device`] when the device is out of memory or gone.
    fn upload(&self, tensor: &Tensor) -> Result<Self::Tensor, OpError>;

    /// Brings a tensor back; waits until it is computed.
    ///
    /// # Errors
    /// [`OpError::Device`] when the device failed since the last call.
    fn download(&self, tensor: Self::Tensor) -> Result<Tensor, OpError>;

    /// Packs convolution weights for this device.
    ///
    /// # Errors
    /// [`OpError::Device`] when the device is out of memory or gone.
    fn prepare_conv3d(&self, weights: &Conv3dWeights) -> Result<Self::Conv3d, OpError>;

    /// Packs transposed-convolution weights for this device.
    ///
    /// # Errors
    /// [`OpError::Device`] when the device is out of memory or gone.
    fn prepare_conv_transpose3d(&self, weights: &ConvTranspose3dWeights) -> Result<Self::ConvTranspose3d, OpError>;

    /// Brings norm weights to this device.
    ///
    /// # Errors
    /// [`OpError::Device`] when the device is out of memory or gone.
    fn prepare_norm(&self, weights: &NormWeights) -> Result<Self::Norm, OpError>;

    /// 3-D cross-correlation (what deep learning calls convolution), zero
    /// padding of `kernel / 2`: `[inputs, d, h, w]` to `[outputs, d', h', w']`
    /// with `d' = (d - 1) / stride + 1`.
    ///
    /// # Errors
    /// [`OpError::Channels`] when the input does not have the layer's channels.
    ///
    /// Cost: `outputs * inputs * kernel^3` multiply-adds per output voxel.
    fn conv3d(&self, input: &Self::Tensor, layer: &Self::Conv3d) -> Result<Self::Tensor, OpError>;

    /// Transposed convolution with kernel 2 and stride 2: `[inputs, d, h, w]`
    /// to `[outputs, 2d, 2h, 2w]`.
    ///
    /// # Errors
    /// [`OpError::Channels`] when the input does not have the layer's
    /// channels, [`OpError::Shape`] when the result would not fit in memory.
    ///
    /// Cost: `outputs * inputs` multiply-adds per output voxel.
    fn conv_transpose3d(&self, input: &Self::Tensor, layer: &Self::ConvTranspose3d) -> Result<Self::Tensor, OpError>;

    /// Normalises each channel to zero mean and unit (biased) variance with
    /// [`INSTANCE_NORM_EPS`], applies scale and shift, then the rectifier
    /// with [`LEAKY_RELU_SLOPE`]. A constant channel becomes its shift.
    /// (Ulyanov et al. 2016, arXiv:1607.08022, eq. 1-2.)
    ///
    /// # Errors
    /// [`OpError::Channels`] when the input does not have the layer's channels.
    ///
    /// Cost: two passes over the tensor, in place.
    fn instance_norm_leaky_relu(&self, input: Self::Tensor, norm: &Self::Norm) -> Result<Self::Tensor, OpError>;

    /// The channels of `first` followed by those of `second`.
    ///
    /// # Errors
    /// [`OpError::Mismatch`] when depth, height or width differ.
    ///
    /// Cost: one copy of both.
    fn concat_channels(&self, first: &Self::Tensor, second: &Self::Tensor) -> Result<Self::Tensor, OpError>;

    /// Softmax over the channels at each voxel: logits to probabilities that
    /// sum to one. The largest logit is subtracted first, so that large
    /// logits do not overflow.
    ///
    /// # Errors
    /// [`OpError::Device`] when the device failed.
    ///
    /// Cost: one exponential per value, in place.
    fn softmax_channels(&self, input: Self::Tensor) -> Result<Self::Tensor, OpError>;
}
