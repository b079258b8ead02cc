//! System E, stage 1: vertebrae and femoral heads in a radiograph.

use serde::{Deserialize, Serialize};

use crate::graph::{Activation, Conv, Graph, GraphBuilder, NetworkError, NodeId, UpsampleKind};

/// Added to variances by YOLOv5's batch norms.
const NORM_EPS: f32 = 1e-3;

/// Boxes every cell of a head predicts.
const ANCHORS: usize = 3;

/// YOLOv5, size s (depth 0.33, width 0.50), as of its releases 6 and 7 (DOI
/// 10.5281/zenodo.3908559): CSP blocks, fast spatial pyramid pool, path
/// aggregation, three heads.
///
/// Tensors are named as in its checkpoints: `model.{layer}.{conv|bn}`,
/// `model.{layer}.cv{1|2|3}.{conv|bn}`, `model.{layer}.m.{i}.cv{1|2}.{conv|bn}`,
/// `model.24.m.{head}`; those of convolutions may lack the depth axis.
/// Outputs `p3`, `p4`, `p5`: raw predictions at 1/8, 1/16, 1/32 of the image,
/// three times `5 + classes` channels, for [`crate::detect`].
///
/// ```
/// let graph = kernels::architectures::Yolov5s::default().graph()?;
/// assert_eq!(graph.parameters(), 7_027_720);
/// # Ok::<(), kernels::NetworkError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Yolov5s {
    /// Channels of the image.
    pub inputs: usize,
    /// Classes to tell apart.
    pub classes: usize,
}

impl Default for Yolov5s {
    /// Three channels (grey three times); C2, femoral head, vertebra.
    fn default() -> Self {
        Self { inputs: 3, classes: 3 }
    }
}

impl Yolov5s {
    /// The network as data.
    ///
    /// # Errors
    /// [`NetworkError::Graph`] for settings that make no network.
    pub fn graph(&self) -> Result<Graph, NetworkError> {
        let mut g = GraphBuilder::new();
        let image = g.input(self.inputs);
        let [p3, p4, p5] = backbone(&mut g, image);
        let maps = neck(&mut g, p3, p4, p5);
        let outputs = ANCHORS * self.classes.saturating_add(5).min(1 << 20);
        for (head, (name, map)) in ["p3", "p4", "p5"].into_iter().zip(maps).enumerate() {
            let raw = g.conv(map, &format!("model.24.m.{head}"), Conv::new(outputs, [1; 3]));
            g.output(name, raw);
        }
        g.build()
    }
}

/// Layers 0 to 9; maps at 1/8, 1/16 and 1/32.
fn backbone(g: &mut GraphBuilder, image: NodeId) -> [NodeId; 3] {
    let stem = Conv { padding: [0, 2, 2], ..flat(32, 6).stride([1, 2, 2]) };
    let x = silu(g, image, "model.0", stem);
    let x = halve(g, x, "model.1", 64);
    let x = csp(g, x, "model.2", 64, 1, true);
    let x = halve(g, x, "model.3", 128);
    let p3 = csp(g, x, "model.4", 128, 2, true);
    let x = halve(g, p3, "model.5", 256);
    let p4 = csp(g, x, "model.6", 256, 3, true);
    let x = halve(g, p4, "model.7", 512);
    let x = csp(g, x, "model.8", 512, 1, true);
    [p3, p4, pyramid_pool(g, x, "model.9", 512)]
}

/// Layers 10 to 23: down from the coarse map and up again.
fn neck(g: &mut GraphBuilder, p3: NodeId, p4: NodeId, p5: NodeId) -> [NodeId; 3] {
    let top = silu(g, p5, "model.10", flat(256, 1));
    let x = refine_and_join(g, top, p4);
    let x = csp(g, x, "model.13", 256, 1, false);
    let middle = silu(g, x, "model.14", flat(128, 1));
    let x = refine_and_join(g, middle, p3);
    let fine = csp(g, x, "model.17", 128, 1, false);
    let x = halve(g, fine, "model.18", 128);
    let x = g.concat(&[x, middle]);
    let medium = csp(g, x, "model.20", 256, 1, false);
    let x = halve(g, medium, "model.21", 256);
    let x = g.concat(&[x, top]);
    let coarse = csp(g, x, "model.23", 512, 1, false);
    [fine, medium, coarse]
}

/// A square kernel in one slice.
fn flat(outputs: usize, kernel: usize) -> Conv {
    Conv::new(outputs, [1, kernel, kernel]).without_bias()
}

fn silu(g: &mut GraphBuilder, x: NodeId, name: &str, conv: Conv) -> NodeId {
    let x = g.conv(x, &format!("{name}.conv"), conv);
    let x = g.batch_norm(x, &format!("{name}.bn"), NORM_EPS);
    g.activate(x, Activation::Silu)
}

fn halve(g: &mut GraphBuilder, x: NodeId, name: &str, outputs: usize) -> NodeId {
    silu(g, x, name, flat(outputs, 3).stride([1, 2, 2]))
}

fn refine_and_join(g: &mut GraphBuilder, x: NodeId, finer: NodeId) -> NodeId {
    let x = g.upsample(x, [1, 2, 2], UpsampleKind::Nearest);
    g.concat(&[x, finer])
}

/// Cross-stage partial block (Wang et al. 2020, arXiv:1911.11929): half of
/// the channels run through bottlenecks, half pass by.
fn csp(g: &mut GraphBuilder, x: NodeId, name: &str, outputs: usize, count: usize, is_residual: bool) -> NodeId {
    let half = outputs / 2;
    let mut deep = silu(g, x, &format!("{name}.cv1"), flat(half, 1));
    for index in 0..count {
        let inner = silu(g, deep, &format!("{name}.m.{index}.cv1"), flat(half, 1));
        let inner = silu(g, inner, &format!("{name}.m.{index}.cv2"), flat(half, 3));
        deep = if is_residual { g.add(deep, inner) } else { inner };
    }
    let shallow = silu(g, x, &format!("{name}.cv2"), flat(half, 1));
    let joined = g.concat(&[deep, shallow]);
    silu(g, joined, &format!("{name}.cv3"), flat(outputs, 1))
}

/// Fast spatial pyramid pool: maxima over 5, 9 and 13 pixels.
fn pyramid_pool(g: &mut GraphBuilder, x: NodeId, name: &str, channels: usize) -> NodeId {
    let mut maps = vec![silu(g, x, &format!("{name}.cv1"), flat(channels / 2, 1))];
    for index in 0..3 {
        maps.push(g.max_pool(maps[index], [1, 5, 5], [1; 3], [0, 2, 2]));
    }
    let joined = g.concat(&maps);
    silu(g, joined, &format!("{name}.cv2"), flat(channels, 1))
}
