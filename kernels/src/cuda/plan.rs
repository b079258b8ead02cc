//! The launches of one run for one size of image.
//!
//! Planning is pure: it needs no GPU, and is done twice, once to learn how
//! much memory the tables and the scratch space need, once with the addresses.

use super::constants::{Blob, Constants};
use super::driver::Shape;
use super::parameters::{
    Address, Block, FinishParameters, NO_LANE, Norm, Parameters, PointwiseParameters, Size, StatisticsParameters,
    StoreParameters, View, activation_code, combine_code, pool_code, upsample_code,
};
use crate::graph::Activation;
use crate::program::{Affine, BLOCK, Finish, Kind, Layout, Program, Source, Step, Target, Value};

/// Voxels of a tile of `block_statistics`.
const STATISTICS_TILE: usize = 1024;

/// Where things are on the GPU.
#[derive(Debug, Clone, Default)]
pub(crate) struct Addresses {
    pub constants: Address,
    pub arena: Address,
    pub tables: Address,
    pub statistics: Address,
    pub partial_sums: Address,
    pub input: Address,
    /// One per program output.
    pub outputs: Vec<Address>,
}

/// One kernel to start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Launch {
    pub kernel: &'static str,
    pub shape: Shape,
    pub parameters: Parameters,
}

/// What to start, and how much memory that needs besides arena and constants.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub launches: Vec<Launch>,
    pub tables: Blob,
    pub statistics_bytes: usize,
    pub partial_sum_bytes: usize,
}

/// Plans all steps of `program` at the sizes of `layout`.
pub(crate) fn plan(
    program: &Program,
    layout: &Layout,
    constants: &Constants,
    addresses: &Addresses,
    multiprocessors: usize,
) -> Plan {
    let mut planner = Planner { program, layout, constants, addresses, multiprocessors, plan: Plan::default() };
    for (index, step) in program.steps.iter().enumerate() {
        planner.step(index, step);
    }
    planner.plan
}

pub(super) struct Planner<'a> {
    pub program: &'a Program,
    pub layout: &'a Layout,
    pub constants: &'a Constants,
    pub addresses: &'a Addresses,
    pub multiprocessors: usize,
    pub plan: Plan,
}

/// Kernels take sizes as `i32`; the executor refuses larger images.
pub(super) fn int(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

pub(super) fn blocks_of(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Planner<'_> {
    fn step(&mut self, index: usize, step: &Step) {
        // Tiles of the statistics that the step itself has written.
        let mut tiles = None;
        match &step.kind {
            Kind::Conv { .. } | Kind::ConvTranspose { .. } => {
                if let Some(layer) = self.constants.layers[index] {
                    tiles = self.convolution(step, layer);
                }
            }
            Kind::Store { input, activation, finish } => self.store(step, input, *activation, *finish),
            _ => self.pointwise(step),
        }
        self.statistics(step, tiles);
    }

    fn store(&mut self, step: &Step, input: &Value, activation: Activation, finish: Finish) {
        let kernel = if finish == Finish::Softmax { "store_softmax" } else { "store_planar_blocks" };
        let (activation, slope) = activation_code(activation);
        let voxels = self.voxels(step.output_grid.0);
        let parameters = StoreParameters {
            view: self.view(input),
            planar_out: self.planar_target(step),
            voxels: voxels as u64,
            channels: int(step.channels),
            activation,
            slope,
        };
        let mut shape = Shape::one_thread_each(voxels, 256);
        if finish == Finish::Raw {
            shape.grid[1] = blocks_of(step.channels.div_ceil(BLOCK));
        }
        self.launch(kernel, shape, Parameters::Store(parameters));
    }

    fn pointwise(&mut self, step: &Step) {
        let base = PointwiseParameters {
            values: self.block_target(step),
            in_size: self.layout.grids[step.input_grid.0].into(),
            out_size: self.layout.grids[step.output_grid.0].into(),
            channels: int(step.channels),
            slope: 1.0,
            ..PointwiseParameters::default()
        };
        let (kernel, parameters) = match &step.kind {
            Kind::Combine { first, second, kind, activation } => {
                let (activation, slope) = activation_code(*activation);
                let (first, second) = (self.view(first), self.view(second));
                ("combine", PointwiseParameters { first, second, kind: combine_code(*kind), activation, slope, ..base })
            }
            Kind::Pool { input, kind, kernel, stride, padding } => {
                let (kernel, stride, padding) = (Size::from(*kernel), Size::from(*stride), Size::from(*padding));
                let first = self.view(input);
                ("pool", PointwiseParameters { first, kind: pool_code(*kind), kernel, stride, padding, ..base })
            }
            Kind::Upsample { input, factor, kind } => {
                let first = self.view(input);
                (
                    "finer",
                    PointwiseParameters { first, kind: upsample_code(*kind), kernel: Size::from(*factor), ..base },
                )
            }
            Kind::Copy { input, before, activation } => {
                let (activation, slope) = activation_code(*activation);
                let (first, planar_in) = match input {
                    Source::Value(value) => (self.view(value), 0),
                    Source::Input { .. } => (View::default(), self.addresses.input),
                };
                let padding = Size::from(*before);
                ("copy_padded", PointwiseParameters { first, planar_in, padding, activation, slope, ..base })
            }
            Kind::Conv { .. } | Kind::ConvTranspose { .. } | Kind::Store { .. } => return,
        };
        let mut shape = Shape::one_thread_each(self.voxels(step.output_grid.0) * 2, 256);
        shape.grid[1] = blocks_of(step.channels.div_ceil(BLOCK));
        self.launch(kernel, shape, Parameters::Pointwise(parameters));
    }

    /// Scale and shift for every norm that uses the step's statistics.
    fn statistics(&mut self, step: &Step, tiles: Option<usize>) {
        let Some(slot) = step.statistics else { return };
        let voxels = self.voxels(step.output_grid.0);
        let out_blocks = step.channels.div_ceil(BLOCK);
        let tiles = tiles.unwrap_or_else(|| {
            let tiles = voxels.div_ceil(STATISTICS_TILE);
            let parameters = StatisticsParameters {
                values: self.block_target(step),
                partial: self.addresses.statistics,
                voxels: voxels as u64,
                tiles: int(tiles),
            };
            let shape = Shape { grid: [blocks_of(tiles), blocks_of(out_blocks), 1], threads: 256, shared_bytes: 0 };
            self.launch("block_statistics", shape, Parameters::Statistics(parameters));
            tiles
        });
        self.need_statistics(out_blocks, tiles);
        let base = self.addresses.constants;
        let norms: Vec<Norm> = self
            .program
            .affines
            .iter()
            .zip(&self.constants.affines)
            .filter_map(|(affine, at)| match affine {
                Affine::Instance { statistics, gamma, eps, .. } if *statistics == slot => Some(Norm {
                    gamma: base + at.gamma,
                    beta: base + at.beta,
                    scale: base + at.scale,
                    shift: base + at.shift,
                    eps: *eps,
                    channels: int(gamma.len()),
                }),
                _ => None,
            })
            .collect();
        let parameters = FinishParameters {
            partial: self.addresses.statistics,
            norms: self.addresses.tables + self.plan.tables.norms(&norms),
            voxels: voxels as u64,
            norm_count: int(norms.len()),
            tiles: int(tiles),
        };
        let shape = Shape { grid: [blocks_of(step.channels), 1, 1], threads: 128, shared_bytes: 0 };
        self.launch("finish_statistics", shape, Parameters::Finish(parameters));
    }

    pub(super) fn need_statistics(&mut self, out_blocks: usize, tiles: usize) {
        let bytes = out_blocks * BLOCK * tiles * 2 * size_of::<f32>();
        self.plan.statistics_bytes = self.plan.statistics_bytes.max(bytes);
    }

    pub(super) fn launch(&mut self, kernel: &'static str, shape: Shape, parameters: Parameters) {
        self.plan.launches.push(Launch { kernel, shape, parameters });
    }

    pub(super) fn voxels(&self, grid: usize) -> usize {
        self.layout.grids[grid].iter().product()
    }

    /// First byte of the buffer a step writes; 0 when it writes an output.
    pub(super) fn block_target(&self, step: &Step) -> Address {
        match step.target {
            Target::Buffer(buffer) => self.addresses.arena + self.layout.offsets[buffer.0] as u64,
            Target::Output(_) => 0,
        }
    }

    /// The output a step writes; 0 when it writes a buffer.
    pub(super) fn planar_target(&self, step: &Step) -> Address {
        match step.target {
            Target::Buffer(_) => 0,
            Target::Output(index) => self.addresses.outputs.get(index).copied().unwrap_or(0),
        }
    }

    /// The table of a value's blocks.
    pub(super) fn block_table(&mut self, value: &Value) -> Address {
        let mut blocks = Vec::with_capacity(value.blocks());
        for part in &value.parts {
            let buffer = &self.program.buffers[part.buffer.0];
            let plane = (self.voxels(buffer.grid.0) * BLOCK * size_of::<u16>()) as u64;
            let start = self.addresses.arena + self.layout.offsets[part.buffer.0] as u64;
            let affine = part.load.affine.map(|id| self.constants.affines[id.0]);
            for index in 0..part.blocks() {
                let lanes = (index * BLOCK * size_of::<f32>()) as u64;
                let [scale, shift] = match affine {
                    Some(at) => [at.scale, at.shift].map(|offset| self.addresses.constants + offset + lanes),
                    None => [0; 2],
                };
                let values = start + (part.first_block + index) as u64 * plane;
                blocks.push(Block { values, scale, shift, slope: part.load.slope, unused: 0 });
            }
        }
        self.addresses.tables + self.plan.tables.blocks(&blocks)
    }

    fn view(&mut self, value: &Value) -> View {
        let blocks = self.block_table(value);
        let mut lane_of_channel = vec![NO_LANE; value.channels().next_multiple_of(BLOCK)];
        for (lane, channel) in value.lanes().iter().enumerate() {
            if let Some(channel) = channel {
                lane_of_channel[*channel] = u32::try_from(lane).unwrap_or(NO_LANE);
            }
        }
        let in_order = lane_of_channel.iter().take(value.channels()).enumerate().all(|(c, &lane)| lane as usize == c);
        let lanes = if in_order { 0 } else { self.addresses.tables + self.plan.tables.words(&lane_of_channel) };
        View { blocks, lanes }
    }
}
