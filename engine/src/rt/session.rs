//! The threads of a live session.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use crossbeam::queue::ArrayQueue;
use geom::Nanoseconds;
use serde::Serialize;

use super::latency::{LatencyHistogram, LatencySummary};
use super::latest::Latest;
use super::navigation::{Guidance, NavigationLoop, Snapshot};
use crate::clock::{Clock, MILLISECOND_NS};
use crate::safety::ToolLimits;
use crate::track::{Source, TrackerPacket};

/// Packets the ring holds: four seconds of a 60 Hz tracker.
const RING_PACKETS: usize = 256;

/// Longest time without a new snapshot, so that a silent tracker is seen.
const HEARTBEAT: Duration = Duration::from_millis(10);

/// What a session did, told at its end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionSummary {
    /// Where the poses came from.
    pub source: String,
    /// Packets taken in.
    pub packets: u64,
    /// Packets lost to a full ring.
    pub dropped_packets: u64,
    /// Packets that were duplicates or came out of order.
    pub ignored_packets: u64,
    /// Snapshots published.
    pub snapshots: u64,
    /// From a packet's arrival to its snapshot.
    pub engine_latency: LatencySummary,
}

#[derive(Debug)]
struct Shared {
    ring: ArrayQueue<TrackerPacket>,
    latest: Latest<Snapshot>,
    is_stopping: AtomicBool,
    dropped: AtomicU64,
}

/// A running reader and navigation loop. Dropping it stops both.
#[derive(Debug)]
pub struct LiveSession {
    shared: Arc<Shared>,
    source: String,
    reader: Option<JoinHandle<()>>,
    navigation: Option<JoinHandle<SessionSummary>>,
}

impl LiveSession {
    /// Starts the reader and the navigation loop.
    ///
    /// # Errors
    /// The system refused a thread.
    pub fn start(
        mut source: Box<dyn Source>,
        guidance: Arc<Guidance>,
        limits: ToolLimits,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            ring: ArrayQueue::new(RING_PACKETS),
            latest: Latest::default(),
            is_stopping: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
        });
        let description = source.description();
        let mut session = Self { shared: shared.clone(), source: description, reader: None, navigation: None };
        let navigation = {
            let (shared, clock) = (shared.clone(), clock.clone());
            thread::Builder::new()
                .name("navigation".into())
                .spawn(move || navigate(&shared, NavigationLoop::new(guidance, limits), clock.as_ref()))?
        };
        let wake = navigation.thread().clone();
        session.navigation = Some(navigation);
        // Should this spawn fail, dropping `session` ends the other thread.
        let reader = thread::Builder::new()
            .name("tracker-reader".into())
            .spawn(move || read(&shared, source.as_mut(), clock.as_ref(), &wake))?;
        session.reader = Some(reader);
        Ok(session)
    }

    /// The newest snapshot, or `None` when it was taken before.
    #[must_use]
    pub fn latest(&self) -> Option<Snapshot> {
        self.shared.latest.take()
    }

    /// Stops both threads and tells what they did; `None` if a thread died.
    #[must_use]
    pub fn stop(mut self) -> Option<SessionSummary> {
        let mut summary = self.join()?;
        summary.source = std::mem::take(&mut self.source);
        Some(summary)
    }

    fn join(&mut self) -> Option<SessionSummary> {
        self.shared.is_stopping.store(true, Ordering::Release);
        let reader = self.reader.take().is_none_or(|handle| handle.join().is_ok());
        let navigation = self.navigation.take()?;
        navigation.thread().unpark();
        navigation.join().ok().filter(|_| reader)
    }
}

impl Drop for LiveSession {
    fn drop(&mut self) {
        if self.navigation.is_some() {
            self.join();
        }
    }
}

/// The reader thread: hands every packet over, never waits for the loop.
fn read(shared: &Shared, source: &mut dyn Source, clock: &dyn Clock, wake: &Thread) {
    while !shared.is_stopping.load(Ordering::Acquire) {
        match source.poll(clock.now()) {
            Some(packet) => {
                if shared.ring.push(packet).is_err() {
                    shared.dropped.fetch_add(1, Ordering::Relaxed);
                }
                wake.unpark();
            }
            None => {
                let wait_ns = source.next_due().0.saturating_sub(clock.now().0).min(100 * MILLISECOND_NS);
                thread::sleep(Duration::from_nanos(wait_ns));
            }
        }
    }
}

/// The navigation thread.
fn navigate(shared: &Shared, mut navigation: NavigationLoop, clock: &dyn Clock) -> SessionSummary {
    let mut latency = LatencyHistogram::default();
    let (mut packets, mut ignored_packets, mut snapshots) = (0, 0, 0);
    while !shared.is_stopping.load(Ordering::Acquire) {
        let mut oldest_arrival = None;
        // At most one ring of packets a round, so that the loop is bounded.
        for _ in 0..RING_PACKETS {
            let Some(packet) = shared.ring.pop() else { break };
            packets += 1;
            if navigation.observe(&packet) {
                oldest_arrival.get_or_insert(packet.arrival_time);
            } else {
                ignored_packets += 1;
            }
        }
        shared.latest.publish(navigation.snapshot(clock.now()));
        snapshots += 1;
        if let Some(arrival) = oldest_arrival {
            latency.record(Nanoseconds(clock.now().0.saturating_sub(arrival.0)));
        }
        thread::park_timeout(HEARTBEAT);
    }
    SessionSummary {
        source: String::new(),
        packets,
        dropped_packets: shared.dropped.load(Ordering::Relaxed),
        ignored_packets,
        snapshots,
        engine_latency: latency.summary(),
    }
}
