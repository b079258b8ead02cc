//! What a graph means: every node by loops too simple to be wrong, in f64.
//!
//! Nothing is fused, nothing is reused. Slow: for small channel numbers only.

use kernels::Weights;
use kernels::graph::{Activation, Graph, Node, Op, PoolKind, UpsampleKind};

/// Values `[channels][z][y][x]`.
#[derive(Debug, Clone)]
pub struct Grid {
    pub channels: usize,
    pub dims: [usize; 3],
    pub values: Vec<f64>,
}

impl Grid {
    /// The value `f(channel, [z, y, x])` everywhere.
    pub fn from_fn(channels: usize, dims: [usize; 3], f: impl Fn(usize, [usize; 3]) -> f64) -> Self {
        let mut values = Vec::with_capacity(channels * dims.iter().product::<usize>());
        for c in 0..channels {
            for z in 0..dims[0] {
                for y in 0..dims[1] {
                    for x in 0..dims[2] {
                        values.push(f(c, [z, y, x]));
                    }
                }
            }
        }
        Self { channels, dims, values }
    }

    pub fn at(&self, channel: usize, [z, y, x]: [usize; 3]) -> f64 {
        let [depth, height, width] = self.dims;
        assert!(channel < self.channels && z < depth && y < height && x < width);
        self.values[((channel * depth + z) * height + y) * width + x]
    }

    /// The value at a signed place; `None` outside.
    fn get(&self, channel: usize, place: [isize; 3]) -> Option<f64> {
        let is_inside = (0..3).all(|axis| place[axis] >= 0 && (place[axis] as usize) < self.dims[axis]);
        is_inside.then(|| self.at(channel, place.map(|p| p as usize)))
    }

    fn map(&self, f: impl Fn(usize, f64) -> f64) -> Self {
        Self::from_fn(self.channels, self.dims, |c, place| f(c, self.at(c, place)))
    }
}

/// All outputs of `graph`, in order.
pub fn run(graph: &Graph, weights: &Weights, input: &Grid) -> Vec<Grid> {
    let mut results: Vec<Grid> = Vec::new();
    for node in graph.nodes() {
        let result = node_result(node, weights, input, &results);
        results.push(result);
    }
    graph.outputs().iter().map(|output| results[output.node.0].clone()).collect()
}

fn node_result(node: &Node, weights: &Weights, image: &Grid, results: &[Grid]) -> Grid {
    let inputs: Vec<&Grid> = node.inputs.iter().map(|id| &results[id.0]).collect();
    match &node.op {
        Op::Input { .. } => image.clone(),
        Op::Conv { .. } => conv(inputs[0], weights, &node.op),
        Op::ConvTranspose { weights: name, outputs, kernel, bias } => {
            conv_transpose(inputs[0], &layer(weights, name, *bias), *outputs, *kernel)
        }
        Op::Pool { kind, kernel, stride, padding } => pool(inputs[0], *kind, *kernel, *stride, *padding),
        Op::BatchNorm { weights: name, eps } => {
            let values = |kind: &str| values(weights, &format!("{name}.{kind}"));
            let [gamma, beta, mean, var] = ["weight", "bias", "running_mean", "running_var"].map(values);
            inputs[0].map(|c, x| (x - mean[c]) / (var[c] + f64::from(*eps)).sqrt() * gamma[c] + beta[c])
        }
        Op::InstanceNorm { weights: name, eps } => {
            let layer = layer(weights, name, true);
            instance_norm(inputs[0], &layer, f64::from(*eps))
        }
        Op::Activate { activation } => inputs[0].map(|_, x| activate(*activation, x)),
        Op::Concat => concat(&inputs),
        Op::Add => zip(inputs[0], inputs[1], |a, b| a + b),
        Op::Multiply => zip(inputs[0], inputs[1], |a, b| a * b),
        Op::Upsample { factor, kind } => upsample(inputs[0], *factor, *kind),
        Op::Pad { before, after } => {
            let dims = [0, 1, 2].map(|axis| before[axis] + inputs[0].dims[axis] + after[axis]);
            Grid::from_fn(inputs[0].channels, dims, |c, place| {
                let inner = [0, 1, 2].map(|axis| place[axis] as isize - before[axis] as isize);
                inputs[0].get(c, inner).unwrap_or(0.0)
            })
        }
        Op::Softmax => softmax(inputs[0]),
        other => panic!("the reference does not know {other:?}"),
    }
}

struct Layer {
    weight: Vec<f64>,
    bias: Option<Vec<f64>>,
}

fn layer(weights: &Weights, name: &str, has_bias: bool) -> Layer {
    let bias = has_bias.then(|| values(weights, &format!("{name}.bias")));
    Layer { weight: values(weights, &format!("{name}.weight")), bias }
}

fn values(weights: &Weights, name: &str) -> Vec<f64> {
    weights.get(name).unwrap_or_else(|| panic!("no {name}")).values.iter().map(|&v| f64::from(v)).collect()
}

fn window(dims: [usize; 3], extent: [usize; 3], stride: [usize; 3], padding: [usize; 3]) -> [usize; 3] {
    [0, 1, 2].map(|axis| (dims[axis] + 2 * padding[axis] - extent[axis]) / stride[axis] + 1)
}

fn conv(input: &Grid, weights: &Weights, op: &Op) -> Grid {
    let Op::Conv { weights: name, outputs, kernel, stride, padding, dilation, groups, bias } = op else {
        panic!("no convolution");
    };
    let layer = layer(weights, name, *bias);
    let extent = [0, 1, 2].map(|axis| dilation[axis] * (kernel[axis] - 1) + 1);
    let dims = window(input.dims, extent, *stride, *padding);
    let per_group = input.channels / groups;
    let taps: usize = kernel.iter().product();
    Grid::from_fn(*outputs, dims, |output, place| {
        let group = output / (outputs / groups);
        let mut sum = layer.bias.as_ref().map_or(0.0, |bias| bias[output]);
        for channel in 0..per_group {
            for tap in 0..taps {
                let offset = [tap / (kernel[1] * kernel[2]), tap / kernel[2] % kernel[1], tap % kernel[2]];
                let from = [0, 1, 2].map(|axis| {
                    (place[axis] * stride[axis] + offset[axis] * dilation[axis]) as isize - padding[axis] as isize
                });
                let value = input.get(group * per_group + channel, from).unwrap_or(0.0);
                sum += value * layer.weight[(output * per_group + channel) * taps + tap];
            }
        }
        sum
    })
}

fn conv_transpose(input: &Grid, layer: &Layer, outputs: usize, kernel: [usize; 3]) -> Grid {
    let dims = [0, 1, 2].map(|axis| input.dims[axis] * kernel[axis]);
    let taps: usize = kernel.iter().product();
    Grid::from_fn(outputs, dims, |output, place| {
        let from = [0, 1, 2].map(|axis| place[axis] / kernel[axis]);
        let offset = [0, 1, 2].map(|axis| place[axis] % kernel[axis]);
        let tap = (offset[0] * kernel[1] + offset[1]) * kernel[2] + offset[2];
        let weight = |channel: usize| layer.weight[(channel * outputs + output) * taps + tap];
        let sum: f64 = (0..input.channels).map(|channel| input.at(channel, from) * weight(channel)).sum();
        sum + layer.bias.as_ref().map_or(0.0, |bias| bias[output])
    })
}

fn pool(input: &Grid, kind: PoolKind, kernel: [usize; 3], stride: [usize; 3], padding: [usize; 3]) -> Grid {
    let dims = window(input.dims, kernel, stride, padding);
    let taps: usize = kernel.iter().product();
    Grid::from_fn(input.channels, dims, |channel, place| {
        let seen = (0..taps).filter_map(|tap| {
            let offset = [tap / (kernel[1] * kernel[2]), tap / kernel[2] % kernel[1], tap % kernel[2]];
            let from =
                [0, 1, 2].map(|axis| (place[axis] * stride[axis] + offset[axis]) as isize - padding[axis] as isize);
            input.get(channel, from)
        });
        match kind {
            PoolKind::Max => seen.fold(f64::NEG_INFINITY, f64::max),
            PoolKind::Average => seen.sum::<f64>() / taps as f64,
        }
    })
}

fn instance_norm(input: &Grid, layer: &Layer, eps: f64) -> Grid {
    let voxels = input.dims.iter().product::<usize>();
    let count = voxels as f64;
    let moments: Vec<(f64, f64)> = input
        .values
        .chunks(voxels)
        .map(|channel| {
            let mean = channel.iter().sum::<f64>() / count;
            (mean, channel.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count)
        })
        .collect();
    let bias = layer.bias.as_ref().unwrap();
    input.map(|c, x| (x - moments[c].0) / (moments[c].1 + eps).sqrt() * layer.weight[c] + bias[c])
}

fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Identity => x,
        Activation::Relu => x.max(0.0),
        Activation::LeakyRelu { slope } => {
            if x > 0.0 {
                x
            } else {
                x * f64::from(slope)
            }
        }
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        other => panic!("the reference does not know {other:?}"),
    }
}

fn concat(inputs: &[&Grid]) -> Grid {
    assert!(inputs.iter().all(|input| input.dims == inputs[0].dims));
    let values = inputs.iter().flat_map(|input| input.values.iter().copied()).collect();
    Grid { channels: inputs.iter().map(|input| input.channels).sum(), dims: inputs[0].dims, values }
}

fn zip(a: &Grid, b: &Grid, f: impl Fn(f64, f64) -> f64) -> Grid {
    assert_eq!((a.channels, a.dims), (b.channels, b.dims));
    Grid::from_fn(a.channels, a.dims, |c, place| f(a.at(c, place), b.at(c, place)))
}

fn upsample(input: &Grid, factor: [usize; 3], kind: UpsampleKind) -> Grid {
    let dims = [0, 1, 2].map(|axis| input.dims[axis] * factor[axis]);
    Grid::from_fn(input.channels, dims, |channel, place| match kind {
        UpsampleKind::Nearest => input.at(channel, [0, 1, 2].map(|axis| place[axis] / factor[axis])),
        UpsampleKind::Linear => {
            // Voxel centres as anchors; beyond the outermost, the border value.
            let source = [0, 1, 2].map(|axis| {
                let at = (place[axis] as f64 + 0.5) / factor[axis] as f64 - 0.5;
                at.clamp(0.0, (input.dims[axis] - 1) as f64)
            });
            let mut sum = 0.0;
            for corner in 0..8_usize {
                let mut weight = 1.0;
                let from = [0, 1, 2].map(|axis| {
                    let low = source[axis].floor();
                    let is_high = corner >> axis & 1 == 1;
                    weight *= if is_high { source[axis] - low } else { 1.0 - (source[axis] - low) };
                    (low as usize + usize::from(is_high)).min(input.dims[axis] - 1)
                });
                sum += weight * input.at(channel, from);
            }
            sum
        }
    })
}

fn softmax(input: &Grid) -> Grid {
    Grid::from_fn(input.channels, input.dims, |channel, place| {
        let largest = (0..input.channels).map(|c| input.at(c, place)).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = (0..input.channels).map(|c| (input.at(c, place) - largest).exp()).sum();
        (input.at(channel, place) - largest).exp() / sum
    })
}
