//! Speed of single steps on the processor, in GFLOP/s (two per multiply-add
//! of the direct sum, whatever method is used) or GB/s, with the machine.
//! Compare only numbers of one run.
//!
//! `cargo bench -p kernels --bench steps [-- THREADS [FILTER]]`

mod common;

use std::sync::Arc;
use std::time::Instant;

use common::{commit, machine, noise, weights};
use kernels::graph::{Activation, Conv, GraphBuilder, NodeId, UpsampleKind};
use kernels::{Cpu, Device, Graph, NetworkError, Precision, Program, Tensor};

/// What is measured: the layer of interest comes last; what it reads is made
/// by a cheap 1x1x1 convolution, whose time is measured alone and subtracted.
struct Case {
    name: &'static str,
    inputs: usize,
    dims: [usize; 3],
    build: fn(&mut GraphBuilder, NodeId) -> NodeId,
}

const CASES: [Case; 16] = [
    Case { name: "stem 1->32, 64^3", inputs: 0, dims: [64; 3], build: |g, x| g.conv(x, "t", Conv::new(32, [3; 3])) },
    Case { name: "16->16, 64^3", inputs: 16, dims: [64; 3], build: |g, x| g.conv(x, "t", Conv::new(16, [3; 3])) },
    Case { name: "32->32, 64^3", inputs: 32, dims: [64; 3], build: |g, x| g.conv(x, "t", Conv::new(32, [3; 3])) },
    Case { name: "64->64, 32^3", inputs: 64, dims: [32; 3], build: |g, x| g.conv(x, "t", Conv::new(64, [3; 3])) },
    Case { name: "128->128, 16^3", inputs: 128, dims: [16; 3], build: |g, x| g.conv(x, "t", Conv::new(128, [3; 3])) },
    Case { name: "320->320, 6^3", inputs: 320, dims: [6; 3], build: |g, x| g.conv(x, "t", Conv::new(320, [3; 3])) },
    Case { name: "320->320, 3^3", inputs: 320, dims: [3; 3], build: |g, x| g.conv(x, "t", Conv::new(320, [3; 3])) },
    Case {
        name: "32->64 stride 2, 64^3",
        inputs: 32,
        dims: [64; 3],
        build: |g, x| g.conv(x, "t", Conv::new(64, [3; 3]).stride([2; 3])),
    },
    Case {
        name: "64->64 dilation 2, 32^3",
        inputs: 64,
        dims: [32; 3],
        build: |g, x| g.conv(x, "t", Conv::new(64, [3; 3]).dilation([2; 3])),
    },
    Case { name: "64->32 1x1x1, 64^3", inputs: 64, dims: [64; 3], build: |g, x| g.conv(x, "t", Conv::new(32, [1; 3])) },
    Case {
        name: "32->4 1x1x1 head, 64^3",
        inputs: 32,
        dims: [64; 3],
        build: |g, x| g.conv(x, "t", Conv::new(4, [1; 3])),
    },
    Case {
        name: "64->32 transposed, 32^3",
        inputs: 64,
        dims: [32; 3],
        build: |g, x| g.conv_transpose(x, "t", 32, [2; 3], true),
    },
    Case { name: "32 max pool, 64^3", inputs: 32, dims: [64; 3], build: |g, x| g.max_pool(x, [2; 3], [2; 3], [0; 3]) },
    Case {
        name: "32 linear upsample, 32^3",
        inputs: 32,
        dims: [32; 3],
        build: |g, x| g.upsample(x, [2; 3], UpsampleKind::Linear),
    },
    Case { name: "32 add, 64^3", inputs: 32, dims: [64; 3], build: |g, x| g.add(x, x) },
    Case {
        name: "32 sigmoid, 64^3",
        inputs: 32,
        dims: [64; 3],
        build: |g, x| {
            let y = g.activate(x, Activation::Sigmoid);
            g.add(x, y)
        },
    },
];

/// Runs per measurement; the shortest counts.
const RUNS: usize = 7;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let threads = arguments.next().map_or(Ok(2), |n| n.parse())?;
    let filter = arguments.next().unwrap_or_default();
    let cpu = Cpu::with_threads(threads)?;
    println!("{}; {}; commit {}", machine(), Device::description(&cpu), commit());
    for case in CASES.iter().filter(|case| case.name.contains(&filter)) {
        for precision in [Precision::F32, Precision::Half] {
            let [whole, before] = measure(&cpu, case, precision)?;
            let seconds = (whole.seconds - before.seconds).max(1e-9);
            let gflops = 2e-9 * (whole.macs - before.macs) as f64 / seconds;
            println!(
                "{:<28} {:<4} {:8.3} ms {gflops:8.1} GFLOP/s {:7.1} MB",
                case.name,
                format!("{precision:?}"),
                seconds * 1e3,
                whole.bytes as f64 * 1e-6
            );
        }
    }
    Ok(())
}

struct Measured {
    seconds: f64,
    macs: u64,
    bytes: usize,
}

/// The network with and without what is measured, runs interleaved. Both end
/// with the same small output.
fn measure(cpu: &Cpu, case: &Case, precision: Precision) -> Result<[Measured; 2], Box<dyn std::error::Error>> {
    let [depth, height, width] = case.dims;
    let input = Tensor::new([1, depth, height, width], noise(depth * height * width, 1))?;
    let mut programs = Vec::new();
    for with_case in [true, false] {
        let graph = graph(case, with_case)?;
        programs.push(Arc::new(Program::new(&graph, &weights(&graph)?)?));
    }
    let mut networks = Vec::new();
    for program in &programs {
        networks.push((cpu.load(program, precision)?, Vec::new(), f64::INFINITY));
    }
    for _ in 0..=RUNS {
        for (network, outputs, best) in &mut networks {
            let start = Instant::now();
            network.run(&input, outputs)?;
            *best = best.min(start.elapsed().as_secs_f64());
        }
    }
    let mut results = Vec::new();
    for (program, (network, _, seconds)) in programs.iter().zip(&networks) {
        results.push(Measured { seconds: *seconds, macs: program.macs(case.dims)?, bytes: network.peak_bytes() });
    }
    results.try_into().map_err(|_| "two networks".into())
}

/// Ends in a strided pool to one output voxel in 4096, so that the output
/// costs next to nothing.
fn graph(case: &Case, with_case: bool) -> Result<Graph, NetworkError> {
    let mut g = GraphBuilder::new();
    let mut x = g.input(1);
    if case.inputs > 0 {
        x = g.conv(x, "before", Conv::new(case.inputs, [1; 3]));
        x = g.instance_norm(x, "norm", 1e-5);
        x = g.activate(x, Activation::LeakyRelu { slope: 0.01 });
    }
    if with_case {
        x = (case.build)(&mut g, x);
    }
    let x = g.max_pool(x, [1; 3], [16; 3], [0; 3]);
    g.output("probe", x);
    g.build()
}
