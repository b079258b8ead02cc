//! System D, stage 2: the lumbar vertebrae one by one.

use serde::{Deserialize, Serialize};

use super::blocks::{BATCH_RELU, check_levels, head, named_heads, up_and_join};
use crate::graph::{Conv, Graph, GraphBuilder, NetworkError, NodeId};

/// XUNet-style network: two 3-D U-Nets in series that exchange features at
/// every scale, with heads at 1, 1/2 and 1/4 when asked.
///
/// The publication (J Appl Clin Med Phys 2023, 24(6):e13996) names a "3D
/// multi-scale XUNet" but its layers were not at hand: this is an
/// interpretation. Below the first level the second encoder also reads the
/// first decoder's maps; the second decoder joins the skips of both encoders.
///
/// Tensors: `{first|second}.enc.{level}.{0|1}.{conv|norm}`,
/// `{first|second}.up.{step}`, `{first|second}.dec.{step}.{0|1}.{conv|norm}`,
/// `head.{step}`; the last head is the finest. Outputs `logits`, and
/// `logits_2`, `logits_4` when asked.
///
/// ```
/// use kernels::architectures::Xunet3d;
///
/// let all = Xunet3d { multi_scale: true, ..Xunet3d::default() };
/// assert_eq!(all.graph()?.parameters(), 3_535_426);
/// # Ok::<(), kernels::NetworkError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Xunet3d {
    /// Channels of the image.
    pub inputs: usize,
    /// Channels of the logits.
    pub classes: usize,
    /// Channels of each level, finest first; at least two.
    pub channels: Vec<usize>,
    /// Whether the coarse heads are outputs too. Without it their tensors
    /// are not part of the network.
    pub multi_scale: bool,
}

impl Default for Xunet3d {
    /// One image in; background and L1 to L5 out; levels of 16, 32, 64, 128
    /// channels; one head.
    fn default() -> Self {
        Self { inputs: 1, classes: 6, channels: vec![16, 32, 64, 128], multi_scale: false }
    }
}

impl Xunet3d {
    /// The network as data.
    ///
    /// # Errors
    /// [`NetworkError::Graph`] for settings that make no network.
    pub fn graph(&self) -> Result<Graph, NetworkError> {
        check_levels(self.channels.len())?;
        let mut g = GraphBuilder::new();
        let image = g.input(self.inputs);
        let first_down = self.encode(&mut g, image, "first", None);
        let skips: Vec<Vec<NodeId>> = first_down.iter().map(|&node| vec![node]).collect();
        let first_up = self.decode(&mut g, "first", &skips);
        let second_down = self.encode(&mut g, first_up[0], "second", Some(&first_up));
        let skips: Vec<Vec<NodeId>> =
            second_down.iter().zip(&first_down).map(|(&near, &far)| vec![near, far]).collect();
        let second_up = self.decode(&mut g, "second", &skips);
        let steps = second_up.len().saturating_sub(1);
        let mut heads = Vec::new();
        for step in 0..steps {
            if self.multi_scale || step + 1 == steps {
                heads.push(head(&mut g, second_up[steps - 1 - step], &format!("head.{step}"), self.classes));
            }
        }
        named_heads(&mut g, &heads);
        g.build()
    }

    /// The encoder's maps, finest first. `joined` are maps to read as well,
    /// per level; the first is already `x`.
    fn encode(&self, g: &mut GraphBuilder, mut x: NodeId, pass: &str, joined: Option<&[NodeId]>) -> Vec<NodeId> {
        let mut maps = Vec::new();
        for (level, &outputs) in self.channels.iter().enumerate() {
            if level > 0 {
                x = g.max_pool(x, [2; 3], [2; 3], [0; 3]);
                if let Some(&other) = joined.and_then(|maps| maps.get(level)) {
                    x = g.concat(&[x, other]);
                }
            }
            x = BATCH_RELU.pair(g, x, &format!("{pass}.enc.{level}"), Conv::new(outputs, [3; 3]));
            maps.push(x);
        }
        maps
    }

    /// The decoder's maps, finest first; the deepest is the encoder's.
    fn decode(&self, g: &mut GraphBuilder, pass: &str, skips: &[Vec<NodeId>]) -> Vec<NodeId> {
        let mut x = skips[skips.len() - 1][0];
        let mut maps = vec![x];
        for (step, (&outputs, skip)) in self.channels.iter().zip(skips).rev().skip(1).enumerate() {
            let joined = up_and_join(g, x, &format!("{pass}.up.{step}"), [outputs, 2], skip);
            x = BATCH_RELU.pair(g, joined, &format!("{pass}.dec.{step}"), Conv::new(outputs, [3; 3]));
            maps.push(x);
        }
        maps.reverse();
        maps
    }
}
