//! Eight simulated hours of a whole session: memory and handles stay as they are.
//!
//! Virtual time for the loop; the journal's writer, the OpenIGTLink server and
//! the sockets are real. The session runs in a process of its own (this test
//! binary again), so that other tests' memory is not counted.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use engine::clock::SystemClock;
use engine::fault::phantom::{PhantomTracker, case, guidance, registration, tools};
use engine::journal::{Journal, JournalSettings, Recorder, SessionStart, case_hash};
use engine::rt::{LoopSettings, NavigationLoop, TrackerErrors};
use engine::safety::ToolState;
use engine::track::openigtlink::{IgtlSource, IgtlSourceSettings, Name, Server, ServerSettings, Stamp, Timestamp};
use engine::track::{Source, ToolId, ToolList, ToolNames};
use geom::{Nanoseconds, Tool, Tracker, Transform, Vector};

use crate::journal::{Folder, from_environment};

const FOLDER: &str = "SPINENAV_SOAK_FOLDER";
const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3600 * SECOND;
/// Promised: memory grows by at most this, bytes an hour.
const SLOPE: f64 = 1e6;
/// Longer than anything waited for here takes, so that only a hang runs into it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Memory this process has in use, bytes, and its open handles.
fn in_use() -> (u64, usize) {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    (pages * 4096, fs::read_dir("/proc/self/fd").unwrap().count())
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_micros(200));
    }
}

/// Somebody who archives: segments but the newest two leave the folder.
fn archive(folder: &Path) {
    let mut segments: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.retain(|path| fs::metadata(path).is_ok_and(|m| m.len() > 1000));
    segments.sort();
    for old in segments.iter().rev().skip(2) {
        fs::remove_file(old).unwrap();
    }
}

/// One watcher over OpenIGTLink: connects, gets poses, goes.
fn watch(server: &Server, now: Nanoseconds) {
    let names = ToolNames::new(Some("Reference"), &[("Stylus", ToolId(1))]).unwrap();
    let settings = IgtlSourceSettings::new(server.local_addr().to_string(), names);
    let mut source = IgtlSource::start(settings, Arc::new(SystemClock::default())).unwrap();
    let poses = ["Reference", "Stylus"].map(|name| {
        (Name::new(name).unwrap(), Transform::<Tracker, Tool>::from_translation(Vector::new(1.0, 2.0, 3.0)))
    });
    let mut time = now.0;
    wait_until("a watcher saw ten poses", || {
        time += SECOND / 60;
        let device = Name::new("Tracker").unwrap();
        server.send_tracking(&Stamp { device, time: Timestamp::from_nanoseconds(Nanoseconds(time)) }, &poses);
        time > now.0 + SECOND / 6 && source.poll(Nanoseconds(0)).is_some()
    });
    drop(source);
    wait_until("the watcher was gone", || server.clients() == 0);
}

/// The session: not a test of its own, it returns at once unless it was started
/// by the one below. Prints hour, memory and handles.
#[test]
fn session_of_many_hours() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let folder = Path::new(&folder);
    let case = case().unwrap();
    let list = ToolList::from_slice(&tools()).unwrap();
    let start = SessionStart::new(case_hash(&case), &LoopSettings::default(), TrackerErrors::default(), list);
    let settings = JournalSettings { segment_bytes: 8 << 20, ..Default::default() };
    let journal = Journal::open(folder, Nanoseconds(0), &start.payload(), &settings).unwrap();
    let mut recorder = Recorder::new(journal.handle());
    recorder.registration(&registration().unwrap(), Nanoseconds(0));
    let mut navigation = NavigationLoop::with_settings(guidance().unwrap(), LoopSettings::default());
    let mut source = PhantomTracker::new(8);
    let bind = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
    let server = Server::bind(ServerSettings { bind, ..Default::default() }, Box::new(|_, _| {})).unwrap();
    let (mut packets, mut live) = (0u64, 0u64);
    for second in 1..=from_environment("SPINENAV_SOAK_HOURS", 8) * 3600 {
        let until = Nanoseconds(second * SECOND);
        while source.next_due() <= until {
            let now = source.next_due();
            let Some(packet) = source.poll(now) else { break };
            recorder.packet(&packet, now);
            navigation.observe(&packet);
            let snapshot = navigation.snapshot(now);
            recorder.snapshot(&snapshot, now);
            (packets, live) = (packets + 1, live + u64::from(snapshot.guided().state == ToolState::Live));
        }
        // Virtual seconds are far shorter than real ones: the writer is waited for
        // before its queue is full. Each packet is a record, and each snapshot.
        if second % 15 == 0 {
            wait_until("the journal was written", || recorder.health().records >= 2 * packets);
        }
        if second % 60 == 0 {
            watch(&server, until);
        }
        if second % 600 == 0 {
            navigation.replace_guidance(guidance().unwrap(), until);
            archive(folder);
        }
        if second % 3600 == 0 {
            let (bytes, handles) = in_use();
            println!("HOUR {} {bytes} {handles} {packets} {live}", until.0 / HOUR);
        }
    }
    assert_eq!(journal.finish().lost, 0);
}

#[test]
fn eight_hours_need_no_more_memory_or_handles_than_the_first() {
    let folder = Folder::new("soak");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "soak::session_of_many_hours", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "the session failed: {said}{}", String::from_utf8_lossy(&output.stderr));
    let hours: Vec<[f64; 5]> = said
        .lines()
        .filter_map(|line| line.split_once("HOUR "))
        .map(|(_, numbers)| {
            let numbers: Vec<f64> = numbers.split_whitespace().map(|n| n.parse().unwrap()).collect();
            numbers.try_into().unwrap()
        })
        .collect();
    let n = hours.len() as f64;
    assert!(n > 1.0, "the session said nothing: {said}");
    let mean = |of: usize| hours.iter().map(|hour| hour[of]).sum::<f64>() / n;
    let (time, memory) = (mean(0), mean(1));
    let product = hours.iter().map(|h| (h[0] - time) * (h[1] - memory)).sum::<f64>();
    let slope = product / hours.iter().map(|h| (h[0] - time).powi(2)).sum::<f64>();
    println!(
        "{n} simulated hours, {} packets, {} live: {:.1} MB, {:.3} MB an hour more, {} handles",
        hours[hours.len() - 1][3],
        hours[hours.len() - 1][4],
        memory * 1e-6,
        slope * 1e-6,
        hours[0][2]
    );
    assert!(slope <= SLOPE, "memory grows by {:.3} MB an hour: {hours:?}", slope * 1e-6);
    assert!(hours.iter().all(|hour| hour[2] == hours[0][2]), "handles: {hours:?}");
    assert!(hours.iter().all(|hour| hour[4] > 0.9 * hour[3]), "the session was not one that guides: {hours:?}");
}
