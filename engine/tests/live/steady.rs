//! The steady state allocates nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::clock::SystemClock;
use engine::register::random::Random;
use engine::rt::{LiveSession, LiveSettings, NavigationLoop, Snapshot, latest};
use engine::safety::ToolLimits;
use engine::track::{SIMULATED_TOOL, SimulatedTracker, SimulationSettings, Source, ToolId, Waypoint};
use geom::{Nanoseconds, Point, Transform, Vector};

use super::world::{SECOND, delay, guidance, packet};

#[test]
fn a_hundred_thousand_packets_through_loop_and_cell_allocate_nothing() {
    let mut random = Random::new(1);
    let mut navigation = NavigationLoop::new(guidance(8), ToolLimits::default());
    let (mut publisher, reader) = latest::<Snapshot>();
    let mut shown = 0;
    let count = allocation_counter::measure(|| {
        for k in 1..=100_000 {
            let at = k * SECOND / 250;
            let mut packet = packet(k, at, 8, &mut random);
            packet.arrival_time = Nanoseconds(at + delay(&mut random));
            navigation.observe(&packet);
            publisher.publish(&navigation.snapshot(packet.arrival_time));
            shown += reader.take().map_or(0, |s| s.tools.iter().filter(|t| t.ct_from_tip.is_some()).count());
        }
    });
    assert_eq!(count.count_total, 0);
    assert!(shown > 790_000, "{shown}: the loop showed nothing, so the count means nothing");
}

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

fn counted(run: &mut dyn FnMut()) {
    ALLOCATIONS.fetch_add(allocation_counter::measure(run).count_total, Ordering::Relaxed);
}

/// The simulated tracker, with a last packet after which the test may end.
fn tracker() -> Box<dyn Source> {
    let down = Vector::new(0.0, -1.0, 0.0);
    let path = [0.0, 100.0].map(|z| Waypoint { tip: Point::new(0.0, 50.0, z), direction: down }).to_vec();
    let settings = SimulationSettings { rate_hz: 500.0, ..SimulationSettings::default() };
    let identity = Transform::identity();
    let tracker = SimulatedTracker::new(path, Transform::identity(), Transform::identity(), &identity, settings);
    Box::new(tracker.unwrap())
}

#[test]
fn reader_and_navigation_threads_allocate_nothing_while_they_run() {
    assert_eq!(SIMULATED_TOOL, ToolId(1));
    let settings = LiveSettings { around: Some(counted), ..LiveSettings::default() };
    let clock = Arc::new(SystemClock::default());
    let live = LiveSession::start_with(tracker(), guidance(1), clock, settings).unwrap();
    let readers = [live.reader(), live.reader()];
    let mut sequences = [0; 2];
    while sequences.iter().any(|s| *s < 300) {
        for (reader, sequence) in readers.iter().zip(&mut sequences) {
            if let Some(snapshot) = reader.take() {
                assert!(snapshot.sequence >= *sequence, "a reader went back in time");
                *sequence = snapshot.sequence;
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let summary = live.stop().unwrap();
    assert!(summary.packets >= 300 && summary.ignored_packets == 0);
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), 0);
}

#[test]
fn no_lock_and_no_log_line_is_in_the_files_of_the_loop() {
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    if !source.exists() {
        println!("skipped: the sources are not there");
        return;
    }
    let folders = ["rt", "safety"].map(|folder| source.join(folder));
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    for file in files.filter(|file| !file.to_string_lossy().ends_with("_test.rs")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in ["Mutex", "RwLock", "Condvar", "tracing::", "println!"] {
            assert!(!code.contains(word), "{word} in {}", file.display());
        }
    }
}
