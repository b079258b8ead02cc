//! How punctual this machine is: a thread that only sleeps to fixed times, with
//! the same priority and rate, in the same run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Result, anyhow};
use engine::clock::{Clock, SystemClock};
use engine::latency::{LatencyHistogram, LatencySummary};
use engine::rt::raise_this_thread;
use geom::Nanoseconds;

/// The sleeping thread.
pub struct Floor(JoinHandle<LatencyHistogram>);

impl Floor {
    /// Starts; ends by itself when `is_over`.
    pub fn start(hz: f64, clock: Arc<SystemClock>, is_over: &Arc<AtomicBool>) -> Result<Self> {
        Self::go_on(LatencyHistogram::default(), hz, clock, is_over)
    }

    /// Goes on counting into `lateness`.
    pub fn go_on(
        mut lateness: LatencyHistogram,
        hz: f64,
        clock: Arc<SystemClock>,
        is_over: &Arc<AtomicBool>,
    ) -> Result<Self> {
        let is_over = is_over.clone();
        let thread = thread::Builder::new().name("bench-floor".into()).spawn(move || {
            let _ = raise_this_thread();
            let interval = (1e9 / hz) as u64;
            // Half an interval beside the sender, so that they do not meet.
            let mut due = clock.now().0 + interval / 2;
            while !is_over.load(Ordering::Acquire) {
                let wait = due.saturating_sub(clock.now().0);
                if wait > 0 {
                    thread::sleep(Duration::from_nanos(wait));
                }
                lateness.record(Nanoseconds(clock.now().0.saturating_sub(due)));
                due += interval;
            }
            lateness
        })?;
        Ok(Self(thread))
    }

    /// How late it woke.
    pub fn stop(self) -> Result<LatencySummary> {
        self.pause().map(|lateness| lateness.summary())
    }

    /// What it counted so far; the thread ends.
    pub fn pause(self) -> Result<LatencyHistogram> {
        self.0.join().map_err(|_| anyhow!("the timer thread died"))
    }
}
