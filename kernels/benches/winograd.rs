//! Speed of 3x3x3 convolutions by Winograd's method beside the direct sum, in
//! GFLOP/s (two per multiply-add of the direct sum, whatever method is used),
//! with the machine. Compare only numbers of one run.
//!
//! The direct sum is measured on the same layer with dilation 2, which has as
//! many taps and no shortcut.
//!
//! `cargo bench -p kernels --bench winograd [-- THREADS [FILTER]]`

mod common;

use std::sync::Arc;
use std::time::Instant;

use common::{commit, machine, noise, weights};
use kernels::graph::{Activation, Conv, GraphBuilder};
use kernels::{Cpu, Device, Graph, NetworkError, Precision, Program, Tensor};

/// `[inputs, outputs, side]`
const LAYERS: [[usize; 3]; 8] = [
    [16, 16, 64],
    [16, 16, 96],
    [32, 32, 64],
    [48, 16, 64],
    [64, 64, 48],
    [128, 128, 24],
    [256, 256, 12],
    [320, 320, 6],
];

/// Runs per measurement; the shortest counts.
const RUNS: usize = 9;

/// What the layer is measured with.
#[derive(Clone, Copy)]
enum Variant {
    Winograd,
    Direct,
    /// Without the layer: what is subtracted.
    Nothing,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let threads = arguments.next().map_or(Ok(2), |n| n.parse())?;
    let filter = arguments.next().unwrap_or_default();
    let cpu = Cpu::with_threads(threads)?;
    println!("{}; {}; commit {}", machine(), Device::description(&cpu), commit());
    for [inputs, outputs, side] in LAYERS {
        let name = format!("{inputs}->{outputs}, {side}^3");
        if !name.contains(&filter) {
            continue;
        }
        let [winograd, direct, nothing] = measure(&cpu, inputs, outputs, side)?;
        let gflops = |seconds: f64| 54e-9 * (inputs * outputs * side.pow(3)) as f64 / (seconds - nothing).max(1e-9);
        println!(
            "{name:<16} Winograd {:8.3} ms {:7.1} GFLOP/s, direct {:8.3} ms {:7.1} GFLOP/s",
            (winograd - nothing) * 1e3,
            gflops(winograd),
            (direct - nothing) * 1e3,
            gflops(direct)
        );
    }
    Ok(())
}

/// Seconds of one run with each variant, runs interleaved.
fn measure(cpu: &Cpu, inputs: usize, outputs: usize, side: usize) -> Result<[f64; 3], Box<dyn std::error::Error>> {
    let input = Tensor::new([1, side, side, side], noise(side.pow(3), 1))?;
    let mut networks = Vec::new();
    for variant in [Variant::Winograd, Variant::Direct, Variant::Nothing] {
        let graph = graph(inputs, outputs, variant)?;
        let program = Arc::new(Program::new(&graph, &weights(&graph)?)?);
        networks.push((cpu.load(&program, Precision::F32)?, Vec::new(), f64::INFINITY));
    }
    for _ in 0..=RUNS {
        for (network, results, best) in &mut networks {
            let start = Instant::now();
            network.run(&input, results)?;
            *best = best.min(start.elapsed().as_secs_f64());
        }
    }
    let seconds: Vec<f64> = networks.iter().map(|(_, _, seconds)| *seconds).collect();
    seconds.try_into().map_err(|_| "three networks".into())
}

/// The layer between a 1x1x1 convolution with its norm, and a pool with so
/// large a stride that the output costs next to nothing.
fn graph(inputs: usize, outputs: usize, variant: Variant) -> Result<Graph, NetworkError> {
    let mut g = GraphBuilder::new();
    let x = g.input(1);
    let x = g.conv(x, "before", Conv::new(inputs, [1; 3]));
    let x = g.instance_norm(x, "norm", 1e-5);
    let mut x = g.activate(x, Activation::LeakyRelu { slope: 0.01 });
    let layer = Conv::new(outputs, [3; 3]);
    match variant {
        Variant::Winograd => x = g.conv(x, "layer", layer),
        Variant::Direct => x = g.conv(x, "layer", layer.dilation([2; 3])),
        Variant::Nothing => {}
    }
    let x = g.max_pool(x, [1; 3], [16; 3], [0; 3]);
    g.output("probe", x);
    g.build()
}
