//! One step after the other.
#![allow(unsafe_code)]

use super::method::{Layer, Layers};
use super::plan::{Cut, Plan};
use super::scratch::Scratch;
use crate::cpu::amx;
use crate::cpu::arena::Reads;
use crate::cpu::blocks::{BlockRef, InputBlocks, OutputBlocks, Shared};
use crate::cpu::direct::{self, BlockSink, Input, PlanarSink, Sink};
use crate::cpu::element::{Element, Lanes};
use crate::cpu::rows::{self, Gather, Operation, Pool, Segment, Store, Upsample};
use crate::cpu::statistics::{Affines, Moments};
use crate::cpu::vector::Isa;
use crate::cpu::winograd;
use crate::error::OpError;
use crate::graph::Activation;
use crate::program::{BLOCK, Kind, Program, Source, Step, Target};
use crate::tensor::Tensor;

/// What all steps of a run share.
pub(super) struct Run<'a> {
    pub isa: Isa,
    pub program: &'a Program,
    pub affines: &'a mut Affines,
    pub layers: &'a Layers,
    pub scratch: &'a Scratch,
    pub input: &'a Tensor,
}

/// What one step reads.
struct StepInput<'a, E> {
    memory: Reads<'a, E>,
    refs: &'a [Vec<BlockRef>; 2],
    segments: &'a [Vec<Vec<Segment>>; 2],
    dims: [usize; 3],
    tensor: &'a Tensor,
}

impl<'a, E: Element> StepInput<'a, E> {
    fn blocks(&self) -> InputBlocks<'a, E> {
        InputBlocks::new(self.memory, &self.refs[0], self.dims)
    }

    fn gather(&self, value: usize) -> Gather<'a, E> {
        let input = InputBlocks::new(self.memory, &self.refs[value], self.dims);
        Gather { input, segments: &self.segments[value] }
    }
}

impl Run<'_> {
    /// Runs one step of the plan.
    pub fn step<E: Element>(
        &mut self,
        index: usize,
        plan: &mut Plan<E>,
        outputs: &mut [Tensor],
    ) -> Result<(), OpError> {
        let step = &self.program.steps[index];
        let [dims, output_dims] = [step.input_grid, step.output_grid].map(|grid| plan.grids[grid.0]);
        let at = &mut plan.steps[index];
        at.refresh(step, self.affines);
        let (memory, written) = plan.arena.split(at.written.clone());
        let input = StepInput { memory, refs: &at.inputs, segments: &at.segments, dims, tensor: self.input };
        let slots = &mut plan.moments[..at.slots];
        {
            let moments = Shared::new(slots);
            let moments = step.statistics.is_some().then_some(&moments);
            match (&at.cut, self.layers.get(index), step.target) {
                (Cut::Direct(cut), Some(Layer::Direct(layer)), Target::Buffer(_)) => {
                    let sink = BlockSink(OutputBlocks::new(written, output_dims));
                    self.direct(step, layer, *cut, &input, (&sink, output_dims), moments);
                }
                (Cut::Direct(cut), Some(Layer::Direct(layer)), Target::Output(output)) => {
                    let values = Shared::new(outputs[output].data_mut());
                    let sink = PlanarSink { values, channels: step.channels, voxels: output_dims.iter().product() };
                    self.direct(step, layer, *cut, &input, (&sink, output_dims), moments);
                }
                (Cut::Amx(cut), Some(Layer::Amx(layer, unit)), Target::Buffer(_)) => {
                    let sink = BlockSink(OutputBlocks::new(written, output_dims));
                    self.amx((layer, *unit), *cut, &input, (&sink, output_dims), moments);
                }
                (Cut::Amx(cut), Some(Layer::Amx(layer, unit)), Target::Output(output)) => {
                    let values = Shared::new(outputs[output].data_mut());
                    let sink = PlanarSink { values, channels: step.channels, voxels: output_dims.iter().product() };
                    self.amx((layer, *unit), *cut, &input, (&sink, output_dims), moments);
                }
                (Cut::Winograd(sizes, groups), Some(Layer::Winograd(layer)), Target::Buffer(_)) => {
                    let output = OutputBlocks::new(written, output_dims);
                    self.winograd(layer, (*sizes, *groups), &input, &output, moments);
                }
                (Cut::Rows(cut), None, Target::Buffer(_)) => {
                    self.rows(step, *cut, &input, (written, output_dims), moments)?;
                }
                (Cut::Rows(cut), None, Target::Output(output)) => {
                    self.store(step, *cut, &input, outputs[output].data_mut());
                }
                _ => return Err(unfit(index)),
            }
        }
        if let Some(statistics) = step.statistics {
            let blocks = step.channels.div_ceil(BLOCK);
            let voxels = output_dims.iter().product();
            self.affines.update(&self.program.affines, statistics, slots, blocks, voxels);
        }
        Ok(())
    }

    fn direct<E: Element, S: Sink>(
        &self,
        step: &Step,
        layer: &direct::Direct,
        cut: direct::Cut,
        input: &StepInput<'_, E>,
        (sink, output_dims): (&S, [usize; 3]),
        moments: Option<&Shared<'_, Moments>>,
    ) {
        let source = match &step.kind {
            Kind::Conv { input: Source::Input { .. }, .. } => {
                Input::Planes { values: input.tensor.data(), dims: input.dims }
            }
            _ => Input::Blocks(input.blocks()),
        };
        let task = direct::Task { isa: self.isa, layer, cut, input: source, sink, output_dims, moments };
        // SAFETY: every share is run once, and this step alone writes the
        // target (test `tests/cpu_steps.rs`).
        self.scratch.for_each(cut.shares(), |share, work| unsafe { task.run(share, &mut work.direct) });
    }

    fn amx<E: Element, S: Sink>(
        &self,
        (layer, unit): (&amx::Layer, amx::Unit),
        cut: amx::Cut,
        input: &StepInput<'_, E>,
        (sink, output_dims): (&S, [usize; 3]),
        moments: Option<&Shared<'_, Moments>>,
    ) {
        let task = amx::Task { unit, isa: self.isa, layer, cut, input: input.blocks(), sink, output_dims, moments };
        // SAFETY: every share is run once, and this step alone writes the
        // target (test `amx::tests::a_network_runs_on_tiles`).
        self.scratch.for_each(cut.shares(), |share, work| unsafe { task.run(share, &mut work.amx) });
    }

    fn winograd<E: Element>(
        &self,
        layer: &winograd::Winograd,
        (sizes, groups): (winograd::Sizes, usize),
        input: &StepInput<'_, E>,
        output: &OutputBlocks<'_, E>,
        moments: Option<&Shared<'_, Moments>>,
    ) {
        let task = winograd::Task { isa: self.isa, layer, sizes, input: input.blocks(), output, moments };
        let panels = layer.panels();
        let at_once = panels.div_ceil(groups);
        let groups = panels.div_ceil(at_once);
        self.scratch.for_each(sizes.batches() * groups, |share, work| {
            let first = share % groups * at_once;
            // SAFETY: as above; the shares of a batch have different panels.
            unsafe { task.run(share / groups, first..(first + at_once).min(panels), &mut work.winograd) }
        });
    }

    fn rows<E: Element>(
        &self,
        step: &Step,
        cut: rows::Cut,
        input: &StepInput<'_, E>,
        (written, output_dims): (&mut [Lanes<E>], [usize; 3]),
        moments: Option<&Shared<'_, Moments>>,
    ) -> Result<(), OpError> {
        let mut after = Activation::Identity;
        let operation = match &step.kind {
            Kind::Copy { input: Source::Input { .. }, before, activation } => {
                after = *activation;
                Operation::Planes { values: input.tensor.data(), dims: input.dims, before: *before }
            }
            Kind::Copy { before, activation, .. } => {
                after = *activation;
                Operation::Copy { input: input.gather(0), before: *before }
            }
            Kind::Combine { kind, activation, .. } => {
                after = *activation;
                Operation::Combine { first: input.gather(0), second: input.gather(1), kind: *kind }
            }
            Kind::Pool { kind, kernel, stride, padding, .. } => {
                let pool = Pool { kind: *kind, kernel: *kernel, stride: *stride, padding: *padding };
                Operation::Pool { input: input.gather(0), pool }
            }
            Kind::Upsample { factor, kind, .. } => {
                Operation::Upsample { input: input.gather(0), upsample: Upsample { factor: *factor, kind: *kind } }
            }
            Kind::Conv { .. } | Kind::ConvTranspose { .. } | Kind::Store { .. } => return Err(unfit(0)),
        };
        let output = OutputBlocks::new(written, output_dims);
        let task = rows::Task { isa: self.isa, operation, activation: after, cut, output: &output, moments };
        // SAFETY: every share is run once, and this step alone writes the
        // target (test `tests/cpu_steps.rs`).
        self.scratch.for_each(cut.shares(), |share, work| unsafe { task.run(share, &mut work.rows) });
        Ok(())
    }

    fn store<E: Element>(&self, step: &Step, cut: rows::Cut, input: &StepInput<'_, E>, output: &mut [f32]) {
        let Kind::Store { activation, finish, .. } = step.kind else { return };
        let output = Shared::new(output);
        let store = Store { isa: self.isa, input: input.gather(0), activation, finish, cut, output: &output };
        // SAFETY: every part is run once, and this step alone writes the
        // output (test `tests/cpu_steps.rs`).
        self.scratch.for_each(cut.parts(), |part, work| unsafe { store.run(part, &mut work.rows) });
    }
}

/// A plan that does not belong to its program.
fn unfit(step: usize) -> OpError {
    OpError::Device { device: "CPU", reason: format!("step {step} and its plan do not fit; this is a bug") }
}
