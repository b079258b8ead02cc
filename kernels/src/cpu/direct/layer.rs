//! Weights in the order the inner loop reads them.

use std::ops::Range;
use std::sync::Arc;

use crate::cpu::element::Lanes;
use crate::graph::Activation;
use crate::program::{BLOCK, Conv, ConvTranspose};

/// Rows of 16 weights between two visits of a tile: 12 KB, so that they and
/// the voxels under them fit a first-level cache of 32 KB.
const CHUNK_ROWS: usize = 192;

/// A part of the sums: some input planes, some taps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Input blocks, or planar channels.
    pub planes: Range<usize>,
    pub taps: Range<usize>,
    /// First row of weights within a panel.
    pub first_row: usize,
}

/// Where a panel of 16 columns goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cpu) struct PanelTarget {
    /// Output block.
    pub block: usize,
    /// Output voxel relative to the position's first, `[z, y, x]`.
    pub shift: [usize; 3],
}

/// A convolution ready to run.
#[derive(Debug)]
pub(in crate::cpu) struct Direct {
    pub(super) kernel: [usize; 3],
    pub(super) stride: [usize; 3],
    pub(super) padding: [usize; 3],
    pub(super) dilation: [usize; 3],
    /// Values side by side at each voxel of the input: 16, or 1 when planar.
    pub(super) run: usize,
    pub(super) chunks: Vec<Chunk>,
    pub(super) targets: Vec<PanelTarget>,
    /// Output voxels per position: the kernel of a transposed convolution.
    pub(super) scale: [usize; 3],
    /// Rows of weights per panel.
    rows: usize,
    /// `[panel][row]`.
    weights: Vec<Lanes<f32>>,
    pub(super) bias: Vec<[f32; BLOCK]>,
    pub(super) activation: Activation,
}

/// What is packed: sizes, and where each column's weights come from.
struct Source<'a> {
    /// Channel of each stored value of the input.
    lanes: &'a [Option<usize>],
    run: usize,
    taps: usize,
    outputs: usize,
    /// Panels per block: the taps of a transposed convolution.
    corners: usize,
}

impl Direct {
    /// Packs a convolution of blocks with these lanes
    /// ([`crate::program::Value::lanes`]).
    pub fn of_blocks(conv: &Conv, lanes: &[Option<usize>]) -> Self {
        Self::new(conv, lanes, BLOCK)
    }

    /// Packs a convolution of planar channels.
    pub fn of_planes(conv: &Conv, channels: usize) -> Self {
        let lanes: Vec<_> = (0..channels).map(Some).collect();
        Self::new(conv, &lanes, 1)
    }

    fn new(conv: &Conv, lanes: &[Option<usize>], run: usize) -> Self {
        let taps: usize = conv.kernel.iter().product();
        let inputs = lanes.iter().flatten().count();
        let source = Source { lanes, run, taps, outputs: conv.outputs, corners: 1 };
        let weight = |_, output: usize, input: usize, tap: usize| conv.weight[(output * inputs + input) * taps + tap];
        Self {
            kernel: conv.kernel,
            stride: conv.stride,
            padding: conv.padding,
            dilation: conv.dilation,
            ..source.pack(weight, &conv.bias, conv.activation)
        }
    }

    /// Packs a transposed convolution: one output voxel per tap and input
    /// voxel, so a 1x1x1 convolution to as many times the channels.
    pub fn transposed(conv: &ConvTranspose, lanes: &[Option<usize>]) -> Self {
        let corners: usize = conv.kernel.iter().product();
        let source = Source { lanes, run: BLOCK, taps: 1, outputs: conv.outputs, corners };
        let weight =
            |corner, output: usize, input: usize, _| conv.weight[(input * conv.outputs + output) * corners + corner];
        let mut packed = source.pack(weight, &conv.bias, conv.activation);
        let [_, ky, kx] = conv.kernel;
        let blocks = conv.outputs.div_ceil(BLOCK);
        for (panel, target) in packed.targets.iter_mut().enumerate() {
            let corner = panel / blocks;
            target.shift = [corner / (ky * kx), corner / kx % ky, corner % kx];
        }
        packed.scale = conv.kernel;
        packed
    }

    /// Panels of 16 columns.
    pub fn panels(&self) -> usize {
        self.targets.len()
    }

    /// Bytes of the packed weights.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.weights) + size_of_val(&*self.bias)
    }

    /// The weights that [`Direct::of_blocks`] was given, bit for bit.
    pub fn unpacked(&self, outputs: usize, lanes: &[Option<usize>]) -> Arc<[f32]> {
        let taps = self.kernel.iter().product();
        let source = Source { lanes, run: self.run, taps, outputs, corners: 1 };
        let inputs = lanes.iter().flatten().count();
        let mut weights = vec![0.0; outputs * inputs * taps];
        for (block, panel) in self.weights.chunks_exact(self.rows.max(1)).enumerate() {
            for (row, (lane, tap)) in panel.iter().zip(source.rows(&self.chunks)) {
                let Some(input) = lane else { continue };
                for (value, output) in row.0.iter().zip(block * BLOCK..outputs) {
                    weights[(output * inputs + input) * taps + tap] = *value;
                }
            }
        }
        weights.into()
    }

    /// The weights of one panel and chunk.
    #[inline(always)]
    pub(super) fn weights(&self, panel: usize, chunk: &Chunk) -> &[Lanes<f32>] {
        let rows = chunk.planes.len() * chunk.taps.len() * self.run;
        &self.weights[panel * self.rows + chunk.first_row..][..rows]
    }

    /// Most input planes of a chunk.
    pub(super) fn planes_at_once(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.planes.len()).max().unwrap_or(0)
    }
}

impl Source<'_> {
    fn pack(&self, weight: impl Fn(usize, usize, usize, usize) -> f32, bias: &[f32], activation: Activation) -> Direct {
        let chunks = self.chunks();
        let blocks = self.outputs.div_ceil(BLOCK);
        let rows = self.lanes.len() * self.taps;
        let mut weights = Vec::with_capacity(blocks * self.corners * rows);
        let mut targets = Vec::with_capacity(blocks * self.corners);
        for panel in 0..blocks * self.corners {
            let (corner, block) = (panel / blocks, panel % blocks);
            targets.push(PanelTarget { block, shift: [0; 3] });
            for (lane, tap) in self.rows(&chunks) {
                let mut row = Lanes([0.0; BLOCK]);
                for (value, output) in row.0.iter_mut().zip(block * BLOCK..self.outputs) {
                    *value = lane.map_or(0.0, |input| weight(corner, output, input, tap));
                }
                weights.push(row);
            }
        }
        let lane_bias = |output: usize| bias.get(output).copied().unwrap_or(0.0);
        let bias = targets.iter().map(|target| std::array::from_fn(|lane| lane_bias(target.block * BLOCK + lane)));
        Direct {
            kernel: [1; 3],
            stride: [1; 3],
            padding: [0; 3],
            dilation: [1; 3],
            run: self.run,
            chunks,
            bias: bias.collect(),
            targets,
            scale: [1; 3],
            rows,
            weights,
            activation,
        }
    }

    /// Input channel and tap of each row of a panel.
    fn rows(&self, chunks: &[Chunk]) -> impl Iterator<Item = (Option<usize>, usize)> {
        chunks.iter().flat_map(move |chunk| {
            let pieces = chunk.planes.clone().flat_map(|plane| chunk.taps.clone().map(move |tap| (plane, tap)));
            pieces.flat_map(move |(plane, tap)| {
                self.lanes[plane * self.run..][..self.run].iter().map(move |lane| (*lane, tap))
            })
        })
    }

    /// Divides planes and taps so that a chunk has at most [`CHUNK_ROWS`]
    /// rows, and chunks of the same planes follow each other.
    fn chunks(&self) -> Vec<Chunk> {
        let planes = self.lanes.len() / self.run;
        let pieces = CHUNK_ROWS / self.run;
        let planes_at_once = (pieces / self.taps).clamp(1, planes.max(1));
        let taps_at_once = self.taps.div_ceil(self.taps.div_ceil(pieces));
        let mut chunks = Vec::new();
        let mut first_row = 0;
        for first in (0..planes).step_by(planes_at_once) {
            let planes = first..(first + planes_at_once).min(planes);
            for first in (0..self.taps).step_by(taps_at_once) {
                let taps = first..(first + taps_at_once).min(self.taps);
                let rows = planes.len() * taps.len() * self.run;
                chunks.push(Chunk { planes: planes.clone(), taps, first_row });
                first_row += rows;
            }
        }
        chunks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_weights_come_back() {
        // 21 outputs of 5 + 16 + 3 channels: dead lanes in two of three blocks.
        let lanes = |from: usize, n: usize| (0..BLOCK).map(move |i| (i < n).then_some(from + i));
        let lanes: Vec<_> = lanes(0, 5).chain(lanes(5, 16)).chain(lanes(21, 3)).collect();
        let conv = Conv {
            name: "layer".to_owned(),
            outputs: 21,
            kernel: [3; 3],
            stride: [1; 3],
            padding: [1; 3],
            dilation: [1; 3],
            weight: (0..21 * 24 * 27).map(|i| i as f32).collect(),
            bias: vec![0.0; 21].into(),
            activation: Activation::Identity,
        };
        let packed = Direct::of_blocks(&conv, &lanes);
        assert_eq!(packed.unpacked(21, &lanes), conv.weight);
    }

    #[test]
    fn every_plane_and_tap_is_in_one_chunk() {
        for (lanes, run, taps) in [(16, 16, 27), (208, 16, 1), (48, 16, 4), (3, 1, 36), (1, 1, 343), (20, 1, 27)] {
            let channels: Vec<_> = (0..lanes).map(Some).collect();
            let source = Source { lanes: &channels, run, taps, outputs: 16, corners: 1 };
            let mut seen = vec![0; lanes / run * taps];
            let mut rows = 0;
            for chunk in source.chunks() {
                assert_eq!(chunk.first_row, rows);
                rows += chunk.planes.len() * chunk.taps.len() * run;
                assert!(chunk.planes.len() * chunk.taps.len() * run <= CHUNK_ROWS);
                for plane in chunk.planes {
                    chunk.taps.clone().for_each(|tap| seen[plane * taps + tap] += 1);
                }
            }
            assert!(seen.iter().all(|&n| n == 1), "{lanes} {run} {taps}: {seen:?}");
        }
    }
}
