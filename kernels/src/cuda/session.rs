//! Everything on the GPU for one size of image: memory, and the recorded run.
#![allow(unsafe_code)]

use std::sync::Arc;

use cudarc::driver::{CudaGraph, CudaStream, result, sys};
use rayon::prelude::*;

use super::constants::Constants;
use super::driver::{Driver, failed, refuse};
use super::memory::{DeviceMemory, Pinned};
use super::parameters::{Address, Parameters};
use super::plan::{Addresses, Launch, Plan, plan};
use crate::error::OpError;
use crate::graph::NetworkError;
use crate::program::{Layout, Program};
use crate::tensor::Tensor;

/// Kernels count voxels in 32 bits.
const MAX_VOXELS: usize = i32::MAX as usize / 2;

/// A run as the driver replays it.
struct Recording(CudaGraph);

// SAFETY: a graph may be used from any thread, one at a time (CUDA driver
// API, "Graph object thread safety"); it is only used through `&mut Session`.
// Watched by `replay::an_executable_moves_between_threads`.
unsafe impl Send for Recording {}

/// Memory and recording for one size. Fields drop in order: the recording
/// before the memory it points to.
pub(super) struct Session {
    recording: Recording,
    pub layout: Layout,
    input: Pinned,
    outputs: Vec<Pinned>,
    /// Arena, tables, scratch, planar input and outputs.
    memory: Vec<DeviceMemory>,
    stream: Arc<CudaStream>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("grids", &self.layout.grids)
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Plans, reserves and records a run on images of `dims`.
    pub(super) fn new(
        driver: &Driver,
        stream: &Arc<CudaStream>,
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
        let input_values = program.inputs * voxels(0);
        let output_values: Vec<usize> = program.outputs.iter().map(|o| o.channels * voxels(o.grid.0)).collect();
        let reserve = |bytes: usize| DeviceMemory::new(stream, bytes);
        let mut memory = vec![
            reserve(layout.arena_bytes)?,
            reserve(sizes.statistics_bytes)?,
            reserve(sizes.partial_sum_bytes)?,
            reserve(input_values * size_of::<f32>())?,
        ];
        for values in &output_values {
            memory.push(reserve(values * size_of::<f32>())?);
        }
        let mut addresses = Addresses {
            constants: constants_at,
            arena: memory[0].address(),
            tables: 0,
            statistics: memory[1].address(),
            partial_sums: memory[2].address(),
            input: memory[3].address(),
            outputs: memory[4..].iter().map(DeviceMemory::address).collect(),
        };
        let tables = reserve(sizes.tables.bytes.len())?;
        addresses.tables = tables.address();
        let plan = plan(program, &layout, constants, &addresses, driver.multiprocessors);
        memory.push(tables.filled(stream, &plan.tables.bytes)?);
        let input = Pinned::new(&driver.context, input_values)?;
        let outputs = output_values.iter().map(|&n| Pinned::new(&driver.context, n)).collect::<Result<Vec<_>, _>>()?;
        let recording = record(driver, stream, &plan, &addresses, &input, &outputs)?;
        Ok(Self { recording, layout, input, outputs, memory, stream: Arc::clone(stream) })
    }

    /// Replays the run. `outputs` already has the right shapes.
    pub(super) fn run(&mut self, input: &Tensor, outputs: &mut [Tensor]) -> Result<(), OpError> {
        copy(self.input.values_mut(), input.data());
        self.recording.0.launch().map_err(failed("starting the network"))?;
        self.stream.synchronize().map_err(failed("running the network"))?;
        for (output, pinned) in outputs.iter_mut().zip(&self.outputs) {
            copy(output.data_mut(), pinned.values());
        }
        Ok(())
    }

    /// Bytes on the GPU, without the weights.
    pub(super) fn bytes(&self) -> usize {
        self.memory.iter().map(DeviceMemory::len).sum()
    }
}

/// One thread copies slower than the bus delivers: logits of 128^3 voxels
/// would take longer than the network.
fn copy(to: &mut [f32], from: &[f32]) {
    const CHUNK: usize = 1 << 18; // 1 MiB
    to.par_chunks_mut(CHUNK).zip(from.par_chunks(CHUNK)).for_each(|(to, from)| to.copy_from_slice(from));
}

/// Records copies and kernels into a graph, so that a run costs one call.
fn record(
    driver: &Driver,
    stream: &Arc<CudaStream>,
    plan: &Plan,
    addresses: &Addresses,
    input: &Pinned,
    outputs: &[Pinned],
) -> Result<Recording, OpError> {
    for launch in &plan.launches {
        driver.kernel(launch.kernel)?; // found now, not during the recording
    }
    let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
    stream.begin_capture(mode).map_err(failed("recording the network"))?;
    let recorded = enqueue(driver, stream, plan, addresses, input, outputs);
    let flags = sys::CUgraphInstantiate_flags::CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH;
    // Ended also after an error: a stream left recording is lost.
    let graph = stream.end_capture(flags).map_err(failed("recording the network"));
    recorded?;
    let graph = graph?.ok_or_else(|| refuse("recording the network: the driver made no graph"))?;
    graph.upload().map_err(failed("recording the network"))?;
    Ok(Recording(graph))
}

fn enqueue(
    driver: &Driver,
    stream: &Arc<CudaStream>,
    plan: &Plan,
    addresses: &Addresses,
    input: &Pinned,
    outputs: &[Pinned],
) -> Result<(), OpError> {
    // SAFETY: as long as the session lives, both are valid and of that
    // length; watched by `cuda/sanitize.sh`, where device memory is the heap.
    unsafe { result::memcpy_htod_async(addresses.input, input.values(), stream.cu_stream()) }
        .map_err(failed("copying the input"))?;
    for launch in &plan.launches {
        start(driver, stream, launch)?;
    }
    for (output, &address) in outputs.iter().zip(&addresses.outputs) {
        // SAFETY: as above; the bytes are written only while `Session::run`
        // holds `&mut self` and waits.
        unsafe { result::memcpy_dtoh_async(output.for_copy(), address, stream.cu_stream()) }
            .map_err(failed("copying an output"))?;
    }
    Ok(())
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
