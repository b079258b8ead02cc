//! A program on a GPU whose input and outputs stay there.
//!
//! Called by the executable, which adds copies to and from the host, and by
//! the chains of [`super::volume`], which fill the input with kernels.

use std::sync::Arc;

use super::Cuda;
use super::constants::Constants;
use super::driver::Driver;
use super::memory::DeviceMemory;
use super::session::Session;
use super::volume::{DeviceTensor, recording_stream};
use crate::error::OpError;
use crate::graph::NetworkError;
use crate::program::Program;

/// Weights on the GPU, and memory and a recorded run for one size of image.
#[derive(Debug)]
pub struct DeviceNetwork {
    session: Option<Session>,
    constants: Constants,
    memory: DeviceMemory,
    program: Arc<Program>,
    driver: Arc<Driver>,
}

impl Cuda {
    /// Packs the weights of a program and copies them to the GPU.
    ///
    /// # Errors
    /// [`OpError::Device`] when the GPU is out of memory or gone.
    pub fn load_network(&self, program: &Arc<Program>) -> Result<DeviceNetwork, OpError> {
        DeviceNetwork::new(&self.driver, program)
    }
}

impl DeviceNetwork {
    pub(super) fn new(driver: &Arc<Driver>, program: &Arc<Program>) -> Result<Self, OpError> {
        let mut constants = Constants::new(program);
        let memory = DeviceMemory::from_bytes(&driver.stream, &constants.blob.bytes)?;
        constants.blob.bytes = Vec::new(); // only the offsets are needed from here on
        Ok(Self { session: None, constants, memory, program: Arc::clone(program), driver: Arc::clone(driver) })
    }

    /// The input for images of `dims` `[z, y, x]`, to be filled on the GPU:
    /// `[channels, z, y, x]`. Another size than before plans and reserves anew.
    ///
    /// # Errors
    /// [`NetworkError::InputSize`] and [`NetworkError::TooLarge`] for sizes the
    /// network cannot take, [`OpError::Device`] when memory is short.
    pub fn input(&mut self, dims: [usize; 3]) -> Result<&DeviceTensor, NetworkError> {
        Ok(&self.session(dims)?.input)
    }

    pub(super) fn session(&mut self, dims: [usize; 3]) -> Result<&mut Session, NetworkError> {
        if self.session.as_ref().is_none_or(|session| session.layout.grids[0] != dims) {
            self.session = None; // its memory first, then the new one's
        }
        let session = match self.session.take() {
            Some(session) => session,
            None => Session::new(&self.driver, &self.program, &self.constants, self.memory.address(), dims)?,
        };
        Ok(self.session.insert(session))
    }

    /// Queues a run on what the input holds, in order with everything else on
    /// the GPU, and returns where the outputs will lie. Nothing is copied to
    /// the host and nothing waits.
    ///
    /// # Errors
    /// [`OpError::Device`] before the first [`Self::input`], and when the
    /// driver refuses.
    ///
    /// Cost: one launch of a recorded graph. The values of the input are not
    /// looked at: NaN gives NaN.
    pub fn run_on_device(&mut self) -> Result<&[DeviceTensor], OpError> {
        let Some(session) = &mut self.session else {
            return Err(super::driver::refuse("a network was run before its input was set"));
        };
        match recording_stream(&self.driver) {
            Some(stream) => session.enqueue(&stream)?,
            None => session.replay()?,
        }
        Ok(&session.outputs)
    }

    /// The program it was loaded from.
    #[must_use]
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// Bytes held on the GPU: weights, activations, scratch, input, outputs.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.memory.len() + self.session.as_ref().map_or(0, Session::bytes)
    }
}
