//! Which convolution kernel, how many thread blocks, how far to split.

use super::constants::{Layer, Route};
use super::driver::Shape;
use super::parameters::{ConvParameters, Parameters, ReduceParameters, Size, activation_code};
use super::plan::{Planner, blocks_of, int};
use crate::graph::Activation;
use crate::program::{BLOCK, Kind, Source, Step};

/// Outputs of a thread block of `conv_tile`, `[z, y, x]`.
const TILE: [usize; 3] = [4, 8, 8];
/// Rows of a thread block of `conv_gather`.
const ROWS: usize = 128;
/// Voxels of a thread block of `reduce_splits`.
const REDUCE_TILE: usize = 128;
/// Two buffers of 600 voxels and the offsets of those (`conv_tile.cu`).
const TILE_SHARED_BYTES: u32 = 2 * 600 * 32 + 600 * 4;
/// Three steps of 128 rows of 64 bytes (`conv_gather.cu`).
const GATHER_SHARED_BYTES: u32 = 3 * 128 * 64;
/// Thread blocks per multiprocessor that splitting aims at.
const BLOCKS_PER_MULTIPROCESSOR: usize = 2;
/// Units of a split of `conv_gather` at least: shorter ones do not pay.
const MIN_GATHER_UNITS: usize = 16;

/// Sizes that differ between the two kinds of convolution.
struct Geometry {
    rows: [usize; 3],
    stride: [usize; 3],
    padding: [usize; 3],
    scatter: [usize; 3],
    activation: Activation,
}

fn geometry(step: &Step, in_size: [usize; 3], out_size: [usize; 3]) -> Option<Geometry> {
    match &step.kind {
        Kind::Conv { conv, .. } => Some(Geometry {
            rows: out_size,
            stride: conv.stride,
            padding: conv.padding,
            scatter: [1; 3],
            activation: conv.activation,
        }),
        Kind::ConvTranspose { conv, .. } => Some(Geometry {
            rows: in_size,
            stride: [1; 3],
            padding: [0; 3],
            scatter: conv.kernel,
            activation: conv.activation,
        }),
        _ => None,
    }
}

impl Planner<'_> {
    /// Returns the tiles of its statistics.
    pub(super) fn convolution(&mut self, step: &Step, layer: Layer) -> Option<usize> {
        let (in_size, out_size) = (self.layout.grids[step.input_grid.0], self.layout.grids[step.output_grid.0]);
        let geometry = geometry(step, in_size, out_size)?;
        let (activation, slope) = activation_code(geometry.activation);
        let row_count: usize = geometry.rows.iter().product();
        let out_blocks = step.channels.div_ceil(BLOCK);
        let tile_blocks: usize = (0..3).map(|axis| out_size[axis].div_ceil(TILE[axis])).product();
        let gather_blocks = row_count.div_ceil(ROWS) * layer.shape.parts;
        // On small grids most of a tile would lie outside.
        let is_tile = layer.route == Route::Tile && tile_blocks * 256 <= 2 * gather_blocks * ROWS;
        let tiles = if is_tile { tile_blocks } else { gather_blocks };
        let (splits, units_per_split) = self.splits(layer, tiles * layer.shape.groups, is_tile);
        let base = self.addresses.constants;
        let mut parameters = ConvParameters {
            taps: base + layer.taps,
            weights: base + layer.weights,
            bias: base + layer.bias,
            values: self.block_target(step),
            planar_out: self.planar_target(step),
            statistics: step.statistics.map_or(0, |_| self.addresses.statistics),
            in_size: in_size.into(),
            out_size: out_size.into(),
            rows: geometry.rows.into(),
            stride: Size::from(geometry.stride),
            padding: geometry.padding.into(),
            scatter: geometry.scatter.into(),
            tap_count: int(layer.tap_count),
            units: int(layer.shape.units),
            units_per_split: int(units_per_split),
            groups: int(layer.shape.groups),
            out_blocks: int(out_blocks),
            channels: int(step.channels),
            tiles: int(tiles),
            activation,
            slope,
            ..ConvParameters::default()
        };
        match &step.kind {
            Kind::Conv { input: Source::Input { .. }, .. } => parameters.planar_in = self.addresses.input,
            Kind::Conv { input: Source::Value(value), .. } | Kind::ConvTranspose { input: value, .. } => {
                parameters.blocks = self.block_table(value);
            }
            _ => {}
        }
        let grid = [blocks_of(tiles * layer.shape.groups), 1, blocks_of(splits)];
        let shared_bytes = if is_tile { TILE_SHARED_BYTES } else { GATHER_SHARED_BYTES };
        let kernel = kernel_name(layer, is_tile);
        let shape = Shape { grid, threads: 128, shared_bytes };
        if splits == 1 {
            self.launch(kernel, shape, Parameters::Conv(parameters));
            self.need_statistics(out_blocks, tiles);
            return Some(tiles);
        }
        Some(self.split_convolution(step, kernel, shape, parameters))
    }

    /// Launches the parts, and what adds them.
    fn split_convolution(&mut self, step: &Step, kernel: &'static str, shape: Shape, whole: ConvParameters) -> usize {
        let voxels = self.voxels(step.output_grid.0);
        let (splits, out_blocks) = (shape.grid[2], step.channels.div_ceil(BLOCK));
        let bytes = splits as usize * out_blocks * voxels * BLOCK * size_of::<f32>();
        self.plan.partial_sum_bytes = self.plan.partial_sum_bytes.max(bytes);
        let partial_sums = self.addresses.partial_sums;
        self.launch(kernel, shape, Parameters::Conv(ConvParameters { partial_sums, statistics: 0, ..whole }));
        let tiles = voxels.div_ceil(REDUCE_TILE);
        let reduce = ReduceParameters {
            partial_sums,
            bias: whole.bias,
            values: whole.values,
            planar_out: whole.planar_out,
            statistics: whole.statistics,
            voxels: voxels as u64,
            splits: int(splits as usize),
            channels: whole.channels,
            tiles: int(tiles),
            activation: whole.activation,
            slope: whole.slope,
        };
        let shape = Shape { grid: [blocks_of(tiles), blocks_of(out_blocks), 1], threads: 256, shared_bytes: 0 };
        self.launch("reduce_splits", shape, Parameters::Reduce(reduce));
        self.need_statistics(out_blocks, tiles);
        tiles
    }

    /// Splits and units of each: enough thread blocks to fill the GPU where
    /// the grid is small and the channels are many.
    fn splits(&self, layer: Layer, thread_blocks: usize, is_tile: bool) -> (usize, usize) {
        let units = layer.shape.units;
        let step = if is_tile { layer.tap_count } else { MIN_GATHER_UNITS };
        let wanted = (self.multiprocessors * BLOCKS_PER_MULTIPROCESSOR / thread_blocks.max(1)).min(units / step);
        if wanted < 2 || layer.route == Route::Planar {
            return (1, units.next_multiple_of(2));
        }
        let per_split = units.div_ceil(wanted).next_multiple_of(if is_tile { layer.tap_count } else { 2 });
        (units.div_ceil(per_split), per_split)
    }
}

fn kernel_name(layer: Layer, is_tile: bool) -> &'static str {
    match (layer.route, is_tile, layer.shape.n_tiles) {
        (_, true, 2) => "conv_tile_16",
        (_, true, 4) => "conv_tile_32",
        (_, true, _) => "conv_tile_64",
        (Route::Planar, _, 2) => "conv_planar_16",
        (Route::Planar, _, 4) => "conv_planar_32",
        (Route::Planar, _, _) => "conv_planar_64",
        (_, _, 2) => "conv_gather_16",
        (_, _, 4) => "conv_gather_32",
        (_, _, _) => "conv_gather_64",
    }
}
