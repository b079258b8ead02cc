//! A convolution on random data, on a tile unit and as a plain sum in f64.
//!
//! Scales and shifts are short binary fractions, so that loads are exact and
//! the plain sum knows the rounded inputs.

use crate::cpu::amx::{Cut, Layer, Task, Unit, Work};
use crate::cpu::arena::Arena;
use crate::cpu::blocks::{BlockRef, InputBlocks, OutputBlocks, Shared};
use crate::cpu::direct::BlockSink;
use crate::cpu::element::Lanes;
use crate::cpu::statistics::Moments;
use crate::cpu::vector::{F16, Isa};
use crate::graph::Activation;
use crate::half_precision::{bf16_from_f32, bf16_to_f32};
use crate::program::{BLOCK, Conv, ConvTranspose};

/// One convolution on random data.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub dims: [usize; 3],
    /// Channels of each part of the input.
    pub parts: Vec<usize>,
    pub outputs: usize,
    pub kernel: [usize; 3],
    pub stride: [usize; 3],
    pub padding: [usize; 3],
    pub dilation: [usize; 3],
    pub transposed: bool,
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
pub(super) struct Outcome {
    pub voxels: Vec<Lanes<f32>>,
    pub moments: Vec<Moments>,
}

/// Uniform in `[-0.5, 0.5)` (xorshift, Marsaglia 2003).
pub(super) fn noise(seed: u32, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let step = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    std::iter::repeat_with(step).take(len).collect()
}

pub(super) fn round(value: f32) -> f32 {
    bf16_to_f32(bf16_from_f32(value))
}

pub(super) fn units() -> Vec<Unit> {
    std::iter::once(Unit::MODEL).chain(Unit::detect()).collect()
}

impl Case {
    fn inputs(&self) -> usize {
        self.parts.iter().sum()
    }

    fn weight(&self) -> Vec<f32> {
        noise(1, self.outputs * self.inputs() * self.kernel.iter().product::<usize>())
    }

    pub fn layer(&self) -> Layer {
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

    pub fn refs(&self) -> Vec<BlockRef> {
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

    pub fn stored(&self) -> Vec<Lanes<F16>> {
        let values = noise(3, self.lanes().len() * self.dims.iter().product::<usize>());
        values.as_chunks::<BLOCK>().0.iter().map(|&values| Lanes::narrow(values)).collect()
    }

    pub fn output_dims(&self) -> [usize; 3] {
        std::array::from_fn(|a| {
            if self.transposed {
                return self.dims[a] * self.kernel[a];
            }
            (self.dims[a] + 2 * self.padding[a] - self.dilation[a] * (self.kernel[a] - 1) - 1) / self.stride[a] + 1
        })
    }

    /// Positions that shares divide.
    pub fn positions(&self) -> [usize; 3] {
        if self.transposed { self.dims } else { self.output_dims() }
    }

    pub fn arena(&self) -> Arena<F16> {
        let stored = self.stored();
        let mut arena = Arena::new(stored.len()).unwrap();
        arena.split(0..stored.len()).1.copy_from_slice(&stored);
        arena
    }

    /// `order` runs the shares.
    pub fn run(&self, unit: Unit, isa: Isa, order: fn(&Task<'_, F16, BlockSink<'_, f32>>)) -> Outcome {
        let layer = self.layer();
        let cut = Cut::of_tiles(&layer, self.positions());
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
    pub fn expected(&self) -> Vec<f64> {
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
    pub fn check(&self) {
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

pub(super) fn in_order(task: &Task<'_, F16, BlockSink<'_, f32>>) {
    let mut work = Work::default();
    // SAFETY: one thread.
    (0..task.cut.shares()).for_each(|share| unsafe { task.run(share, &mut work) });
}
