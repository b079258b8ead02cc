//! What the reader and the navigation thread do until they are stopped.
//!
//! No allocation, no lock, no log line and no loop without a bound in here;
//! `tests/live/steady.rs` counts allocations, and the only waiting is for work.

use std::sync::atomic::Ordering;
use std::thread::{self, Thread};
use std::time::Duration;

use geom::Nanoseconds;
use rtrb::{Consumer, Producer};

use super::latest::Publisher;
use super::navigation::NavigationLoop;
use super::observer::LoopObserver;
use super::session::{Shared, Told};
use super::snapshot::Snapshot;
use crate::clock::{Clock, MILLISECOND_NS};
use crate::journal::{Intent, tell};
use crate::latency::{LatencyHistogram, PacketTimes};
use crate::safety::{Alarm, Alarms};
use crate::track::{Source, TrackerPacket};

/// Packets the ring holds: four seconds of a 60 Hz tracker.
pub const RING_PACKETS: usize = 256;

/// Packets taken in a round before the picture is made: a burst must not keep
/// the scene waiting.
const ROUND_PACKETS: usize = 64;

/// Things told by others taken in a round; before the first packet all of them
/// are.
const ROUND_TOLD: usize = 16;

/// Longest time without a new snapshot, so that a silent tracker is seen.
const HEARTBEAT: Duration = Duration::from_millis(10);

/// Longest sleep of the reader, so that it can be stopped.
const LONGEST_SLEEP_NS: u64 = 100 * MILLISECOND_NS;

/// A packet, and when the reader put it into the ring.
pub type Handed = (TrackerPacket, Nanoseconds);

/// What the navigation thread owns.
pub struct Inputs {
    pub navigation: NavigationLoop,
    pub taken: Consumer<Handed>,
    pub publisher: Publisher<Snapshot>,
    pub observers: Vec<Box<dyn LoopObserver>>,
    pub wake: Option<Thread>,
}

/// What the navigation thread counts.
#[derive(Debug, Default)]
pub struct Rounds {
    pub packets: u64,
    pub ignored_packets: u64,
    pub snapshots: u64,
    pub latency: LatencyHistogram,
}

/// The reader thread: hands every packet over, never waits for the loop.
pub fn read(
    shared: &Shared,
    source: &mut dyn Source,
    packets: &mut Producer<Handed>,
    clock: &dyn Clock,
    wake: &Thread,
) {
    while !shared.is_stopping.load(Ordering::Acquire) {
        match source.poll(clock.now()) {
            Some(packet) => {
                if packets.push((packet, clock.now())).is_err() {
                    shared.dropped.fetch_add(1, Ordering::Relaxed);
                }
                wake.unpark();
            }
            None => {
                let wait_ns = source.next_due().0.saturating_sub(clock.now().0).min(LONGEST_SLEEP_NS);
                if wait_ns > 0 {
                    thread::sleep(Duration::from_nanos(wait_ns));
                }
            }
        }
    }
}

/// The navigation thread.
pub fn navigate(shared: &Shared, inputs: &mut Inputs, clock: &dyn Clock, rounds: &mut Rounds) {
    let mut times = [PacketTimes::default(); ROUND_PACKETS];
    let mut outside = Outside::default();
    while !shared.is_stopping.load(Ordering::Acquire) {
        outside.tell(shared, inputs, clock.now());
        for _ in 0..ROUND_TOLD {
            match shared.told.pop() {
                Some(Told::Intent(intent)) => pass_on(inputs, intent, clock.now()),
                Some(Told::Registration(guidance, recorded)) => {
                    let now = clock.now();
                    inputs.observers.iter_mut().for_each(|observer| observer.registration(&recorded, now));
                    let before = inputs.navigation.replace_guidance(guidance, now);
                    // Megabytes are freed by whoever registers next.
                    let _oldest = shared.retired.force_push((before, recorded));
                }
                None => break,
            }
        }
        let mut count = 0;
        // At most a round of packets before the picture; the rest comes next.
        for slot in &mut times {
            let Ok((packet, handed)) = inputs.taken.pop() else { break };
            count += 1;
            *slot = take(inputs, &packet, handed, clock, rounds);
        }
        let fuse_began = clock.now();
        let snapshot = inputs.navigation.snapshot(fuse_began);
        let fused = clock.now();
        inputs.publisher.publish(&snapshot);
        let published = clock.now();
        if let Some(wake) = inputs.wake.as_ref().filter(|_| count > 0) {
            wake.unpark();
        }
        rounds.snapshots += 1;
        inputs.observers.iter_mut().for_each(|observer| observer.snapshot(&snapshot, fuse_began));
        for packet in times.iter_mut().take(count) {
            *packet = PacketTimes { fuse_began, fused, publish_began: fused, published, ..*packet };
            rounds.latency.record(packet.engine());
            inputs.observers.iter_mut().for_each(|observer| observer.times(packet));
        }
        if count < ROUND_PACKETS {
            thread::park_timeout(HEARTBEAT);
        }
    }
}

fn take(
    inputs: &mut Inputs,
    packet: &TrackerPacket,
    handed: Nanoseconds,
    clock: &dyn Clock,
    rounds: &mut Rounds,
) -> PacketTimes {
    let taken = clock.now();
    inputs.observers.iter_mut().for_each(|observer| observer.packet(packet, taken));
    rounds.packets += 1;
    if !inputs.navigation.observe(packet) {
        rounds.ignored_packets += 1;
    }
    PacketTimes {
        sequence: packet.sequence,
        intended: packet.source_time,
        received: packet.arrival_time,
        decoded: packet.decoded_time,
        handed,
        taken,
        checked: clock.now(),
        ..PacketTimes::default()
    }
}

fn pass_on(inputs: &mut Inputs, intent: Intent, now: Nanoseconds) {
    inputs.observers.iter_mut().for_each(|observer| observer.intent(intent, now));
    tell(&mut inputs.navigation, intent, now);
}

/// What is wrong outside the loop, told to it when it changes.
#[derive(Debug, Default)]
struct Outside {
    told: Alarms,
    dropped: u64,
    dropped_at: Option<Nanoseconds>,
}

impl Outside {
    /// How long lost packets are shown.
    const HOLD_NS: u64 = 1000 * MILLISECOND_NS;

    fn tell(&mut self, shared: &Shared, inputs: &mut Inputs, now: Nanoseconds) {
        let dropped = shared.dropped.load(Ordering::Relaxed);
        if dropped != self.dropped {
            (self.dropped, self.dropped_at) = (dropped, Some(now));
        }
        let is_recent = self.dropped_at.is_some_and(|at| now.0.saturating_sub(at.0) < Self::HOLD_NS);
        let own = inputs.observers.iter().fold(Alarms::default(), |all, observer| all.union(observer.alarms()));
        let alarms = if is_recent { own.with(Alarm::PacketsDropped) } else { own };
        if alarms != self.told {
            self.told = alarms;
            pass_on(inputs, Intent::Outside(alarms), now);
        }
    }
}
