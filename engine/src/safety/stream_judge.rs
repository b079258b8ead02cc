//! Whether a tracker's stream is in order: repeats, late packets, clock steps,
//! gaps, delay and silence.
//!
//! Only packets it calls [`Arrival::Fresh`] reach the tools' judges, in the
//! order of their measurement and with their time on the session's clock.

use geom::Nanoseconds;

use super::alarm::{Alarm, Alarms};
use super::evidence::Evidence;
use crate::clock::MILLISECOND_NS;
use crate::track::{ClockMap, ClockSettings, ClockStep, TrackerPacket};

/// What a packet is worth by its numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arrival {
    /// Newer than all before.
    Fresh,
    /// Measured at the same instant as the newest one.
    Duplicate,
    /// Measured before the newest one.
    Late,
}

/// When a stream is out of order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StreamLimits {
    /// The clocks and the link.
    pub clock: ClockSettings,
    /// How long no pose is live after the tracker's clock jumped. Long enough
    /// that the new offset has settled, short enough not to stop the work.
    pub clock_hold: Nanoseconds,
    /// Delay beyond the usual that counts as late.
    pub delayed_after: Nanoseconds,
    /// Silence that raises the alarm.
    pub silent_after: Nanoseconds,
    /// How long an alarm stays after its cause was last seen, so that a person
    /// can read it.
    pub alarm_hold: Nanoseconds,
}

impl Default for StreamLimits {
    /// 250 ms after a clock step, late from 60 ms, silent from 200 ms, alarms
    /// for at least 1 s.
    fn default() -> Self {
        Self {
            clock: ClockSettings::default(),
            clock_hold: Nanoseconds(250 * MILLISECOND_NS),
            delayed_after: Nanoseconds(60 * MILLISECOND_NS),
            silent_after: Nanoseconds(200 * MILLISECOND_NS),
            alarm_hold: Nanoseconds(1000 * MILLISECOND_NS),
        }
    }
}

/// What came, counted over the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamCounts {
    /// Packets used.
    pub fresh: u64,
    /// Repeats.
    pub duplicates: u64,
    /// Packets older than one before them.
    pub late: u64,
    /// Packets whose numbers never came.
    pub missing: u64,
    /// Steps of the tracker's clock.
    pub clock_steps: u64,
}

/// Late packets in a row that mean a clock set back, with growing numbers.
const LATE_IN_ROW: u32 = 3;
/// The same with numbers that started again: it could be an old burst.
const LATE_IN_ROW_RESTARTED: u32 = 8;
/// Intervals that make the usual rate.
const RATE_INTERVALS: u64 = 60;

/// Judges the stream. Constant work a packet, no allocation.
#[derive(Debug, Clone, Copy)]
pub struct StreamJudge {
    limits: StreamLimits,
    clock: ClockMap,
    counts: StreamCounts,
    newest: Option<(u64, Nanoseconds)>,
    last_arrival: Nanoseconds,
    /// Newest of the late packets in a row, and their number.
    behind: (Nanoseconds, u32),
    /// Excess delay the newest late packet with a growing number would have had, ns.
    late_by_ns: Option<i64>,
    untrusted_until: Nanoseconds,
    usual_interval_ns: f64,
    interval_ns: f64,
    duplicated: Evidence,
    reordered: Evidence,
    missing: Evidence,
    delayed: Evidence,
    forward: Evidence,
    back: Evidence,
}

impl StreamJudge {
    /// A judge that has seen nothing.
    #[must_use]
    pub const fn new(limits: StreamLimits) -> Self {
        let zero = Nanoseconds(0);
        let evidence = Evidence::new(limits.alarm_hold);
        Self {
            limits,
            clock: ClockMap::new(limits.clock),
            counts: StreamCounts { fresh: 0, duplicates: 0, late: 0, missing: 0, clock_steps: 0 },
            newest: None,
            last_arrival: zero,
            behind: (zero, 0),
            late_by_ns: None,
            untrusted_until: zero,
            usual_interval_ns: 0.0,
            interval_ns: 0.0,
            duplicated: evidence,
            reordered: evidence,
            missing: evidence,
            delayed: evidence,
            forward: evidence,
            back: evidence,
        }
    }

    /// Takes in a packet; a fresh one gets its session time.
    pub fn take(&mut self, packet: &mut TrackerPacket) -> Arrival {
        let now = packet.arrival_time;
        self.last_arrival = now;
        // A stamp before the newest one tells the clock's map by itself.
        let mut set_back = None;
        if let Some((sequence, time)) = self.newest {
            if packet.source_time == time {
                self.counts.duplicates += 1;
                self.duplicated.hit(1.0, now);
                return Arrival::Duplicate;
            }
            if packet.source_time < time {
                if !self.has_gone_back(packet, sequence) {
                    self.counts.late += 1;
                    self.reordered.hit(1.0, now);
                    return Arrival::Late;
                }
            } else {
                set_back = self.was_set_back(packet);
            }
            let gap = packet.sequence.saturating_sub(sequence).saturating_sub(1);
            if gap > 0 && packet.source_time > time {
                self.counts.missing += gap;
                // Single losses are usual on a radio link; five together are not.
                self.missing.hit(0.35 * gap.min(8) as f32, now);
            }
        }
        self.behind.1 = 0;
        self.late_by_ns = None;
        self.accept(packet, set_back);
        Arrival::Fresh
    }

    /// Late packets that keep coming, each newer than the one before, are a
    /// clock that was set back; a few are disorder on the way.
    fn has_gone_back(&mut self, packet: &TrackerPacket, newest_sequence: u64) -> bool {
        let is_ascending = packet.source_time > self.behind.0;
        let in_row = if is_ascending { self.behind.1 + 1 } else { 1 };
        self.behind = (packet.source_time, in_row);
        let is_numbered_on = packet.sequence > newest_sequence;
        self.late_by_ns = is_numbered_on.then(|| self.clock.excess_ns(packet.source_time, packet.arrival_time));
        in_row >= if is_numbered_on { LATE_IN_ROW } else { LATE_IN_ROW_RESTARTED }
    }

    /// A clock set back by two or three intervals makes too few packets late for [`Self::has_gone_back`]: the
    /// stamps pass the newest one again. But then a packet in order is as late as the one out of order was,
    /// which a packet overtaken on its way does not do to its successors.
    fn was_set_back(&self, packet: &TrackerPacket) -> Option<Nanoseconds> {
        let late_by = self.late_by_ns?;
        let excess = self.clock.excess_ns(packet.source_time, packet.arrival_time);
        let step = i64::try_from(self.limits.clock.step.0).unwrap_or(i64::MAX);
        let is_same = excess.min(late_by) > step && (excess - late_by).abs() < step / 2;
        is_same.then(|| Nanoseconds(u64::try_from(excess).unwrap_or(0)))
    }

    fn accept(&mut self, packet: &mut TrackerPacket, set_back: Option<Nanoseconds>) {
        let now = packet.arrival_time;
        let mapped = match set_back {
            Some(step) => self.clock.map_set_back(packet.source_time, now, step),
            None => self.clock.map(packet.source_time, now),
        };
        packet.session_time = mapped.session_time;
        match mapped.step {
            Some(ClockStep::Forward(_)) => self.forward.hit(Evidence::ENOUGH, now),
            Some(ClockStep::Back(_)) => self.back.hit(Evidence::ENOUGH, now),
            None => {}
        }
        if mapped.step.is_some() {
            self.counts.clock_steps += 1;
            self.untrusted_until = now + self.limits.clock_hold;
        }
        if mapped.excess_delay > self.limits.delayed_after {
            self.delayed.hit(0.5, now);
        }
        for evidence in [&mut self.duplicated, &mut self.reordered, &mut self.missing, &mut self.delayed] {
            evidence.relax();
        }
        self.follow_rate(packet);
        self.counts.fresh += 1;
        self.newest = Some((packet.sequence, packet.source_time));
    }

    fn follow_rate(&mut self, packet: &TrackerPacket) {
        let Some((_, before)) = self.newest else { return };
        let interval = packet.source_time.0.saturating_sub(before.0) as f64;
        // A pause or a step is one interval, and no rate.
        let interval = if self.interval_ns > 0.0 { interval.min(8.0 * self.interval_ns) } else { interval };
        let n = self.counts.fresh as f64;
        if self.counts.fresh <= RATE_INTERVALS {
            self.usual_interval_ns += (interval - self.usual_interval_ns) / n.max(1.0);
        }
        let share = if self.counts.fresh <= RATE_INTERVALS { 1.0 / n.max(1.0) } else { 0.1 };
        self.interval_ns += (interval - self.interval_ns) * share;
    }

    /// True while the tracker's clock has just jumped.
    #[must_use]
    pub fn is_clock_untrusted(&self, now: Nanoseconds) -> bool {
        now < self.untrusted_until
    }

    /// What is wrong with the stream at `now`.
    #[must_use]
    pub fn alarms(&self, now: Nanoseconds) -> Alarms {
        let mut alarms = Alarms::default();
        let has_started = self.newest.is_some();
        let silence = Nanoseconds(now.0.saturating_sub(self.last_arrival.0));
        alarms.raise_if(Alarm::TrackerSilent, !has_started || silence >= self.limits.silent_after);
        for (alarm, evidence) in [
            (Alarm::Duplicated, &self.duplicated),
            (Alarm::Reordered, &self.reordered),
            (Alarm::PacketsMissing, &self.missing),
            (Alarm::Delayed, &self.delayed),
            (Alarm::ClockForward, &self.forward),
            (Alarm::ClockBack, &self.back),
        ] {
            alarms.raise_if(alarm, evidence.is_enough(now));
        }
        let is_known = self.counts.fresh > RATE_INTERVALS;
        alarms.raise_if(Alarm::RateLow, is_known && self.interval_ns > 2.5 * self.usual_interval_ns);
        alarms
    }

    /// What came so far.
    #[must_use]
    pub const fn counts(&self) -> StreamCounts {
        self.counts
    }

    /// The map of the tracker's clock.
    #[must_use]
    pub const fn clock(&self) -> &ClockMap {
        &self.clock
    }
}

#[cfg(test)]
#[path = "stream_judge_test.rs"]
mod tests;
