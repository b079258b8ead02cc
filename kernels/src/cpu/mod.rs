//! The processor as a [`Device`]: every operation in f32, on a rayon pool,
//! with AVX2+FMA where the processor has it and portable code elsewhere.
//!
//! It is the reference the other devices are tested against.

mod activation;
mod amx;
mod arena;
mod blocks;
mod convert;
mod cut;
mod direct;
mod element;
mod executor;
mod rows;
mod statistics;
mod vector;
mod winograd;

use std::sync::Arc;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::device::{Device, Executable, Precision};
use crate::error::OpError;
use crate::program::Program;

use vector::{F16, Isa};

/// The processor. Cheap to clone; clones share the threads.
#[derive(Debug, Clone)]
pub struct Cpu {
    pool: Option<Arc<ThreadPool>>,
    isa: Isa,
    /// Multiplies in half precision.
    tiles: Option<amx::Unit>,
}

impl Default for Cpu {
    fn default() -> Self {
        Self::new()
    }
}

impl Cpu {
    /// All threads of rayon's global pool and the best instructions found.
    #[must_use]
    pub fn new() -> Self {
        Self { pool: None, isa: Isa::detect(), tiles: amx::Unit::detect() }
    }

    /// A pool of its own with `threads` threads (0: one per core), so that
    /// a network leaves cores to the navigation loop.
    ///
    /// # Errors
    /// [`OpError::Device`] when the threads cannot be started.
    pub fn with_threads(threads: usize) -> Result<Self, OpError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("kernels-{index}"))
            .build()
            .map_err(|error| OpError::Device { device: "CPU", reason: error.to_string() })?;
        Ok(Self { pool: Some(Arc::new(pool)), ..Self::new() })
    }

    /// The same device without SIMD instructions: what other processors run,
    /// and what the SIMD code is tested against.
    #[must_use]
    pub fn portable(mut self) -> Self {
        self.isa = Isa::PORTABLE;
        self.tiles = None;
        self
    }

    /// Runs `work` on this device's threads. The free functions of this crate
    /// ([`resample`](fn@crate::resample), [`crate::distance_transform`], ...) use the
    /// threads of the pool they are called in.
    ///
    /// ```
    /// let cpu = kernels::Cpu::with_threads(1)?;
    /// assert_eq!(cpu.install(rayon::current_num_threads), 1);
    /// # Ok::<(), kernels::OpError>(())
    /// ```
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Threads its operations run on.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.pool.as_ref().map_or_else(rayon::current_num_threads, |p| p.current_num_threads())
    }
}

impl Device for Cpu {
    fn description(&self) -> String {
        let threads = self.threads();
        let plural = if threads == 1 { "" } else { "s" };
        let tiles = if self.tiles.is_some() { " + AMX in half precision" } else { "" };
        format!("CPU, {threads} thread{plural}, {}{tiles}", self.isa.name())
    }

    fn load(&self, program: &Arc<Program>, precision: Precision) -> Result<Box<dyn Executable>, OpError> {
        Ok(match precision {
            Precision::F32 => Box::new(executor::Network::<f32>::new(self, program, None)?),
            Precision::Half => Box::new(executor::Network::<F16>::new(self, program, self.tiles)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_tells_threads_and_instructions() {
        let cpu = Cpu::with_threads(3).map(Cpu::portable);
        assert_eq!(cpu.map(|c| Device::description(&c)), Ok("CPU, 3 threads, portable".to_owned()));
    }
}
