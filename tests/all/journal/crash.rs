//! A session is killed, again and again: what was recorded is there.
//!
//! The child is this test binary itself. It runs a session in the journal's
//! folder and tells the parent over a pipe what it has handed over; the parent
//! kills it at a random moment and opens the journal.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use engine::fault::phantom::{PhantomTracker, case, guidance, registration, tools};
use engine::journal::{
    End, Entry, Journal, JournalSettings, JournalSource, ReadLimits, Reader, Recorder, SessionStart, case_hash, verify,
};
use engine::register::random::Random;
use engine::rt::{LoopSettings, NavigationLoop, TrackerErrors};
use engine::track::{Source, ToolList};
use geom::Nanoseconds;

use super::{Folder, from_environment};

const FOLDER: &str = "SPINENAV_CRASH_FOLDER";
/// A record may be this much younger than the last one handed over and still
/// be missing, ns.
const MAY_BE_LOST_NS: u64 = 100_000_000;
/// Virtual time runs this much faster than real time, so that there is
/// something to lose.
const SPEED: u64 = 20;

/// What the child says before its first packet.
const MARKER: &[u8] = b"\nSTART";

/// The child: not a test of its own, it returns at once unless it was started
/// by the one below.
#[test]
fn session_that_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let begun = Instant::now();
    let case = case().unwrap();
    let list = ToolList::from_slice(&tools()).unwrap();
    let start = SessionStart::new(case_hash(&case), &LoopSettings::default(), TrackerErrors::default(), list);
    // Small segments, so that some kills meet the roll.
    let settings = JournalSettings { segment_bytes: 60_000, queue_records: 65_536, ..Default::default() };
    let journal = Journal::open(Path::new(&folder), Nanoseconds(0), &start.payload(), &settings).unwrap();
    let mut recorder = Recorder::new(journal.handle());
    recorder.registration(&registration().unwrap(), Nanoseconds(0));
    let mut navigation = NavigationLoop::with_settings(guidance().unwrap(), LoopSettings::default());
    let mut source = PhantomTracker::new(7);
    let mut pipe = std::io::stdout().lock();
    pipe.write_all(MARKER).unwrap();
    pipe.flush().unwrap();
    loop {
        let real = u64::try_from(begun.elapsed().as_nanos()).unwrap();
        let now = Nanoseconds(real * SPEED);
        while let Some(packet) = source.poll(now) {
            recorder.packet(&packet, now);
            navigation.observe(&packet);
            // After it was handed over: number and time.
            pipe.write_all(&packet.sequence.to_le_bytes()).unwrap();
            pipe.write_all(&real.to_le_bytes()).unwrap();
            pipe.flush().unwrap();
        }
        recorder.snapshot(&navigation.snapshot(now), now);
        thread::sleep(Duration::from_micros(300));
    }
}

/// Starts a session in `folder`, kills it `life` after it has begun, or after
/// it was started when it is not to begin at all; returns what it says it
/// handed over: packet numbers and real times.
fn kill_a_session(folder: &Path, life: Duration, is_to_begin: bool) -> Vec<(u64, u64)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "journal::crash::session_that_is_killed", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut pipe = child.stdout.take().unwrap();
    let mut said = Vec::new();
    let mut block = [0; 4096];
    while is_to_begin && find(&said).is_none() {
        let count = pipe.read(&mut block).unwrap();
        assert!(count > 0, "the session did not begin: {}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&block[..count]);
    }
    let reader = thread::spawn(move || {
        pipe.read_to_end(&mut said).unwrap();
        said
    });
    thread::sleep(life);
    // SIGKILL: the child cannot tidy up.
    child.kill().unwrap();
    child.wait().unwrap();
    let said = reader.join().unwrap();
    let Some(start) = find(&said) else { return Vec::new() };
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    said[start + MARKER.len()..].chunks_exact(16).map(|c| (number(&c[..8]), number(&c[8..]))).collect()
}

fn find(said: &[u8]) -> Option<usize> {
    said.windows(MARKER.len()).position(|w| w == MARKER)
}

/// Packet numbers of the journal's last session, and how the journal ends.
fn last_session(folder: &Path) -> (Vec<u64>, Option<End>) {
    let Ok(mut reader) = Reader::open(folder, ReadLimits::default()) else { return (Vec::new(), None) };
    let mut packets = Vec::new();
    while let Some(record) = reader.next() {
        match reader.entry(&record.unwrap()).unwrap() {
            Entry::SessionStart(_) => packets.clear(),
            Entry::Packet(packet) => packets.push(packet.sequence),
            Entry::Lost { count, .. } => panic!("{count} records were lost"),
            _ => {}
        }
    }
    (packets, reader.end())
}

#[test]
fn a_killed_session_loses_at_most_its_last_100_ms() {
    let kills = from_environment("SPINENAV_CRASH_KILLS", 40);
    let mut random = Random::new(from_environment("SPINENAV_CRASH_SEED", 1));
    let mut ends: HashMap<&str, u64> = HashMap::new();
    let (mut folder, mut handed_over, mut oldest_lost_ms, mut late) = (Folder::new("crash"), 0, 0.0f64, 0);
    for kill in 0..kills {
        if kill % 25 == 24 {
            replays(folder.path());
            folder = Folder::new("crash");
        }
        // Every eighth is killed while it opens the journal.
        let life = Duration::from_micros(random.below(if kill % 8 == 7 { 30_000 } else { 150_000 }) as u64);
        let said = kill_a_session(folder.path(), life, kill % 8 != 7);
        let Some(last) = said.last().map(|s| s.1) else { continue };
        handed_over += said.len();
        let (found, end) = last_session(folder.path());
        *ends.entry(if end == Some(End::Open) { "whole" } else { "torn" }).or_default() += 1;
        assert!(found.iter().zip(1..).all(|(number, expected)| *number == expected), "kill {kill}: a gap");
        // Time in which the machine did not run the child counts against the
        // machine: the longest pause between two packets shows it.
        let pause_ns = said.windows(2).map(|w| w[1].1 - w[0].1).max().unwrap_or(0);
        let age_ns = said.get(found.len()).map_or(0, |first_lost| last - first_lost.1);
        oldest_lost_ms = oldest_lost_ms.max(age_ns as f64 * 1e-6);
        late += u64::from(age_ns > MAY_BE_LOST_NS);
        assert!(age_ns <= MAY_BE_LOST_NS + pause_ns, "kill {kill}: lost {age_ns} ns, longest pause {pause_ns} ns");
    }
    replays(folder.path());
    println!(
        "{kills} kills, {handed_over} packets, ends {ends:?}, oldest lost record {oldest_lost_ms:.1} ms, \
         older than 100 ms in {late} kills"
    );
    assert!(handed_over as u64 > kills, "the sessions were killed before they began");
}

/// The journal of many killed sessions opens, goes on and replays.
fn replays(folder: &Path) {
    let case = case().unwrap();
    let start =
        SessionStart::new(case_hash(&case), &LoopSettings::default(), TrackerErrors::default(), ToolList::default());
    let journal = Journal::open(folder, Nanoseconds(0), &start.payload(), &JournalSettings::default()).unwrap();
    assert_eq!(journal.finish().fault, None);
    let hash = case_hash(&case);
    let mut make = |start: &SessionStart, _: Option<&_>| {
        start.check(&hash, &LoopSettings::default())?;
        Ok(NavigationLoop::with_settings(guidance()?, LoopSettings::default()))
    };
    let found = verify(folder, ReadLimits::default(), &mut make).unwrap();
    assert!(found.is_exact() && found.end == End::Closed, "{:?}", found.divergence);
    // And plays as a tracker.
    let mut source = JournalSource::open(folder, ReadLimits::default()).unwrap();
    let mut played = 0;
    while !source.is_over() {
        played += u64::from(source.poll(source.next_due()).is_some());
    }
    assert!(source.problem().is_none());
    assert_eq!(played, found.packets);
}
