//! A program on a GPU.

use std::sync::Arc;

use cudarc::driver::CudaStream;

use super::constants::Constants;
use super::driver::{Driver, failed};
use super::memory::DeviceMemory;
use super::session::Session;
use crate::device::{Executable, check_input, fit_outputs};
use crate::error::OpError;
use crate::graph::NetworkError;
use crate::program::Program;
use crate::tensor::Tensor;

/// Weights on the GPU, and a recorded run for the last size of image.
#[derive(Debug)]
pub(super) struct CudaExecutable {
    session: Option<Session>,
    constants: Constants,
    memory: DeviceMemory,
    stream: Arc<CudaStream>,
    program: Arc<Program>,
    driver: Arc<Driver>,
}

impl CudaExecutable {
    /// Packs the weights and copies them.
    pub(super) fn new(driver: &Arc<Driver>, program: &Arc<Program>) -> Result<Self, OpError> {
        let stream = driver.context.new_stream().map_err(failed("making a stream"))?;
        let mut constants = Constants::new(program);
        let memory = DeviceMemory::from_bytes(&stream, &constants.blob.bytes)?;
        constants.blob.bytes = Vec::new(); // only the offsets are needed from here on
        Ok(Self { session: None, constants, memory, stream, program: Arc::clone(program), driver: Arc::clone(driver) })
    }
}

impl Executable for CudaExecutable {
    fn run(&mut self, input: &Tensor, outputs: &mut Vec<Tensor>) -> Result<(), NetworkError> {
        check_input(&self.program, input)?;
        let fits = self.session.as_ref().is_some_and(|session| session.layout.grids[0] == input.dims());
        if !fits {
            self.session = None; // its memory first, then the new one's
        }
        let session = match self.session.take() {
            Some(session) => session,
            None => Session::new(
                &self.driver,
                &self.stream,
                &self.program,
                &self.constants,
                self.memory.address(),
                input.dims(),
            )?,
        };
        let session = self.session.insert(session);
        fit_outputs(&self.program, &session.layout.grids, outputs)?;
        session.run(input, outputs)?;
        Ok(())
    }

    fn peak_bytes(&self) -> usize {
        self.memory.len() + self.session.as_ref().map_or(0, Session::bytes)
    }
}
