//! System E, stage 2: the contour of a vertebra in a radiograph.

use serde::{Deserialize, Serialize};

use super::blocks::{BATCH_RELU, check_levels, head, up_and_join};
use crate::graph::{Conv, Graph, GraphBuilder, NetworkError};

/// The classic U-Net (Ronneberger et al. 2015, DOI
/// 10.1007/978-3-319-24574-4_28) with padding and batch norm, on one slice.
///
/// Tensors: `enc.{level}.{0|1}.{conv|norm}`, `up.{step}`,
/// `dec.{step}.{0|1}.{conv|norm}`, `head`; those of convolutions may lack the
/// depth axis. Output `logits`.
///
/// ```
/// let graph = kernels::architectures::Unet2d::default().graph()?;
/// assert_eq!(graph.parameters(), 31_036_481);
/// # Ok::<(), kernels::NetworkError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Unet2d {
    /// Channels of the image.
    pub inputs: usize,
    /// Channels of the logits; one is a mask.
    pub classes: usize,
    /// Channels of each level, finest first; each level halves the grid.
    pub channels: Vec<usize>,
}

impl Default for Unet2d {
    /// One image in, one mask out, levels of 64 to 1024 channels.
    fn default() -> Self {
        Self { inputs: 1, classes: 1, channels: vec![64, 128, 256, 512, 1024] }
    }
}

impl Unet2d {
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
            if level > 0 {
                x = g.max_pool(x, [1, 2, 2], [1, 2, 2], [0; 3]);
            }
            x = BATCH_RELU.pair(&mut g, x, &format!("enc.{level}"), Conv::new(outputs, [1, 3, 3]));
            skips.push((outputs, x));
        }
        skips.pop();
        for (step, (outputs, skip)) in skips.into_iter().rev().enumerate() {
            let joined = up_and_join(&mut g, x, &format!("up.{step}"), [outputs, 1], &[skip]);
            x = BATCH_RELU.pair(&mut g, joined, &format!("dec.{step}"), Conv::new(outputs, [1, 3, 3]));
        }
        let logits = head(&mut g, x, "head", self.classes);
        g.output("logits", logits);
        g.build()
    }
}
