//! What a device executes: steps over blocks of channels.
//!
//! # Layout
//! Activations are stored in *blocks* of [`BLOCK`] channels, `[depth][height]
//! [width][BLOCK]`, on every device. A [`Value`] is a list of blocks from any
//! buffers, so that concatenation costs nothing: a dense block or a skip
//! connection is read from where its parts were written.
//!
//! # Norms and activations
//! are applied by whoever *reads* a value ([`Load`]), where possible: a
//! convolution writes its raw sums and their statistics, the next one
//! normalises while it loads. Zero padding is applied after the load.
//!
//! # Dead channels
//! The last block of a part may have channels beyond `Part::channels`. Their
//! stored values are finite; readers ignore them (their weights are zero).

use std::sync::Arc;

use crate::graph::{Activation, PoolKind, UpsampleKind};

/// Channels stored side by side at each voxel.
pub const BLOCK: usize = 16;

/// Index into [`Program::buffers`](super::Program::buffers).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BufferId(pub usize);

/// Index into [`Program::affines`](super::Program::affines).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AffineId(pub usize);

/// Index into the statistics a program collects (`Program::statistics` many).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatisticsId(pub usize);

/// Index into [`Program::grids`](super::Program::grids): which resolution a
/// buffer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GridId(pub usize);

/// What happens to stored values on their way into an operation:
/// `y = leaky(scale * x + shift)`, `leaky(v) = v > 0 ? v : slope * v`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Scale and shift per channel; `None` is `1, 0`.
    pub affine: Option<AffineId>,
    /// Slope below zero in `[0, 1]`; 1 changes nothing.
    pub slope: f32,
}

impl Load {
    /// Values as they are stored.
    pub const AS_STORED: Self = Self { affine: None, slope: 1.0 };

    /// Whether loading changes nothing.
    #[must_use]
    pub fn is_identity(self) -> bool {
        self.affine.is_none() && self.slope == 1.0
    }
}

/// Channels of one buffer, from the start of a block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Where they are stored.
    pub buffer: BufferId,
    /// First block in the buffer.
    pub first_block: usize,
    /// Channels used, starting with the first of the first block.
    pub channels: usize,
    /// What to do with them.
    pub load: Load,
}

impl Part {
    /// Blocks the channels occupy.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.channels.div_ceil(BLOCK)
    }
}

/// A tensor as an operation sees it: parts whose channels follow each other.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Value {
    /// In channel order; all on one grid.
    pub parts: Vec<Part>,
}

impl Value {
    /// Channels of all parts.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.parts.iter().map(|part| part.channels).sum()
    }

    /// Stored blocks of all parts.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.parts.iter().map(Part::blocks).sum()
    }

    /// For every stored lane of every block, the channel it holds; `None`
    /// for dead lanes. Length is `blocks() * BLOCK`. Weights are packed with it.
    #[must_use]
    pub fn lanes(&self) -> Vec<Option<usize>> {
        let mut next = 0;
        let mut lanes = Vec::with_capacity(self.blocks() * BLOCK);
        for part in &self.parts {
            let stored = part.blocks() * BLOCK;
            lanes.extend((0..stored).map(|lane| (lane < part.channels).then_some(next + lane)));
            next += part.channels;
        }
        lanes
    }
}

/// Where an operation reads from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// The network's input: planar `[channels][depth][height][width]` f32.
    Input {
        /// Channels of the input.
        channels: usize,
    },
    /// Blocks.
    Value(Value),
}

impl Source {
    /// Channels read.
    #[must_use]
    pub fn channels(&self) -> usize {
        match self {
            Self::Input { channels } => *channels,
            Self::Value(value) => value.channels(),
        }
    }
}

/// Where an operation writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Blocks of a buffer, from its first block on.
    Buffer(BufferId),
    /// A network output, planar f32. Only for [`Kind::Conv`] with kernel and
    /// stride 1, and for [`Kind::Store`].
    Output(usize),
}

/// What is done to the finished logits on their way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// Nothing.
    Raw,
    /// Softmax over the channels, the largest logit subtracted first.
    Softmax,
}

/// A convolution with its weights, batch norm folded in.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv {
    /// Layer name, for messages.
    pub name: String,
    /// Output channels.
    pub outputs: usize,
    /// `[z, y, x]`.
    pub kernel: [usize; 3],
    /// `[z, y, x]`.
    pub stride: [usize; 3],
    /// Zeros on each side, `[z, y, x]`.
    pub padding: [usize; 3],
    /// Distance between taps, `[z, y, x]`.
    pub dilation: [usize; 3],
    /// `[outputs, inputs, kz, ky, kx]`; groups are already spread out.
    pub weight: Arc<[f32]>,
    /// One per output; zeros when the layer has none.
    pub bias: Arc<[f32]>,
    /// Applied to the sum before it is stored.
    pub activation: Activation,
}

/// A transposed convolution with kernel = stride.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvTranspose {
    /// Layer name, for messages.
    pub name: String,
    /// Output channels.
    pub outputs: usize,
    /// Kernel and stride `[z, y, x]`.
    pub kernel: [usize; 3],
    /// `[inputs, outputs, kz, ky, kx]`.
    pub weight: Arc<[f32]>,
    /// One per output; zeros when the layer has none.
    pub bias: Arc<[f32]>,
    /// Applied to the sum before it is stored.
    pub activation: Activation,
}

/// A point-wise operation on two or three tensors of one shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CombineKind {
    /// `a + b`.
    Add,
    /// `a * b`.
    Multiply,
    /// `a * b + a`: attention gates (the MAFU of system B).
    Gate,
}

/// What a step computes.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Convolution.
    Conv {
        /// Read from.
        input: Source,
        /// Layer.
        conv: Conv,
    },
    /// Transposed convolution.
    ConvTranspose {
        /// Read from.
        input: Value,
        /// Layer.
        conv: ConvTranspose,
    },
    /// Pool.
    Pool {
        /// Read from.
        input: Value,
        /// Maximum or mean.
        kind: PoolKind,
        /// Window.
        kernel: [usize; 3],
        /// Step.
        stride: [usize; 3],
        /// Reach beyond the border (maximum only).
        padding: [usize; 3],
    },
    /// Point-wise on two tensors. Their channel numbers are equal, their
    /// parts may differ; both load into the lanes of the output.
    Combine {
        /// First operand.
        first: Value,
        /// Second operand.
        second: Value,
        /// Operation.
        kind: CombineKind,
        /// Applied to the result.
        activation: Activation,
    },
    /// A finer grid.
    Upsample {
        /// Read from.
        input: Value,
        /// Voxels per voxel.
        factor: [usize; 3],
        /// Interpolation.
        kind: UpsampleKind,
    },
    /// Values with their load and `activation` applied, zeros around them.
    /// Packs the parts without dead lanes between them.
    Copy {
        /// Read from.
        input: Source,
        /// Voxels before the first.
        before: [usize; 3],
        /// Applied after the load.
        activation: Activation,
    },
    /// Blocks to a planar network output.
    Store {
        /// Read from.
        input: Value,
        /// Applied after the load.
        activation: Activation,
        /// Softmax or nothing.
        finish: Finish,
    },
}

/// One step of a program.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What is computed.
    pub kind: Kind,
    /// Where it goes.
    pub target: Target,
    /// Channels written.
    pub channels: usize,
    /// Grid of the input.
    pub input_grid: GridId,
    /// Grid of the output.
    pub output_grid: GridId,
    /// Sum and sum of squares per stored channel over the whole output, if
    /// a norm needs them. Order of summation fixed, f64 or better than f32.
    pub statistics: Option<StatisticsId>,
}

impl Step {
    /// Every value the step reads.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        let (first, second) = match &self.kind {
            Kind::Conv { input, .. } | Kind::Copy { input, .. } => match input {
                Source::Value(value) => (Some(value), None),
                Source::Input { .. } => (None, None),
            },
            Kind::ConvTranspose { input, .. }
            | Kind::Pool { input, .. }
            | Kind::Upsample { input, .. }
            | Kind::Store { input, .. } => (Some(input), None),
            Kind::Combine { first, second, .. } => (Some(first), Some(second)),
        };
        first.into_iter().chain(second)
    }
}

/// Scale and shift per channel of a part.
#[derive(Debug, Clone, PartialEq)]
pub enum Affine {
    /// Known when the network is loaded (batch norm).
    Constant {
        /// Per channel.
        scale: Vec<f32>,
        /// Per channel.
        shift: Vec<f32>,
    },
    /// From the statistics of a step, known once it has run:
    /// `scale = gamma / sqrt(variance + eps)`, `shift = beta - mean * scale`.
    Instance {
        /// Whose statistics; its first `gamma.len()` channels.
        statistics: StatisticsId,
        /// Trained scale per channel.
        gamma: Vec<f32>,
        /// Trained shift per channel.
        beta: Vec<f32>,
        /// Added to the variance.
        eps: f32,
    },
}

impl Affine {
    /// Channels it covers.
    #[must_use]
    pub fn channels(&self) -> usize {
        match self {
            Self::Constant { scale, .. } => scale.len(),
            Self::Instance { gamma, .. } => gamma.len(),
        }
    }
}

/// A buffer: blocks on a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buffer {
    /// Its resolution.
    pub grid: GridId,
    /// Channels stored (rounded up to blocks in memory).
    pub channels: usize,
}

impl Buffer {
    /// Blocks it occupies.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.channels.div_ceil(BLOCK)
    }
}
