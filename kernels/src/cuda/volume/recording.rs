//! Operations on volumes recorded into one graph.
//!
//! While [`record`] runs its closure, this thread's launches go into the
//! recording instead of being started. Memory that an operation gives back is
//! used again by a later one of the same recording, as it would be in stream
//! order, and stays reserved as long as the recording lives. Tables are copied
//! at once and kept. Reading results back is refused: nothing has run yet.

use std::cell::RefCell;
use std::sync::Arc;

use cudarc::driver::CudaStream;

use crate::cuda::driver::Driver;
use crate::cuda::memory::DeviceMemory;
use crate::cuda::recording::Graph;
use crate::error::OpError;

thread_local! {
    static CURRENT: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

/// What a thread is recording.
struct Recorder {
    stream: Arc<CudaStream>,
    driver: Arc<Driver>,
    /// Given back by earlier operations, for later ones.
    free: Vec<DeviceMemory>,
    /// Not written by the recording, but read.
    kept: Vec<DeviceMemory>,
}

/// Operations as one launch, with the memory they need.
#[derive(Debug)]
pub(super) struct Recording {
    graph: Graph,
    /// Freed after the graph.
    _memory: Vec<DeviceMemory>,
}

impl Recording {
    /// Queues all of it.
    pub(super) fn replay(&mut self) -> Result<(), OpError> {
        self.graph.replay()
    }
}

/// Records what `work` starts on this thread. Its result owns the memory of
/// what it returns, and must live as long as the recording is replayed.
pub(super) fn record<T, E: From<OpError>>(
    driver: &Arc<Driver>,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<(T, Recording), E> {
    let mut memory = Vec::new();
    let (value, graph) = Graph::record(driver, |stream| {
        let recorder =
            Recorder { stream: Arc::clone(stream), driver: Arc::clone(driver), free: Vec::new(), kept: Vec::new() };
        CURRENT.set(Some(recorder));
        let value = work();
        if let Some(Recorder { free, kept, .. }) = CURRENT.take() {
            memory.extend(free.into_iter().chain(kept));
        }
        value
    })?;
    Ok((value, Recording { graph, _memory: memory }))
}

/// The stream of this thread's recording on that GPU, if there is one.
pub(in crate::cuda) fn recording_stream(driver: &Arc<Driver>) -> Option<Arc<CudaStream>> {
    with_current(driver, |recorder| Arc::clone(&recorder.stream))
}

fn with_current<T>(driver: &Arc<Driver>, work: impl FnOnce(&mut Recorder) -> T) -> Option<T> {
    CURRENT.with_borrow_mut(|current| {
        let recorder = current.as_mut().filter(|recorder| Arc::ptr_eq(&recorder.driver, driver));
        recorder.map(work)
    })
}

/// The smallest piece given back that holds `bytes`, unless most of it would
/// lie idle.
pub(super) fn reuse(driver: &Arc<Driver>, bytes: usize) -> Option<DeviceMemory> {
    with_current(driver, |recorder| {
        let fits = |memory: &DeviceMemory| memory.len() >= bytes && memory.len() / 2 <= bytes;
        let found =
            (0..recorder.free.len()).filter(|&i| fits(&recorder.free[i])).min_by_key(|&i| recorder.free[i].len());
        found.map(|index| recorder.free.swap_remove(index))
    })
    .flatten()
}

/// Takes back what an operation is done with; outside a recording it is
/// freed in stream order. Memory that was not reserved by this recording may
/// hold what a replay reads, so it is kept as it is.
pub(super) fn give_back(driver: &Arc<Driver>, memory: DeviceMemory, is_recorded: bool) {
    let mut memory = Some(memory);
    with_current(driver, |recorder| {
        let list = if is_recorded { &mut recorder.free } else { &mut recorder.kept };
        list.extend(memory.take());
    });
}
