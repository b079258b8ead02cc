//! A program on a GPU, with its input and outputs on the host.
#![allow(unsafe_code)]

use std::sync::Arc;

use super::driver::{Driver, failed};
use super::memory::Pinned;
use super::network::DeviceNetwork;
use super::staging::copy;
use super::volume::DeviceTensor;
use crate::device::{Executable, check_input, fit_outputs};
use crate::error::OpError;
use crate::graph::NetworkError;
use crate::program::Program;
use crate::tensor::Tensor;

/// A network on the GPU and page-locked memory for the last size of image.
#[derive(Debug)]
pub(super) struct CudaExecutable {
    network: DeviceNetwork,
    host: Option<Host>,
    driver: Arc<Driver>,
}

/// Page-locked input and outputs.
#[derive(Debug)]
struct Host {
    dims: [usize; 3],
    input: Pinned<f32>,
    outputs: Vec<Pinned<f32>>,
}

impl CudaExecutable {
    pub(super) fn new(driver: &Arc<Driver>, program: &Arc<Program>) -> Result<Self, OpError> {
        Ok(Self { network: DeviceNetwork::new(driver, program)?, host: None, driver: Arc::clone(driver) })
    }

    /// Copies in, runs, copies out; waits.
    fn run_copied(&mut self, input: &Tensor, outputs: &mut [Tensor]) -> Result<(), NetworkError> {
        let session = self.network.session(input.dims())?;
        let host = match self.host.take().filter(|host| host.dims == input.dims()) {
            Some(host) => host,
            None => {
                let pinned = |tensor: &DeviceTensor| Pinned::new(&self.driver.context, tensor.values.len());
                let outputs = session.outputs.iter().map(pinned).collect::<Result<_, _>>()?;
                Host { dims: input.dims(), input: pinned(&session.input)?, outputs }
            }
        };
        let host = self.host.insert(host);
        let stream = &self.driver.stream;
        copy(host.input.values_mut(), input.data());
        // SAFETY: the session's tensors are as long as the pinned ones, which
        // are not touched before the wait below. Watched by
        // `replay::a_graph_replays_with_the_new_input_and_allocates_nothing`.
        unsafe { host.input.copy_to_gpu(session.input.address(), input.data().len(), stream)? };
        let queued = session.replay().and_then(|()| {
            session.outputs.iter().zip(&mut host.outputs).try_for_each(|(output, pinned)| {
                // SAFETY: as above.
                unsafe { pinned.copy_from_gpu(output.address(), output.values.len(), stream) }
            })
        });
        // Waits also after an error: a copy may be under way.
        let finished = stream.synchronize().map_err(failed("running the network"));
        queued.and(finished)?;
        for (output, pinned) in outputs.iter_mut().zip(&host.outputs) {
            copy(output.data_mut(), pinned.values());
        }
        Ok(())
    }
}

impl Executable for CudaExecutable {
    fn run(&mut self, input: &Tensor, outputs: &mut Vec<Tensor>) -> Result<(), NetworkError> {
        check_input(self.network.program(), input)?;
        let program = Arc::clone(self.network.program());
        let session = self.network.session(input.dims())?;
        fit_outputs(&program, &session.layout.grids, outputs)?;
        self.run_copied(input, outputs)
    }

    fn peak_bytes(&self) -> usize {
        self.network.bytes()
    }
}
