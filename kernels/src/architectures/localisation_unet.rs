//! System D, stage 1: where the lumbar spine is.

use serde::{Deserialize, Serialize};

use super::blocks::{BATCH_RELU, check_levels, head, up_and_join};
use crate::graph::{Conv, Graph, GraphBuilder, NetworkError};

/// 3-D U-Net that gives a heat map of the lumbar spine on a coarse grid
/// (J Appl Clin Med Phys 2023, 24(6):e13996).
///
/// The publication shows a U-Net and its heat map, but no layers; those here
/// are the standard ones: two 3x3x3 convolutions with batch norm a level,
/// maximum pools down, transposed convolutions up.
///
/// Tensors: `enc.{level}.{0|1}.{conv|norm}`, `up.{step}`,
/// `dec.{step}.{0|1}.{conv|norm}`, `head`. Output `heat_map`, not rectified.
///
/// ```
/// let graph = kernels::architectures::LocalisationUnet::default().graph()?;
/// assert_eq!(graph.parameters(), 1_401_265);
/// # Ok::<(), kernels::NetworkError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LocalisationUnet {
    /// Channels of the image.
    pub inputs: usize,
    /// Heat maps.
    pub outputs: usize,
    /// Channels of each level, finest first; each level halves the grid.
    pub channels: Vec<usize>,
}

impl Default for LocalisationUnet {
    /// One image in, one heat map out, levels of 16, 32, 64, 128 channels.
    fn default() -> Self {
        Self { inputs: 1, outputs: 1, channels: vec![16, 32, 64, 128] }
    }
}

impl LocalisationUnet {
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
                x = g.max_pool(x, [2; 3], [2; 3], [0; 3]);
            }
            x = BATCH_RELU.pair(&mut g, x, &format!("enc.{level}"), Conv::new(outputs, [3; 3]));
            skips.push((outputs, x));
        }
        skips.pop();
        for (step, (outputs, skip)) in skips.into_iter().rev().enumerate() {
            let joined = up_and_join(&mut g, x, &format!("up.{step}"), [outputs, 2], &[skip]);
            x = BATCH_RELU.pair(&mut g, joined, &format!("dec.{step}"), Conv::new(outputs, [3; 3]));
        }
        let heat_map = head(&mut g, x, "head", self.outputs);
        g.output("heat_map", heat_map);
        g.build()
    }
}
