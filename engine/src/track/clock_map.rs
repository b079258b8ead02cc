//! The tracker's clock on ours: when a pose was measured, in session time.
//!
//! A packet arrives some delay after it was measured, never before. The least
//! `arrival - source` seen is therefore the best estimate of the offset between
//! the clocks (minimum-delay filter; Mills, RFC 5905, section 10; Moon, Skelly,
//! Towsley, IEEE INFOCOM 1999, doi:10.1109/INFCOM.1999.749287). The estimate
//! may rise only as fast as clocks drift apart, so that a link that becomes
//! slow is seen as delay and not taken for a new offset.
//!
//! When the source's clock is set, or its source starts anew, the offset is
//! lost. The delay is not: what the packets before the step were late by, those
//! after it are taken to be late by as well, until one shows that it is faster.
//!
//! What it cannot see: the part of the delay every packet has. A tracker that
//! measures 14 ms before it sends is 14 ms older than said; give the figure of
//! its data sheet as [`ClockSettings::least_delay`].

use geom::Nanoseconds;

use crate::clock::MILLISECOND_NS;

/// What the map assumes about clocks and links.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClockSettings {
    /// Delay every packet has, from the tracker's data sheet.
    pub least_delay: Nanoseconds,
    /// Fastest believable drift of one clock against the other, parts per
    /// million. Cheap quartz stays below 100.
    pub max_drift_ppm: f64,
    /// How far the estimate may rise beside the measured drift, parts per
    /// million, once that is known.
    pub margin_ppm: f64,
    /// A change of the offset that is called a step.
    pub step: Nanoseconds,
    /// Time after the first packet in which the estimate still settles.
    pub settle: Nanoseconds,
}

impl Default for ClockSettings {
    /// No known delay; 200 ppm; 10 ppm, which hides 1 ms of delay in 100 s;
    /// steps from 20 ms; settled after 1 s.
    fn default() -> Self {
        Self {
            least_delay: Nanoseconds(0),
            max_drift_ppm: 200.0,
            margin_ppm: 10.0,
            step: Nanoseconds(20 * MILLISECOND_NS),
            settle: Nanoseconds(1000 * MILLISECOND_NS),
        }
    }
}

/// The source's clock was set while the session ran.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ClockStep {
    /// Set forward by this much.
    Forward(Nanoseconds),
    /// Set back by this much, or its source started anew.
    Back(Nanoseconds),
}

/// One packet's time on the session's clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mapped {
    /// When it was measured; never after it arrived.
    pub session_time: Nanoseconds,
    /// Delay beyond the least one.
    pub excess_delay: Nanoseconds,
    /// Set when the source's clock jumped at this packet.
    pub step: Option<ClockStep>,
}

/// Packets whose least delay is carried over a step of the clock: a burst has a
/// fast one among so many, a slow link has none.
const RECENT: usize = 8;
/// Silence after which the link is another one, and nothing is carried.
const LONGEST_CARRY_NS: i64 = 10_000_000_000;

/// Length of the stretches whose least delays give the drift.
const BUCKET_NS: i64 = 10_000_000_000;
/// Stretches kept: five minutes.
const BUCKETS: usize = 32;
/// Stretches needed before the drift is believed.
const ENOUGH_BUCKETS: usize = 6;
/// A stretch whose least delay lies further above the estimate than this was
/// congested, and says nothing about the clocks.
const CONGESTED_NS: i64 = 5_000_000;

/// Maps source times to session times. Fixed memory; constant work a packet,
/// and a fit over 32 numbers every ten seconds.
#[derive(Debug, Clone, Copy)]
pub struct ClockMap {
    settings: ClockSettings,
    started: bool,
    /// First and newest source time since the last step, ns.
    first: i64,
    newest: i64,
    /// Estimated `arrival - source` without queueing at `newest`, ns.
    offset: f64,
    drift: f64,
    bucket: Option<(i64, i64)>,
    minima: [(i64, i64); BUCKETS],
    minima_seen: usize,
    /// Delays beyond the least one of the newest packets, ns, and their number.
    recent: [i64; RECENT],
    recent_seen: usize,
    last_arrival: i64,
}

fn signed(time: Nanoseconds) -> i64 {
    // A quarter of the range keeps every difference representable; it is 73 years.
    i64::try_from(time.0).unwrap_or(i64::MAX).min(i64::MAX / 4)
}

fn unsigned(ns: i64) -> Nanoseconds {
    Nanoseconds(u64::try_from(ns).unwrap_or(0))
}

impl ClockMap {
    /// A map that has seen nothing.
    #[must_use]
    pub const fn new(settings: ClockSettings) -> Self {
        Self {
            settings,
            started: false,
            first: 0,
            newest: 0,
            offset: 0.0,
            drift: 0.0,
            bucket: None,
            minima: [(0, 0); BUCKETS],
            minima_seen: 0,
            recent: [0; RECENT],
            recent_seen: 0,
            last_arrival: 0,
        }
    }

    /// Estimated drift of the source's clock, parts per million: positive when
    /// ours runs faster. 0 in the first minute.
    #[must_use]
    pub fn drift_ppm(&self) -> f64 {
        self.drift * 1e6
    }

    /// Takes in one packet's stamps. Leave out repeats and late packets: a
    /// source time before the newest one means that the source's clock went back.
    pub fn map(&mut self, source_time: Nanoseconds, arrival_time: Nanoseconds) -> Mapped {
        let back = signed(source_time) < self.newest;
        self.map_knowing(source_time, arrival_time, back.then(|| unsigned(self.newest - signed(source_time))))
    }

    /// As [`Self::map`], for a packet known by others to be the first one used
    /// after the source's clock was set back by `step`.
    pub fn map_set_back(&mut self, source_time: Nanoseconds, arrival_time: Nanoseconds, step: Nanoseconds) -> Mapped {
        self.map_knowing(source_time, arrival_time, Some(step))
    }

    /// Delay of a packet beyond the least one, ns, by the present estimate; below 0 if it is faster than any before.
    /// Learns nothing from it.
    #[must_use]
    pub fn excess_ns(&self, source_time: Nanoseconds, arrival_time: Nanoseconds) -> i64 {
        let (source, arrival) = (signed(source_time), signed(arrival_time));
        arrival - source - self.expected(source).round() as i64
    }

    fn map_knowing(
        &mut self,
        source_time: Nanoseconds,
        arrival_time: Nanoseconds,
        back: Option<Nanoseconds>,
    ) -> Mapped {
        let (source, arrival) = (signed(source_time), signed(arrival_time));
        let found = arrival - source;
        let expected = self.expected(source);
        let step_ns = signed(self.settings.step);
        let step = if !self.started {
            None
        } else if let Some(step) = back {
            Some(ClockStep::Back(step))
        } else if (expected - found as f64) > step_ns as f64 && self.newest - self.first > signed(self.settings.settle)
        {
            Some(ClockStep::Forward(unsigned(self.offset as i64 - found)))
        } else {
            None
        };
        if !self.started || step.is_some() {
            self.restart(source, found - self.carried(arrival));
        } else {
            self.offset = expected.min(found as f64);
            self.newest = source;
        }
        self.learn(source, found);
        let least = signed(self.settings.least_delay);
        let measured = (source + self.offset.round() as i64).min(arrival);
        self.recent[self.recent_seen % RECENT] = arrival - measured;
        (self.recent_seen, self.last_arrival) = (self.recent_seen + 1, arrival);
        Mapped { session_time: unsigned(measured - least), excess_delay: unsigned(arrival - measured), step }
    }

    /// The offset at a source time, raised by what clocks may drift.
    fn expected(&self, source: i64) -> f64 {
        let is_known = self.minima_seen >= ENOUGH_BUCKETS;
        let margin = if is_known { self.settings.margin_ppm } else { self.settings.max_drift_ppm };
        self.offset + (self.drift + margin * 1e-6) * (source - self.newest).max(0) as f64
    }

    /// What a packet that arrives after a step is late by: at least as much as
    /// the fastest of the last ones.
    fn carried(&self, arrival: i64) -> i64 {
        if self.recent_seen < RECENT || arrival - self.last_arrival > LONGEST_CARRY_NS {
            return 0;
        }
        self.recent.iter().copied().min().unwrap_or(0)
    }

    fn restart(&mut self, source: i64, offset: i64) {
        (self.started, self.first, self.newest, self.offset) = (true, source, source, offset as f64);
        // The drift is the clock's own and outlives a step.
        (self.bucket, self.minima_seen) = (None, 0);
    }

    /// Keeps the least offset of every stretch, and fits the drift through them.
    fn learn(&mut self, source: i64, found: i64) {
        let number = (source - self.first) / BUCKET_NS;
        match &mut self.bucket {
            Some((current, least)) if *current == number => *least = (*least).min(found),
            bucket => {
                let done = bucket.replace((number, found));
                if let Some((current, least)) = done {
                    self.keep(current, least);
                }
            }
        }
    }

    fn keep(&mut self, number: i64, least: i64) {
        if least as f64 - self.offset > CONGESTED_NS as f64 {
            return;
        }
        self.minima[self.minima_seen % BUCKETS] = (number, least);
        self.minima_seen += 1;
        let kept = &self.minima[..self.minima_seen.min(BUCKETS)];
        if kept.len() < ENOUGH_BUCKETS {
            return;
        }
        // Least squares about the mean, in bucket numbers and nanoseconds.
        let n = kept.len() as f64;
        let base = kept[0].1;
        let (mean_x, mean_y) =
            kept.iter().fold((0.0, 0.0), |(x, y), k| (x + k.0 as f64 / n, y + (k.1 - base) as f64 / n));
        let (mut xy, mut xx) = (0.0, 0.0);
        for (x, y) in kept {
            let dx = *x as f64 - mean_x;
            xy += dx * ((*y - base) as f64 - mean_y);
            xx += dx * dx;
        }
        let limit = self.settings.max_drift_ppm * 1e-6;
        if xx > 0.0 {
            self.drift = (xy / xx / BUCKET_NS as f64).clamp(-limit, limit);
        }
    }
}

#[cfg(test)]
#[path = "clock_map_test.rs"]
mod tests;
