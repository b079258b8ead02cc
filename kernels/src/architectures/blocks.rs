//! Blocks that several networks share, and the checks on their settings.

use crate::graph::{Activation, Conv, GraphBuilder, NetworkError, NodeId};

/// Added to variances by PyTorch's norms unless told otherwise.
pub(super) const NORM_EPS: f32 = 1e-5;

/// Slope of nnU-Net's and SpineNav's leaky rectifiers.
pub(super) const LEAKY: Activation = Activation::LeakyRelu { slope: 0.01 };

/// Levels a U-Net may have: 2^7 voxels per voxel of the deepest.
const MAX_LEVELS: usize = 8;

/// Layers a block may have; the published ones have at most 6.
const MAX_LAYERS: usize = 64;

/// Which norm follows a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockNorm {
    Batch,
    Instance,
}

/// A convolution `NAME.conv`, a norm `NAME.norm`, an activation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    pub norm: BlockNorm,
    pub activation: Activation,
    pub bias: bool,
}

/// Batch norm and rectifier.
pub(super) const BATCH_RELU: Block = Block { norm: BlockNorm::Batch, activation: Activation::Relu, bias: false };

/// Instance norm and leaky rectifier.
pub(super) const INSTANCE_LEAKY: Block = Block { norm: BlockNorm::Instance, activation: LEAKY, bias: false };

impl Block {
    /// The same with a bias before the norm, as PyTorch's default has it.
    pub(super) const fn with_bias(self) -> Self {
        Self { bias: true, ..self }
    }

    /// The same without its activation.
    pub(super) const fn linear(self) -> Self {
        Self { activation: Activation::Identity, ..self }
    }

    /// One block.
    pub(super) fn write(self, g: &mut GraphBuilder, x: NodeId, name: &str, conv: Conv) -> NodeId {
        let x = g.conv(x, &format!("{name}.conv"), Conv { bias: self.bias, ..conv });
        let norm = format!("{name}.norm");
        let x = match self.norm {
            BlockNorm::Batch => g.batch_norm(x, &norm, NORM_EPS),
            BlockNorm::Instance => g.instance_norm(x, &norm, NORM_EPS),
        };
        if self.activation == Activation::Identity { x } else { g.activate(x, self.activation) }
    }

    /// Two blocks `NAME.0` and `NAME.1`; the second keeps channels and size.
    pub(super) fn pair(self, g: &mut GraphBuilder, x: NodeId, name: &str, conv: Conv) -> NodeId {
        let x = self.write(g, x, &format!("{name}.0"), conv);
        self.write(g, x, &format!("{name}.1"), conv.stride([1; 3]))
    }
}

/// Doubles the grid with `NAME.up.STEP` and appends the skips.
pub(super) fn up_and_join(
    g: &mut GraphBuilder,
    x: NodeId,
    name: &str,
    [outputs, factor_z]: [usize; 2],
    skips: &[NodeId],
) -> NodeId {
    let up = g.conv_transpose(x, name, outputs, [factor_z, 2, 2], true);
    let mut parts = vec![up];
    parts.extend_from_slice(skips);
    g.concat(&parts)
}

/// A convolution of one voxel, with bias.
pub(super) fn head(g: &mut GraphBuilder, x: NodeId, name: &str, outputs: usize) -> NodeId {
    g.conv(x, name, Conv::new(outputs, [1; 3]))
}

/// Names the heads of a decoder, given from coarse to fine: `logits`,
/// `logits_2`, `logits_4`, ... from fine to coarse.
pub(super) fn named_heads(g: &mut GraphBuilder, heads: &[NodeId]) {
    for (index, &node) in heads.iter().rev().enumerate() {
        if index == 0 {
            g.output("logits", node);
        } else {
            g.output(&format!("logits_{}", 1_u64 << index), node);
        }
    }
}

/// Refuses a number of levels that makes no U-Net.
pub(super) fn check_levels(levels: usize) -> Result<(), NetworkError> {
    within("levels", levels, 1, MAX_LEVELS)
}

/// Refuses blocks without layers, and so many that the graph eats memory.
pub(super) fn check_layers<'a>(what: &str, layers: impl IntoIterator<Item = &'a usize>) -> Result<(), NetworkError> {
    layers.into_iter().try_for_each(|&count| within(what, count, 1, MAX_LAYERS))
}

fn within(what: &str, value: usize, least: usize, most: usize) -> Result<(), NetworkError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(refusal(format!("{value} {what}, {least} to {most} are supported")))
}

/// Settings that make no network.
pub(super) fn refusal(reason: String) -> NetworkError {
    NetworkError::Graph { node: "settings".to_owned(), reason }
}
