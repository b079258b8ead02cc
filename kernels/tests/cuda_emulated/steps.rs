//! Every kind of step in odd sizes: a wrong border or a wrong channel here is
//! a vertebra in the wrong place later.

use kernels::graph::{Activation, Conv, GraphBuilder, NodeId, Op, PoolKind, UpsampleKind};

use crate::check::{ONE_LAYER, check, check_within};

/// Brings the image into blocks of `channels` channels first.
fn stem(g: &mut GraphBuilder, x: NodeId, channels: usize) -> NodeId {
    g.conv(x, "stem", Conv::new(channels, [1; 3]))
}

#[test]
fn planar_input() {
    check("3x3x3 stem", [1, 5, 9, 10], |g, x| vec![g.conv(x, "a", Conv::new(16, [3; 3]))]);
    check("stem of 3 channels", [3, 4, 7, 9], |g, x| vec![g.conv(x, "a", Conv::new(40, [3; 3]))]);
    check("stem with stride", [2, 9, 8, 7], |g, x| vec![g.conv(x, "a", Conv::new(70, [3; 3]).stride([2, 1, 2]))]);
    check("2-D stem of 6x6", [3, 1, 20, 18], |g, x| {
        let conv = Conv { padding: [0, 2, 2], ..Conv::new(32, [1, 6, 6]).stride([1, 2, 2]) };
        vec![g.conv(x, "a", conv)]
    });
}

#[test]
fn convolution_in_tiles() {
    for (inputs, outputs, dims) in
        [(16, 16, [5, 9, 10]), (40, 32, [4, 8, 17]), (20, 64, [8, 8, 8]), (17, 48, [4, 16, 8])]
    {
        check("3x3x3", [1, dims[0], dims[1], dims[2]], |g, x| {
            let x = stem(g, x, inputs);
            vec![g.conv(x, "a", Conv::new(outputs, [3; 3]))]
        });
    }
}

#[test]
fn convolution_that_gathers() {
    let convs = [
        ("1x1x1", Conv::new(24, [1; 3])),
        ("stride 2", Conv::new(32, [3; 3]).stride([2; 3])),
        ("dilation 2", Conv::new(16, [3; 3]).dilation([2; 3])),
        ("1x3x3", Conv::new(64, [1, 3, 3])),
        ("3x1x1 with stride", Conv::new(17, [3, 1, 1]).stride([2, 1, 1])),
        ("5x5x5", Conv::new(16, [5; 3])),
        ("2x2x2 without padding", Conv { padding: [0; 3], ..Conv::new(16, [2; 3]).stride([2; 3]) }),
        ("groups", Conv { groups: 2, ..Conv::new(20, [3; 3]) }),
        ("3x3x3 on a grid smaller than a tile", Conv::new(80, [3; 3])),
    ];
    for (what, conv) in convs {
        check(what, [1, 3, 6, 7], |g, x| {
            let x = stem(g, x, 36);
            vec![g.conv(x, "a", conv)]
        });
    }
}

#[test]
fn deep_layers_are_split_over_their_inputs() {
    check("3x3x3 of 128 channels", [1, 4, 8, 8], |g, x| {
        let x = stem(g, x, 128);
        let x = g.conv(x, "a", Conv::new(16, [3; 3]));
        vec![g.instance_norm(x, "n", 1e-5)]
    });
    check("stride 2 of 96 channels", [1, 4, 4, 6], |g, x| {
        let x = stem(g, x, 96);
        vec![g.conv(x, "a", Conv::new(24, [3; 3]).stride([2; 3]))]
    });
}

#[test]
fn transposed_convolution() {
    for (kernel, inputs, outputs) in [([2; 3], 24, 16), ([1, 2, 2], 16, 33), ([2, 1, 3], 32, 64)] {
        check("transposed", [1, 3, 5, 4], |g, x| {
            let x = stem(g, x, inputs);
            let x = g.conv_transpose(x, "t", outputs, kernel, true);
            vec![g.instance_norm(x, "n", 1e-5)]
        });
    }
}

#[test]
fn norms_and_activations_on_the_load() {
    for activation in [Activation::Relu, Activation::LeakyRelu { slope: 0.01 }, Activation::Silu, Activation::Sigmoid] {
        check_within(2.0 * ONE_LAYER, "instance norm, then 3x3x3", [1, 6, 9, 11], |g, x| {
            let x = stem(g, x, 24);
            let x = g.instance_norm(x, "n", 1e-5);
            let x = g.activate(x, activation);
            let x = g.conv(x, "a", Conv::new(16, [3; 3]));
            let x = g.batch_norm(x, "b", 1e-5);
            vec![g.activate(x, activation)]
        });
    }
}

#[test]
fn a_norm_for_each_reader() {
    // Dense blocks: two norms over the same tensor, and a pre-activation norm
    // over a concatenation.
    check_within(2.0 * ONE_LAYER, "dense block", [1, 4, 9, 8], |g, x| {
        let x = stem(g, x, 12);
        let mut all = x;
        for layer in 0..2 {
            let y = g.batch_norm(all, &format!("n{layer}"), 1e-5);
            let y = g.activate(y, Activation::Relu);
            let y = g.conv(y, &format!("c{layer}"), Conv::new(12, [3; 3]));
            all = g.concat(&[all, y]);
        }
        let y = g.instance_norm(all, "last", 1e-5);
        vec![g.conv(y, "head", Conv::new(3, [1; 3]))]
    });
}

#[test]
fn pools() {
    check("maximum", [1, 6, 7, 9], |g, x| {
        let x = stem(g, x, 20);
        let a = g.max_pool(x, [2; 3], [2; 3], [0; 3]);
        let b = g.max_pool(x, [1, 3, 3], [1, 2, 2], [0, 1, 1]);
        let c = g.max_pool(x, [5; 3], [1; 3], [2; 3]);
        vec![a, b, c]
    });
    check("mean", [1, 6, 7, 9], |g, x| {
        let x = stem(g, x, 20);
        let x =
            g.push(Op::Pool { kind: PoolKind::Average, kernel: [2, 2, 3], stride: [2, 2, 3], padding: [0; 3] }, &[x]);
        vec![g.instance_norm(x, "n", 1e-5)]
    });
}

#[test]
fn finer_grids() {
    for kind in [UpsampleKind::Nearest, UpsampleKind::Linear] {
        check("finer", [1, 3, 4, 5], |g, x| {
            let x = stem(g, x, 20);
            vec![g.upsample(x, [1, 2, 3], kind)]
        });
    }
}

#[test]
fn sums_products_and_gates() {
    check("combine", [1, 3, 5, 6], |g, x| {
        let a = stem(g, x, 40);
        let b = g.conv(x, "b", Conv::new(24, [1; 3]));
        let c = g.conv(x, "c", Conv::new(16, [1; 3]));
        // Parts of other widths on the two sides: lanes do not match.
        let bc = g.concat(&[b, c]);
        let cb = g.concat(&[c, b]);
        let sum = g.add(a, bc);
        let sum = g.activate(sum, Activation::Relu);
        let product = g.multiply(bc, cb);
        let product = g.instance_norm(product, "n", 1e-5);
        let gate = g.multiply(a, cb);
        let gate = g.add(gate, a);
        vec![sum, product, gate]
    });
}

#[test]
fn padding_and_softmax() {
    check("padded input", [2, 3, 4, 5], |g, x| {
        let x = g.pad(x, [1, 0, 2], [0, 3, 1]);
        vec![g.conv(x, "a", Conv::new(16, [3; 3]))]
    });
    check("softmax of 25 classes", [1, 3, 4, 5], |g, x| {
        let x = g.conv(x, "a", Conv::new(25, [3; 3]));
        let x = g.activate(x, Activation::LeakyRelu { slope: 0.1 });
        let x = g.conv(x, "head", Conv::new(25, [1; 3]));
        vec![g.softmax(x)]
    });
}
