//! Small random networks of all operations, to find fusions that change the
//! result.

use kernels::graph::{Activation, Conv, Graph, GraphBuilder, NodeId, Op, UpsampleKind};

/// A seeded stream of small numbers (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end
    }

    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// A node and the size of its result.
#[derive(Debug, Clone, Copy)]
struct Live {
    id: NodeId,
    channels: usize,
    dims: [usize; 3],
}

impl Live {
    fn voxels(&self) -> usize {
        self.dims.iter().product()
    }
}

/// Most voxels and channels of any node; keeps the reference fast.
const MOST_VOXELS: usize = 1500;
const MOST_CHANNELS: usize = 48;

struct Writer {
    g: GraphBuilder,
    random: Random,
    nodes: Vec<Live>,
    layers: usize,
}

/// A graph and the shape `[channels, z, y, x]` it runs on.
pub fn random_graph(seed: u64) -> (Graph, [usize; 4]) {
    let mut random = Random(seed);
    let channels = random.pick(&[1, 1, 2, 3, 16, 17]);
    let dims = [0, 1, 2].map(|_| 1 + random.below(9));
    let mut g = GraphBuilder::new();
    let id = g.input(channels);
    let mut writer = Writer { g, random, nodes: vec![Live { id, channels, dims }], layers: 0 };
    let steps = 2 + writer.random.below(12);
    let mut written = 0;
    for _ in 0..steps * 20 {
        if written == steps {
            break;
        }
        written += usize::from(writer.step());
    }
    if writer.nodes.len() == 1 {
        writer.conv(); // an output must not be the input itself
    }
    writer.outputs();
    let graph = writer.g.build().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    (graph, [channels, dims[0], dims[1], dims[2]])
}

impl Writer {
    /// Mostly the last node, so that chains grow; sometimes any.
    fn source(&mut self) -> Live {
        if self.random.chance(65) { self.nodes[self.nodes.len() - 1] } else { self.random.pick(&self.nodes.clone()) }
    }

    fn name(&mut self) -> String {
        self.layers += 1;
        format!("layer{}", self.layers)
    }

    fn keep(&mut self, id: NodeId, channels: usize, dims: [usize; 3]) -> bool {
        self.nodes.push(Live { id, channels, dims });
        true
    }

    /// Writes an operation that fits; false when the one drawn does not.
    fn step(&mut self) -> bool {
        match self.random.below(16) {
            0..=3 => self.conv(),
            4 => self.conv_transpose(),
            5 => self.pool(),
            6 | 7 => self.norm(),
            8 | 9 => self.activate(),
            10 | 11 => self.join(),
            12 => self.combine(),
            13 => self.gate(),
            14 => self.upsample(),
            _ => self.pad(),
        }
    }

    fn conv(&mut self) -> bool {
        let x = self.source();
        let kernel = match self.random.below(6) {
            0 | 1 => [3; 3],
            2 | 3 => [1; 3],
            4 => [1, 3, 3],
            _ => [0, 1, 2].map(|_| 1 + self.random.below(4)),
        };
        let stride = if self.random.chance(25) { [0, 1, 2].map(|_| 1 + self.random.below(2)) } else { [1; 3] };
        let outputs = self.random.pick(&[1, 2, 4, 5, 16, 16, 17, 24, 32, 33]);
        let mut conv = Conv::new(outputs, kernel).stride(stride);
        if self.random.chance(15) {
            conv = conv.dilation([0, 1, 2].map(|_| 1 + self.random.below(2)));
        }
        if self.random.chance(15) {
            conv.padding = kernel.map(|k| self.random.below(k));
        }
        if self.random.chance(15) && outputs.is_multiple_of(x.channels) {
            conv.groups = x.channels;
        }
        conv.bias = self.random.chance(60);
        let mut dims = [0; 3];
        for axis in 0..3 {
            let extent = conv.dilation[axis] * (kernel[axis] - 1) + 1;
            let Some(rest) = (x.dims[axis] + 2 * conv.padding[axis]).checked_sub(extent) else { return false };
            dims[axis] = rest / stride[axis] + 1;
        }
        if dims.iter().product::<usize>() > MOST_VOXELS {
            return false;
        }
        let name = self.name();
        let id = self.g.conv(x.id, &name, conv);
        self.keep(id, outputs, dims)
    }

    fn conv_transpose(&mut self) -> bool {
        let x = self.source();
        let kernel = self.random.pick(&[[2; 3], [1, 2, 2], [3, 1, 2]]);
        let dims = [0, 1, 2].map(|axis| x.dims[axis] * kernel[axis]);
        if dims.iter().product::<usize>() > MOST_VOXELS {
            return false;
        }
        let (outputs, bias) = (self.random.pick(&[1, 3, 16, 20]), self.random.chance(70));
        let name = self.name();
        let id = self.g.conv_transpose(x.id, &name, outputs, kernel, bias);
        self.keep(id, outputs, dims)
    }

    fn pool(&mut self) -> bool {
        let x = self.source();
        let (kernel, stride, padding) = self.random.pick(&[
            ([2; 3], [2; 3], [0; 3]),
            ([1, 2, 2], [1, 2, 2], [0; 3]),
            ([1, 5, 5], [1; 3], [0, 2, 2]),
            ([3; 3], [2; 3], [1; 3]),
            ([2, 1, 3], [1, 1, 2], [0; 3]),
        ]);
        let mut dims = [0; 3];
        for axis in 0..3 {
            let Some(rest) = (x.dims[axis] + 2 * padding[axis]).checked_sub(kernel[axis]) else { return false };
            dims[axis] = rest / stride[axis] + 1;
        }
        let id = if padding == [0; 3] && self.random.chance(50) {
            self.g.avg_pool(x.id, kernel, stride)
        } else {
            self.g.max_pool(x.id, kernel, stride, padding)
        };
        self.keep(id, x.channels, dims)
    }

    fn norm(&mut self) -> bool {
        let x = self.source();
        let name = self.name();
        // Few voxels have variances near zero, which would magnify rounding.
        let id = if x.voxels() >= 24 && self.random.chance(60) {
            self.g.instance_norm(x.id, &name, 1e-3)
        } else {
            self.g.batch_norm(x.id, &name, 1e-5)
        };
        self.keep(id, x.channels, x.dims)
    }

    fn activate(&mut self) -> bool {
        let x = self.source();
        let activation = self.random.pick(&[
            Activation::Relu,
            Activation::Relu,
            Activation::LeakyRelu { slope: 0.01 },
            Activation::LeakyRelu { slope: 0.3 },
            Activation::Silu,
            Activation::Sigmoid,
            Activation::Identity,
        ]);
        let id = self.g.activate(x.id, activation);
        self.keep(id, x.channels, x.dims)
    }

    fn join(&mut self) -> bool {
        let first = self.source();
        let fits: Vec<Live> = self.nodes.iter().filter(|node| node.dims == first.dims).copied().collect();
        let mut parts = vec![first];
        for _ in 0..1 + self.random.below(2) {
            parts.push(self.random.pick(&fits));
        }
        let channels = parts.iter().map(|part| part.channels).sum();
        if channels > MOST_CHANNELS {
            return false;
        }
        let ids: Vec<NodeId> = parts.iter().map(|part| part.id).collect();
        let id = self.g.concat(&ids);
        self.keep(id, channels, first.dims)
    }

    fn partner(&mut self, first: Live) -> Live {
        let fits: Vec<Live> = self
            .nodes
            .iter()
            .filter(|node| node.dims == first.dims && node.channels == first.channels)
            .copied()
            .collect();
        self.random.pick(&fits)
    }

    fn combine(&mut self) -> bool {
        let first = self.source();
        let second = self.partner(first);
        let op = if self.random.chance(60) { Op::Add } else { Op::Multiply };
        let id = self.g.push(op, &[first.id, second.id]);
        self.keep(id, first.channels, first.dims)
    }

    /// `a * gate + a` in all orders, and near misses of it.
    fn gate(&mut self) -> bool {
        let first = self.source();
        let gate = self.partner(first);
        let gate_id = if self.random.chance(60) { self.g.activate(gate.id, Activation::Sigmoid) } else { gate.id };
        let product = if self.random.chance(50) {
            self.g.multiply(first.id, gate_id)
        } else {
            self.g.multiply(gate_id, first.id)
        };
        let other = if self.random.chance(80) { first } else { self.partner(first) };
        let id = if self.random.chance(50) { self.g.add(product, other.id) } else { self.g.add(other.id, product) };
        if self.random.chance(20) {
            self.keep(product, first.channels, first.dims);
        }
        self.keep(id, first.channels, first.dims)
    }

    fn upsample(&mut self) -> bool {
        let x = self.source();
        let factor = self.random.pick(&[[2; 3], [1, 2, 2], [1, 3, 2]]);
        let dims = [0, 1, 2].map(|axis| x.dims[axis] * factor[axis]);
        if dims.iter().product::<usize>() > MOST_VOXELS {
            return false;
        }
        let kind = self.random.pick(&[UpsampleKind::Nearest, UpsampleKind::Linear]);
        let id = self.g.upsample(x.id, factor, kind);
        self.keep(id, x.channels, dims)
    }

    fn pad(&mut self) -> bool {
        let x = self.source();
        let (before, after) = ([0, 1, 2].map(|_| self.random.below(2)), [0, 1, 2].map(|_| self.random.below(3)));
        let dims = [0, 1, 2].map(|axis| before[axis] + x.dims[axis] + after[axis]);
        if dims.iter().product::<usize>() > MOST_VOXELS {
            return false;
        }
        let id = self.g.pad(x.id, before, after);
        self.keep(id, x.channels, dims)
    }

    /// The last node, and up to two others; some with softmax.
    fn outputs(&mut self) {
        let last = self.nodes.len() - 1;
        let mut chosen = vec![self.nodes[last]];
        for _ in 0..self.random.below(3) {
            chosen.push(self.nodes[1 + self.random.below(last)]);
        }
        for (index, node) in chosen.into_iter().enumerate() {
            let mut id = node.id;
            if self.random.chance(20) {
                id = self.g.softmax(id);
            }
            self.g.output(&format!("output{index}"), id);
        }
    }
}
