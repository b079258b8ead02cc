//! System C: spine, pelvis and femoral heads under gravity.

use serde::{Deserialize, Serialize};

use super::blocks::{INSTANCE_LEAKY, LEAKY, check_levels, head, named_heads, up_and_join};
use crate::graph::{Conv, Graph, GraphBuilder, NetworkError, NodeId};

/// 3-D U-Net with residual blocks (He et al. 2016, arXiv:1512.03385) and
/// deep supervision at every depth, for weight-bearing cone-beam CT (J Vis
/// Exp, article 67781).
///
/// Depth, residuals and four outputs are published; channels, instance norm
/// and strided convolutions are the standard choice.
///
/// Tensors: `enc.{level}.{first|second|shortcut}.{conv|norm}`, `up.{step}`,
/// `dec.{step}.{...}` likewise, `head.{depth}`; depth 0 is the coarsest.
/// Output `logits`; with deep supervision also `logits_2`, `logits_4`, ...
/// by the size of their voxels.
///
/// ```
/// use kernels::architectures::ResidualUnet;
///
/// let supervised = ResidualUnet { deep_supervision: true, ..ResidualUnet::default() };
/// assert_eq!(supervised.graph()?.parameters(), 5_690_480);
/// assert_eq!(supervised.graph()?.outputs().len(), 4);
/// # Ok::<(), kernels::NetworkError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResidualUnet {
    /// Channels of the image.
    pub inputs: usize,
    /// Channels of the logits.
    pub classes: usize,
    /// Channels of each level, finest first; each level halves the grid.
    pub channels: Vec<usize>,
    /// Whether the heads of the coarse levels are outputs too. Without it
    /// their tensors are not part of the network.
    pub deep_supervision: bool,
}

impl Default for ResidualUnet {
    /// One image in, four classes out, levels of 32, 64, 128, 256 channels,
    /// one head.
    fn default() -> Self {
        Self { inputs: 1, classes: 4, channels: vec![32, 64, 128, 256], deep_supervision: false }
    }
}

impl ResidualUnet {
    /// The network as data.
    ///
    /// # Errors
    /// [`NetworkError::Graph`] for settings that make no network.
    pub fn graph(&self) -> Result<Graph, NetworkError> {
        check_levels(self.channels.len())?;
        let mut g = GraphBuilder::new();
        let (mut x, mut inputs) = (g.input(self.inputs), self.inputs);
        let mut skips = Vec::new();
        for (level, &outputs) in self.channels.iter().enumerate() {
            let stride = if level == 0 { 1 } else { 2 };
            x = residual(&mut g, x, &format!("enc.{level}"), [inputs, outputs, stride]);
            inputs = outputs;
            skips.push((outputs, x));
        }
        skips.pop();
        let mut heads = Vec::new();
        let depths = skips.len();
        if self.deep_supervision || depths == 0 {
            heads.push(head(&mut g, x, "head.0", self.classes));
        }
        for (step, (outputs, skip)) in skips.into_iter().rev().enumerate() {
            let joined = up_and_join(&mut g, x, &format!("up.{step}"), [outputs, 2], &[skip]);
            x = residual(&mut g, joined, &format!("dec.{step}"), [outputs.saturating_mul(2), outputs, 1]);
            if self.deep_supervision || step + 1 == depths {
                heads.push(head(&mut g, x, &format!("head.{}", step + 1), self.classes));
            }
        }
        named_heads(&mut g, &heads);
        g.build()
    }
}

fn residual(g: &mut GraphBuilder, x: NodeId, name: &str, [inputs, outputs, stride]: [usize; 3]) -> NodeId {
    let cube = Conv::new(outputs, [3; 3]);
    let first = INSTANCE_LEAKY.write(g, x, &format!("{name}.first"), cube.stride([stride; 3]));
    let linear = INSTANCE_LEAKY.linear();
    let second = linear.write(g, first, &format!("{name}.second"), cube);
    let shortcut = if inputs == outputs && stride == 1 {
        x
    } else {
        linear.write(g, x, &format!("{name}.shortcut"), Conv::new(outputs, [1; 3]).stride([stride; 3]))
    };
    let sum = g.add(second, shortcut);
    g.activate(sum, LEAKY)
}
