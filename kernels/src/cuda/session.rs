//! Everything on the GPU for one size of image: memory, and what to start.
#![allow(unsafe_code)]

use std::sync::Arc;

use cudarc::driver::CudaStream;

use super::constants::Constants;
use super::driver::Driver;
use super::memory::DeviceMemory;
use super::parameters::{Address, Parameters};
use super::plan::{Addresses, Launch, Plan, plan};
use super::recording::Graph;
use super::volume::DeviceTensor;
use crate::error::OpError;
use crate::graph::NetworkError;
use crate::program::{Layout, Program};

/// Kernels count voxels in 32 bits.
const MAX_VOXELS: usize = i32::MAX as usize / 2;

/// Memory and launches for one size. Fields drop in order: the recording
/// before the memory it points to.
#[derive(Debug)]
pub(super) struct Session {
    recording: Option<Graph>,
    launches: Vec<Launch>,
    pub layout: Layout,
    /// `[channels, z, y, x]`, f32: what the next run reads.
    pub input: DeviceTensor,
    /// What the last run wrote.
    pub outputs: Vec<DeviceTensor>,
    /// Arena, scratch, tables.
    memory: Vec<DeviceMemory>,
    driver: Arc<Driver>,
}

impl Session {
    /// Plans a run on images of `dims` and reserves its memory.
    pub(super) fn new(
        driver: &Arc<Driver>,
        program: &Program,
        constants: &Constants,
        constants_at: Address,
        dims: [usize; 3],
    ) -> Result<Self, NetworkError> {
        let layout = program.layout(dims, size_of::<u16>())?;
        let voxels = |grid: usize| layout.grids[grid].iter().product::<usize>();
        if (0..layout.grids.len()).any(|grid| voxels(grid) > MAX_VOXELS) {
            return Err(NetworkError::TooLarge { dims });
        }
        let sizes = plan(program, &layout, constants, &Addresses::default(), driver.multiprocessors);
        let reserve = |bytes: usize| DeviceMemory::new(&driver.stream, bytes);
        let mut memory =
            vec![reserve(layout.arena_bytes)?, reserve(sizes.statistics_bytes)?, reserve(sizes.partial_sum_bytes)?];
        let tensor = |channels: usize, [z, y, x]: [usize; 3]| DeviceTensor::reserve(driver, [channels, z, y, x]);
        let input = tensor(program.inputs, dims)?;
        let outputs: Vec<DeviceTensor> =
            program.outputs.iter().map(|o| tensor(o.channels, layout.grids[o.grid.0])).collect::<Result<_, _>>()?;
        let mut addresses = Addresses {
            constants: constants_at,
            arena: memory[0].address(),
            tables: 0,
            statistics: memory[1].address(),
            partial_sums: memory[2].address(),
            input: input.address(),
            outputs: outputs.iter().map(DeviceTensor::address).collect(),
        };
        let tables = reserve(sizes.tables.bytes.len())?;
        addresses.tables = tables.address();
        let Plan { launches, tables: table_bytes, .. } =
            plan(program, &layout, constants, &addresses, driver.multiprocessors);
        memory.push(tables.filled(&driver.stream, &table_bytes.bytes)?);
        for launch in &launches {
            driver.kernel(launch.kernel)?; // found now, not during a recording
        }
        Ok(Self { recording: None, launches, layout, input, outputs, memory, driver: Arc::clone(driver) })
    }

    /// Queues a run; recorded at the first call, one launch afterwards.
    pub(super) fn replay(&mut self) -> Result<(), OpError> {
        let graph = match self.recording.take() {
            Some(graph) => graph,
            None => Graph::record(&self.driver, |stream| self.enqueue(stream))?.1,
        };
        self.recording.insert(graph).replay()
    }

    /// Queues a run launch by launch, to be part of a larger recording.
    pub(super) fn enqueue(&self, stream: &Arc<CudaStream>) -> Result<(), OpError> {
        self.launches.iter().try_for_each(|launch| start(&self.driver, stream, launch))
    }

    /// Bytes on the GPU, without the weights.
    pub(super) fn bytes(&self) -> usize {
        let tensors = self.outputs.iter().chain([&self.input]).map(DeviceTensor::bytes).sum::<usize>();
        self.memory.iter().map(DeviceMemory::len).sum::<usize>() + tensors
    }
}

fn start(driver: &Driver, stream: &Arc<CudaStream>, launch: &Launch) -> Result<(), OpError> {
    let (name, shape) = (launch.kernel, launch.shape);
    // SAFETY: the planner pairs each kernel with its parameters and points
    // into memory the session owns; `cuda_emulated` runs every pair.
    unsafe {
        match &launch.parameters {
            Parameters::Conv(p) => driver.launch(stream, name, shape, p),
            Parameters::Pointwise(p) => driver.launch(stream, name, shape, p),
            Parameters::Store(p) => driver.launch(stream, name, shape, p),
            Parameters::Statistics(p) => driver.launch(stream, name, shape, p),
            Parameters::Reduce(p) => driver.launch(stream, name, shape, p),
            Parameters::Finish(p) => driver.launch(stream, name, shape, p),
        }
    }
}
