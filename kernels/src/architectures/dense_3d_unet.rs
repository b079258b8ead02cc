//! System A: the spine on CT, with dense blocks.

use serde::{Deserialize, Serialize};

use super::blocks::{NORM_EPS, check_layers, check_levels, head, refusal, up_and_join};
use crate::graph::{Activation, Conv, Graph, GraphBuilder, NetworkError, NodeId};

/// Channels a dense layer may add; keeps the running sums small.
const MAX_CHANNELS: usize = 4096;

/// Dense-3D U-Net: a U-Net whose levels are dense blocks (Huang et al. 2017,
/// arXiv:1608.06993). Every layer is norm, rectifier, 3x3x3 convolution, and
/// sees all earlier maps of its block.
///
/// The thesis gives dense blocks in encoder and decoder, transition layers
/// with average pools, skips and one output; the sizes are the standard
/// choice.
///
/// Tensors: `stem`, `enc.{level}.{layer}.{norm|conv}`,
/// `down.{level}.{norm|conv}`, `bottleneck.{layer}.{norm|conv}`, `up.{step}`,
/// `dec.{step}.{layer}.{norm|conv}`, `merge.{step}.{norm|conv}`, `head`.
/// Output `logits`.
///
/// ```
/// let graph = kernels::architectures::Dense3dUnet::default().graph()?;
/// assert_eq!(graph.parameters(), 2_055_711);
/// # Ok::<(), kernels::NetworkError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dense3dUnet {
    /// Channels of the image.
    pub inputs: usize,
    /// Channels of the logits.
    pub classes: usize,
    /// Channels of the first convolution.
    pub stem: usize,
    /// Channels every dense layer adds.
    pub growth: usize,
    /// Dense layers of each level, finest first; each level halves the grid.
    pub layers: Vec<usize>,
    /// Dense layers between encoder and decoder.
    pub bottleneck: usize,
    /// Part of the channels a transition down keeps, in `(0, 1]`.
    pub compression: f64,
}

impl Default for Dense3dUnet {
    /// One image in, one mask out; stem 32, growth 16, four levels of four
    /// layers, four more at the bottom, half of the channels kept.
    fn default() -> Self {
        Self { inputs: 1, classes: 1, stem: 32, growth: 16, layers: vec![4; 4], bottleneck: 4, compression: 0.5 }
    }
}

impl Dense3dUnet {
    /// The network as data.
    ///
    /// # Errors
    /// [`NetworkError::Graph`] for settings that make no network.
    pub fn graph(&self) -> Result<Graph, NetworkError> {
        self.check()?;
        let mut g = GraphBuilder::new();
        let image = g.input(self.inputs);
        let mut x = g.conv(image, "stem", Conv::new(self.stem, [3; 3]).without_bias());
        let mut channels = self.stem;
        let mut skips = Vec::new();
        for (level, &layers) in self.layers.iter().enumerate() {
            x = self.dense(&mut g, x, &format!("enc.{level}"), layers);
            channels += layers * self.growth;
            skips.push((layers, channels, x));
            // Truncates as the reference does.
            channels = (channels as f64 * self.compression) as usize;
            x = transition(&mut g, x, &format!("down.{level}"), channels);
            x = g.avg_pool(x, [2; 3], [2; 3]);
        }
        x = self.dense(&mut g, x, "bottleneck", self.bottleneck);
        channels += self.bottleneck * self.growth;
        for (step, (layers, skip_channels, skip)) in skips.into_iter().rev().enumerate() {
            x = up_and_join(&mut g, x, &format!("up.{step}"), [channels / 2, 2], &[skip]);
            x = self.dense(&mut g, x, &format!("dec.{step}"), layers);
            channels = skip_channels / 2;
            x = transition(&mut g, x, &format!("merge.{step}"), channels);
        }
        let logits = head(&mut g, x, "head", self.classes);
        g.output("logits", logits);
        g.build()
    }

    fn check(&self) -> Result<(), NetworkError> {
        check_levels(self.layers.len())?;
        check_layers("dense layers", self.layers.iter().chain([&self.bottleneck]))?;
        for (what, value) in [("stem", self.stem), ("growth", self.growth)] {
            if value == 0 || value > MAX_CHANNELS {
                return Err(refusal(format!("{what} = {value}, 1 to {MAX_CHANNELS} are supported")));
            }
        }
        if !(self.compression > 0.0 && self.compression <= 1.0) {
            return Err(refusal(format!("compression = {}, must be above 0 and at most 1", self.compression)));
        }
        Ok(())
    }

    fn dense(&self, g: &mut GraphBuilder, mut x: NodeId, name: &str, layers: usize) -> NodeId {
        for layer in 0..layers {
            let name = format!("{name}.{layer}");
            let conv = Conv::new(self.growth, [3; 3]).without_bias();
            let added = preactivated(g, x, &name, conv);
            x = g.concat(&[x, added]);
        }
        x
    }
}

fn transition(g: &mut GraphBuilder, x: NodeId, name: &str, outputs: usize) -> NodeId {
    preactivated(g, x, name, Conv::new(outputs, [1; 3]).without_bias())
}

/// Norm and rectifier before the convolution.
fn preactivated(g: &mut GraphBuilder, x: NodeId, name: &str, conv: Conv) -> NodeId {
    let normal = g.batch_norm(x, &format!("{name}.norm"), NORM_EPS);
    let rectified = g.activate(normal, Activation::Relu);
    g.conv(rectified, &format!("{name}.conv"), conv)
}
