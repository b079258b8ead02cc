//! A whole network in half precision on the tile unit.

use std::sync::Arc;

use crate::cpu::Cpu;
use crate::cpu::amx::Unit;
use crate::device::{Device, Precision};
use crate::graph::{Activation, Conv, GraphBuilder};
use crate::program::Program;
use crate::tensor::Tensor;
use crate::weights::{Weights, synthetic_input};

/// A small network with every kind of convolution.
fn network() -> Arc<Program> {
    let mut g = GraphBuilder::new();
    let image = g.input(1);
    let x = g.conv(image, "first", Conv::new(16, [3; 3]));
    let x = g.instance_norm(x, "norm", 1e-5);
    let x = g.activate(x, Activation::LeakyRelu { slope: 0.01 });
    let x = g.conv(x, "down", Conv::new(20, [3; 3]).stride([2; 3]));
    let x = g.activate(x, Activation::Relu);
    let x = g.conv(x, "deep", Conv::new(40, [3; 3]));
    let up = g.conv_transpose(x, "up", 16, [2; 3], true);
    let x = g.conv(up, "side", Conv::new(5, [3; 3]).dilation([1, 2, 2]));
    let x = g.concat(&[up, x]);
    let x = g.conv(x, "merge", Conv::new(24, [1, 3, 3]));
    let x = g.activate(x, Activation::Silu);
    let x = g.conv(x, "head", Conv::new(3, [1; 3]));
    g.output("logits", x);
    let graph = g.build().unwrap();
    let weights = Weights::synthetic_with_gain(&graph, 1.0).unwrap();
    Arc::new(Program::new(&graph, &weights).unwrap())
}

fn logits(cpu: &Cpu, precision: Precision) -> Tensor {
    let mut outputs = Vec::new();
    let input = synthetic_input([1, 6, 10, 18]).unwrap();
    let mut network = cpu.load(&network(), precision).unwrap();
    // Twice, so that the second run meets the memory of the first.
    network.run(&input, &mut outputs).unwrap();
    network.run(&input, &mut outputs).unwrap();
    outputs.remove(0)
}

#[test]
fn a_network_runs_on_tiles() {
    let on_tiles = |threads| Cpu { tiles: Some(Unit::MODEL), ..Cpu::with_threads(threads).unwrap() };
    assert!(Device::description(&on_tiles(1)).ends_with("AMX in half precision"));
    let exact = logits(&Cpu::new(), Precision::F32);
    let tiles = logits(&on_tiles(1), Precision::Half);
    let largest = exact.data().iter().fold(0.0_f32, |a, b| a.max(b.abs()));
    let error = tiles.data().iter().zip(exact.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / largest;
    // bf16 keeps 8 bits, and seven layers round their inputs and weights.
    assert!(error > 1e-4, "not in half precision: {error}");
    assert!(error < 0.02, "{error}");
    assert_eq!(logits(&on_tiles(3), Precision::Half), tiles);
    assert_eq!(logits(&on_tiles(2), Precision::F32), exact);
}
