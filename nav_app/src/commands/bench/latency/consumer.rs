//! Who picks the snapshots up: woken for each, as a viewer's or a stream's
//! thread would be, and keeper of the histograms.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use engine::clock::{Clock, SystemClock};
use engine::latency::{PacketTimes, StageHistograms};
use engine::rt::{Reader, Snapshot, raise_this_thread};
use geom::Nanoseconds;

use super::observers::ByTurn;

/// Packets whose times may wait for their pick-up.
const WAITING: usize = 4096;

type Feed = (Reader<Snapshot>, Arc<SystemClock>);

/// What the consumer counted.
#[derive(Default)]
pub struct Consumed {
    /// The way of each packet.
    pub histograms: StageHistograms,
    /// The engine's share by who looked on.
    pub by_turn: ByTurn,
}

/// The consumer's thread.
pub struct Consumer {
    thread: JoinHandle<Consumed>,
    feed: mpsc::SyncSender<Feed>,
    times: Mutex<Option<rtrb::Producer<PacketTimes>>>,
    is_stopping: Arc<AtomicBool>,
}

impl Consumer {
    /// Starts the thread; it waits for something to read.
    pub fn start() -> Result<Self> {
        let (feed, feeds) = mpsc::sync_channel::<Feed>(1);
        let (times, arriving) = rtrb::RingBuffer::new(WAITING);
        let is_stopping = Arc::new(AtomicBool::new(false));
        let stopping = is_stopping.clone();
        let thread = thread::Builder::new().name("bench-consumer".into()).spawn(move || {
            let Ok((reader, clock)) = feeds.recv() else { return Consumed::default() };
            let _ = raise_this_thread();
            consume(&reader, clock.as_ref(), arriving, &stopping)
        })?;
        Ok(Self { thread, feed, times: Mutex::new(Some(times)), is_stopping })
    }

    /// The thread to wake after a snapshot.
    pub fn thread(&self) -> Thread {
        self.thread.thread().clone()
    }

    /// Where the loop puts the packets' times; given once.
    pub fn times(&self) -> Result<rtrb::Producer<PacketTimes>> {
        let mut times = self.times.lock().map_err(|_| anyhow!("the consumer is broken"))?;
        times.take().context("the packets' times were taken before")
    }

    /// Begins to read.
    pub fn read_from(&self, reader: Reader<Snapshot>, clock: Arc<SystemClock>) -> Result<()> {
        self.feed.send((reader, clock)).map_err(|_| anyhow!("the consumer is gone"))
    }

    /// Ends and gives the histograms.
    pub fn stop(self) -> Result<Consumed> {
        self.is_stopping.store(true, Ordering::Release);
        self.thread.thread().unpark();
        self.thread.join().map_err(|_| anyhow!("the consumer died"))
    }
}

fn consume(
    reader: &Reader<Snapshot>,
    clock: &SystemClock,
    mut arriving: rtrb::Consumer<PacketTimes>,
    is_stopping: &AtomicBool,
) -> Consumed {
    let mut consumed = Consumed::default();
    let mut picks: VecDeque<(u64, Nanoseconds)> = VecDeque::with_capacity(WAITING);
    let mut last = 0;
    while !is_stopping.load(Ordering::Acquire) {
        if let Some(snapshot) = reader.take().filter(|s| s.sequence > last) {
            last = snapshot.sequence;
            if picks.len() < WAITING {
                picks.push_back((last, clock.now()));
            }
        }
        // A packet was picked up with the first snapshot that is not older.
        while let Ok(times) = arriving.peek().copied() {
            while picks.front().is_some_and(|(sequence, _)| *sequence < times.sequence) {
                picks.pop_front();
            }
            let Some((_, picked_up)) = picks.front().copied() else { break };
            consumed.histograms.record(&PacketTimes { picked_up, ..times });
            consumed.by_turn.record(times.published, times.engine());
            let _ = arriving.pop();
        }
        thread::park_timeout(Duration::from_millis(10));
    }
    consumed
}
