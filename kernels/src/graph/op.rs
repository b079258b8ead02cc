//! The operations a network is made of.

use serde::{Deserialize, Serialize};

/// A point-wise function.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Activation {
    /// `x`.
    Identity,
    /// `max(x, 0)`.
    Relu,
    /// `x` above zero, `slope * x` below; slope in `[0, 1]`.
    LeakyRelu {
        /// Slope below zero.
        slope: f32,
    },
    /// `x * sigmoid(x)` (Elfwing et al. 2018, DOI 10.1016/j.neunet.2017.12.012).
    Silu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

impl Activation {
    /// The slope below zero of the activations that are two straight lines;
    /// `None` for the curved ones.
    #[must_use]
    pub fn slope(self) -> Option<f32> {
        match self {
            Self::Identity => Some(1.0),
            Self::Relu => Some(0.0),
            Self::LeakyRelu { slope } => Some(slope),
            Self::Silu | Self::Sigmoid => None,
        }
    }

    /// The value at `x`: the definition the devices are tested against.
    #[must_use]
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Self::Identity => x,
            Self::Relu => x.max(0.0),
            Self::LeakyRelu { slope } => x.max(x * slope),
            Self::Silu => x / (1.0 + (-x).exp()),
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        }
    }
}

/// How a pool turns a window into one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolKind {
    /// The largest value; padding never wins.
    Max,
    /// The mean; no padding.
    Average,
}

/// How values between voxels are found when a grid is made finer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpsampleKind {
    /// Every voxel is repeated.
    Nearest,
    /// Linear along each axis, voxel centres as anchors (PyTorch
    /// `align_corners=False`).
    Linear,
}

/// One operation. All sizes are `[z, y, x]`; a 2-D network has one slice and
/// kernels of depth 1.
///
/// `weights` names the layer: its tensors are `NAME.weight`, `NAME.bias`, and
/// for batch norm also `NAME.running_mean`, `NAME.running_var` (PyTorch's
/// names and orders; the weight of a 2-D layer may lack the depth axis).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Op {
    /// What the network is fed.
    Input {
        /// Its channels.
        channels: usize,
    },
    /// Cross-correlation with zero padding.
    Conv {
        /// Layer name.
        weights: String,
        /// Output channels.
        outputs: usize,
        /// Kernel size.
        kernel: [usize; 3],
        /// Step between output voxels.
        #[serde(default = "ones")]
        stride: [usize; 3],
        /// Zeros before the first and after the last voxel.
        #[serde(default)]
        padding: [usize; 3],
        /// Distance between taps.
        #[serde(default = "ones")]
        dilation: [usize; 3],
        /// Groups of channels that do not see each other.
        #[serde(default = "one")]
        groups: usize,
        /// Whether the layer has a bias.
        bias: bool,
    },
    /// Transposed convolution whose kernel is its stride, so that every
    /// output voxel has one source.
    ConvTranspose {
        /// Layer name.
        weights: String,
        /// Output channels.
        outputs: usize,
        /// Kernel and stride.
        kernel: [usize; 3],
        /// Whether the layer has a bias.
        bias: bool,
    },
    /// Maximum or mean of a moving window.
    Pool {
        /// Which of both.
        kind: PoolKind,
        /// Window size.
        kernel: [usize; 3],
        /// Step between windows.
        stride: [usize; 3],
        /// Voxels the windows reach beyond the border.
        #[serde(default)]
        padding: [usize; 3],
    },
    /// Scale and shift from the statistics of the training set.
    BatchNorm {
        /// Layer name.
        weights: String,
        /// Added to the variance before the root.
        eps: f32,
    },
    /// Each channel to zero mean and unit biased variance, then scale and
    /// shift (Ulyanov et al. 2016, arXiv:1607.08022).
    InstanceNorm {
        /// Layer name.
        weights: String,
        /// Added to the variance before the root.
        eps: f32,
    },
    /// A point-wise function.
    Activate {
        /// Which.
        activation: Activation,
    },
    /// The channels of all inputs, one after another.
    Concat,
    /// Sum of two tensors of one shape.
    Add,
    /// Product of two tensors of one shape.
    Multiply,
    /// A finer grid.
    Upsample {
        /// Voxels per voxel.
        factor: [usize; 3],
        /// Interpolation.
        kind: UpsampleKind,
    },
    /// Zeros around the grid.
    Pad {
        /// Voxels before the first.
        before: [usize; 3],
        /// Voxels after the last.
        after: [usize; 3],
    },
    /// Logits to probabilities over the channels. Only before an output.
    Softmax,
}

impl Op {
    /// Short name for messages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input { .. } => "input",
            Self::Conv { .. } => "conv",
            Self::ConvTranspose { .. } => "conv_transpose",
            Self::Pool { .. } => "pool",
            Self::BatchNorm { .. } => "batch_norm",
            Self::InstanceNorm { .. } => "instance_norm",
            Self::Activate { .. } => "activate",
            Self::Concat => "concat",
            Self::Add => "add",
            Self::Multiply => "multiply",
            Self::Upsample { .. } => "upsample",
            Self::Pad { .. } => "pad",
            Self::Softmax => "softmax",
        }
    }
}

fn one() -> usize {
    1
}

fn ones() -> [usize; 3] {
    [1; 3]
}
