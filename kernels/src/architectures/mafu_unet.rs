//! System B, stage 2: three vertebrae in a window.

use serde::{Deserialize, Serialize};

use super::blocks::{BATCH_RELU, check_levels, head, up_and_join};
use crate::graph::{Activation, Conv, Graph, GraphBuilder, NetworkError, NodeId};

/// 3-D U-Net whose skips pass a multi-scale attention unit (MAFU): three
/// parallel convolutions, of one voxel, of 3x3x3 and of 3x3x3 two apart, make
/// a gate, `out = in * sigmoid(gate) + in`.
///
/// The publication gives the unit and two convolutions a level; channels and
/// the four classes (background, vertebra above, centre, below) are the
/// standard choice.
///
/// Tensors: `enc.{level}.{0|1}.{conv|norm}`, `skip.{level}.{pointwise|local|
/// dilated}.{conv|norm}`, `skip.{level}.gate`, `up.{step}`,
/// `dec.{step}.{0|1}.{conv|norm}`, `head`. Output `logits`.
///
/// ```
/// let graph = kernels::architectures::MafuUnet::default().graph()?;
/// assert_eq!(graph.parameters(), 6_852_100);
/// # Ok::<(), kernels::NetworkError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MafuUnet {
    /// Channels of the image: the mask of stage 1, and the image if wanted.
    pub inputs: usize,
    /// Channels of the logits.
    pub classes: usize,
    /// Channels of each level, finest first; each level halves the grid.
    pub channels: Vec<usize>,
}

impl Default for MafuUnet {
    /// One mask in, four classes out, levels of 32, 64, 128, 256 channels.
    fn default() -> Self {
        Self { inputs: 1, classes: 4, channels: vec![32, 64, 128, 256] }
    }
}

impl MafuUnet {
    /// The network as data.
    ///
    /// # Errors
    /// [`NetworkError::Graph`] for settings that make no network.
    pub fn graph(&self) -> Result<Graph, NetworkError> {
        check_levels(self.channels.len())?;
        let block = BATCH_RELU.with_bias();
        let mut g = GraphBuilder::new();
        let mut x = g.input(self.inputs);
        let mut skips = Vec::new();
        let deepest = self.channels.len() - 1;
        for (level, &outputs) in self.channels.iter().enumerate() {
            x = block.pair(&mut g, x, &format!("enc.{level}"), Conv::new(outputs, [3; 3]));
            if level < deepest {
                skips.push((outputs, attention(&mut g, x, &format!("skip.{level}"), outputs)));
                x = g.max_pool(x, [2; 3], [2; 3], [0; 3]);
            }
        }
        for (step, (outputs, skip)) in skips.into_iter().rev().enumerate() {
            let joined = up_and_join(&mut g, x, &format!("up.{step}"), [outputs, 2], &[skip]);
            x = block.pair(&mut g, joined, &format!("dec.{step}"), Conv::new(outputs, [3; 3]));
        }
        let logits = head(&mut g, x, "head", self.classes);
        g.output("logits", logits);
        g.build()
    }
}

fn attention(g: &mut GraphBuilder, x: NodeId, name: &str, channels: usize) -> NodeId {
    let block = BATCH_RELU.with_bias().linear();
    let cube = Conv::new(channels, [3; 3]);
    let pointwise = block.write(g, x, &format!("{name}.pointwise"), Conv::new(channels, [1; 3]));
    let local = block.write(g, x, &format!("{name}.local"), cube);
    let dilated = block.write(g, x, &format!("{name}.dilated"), cube.dilation([2; 3]));
    let scales = g.concat(&[pointwise, local, dilated]);
    let scales = g.activate(scales, Activation::Relu);
    let gate = head(g, scales, &format!("{name}.gate"), channels);
    let gate = g.activate(gate, Activation::Sigmoid);
    let gated = g.multiply(x, gate);
    g.add(gated, x)
}
