//! Every step of a program on the processor against loops too simple to be
//! wrong: a wrong sum here is a vertebra in the wrong place later.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::sync::Arc;

use kernels::graph::{Activation, Conv, GraphBuilder, NodeId, Op, PoolKind, UpsampleKind};
use kernels::{Cpu, Device, Graph, Precision, Program, Tensor, Weights};
use support::reference::{self, Grid};

/// Largest error relative to the largest value: f32 sums of up to 27 * 40
/// terms, and Winograd's transforms.
const F32: f64 = 1e-5;

/// The same with every stored value rounded to 8 bits.
const BF16: f64 = 2e-2;

/// Added to variances. Large, because the smallest images here have so little
/// variance that a norm would show nothing but its rounding.
const EPS: f32 = 0.01;

/// Values in -1..1 from a linear congruential generator (Numerical Recipes).
fn noise(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// Weights that keep the size of values about the same.
fn weights(graph: &Graph) -> Weights {
    let mut weights = Weights::new();
    for (index, (name, shape)) in graph.tensors().into_iter().enumerate() {
        let fan_in: usize = shape.iter().skip(1).product();
        let mut values = noise(shape.iter().product(), index as u32 + 1);
        for value in &mut values {
            *value *= if shape.len() > 1 { (3.0 / fan_in as f32).sqrt() } else { 0.5 };
            if name.ends_with("running_var") || (shape.len() == 1 && name.ends_with(".weight")) {
                *value += 1.0;
            }
        }
        weights.insert(&name, shape, values).unwrap();
    }
    weights
}

fn run(device: &Cpu, program: &Arc<Program>, precision: Precision, input: &Tensor) -> Vec<Tensor> {
    let mut network = device.load(program, precision).unwrap();
    let mut outputs = Vec::new();
    network.run(input, &mut outputs).unwrap();
    let first = outputs.clone();
    network.run(input, &mut outputs).unwrap();
    assert_eq!(first, outputs, "a second run differs");
    assert!(network.peak_bytes() > 0);
    outputs
}

/// Builds a network whose results are named outputs, and compares it with the
/// reference on an image of `dims`.
fn check(what: &str, channels: usize, dims: [usize; 3], build: impl Fn(&mut GraphBuilder, NodeId) -> Vec<NodeId>) {
    let mut builder = GraphBuilder::new();
    let image = builder.input(channels);
    for (index, node) in build(&mut builder, image).into_iter().enumerate() {
        builder.output(&format!("result {index}"), node);
    }
    let graph = builder.build().unwrap();
    let weights = weights(&graph);
    let program = Arc::new(Program::new(&graph, &weights).unwrap());
    let [depth, height, width] = dims;
    let input = Tensor::new([channels, depth, height, width], noise(channels * depth * height * width, 77)).unwrap();
    let exact = reference::run(&graph, &weights, &grid(&input));

    let two = Cpu::with_threads(2).unwrap();
    for (precision, tolerance) in [(Precision::F32, F32), (Precision::Half, BF16)] {
        let fast = run(&two, &program, precision, &input);
        compare(&format!("{what} {dims:?} {precision:?}"), &fast, &exact, tolerance);
        for threads in [1, 3] {
            let other = run(&Cpu::with_threads(threads).unwrap(), &program, precision, &input);
            assert!(fast == other, "{what} {dims:?} {precision:?}: {threads} threads give other bits");
        }
        let portable = run(&Cpu::with_threads(2).unwrap().portable(), &program, precision, &input);
        compare(&format!("{what} {dims:?} {precision:?} portable"), &portable, &exact, tolerance);
    }
}

fn grid(tensor: &Tensor) -> Grid {
    let values = tensor.data().iter().map(|&value| f64::from(value)).collect();
    Grid { channels: tensor.channels(), dims: tensor.dims(), values }
}

fn compare(what: &str, results: &[Tensor], exact: &[Grid], tolerance: f64) {
    assert_eq!(results.len(), exact.len(), "{what}");
    for (result, exact) in results.iter().zip(exact) {
        assert_eq!((result.channels(), result.dims()), (exact.channels, exact.dims), "{what}");
        let largest = exact.values.iter().fold(1e-3_f64, |a, v| a.max(v.abs()));
        for (index, (value, exact)) in result.data().iter().zip(&exact.values).enumerate() {
            let error = (f64::from(*value) - exact).abs() / largest;
            assert!(error <= tolerance, "{what}: value {index} is {value}, not {exact} (error {error:e})");
        }
    }
}

/// Two layers before what is tested, so that it reads blocks with a load:
/// instance norm and a leaky rectifier.
fn normed(g: &mut GraphBuilder, x: NodeId, name: &str, channels: usize) -> NodeId {
    let x = g.conv(x, name, Conv::new(channels, [1; 3]));
    let x = g.instance_norm(x, &format!("{name}.norm"), EPS);
    g.activate(x, Activation::LeakyRelu { slope: 0.1 })
}

fn conv(outputs: usize, kernel: [usize; 3], stride: [usize; 3], padding: [usize; 3], dilation: [usize; 3]) -> Conv {
    Conv { outputs, kernel, stride, padding, dilation, groups: 1, bias: true }
}

#[test]
fn a_stem_reads_planar_channels() {
    for (channels, outputs, layer) in [
        (1, 16, conv(16, [3; 3], [1; 3], [1; 3], [1; 3])),
        (1, 32, conv(32, [1, 3, 3], [1, 2, 2], [0, 1, 1], [1; 3])),
        (3, 17, conv(17, [1, 6, 6], [1, 2, 2], [0, 2, 2], [1; 3])),
        (20, 3, conv(3, [3; 3], [1, 2, 3], [1; 3], [1; 3])),
        (2, 5, conv(5, [7; 3], [2; 3], [3; 3], [1; 3])),
    ] {
        assert_eq!(outputs, layer.outputs);
        check("stem", channels, [5, 9, 17], |g, x| vec![g.conv(x, "stem", layer)]);
    }
}

#[test]
fn convolutions_of_any_shape_are_the_sum_under_the_kernel() {
    for (inputs, layer, dims) in [
        (16, conv(16, [3; 3], [1; 3], [1; 3], [1; 3]), [9, 10, 17]),
        (28, conv(17, [3; 3], [1; 3], [1; 3], [1; 3]), [3, 1, 17]),
        (17, conv(28, [1, 3, 3], [1; 3], [0, 1, 1], [1; 3]), [3, 7, 17]),
        (17, conv(3, [3; 3], [2; 3], [1; 3], [1; 3]), [5, 8, 17]),
        (28, conv(33, [3; 3], [1, 2, 2], [1; 3], [1; 3]), [4, 7, 9]),
        (16, conv(16, [3; 3], [1; 3], [2; 3], [2; 3]), [5, 6, 17]),
        (3, conv(40, [3; 3], [1; 3], [0; 3], [1; 3]), [3, 4, 17]),
        (1, conv(1, [3; 3], [1; 3], [1; 3], [1; 3]), [1, 1, 1]),
        (40, conv(20, [1; 3], [2; 3], [0; 3], [1; 3]), [3, 5, 9]),
        (5, conv(4, [5, 1, 3], [1, 3, 1], [2, 0, 1], [1, 1, 3]), [6, 7, 17]),
        (208, conv(16, [1; 3], [1; 3], [0; 3], [1; 3]), [2, 3, 5]),
        (2, conv(3, [1; 3], [2; 3], [1; 3], [1; 3]), [3, 4, 5]),
    ] {
        check("conv", 2, dims, |g, x| {
            let x = normed(g, x, "before", inputs);
            let x = g.conv(x, "tested", layer);
            // A norm needs the sums of what is tested.
            let y = g.instance_norm(x, "norm", EPS);
            vec![y]
        });
    }
}

#[test]
fn deep_levels_share_their_channels_among_threads() {
    check("deep", 1, [3, 3, 3], |g, x| {
        let x = normed(g, x, "before", 160);
        let x = g.conv(x, "tested", conv(176, [3; 3], [2; 3], [1; 3], [1; 3]));
        let x = g.activate(x, Activation::Relu);
        vec![g.conv(x, "again", Conv::new(100, [3; 3]))]
    });
}

#[test]
fn every_activation_follows_a_convolution() {
    for activation in [Activation::Relu, Activation::LeakyRelu { slope: 0.01 }, Activation::Silu, Activation::Sigmoid] {
        check("activation", 3, [2, 5, 17], |g, x| {
            let x = g.conv(x, "a", Conv::new(20, [3; 3]));
            let x = g.activate(x, activation);
            let x = g.conv(x, "b", Conv::new(20, [3; 3]));
            let x = g.activate(x, activation);
            let x = g.conv(x, "c", Conv::new(20, [1; 3]));
            vec![g.activate(x, activation)]
        });
    }
}

#[test]
fn transposed_convolutions_spread_every_voxel() {
    for (inputs, outputs, kernel) in [(17, 28, [2; 3]), (16, 16, [1, 2, 2]), (3, 1, [3, 1, 2]), (40, 17, [4, 2, 2])] {
        check("transposed", 1, [3, 5, 7], |g, x| {
            let x = normed(g, x, "before", inputs);
            let x = g.conv_transpose(x, "tested", outputs, kernel, true);
            let x = g.instance_norm(x, "norm", EPS);
            vec![g.activate(x, Activation::Relu)]
        });
    }
}

#[test]
fn concatenated_parts_keep_their_own_norms() {
    check("parts", 1, [4, 5, 17], |g, x| {
        let a = normed(g, x, "a", 17);
        let b = g.conv(x, "b", Conv::new(3, [3; 3]));
        let c = normed(g, x, "c", 28);
        let parts = g.concat(&[a, b, c]);
        let first = g.conv(parts, "first", Conv::new(16, [3; 3]));
        let second = g.conv(parts, "second", Conv::new(20, [1; 3]));
        let joined = g.concat(&[first, parts, second]);
        let pooled = g.max_pool(joined, [2; 3], [2; 3], [0; 3]);
        vec![g.conv(pooled, "last", Conv::new(4, [1; 3])), joined]
    });
}

#[test]
fn pools_take_the_maximum_or_the_mean() {
    for (kernel, stride, padding) in [
        ([2; 3], [2; 3], [0; 3]),
        ([1, 5, 5], [1; 3], [0, 2, 2]),
        ([3; 3], [2, 1, 2], [1; 3]),
        ([1, 2, 2], [1, 2, 2], [0; 3]),
    ] {
        check("max pool", 1, [5, 6, 17], |g, x| {
            let x = normed(g, x, "before", 28);
            vec![g.max_pool(x, kernel, stride, padding)]
        });
        check("average pool", 1, [5, 6, 17], |g, x| {
            let x = normed(g, x, "before", 17);
            vec![g.avg_pool(x, kernel, stride)]
        });
    }
    check("pool of the image", 3, [5, 6, 7], |g, x| {
        vec![g.push(Op::Pool { kind: PoolKind::Max, kernel: [2; 3], stride: [2; 3], padding: [0; 3] }, &[x])]
    });
}

#[test]
fn sums_products_and_gates_match_channel_by_channel() {
    check("combine", 1, [3, 5, 17], |g, x| {
        let a = normed(g, x, "a", 28);
        let parts = [normed(g, x, "b", 11), normed(g, x, "c", 17)];
        let b = g.concat(&parts);
        let sum = g.add(a, b);
        let sum = g.activate(sum, Activation::LeakyRelu { slope: 0.01 });
        let product = g.multiply(a, b);
        let gate = g.activate(b, Activation::Sigmoid);
        let gated = g.multiply(a, gate);
        let gated = g.add(gated, a);
        vec![sum, product, gated]
    });
}

#[test]
fn finer_grids_repeat_or_interpolate() {
    for (kind, factor) in [
        (UpsampleKind::Nearest, [2; 3]),
        (UpsampleKind::Linear, [2; 3]),
        (UpsampleKind::Linear, [1, 3, 4]),
        (UpsampleKind::Nearest, [1, 2, 3]),
    ] {
        for dims in [[3, 4, 17], [1, 1, 1]] {
            check("upsample", 1, dims, |g, x| {
                let x = normed(g, x, "before", 17);
                vec![g.upsample(x, factor, kind)]
            });
        }
    }
}

#[test]
fn padding_stays_zero_after_any_load() {
    check("pad", 2, [3, 4, 17], |g, x| {
        let a = normed(g, x, "a", 17);
        let a = g.pad(a, [1, 0, 2], [0, 1, 1]);
        let b = g.pad(x, [1, 0, 2], [0, 1, 1]);
        let b = g.activate(b, Activation::Silu);
        let both = g.concat(&[a, b]);
        vec![g.conv(both, "last", Conv::new(5, [3; 3])), a]
    });
}

#[test]
fn probabilities_sum_to_one_over_any_number_of_classes() {
    for classes in [1, 3, 28] {
        check("softmax", 1, [2, 5, 17], |g, x| {
            let x = normed(g, x, "a", 16);
            let x = g.conv(x, "head", Conv::new(classes, [1; 3]));
            vec![g.softmax(x), x]
        });
    }
}

#[test]
fn another_size_of_image_is_planned_anew() {
    let mut builder = GraphBuilder::new();
    let image = builder.input(1);
    let x = normed(&mut builder, image, "a", 17);
    let x = builder.conv(x, "b", Conv::new(20, [3; 3]));
    builder.output("result", x);
    let graph = builder.build().unwrap();
    let weights = weights(&graph);
    let program = Arc::new(Program::new(&graph, &weights).unwrap());
    let mut network = Cpu::with_threads(2).unwrap().load(&program, Precision::F32).unwrap();
    let mut outputs = Vec::new();
    for dims @ [depth, height, width] in [[4, 8, 16], [1, 1, 3], [7, 9, 33], [4, 8, 16]] {
        let input = Tensor::new([1, depth, height, width], noise(depth * height * width, 5)).unwrap();
        network.run(&input, &mut outputs).unwrap();
        compare(&format!("{dims:?}"), &outputs, &reference::run(&graph, &weights, &grid(&input)), F32);
    }
    let wrong = Tensor::zeros([2, 4, 4, 4]).unwrap();
    assert!(network.run(&wrong, &mut outputs).is_err());
}
