//! Networks computed the obvious way, in f64: loops too simple to be wrong.

use kernels::graph::{Activation, Graph, Op, PoolKind, UpsampleKind};
use kernels::{Tensor, Weights};

/// `[channels][z][y][x]` in f64.
#[derive(Debug, Clone)]
pub struct Volume {
    pub channels: usize,
    pub dims: [usize; 3],
    pub values: Vec<f64>,
}

impl Volume {
    fn new(channels: usize, dims: [usize; 3], value: impl Fn(usize, [usize; 3]) -> f64) -> Self {
        let [depth, height, width] = dims;
        let mut values = Vec::with_capacity(channels * depth * height * width);
        for channel in 0..channels {
            for z in 0..depth {
                for y in 0..height {
                    values.extend((0..width).map(|x| value(channel, [z, y, x])));
                }
            }
        }
        Self { channels, dims, values }
    }

    fn at(&self, channel: usize, [z, y, x]: [usize; 3]) -> f64 {
        self.values[((channel * self.dims[0] + z) * self.dims[1] + y) * self.dims[2] + x]
    }

    /// Zero outside.
    fn get(&self, channel: usize, at: [isize; 3]) -> Option<f64> {
        let is_inside = (0..3).all(|axis| at[axis] >= 0 && at[axis] < self.dims[axis] as isize);
        is_inside.then(|| self.at(channel, at.map(|i| i as usize)))
    }

    fn map(&self, f: impl Fn(usize, f64) -> f64) -> Self {
        Self::new(self.channels, self.dims, |channel, at| f(channel, self.at(channel, at)))
    }
}

/// The results of a graph.
pub fn run(graph: &Graph, weights: &Weights, input: &Tensor) -> Vec<Volume> {
    let mut done: Vec<Volume> = Vec::new();
    for node in graph.nodes() {
        let inputs: Vec<&Volume> = node.inputs.iter().map(|id| &done[id.0]).collect();
        let result = match &node.op {
            Op::Input { channels } => Volume {
                channels: *channels,
                dims: input.dims(),
                values: input.data().iter().copied().map(f64::from).collect(),
            },
            op => apply(op, &inputs, weights),
        };
        done.push(result);
    }
    graph.outputs().iter().map(|output| done[output.node.0].clone()).collect()
}

fn apply(op: &Op, inputs: &[&Volume], weights: &Weights) -> Volume {
    let x = inputs[0];
    let tensor = |name: &str, kind: &str| -> Vec<f64> {
        let values = &weights.get(&format!("{name}.{kind}")).unwrap().values;
        values.iter().copied().map(f64::from).collect()
    };
    match op {
        Op::Conv { weights: name, bias, .. } => {
            conv(op, x, &tensor(name, "weight"), &if *bias { tensor(name, "bias") } else { vec![] })
        }
        Op::ConvTranspose { weights: name, outputs, kernel, bias } => {
            let w = tensor(name, "weight");
            let b = if *bias { tensor(name, "bias") } else { vec![0.0; *outputs] };
            Volume::new(*outputs, scaled(x.dims, *kernel), |o, at| {
                let from = std::array::from_fn(|i| at[i] / kernel[i]);
                let [z, y, k] = std::array::from_fn(|i| at[i] % kernel[i]);
                let tap = (z * kernel[1] + y) * kernel[2] + k;
                let taps: usize = kernel.iter().product();
                b[o] + (0..x.channels).map(|c| x.at(c, from) * w[(c * outputs + o) * taps + tap]).sum::<f64>()
            })
        }
        Op::Pool { kind, kernel, stride, padding } => pool(x, *kind, [*kernel, *stride, *padding]),
        Op::BatchNorm { weights: name, eps } => {
            let [w, b, m, v] = ["weight", "bias", "running_mean", "running_var"].map(|kind| tensor(name, kind));
            x.map(|c, value| (value - m[c]) / (v[c] + f64::from(*eps)).sqrt() * w[c] + b[c])
        }
        Op::InstanceNorm { weights: name, eps } => {
            let [w, b] = ["weight", "bias"].map(|kind| tensor(name, kind));
            let voxels = x.values.len() / x.channels;
            let moments: Vec<(f64, f64)> = x
                .values
                .chunks(voxels)
                .map(|values| {
                    let mean = values.iter().sum::<f64>() / voxels as f64;
                    (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / voxels as f64)
                })
                .collect();
            x.map(|c, value| (value - moments[c].0) / (moments[c].1 + f64::from(*eps)).sqrt() * w[c] + b[c])
        }
        Op::Activate { activation } => x.map(|_, value| activate(*activation, value)),
        Op::Concat => Volume {
            channels: inputs.iter().map(|v| v.channels).sum(),
            dims: x.dims,
            values: inputs.iter().flat_map(|v| v.values.iter().copied()).collect(),
        },
        Op::Add => Volume::new(x.channels, x.dims, |c, at| x.at(c, at) + inputs[1].at(c, at)),
        Op::Multiply => Volume::new(x.channels, x.dims, |c, at| x.at(c, at) * inputs[1].at(c, at)),
        Op::Upsample { factor, kind } => upsample(x, *factor, *kind),
        Op::Pad { before, after } => {
            let dims = std::array::from_fn(|i| x.dims[i] + before[i] + after[i]);
            Volume::new(x.channels, dims, |c, at| {
                x.get(c, std::array::from_fn(|i| at[i] as isize - before[i] as isize)).unwrap_or(0.0)
            })
        }
        Op::Softmax => Volume::new(x.channels, x.dims, |c, at| {
            let largest = (0..x.channels).map(|c| x.at(c, at)).fold(f64::NEG_INFINITY, f64::max);
            let exp = |c: usize| (x.at(c, at) - largest).exp();
            exp(c) / (0..x.channels).map(exp).sum::<f64>()
        }),
        op => panic!("{} is unknown here", op.name()),
    }
}

fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Identity => x,
        Activation::Relu => x.max(0.0),
        Activation::LeakyRelu { slope } => x.max(x * f64::from(slope)),
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        _ => panic!("{activation:?} is unknown here"),
    }
}

fn scaled(dims: [usize; 3], factor: [usize; 3]) -> [usize; 3] {
    std::array::from_fn(|i| dims[i] * factor[i])
}

fn conv(op: &Op, x: &Volume, w: &[f64], b: &[f64]) -> Volume {
    let Op::Conv { outputs, kernel, stride, padding, dilation, groups, .. } = op else { panic!("not a convolution") };
    let dims =
        std::array::from_fn(|i| (x.dims[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i] + 1);
    let (inputs, taps) = (x.channels / groups, kernel.iter().product::<usize>());
    Volume::new(*outputs, dims, |o, at| {
        let mut sum = b.get(o).copied().unwrap_or(0.0);
        for c in 0..inputs {
            for tap in 0..taps {
                let k = [tap / (kernel[1] * kernel[2]), tap / kernel[2] % kernel[1], tap % kernel[2]];
                let from =
                    std::array::from_fn(|i| (at[i] * stride[i] + k[i] * dilation[i]) as isize - padding[i] as isize);
                let channel = o / (outputs / groups) * inputs + c;
                sum += x.get(channel, from).unwrap_or(0.0) * w[(o * inputs + c) * taps + tap];
            }
        }
        sum
    })
}

fn pool(x: &Volume, kind: PoolKind, [kernel, stride, padding]: [[usize; 3]; 3]) -> Volume {
    let dims = std::array::from_fn(|i| (x.dims[i] + 2 * padding[i] - kernel[i]) / stride[i] + 1);
    let taps: usize = kernel.iter().product();
    Volume::new(x.channels, dims, |c, at| {
        let window = (0..taps).filter_map(|tap| {
            let k = [tap / (kernel[1] * kernel[2]), tap / kernel[2] % kernel[1], tap % kernel[2]];
            x.get(c, std::array::from_fn(|i| (at[i] * stride[i] + k[i]) as isize - padding[i] as isize))
        });
        match kind {
            PoolKind::Max => window.fold(f64::NEG_INFINITY, f64::max),
            PoolKind::Average => window.sum::<f64>() / taps as f64,
        }
    })
}

fn upsample(x: &Volume, factor: [usize; 3], kind: UpsampleKind) -> Volume {
    Volume::new(x.channels, scaled(x.dims, factor), |c, at| {
        if kind == UpsampleKind::Nearest {
            return x.at(c, std::array::from_fn(|i| at[i] / factor[i]));
        }
        // Corners of the cell around the voxel centre, and their shares.
        let place: [f64; 3] = std::array::from_fn(|i| ((at[i] as f64 + 0.5) / factor[i] as f64 - 0.5).max(0.0));
        (0..8)
            .map(|corner| {
                let mut share = 1.0;
                let from = std::array::from_fn(|i| {
                    let second = corner >> i & 1;
                    let part = place[i].fract();
                    share *= if second == 1 { part } else { 1.0 - part };
                    (place[i] as usize + second).min(x.dims[i] - 1)
                });
                share * x.at(c, from)
            })
            .sum()
    })
}
