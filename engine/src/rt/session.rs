//! The threads of a live session, and what they did.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle, Thread};

use crossbeam::queue::ArrayQueue;
use serde::Serialize;

use super::guidance::Guidance;
use super::latest::{Reader, latest};
use super::loop_settings::LoopSettings;
use super::navigation::NavigationLoop;
use super::observer::LoopObserver;
use super::real_time::{Granted, RealTime, lock_memory, raise_this_thread, share_processor};
use super::snapshot::Snapshot;
use super::threads::{self, Handed, Inputs, RING_PACKETS, Rounds};
use crate::clock::Clock;
use crate::journal::{Intent, RecordedRegistration};
use crate::latency::LatencySummary;
use crate::safety::ToolLimits;
use crate::track::Source;

/// Things a user can say that wait for the loop.
const INTENTS: usize = 16;

/// Registrations whose memory waits to be freed outside the loop.
const RETIRED: usize = 4;

/// Runs the steady part of a thread; a test or bench counts allocations in it.
pub type Around = fn(&mut dyn FnMut());

/// How the threads of a live session run.
#[derive(Default)]
pub struct LiveSettings {
    /// The loop's limits.
    pub navigation: LoopSettings,
    /// Ask the system for real-time priority and locked memory.
    pub real_time: bool,
    /// What the loop is told before its first packet, at most sixteen: that the
    /// program was started again, that the registration was read back.
    pub first: Vec<Intent>,
    /// Who listens in the navigation thread: journal, latency count.
    pub observers: Vec<Box<dyn LoopObserver>>,
    /// A thread that is unparked after each snapshot with a new packet.
    pub wake: Option<Thread>,
    /// Wraps the steady part of both threads.
    pub around: Option<Around>,
}

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
    /// From a packet's decoding to its snapshot.
    pub engine_latency: LatencySummary,
    /// What the system granted.
    pub real_time: RealTime,
}

/// Flags and counts both threads see; nothing waits for another.
#[derive(Debug)]
pub(super) struct Shared {
    pub is_stopping: AtomicBool,
    pub dropped: AtomicU64,
    pub told: ArrayQueue<Told>,
    pub retired: ArrayQueue<(Arc<Guidance>, Box<RecordedRegistration>)>,
}

/// What waits for the loop.
#[derive(Debug)]
pub(super) enum Told {
    Intent(Intent),
    Registration(Arc<Guidance>, Box<RecordedRegistration>),
}

/// A running reader and navigation loop. Dropping it stops both.
#[derive(Debug)]
pub struct LiveSession {
    shared: Arc<Shared>,
    snapshots: Reader<Snapshot>,
    source: String,
    locked_memory: Granted,
    reader: Option<JoinHandle<()>>,
    navigation: Option<JoinHandle<(Rounds, RealTime)>>,
}

impl LiveSession {
    /// Starts the reader and the navigation loop with default settings but for
    /// the tools' limits.
    ///
    /// # Errors
    /// The system refused a thread.
    pub fn start(
        source: Box<dyn Source>,
        guidance: Arc<Guidance>,
        limits: ToolLimits,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        let navigation = LoopSettings { tool: limits, reference: limits, ..LoopSettings::default() };
        Self::start_with(source, guidance, clock, LiveSettings { navigation, real_time: true, ..Default::default() })
    }

    /// Starts the reader and the navigation loop.
    ///
    /// # Errors
    /// The system refused a thread, or there is too much to tell the loop
    /// first.
    pub fn start_with(
        mut source: Box<dyn Source>,
        guidance: Arc<Guidance>,
        clock: Arc<dyn Clock>,
        settings: LiveSettings,
    ) -> std::io::Result<Self> {
        let (is_stopping, dropped) = (AtomicBool::new(false), AtomicU64::new(0));
        let (told, retired) = (ArrayQueue::new(INTENTS), ArrayQueue::new(RETIRED));
        let shared = Arc::new(Shared { is_stopping, dropped, told, retired });
        for intent in settings.first {
            if shared.told.push(Told::Intent(intent)).is_err() {
                return Err(std::io::Error::other(format!(
                    "more than {INTENTS} things to tell the session at its start"
                )));
            }
        }
        let (publisher, snapshots) = latest();
        let (packets, taken) = rtrb::RingBuffer::<Handed>::new(RING_PACKETS);
        let (real_time, around) = (settings.real_time, settings.around.unwrap_or(|run| run()));
        let locked_memory = if real_time { lock_memory() } else { Granted::NotAsked };
        let ask = move || {
            let priority = if real_time { raise_this_thread() } else { Granted::NotAsked };
            let one_processor = share_processor(&priority);
            RealTime { priority, one_processor, locked_memory: Granted::NotAsked }
        };
        let source_name = source.description();
        let navigation = {
            let (shared, clock) = (shared.clone(), clock.clone());
            let navigation = NavigationLoop::with_settings(guidance, settings.navigation);
            let inputs = Inputs { navigation, taken, publisher, observers: settings.observers, wake: settings.wake };
            thread::Builder::new().name("navigation".into()).spawn(move || {
                let granted = ask();
                let mut rounds = Rounds::default();
                let mut inputs = inputs;
                around(&mut || threads::navigate(&shared, &mut inputs, clock.as_ref(), &mut rounds));
                (rounds, granted)
            })?
        };
        let wake = navigation.thread().clone();
        let mut session = Self {
            shared: shared.clone(),
            snapshots,
            source: source_name,
            locked_memory,
            reader: None,
            navigation: Some(navigation),
        };
        // Should this spawn fail, dropping `session` ends the other thread.
        let reader = thread::Builder::new().name("tracker-reader".into()).spawn(move || {
            // The loop's thread says whether this was granted.
            let _ = ask();
            let mut packets = packets;
            around(&mut || threads::read(&shared, source.as_mut(), &mut packets, clock.as_ref(), &wake));
        })?;
        session.reader = Some(reader);
        Ok(session)
    }

    /// The newest snapshot, or `None` when it was taken here before.
    #[must_use]
    pub fn latest(&self) -> Option<Snapshot> {
        self.snapshots.take()
    }

    /// Another reader of the snapshots; each sees the newest, whatever others do.
    #[must_use]
    pub fn reader(&self) -> Reader<Snapshot> {
        self.snapshots.clone()
    }

    /// Tells the loop something; false when sixteen things already wait.
    #[must_use]
    pub fn tell(&self, intent: Intent) -> bool {
        self.shared.told.push(Told::Intent(intent)).is_ok()
    }

    /// Gives the loop another registration of the same case and tools; false
    /// when sixteen things already wait. The session follows its verdict, and
    /// the journal keeps it.
    ///
    /// * `guidance` - made from that registration, [`Guidance::new`].
    #[must_use]
    pub fn register(&self, guidance: Arc<Guidance>, registration: RecordedRegistration) -> bool {
        // Freed here, not in the loop.
        while self.shared.retired.pop().is_some() {}
        self.shared.told.push(Told::Registration(guidance, Box::new(registration))).is_ok()
    }

    /// Stops both threads and tells what they did; `None` if a thread died.
    #[must_use]
    pub fn stop(mut self) -> Option<SessionSummary> {
        let (rounds, threads) = self.join()?;
        Some(SessionSummary {
            source: std::mem::take(&mut self.source),
            packets: rounds.packets,
            dropped_packets: self.shared.dropped.load(Ordering::Relaxed),
            ignored_packets: rounds.ignored_packets,
            snapshots: rounds.snapshots,
            engine_latency: rounds.latency.summary(),
            real_time: RealTime { locked_memory: self.locked_memory.clone(), ..threads },
        })
    }

    fn join(&mut self) -> Option<(Rounds, RealTime)> {
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
