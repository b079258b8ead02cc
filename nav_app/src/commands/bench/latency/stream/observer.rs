//! What an observer's process does: it connects, says `ready` when it sees the
//! engine, counts from the line `count` on, and prints its counts when its input
//! ends.
//!
//! Engine and observer share the machine's time of day; the bench tells by how
//! much that moved against the monotonic clock meanwhile.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use engine::clock::SystemClock;
use engine::rt::raise_this_thread;
use engine::stream::line;
use engine::stream::wire::{EngineAddress, Relay, ViewerAddress, ViewerWire};

use super::processes::{Heard, time_of_day_ns};
use crate::cli::{ObserverWork, StreamObserverArguments};
use crate::failure::{Blame, Failure};
use crate::report::Output;

/// Time between two refreshes of the simulated display: 90 Hz.
const REFRESH: Duration = Duration::from_nanos(11_111_111);

/// What the parent asked for last.
#[derive(Debug, Default)]
struct Phase(AtomicU8);

impl Phase {
    fn is_counting(&self) -> bool {
        self.0.load(Ordering::Acquire) == 1
    }
    fn is_over(&self) -> bool {
        self.0.load(Ordering::Acquire) == 2
    }
}

/// Runs the process.
pub fn observe(options: &StreamObserverArguments) -> Result<Output, Failure> {
    let phase = Arc::new(Phase::default());
    let told = phase.clone();
    let listen = move || {
        let lines = std::io::stdin().lock().lines();
        lines.map_while(Result::ok).for_each(|_| told.0.store(1, Ordering::Release));
        told.0.store(2, Ordering::Release);
    };
    std::thread::Builder::new().name("observer-input".into()).spawn(listen).internal()?;
    let connect = ViewerAddress { connect: vec![local(options.port)], ..ViewerAddress::default() };
    if options.work == ObserverWork::Route {
        return route(&connect, options.listen, &phase).internal();
    }
    // As a viewer that is in a hurry would; the system may refuse.
    let _ = raise_this_thread();
    let clock = Arc::new(SystemClock::default());
    let viewer = ViewerWire::open(&connect, clock, Some(std::thread::current())).internal()?;
    while viewer.counts().snapshots == 0 && !phase.is_over() {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let heard = match options.work {
        ObserverWork::Display => draw(&viewer, options.zero_ns, &phase),
        _ => pick_up(&viewer, options.zero_ns, &phase),
    };
    let json = heard.and_then(|heard| Ok(serde_json::to_string(&heard)?)).internal()?;
    say(&json).internal()?;
    Ok(Output { json: serde_json::Value::Null, text: String::new(), is_refused: false })
}

fn local(port: u16) -> String {
    format!("tcp/127.0.0.1:{port}")
}

fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

fn route(connect: &ViewerAddress, listen: u16, phase: &Phase) -> Result<Output> {
    let listening = EngineAddress { listen: vec![local(listen)], ..EngineAddress::default() };
    let relay = Relay::open(connect, &listening)?;
    say("ready")?;
    while !phase.is_over() && relay.is_open() {
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(Output { json: serde_json::Value::Null, text: String::new(), is_refused: false })
}

/// The engine's clock, ns, as far as the time of day tells it.
fn engine_now(zero_ns: u64) -> u64 {
    time_of_day_ns().saturating_sub(zero_ns)
}

/// Looks at each snapshot as soon as it is woken.
fn pick_up(viewer: &ViewerWire, zero_ns: u64, phase: &Phase) -> Result<Heard> {
    let (mut heard, mut before, mut last, mut sequence) = (Heard::default(), None, 0, 0);
    say("ready")?;
    while !phase.is_over() {
        std::thread::park_timeout(Duration::from_millis(20));
        if !phase.is_counting() {
            continue;
        }
        let (view, now) = (viewer.view(), engine_now(zero_ns));
        before.get_or_insert_with(|| viewer.counts().snapshots);
        let Some(snapshot) = view.snapshot else { continue };
        // The view's time is now; the engine published it so much earlier.
        let published = snapshot.published.0.saturating_sub(view.age.0);
        if published > last {
            last = published;
            heard.pick_up.push(now.saturating_sub(published));
        }
        // A snapshot without a new packet repeats the last one's time.
        if snapshot.sequence > sequence {
            sequence = snapshot.sequence;
            heard.whole.push(now.saturating_sub(snapshot.source_time.0));
        }
    }
    heard.snapshots = viewer.counts().snapshots - before.unwrap_or_default();
    Ok(heard)
}

/// Takes the newest at each refresh, prepares it, and counts it as shown at the
/// refresh that follows.
fn draw(viewer: &ViewerWire, zero_ns: u64, phase: &Phase) -> Result<Heard> {
    let (mut heard, mut sequence, mut refresh) = (Heard::default(), 0, Instant::now());
    say("ready")?;
    while !phase.is_over() {
        // A frame that took longer than a refresh has missed the next ones.
        while refresh <= Instant::now() {
            refresh += REFRESH;
        }
        std::thread::sleep(refresh.saturating_duration_since(Instant::now()));
        let view = viewer.view();
        let Some(snapshot) = view.snapshot.filter(|s| s.sequence > sequence) else { continue };
        sequence = snapshot.sequence;
        // Stands for what a scene does with it.
        std::hint::black_box(line(&view).to_string());
        let (submitted, now) = (Instant::now(), engine_now(zero_ns));
        let mut shown = refresh + REFRESH;
        while shown <= submitted {
            shown += REFRESH;
        }
        if phase.is_counting() {
            heard.snapshots += 1;
            heard.submit.push(ns(submitted.saturating_duration_since(refresh)));
            heard.shown.push(now.saturating_sub(snapshot.source_time.0) + ns(shown - submitted));
        }
    }
    Ok(heard)
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
