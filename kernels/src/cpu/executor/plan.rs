//! Memory and cuts for one size of image.

use std::ops::Range;

use super::check;
use super::method::{Layer, Layers};
use crate::cpu::arena::Arena;
use crate::cpu::blocks::BlockRef;
use crate::cpu::element::{Element, Lanes};
use crate::cpu::rows::{self, Segment, segments};
use crate::cpu::statistics::{Affines, Moments};
use crate::cpu::{Cpu, amx, direct, winograd};
use crate::error::OpError;
use crate::graph::NetworkError;
use crate::program::{BLOCK, Kind, Layout, Program, Step, Target, Value};

/// How a step is cut into shares.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cut {
    Direct(direct::Cut),
    Amx(amx::Cut),
    /// And how many shares the panels of a batch make.
    Winograd(winograd::Sizes, usize),
    Rows(rows::Cut),
}

/// One step at one size.
#[derive(Debug)]
pub(super) struct StepPlan {
    /// Blocks of the values it reads.
    pub inputs: [Vec<BlockRef>; 2],
    /// Their packing, for steps that need it.
    pub segments: [Vec<Vec<Segment>>; 2],
    /// What it writes, in [`Lanes`] of the arena; empty for outputs.
    pub written: Range<usize>,
    pub cut: Cut,
    /// Slots for statistics.
    pub slots: usize,
}

/// Everything that depends on the size of the image.
#[derive(Debug)]
pub(super) struct Plan<E> {
    pub dims: [usize; 3],
    /// `[z, y, x]` of every grid.
    pub grids: Vec<[usize; 3]>,
    pub steps: Vec<StepPlan>,
    pub arena: Arena<E>,
    /// Room for the statistics of any step.
    pub moments: Vec<Moments>,
}

impl<E: Element> Plan<E> {
    pub fn new(program: &Program, dims: [usize; 3], layers: &mut Layers, cpu: &Cpu) -> Result<Self, NetworkError> {
        let layout = program.layout(dims, size_of::<E>())?;
        let lanes = layout.arena_bytes.div_ceil(size_of::<Lanes<E>>());
        let mut steps = Vec::with_capacity(program.steps.len());
        for index in 0..program.steps.len() {
            steps.push(StepPlan::new::<E>(program, &layout, index, lanes, layers, cpu)?);
        }
        let slots = steps.iter().map(|step| step.slots).max().unwrap_or(0);
        let bytes = layout.arena_bytes;
        let reason = || format!("{bytes} bytes for an image of {dims:?} are not available; use smaller tiles");
        let arena = Arena::new(lanes).ok_or_else(|| OpError::Device { device: "CPU", reason: reason() })?;
        Ok(Self { dims, grids: layout.grids, steps, arena, moments: vec![Moments::default(); slots] })
    }

    pub fn bytes(&self) -> usize {
        self.arena.bytes() + size_of_val(&*self.moments)
    }
}

impl StepPlan {
    fn new<E: Element>(
        program: &Program,
        layout: &Layout,
        index: usize,
        arena: usize,
        layers: &mut Layers,
        cpu: &Cpu,
    ) -> Result<Self, OpError> {
        let step = &program.steps[index];
        let [input, output] = [step.input_grid, step.output_grid].map(|grid| layout.grids[grid.0]);
        check::sizes(index, step, input, output)?;
        check::part_sizes(index, program, layout)?;
        let first_lane = |buffer: usize| layout.offsets[buffer] / size_of::<Lanes<E>>();
        let blocks = step.channels.div_ceil(BLOCK);
        let voxels = output.iter().product::<usize>();
        let written = match step.target {
            Target::Buffer(id) => first_lane(id.0)..first_lane(id.0) + blocks * voxels,
            Target::Output(_) => 0..0,
        };
        let mut inputs = [Vec::new(), Vec::new()];
        let mut packing = [Vec::new(), Vec::new()];
        for ((value, refs), packing) in step.values().zip(&mut inputs).zip(&mut packing) {
            *refs = block_refs(value, input.iter().product(), first_lane);
            *packing = segments(value);
        }
        let voxels = input.iter().product::<usize>();
        let read: Vec<_> = inputs.iter().flatten().map(|block| block.first..block.first + voxels).collect();
        check::disjoint(index, &written, &read, arena)?;
        let (cut, parts) = cut(step, layers.fit(program, index, output), [input, output], cpu);
        let slots = if step.statistics.is_some() { parts } else { 0 };
        Ok(Self { inputs, segments: packing, written, cut, slots })
    }

    /// Looks up the current scales and shifts.
    pub fn refresh(&mut self, step: &Step, affines: &Affines) {
        for (value, refs) in step.values().zip(&mut self.inputs) {
            let blocks = value.parts.iter().flat_map(|part| (0..part.blocks()).map(move |block| (part, block)));
            for ((part, block), target) in blocks.zip(refs) {
                affines.fill(part.load, block, part.channels, target);
            }
        }
    }
}

/// The blocks of a value in the arena.
fn block_refs(value: &Value, voxels: usize, first_lane: impl Fn(usize) -> usize) -> Vec<BlockRef> {
    let blocks = value.parts.iter().flat_map(|part| (0..part.blocks()).map(move |block| (part, block)));
    blocks
        .map(|(part, block)| BlockRef {
            first: first_lane(part.buffer.0) + (part.first_block + block) * voxels,
            scale: [0.0; BLOCK],
            shift: [0.0; BLOCK],
            slope: 1.0,
        })
        .collect()
}

/// The cut of a step and the statistics slots it needs.
fn cut(step: &Step, layer: Option<&Layer>, [input, output]: [[usize; 3]; 2], cpu: &Cpu) -> (Cut, usize) {
    let threads = cpu.threads();
    let is_transposed = matches!(step.kind, Kind::ConvTranspose { .. });
    let positions = if is_transposed { input } else { output };
    match layer {
        Some(Layer::Direct(layer)) => {
            let cut = direct::Cut::of_direct(layer, positions, threads);
            (Cut::Direct(cut), cut.boxes() * layer.panels())
        }
        Some(Layer::Amx(layer, _)) => {
            let cut = amx::Cut::of_tiles(layer, positions);
            (Cut::Amx(cut), cut.boxes() * layer.panels())
        }
        Some(Layer::Winograd(layer)) => {
            let sizes = winograd::Sizes::new(layer, output, cpu.isa.rows());
            // Shares of one batch transform its input again, so no more of
            // them than keep the threads busy.
            let groups = (2 * threads).div_ceil(sizes.batches()).clamp(1, layer.panels());
            (Cut::Winograd(sizes, groups), sizes.batches() * layer.panels())
        }
        None => {
            let cut = rows::Cut::new(output, step.channels.div_ceil(BLOCK));
            (Cut::Rows(cut), cut.shares())
        }
    }
}
