//! A tracker's stream with faults in it.

use std::collections::VecDeque;

use geom::Nanoseconds;

use super::alter::{Memory, alter};
use super::named_fault::{Kind, Place};
use super::script::{FaultScript, Injection};
use crate::clock::MILLISECOND_NS;
use crate::register::random::Random;
use crate::track::{Source, TrackerPacket};

/// Packets that can be on their way at once; more are lost.
const MAX_HELD: usize = 4096;
/// Packets taken from the inner source in one poll.
const MAX_TAKEN: usize = 256;
/// Silence before a tracker that was restarted sends again.
const RESTART_NS: u64 = 300 * MILLISECOND_NS;

/// Wraps a source and spoils what comes from it, by a script: the faults of
/// tracker and reference. The faults of other places are left alone.
///
/// Deterministic: the same source, script and seed give the same stream.
#[derive(Debug)]
pub struct FaultySource<S> {
    inner: S,
    injections: Vec<(Injection, Memory)>,
    held: VecDeque<(Nanoseconds, TrackerPacket)>,
    waiting: Option<TrackerPacket>,
    pristine: Option<TrackerPacket>,
    random: Random,
}

impl<S: Source> FaultySource<S> {
    /// `script` times count from the clock that `poll` is given.
    #[must_use]
    pub fn new(inner: S, script: &FaultScript, seed: u64) -> Self {
        let here = |i: &&Injection| matches!(i.fault.place, Place::Tracker | Place::Reference);
        let injections = script.injections.iter().filter(here).map(|i| (*i, Memory::default())).collect();
        let (held, random) = (VecDeque::with_capacity(MAX_HELD), Random::new(seed));
        Self { inner, injections, held, waiting: None, pristine: None, random }
    }

    /// The newest packet of the inner source as it was: the truth of a trial.
    #[must_use]
    pub const fn pristine(&self) -> Option<&TrackerPacket> {
        self.pristine.as_ref()
    }

    /// Sends one packet through all faults.
    fn pass(&mut self, mut packet: TrackerPacket, now: Nanoseconds) {
        let (mut due, mut copies, mut is_reordered) = (now, 1, false);
        for (injection, memory) in &mut self.injections {
            // A clock that was set stays set; a restarted count goes on.
            let is_over = injection.fault.kind != Kind::Restart && now >= injection.end();
            if now < injection.at || is_over {
                continue;
            }
            match injection.fault.kind {
                Kind::Unplug => copies = 0,
                Kind::HalfOpen => due = due.max(injection.end()),
                Kind::SlowLink => due.0 += milliseconds(injection.amount),
                Kind::Burst => due.0 = due.0.next_multiple_of(milliseconds(injection.amount).max(1)),
                Kind::Duplicate => copies *= 2,
                Kind::Reorder => is_reordered = true,
                Kind::PacketLoss if self.random.uniform() * 100.0 < injection.amount => copies = 0,
                Kind::RateDrop if !packet.sequence.is_multiple_of((injection.amount as u64).max(1)) => copies = 0,
                Kind::Restart if now.0 < injection.at.0 + RESTART_NS => copies = 0,
                _ => alter(&mut packet, injection, memory),
            }
        }
        if copies == 0 {
            return;
        }
        // The one before comes after this one.
        let late = if is_reordered { self.waiting.replace(packet) } else { self.waiting.take() };
        match (is_reordered, late) {
            (true, None) => {}
            (true, Some(before)) => {
                self.waiting = None;
                self.hold(due, &packet, copies);
                self.hold(due, &before, copies);
            }
            (false, before) => {
                before.into_iter().for_each(|before| self.hold(due, &before, 1));
                self.hold(due, &packet, copies);
            }
        }
    }

    fn hold(&mut self, due: Nanoseconds, packet: &TrackerPacket, copies: usize) {
        // A stream is delivered in its order: nothing overtakes what is held.
        let due = self.held.back().map_or(due, |last| due.max(last.0));
        for _ in 0..copies {
            if self.held.len() < MAX_HELD {
                self.held.push_back((due, *packet));
            }
        }
    }
}

trait Later {
    fn max(self, other: Self) -> Self;
}

impl Later for Nanoseconds {
    fn max(self, other: Self) -> Self {
        Self(self.0.max(other.0))
    }
}

fn milliseconds(amount: f64) -> u64 {
    (amount * MILLISECOND_NS as f64) as u64
}

impl<S: Source> Source for FaultySource<S> {
    fn description(&self) -> String {
        format!("{} with {} scripted faults", self.inner.description(), self.injections.len())
    }

    fn poll(&mut self, now: Nanoseconds) -> Option<TrackerPacket> {
        for _ in 0..MAX_TAKEN {
            let Some(packet) = self.inner.poll(now) else { break };
            self.pristine = Some(packet);
            self.pass(packet, now);
        }
        let (due, mut packet) = *self.held.front().filter(|(due, _)| *due <= now)?;
        self.held.pop_front();
        (packet.arrival_time, packet.decoded_time, packet.session_time) = (due, due, due);
        Some(packet)
    }

    fn next_due(&self) -> Nanoseconds {
        let next = self.inner.next_due();
        self.held.front().map_or(next, |(due, _)| Nanoseconds(due.0.min(next.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::phantom::PhantomTracker;
    use super::*;

    /// Sequence numbers and arrival times (ms) of what comes in the first
    /// second.
    fn stream(script: &str) -> Vec<(u64, u64)> {
        let mut source = FaultySource::new(PhantomTracker::new(1), &FaultScript::parse(script).unwrap(), 1);
        let mut found = Vec::new();
        for ms in 0..1000 {
            while let Some(packet) = source.poll(Nanoseconds(ms * MILLISECOND_NS)) {
                found.push((packet.sequence, packet.arrival_time.0 / MILLISECOND_NS));
            }
        }
        found
    }

    #[test]
    fn a_script_without_faults_changes_nothing() {
        let found = stream("");
        assert_eq!(found.len(), 59);
        assert!(found.iter().zip(1..).all(|(f, n)| f.0 == n && f.1 == (n * 1000).div_ceil(60)));
    }

    #[test]
    fn faults_of_the_link_do_what_their_names_say() {
        assert_eq!(stream("at 0 s for 500 ms tracker unplug").first().unwrap().0, 30);
        let half_open = stream("at 0 s for 500 ms tracker half-open");
        assert_eq!((half_open.len(), half_open[0]), (59, (1, 500)));
        assert_eq!(stream("at 0 s tracker slow-link 100 ms")[0], (1, 117));
        assert_eq!(stream("at 0 s tracker burst 200 ms")[11], (12, 200));
        let twice: Vec<u64> = stream("at 0 s tracker duplicate").iter().map(|f| f.0).take(4).collect();
        assert_eq!(twice, [1, 1, 2, 2]);
        let swapped: Vec<u64> = stream("at 0 s tracker reorder").iter().map(|f| f.0).take(4).collect();
        assert_eq!(swapped, [2, 1, 4, 3]);
        assert_eq!(stream("at 0 s tracker rate-drop 10 packets").len(), 5);
        assert_eq!(stream("at 500 ms tracker restart")[29].0, 0, "the count begins anew");
    }
}
