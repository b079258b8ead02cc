//! The client at the end of a side: when is a packet's last pose back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use engine::clock::{Clock, SystemClock};
use engine::latency::LatencyHistogram;
use engine::rt::raise_this_thread;
use engine::track::openigtlink::{Client, ClientSettings, LinkState, Message, Request};
use geom::{Nanoseconds, Tool, Tracker};

/// Packets that may be incomplete at once.
const OPEN: usize = 16;
/// How long a side may take to accept the client.
const CONNECT: Duration = Duration::from_secs(5);

/// What came back from a side.
#[derive(Debug, Default)]
pub struct Tally {
    /// Packets sent that count.
    pub sent: u64,
    /// From the intended send time to the last pose of each whole packet.
    pub way: LatencyHistogram,
}

/// The client's thread.
pub struct Listener {
    thread: JoinHandle<Result<Tally>>,
    count_from: Arc<AtomicU64>,
    is_stopping: Arc<AtomicBool>,
}

/// Packets whose poses come back one by one.
struct Open {
    poses: usize,
    packets: [(u64, usize); OPEN],
    next: usize,
}

impl Listener {
    /// Connects to a side; a packet is whole with `poses` poses.
    pub fn start(address: SocketAddr, poses: usize, tally: Tally, clock: Arc<SystemClock>) -> Result<Self> {
        let mut settings = ClientSettings::new(address.to_string());
        settings.request = Request::Nothing;
        // No side answers questions while it starts.
        settings.silence = Duration::from_secs(10);
        let mut client = Client::start(settings, clock.clone())?;
        let began = Instant::now();
        while client.receive(|_| {}) == LinkState::Connecting {
            if began.elapsed() > CONNECT {
                bail!("nobody accepts at {address}");
            }
        }
        let count_from = Arc::new(AtomicU64::new(u64::MAX));
        let is_stopping = Arc::new(AtomicBool::new(false));
        let (from, stopping) = (count_from.clone(), is_stopping.clone());
        let thread = thread::Builder::new().name("bench-listener".into()).spawn(move || {
            let _ = raise_this_thread();
            listen(&mut client, Open::new(poses), tally, &clock, &from, &stopping)
        })?;
        Ok(Self { thread, count_from, is_stopping })
    }

    /// Packets of this time and later count.
    pub fn count_from(&self, time: Nanoseconds) {
        // Half a millisecond less: a side may round the stamp.
        self.count_from.store(time.0.saturating_sub(500_000), Ordering::Release);
    }

    /// Ends and gives what came back.
    pub fn stop(self) -> Result<Tally> {
        self.is_stopping.store(true, Ordering::Release);
        self.thread.join().map_err(|_| anyhow!("the bench's client died"))?
    }
}

fn listen(
    client: &mut Client,
    mut open: Open,
    mut tally: Tally,
    clock: &SystemClock,
    count_from: &AtomicU64,
    is_stopping: &AtomicBool,
) -> Result<Tally> {
    while !is_stopping.load(Ordering::Acquire) {
        let from = count_from.load(Ordering::Acquire);
        let state = client.receive(|arrived| {
            let Message::Transform(matrix) = &arrived.decoded.message else { return };
            let intended = arrived.header.time.nanoseconds();
            let is_pose = matrix.rigid::<Tracker, Tool>().is_ok();
            if is_pose && intended.0 >= from && open.add(intended.0) {
                tally.way.record(Nanoseconds(clock.now().0.saturating_sub(intended.0)));
            }
        });
        if state == LinkState::Connecting {
            bail!("the connection ended: {}", client.last_end().map_or_else(String::new, ToString::to_string));
        }
    }
    Ok(tally)
}

impl Open {
    const fn new(poses: usize) -> Self {
        Self { poses, packets: [(0, 0); OPEN], next: 0 }
    }

    /// One more pose with this stamp; true when the packet is whole with it.
    fn add(&mut self, stamp: u64) -> bool {
        if let Some((_, count)) = self.packets.iter_mut().find(|(open, count)| *open == stamp && *count > 0) {
            *count += 1;
            return *count == self.poses;
        }
        // The oldest gives way: it was never whole and counts as lost.
        if let Some(place) = self.packets.get_mut(self.next) {
            *place = (stamp, 1);
        }
        self.next = (self.next + 1) % OPEN;
        self.poses == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_counts_once_with_its_last_pose_and_an_incomplete_one_never() {
        let mut open = Open::new(3);
        assert_eq!([10, 10, 20, 10, 20].map(|stamp| open.add(stamp)), [false, false, false, true, false]);
        for stamp in 100..200 {
            assert!(!open.add(stamp));
        }
        assert!(!open.add(20), "it was given up long ago");
    }
}
