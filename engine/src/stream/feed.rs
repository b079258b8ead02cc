//! The sending end: takes the newest snapshot out of the cell, on its own thread.
//!
//! The navigation loop only wakes this thread, as it would any reader; it never
//! waits for it. When the transport is slow, snapshots are left out here: the
//! cell always holds the newest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, bounded};

use super::frame::encode_snapshot;
use crate::rt::{Reader, Snapshot};

/// Longest time between two looks: snapshots without a new packet come every
/// 10 ms and wake nobody.
const LOOK: Duration = Duration::from_millis(10);

/// Carries frames to whoever listens.
pub trait Transport: Send {
    /// Hands a frame over; false when it was left out. Must not wait for a
    /// listener.
    fn publish(&mut self, frame: &[u8]) -> bool;
}

impl<F: FnMut(&[u8]) -> bool + Send> Transport for F {
    fn publish(&mut self, frame: &[u8]) -> bool {
        self(frame)
    }
}

/// What a feed has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct FeedCounts {
    /// Snapshots handed to the transport.
    pub published: u64,
    /// Snapshots it did not take.
    pub failed: u64,
}

#[derive(Debug, Default)]
struct Shared {
    is_stopping: AtomicBool,
    published: AtomicU64,
    failed: AtomicU64,
}

/// A running publisher. Dropping it stops it.
#[derive(Debug)]
pub struct Feed {
    shared: Arc<Shared>,
    readers: Sender<Reader<Snapshot>>,
    thread: Option<JoinHandle<()>>,
}

impl Feed {
    /// Starts the thread; it sends nothing before [`Self::read_from`].
    ///
    /// * `session` - the engine's session, drawn at random.
    /// * `interval` - least time between two frames.
    ///
    /// # Errors
    /// The system refused a thread.
    pub fn start(session: u64, interval: Duration, transport: impl Transport + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (readers, reader) = bounded(1);
        let thread = {
            let shared = shared.clone();
            let run = move || run(&shared, &reader, session, interval, transport);
            thread::Builder::new().name("stream-feed".into()).spawn(run)?
        };
        Ok(Self { shared, readers, thread: Some(thread) })
    }

    /// The thread to wake after a snapshot
    /// ([`LiveSettings::wake`](crate::rt::LiveSettings)).
    #[must_use]
    pub fn thread(&self) -> Option<Thread> {
        self.thread.as_ref().map(|thread| thread.thread().clone())
    }

    /// Says where the snapshots are; once. False when it was said before.
    pub fn read_from(&self, reader: Reader<Snapshot>) -> bool {
        self.readers.try_send(reader).is_ok()
    }

    /// What was sent so far.
    #[must_use]
    pub fn counts(&self) -> FeedCounts {
        FeedCounts {
            published: self.shared.published.load(Ordering::Relaxed),
            failed: self.shared.failed.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.shared.is_stopping.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A thread that panicked has nothing left to stop.
            thread.join().ok();
        }
    }
}

fn run(
    shared: &Shared,
    readers: &Receiver<Reader<Snapshot>>,
    session: u64,
    interval: Duration,
    mut transport: impl Transport,
) {
    let (mut reader, mut number) = (None, 0);
    let mut last: Option<Instant> = None;
    while !shared.is_stopping.load(Ordering::Acquire) {
        if reader.is_none() {
            reader = readers.try_recv().ok();
        }
        if let Some(rest) = last.and_then(|last| interval.checked_sub(last.elapsed())) {
            thread::sleep(rest);
        }
        if let Some(snapshot) = reader.as_ref().and_then(Reader::take) {
            number += 1;
            last = Some(Instant::now());
            let is_taken = transport.publish(encode_snapshot(session, number, &snapshot).as_slice());
            let count = if is_taken { &shared.published } else { &shared.failed };
            count.fetch_add(1, Ordering::Relaxed);
        }
        thread::park_timeout(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::latest;
    use crate::stream::Link;
    use geom::Nanoseconds;

    /// A transport that hangs must not be able to hold the writer of the cell.
    #[test]
    fn the_newest_snapshot_gets_through_whatever_the_transport_does() {
        let (mut publisher, reader) = latest();
        let (sent, frames) = bounded::<Vec<u8>>(1);
        // Full after one frame, like a viewer that stands still.
        let transport = move |frame: &[u8]| sent.try_send(frame.to_vec()).is_ok();
        let feed = Feed::start(5, Duration::ZERO, transport).unwrap();
        assert!(feed.read_from(reader));
        let (mut link, mut sequence) = (Link::default(), 0);
        while link.view(Nanoseconds(1)).snapshot.is_none_or(|shown| shown.sequence < 100) {
            sequence += 1;
            publisher.publish(&Snapshot { sequence, ..Snapshot::default() });
            feed.thread().unwrap().unpark();
            if let Ok(frame) = frames.try_recv() {
                link.take(&frame, Nanoseconds(1)).unwrap();
            }
            thread::yield_now();
        }
        assert_eq!(link.view(Nanoseconds(1)).session, 5);
    }
}
