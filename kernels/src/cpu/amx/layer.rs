//! The weights of one layer as the tile unit reads them.

use super::taps::{Axis, Step, steps_of_pair, steps_of_single};
use super::tiles::{Line, ROWS};
use crate::cpu::direct::PanelTarget;
use crate::graph::Activation;
use crate::half_precision::bf16_from_f32;
use crate::program::{BLOCK, Conv, ConvTranspose};

/// Input blocks that lie side by side in a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plane {
    pub first_block: usize,
    /// Two, or one where their number is odd.
    pub blocks: usize,
}

/// A convolution ready to run on a tile unit.
#[derive(Debug)]
pub(in crate::cpu) struct Layer {
    pub(super) axes: [Axis; 3],
    pub(super) planes: Vec<Plane>,
    /// In the order of the sums: all taps of a plane before the next plane.
    pub(super) steps: Vec<Step>,
    pub(super) targets: Vec<PanelTarget>,
    /// Output voxels per position: the kernel of a transposed convolution.
    pub(super) scale: [usize; 3],
    /// `[panel][step][pair of values][output channel][value of the pair]`.
    weights: Vec<Line>,
    pub(super) bias: Vec<[f32; BLOCK]>,
    pub(super) activation: Activation,
}

impl Layer {
    /// Packs a convolution of blocks with these lanes
    /// ([`crate::program::Value::lanes`]).
    pub fn of_blocks(conv: &Conv, lanes: &[Option<usize>]) -> Self {
        let axes = [0, 1, 2]
            .map(|axis| Axis::new(conv.kernel[axis], conv.stride[axis], conv.padding[axis], conv.dilation[axis]));
        let taps: usize = conv.kernel.iter().product();
        let inputs = lanes.iter().flatten().count();
        let weight = |_, output: usize, input: usize, tap: usize| conv.weight[(output * inputs + input) * taps + tap];
        Source { axes, lanes, scale: [1; 3], bias: &conv.bias, activation: conv.activation }.pack(weight)
    }

    /// Packs a transposed convolution: one output voxel per tap and input
    /// voxel, so a 1x1x1 convolution to as many times the channels.
    pub fn transposed(conv: &ConvTranspose, lanes: &[Option<usize>]) -> Self {
        let corners: usize = conv.kernel.iter().product();
        let weight =
            |corner, output: usize, input: usize, _| conv.weight[(input * conv.outputs + output) * corners + corner];
        let axes = [0; 3].map(|_| Axis::new(1, 1, 0, 1));
        Source { axes, lanes, scale: conv.kernel, bias: &conv.bias, activation: conv.activation }.pack(weight)
    }

    /// Panels of 16 output channels; with corners, those of each corner.
    pub fn panels(&self) -> usize {
        self.targets.len()
    }

    /// Bytes of the packed weights.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.weights) + size_of_val(&*self.bias)
    }

    /// One tile per step.
    pub(super) fn weights(&self, panel: usize) -> &[Line] {
        let lines = self.steps.len() * ROWS;
        &self.weights[panel * lines..][..lines]
    }
}

/// What is packed, besides the weights.
struct Source<'a> {
    axes: [Axis; 3],
    lanes: &'a [Option<usize>],
    scale: [usize; 3],
    bias: &'a [f32],
    activation: Activation,
}

impl Source<'_> {
    /// `weight` is asked for corner, output, input and tap.
    fn pack(self, weight: impl Fn(usize, usize, usize, usize) -> f32) -> Layer {
        let Self { axes, lanes, scale, bias, activation } = self;
        let (planes, steps) = planes_and_steps(&axes, lanes.len() / BLOCK);
        let blocks = bias.len().div_ceil(BLOCK);
        let corners: usize = scale.iter().product();
        let mut weights = Vec::with_capacity(blocks * corners * steps.len() * ROWS);
        let mut targets = Vec::with_capacity(blocks * corners);
        for panel in 0..blocks * corners {
            let (corner, block) = (panel / blocks, panel % blocks);
            let shift = [corner / (scale[1] * scale[2]), corner / scale[2] % scale[1], corner % scale[2]];
            targets.push(PanelTarget { block, shift });
            let column = |k: usize, step: &Step| -> [f32; BLOCK] {
                let Some((input_block, tap)) = step.halves[k / BLOCK] else { return [0.0; BLOCK] };
                let Some(input) = lanes[input_block * BLOCK + k % BLOCK] else { return [0.0; BLOCK] };
                let value = |lane: usize| (block * BLOCK + lane < bias.len()).then(|| block * BLOCK + lane);
                std::array::from_fn(|lane| value(lane).map_or(0.0, |output| weight(corner, output, input, tap)))
            };
            for step in &steps {
                weights.extend((0..ROWS).map(|row| interleave(column(2 * row, step), column(2 * row + 1, step))));
            }
        }
        let lane_bias = |output: usize| bias.get(output).copied().unwrap_or(0.0);
        let bias = targets.iter().map(|target| std::array::from_fn(|lane| lane_bias(target.block * BLOCK + lane)));
        Layer { axes, planes, steps, bias: bias.collect(), targets, scale, weights, activation }
    }
}

fn planes_and_steps(axes: &[Axis; 3], blocks: usize) -> (Vec<Plane>, Vec<Step>) {
    let (mut planes, mut steps) = (Vec::new(), Vec::new());
    for first_block in (0..blocks).step_by(2) {
        let plane = planes.len();
        if first_block + 1 < blocks {
            planes.push(Plane { first_block, blocks: 2 });
            steps.extend(steps_of_pair(axes, plane, [first_block, first_block + 1]));
        } else {
            planes.push(Plane { first_block, blocks: 1 });
            steps.extend(steps_of_single(axes, plane, first_block));
        }
    }
    (planes, steps)
}

/// A row of a tile of weights: the two values each column has for it.
fn interleave(first: [f32; BLOCK], second: [f32; BLOCK]) -> Line {
    let value = |index: usize| if index.is_multiple_of(2) { first[index / 2] } else { second[index / 2] };
    Line(std::array::from_fn(|index| bf16_from_f32(value(index))))
}
