//! Winograd's method against the plain sum in f64: a wrong transform, border
//! or lane would make every network after it wrong without any error.

use super::*;
use crate::cpu::arena::Arena;
use crate::cpu::blocks::{BlockRef, InputBlocks, OutputBlocks, Shared};
use crate::cpu::element::Lanes;
use crate::cpu::statistics::Moments;
use crate::cpu::vector::{Element, F16, Isa};
use crate::graph::Activation;
use crate::program::{BLOCK, Conv};

/// One convolution on random data.
#[derive(Debug, Clone)]
struct Case {
    dims: [usize; 3],
    /// Channels of each part of the input.
    parts: Vec<usize>,
    outputs: usize,
    tile: Tile,
    activation: Activation,
}

impl Default for Case {
    fn default() -> Self {
        let activation = Activation::LeakyRelu { slope: 0.01 };
        Self { dims: [5, 6, 7], parts: vec![16], outputs: 16, tile: Tile { outputs: [4; 3] }, activation }
    }
}

/// What a run leaves behind.
#[derive(Debug, PartialEq)]
struct Outcome<E> {
    voxels: Vec<Lanes<E>>,
    moments: Vec<Moments>,
}

/// Uniform in `[-0.5, 0.5)` (xorshift, Marsaglia 2003).
fn noise(seed: u32, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let step = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    std::iter::repeat_with(step).take(len).collect()
}

impl Case {
    fn conv(&self) -> Conv {
        let inputs: usize = self.parts.iter().sum();
        let kernel = [if self.tile.outputs[0] == 1 { 1 } else { 3 }, 3, 3];
        Conv {
            name: "test".to_owned(),
            outputs: self.outputs,
            kernel,
            stride: [1; 3],
            padding: kernel.map(|size| size / 2),
            dilation: [1; 3],
            weight: noise(1, self.outputs * inputs * kernel[0] * 9).into(),
            bias: noise(2, self.outputs).into(),
            activation: self.activation,
        }
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
            let pick = |seed, middle: f32| {
                let values = noise(seed + index as u32, BLOCK);
                std::array::from_fn(|lane| if lanes[lane].is_some() { values[lane] + middle } else { 0.0 })
            };
            let slope = [1.0, 0.1, 0.0][index % 3];
            BlockRef { first: index * voxels, scale: pick(10, 1.0), shift: pick(20, 0.0), slope }
        };
        lanes.chunks(BLOCK).enumerate().map(block).collect()
    }

    fn stored<E: Element>(&self) -> Vec<Lanes<E>> {
        let values = noise(3, self.lanes().len() * self.dims.iter().product::<usize>());
        values.as_chunks::<BLOCK>().0.iter().map(|&lanes| Lanes::narrow(lanes)).collect()
    }

    /// `split` runs every batch for every panel (it is told their numbers).
    fn run<E: Element>(&self, isa: Isa, split: impl FnOnce(&Task<'_, E>, usize, usize)) -> Outcome<E> {
        let layer = Winograd::new(&self.conv(), &self.lanes(), self.tile);
        let sizes = Sizes::new(&layer, self.dims, isa.rows());
        let stored = self.stored::<E>();
        let voxels: usize = self.dims.iter().product();
        let mut arena = Arena::<E>::new(stored.len() + layer.panels() * voxels).unwrap();
        arena.split(0..stored.len()).1.copy_from_slice(&stored);
        let (reads, target) = arena.split(stored.len()..stored.len() + layer.panels() * voxels);
        let mut moments = vec![Moments::default(); sizes.batches() * layer.panels()];
        {
            let output = OutputBlocks::new(&mut *target, self.dims);
            let shared = Shared::new(&mut moments);
            let refs = self.refs();
            let input = InputBlocks::new(reads, &refs, self.dims);
            let task = Task { isa, layer: &layer, sizes, input, output: &output, moments: Some(&shared) };
            split(&task, sizes.batches(), layer.panels());
        }
        Outcome { voxels: target.to_vec(), moments }
    }

    /// `[output][z][y][x]`.
    fn expected<E: Element>(&self) -> Vec<f64> {
        let (conv, lanes, refs) = (self.conv(), self.lanes(), self.refs());
        let inputs: usize = self.parts.iter().sum();
        let [depth, height, width] = self.dims;
        let stored = self.stored::<E>();
        let load = |lane: usize, voxel: usize| {
            let block = &refs[lane / BLOCK];
            let value = f64::from(stored[block.first + voxel].widen()[lane % BLOCK]);
            let value = value * f64::from(block.scale[lane % BLOCK]) + f64::from(block.shift[lane % BLOCK]);
            value.max(value * f64::from(block.slope))
        };
        let voxels = depth * height * width;
        let live = lanes.iter().enumerate().filter(|(_, channel)| channel.is_some()).map(|(lane, _)| lane);
        let planes: Vec<Vec<f64>> = live.map(|lane| (0..voxels).map(|voxel| load(lane, voxel)).collect()).collect();
        let taps = conv.kernel[0] * 9;
        let at = |output: usize, voxel: usize| {
            let here = [voxel / (width * height), voxel / width % height, voxel % width];
            let mut sum = f64::from(conv.bias[output]);
            for tap in 0..taps {
                let shift = [tap / 9, tap / 3 % 3, tap % 3];
                let from: [usize; 3] = std::array::from_fn(|a| (here[a] + shift[a]).wrapping_sub(conv.padding[a]));
                if (0..3).any(|a| from[a] >= self.dims[a]) {
                    continue;
                }
                let from = (from[0] * height + from[1]) * width + from[2];
                for (input, plane) in planes.iter().enumerate() {
                    sum += plane[from] * f64::from(conv.weight[(output * inputs + input) * taps + tap]);
                }
            }
            curve(self.activation, sum)
        };
        (0..self.outputs * voxels).map(|index| at(index / voxels, index % voxels)).collect()
    }

    /// Runs and compares voxels and statistics; `tolerance` is relative to
    /// the largest output.
    fn check<E: Element>(&self, isa: Isa, tolerance: f64) {
        let expected = self.expected::<E>();
        let Outcome { voxels, moments } = self.run::<E>(isa, in_order);
        let count: usize = self.dims.iter().product();
        let largest = expected.iter().fold(1e-3_f64, |a, b| a.max(b.abs()));
        for (index, expected) in expected.iter().enumerate() {
            let (output, voxel) = (index / count, index % count);
            let value = voxels[output / BLOCK * count + voxel].widen()[output % BLOCK];
            let error = (f64::from(value) - expected).abs() / largest;
            assert!(error < tolerance, "{self:?} {isa:?}: output {output}, voxel {voxel}: {value} is not {expected}");
        }
        let panels = self.outputs.div_ceil(BLOCK);
        // Statistics are those of what was stored, after rounding.
        for output in 0..self.outputs {
            let stored = voxels[output / BLOCK * count..][..count].iter();
            let plane: Vec<f64> = stored.map(|voxel| f64::from(voxel.widen()[output % BLOCK])).collect();
            let mut total = Moments::default();
            moments.iter().skip(output / BLOCK).step_by(panels).for_each(|batch| total.merge(batch));
            let (sum, squares) = (total.sum[output % BLOCK], total.squares[output % BLOCK]);
            let room = 1e-5 * count as f64 * largest;
            assert!((sum - plane.iter().sum::<f64>()).abs() < room, "{self:?} {isa:?}: sum of output {output}");
            let expected: f64 = plane.iter().map(|v| v * v).sum();
            assert!((squares - expected).abs() < 2.0 * room * largest, "{self:?} {isa:?}: squares of {output}");
        }
    }
}

/// One thread, one batch after the other.
fn in_order<E: Element>(task: &Task<'_, E>, batches: usize, panels: usize) {
    let mut work = Work::default();
    for batch in 0..batches {
        // SAFETY: one thread.
        unsafe { task.run(batch, 0..panels, &mut work) };
    }
}

/// `activation` in f64.
fn curve(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        straight => x.max(x * f64::from(straight.slope().unwrap_or(1.0))),
    }
}

/// Tiles of a kernel with depth, and without.
fn tiles() -> Vec<Tile> {
    let mut tiles = Vec::new();
    for z in [1, 2, 4] {
        for y in [2, 4] {
            tiles.extend([2, 4].map(|x| Tile { outputs: [z, y, x] }));
        }
    }
    tiles
}

#[test]
fn every_instruction_set_and_tile_computes_the_convolution() {
    for isa in Isa::available() {
        for tile in tiles() {
            Case { tile, ..Case::default() }.check::<f32>(isa, 5e-6);
        }
    }
}

#[test]
fn volumes_of_any_size_end_where_they_should() {
    let isa = Isa::detect();
    for size in 1..=9 {
        for tile in tiles() {
            let dims = [size, 10 - size, 1 + size * 4 % 9];
            Case { dims, tile, ..Case::default() }.check::<f32>(isa, 5e-6);
        }
    }
    Case { dims: [17, 5, 33], ..Case::default() }.check::<f32>(isa, 5e-6);
    // Rows longer than a run, and more tiles than a batch.
    let tile = Tile { outputs: [1, 2, 2] };
    Case { dims: [2, 9, 71], tile, ..Case::default() }.check::<f32>(isa, 5e-6);
}

#[test]
fn any_number_of_channels_and_parts() {
    for channels in [1, 3, 16, 17, 28, 48] {
        for isa in Isa::available() {
            Case { parts: vec![channels], outputs: 49 - channels, ..Case::default() }.check::<f32>(isa, 5e-6);
        }
    }
    Case { parts: vec![3, 16, 20], outputs: 5, ..Case::default() }.check::<f32>(Isa::detect(), 5e-6);
}

#[test]
fn many_channels_do_not_add_up_errors() {
    for (tile, tolerance) in [([2, 2, 2], 6e-7), ([2, 4, 4], 2e-6), ([4, 4, 4], 4e-6)] {
        let parts = vec![320];
        Case { dims: [8, 8, 8], parts, tile: Tile { outputs: tile }, ..Case::default() }
            .check::<f32>(Isa::detect(), tolerance);
    }
}

#[test]
fn every_activation() {
    for activation in [
        Activation::Identity,
        Activation::Relu,
        Activation::LeakyRelu { slope: 0.2 },
        Activation::Silu,
        Activation::Sigmoid,
    ] {
        for isa in Isa::available() {
            Case { activation, ..Case::default() }.check::<f32>(isa, 5e-6);
        }
    }
}

#[test]
fn f16_is_rounded_once() {
    for isa in Isa::available() {
        // Half a unit in the last of 11 bits, and a little.
        Case { parts: vec![16, 9], outputs: 20, ..Case::default() }.check::<F16>(isa, 1.02 / 2048.0);
    }
}

#[test]
fn any_split_gives_the_same_bits() {
    let case = Case { dims: [13, 18, 22], parts: vec![20], outputs: 40, ..Case::default() };
    for isa in Isa::available() {
        let whole = case.run::<f32>(isa, in_order);
        let one_by_one = case.run::<f32>(isa, |task, batches, panels| {
            use rayon::prelude::*;
            (0..batches * panels).into_par_iter().rev().for_each(|index| {
                let (batch, panel) = (index % batches, index / batches);
                // SAFETY: every batch and panel once.
                unsafe { task.run(batch, panel..panel + 1, &mut Work::default()) };
            });
        });
        assert!(whole == one_by_one, "{isa:?}");
    }
}

#[test]
fn memory_of_a_larger_layer_can_be_used_for_a_smaller_one() {
    let mut work = Work::default();
    for dims in [[9, 9, 30], [3, 2, 5]] {
        let case = Case { dims, ..Case::default() };
        let fresh = case.run::<f32>(Isa::detect(), in_order);
        let reused = case.run::<f32>(Isa::detect(), |task, batches, panels| {
            // SAFETY: one thread.
            (0..batches).for_each(|batch| unsafe { task.run(batch, 0..panels, &mut work) });
        });
        assert!(fresh == reused);
    }
}
