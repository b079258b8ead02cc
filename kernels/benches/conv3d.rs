//! Speed of the convolution and of one whole network, in GFLOP/s (two per
//! multiply-add), with the machine it ran on. Compare only numbers of one run.
//!
//! `cargo bench -p kernels --bench conv3d`

use std::time::Instant;

use kernels::{Architecture, CompactUnet, Conv3dWeights, Cpu, OpDevice, Tensor, network::NetworkError};
use safetensors::tensor::{Dtype, TensorView, serialize};

/// `[inputs, outputs, kernel, stride, side]`
const LAYERS: [[usize; 5]; 8] = [
    [1, 16, 3, 1, 64],
    [16, 16, 3, 1, 64],
    [32, 16, 3, 1, 64],
    [32, 32, 3, 1, 64],
    [64, 64, 3, 1, 64],
    [16, 32, 3, 2, 64],
    [128, 128, 3, 1, 8],
    [16, 3, 1, 1, 64],
];

/// `[depth, height, width]` the whole network runs on.
const PATCH: [usize; 3] = [64; 3];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cpu = Cpu::new();
    println!("{}; {}; commit {}", machine(), cpu.description(), commit());
    for layer in LAYERS {
        let [inputs, outputs, kernel, stride, side] = layer;
        let weights = noise(inputs * outputs * kernel.pow(3));
        let shape = [outputs, inputs, kernel, kernel, kernel];
        let weights = Conv3dWeights::new(shape, stride, weights, None)?;
        let conv = cpu.prepare_conv3d(&weights)?;
        let input = [inputs, side, side, side];
        let input = Tensor::new(input, noise(input.iter().product()))?;
        let voxels = cpu.conv3d(&input, &conv)?.voxels() as u64;
        let seconds = best_of(7, || Ok(cpu.conv3d(&input, &conv).map(drop)?))?;
        let gflops = 2e-9 * weights.macs(voxels) as f64 / seconds;
        println!(
            "conv3d {inputs:>3} -> {outputs:>3}, kernel {kernel}, stride {stride}, {side}^3: \
             {:8.2} ms {gflops:7.1} GFLOP/s",
            seconds * 1e3
        );
    }

    let architecture = Architecture::default();
    let unet = CompactUnet::from_safetensors(&cpu, &weight_file(&architecture)?, &architecture)?;
    let [depth, height, width] = PATCH;
    let input = Tensor::new([1, depth, height, width], noise(PATCH.iter().product()))?;
    let seconds = best_of(5, || unet.forward(&cpu, &input).map(drop))?;
    let gflops = 2e-9 * architecture.macs(PATCH)? as f64 / seconds;
    println!("network {:?}, {PATCH:?}: {:8.2} ms {gflops:7.1} GFLOP/s", architecture.channels, seconds * 1e3);
    Ok(())
}

/// A safetensors file of random weights for an architecture.
fn weight_file(architecture: &Architecture) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let channels = &architecture.channels;
    let mut shapes: Vec<(String, Vec<usize>)> = Vec::new();
    let mut stage = |name: String, inputs: usize, outputs: usize| {
        for (index, inputs) in [inputs, outputs].into_iter().enumerate() {
            let name = format!("{name}.{index}");
            shapes.push((format!("{name}.conv.weight"), vec![outputs, inputs, 3, 3, 3]));
            shapes.push((format!("{name}.norm.weight"), vec![outputs]));
            shapes.push((format!("{name}.norm.bias"), vec![outputs]));
        }
    };
    let mut inputs = architecture.inputs;
    for (level, &outputs) in channels.iter().enumerate() {
        stage(format!("enc.{level}"), inputs, outputs);
        inputs = outputs;
    }
    for (step, &outputs) in channels.iter().rev().skip(1).enumerate() {
        stage(format!("dec.{step}"), 2 * outputs, outputs);
    }
    for (step, pair) in channels.windows(2).rev().enumerate() {
        shapes.push((format!("up.{step}.weight"), vec![pair[1], pair[0], 2, 2, 2]));
        shapes.push((format!("up.{step}.bias"), vec![pair[0]]));
    }
    let classes = architecture.classes;
    shapes.push(("head.weight".to_owned(), vec![classes, channels[0], 1, 1, 1]));
    shapes.push(("head.bias".to_owned(), vec![classes]));
    let bytes = |shape: &[usize]| -> Vec<u8> {
        let values = noise(shape.iter().product());
        values.into_iter().flat_map(f32::to_le_bytes).collect()
    };
    let data: Vec<Vec<u8>> = shapes.iter().map(|(_, shape)| bytes(shape)).collect();
    let views: Result<Vec<_>, _> = shapes
        .into_iter()
        .zip(&data)
        .map(|((name, shape), data)| Ok((name, TensorView::new(Dtype::F32, shape, data)?)))
        .collect();
    let views: Vec<(String, TensorView<'_>)> = views.map_err(|error: safetensors::SafeTensorError| error)?;
    Ok(serialize(views, None)?)
}

/// Shortest of some runs, in seconds: the least disturbed one.
fn best_of(runs: usize, mut work: impl FnMut() -> Result<(), NetworkError>) -> Result<f64, NetworkError> {
    let mut best = f64::INFINITY;
    for _ in 0..runs {
        let start = Instant::now();
        work()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// Values in -1..1 from a linear congruential generator (Numerical Recipes).
fn noise(len: usize) -> Vec<f32> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// The processor's name where the system tells it.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name"));
    name.map_or(std::env::consts::ARCH.to_owned(), |name| name.trim_start_matches([' ', '\t', ':']).to_owned())
}

/// The commit that was measured, where git tells it.
fn commit() -> String {
    let git = std::process::Command::new("git").args(["describe", "--always", "--dirty"]).output();
    git.map_or("unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
