//! Launches recorded once and replayed as one (a CUDA graph).
//!
//! Promises: a recording never mixes with what other threads do, because it
//! is made on a stream of its own; a replay runs in order with everything
//! else of the GPU.
#![allow(unsafe_code)]

use std::sync::Arc;

use cudarc::driver::{CudaGraph, CudaStream, result, sys};

use super::driver::{Driver, failed, refuse};
use crate::error::OpError;

/// A sequence of launches as the driver replays it.
pub(crate) struct Graph {
    graph: CudaGraph,
    driver: Arc<Driver>,
}

// SAFETY: a graph may be used from any thread, one at a time (CUDA driver
// API, "Graph object thread safety"); it is only used through `&mut Graph`.
// Watched by `replay::an_executable_moves_between_threads`.
unsafe impl Send for Graph {}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Graph").finish_non_exhaustive()
    }
}

impl Graph {
    /// Records what `work` queues on the stream it is given.
    ///
    /// # Errors
    /// Those of `work`, and [`OpError::Device`] when the driver refuses.
    pub(crate) fn record<T, E: From<OpError>>(
        driver: &Arc<Driver>,
        work: impl FnOnce(&Arc<CudaStream>) -> Result<T, E>,
    ) -> Result<(T, Self), E> {
        let doing = "recording launches";
        let stream = driver.context.new_stream().map_err(failed(doing))?;
        // Relaxed: meanwhile memory is reserved on the GPU's stream, and
        // kernels that were never started are loaded.
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED;
        stream.begin_capture(mode).map_err(failed(doing))?;
        let recorded = work(&stream);
        let flags = sys::CUgraphInstantiate_flags(0);
        // Ended also after an error: a stream left recording is lost.
        let graph = stream.end_capture(flags).map_err(failed(doing));
        let value = recorded?;
        let graph = graph?.ok_or_else(|| refuse("recording launches: the driver made no graph"))?;
        graph.upload().map_err(failed(doing))?;
        stream.synchronize().map_err(failed(doing))?;
        Ok((value, Self { graph, driver: Arc::clone(driver) }))
    }

    /// Queues the replay on the GPU's stream.
    ///
    /// # Errors
    /// [`OpError::Device`] when the driver refuses.
    pub(crate) fn replay(&mut self) -> Result<(), OpError> {
        let doing = "starting recorded launches";
        let driver = &self.driver;
        driver.context.bind_to_thread().map_err(failed(doing))?;
        // SAFETY: the graph lives, and `&mut` keeps others from it; what its
        // kernels touch lives as long as whoever owns this value.
        unsafe { result::graph::launch(self.graph.cu_graph_exec(), driver.stream.cu_stream()) }.map_err(failed(doing))
    }
}
