//! The graph of a U-Net as `dynamic_network_architectures` 0.4 builds it.
//!
//! Layer names are those of the PyTorch modules, so that a weight is found
//! under `NAME.weight`. Of the heads for deep supervision only the finest is
//! built; dropout does nothing after training and is left out.

use kernels::graph::{Activation, Conv, Graph, GraphBuilder, NetworkError, NodeId};

use super::plans::{Architecture, Block, Norm};

/// Builds the graph for images of one channel; its output is `logits`.
///
/// # Errors
/// [`NetworkError`] when the layers do not fit, which checked plans exclude.
pub fn build(architecture: &Architecture, classes: usize) -> Result<Graph, NetworkError> {
    let mut unet = Unet { g: GraphBuilder::new(), a: architecture };
    let image = unet.g.input(1);
    let skips = match architecture.block {
        Block::Plain => unet.plain_encoder(image),
        Block::Residual => unet.residual_encoder(image),
    };
    let last = unet.decoder(&skips);
    let head = format!("decoder.seg_layers.{}", skips.len().saturating_sub(2));
    let logits = unet.g.conv(last, &head, Conv::new(classes, [1; 3]));
    unet.g.output("logits", logits);
    unet.g.build()
}

struct Unet<'a> {
    g: GraphBuilder,
    a: &'a Architecture,
}

/// `ConvDropoutNormReLU` beside its name.
#[derive(Clone, Copy)]
struct Layer {
    outputs: usize,
    kernel: [usize; 3],
    stride: [usize; 3],
    bias: bool,
    activation: Activation,
}

impl Unet<'_> {
    /// `ConvDropoutNormReLU`.
    fn layer(&mut self, x: NodeId, name: &str, layer: Layer) -> NodeId {
        let Layer { outputs, kernel, stride, bias, activation } = layer;
        let conv = Conv { bias, ..Conv::new(outputs, kernel).stride(stride) };
        let x = self.g.conv(x, &format!("{name}.conv"), conv);
        let norm = format!("{name}.norm");
        let x = match self.a.norm {
            Norm::None => x,
            Norm::Instance { eps } => self.g.instance_norm(x, &norm, eps),
            Norm::Batch { eps } => self.g.batch_norm(x, &norm, eps),
        };
        self.activate(x, activation)
    }

    fn activate(&mut self, x: NodeId, activation: Activation) -> NodeId {
        if activation == Activation::Identity { x } else { self.g.activate(x, activation) }
    }

    /// `StackedConvBlocks`: the first layer has the stride.
    fn stack(&mut self, x: NodeId, name: &str, stage: usize, stride: [usize; 3], depth: usize) -> NodeId {
        let mut layer = self.stage_layer(stage);
        layer.stride = stride;
        (0..depth).fold(x, |x, index| {
            let x = self.layer(x, &format!("{name}.convs.{index}"), layer);
            layer.stride = [1; 3];
            x
        })
    }

    /// A layer with the channels and kernel of a stage.
    fn stage_layer(&self, stage: usize) -> Layer {
        Layer {
            outputs: self.a.features[stage],
            kernel: self.a.kernels[stage],
            stride: [1; 3],
            bias: self.a.bias,
            activation: self.a.activation,
        }
    }

    /// `PlainConvEncoder`: the result of every stage.
    fn plain_encoder(&mut self, image: NodeId) -> Vec<NodeId> {
        let mut x = image;
        (0..self.a.features.len())
            .map(|stage| {
                let (stride, depth) = (self.a.strides[stage], self.a.encoder_depth[stage]);
                x = self.stack(x, &format!("encoder.stages.{stage}.0"), stage, stride, depth);
                x
            })
            .collect()
    }

    /// `ResidualEncoder`: stem, then the result of every stage.
    fn residual_encoder(&mut self, image: NodeId) -> Vec<NodeId> {
        let stem = Layer { outputs: self.a.stem, ..self.stage_layer(0) };
        let mut x = self.layer(image, "encoder.stem.convs.0", stem);
        let mut channels = self.a.stem;
        (0..self.a.features.len())
            .map(|stage| {
                for block in 0..self.a.encoder_depth[stage] {
                    let stride = if block == 0 { self.a.strides[stage] } else { [1; 3] };
                    let name = format!("encoder.stages.{stage}.blocks.{block}");
                    x = self.residual_block(x, &name, channels, stage, stride);
                    channels = self.a.features[stage];
                }
                x
            })
            .collect()
    }

    /// `BasicBlockD` (He et al. 2019, DOI 10.1109/CVPR.2019.00065, fig. 2c):
    /// the detour averages where the block strides, and has a 1x1 convolution
    /// where the channels change.
    fn residual_block(&mut self, x: NodeId, name: &str, inputs: usize, stage: usize, stride: [usize; 3]) -> NodeId {
        let layer = self.stage_layer(stage);
        let unbent = Layer { activation: Activation::Identity, ..layer };
        let strides = stride != [1; 3];
        let mut detour = if strides { self.g.avg_pool(x, stride, stride) } else { x };
        if inputs != layer.outputs {
            let projection = Layer { kernel: [1; 3], bias: false, ..unbent };
            detour = self.layer(detour, &format!("{name}.skip.{}", usize::from(strides)), projection);
        }
        let y = self.layer(x, &format!("{name}.conv1"), Layer { stride, ..layer });
        let y = self.layer(y, &format!("{name}.conv2"), unbent);
        let sum = self.g.add(y, detour);
        self.activate(sum, self.a.activation)
    }

    /// `UNetDecoder`: the finest result.
    fn decoder(&mut self, skips: &[NodeId]) -> NodeId {
        let deepest = skips.len() - 1;
        (0..deepest).fold(skips[deepest], |x, step| {
            let stage = deepest - 1 - step;
            let (outputs, stride) = (self.a.features[stage], self.a.strides[stage + 1]);
            let up = format!("decoder.transpconvs.{step}");
            let x = self.g.conv_transpose(x, &up, outputs, stride, self.a.bias);
            let x = self.g.concat(&[x, skips[stage]]);
            self.stack(x, &format!("decoder.stages.{step}"), stage, [1; 3], self.a.decoder_depth[step])
        })
    }
}
