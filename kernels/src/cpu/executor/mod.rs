//! Runs a [`Program`] on the processor.
//!
//! Each step is cut into shares that depend on shapes only; rayon's threads
//! take them in any order, and every sum over shares is made afterwards in a
//! fixed order. So the result has the same bits for any number of threads.
//! All activations live in one arena; a second run of the same size allocates
//! nothing.

mod check;
mod method;
mod plan;
mod run;
mod scratch;

use std::sync::Arc;

use super::Cpu;
use super::amx::Unit;
use super::element::Element;
use super::statistics::Affines;
use crate::device::{Executable, check_input, fit_outputs};
use crate::error::OpError;
use crate::graph::NetworkError;
use crate::program::Program;
use crate::tensor::Tensor;
use method::Layers;
use plan::Plan;
use scratch::Scratch;

/// A program on the processor, with activations stored as `E`.
#[derive(Debug)]
pub(in crate::cpu) struct Network<E> {
    cpu: Cpu,
    /// Without its weights: [`Layers`] has them.
    program: Program,
    affines: Affines,
    layers: Layers,
    plan: Option<Plan<E>>,
    scratch: Scratch,
}

impl<E: Element> Network<E> {
    /// Convolutions run on `tiles`, if given.
    ///
    /// # Errors
    /// [`OpError::Device`] for a program whose numbers contradict each other.
    pub fn new(cpu: &Cpu, program: &Arc<Program>, tiles: Option<Unit>) -> Result<Self, OpError> {
        check::program(program)?;
        let mut program = Program::clone(program);
        let layers = Layers::new(&mut program, tiles);
        Ok(Self {
            cpu: cpu.clone(),
            affines: Affines::new(&program.affines),
            program,
            layers,
            plan: None,
            scratch: Scratch::new(cpu.threads()),
        })
    }

    /// Plans for another size of image. The old plan's memory is given back
    /// first, so that both are never held at once.
    fn fit(&mut self, dims: [usize; 3]) -> Result<(), NetworkError> {
        if self.plan.as_ref().is_some_and(|plan| plan.dims == dims) {
            return Ok(());
        }
        self.plan = None;
        self.plan = Some(Plan::new(&self.program, dims, &mut self.layers, &self.cpu)?);
        Ok(())
    }
}

impl<E: Element> Executable for Network<E> {
    fn run(&mut self, input: &Tensor, outputs: &mut Vec<Tensor>) -> Result<(), NetworkError> {
        check_input(&self.program, input)?;
        let cpu = self.cpu.clone();
        cpu.install(|| {
            self.fit(input.dims())?;
            let Some(plan) = &mut self.plan else { return Ok(()) };
            fit_outputs(&self.program, &plan.grids, outputs)?;
            let mut run = run::Run {
                isa: self.cpu.isa,
                program: &self.program,
                affines: &mut self.affines,
                layers: &self.layers,
                scratch: &self.scratch,
                input,
            };
            for index in 0..self.program.steps.len() {
                run.step(index, plan, outputs)?;
            }
            Ok(())
        })
    }

    fn peak_bytes(&self) -> usize {
        self.layers.bytes() + self.scratch.bytes() + self.plan.as_ref().map_or(0, Plan::bytes)
    }
}
