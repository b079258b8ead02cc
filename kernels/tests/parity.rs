//! Every network of [`kernels::architectures`], in its full published size,
//! against PyTorch in float64 (`golden/make_parity.py`), on every device.
//!
//! A network that differs would segment with other numbers than those it was
//! trained to give.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::sync::Arc;

use kernels::architectures::{
    CompactUnet, Dense3dUnet, LocalisationUnet, MafuUnet, Nnunet, ResidualUnet, Unet2d, Xunet3d, Yolov5s,
};
use kernels::weights::{DEFAULT_GAIN, synthetic_input};
use kernels::{Cpu, Device, Graph, NetworkError, Precision, Program, Tensor, Weights};
use support::golden::Golden;

/// Largest error relative to the largest logit. Both sides round f32 sums of
/// up to 17 000 terms, up to 60 layers deep; PyTorch's own f32 is off by up
/// to 3e-5. A wrong kernel is off by more than 0.01.
const TOLERANCE: f32 = 1e-4;

/// The same with activations in fp16.
const HALF_TOLERANCE: f32 = 2e-2;

/// The same on a processor with AMX, which also rounds the operands of its
/// products to bf16, with 8 bits instead of 11. PyTorch's own bf16 (autocast,
/// 2.15, with AMX) is off by 0.059 on `nnunet_plain` and by more than we are
/// on every other network.
const BF16_TOLERANCE: f32 = 4e-2;

/// Least part of the voxels that must get the same class in f32: a tie
/// between two logits may fall either way.
const AGREEMENT: f64 = 0.999;

/// The same with activations in 16 bits: logits of a random network lie
/// closer together than those of a trained one.
const HALF_AGREEMENT: f64 = 0.95;

struct Case {
    /// Golden file.
    name: &'static str,
    graph: fn() -> Result<Graph, NetworkError>,
    /// `[channels, z, y, x]`.
    input: [usize; 4],
    gain: f64,
}

const fn case(name: &'static str, input: [usize; 4], graph: fn() -> Result<Graph, NetworkError>) -> Case {
    Case { name, graph, input, gain: DEFAULT_GAIN }
}

const DENSE: Case = case("dense_3d_unet", [1, 16, 48, 80], || Dense3dUnet::default().graph());
const NNUNET_PLAIN: Case = case("nnunet_plain", [1, 32, 64, 96], || Nnunet::default().graph());
const NNUNET_PLAIN_HEADS: Case =
    Case { graph: || Nnunet { deep_supervision: true, ..Nnunet::default() }.graph(), ..NNUNET_PLAIN };
const NNUNET_RESIDUAL: Case = case("nnunet_residual", [1, 32, 64, 96], || Nnunet::residual().graph());
const MAFU: Case = case("mafu_unet", [1, 16, 24, 40], || MafuUnet::default().graph());
const RESIDUAL: Case = case("residual_unet", [1, 16, 24, 40], || ResidualUnet::default().graph());
const RESIDUAL_HEADS: Case =
    case("residual_unet", [1, 16, 24, 40], || ResidualUnet { deep_supervision: true, ..Default::default() }.graph());
const LOCALISATION: Case = case("localisation_unet", [1, 16, 24, 40], || LocalisationUnet::default().graph());
const XUNET: Case = case("xunet_3d", [1, 16, 24, 40], || Xunet3d::default().graph());
const XUNET_HEADS: Case =
    case("xunet_3d", [1, 16, 24, 40], || Xunet3d { multi_scale: true, ..Default::default() }.graph());
const UNET_2D: Case = case("unet_2d", [1, 1, 48, 80], || Unet2d::default().graph());
/// SiLU halves small signals: with the default gain they would die out.
const YOLOV5S: Case = Case { gain: 0.95, ..case("yolov5s", [3, 1, 96, 160], || Yolov5s::default().graph()) };
const COMPACT: Case = case("compact_unet", [1, 16, 24, 40], || CompactUnet::default().graph());

/// One module per device; a device that cannot be opened says so.
macro_rules! test_on_every_device {
    ($($(#[$only:meta])* $device:ident: $open:expr,)*) => {
        $($(#[$only])* mod $device {
            use super::*;
            test_every_network!($open;
                dense_3d_unet: DENSE, nnunet_plain: NNUNET_PLAIN, nnunet_plain_heads: NNUNET_PLAIN_HEADS,
                nnunet_residual: NNUNET_RESIDUAL, mafu_unet: MAFU, residual_unet: RESIDUAL,
                residual_unet_heads: RESIDUAL_HEADS, localisation_unet: LOCALISATION, xunet_3d: XUNET,
                xunet_3d_heads: XUNET_HEADS, unet_2d: UNET_2D, yolov5s: YOLOV5S, compact_unet: COMPACT,
            );
        })*
    };
}

macro_rules! test_every_network {
    ($open:expr; $($name:ident: $case:expr,)*) => {
        $(#[test] fn $name() {
            if let Some(device) = support::gpu::required($open) {
                agrees_with_pytorch(&device, &$case);
            }
        })*
    };
}

test_on_every_device!(
    cpu: Ok::<_, kernels::OpError>(Cpu::new()),
    // The full sizes are for a real GPU; its model on the processor has its own tests.
    #[cfg(all(feature = "cuda-device", not(feature = "cuda-emulator")))]
    gpu: kernels::Cuda::open(),
);

fn agrees_with_pytorch(device: &dyn Device, case: &Case) {
    let golden = Golden::open(&format!("parity/{}.safetensors", case.name));
    let graph = (case.graph)().unwrap();
    let program = {
        let weights = Weights::synthetic_with_gain(&graph, case.gain).unwrap();
        Arc::new(Program::new(&graph, &weights).unwrap())
    };
    let input = synthetic_input(case.input).unwrap();
    // A GPU stores 16 bits in both precisions.
    let is_gpu = device.description().starts_with("CUDA");
    let full = if is_gpu { (HALF_TOLERANCE, HALF_AGREEMENT) } else { (TOLERANCE, AGREEMENT) };
    let has_bf16 = device.description().contains("AMX");
    let half = if has_bf16 { BF16_TOLERANCE } else { HALF_TOLERANCE };
    for (precision, (tolerance, agreement)) in [(Precision::F32, full), (Precision::Half, (half, HALF_AGREEMENT))] {
        let mut network = device.load(&program, precision).unwrap();
        let mut outputs = Vec::new();
        network.run(&input, &mut outputs).unwrap();
        assert_eq!(outputs.len(), graph.outputs().len());
        for (output, tensor) in graph.outputs().iter().zip(&outputs) {
            let found = compare(&golden, &output.name, tensor);
            let label = format!("{} {precision:?} {} {}", device.description(), case.name, output.name);
            println!(
                "{label}: error {:.1e}, statistics {:.1e}, agreement {:.5}",
                found.error, found.statistics, found.agreement
            );
            assert!(found.error <= tolerance, "{label}: error {:e} of the largest logit", found.error);
            assert!(found.statistics <= tolerance, "{label}: whole output off by {:e}", found.statistics);
            assert!(found.agreement >= agreement, "{label}: only {} of the voxels agree", found.agreement);
        }
    }
}

struct Comparison {
    /// Largest error of the stored voxels, relative to the largest value.
    error: f32,
    /// Largest error of mean, deviation, minimum and maximum of all voxels.
    statistics: f32,
    /// Stored voxels with the same class; with one channel, the same sign.
    agreement: f64,
}

fn compare(golden: &Golden, name: &str, actual: &Tensor) -> Comparison {
    let shape = golden.integers(&format!("{name}.shape"));
    assert_eq!(actual.shape().to_vec(), shape, "{name}");
    let step = golden.integers(&format!("{name}.step"))[0];
    let expected = golden.floats(name);
    let wanted = golden.floats(&format!("{name}.statistics"));
    let scale = wanted[2].abs().max(wanted[3].abs());
    let found = statistics(actual.data());
    let statistics = found.iter().zip(&wanted).fold(0.0, |worst: f32, (a, b)| larger(worst, (a - b).abs())) / scale;

    let sampled: Vec<f32> =
        (0..shape[0]).flat_map(|c| actual.channel(c).unwrap().iter().step_by(step).copied()).collect();
    assert_eq!(sampled.len(), expected.len());
    let errors = sampled.iter().zip(&expected).map(|(a, b)| (a - b).abs());
    let voxels = expected.len() / shape[0];
    let agreeing = (0..voxels).filter(|&v| class(&sampled, voxels, v) == class(&expected, voxels, v)).count();
    Comparison { error: errors.fold(0.0, larger) / scale, statistics, agreement: agreeing as f64 / voxels as f64 }
}

/// The larger of both; NaN when one is NaN, so that it cannot hide.
fn larger(a: f32, b: f32) -> f32 {
    if a.is_nan() || a > b { a } else { b }
}

/// The channel with the largest value, or the sign of the only one.
fn class(values: &[f32], voxels: usize, voxel: usize) -> usize {
    let at = |channel: usize| values[channel * voxels + voxel];
    let channels = values.len() / voxels;
    if channels == 1 {
        return usize::from(at(0) > 0.0);
    }
    (1..channels).fold(0, |best, channel| if at(channel) > at(best) { channel } else { best })
}

/// Mean, standard deviation, minimum, maximum.
fn statistics(values: &[f32]) -> [f32; 4] {
    let count = values.len() as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
    let least = values.iter().copied().fold(f32::INFINITY, f32::min);
    let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    [mean as f32, variance.sqrt() as f32, least, most]
}
