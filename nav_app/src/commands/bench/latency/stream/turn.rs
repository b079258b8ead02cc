//! One case once: a tracker, an engine, its observers, and what they counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use engine::clock::{Clock, SystemClock};
use engine::journal::RecordedRegistration;
use engine::latency::{LatencyHistogram, PacketTimes};
use engine::rt::{Guidance, LiveSession, LiveSettings, LoopObserver, TrackerErrors};
use engine::stream::wire::engine::Offer;
use engine::stream::wire::{EngineAddress, EngineWire};
use engine::stream::{IntentKey, LevelMeshes, SessionDescription, encode_snapshot};
use engine::track::openigtlink::{IgtlSource, IgtlSourceSettings};

use super::super::engine_side::{names, phantom_case, tracked};
use super::super::floor::Floor;
use super::super::sender::Sender;
use super::cases::{self, Trouble};
use super::processes::{Place, Process, free_port, time_of_day_ns};
use super::results::CaseResult;
use crate::cli::{BenchStreamArguments, ObserverWork};

/// Time for what has just connected to settle.
const SETTLE: Duration = Duration::from_millis(300);

/// Packets sent before all observers are ready, at most, s.
const START_S: u64 = 120;

/// Counts the engine's own latency while it is asked to.
struct EngineTimes {
    is_counting: Arc<AtomicBool>,
    counted: LatencyHistogram,
    out: SyncSender<LatencyHistogram>,
}

impl LoopObserver for EngineTimes {
    fn times(&mut self, times: &PacketTimes) {
        if self.is_counting.load(Ordering::Acquire) {
            self.counted.record(times.engine());
        }
    }
}

impl Drop for EngineTimes {
    fn drop(&mut self) {
        // Nobody waits for it where the turn has failed.
        self.out.send(std::mem::take(&mut self.counted)).ok();
    }
}

/// The engine under test.
struct Engine {
    live: LiveSession,
    wire: EngineWire,
    counted: Receiver<LatencyHistogram>,
    frame_bytes: usize,
}

impl Engine {
    fn start(
        sender: &Sender,
        options: &BenchStreamArguments,
        port: u16,
        clock: &Arc<SystemClock>,
        times: (Arc<AtomicBool>, LatencyHistogram),
    ) -> Result<Self> {
        let address = EngineAddress { listen: vec![format!("tcp/127.0.0.1:{port}")], ..EngineAddress::default() };
        let mut wire = EngineWire::open(&address, 1, IntentKey::new()?)?;
        let (table, numbers) = names(options.tools)?;
        let mut settings = IgtlSourceSettings::new(sender.address().to_string(), table);
        settings.client.wait = Duration::from_millis(20);
        let source = IgtlSource::start(settings, clock.clone()).context("cannot start the connection")?;
        let ((case, registration), tools) = (phantom_case()?, tracked(&numbers));
        let guidance = Guidance::new(&case, &registration, &tools, TrackerErrors::default());
        // Given back when the session ends.
        let (out, counted) = sync_channel(1);
        let observer = EngineTimes { is_counting: times.0, counted: times.1, out };
        let settings = LiveSettings {
            real_time: true,
            observers: vec![Box::new(observer)],
            wake: wire.thread(),
            ..LiveSettings::default()
        };
        let live = LiveSession::start_with(Box::new(source), Arc::new(guidance), clock.clone(), settings)?;
        let meshes = LevelMeshes::new(&case);
        let recorded = RecordedRegistration::from(&registration);
        let description = SessionDescription::new(1, "bench".into(), &case, &meshes, &recorded, &tools);
        let offer = Offer { description, meshes, snapshots: live.reader(), alignment: None, tell: Box::new(|_| false) };
        wire.offer(offer, clock.clone())?;
        Ok(Self { live, wire, counted, frame_bytes: 0 })
    }

    /// Ends it; gives the latencies and the packets that were dropped.
    fn stop(self) -> Result<(LatencyHistogram, u64)> {
        drop(self.wire);
        let summary = self.live.stop().context("a thread of the live session died")?;
        Ok((self.counted.recv().context("the engine's times are lost")?, summary.dropped_packets))
    }
}

/// Runs a turn of `result`'s case and adds what it counted.
pub fn run(result: &mut CaseResult, options: &BenchStreamArguments, length: Duration) -> Result<()> {
    let clock = Arc::new(SystemClock::default());
    let zero_ns = zero(&clock);
    let port = free_port()?;
    let sender = Sender::bind(options.hz, options.tools)?;
    let is_counting = Arc::new(AtomicBool::new(false));
    let times = (is_counting.clone(), std::mem::take(&mut result.engine));
    let mut engine = Engine::start(&sender, options, port, &clock, times)?;
    // More than are needed; the turn ends the tracker.
    let packets = (options.hz * (length.as_secs_f64() + START_S as f64)) as u64;
    let sending = sender.start(packets, clock.clone())?;
    let (router, mut observers, troubled) = watch(result, Place { port, listen: 0, zero_ns })?;
    std::thread::sleep(SETTLE);
    let slowing = match (&troubled, cases::trouble(result.case)) {
        (Some(observer), Trouble::Slow) => Some(observer.slow_down()?),
        (Some(observer), Trouble::Dead) => observer.signal("STOP").map(|()| None)?,
        _ => None,
    };
    let snapshot = engine.live.reader().read().context("the engine made no snapshot")?.1;
    engine.frame_bytes = encode_snapshot(1, 1, &snapshot).as_slice().len();
    let is_over = Arc::new(AtomicBool::new(false));
    let floor = Floor::go_on(std::mem::take(&mut result.floor), options.hz, clock.clone(), &is_over)?;
    observers.iter_mut().try_for_each(Process::count)?;
    let (began, before) = (Instant::now(), (loopback_bytes(), engine.wire.sent().published));
    is_counting.store(true, Ordering::Release);
    std::thread::sleep(length);
    is_counting.store(false, Ordering::Release);
    let after = (loopback_bytes(), engine.wire.sent().published);
    result.seconds += began.elapsed().as_secs_f64();
    let heard: Result<Vec<_>> = observers.into_iter().map(Process::heard).collect();
    is_over.store(true, Ordering::Release);
    result.floor = floor.pause()?;
    drop((slowing, troubled, router));
    result.published += after.1 - before.1;
    result.loopback_bytes += after.0.saturating_sub(before.0);
    result.frame_bytes = engine.frame_bytes;
    result.clock_moved_ns = result.clock_moved_ns.max(zero(&clock).abs_diff(zero_ns));
    heard?.into_iter().for_each(|heard| result.hear(&heard));
    let (times, dropped) = engine.stop()?;
    result.engine = times;
    result.dropped_packets += dropped;
    // The engine has left; the tracker's thread ends with its connection.
    sending.join().ok();
    Ok(())
}

/// Router, observers that count, and the one with a trouble; all ready.
fn watch(result: &CaseResult, place: Place) -> Result<(Option<Process>, Vec<Process>, Option<Process>)> {
    let mut place = place;
    let mut router = None;
    if cases::has_router(result.case) {
        let listen = free_port()?;
        let mut process = Process::start(Place { listen, ..place }, ObserverWork::Route)?;
        process.wait_until_ready()?;
        router = Some(process);
        place.port = listen;
    }
    let work = cases::work(result.case);
    let observers: Result<Vec<_>> = (0..cases::observers(result.case)).map(|_| Process::start(place, work)).collect();
    let mut observers = observers?;
    let mut troubled = match cases::trouble(result.case) {
        Trouble::None => None,
        Trouble::Slow | Trouble::Dead => Some(Process::start(place, ObserverWork::PickUp)?),
    };
    observers.iter_mut().chain(&mut troubled).try_for_each(Process::wait_until_ready)?;
    Ok((router, observers, troubled))
}

/// Time of day at which the clock was zero, ns.
fn zero(clock: &SystemClock) -> u64 {
    time_of_day_ns().saturating_sub(clock.now().0)
}

/// Bytes that went over the loopback, everybody's; 0 where the system does not tell.
fn loopback_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix("lo:"));
    line.and_then(|line| line.split_whitespace().nth(8)?.parse().ok()).unwrap_or(0)
}
