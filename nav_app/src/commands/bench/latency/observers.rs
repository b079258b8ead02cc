//! `bench latency --observers`: does a slow, dead or hostile observer slow the engine?
//!
//! By turns of six seconds nobody looks on; then four OpenIGTLink clients and
//! eight readers of the snapshots look on and keep up; then the same clients
//! stop reading while messages for them go on, and the readers look once a
//! second or never; then [`super::hostile`] peers do what they can; then nobody again, which shows how much the figures vary by
//! themselves. The turns follow the session's clock, so that every packet's
//! latency can be counted with its turn.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use engine::clock::{Clock, SystemClock};
use engine::latency::{LatencyHistogram, LatencySummary};
use engine::rt::{Reader, Snapshot};
use engine::track::openigtlink::{Matrix, Message, Name, Server, ServerSettings, Stamp, Timestamp};
use geom::{Nanoseconds, Tool, Tracker, Transform};

use super::hostile;

/// Length of a turn: the server drops a client that takes nothing for 2 s, so
/// that a stuck one is blocked, dropped and connects again within it.
const TURN_NS: u64 = 6_000_000_000;
/// Clients of the OpenIGTLink server.
const CLIENTS: usize = 4;
/// Readers of the latest-value cell.
const READERS: usize = 8;
/// Messages sent for each snapshot, 13 KB: the sockets' buffers are full
/// after a second.
const MESSAGES: usize = 120;

/// Who looks on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nobody.
    Absent,
    /// Everybody, and they keep up.
    Healthy,
    /// Everybody, but they hardly read or not at all.
    Stuck,
    /// Peers that mean harm.
    Hostile,
    /// Nobody again: what the figures vary by themselves.
    AbsentAgain,
}

impl Turn {
    /// In the order of the turns.
    pub const ALL: [Self; 5] = [Self::Absent, Self::Healthy, Self::Stuck, Self::Hostile, Self::AbsentAgain];

    /// Whose turn it is.
    pub const fn at(time: Nanoseconds) -> Self {
        Self::ALL[(time.0 / TURN_NS) as usize % Self::ALL.len()]
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Absent => "nobody looks on",
            Self::Healthy => "observers keep up",
            Self::Stuck => "observers slow or dead",
            Self::Hostile => "hostile peers",
            Self::AbsentAgain => "nobody, again",
        }
    }

    /// True when nobody looks on.
    const fn is_absent(self) -> bool {
        matches!(self, Self::Absent | Self::Hostile | Self::AbsentAgain)
    }
}

/// The engine's latency by turn.
#[derive(Debug, Clone, Default)]
pub struct ByTurn([LatencyHistogram; Turn::ALL.len()]);

impl ByTurn {
    /// Counts one packet.
    pub fn record(&mut self, published: Nanoseconds, engine: Nanoseconds) {
        if let Some(histogram) = self.0.get_mut(Turn::at(published) as usize) {
            histogram.record(engine);
        }
    }

    /// Percentiles of every turn.
    pub fn rows(&self) -> Vec<(&'static str, LatencySummary)> {
        Turn::ALL.iter().zip(&self.0).map(|(turn, histogram)| (turn.name(), histogram.summary())).collect()
    }
}

/// Starts server, clients and readers; they end with `is_over` or the program.
pub fn start(snapshots: &Reader<Snapshot>, clock: &Arc<SystemClock>, is_over: &Arc<AtomicBool>) -> Result<()> {
    let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = Server::bind(ServerSettings { bind, ..ServerSettings::default() }, Box::new(|_, _| {}))?;
    let address = server.local_addr();
    let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| thread::Builder::new().name(name.into()).spawn(work);
    let device = Name::new("Tool1").context("the tool's name is too long")?;
    for way in hostile::ways(device) {
        let (clock, over) = (clock.clone(), is_over.clone());
        let work = move || hostile::attack(address, way.as_deref(), &clock, &over);
        spawn("bench-hostile", Box::new(work))?;
    }
    for _ in 0..CLIENTS {
        let (clock, over) = (clock.clone(), is_over.clone());
        spawn("bench-client", Box::new(move || look_from_outside(address, &clock, &over)))?;
    }
    for number in 0..READERS {
        let (reader, clock, over) = (snapshots.clone(), clock.clone(), is_over.clone());
        spawn("bench-reader", Box::new(move || look_at_cell(&reader, number, &clock, &over)))?;
    }
    let (reader, clock, over) = (snapshots.clone(), clock.clone(), is_over.clone());
    spawn("bench-publisher", Box::new(move || publish(&server, &reader, device, &clock, &over)))?;
    Ok(())
}

/// Sends every snapshot it sees to all clients.
fn publish(server: &Server, reader: &Reader<Snapshot>, device: Name<20>, clock: &SystemClock, is_over: &AtomicBool) {
    let pose = Message::Transform(Matrix::from(&Transform::<Tracker, Tool>::identity()));
    while !is_over.load(Ordering::Acquire) {
        if let Some(snapshot) = reader.take().filter(|_| !Turn::at(clock.now()).is_absent()) {
            let stamp = Stamp { device, time: Timestamp::from_nanoseconds(snapshot.source_time) };
            server.send(|encoder| (0..MESSAGES).all(|_| encoder.message(&stamp, &pose)));
        }
        thread::sleep(Duration::from_millis(4));
    }
}

fn look_from_outside(address: SocketAddr, clock: &SystemClock, is_over: &AtomicBool) {
    let (mut link, mut bytes) = (None::<TcpStream>, vec![0; 65536]);
    while !is_over.load(Ordering::Acquire) {
        let turn = Turn::at(clock.now());
        if turn.is_absent() {
            link = None;
        } else if link.is_none() {
            link = TcpStream::connect(address).ok();
        }
        let is_open = match (&mut link, turn) {
            (Some(stream), Turn::Healthy) => stream
                .set_read_timeout(Some(Duration::from_millis(20)))
                .and_then(|()| stream.read(&mut bytes))
                .map_or_else(
                    |e| matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut),
                    |n| n > 0,
                ),
            // Looks whether the server has given it up, and takes nothing.
            (Some(stream), _) => {
                thread::sleep(Duration::from_millis(50));
                stream.set_nonblocking(true).is_ok()
                    && stream.peek(&mut [0]).map_or_else(|e| e.kind() == std::io::ErrorKind::WouldBlock, |n| n > 0)
                    && stream.set_nonblocking(false).is_ok()
            }
            (None, _) => {
                thread::sleep(Duration::from_millis(20));
                true
            }
        };
        if !is_open {
            link = None;
        }
    }
}

/// Reads at the packets' rate, or every second reader once a second and the
/// others never.
fn look_at_cell(reader: &Reader<Snapshot>, number: usize, clock: &SystemClock, is_over: &AtomicBool) {
    let mut last = Nanoseconds(0);
    while !is_over.load(Ordering::Acquire) {
        let now = clock.now();
        let is_due = match Turn::at(now) {
            Turn::Healthy => true,
            Turn::Stuck => number.is_multiple_of(2) && now.0.saturating_sub(last.0) > 1_000_000_000,
            Turn::Absent | Turn::Hostile | Turn::AbsentAgain => false,
        };
        if is_due && reader.take().is_some() {
            last = now;
        }
        thread::sleep(Duration::from_millis(4));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_counts_with_the_turn_in_which_it_was_published() {
        let mut by_turn = ByTurn::default();
        for (second, ms) in [(1, 1), (7, 2), (13, 3), (19, 4), (25, 5), (31, 1)] {
            by_turn.record(Nanoseconds(second * 1_000_000_000), Nanoseconds(ms * 1_000_000));
        }
        let counts: Vec<_> = by_turn.rows().iter().map(|(_, l)| (l.count, l.max_ms.round() as u64)).collect();
        assert_eq!(counts, [(2, 1), (1, 2), (1, 3), (1, 4), (1, 5)]);
    }
}
