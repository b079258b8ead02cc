//! A network as data: operations and who feeds whom.
//!
//! A [`Graph`] says nothing about the size of the image or the device; it is
//! checked completely when it is built or read, so that a graph that exists
//! has channels that fit everywhere. [`crate::program`] turns it, with its
//! weights, into steps a device runs. Model cards store graphs as JSON.

mod builder;
mod check;
mod error;
mod op;

use serde::{Deserialize, Serialize};

pub use builder::{Conv, GraphBuilder};
pub use error::NetworkError;
pub use op::{Activation, Op, PoolKind, UpsampleKind};

/// Index of a node in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub usize);

/// An operation and the nodes it reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// What it reads: earlier nodes.
    #[serde(default)]
    pub inputs: Vec<NodeId>,
}

/// A result of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Its name, such as `logits`.
    pub name: String,
    /// Which node's result it is.
    pub node: NodeId,
}

/// A network without its weights. See the module page.
///
/// ```
/// use kernels::graph::{Activation, Conv, GraphBuilder};
///
/// let mut g = GraphBuilder::new();
/// let image = g.input(1);
/// let x = g.conv(image, "first", Conv::new(16, [3; 3]));
/// let x = g.activate(x, Activation::Relu);
/// g.output("features", x);
/// let graph = g.build()?;
/// assert_eq!(graph.channels(graph.outputs()[0].node), 16);
/// assert!(g_reads_back(&graph));
/// # fn g_reads_back(graph: &kernels::graph::Graph) -> bool {
/// #     let text = serde_json::to_string(graph).unwrap();
/// #     serde_json::from_str::<kernels::graph::Graph>(&text).unwrap() == *graph
/// # }
/// # Ok::<(), kernels::NetworkError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "GraphFile", into = "GraphFile")]
pub struct Graph {
    nodes: Vec<Node>,
    outputs: Vec<Output>,
    channels: Vec<usize>,
}

/// The form in which a graph is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GraphFile {
    nodes: Vec<Node>,
    outputs: Vec<Output>,
}

impl TryFrom<GraphFile> for Graph {
    type Error = NetworkError;

    fn try_from(file: GraphFile) -> Result<Self, NetworkError> {
        Self::new(file.nodes, file.outputs)
    }
}

impl From<Graph> for GraphFile {
    fn from(graph: Graph) -> Self {
        Self { nodes: graph.nodes, outputs: graph.outputs }
    }
}

impl Graph {
    /// Checks and takes over a list of nodes, each reading earlier ones.
    ///
    /// # Errors
    /// [`NetworkError::Graph`] naming the node: channels that do not fit,
    /// sizes out of range, no or several inputs, no output.
    pub fn new(nodes: Vec<Node>, outputs: Vec<Output>) -> Result<Self, NetworkError> {
        let channels = check::channels(&nodes, &outputs)?;
        Ok(Self { nodes, outputs, channels })
    }

    /// The same network with a softmax before every output.
    ///
    /// # Errors
    /// As [`Graph::new`]; a network that has a softmax already is refused.
    pub fn with_softmax(mut self) -> Result<Self, NetworkError> {
        for output in &mut self.outputs {
            self.nodes.push(Node { op: Op::Softmax, inputs: vec![output.node] });
            output.node = NodeId(self.nodes.len() - 1);
        }
        Self::new(self.nodes, self.outputs)
    }

    /// All nodes; a node reads only earlier ones.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The results.
    #[must_use]
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// Channels of a node's result; 0 for a node of another graph.
    #[must_use]
    pub fn channels(&self, node: NodeId) -> usize {
        self.channels.get(node.0).copied().unwrap_or(0)
    }

    /// Name and shape of every tensor the network needs, in order of use.
    #[must_use]
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        self.nodes.iter().flat_map(|node| self.node_tensors(node)).collect()
    }

    /// Trained numbers in the network.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        let sizes = self.tensors().into_iter().filter(|(name, _)| !name.contains(".running_"));
        sizes.map(|(_, shape)| shape.iter().map(|&n| n as u64).product::<u64>()).sum()
    }

    fn node_tensors(&self, node: &Node) -> Vec<(String, Vec<usize>)> {
        let inputs = node.inputs.first().map_or(0, |&id| self.channels(id));
        let mut tensors = Vec::new();
        let mut push = |name: &str, kind: &str, shape: Vec<usize>| tensors.push((format!("{name}.{kind}"), shape));
        match &node.op {
            Op::Conv { weights, outputs, kernel: [z, y, x], groups, bias, .. } => {
                push(weights, "weight", vec![*outputs, inputs / groups.max(&1), *z, *y, *x]);
                if *bias {
                    push(weights, "bias", vec![*outputs]);
                }
            }
            Op::ConvTranspose { weights, outputs, kernel: [z, y, x], bias } => {
                push(weights, "weight", vec![inputs, *outputs, *z, *y, *x]);
                if *bias {
                    push(weights, "bias", vec![*outputs]);
                }
            }
            Op::BatchNorm { weights, .. } => {
                for kind in ["weight", "bias", "running_mean", "running_var"] {
                    push(weights, kind, vec![inputs]);
                }
            }
            Op::InstanceNorm { weights, .. } => {
                for kind in ["weight", "bias"] {
                    push(weights, kind, vec![inputs]);
                }
            }
            _ => {}
        }
        tensors
    }
}
