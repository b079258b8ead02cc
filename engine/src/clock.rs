//! Time through one door, so that hours can be simulated in seconds.
//!
//! Nothing in the engine reads the system time except [`SystemClock`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use geom::Nanoseconds;

/// A monotonic clock. All stamps of one session come from one clock.
pub trait Clock: Send + Sync {
    /// Nanoseconds since the clock's own start.
    fn now(&self) -> Nanoseconds;
}

/// The machine's monotonic clock, counted from its creation.
#[derive(Debug, Clone)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Nanoseconds {
        // 2^64 ns are 584 years.
        Nanoseconds(u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

/// A clock that moves only when told to; clones share one time.
#[derive(Debug, Clone, Default)]
pub struct VirtualClock(Arc<AtomicU64>);

impl VirtualClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Nanoseconds) {
        self.0.fetch_add(by.0, Ordering::SeqCst);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Nanoseconds {
        Nanoseconds(self.0.load(Ordering::SeqCst))
    }
}

/// One millisecond in nanoseconds.
pub const MILLISECOND_NS: u64 = 1_000_000;
