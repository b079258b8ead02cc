//! Runs a network on the emulated GPU and by plain loops, and compares.

use std::sync::Arc;

use kernels::graph::{Graph, GraphBuilder, NodeId};
use kernels::weights::synthetic_input;
use kernels::{Cuda, Device, Precision, Program, Tensor, Weights};

use crate::emulator::Emulator;
use crate::support::reference::{self, Grid};

/// Root mean square error over root mean square value, for one layer: fp16
/// inputs and weights are off by 2^-12 of their size on average.
pub const ONE_LAYER: f64 = 1.5e-3;

/// Runs `runs` times and returns the results; all must have the same bits.
pub fn run(graph: &Graph, weights: &Weights, input: &Tensor, runs: usize) -> Vec<Tensor> {
    let device = Cuda::open().unwrap();
    let program = Arc::new(Program::new(graph, weights).unwrap());
    let mut network = device.load(&program, Precision::Half).unwrap();
    let mut outputs = Vec::new();
    network.run(input, &mut outputs).unwrap();
    for _ in 1..runs {
        let first = outputs.clone();
        network.run(input, &mut outputs).unwrap();
        assert!(first == outputs, "a second run gives other bits");
    }
    outputs
}

/// Largest relative error of the outputs of `graph` on an image of `shape`.
pub fn error_of(graph: &Graph, shape: [usize; 4]) -> f64 {
    error_of_runs(graph, shape, 2)
}

fn error_of_runs(graph: &Graph, shape: [usize; 4], runs: usize) -> f64 {
    let weights = Weights::synthetic_with_gain(graph, 1.0).unwrap();
    let input = synthetic_input(shape).unwrap();
    let outputs = run(graph, &weights, &input, runs);
    let values = input.data().iter().map(|&value| f64::from(value)).collect();
    let image = Grid { channels: shape[0], dims: [shape[1], shape[2], shape[3]], values };
    let expected = reference::run(graph, &weights, &image);
    assert_eq!(outputs.len(), expected.len());
    outputs.iter().zip(&expected).map(|(actual, expected)| relative_error(actual, expected)).fold(0.0, f64::max)
}

/// NaN, or a value that nobody wrote, makes the error infinite.
fn relative_error(actual: &Tensor, expected: &Grid) -> f64 {
    assert_eq!((actual.channels(), actual.dims()), (expected.channels, expected.dims));
    let pairs = || actual.data().iter().zip(&expected.values).map(|(&a, &b)| (f64::from(a), b));
    let errors: f64 = pairs().map(|(a, b)| (a - b).powi(2)).sum();
    let values: f64 = pairs().map(|(_, b)| b.powi(2)).sum();
    let error = (errors / values.max(1e-12)).sqrt();
    if error.is_finite() { error } else { f64::INFINITY }
}

/// Builds a network, runs it in both orders of threads and copies, and
/// compares it with the loops.
pub fn check(what: &str, shape: [usize; 4], build: impl Fn(&mut GraphBuilder, NodeId) -> Vec<NodeId>) {
    check_within(ONE_LAYER, what, shape, build);
}

/// As [`check`], with another tolerance.
pub fn check_within(
    tolerance: f64,
    what: &str,
    shape: [usize; 4],
    build: impl Fn(&mut GraphBuilder, NodeId) -> Vec<NodeId>,
) {
    let emulator = Emulator::take();
    let graph = graph_of(shape, build);
    for schedule in [0, 1] {
        emulator.set("SCHEDULE", schedule);
        let error = error_of(&graph, shape);
        assert!(error < tolerance, "{what} on {shape:?}, schedule {schedule}: relative error {error:.2e}");
    }
}

/// One run with one schedule.
pub fn check_once(schedule: i64, shape: [usize; 4], build: impl Fn(&mut GraphBuilder, NodeId) -> Vec<NodeId>) {
    let emulator = Emulator::take();
    emulator.set("SCHEDULE", schedule);
    let error = error_of_runs(&graph_of(shape, build), shape, 1);
    assert!(error < 4.0 * ONE_LAYER, "relative error {error:.2e}");
}

fn graph_of(shape: [usize; 4], build: impl Fn(&mut GraphBuilder, NodeId) -> Vec<NodeId>) -> Graph {
    let mut builder = GraphBuilder::new();
    let input = builder.input(shape[0]);
    for (index, node) in build(&mut builder, input).into_iter().enumerate() {
        builder.output(&format!("out{index}"), node);
    }
    builder.build().unwrap()
}
