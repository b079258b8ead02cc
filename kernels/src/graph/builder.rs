//! Writing a graph as a few lines of code.

use super::{Activation, Graph, NetworkError, Node, NodeId, Op, Output, PoolKind, UpsampleKind};

/// Settings of a convolution beside its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv {
    /// Output channels.
    pub outputs: usize,
    /// Kernel `[z, y, x]`.
    pub kernel: [usize; 3],
    /// Step between output voxels `[z, y, x]`.
    pub stride: [usize; 3],
    /// Zeros on each side `[z, y, x]`.
    pub padding: [usize; 3],
    /// Distance between taps `[z, y, x]`.
    pub dilation: [usize; 3],
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Whether the layer has a bias.
    pub bias: bool,
}

impl Conv {
    /// Stride and dilation 1, padding `kernel / 2`, one group, with bias.
    #[must_use]
    pub fn new(outputs: usize, kernel: [usize; 3]) -> Self {
        let padding = kernel.map(|k| k / 2);
        Self { outputs, kernel, stride: [1; 3], padding, dilation: [1; 3], groups: 1, bias: true }
    }

    /// Without a bias.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Self { bias: false, ..self }
    }

    /// With another stride.
    #[must_use]
    pub fn stride(self, stride: [usize; 3]) -> Self {
        Self { stride, ..self }
    }

    /// With taps further apart, and padding that keeps the size.
    #[must_use]
    pub fn dilation(self, dilation: [usize; 3]) -> Self {
        let padding = [0, 1, 2].map(|axis| self.kernel[axis] / 2 * dilation[axis]);
        Self { dilation, padding, ..self }
    }
}

/// Collects nodes; mistakes are reported by [`GraphBuilder::build`].
#[derive(Debug, Clone, Default)]
pub struct GraphBuilder {
    nodes: Vec<Node>,
    outputs: Vec<Output>,
}

impl GraphBuilder {
    /// No nodes yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Any operation.
    pub fn push(&mut self, op: Op, inputs: &[NodeId]) -> NodeId {
        self.nodes.push(Node { op, inputs: inputs.to_vec() });
        NodeId(self.nodes.len() - 1)
    }

    /// The image the network is fed, with its channels.
    pub fn input(&mut self, channels: usize) -> NodeId {
        self.push(Op::Input { channels }, &[])
    }

    /// Convolution; tensors `name.weight` and, with a bias, `name.bias`.
    pub fn conv(&mut self, x: NodeId, name: &str, conv: Conv) -> NodeId {
        let Conv { outputs, kernel, stride, padding, dilation, groups, bias } = conv;
        let weights = name.to_owned();
        self.push(Op::Conv { weights, outputs, kernel, stride, padding, dilation, groups, bias }, &[x])
    }

    /// Transposed convolution whose stride is its kernel.
    pub fn conv_transpose(&mut self, x: NodeId, name: &str, outputs: usize, kernel: [usize; 3], bias: bool) -> NodeId {
        self.push(Op::ConvTranspose { weights: name.to_owned(), outputs, kernel, bias }, &[x])
    }

    /// Batch norm with running statistics.
    pub fn batch_norm(&mut self, x: NodeId, name: &str, eps: f32) -> NodeId {
        self.push(Op::BatchNorm { weights: name.to_owned(), eps }, &[x])
    }

    /// Instance norm with trained scale and shift.
    pub fn instance_norm(&mut self, x: NodeId, name: &str, eps: f32) -> NodeId {
        self.push(Op::InstanceNorm { weights: name.to_owned(), eps }, &[x])
    }

    /// A point-wise function.
    pub fn activate(&mut self, x: NodeId, activation: Activation) -> NodeId {
        self.push(Op::Activate { activation }, &[x])
    }

    /// Largest value of each window.
    pub fn max_pool(&mut self, x: NodeId, kernel: [usize; 3], stride: [usize; 3], padding: [usize; 3]) -> NodeId {
        self.push(Op::Pool { kind: PoolKind::Max, kernel, stride, padding }, &[x])
    }

    /// Mean of each window; windows do not overlap the border.
    pub fn avg_pool(&mut self, x: NodeId, kernel: [usize; 3], stride: [usize; 3]) -> NodeId {
        self.push(Op::Pool { kind: PoolKind::Average, kernel, stride, padding: [0; 3] }, &[x])
    }

    /// The channels of all inputs, one after another.
    pub fn concat(&mut self, inputs: &[NodeId]) -> NodeId {
        self.push(Op::Concat, inputs)
    }

    /// Sum.
    pub fn add(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.push(Op::Add, &[a, b])
    }

    /// Product.
    pub fn multiply(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.push(Op::Multiply, &[a, b])
    }

    /// A finer grid.
    pub fn upsample(&mut self, x: NodeId, factor: [usize; 3], kind: UpsampleKind) -> NodeId {
        self.push(Op::Upsample { factor, kind }, &[x])
    }

    /// Zeros around the grid.
    pub fn pad(&mut self, x: NodeId, before: [usize; 3], after: [usize; 3]) -> NodeId {
        self.push(Op::Pad { before, after }, &[x])
    }

    /// Logits to probabilities; only before an output.
    pub fn softmax(&mut self, x: NodeId) -> NodeId {
        self.push(Op::Softmax, &[x])
    }

    /// Names a result.
    pub fn output(&mut self, name: &str, x: NodeId) {
        self.outputs.push(Output { name: name.to_owned(), node: x });
    }

    /// Checks everything.
    ///
    /// # Errors
    /// As [`Graph::new`].
    pub fn build(self) -> Result<Graph, NetworkError> {
        Graph::new(self.nodes, self.outputs)
    }
}
