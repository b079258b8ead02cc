//! Viewers are killed and stopped; the engine does not notice.

use std::time::{Duration, Instant};

use engine::safety::Alarm;
use engine::stream::{LinkState, Supervisor, SupervisorSettings};

use super::support::{Folder, ROLE, Running, TestEngine, free_port, listening, process_of, until, view_until, viewer};

/// A viewer as a process of its own: not a test, it returns at once unless it
/// was started by one below. Says that it sees the engine with a line, and with
/// a file of its number.
#[test]
fn viewer_process() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let Some((port, folder)) = role.strip_prefix("viewer ").and_then(|role| role.split_once(' ')) else { return };
    let viewer = viewer(port.parse().unwrap());
    let seen = std::path::Path::new(folder).join(std::process::id().to_string());
    loop {
        // A sign of life, as a window gives one with each frame.
        if viewer.view().state == LinkState::Live {
            println!("LIVE");
            std::fs::write(&seen, "").unwrap();
        } else {
            println!("WAITS");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Promise 16: the viewer is killed again and again, and comes back; the engine
/// loses no packet. `SPINENAV_VIEWER_KILLS` sets how often; times are printed,
/// not judged, and so is whether the loop was late: they are the machine's.
#[test]
fn a_viewer_that_is_killed_comes_back_and_the_engine_does_not_notice() {
    let kills: usize = std::env::var("SPINENAV_VIEWER_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(100);
    let port = free_port();
    let engine = TestEngine::start(&listening(port));
    // Patient with a machine that does not run a process for seconds: that is not what is tested here.
    let silence = Duration::from_secs(20);
    let settings = SupervisorSettings { silence, longest_pause: Duration::from_millis(100), ..Default::default() };
    let folder = Folder::new("kills");
    let role = format!("viewer {port} {}", folder.0.display());
    let supervisor = Supervisor::start(move || process_of("kills::viewer_process", &role), settings).unwrap();
    // The process that is running and sees the engine.
    let seeing = || supervisor.process().filter(|process| folder.0.join(process.to_string()).exists());
    let (mut back_ms, mut alarms) = (Vec::new(), 0u32);
    let watch = engine.live.reader();
    let mut look = || alarms += u32::from(watch.take().is_some_and(|s| s.alarms.has(Alarm::PacketsDropped)));
    for kill in 0..kills {
        until("a viewer", || seeing().is_some());
        let process = seeing().unwrap();
        std::process::Command::new("kill").args(["-9", &process.to_string()]).status().unwrap();
        let killed = Instant::now();
        until("that it was noticed", || supervisor.counts().deaths > kill as u64);
        until("the next viewer", || seeing().is_some_and(|new| new != process));
        back_ms.push(killed.elapsed().as_secs_f64() * 1e3);
        look();
    }
    back_ms.sort_by(f64::total_cmp);
    println!("{kills} kills; back after {:.0} ms (median), {:.0} ms (longest)", back_ms[kills / 2], back_ms[kills - 1]);
    drop(supervisor);
    println!("{alarms} of {kills} times the loop had been late shortly before");
    assert_eq!(engine.wire.sent().failed, 0);
    let TestEngine { live, wire, .. } = engine;
    drop(wire);
    let summary = std::sync::Arc::into_inner(live).unwrap().stop().unwrap();
    assert_eq!((summary.dropped_packets, summary.ignored_packets), (0, 0));
    println!("engine: {summary:?}");
}

#[test]
fn a_viewer_that_hangs_is_killed_and_comes_back() {
    let port = free_port();
    let engine = TestEngine::start(&listening(port));
    let folder = Folder::new("hangs");
    let role = format!("viewer {port} {}", folder.0.display());
    let start = move || process_of("kills::viewer_process", &role);
    let supervisor = Supervisor::start(start, SupervisorSettings::default()).unwrap();
    let seeing = || supervisor.process().filter(|process| folder.0.join(process.to_string()).exists());
    until("a viewer", || seeing().is_some());
    let process = seeing().unwrap();
    std::process::Command::new("kill").args(["-STOP", &process.to_string()]).status().unwrap();
    until("that it is given up", || supervisor.counts().hangs > 0);
    until("the next viewer", || seeing().is_some_and(|new| new != process));
    assert_eq!((supervisor.counts().deaths, engine.wire.sent().failed), (0, 0));
}

#[test]
fn a_viewer_that_stands_still_holds_nobody_and_wakes_to_the_present() {
    let port = free_port();
    let engine = TestEngine::start(&listening(port));
    let folder = Folder::new("asleep");
    let role = format!("viewer {port} {}", folder.0.display());
    let asleep = Running::start(process_of("kills::viewer_process", &role), "LIVE");
    let awake = viewer(port);
    view_until(&awake, "the engine", |view| view.state == LinkState::Live);
    asleep.signal("STOP");
    let before = (engine.wire.sent().published, awake.counts().snapshots);
    // Longer than sockets and queues of a viewer that stands still can take.
    until("a thousand more snapshots", || engine.wire.sent().published > before.0 + 1000);
    until("that the other viewer sees them", || awake.counts().snapshots > before.1 + 900);
    assert_eq!(awake.view().state, LinkState::Live);
    assert_eq!(engine.wire.sent().failed, 0);
}
