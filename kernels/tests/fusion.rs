//! Fusing a network never changes what it computes: random small networks of
//! all operations, in odd sizes, on every device against the plain
//! interpretation of their graphs (`support/reference.rs`).
//!
//! A fusion that is wrong in a rare combination would show as a segmentation
//! that is subtly off in one network only.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::sync::Arc;

use kernels::graph::Graph;
use kernels::weights::synthetic_input;
use kernels::{Cpu, Device, Precision, Program, Weights};
use support::random_graph::random_graph;
use support::reference::{self, Grid};

/// Networks per device; one takes about a millisecond.
const NETWORKS: u64 = 600;

/// Networks that have found a wrong fusion: a sigmoid before the zeros of a
/// pad, a rectifier written through an identity that others read around, and
/// joined grids of equal size but different origin.
const FOUND: [u64; 8] = [659, 970, 1042, 1435, 2105, 2290, 2576, 2990];

/// Largest error relative to the largest value of an output: f32 sums of up
/// to 1300 terms in up to 14 layers, magnified by norms of nearly flat
/// channels. A wrong fusion is off by more than 0.01.
const TOLERANCE: f64 = 2e-4;

#[test]
fn on_the_processor() {
    fusing_changes_nothing(&Cpu::new());
}

#[test]
fn on_the_portable_processor() {
    fusing_changes_nothing(&Cpu::new().portable());
}

fn fusing_changes_nothing(device: &dyn Device) {
    let mut failures: Vec<(usize, String)> = Vec::new();
    for seed in (0..NETWORKS).chain(FOUND) {
        let (graph, shape) = random_graph(seed);
        if let Err(reason) = compare(device, &graph, shape) {
            let json = serde_json::to_string(&graph).unwrap();
            failures.push((graph.nodes().len(), format!("seed {seed}, input {shape:?}: {reason}\n{json}")));
        }
    }
    // The smallest network says most about the fault.
    failures.sort();
    if let Some((_, smallest)) = failures.first() {
        panic!("{}: {} networks differ; the smallest:\n{smallest}", device.description(), failures.len());
    }
}

fn compare(device: &dyn Device, graph: &Graph, shape: [usize; 4]) -> Result<(), String> {
    let weights = Weights::synthetic_with_gain(graph, 1.0).unwrap();
    let input = synthetic_input(shape).unwrap();
    let program = Arc::new(Program::new(graph, &weights).map_err(|error| error.to_string())?);
    let mut network = device.load(&program, Precision::F32).map_err(|error| error.to_string())?;
    let mut outputs = Vec::new();
    network.run(&input, &mut outputs).map_err(|error| error.to_string())?;
    let first = outputs.clone();
    network.run(&input, &mut outputs).map_err(|error| error.to_string())?;
    if outputs != first {
        return Err("the second run gives other bits".to_owned());
    }
    let values = input.data().iter().map(|&value| f64::from(value)).collect();
    let image = Grid { channels: shape[0], dims: [shape[1], shape[2], shape[3]], values };
    let expected = reference::run(graph, &weights, &image);
    for (index, (actual, expected)) in outputs.iter().zip(&expected).enumerate() {
        if (actual.channels(), actual.dims()) != (expected.channels, expected.dims) {
            let wanted = (expected.channels, expected.dims);
            return Err(format!("output {index} is {:?}, should be {wanted:?}", actual.shape()));
        }
        let scale = expected.values.iter().fold(1e-3_f64, |most, value| most.max(value.abs()));
        for (at, (a, b)) in actual.data().iter().zip(&expected.values).enumerate() {
            let error = (f64::from(*a) - b).abs();
            if error.is_nan() || error > TOLERANCE * scale {
                return Err(format!("output {index}, value {at}: {a} instead of {b} (scale {scale:.3})"));
            }
        }
    }
    Ok(())
}
