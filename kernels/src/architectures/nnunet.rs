//! System B, stage 1, and every network nnU-Net plans.

use serde::{Deserialize, Serialize};

use super::blocks::{LEAKY, NORM_EPS, check_layers, head, named_heads, refusal};
use crate::graph::{Activation, Conv, Graph, GraphBuilder, NetworkError, NodeId};

/// nnU-Net plans up to nine stages for 512^2 slices; a few more do no harm.
const MAX_STAGES: usize = 12;

/// What the stages of the encoder are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NnunetEncoder {
    /// Convolutions in series (`PlainConvUNet`).
    Plain,
    /// A stem and residual blocks (`ResidualEncoderUNet` with `BasicBlockD`).
    Residual,
}

/// The norm after every convolution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NnunetNorm {
    /// Instance norm with trained scale and shift.
    Instance {
        /// Added to the variance (plans: `norm_op_kwargs.eps`).
        eps: f32,
    },
    /// Batch norm with running statistics.
    Batch {
        /// Added to the variance (plans: `norm_op_kwargs.eps`).
        eps: f32,
    },
}

/// One resolution of the encoder, and of the decoder but for the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NnunetStage {
    /// Channels (plans: `features_per_stage`).
    pub channels: usize,
    /// Odd kernel `[z, y, x]` (plans: `kernel_sizes`); depth 1 in 2-D.
    pub kernel: [usize; 3],
    /// Step into this stage `[z, y, x]` (plans: `strides`).
    pub stride: [usize; 3],
    /// Convolutions (plans: `n_conv_per_stage`) or residual blocks (plans:
    /// `n_blocks_per_stage`) in the encoder.
    pub blocks: usize,
}

/// nnU-Net (Isensee et al. 2021, DOI 10.1038/s41592-020-01008-z), with the
/// plain or the residual encoder (Isensee et al. 2024, arXiv:2404.09556), in
/// 2-D or 3-D. One setting per key of `architecture.arch_kwargs` in a plans
/// file of version 2.
///
/// Tensors are named as in nnU-Net's checkpoints
/// (`dynamic_network_architectures`), without the second name
/// `...all_modules...` every layer has there and without the copy of the
/// encoder under `decoder.encoder`:
/// - plain: `encoder.stages.{s}.0.convs.{i}.{conv|norm}`
/// - residual: `encoder.stem.convs.0.{conv|norm}`,
///   `encoder.stages.{s}.blocks.{i}.{conv1|conv2}.{conv|norm}` and
///   `....skip.{0|1}.{conv|norm}` (1 after an average pool)
/// - both: `decoder.transpconvs.{s}`, `decoder.stages.{s}.convs.{i}.{conv|norm}`,
///   `decoder.seg_layers.{s}`; `s = 0` is the coarsest
///
/// Output `logits`; with deep supervision also `logits_2`, `logits_4`, ...
/// Without it the other `decoder.seg_layers` are not part of the network,
/// although checkpoints hold them.
///
/// ```
/// use kernels::architectures::Nnunet;
///
/// assert_eq!(Nnunet::default().graph()?.outputs().len(), 1);
/// let supervised = Nnunet { deep_supervision: true, ..Nnunet::default() };
/// assert_eq!(supervised.graph()?.parameters(), 31_195_594);
/// # Ok::<(), kernels::NetworkError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Nnunet {
    /// Channels of the image.
    pub inputs: usize,
    /// Channels of the logits, background included.
    pub classes: usize,
    /// Which encoder.
    pub encoder: NnunetEncoder,
    /// Encoder stages, finest first; at least two.
    pub stages: Vec<NnunetStage>,
    /// Convolutions of the decoder stages, coarsest first, one fewer than
    /// stages (plans: `n_conv_per_stage_decoder`).
    pub decoder_convs: Vec<usize>,
    /// Whether convolutions have a bias (plans: `conv_bias`). The projection
    /// of a residual block never has one.
    pub bias: bool,
    /// Norm (plans: `norm_op`).
    pub norm: NnunetNorm,
    /// Activation (plans: `nonlin`).
    pub activation: Activation,
    /// Whether the heads of the coarse stages are outputs too.
    pub deep_supervision: bool,
}

impl Default for Nnunet {
    /// The plain network nnU-Net plans for large isotropic CT: stages of 32
    /// to 320 channels, two convolutions each; one image in, two classes out.
    fn default() -> Self {
        Self::with_blocks(NnunetEncoder::Plain, &[2; 6], 2)
    }
}

impl Nnunet {
    /// The residual encoder of the presets M and L: 1, 3, 4, 6, 6, 6 blocks,
    /// one convolution per decoder stage.
    #[must_use]
    pub fn residual() -> Self {
        Self::with_blocks(NnunetEncoder::Residual, &[1, 3, 4, 6, 6, 6], 1)
    }

    fn with_blocks(encoder: NnunetEncoder, blocks: &[usize; 6], decoder_convs: usize) -> Self {
        let channels = [32, 64, 128, 256, 320, 320];
        let stage = |(index, (&channels, &blocks)): (usize, (&usize, &usize))| NnunetStage {
            channels,
            kernel: [3; 3],
            stride: if index == 0 { [1; 3] } else { [2; 3] },
            blocks,
        };
        Self {
            inputs: 1,
            classes: 2,
            encoder,
            stages: channels.iter().zip(blocks).enumerate().map(stage).collect(),
            decoder_convs: vec![decoder_convs; 5],
            bias: true,
            norm: NnunetNorm::Instance { eps: NORM_EPS },
            activation: LEAKY,
            deep_supervision: false,
        }
    }

    /// The network as data.
    ///
    /// # Errors
    /// [`NetworkError::Graph`] for settings that make no network.
    pub fn graph(&self) -> Result<Graph, NetworkError> {
        self.check()?;
        let mut g = GraphBuilder::new();
        let x = g.input(self.inputs);
        let mut skips = match self.encoder {
            NnunetEncoder::Plain => self.plain_encoder(&mut g, x),
            NnunetEncoder::Residual => self.residual_encoder(&mut g, x),
        };
        let Some(mut x) = skips.pop() else { return g.build() };
        let mut heads = Vec::new();
        for (step, skip) in skips.iter().rev().enumerate() {
            let level = skips.len() - 1 - step;
            let (stage, below) = (&self.stages[level], &self.stages[level + 1]);
            let name = format!("decoder.transpconvs.{step}");
            let up = g.conv_transpose(x, &name, stage.channels, below.stride, self.bias);
            let joined = g.concat(&[up, *skip]);
            let name = format!("decoder.stages.{step}");
            x = self.stack(&mut g, joined, &name, self.decoder_convs[step], stage, [1; 3]);
            if self.deep_supervision || level == 0 {
                heads.push(head(&mut g, x, &format!("decoder.seg_layers.{step}"), self.classes));
            }
        }
        named_heads(&mut g, &heads);
        g.build()
    }

    fn check(&self) -> Result<(), NetworkError> {
        let (stages, decoder) = (self.stages.len(), self.decoder_convs.len());
        if !(2..=MAX_STAGES).contains(&stages) {
            return Err(refusal(format!("{stages} stages, 2 to {MAX_STAGES} are supported")));
        }
        if decoder + 1 != stages {
            return Err(refusal(format!("decoder_convs has {decoder} entries, {stages} stages need {}", stages - 1)));
        }
        check_layers("blocks per stage", self.stages.iter().map(|stage| &stage.blocks))?;
        check_layers("convolutions per decoder stage", &self.decoder_convs)?;
        match self.stages.iter().find(|stage| stage.kernel.iter().any(|side| side % 2 == 0)) {
            None => Ok(()),
            Some(stage) => Err(refusal(format!("kernel {:?} [z, y, x], the sides must be odd", stage.kernel))),
        }
    }

    fn plain_encoder(&self, g: &mut GraphBuilder, mut x: NodeId) -> Vec<NodeId> {
        let stages = self.stages.iter().enumerate();
        let maps = stages.map(|(index, stage)| {
            x = self.stack(g, x, &format!("encoder.stages.{index}.0"), stage.blocks, stage, stage.stride);
            x
        });
        maps.collect()
    }

    fn residual_encoder(&self, g: &mut GraphBuilder, x: NodeId) -> Vec<NodeId> {
        let mut x = self.stack(g, x, "encoder.stem", 1, &self.stages[0], [1; 3]);
        let mut inputs = self.stages[0].channels;
        let mut maps = Vec::with_capacity(self.stages.len());
        for (index, stage) in self.stages.iter().enumerate() {
            for block in 0..stage.blocks {
                let stride = if block == 0 { stage.stride } else { [1; 3] };
                let name = format!("encoder.stages.{index}.blocks.{block}");
                x = self.residual_block(g, x, &name, inputs, stage, stride);
                inputs = stage.channels;
            }
            maps.push(x);
        }
        maps
    }

    /// ResNet-D (He et al. 2019, arXiv:1812.01187): the shortcut is averaged
    /// where the block has a stride, projected where the channels differ.
    fn residual_block(
        &self,
        g: &mut GraphBuilder,
        x: NodeId,
        name: &str,
        inputs: usize,
        stage: &NnunetStage,
        stride: [usize; 3],
    ) -> NodeId {
        let conv = Conv { bias: self.bias, ..Conv::new(stage.channels, stage.kernel) };
        let y = self.conv_norm(g, x, &format!("{name}.conv1"), conv.stride(stride));
        let y = g.activate(y, self.activation);
        let y = self.conv_norm(g, y, &format!("{name}.conv2"), conv);
        let (mut shortcut, mut index) = (x, 0);
        if stride != [1; 3] {
            shortcut = g.avg_pool(shortcut, stride, stride);
            index = 1;
        }
        if inputs != stage.channels {
            let projection = Conv::new(stage.channels, [1; 3]).without_bias();
            shortcut = self.conv_norm(g, shortcut, &format!("{name}.skip.{index}"), projection);
        }
        let sum = g.add(y, shortcut);
        g.activate(sum, self.activation)
    }

    fn stack(
        &self,
        g: &mut GraphBuilder,
        mut x: NodeId,
        name: &str,
        count: usize,
        stage: &NnunetStage,
        stride: [usize; 3],
    ) -> NodeId {
        for index in 0..count {
            let stride = if index == 0 { stride } else { [1; 3] };
            let conv = Conv { bias: self.bias, ..Conv::new(stage.channels, stage.kernel).stride(stride) };
            x = self.conv_norm(g, x, &format!("{name}.convs.{index}"), conv);
            x = g.activate(x, self.activation);
        }
        x
    }

    fn conv_norm(&self, g: &mut GraphBuilder, x: NodeId, name: &str, conv: Conv) -> NodeId {
        let x = g.conv(x, &format!("{name}.conv"), conv);
        let norm = format!("{name}.norm");
        match self.norm {
            NnunetNorm::Instance { eps } => g.instance_norm(x, &norm, eps),
            NnunetNorm::Batch { eps } => g.batch_norm(x, &norm, eps),
        }
    }
}
