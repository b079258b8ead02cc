//! Two clocks and a link, with the truth known.

use super::*;
use crate::register::random::Random;

/// Packets of a 60 Hz tracker whose clock is `offset_ns` behind and gains
/// `drift_ppm`, over a link with `delay_ms` and exponential jitter of 1 ms.
struct World {
    random: Random,
    map: ClockMap,
    offset_ns: i64,
    drift_ppm: f64,
    delay_ms: f64,
    time_ns: i64,
}

impl World {
    fn new(offset_ns: i64, drift_ppm: f64) -> Self {
        let (random, map) = (Random::new(7), ClockMap::new(ClockSettings::default()));
        Self { random, map, offset_ns, drift_ppm, delay_ms: 0.0, time_ns: 100_000_000_000 }
    }

    /// One packet; returns the error of the mapped time, ms, and the answer.
    fn packet(&mut self) -> (f64, Mapped) {
        self.time_ns += 16_666_667;
        let measured = self.time_ns;
        let source = measured - self.offset_ns + (measured as f64 * self.drift_ppm * 1e-6) as i64;
        let jitter_ms = -(1.0 - self.random.uniform()).ln();
        let arrival = measured + ((self.delay_ms + jitter_ms) * 1e6) as i64;
        let mapped = self.map.map(unsigned(source), unsigned(arrival));
        ((signed(mapped.session_time) - measured) as f64 * 1e-6, mapped)
    }

    fn run(&mut self, seconds: u64) -> (f64, bool) {
        let (mut worst, mut has_stepped) = (0.0_f64, false);
        for _ in 0..seconds * 60 {
            let (error, mapped) = self.packet();
            worst = worst.max(error.abs());
            has_stepped |= mapped.step.is_some();
        }
        (worst, has_stepped)
    }
}

#[test]
fn measured_times_are_found_within_a_millisecond_for_an_hour() {
    for drift_ppm in [-100.0, -20.0, 0.0, 50.0, 100.0] {
        let mut world = World::new(40_000_000_000, drift_ppm);
        world.run(2);
        let (worst, has_stepped) = world.run(3600);
        assert!(worst < 1.0 && !has_stepped, "{drift_ppm} ppm: {worst} ms");
        assert!((world.map.drift_ppm() + drift_ppm).abs() < 5.0, "{drift_ppm}: {}", world.map.drift_ppm());
    }
}

#[test]
fn a_link_that_becomes_slow_is_delay_and_no_new_offset() {
    // Poses 300 ms old must not look new, even after ten minutes.
    let mut world = World::new(0, 20.0);
    world.run(120);
    world.delay_ms = 300.0;
    let (worst, has_stepped) = world.run(600);
    assert!(worst < 10.0 && !has_stepped, "{worst} ms");
    assert!(world.packet().1.excess_delay.0 > 290 * MILLISECOND_NS);
}

#[test]
fn steps_of_the_clock_are_seen_at_once_and_followed() {
    for (by_ms, seconds) in [(50, 5), (-50, 5), (3_600_000, 5), (-90_000, 200)] {
        let mut world = World::new(10_000_000_000, 0.0);
        world.run(seconds);
        world.offset_ns -= by_ms * 1_000_000;
        let (_, mapped) = world.packet();
        match mapped.step {
            Some(ClockStep::Forward(by)) => assert!(by_ms > 0 && (signed(by) / 1_000_000 - by_ms).abs() < 10, "{by}"),
            Some(ClockStep::Back(by)) => assert!(by_ms < 0 && (signed(by) / 1_000_000 + by_ms).abs() < 20, "{by}"),
            None => panic!("a step of {by_ms} ms went unseen"),
        }
        world.run(1);
        let (worst, has_stepped) = world.run(60);
        assert!(worst < 1.0 && !has_stepped, "{by_ms}: {worst} ms");
    }
}

#[test]
fn a_slow_link_stays_slow_when_the_clock_is_set() {
    // Poses 400 ms old must not look new because the tracker's clock jumped.
    for by_ms in [10_000, -900, -50_000] {
        let mut world = World::new(10_000_000_000, 0.0);
        world.run(5);
        world.delay_ms = 400.0;
        world.run(1);
        world.offset_ns -= by_ms * 1_000_000;
        let (error, mapped) = world.packet();
        assert!(mapped.step.is_some() && error.abs() < 10.0, "{by_ms}: {error} ms");
        let (worst, excess) = (world.run(1).0, world.packet().1.excess_delay);
        assert!(worst < 10.0 && excess.0 > 390 * MILLISECOND_NS, "{by_ms}: {worst} ms, {excess:?}");
        // The link recovers, and is seen to.
        world.delay_ms = 0.0;
        assert!(world.run(5).0 < 10.0 && world.packet().1.excess_delay.0 < 10 * MILLISECOND_NS);
    }
}

#[test]
fn one_late_packet_or_a_long_silence_before_a_step_is_not_carried_over_it() {
    for (late, silence_ns) in [(1, 0), (60, 20_000_000_000)] {
        let mut world = World::new(10_000_000_000, 0.0);
        world.run(5);
        world.delay_ms = 400.0;
        (0..late).for_each(|_| {
            world.packet();
        });
        (world.delay_ms, world.time_ns) = (0.0, world.time_ns + silence_ns);
        world.offset_ns -= 10_000_000_000;
        assert!(world.packet().1.step.is_some());
        assert!(world.packet().0.abs() < 10.0, "{late} late packets, {silence_ns} ns of silence");
    }
}

#[test]
fn absurd_stamps_are_mapped_to_something_not_after_the_arrival() {
    let mut map = ClockMap::new(ClockSettings::default());
    let stamps = [0, 1, u64::MAX, 0, u64::MAX / 2, 5, u64::MAX, u64::MAX];
    for (i, source) in stamps.into_iter().enumerate() {
        let arrival = Nanoseconds(1_000 * i as u64);
        assert!(map.map(Nanoseconds(source), arrival).session_time <= arrival);
    }
}
