//! SpineNav's own compact U-Net.

use serde::{Deserialize, Serialize};

use super::blocks::{INSTANCE_LEAKY, check_levels, head, up_and_join};
use crate::graph::{Conv, Graph, GraphBuilder, NetworkError};

/// A small 3-D U-Net (Cicek et al. 2016, DOI 10.1007/978-3-319-46723-8_49)
/// with strided convolutions down, and instance norm with leaky rectifier
/// after every 3x3x3 convolution, as nnU-Net does (Isensee et al. 2021, DOI
/// 10.1038/s41592-020-01008-z).
///
/// Tensors: `enc.{level}.{0|1}.{conv|norm}`, `up.{step}`,
/// `dec.{step}.{0|1}.{conv|norm}`, `head`; level 0 is the finest, step 0 the
/// deepest. Output `logits`.
///
/// ```
/// let graph = kernels::architectures::CompactUnet::default().graph()?;
/// assert_eq!(graph.parameters(), 1_401_299);
/// # Ok::<(), kernels::NetworkError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompactUnet {
    /// Channels of the image.
    pub inputs: usize,
    /// Channels of the logits.
    pub classes: usize,
    /// Channels of each level, finest first; each level halves the grid.
    pub channels: Vec<usize>,
}

impl Default for CompactUnet {
    /// One image in, three classes out, levels of 16, 32, 64, 128 channels.
    fn default() -> Self {
        Self { inputs: 1, classes: 3, channels: vec![16, 32, 64, 128] }
    }
}

impl CompactUnet {
    /// The network as data.
    ///
    /// # Errors
    /// [`NetworkError::Graph`] for settings that make no network.
    pub fn graph(&self) -> Result<Graph, NetworkError> {
        check_levels(self.channels.len())?;
        let mut g = GraphBuilder::new();
        let mut x = g.input(self.inputs);
        let mut skips = Vec::new();
        for (level, &outputs) in self.channels.iter().enumerate() {
            let stride = if level == 0 { 1 } else { 2 };
            let conv = Conv::new(outputs, [3; 3]).stride([stride; 3]);
            x = INSTANCE_LEAKY.pair(&mut g, x, &format!("enc.{level}"), conv);
            skips.push((outputs, x));
        }
        skips.pop();
        for (step, (outputs, skip)) in skips.into_iter().rev().enumerate() {
            let joined = up_and_join(&mut g, x, &format!("up.{step}"), [outputs, 2], &[skip]);
            x = INSTANCE_LEAKY.pair(&mut g, joined, &format!("dec.{step}"), Conv::new(outputs, [3; 3]));
        }
        let logits = head(&mut g, x, "head", self.classes);
        g.output("logits", logits);
        g.build()
    }
}
