//! The tile unit against plain sums in f64: a wrong tap, border or lane would
//! make every network after it wrong without any error.
//!
//! Scales and shifts are short binary fractions, so that loads are exact and
//! the expected sums know the rounded inputs.

use std::sync::Arc;

use rayon::prelude::*;

use super::tiles::{Line, ROW_VALUES, ROWS, SUMS, TileKernel, Tiles};
use super::*;
use crate::cpu::Cpu;
use crate::cpu::arena::Arena;
use crate::cpu::blocks::{BlockRef, InputBlocks, OutputBlocks, Shared};
use crate::cpu::direct::{BlockSink, PlanarSink};
use crate::cpu::element::{Bf16, Element, Lanes};
use crate::cpu::statistics::Moments;
use crate::cpu::vector::Isa;
use crate::device::{Device, Precision};
use crate::graph::{self, Activation, GraphBuilder};
use crate::program::{BLOCK, Conv, ConvTranspose, Program};
use crate::tensor::Tensor;
use crate::weights::{Weights, synthetic_input};

/// One convolution on random data.
#[derive(Debug, Clone)]
struct Case {
    dims: [usize; 3],
    /// Channels of each part of the input.
    parts: Vec<usize>,
    outputs: usize,
    kernel: [usize; 3],
    stride: [usize; 3],
    padding: [usize; 3],
    dilation: [usize; 3],
    transposed: bool,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            dims: [3, 4, 5],
            parts: vec![16],
            outputs: 16,
            kernel: [3; 3],
            stride: [1; 3],
            padding: [1; 3],
            dilation: [1; 3],
            transposed: false,
        }
    }
}

const ACTIVATION: Activation = Activation::LeakyRelu { slope: 0.125 };

/// What a run leaves behind.
#[derive(Debug, PartialEq)]
struct Outcome {
    voxels: Vec<Lanes<f32>>,
    moments: Vec<Moments>,
}

/// Uniform in `[-0.5, 0.5)` (xorshift, Marsaglia 2003).
fn noise(seed: u32, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let step = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    std::iter::repeat_with(step).take(len).collect()
}

fn round(value: f32) -> f32 {
    Bf16::from_f32(value).to_f32()
}

fn units() -> Vec<Unit> {
    std::iter::once(Unit::MODEL).chain(Unit::detect()).collect()
}

impl Case {
    fn inputs(&self) -> usize {
        self.parts.iter().sum()
    }

    fn weight(&self) -> Vec<f32> {
        noise(1, self.outputs * self.inputs() * self.kernel.iter().product::<usize>())
    }

    fn layer(&self) -> Layer {
        let (name, outputs, kernel, activation) = (String::new(), self.outputs, self.kernel, ACTIVATION);
        let (weight, bias) = (self.weight().into(), noise(2, outputs).into());
        if self.transposed {
            return Layer::transposed(
                &ConvTranspose { name, outputs, kernel, weight, bias, activation },
                &self.lanes(),
            );
        }
        let Self { stride, padding, dilation, .. } = *self;
        let conv = Conv { name, outputs, kernel, stride, padding, dilation, weight, bias, activation };
        Layer::of_blocks(&conv, &self.lanes())
    }

    /// For every stored lane, the channel it holds.
    fn lanes(&self) -> Vec<Option<usize>> {
        let mut next = 0..;
        let part = |&channels: &usize| (0..channels.div_ceil(BLOCK) * BLOCK).map(move |lane| lane < channels);
        self.parts.iter().flat_map(part).map(|live| if live { next.next() } else { None }).collect()
    }

    fn refs(&self) -> Vec<BlockRef> {
        let lanes = self.lanes();
        let voxels: usize = self.dims.iter().product();
        let block = |(index, lanes): (usize, &[Option<usize>])| {
            let live = |lane: usize, value: f32| if lanes[lane].is_some() { value } else { 0.0 };
            let scale = std::array::from_fn(|lane| live(lane, [1.0, 0.5, -2.0][(lane + index) % 3]));
            let shift = std::array::from_fn(|lane| live(lane, [0.0, 0.25, -0.125, 1.0][(lane + index) % 4]));
            BlockRef { first: index * voxels, scale, shift, slope: [1.0, 0.25, 0.0][index % 3] }
        };
        lanes.chunks(BLOCK).enumerate().map(block).collect()
    }

    fn stored(&self) -> Vec<Lanes<Bf16>> {
        let values = noise(3, self.lanes().len() * self.dims.iter().product::<usize>());
        values.as_chunks::<BLOCK>().0.iter().map(|&values| Lanes::narrow(values)).collect()
    }

    fn output_dims(&self) -> [usize; 3] {
        std::array::from_fn(|a| {
            if self.transposed {
                return self.dims[a] * self.kernel[a];
            }
            (self.dims[a] + 2 * self.padding[a] - self.dilation[a] * (self.kernel[a] - 1) - 1) / self.stride[a] + 1
        })
    }

    /// Positions that shares divide.
    fn positions(&self) -> [usize; 3] {
        if self.transposed { self.dims } else { self.output_dims() }
    }

    fn arena(&self) -> Arena<Bf16> {
        let stored = self.stored();
        let mut arena = Arena::new(stored.len()).unwrap();
        arena.split(0..stored.len()).1.copy_from_slice(&stored);
        arena
    }

    /// `order` runs the shares.
    fn run(&self, unit: Unit, isa: Isa, order: fn(&Task<'_, Bf16, BlockSink<'_, f32>>)) -> Outcome {
        let layer = self.layer();
        let cut = Cut::new(&layer, self.positions());
        let (output_dims, mut arena) = (self.output_dims(), self.arena());
        let blocks = self.outputs.div_ceil(BLOCK);
        let mut voxels = vec![Lanes([f32::NAN; BLOCK]); blocks * output_dims.iter().product::<usize>()];
        let mut moments = vec![Moments::default(); cut.boxes() * layer.panels()];
        {
            let refs = self.refs();
            let input = InputBlocks::new(arena.split(0..0).0, &refs, self.dims);
            let sink = BlockSink(OutputBlocks::new(&mut voxels, output_dims));
            let moments = Shared::new(&mut moments);
            let moments = Some(&moments);
            order(&Task { unit, isa, layer: &layer, cut, input, sink: &sink, output_dims, moments });
        }
        Outcome { voxels, moments }
    }

    /// `[output][z][y][x]`.
    fn expected(&self) -> Vec<f64> {
        let (lanes, refs, stored, weight) = (self.lanes(), self.refs(), self.stored(), self.weight());
        let bias = noise(2, self.outputs);
        let voxels: usize = self.dims.iter().product();
        let load = |lane: usize, voxel: usize| {
            let block = &refs[lane / BLOCK];
            let value = stored[block.first + voxel].widen()[lane % BLOCK];
            let value = value * block.scale[lane % BLOCK] + block.shift[lane % BLOCK];
            f64::from(round(value.max(value * block.slope)))
        };
        let live = lanes.iter().enumerate().filter(|(_, channel)| channel.is_some()).map(|(lane, _)| lane);
        let planes: Vec<Vec<f64>> = live.map(|lane| (0..voxels).map(|voxel| load(lane, voxel)).collect()).collect();
        let out = self.output_dims();
        let count: usize = out.iter().product();
        let taps: usize = self.kernel.iter().product();
        let mut result = Vec::with_capacity(self.outputs * count);
        for (output, bias) in bias.iter().enumerate() {
            for voxel in 0..count {
                let here = [voxel / (out[1] * out[2]), voxel / out[2] % out[1], voxel % out[2]];
                let mut sum = f64::from(*bias);
                for tap in 0..taps {
                    let [_, ky, kx] = self.kernel;
                    let tap_at = [tap / (ky * kx), tap / kx % ky, tap % kx];
                    let Some([z, y, x]) = self.source(here, tap_at) else { continue };
                    let from = (z * self.dims[1] + y) * self.dims[2] + x;
                    for (input, plane) in planes.iter().enumerate() {
                        let index =
                            if self.transposed { input * self.outputs + output } else { output * planes.len() + input };
                        sum += plane[from] * f64::from(round(weight[index * taps + tap]));
                    }
                }
                result.push(sum.max(sum * 0.125));
            }
        }
        result
    }

    /// The input voxel that a tap of an output voxel reads.
    fn source(&self, here: [usize; 3], tap: [usize; 3]) -> Option<[usize; 3]> {
        if self.transposed {
            let is_tap = (0..3).all(|a| here[a] % self.kernel[a] == tap[a]);
            return is_tap.then(|| std::array::from_fn(|a| here[a] / self.kernel[a]));
        }
        let at: [usize; 3] = std::array::from_fn(|a| {
            (here[a] * self.stride[a] + tap[a] * self.dilation[a]).wrapping_sub(self.padding[a])
        });
        (0..3).all(|a| at[a] < self.dims[a]).then_some(at)
    }

    /// Runs on every unit, compares the bits of units, and voxels and
    /// statistics with the plain sums.
    fn check(&self) {
        let expected = self.expected();
        let outcome = self.run(Unit::MODEL, Isa::detect(), in_order);
        for unit in units() {
            assert_eq!(self.run(unit, Isa::detect(), in_order), outcome, "{self:?} {unit:?}");
        }
        let count: usize = self.output_dims().iter().product();
        let largest = expected.iter().fold(1e-3_f64, |a, b| a.max(b.abs()));
        for (index, expected) in expected.iter().enumerate() {
            let (output, voxel) = (index / count, index % count);
            let value = outcome.voxels[output / BLOCK * count + voxel].0[output % BLOCK];
            let error = (f64::from(value) - expected).abs() / largest;
            assert!(error < 2e-6, "{self:?}: output {output}, voxel {voxel}: {value} is not {expected}");
        }
        let blocks = self.outputs.div_ceil(BLOCK);
        for (output, plane) in expected.chunks(count).enumerate() {
            let mut total = Moments::default();
            outcome.moments.iter().skip(output / BLOCK).step_by(blocks).for_each(|slot| total.merge(slot));
            let room = 2e-6 * count as f64 * largest;
            let sum: f64 = plane.iter().sum();
            assert!((total.sum[output % BLOCK] - sum).abs() < room, "{self:?}: sum of output {output}");
            let squares: f64 = plane.iter().map(|v| v * v).sum();
            let error = (total.squares[output % BLOCK] - squares).abs();
            assert!(error < 2.0 * room * largest, "{self:?}: squares of {output}");
        }
    }
}

fn in_order(task: &Task<'_, Bf16, BlockSink<'_, f32>>) {
    let mut work = Work::default();
    // SAFETY: one thread.
    (0..task.cut.shares()).for_each(|share| unsafe { task.run(share, &mut work) });
}

#[test]
fn channels_in_any_number_and_parts() {
    for (parts, outputs) in [
        (vec![1], 16),
        (vec![3], 17),
        (vec![16], 1),
        (vec![17], 48),
        (vec![48], 33),
        (vec![16, 16], 16),
        (vec![3, 20, 1], 3),
        (vec![16, 7, 40], 65),
    ] {
        Case { parts, outputs, ..Case::default() }.check();
    }
}

#[test]
fn kernels_strides_and_dilations() {
    let cases = [
        ([1, 1, 1], [1; 3], [0; 3], [1; 3]),
        ([1, 1, 1], [2; 3], [0; 3], [1; 3]),
        ([3, 3, 3], [2; 3], [1; 3], [1; 3]),
        ([3, 3, 3], [1, 2, 2], [1; 3], [1; 3]),
        ([1, 3, 3], [1; 3], [0, 1, 1], [1; 3]),
        ([3, 3, 3], [1; 3], [2; 3], [2; 3]),
        ([3, 3, 3], [2; 3], [2; 3], [2; 3]),
        ([2, 2, 2], [2; 3], [0; 3], [1; 3]),
        ([5, 3, 1], [1, 3, 2], [2, 0, 3], [1, 2, 1]),
        ([3, 3, 3], [3, 1, 4], [3, 4, 5], [1, 1, 2]),
    ];
    for (kernel, stride, padding, dilation) in cases {
        for parts in [vec![5], vec![20, 16]] {
            let dims = [6, 7, 9];
            Case { dims, parts, outputs: 18, kernel, stride, padding, dilation, ..Case::default() }.check();
        }
    }
}

#[test]
fn odd_sizes_and_several_boxes() {
    for dims in [[1, 1, 1], [1, 1, 35], [1, 33, 2], [7, 1, 16], [5, 3, 17], [1, 29, 41], [9, 10, 13]] {
        Case { dims, parts: vec![8], outputs: 20, ..Case::default() }.check();
    }
}

#[test]
fn transposed_convolutions() {
    for (kernel, parts, outputs) in [([2, 2, 2], vec![17], 20), ([1, 2, 3], vec![32], 16), ([3, 1, 1], vec![4, 16], 40)]
    {
        Case { dims: [3, 5, 9], parts, outputs, kernel, transposed: true, ..Case::default() }.check();
    }
}

#[test]
fn any_order_gives_the_same_bits() {
    let case = Case { dims: [6, 9, 40], parts: vec![20], outputs: 70, ..Case::default() };
    let expected = case.run(Unit::MODEL, Isa::detect(), in_order);
    let layer = case.layer();
    assert!(Cut::new(&layer, case.dims).shares() > 4);
    let threads = case.run(Unit::MODEL, Isa::detect(), |task| {
        (0..task.cut.shares()).into_par_iter().rev().for_each(|share| {
            // SAFETY: every share once.
            unsafe { task.run(share, &mut Work::default()) };
        });
    });
    assert_eq!(threads, expected);
}

#[test]
fn instruction_sets_agree() {
    let case = Case { parts: vec![20], outputs: 17, ..Case::default() };
    let expected = case.run(Unit::MODEL, Isa::PORTABLE, in_order);
    for isa in Isa::available() {
        assert_eq!(case.run(Unit::MODEL, isa, in_order).voxels, expected.voxels, "{isa:?}");
    }
}

#[test]
fn an_overflow_in_one_image_does_not_spoil_the_next() {
    let task = |case: &Case, value: Option<f32>, work: &mut Work| {
        let layer = case.layer();
        let cut = Cut::new(&layer, case.positions());
        let (mut arena, output_dims) = (case.arena(), case.output_dims());
        if let Some(value) = value {
            arena.split(0..case.stored().len()).1.fill(Lanes::narrow([value; BLOCK]));
        }
        let refs = case.refs();
        let input = InputBlocks::new(arena.split(0..0).0, &refs, case.dims);
        let mut voxels = vec![0.0; case.outputs * output_dims.iter().product::<usize>()];
        let sink = PlanarSink { voxels: voxels.len() / case.outputs, values: Shared::new(&mut voxels) };
        let (unit, isa) = (Unit::MODEL, Isa::detect());
        let task = Task { unit, isa, layer: &layer, cut, input, sink: &sink, output_dims, moments: None };
        // SAFETY: one thread.
        (0..cut.shares()).for_each(|share| unsafe { task.run(share, work) });
        voxels
    };
    let large = Case { dims: [4, 5, 8], parts: vec![16], outputs: 4, ..Case::default() };
    let small = Case { dims: [2, 3, 5], parts: vec![9], outputs: 4, padding: [0, 1, 1], ..large.clone() };
    let small = Case { kernel: [1, 3, 3], ..small };
    let mut work = Work::default();
    assert!(task(&large, Some(f32::INFINITY), &mut work).iter().any(|v| !v.is_finite()));
    let used = task(&small, None, &mut work);
    assert_eq!(used, task(&small, None, &mut Work::default()));
    let expected = small.expected();
    assert!(used.iter().zip(&expected).all(|(&value, exact)| (f64::from(value) - exact).abs() < 1e-5));
}

/// One product of random tiles, with rows that overlap.
struct Product<'a> {
    a: &'a [u16],
    row_bytes: usize,
    b: &'a [Line],
    c: &'a mut [f32; SUMS],
}

impl TileKernel for Product<'_> {
    fn run<T: Tiles>(self, mut tiles: T) {
        let Self { a, row_bytes, b, c } = self;
        assert!(a.len() * 2 >= (ROWS - 1) * row_bytes + 64 && b.len() >= 2 * ROWS);
        // SAFETY: the assert.
        unsafe {
            tiles.zero::<3>();
            tiles.load::<4>(a.as_ptr(), row_bytes);
            tiles.load::<7>(b.as_ptr().cast(), 64);
            tiles.load::<1>(b[ROWS..].as_ptr().cast(), 64);
            tiles.multiply::<3, 4, 7>();
            tiles.multiply::<3, 4, 1>();
            tiles.store::<3>(c.as_mut_ptr());
        }
    }
}

fn product(unit: Unit, a: &[u16], row_bytes: usize, b: &[Line]) -> [f32; SUMS] {
    let mut c = [f32::NAN; SUMS];
    unit.run(Product { a, row_bytes, b, c: &mut c });
    c
}

#[test]
fn hardware_is_the_model() {
    // Finite values of all magnitudes, denormals and both zeros among them.
    let any = |value: &f32| {
        let bits = (value.to_bits() ^ value.to_bits() << 7) as u16;
        if bits >> 7 & 0xff > 0xbf { bits & 0x9fff } else { bits }
    };
    for row_bytes in [32, 64, 192] {
        let a: Vec<u16> = noise(7, 2000).iter().map(any).collect();
        let b: Vec<u16> = noise(8, 2 * ROWS * ROW_VALUES).iter().map(any).collect();
        let b: Vec<Line> = b.as_chunks().0.iter().map(|&values| Line(values)).collect();
        let model = product(Unit::MODEL, &a, row_bytes, &b).map(f32::to_bits);
        for unit in units() {
            assert_eq!(product(unit, &a, row_bytes, &b).map(f32::to_bits), model, "{unit:?}, rows {row_bytes} apart");
        }
    }
}

#[test]
fn the_model_sums_even_and_odd_values_apart() {
    let half = |value: f32| Bf16::from_f32(value).0;
    let mut a = vec![0; ROWS * ROW_VALUES];
    let mut b = vec![Line::ZERO; 2 * ROWS];
    b[..ROWS].fill(Line([half(1.0); ROW_VALUES]));
    // One after the other 2^24 + 1 - 2^24 is 0 in f32; apart it is 1.
    a[..3].copy_from_slice(&[half(16_777_216.0), half(1.0), half(-16_777_216.0)]);
    // A denormal counts as zero, and so does a denormal result.
    a[ROW_VALUES..][..2].copy_from_slice(&[0x0040, half(2.0)]);
    a[2 * ROW_VALUES] = half(1e-30);
    b[0].0[0] = half(1e-10);
    let c = product(Unit::MODEL, &a, 64, &b);
    assert_eq!(c[1], 1.0);
    assert_eq!(c[BLOCK..][..2], [2.0, 2.0]);
    assert_eq!(c[2 * BLOCK..][..2], [0.0, round(1e-30)]);
}

/// A small network with every kind of convolution.
fn network() -> Arc<Program> {
    let mut g = GraphBuilder::new();
    let image = g.input(1);
    let x = g.conv(image, "first", graph::Conv::new(16, [3; 3]));
    let x = g.instance_norm(x, "norm", 1e-5);
    let x = g.activate(x, Activation::LeakyRelu { slope: 0.01 });
    let x = g.conv(x, "down", graph::Conv::new(20, [3; 3]).stride([2; 3]));
    let x = g.activate(x, Activation::Relu);
    let x = g.conv(x, "deep", graph::Conv::new(40, [3; 3]));
    let up = g.conv_transpose(x, "up", 16, [2; 3], true);
    let x = g.conv(up, "side", graph::Conv::new(5, [3; 3]).dilation([1, 2, 2]));
    let x = g.concat(&[up, x]);
    let x = g.conv(x, "merge", graph::Conv::new(24, [1, 3, 3]));
    let x = g.activate(x, Activation::Silu);
    let x = g.conv(x, "head", graph::Conv::new(3, [1; 3]));
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
