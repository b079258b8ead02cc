//! The engine under test: a live session on a phantom spine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, Result};
use engine::case::{Case, Vertebra};
use engine::clock::SystemClock;
use engine::latency::PacketTimes;
use engine::level::Level;
use engine::register::{LandmarkSettings, Registration, landmarks};
use engine::rt::{
    Guidance, LiveSession, LiveSettings, LoopObserver, Reader, SessionSummary, Snapshot, TrackedTool, TrackerErrors,
};
use engine::surface::phantom;
use engine::track::openigtlink::{IgtlSource, IgtlSourceSettings};
use engine::track::{Source, ToolId, ToolNames, TrackerPacket};
use engine::volume::{Grid, LabelMap, Volume};
use geom::{Ct, Nanoseconds, Patient, Point, Transform};

use super::consumer::Consumer;
use super::sender::{Sender, name};

/// Allocations of the navigation thread.
static NAVIGATION_ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// The session, and what its reader allocated.
pub struct EngineSide {
    live: LiveSession,
    reader_allocations: Arc<AtomicU64>,
}

/// What the engine did.
pub struct EngineCounts {
    /// The session's own summary.
    pub summary: SessionSummary,
    /// Heap allocations of reader and loop since the first packet.
    pub allocations: u64,
}

/// Hands the times of every packet to the consumer; never waits for it.
struct TimesToConsumer(rtrb::Producer<PacketTimes>);

impl LoopObserver for TimesToConsumer {
    fn times(&mut self, times: &PacketTimes) {
        // A full ring shows as packets that were not counted.
        let _ = self.0.push(*times);
    }
}

/// Counts what the source allocates once packets come.
struct Counted {
    source: IgtlSource,
    has_begun: bool,
    allocations: Arc<AtomicU64>,
}

impl Source for Counted {
    fn description(&self) -> String {
        self.source.description()
    }

    fn poll(&mut self, now: Nanoseconds) -> Option<TrackerPacket> {
        let mut packet = None;
        let source = &mut self.source;
        let counts = allocation_counter::measure(|| packet = source.poll(now));
        if self.has_begun {
            self.allocations.fetch_add(counts.count_total, Ordering::Relaxed);
        }
        self.has_begun |= packet.is_some();
        packet
    }

    fn next_due(&self) -> Nanoseconds {
        self.source.next_due()
    }
}

/// Counts the navigation thread's allocations; the reader is [`Counted`].
fn counted(run: &mut dyn FnMut()) {
    static IS_TAKEN: AtomicBool = AtomicBool::new(false);
    if std::thread::current().name() == Some("navigation") && !IS_TAKEN.swap(true, Ordering::Relaxed) {
        let counts = allocation_counter::measure(run);
        NAVIGATION_ALLOCATIONS.store(counts.count_total, Ordering::Relaxed);
    } else {
        run();
    }
}

impl EngineSide {
    /// Starts the session; it connects to the sender by itself.
    pub fn start(sender: &Sender, tools: usize, consumer: &Consumer, clock: Arc<SystemClock>) -> Result<Self> {
        let (table, tracked) = names(tools)?;
        let mut settings = IgtlSourceSettings::new(sender.address().to_string(), table);
        settings.client.wait = std::time::Duration::from_millis(20);
        let source = IgtlSource::start(settings, clock.clone()).context("cannot start the connection")?;
        let reader_allocations = Arc::new(AtomicU64::new(0));
        let counted_source = Counted { source, has_begun: false, allocations: reader_allocations.clone() };
        let guidance = Arc::new(guidance(&tracked)?);
        let settings = LiveSettings {
            real_time: true,
            observers: vec![Box::new(TimesToConsumer(consumer.times()?))],
            wake: Some(consumer.thread()),
            around: Some(counted),
            ..LiveSettings::default()
        };
        let live = LiveSession::start_with(Box::new(counted_source), guidance, clock, settings)?;
        Ok(Self { live, reader_allocations })
    }

    /// Snapshots for the consumer.
    pub fn reader(&self) -> Reader<Snapshot> {
        self.live.reader()
    }

    /// Stops the session.
    pub fn stop(self) -> Result<EngineCounts> {
        let summary = self.live.stop().context("a thread of the live session died")?;
        let reader = self.reader_allocations.load(Ordering::Relaxed);
        Ok(EngineCounts { summary, allocations: reader + NAVIGATION_ALLOCATIONS.load(Ordering::Relaxed) })
    }
}

/// The names on the wire of a reference and `tools` instruments, and the
/// instruments' numbers.
pub fn names(tools: usize) -> Result<(ToolNames, Vec<ToolId>)> {
    let number = |tool: usize| ToolId(u16::try_from(tool).unwrap_or(u16::MAX));
    let names: Vec<(String, ToolId)> = (1..=tools).map(|tool| (name(tool), number(tool))).collect();
    let pairs: Vec<(&str, ToolId)> = names.iter().map(|(name, id)| (name.as_str(), *id)).collect();
    let table = ToolNames::new(Some(&name(0)), &pairs).context("the tools' names do not make a table")?;
    Ok((table, names.into_iter().map(|(_, id)| id).collect()))
}

/// What the loop needs for a phantom spine.
pub fn guidance(tools: &[ToolId]) -> Result<Guidance> {
    let (case, registration) = phantom_case()?;
    Ok(Guidance::new(&case, &registration, &tracked(tools), TrackerErrors::default()))
}

/// Instruments whose tip is their origin.
pub fn tracked(tools: &[ToolId]) -> Vec<TrackedTool> {
    tools.iter().map(|id| TrackedTool::instrument(*id, Transform::identity())).collect()
}

/// A phantom spine of five vertebrae, registered without error.
pub fn phantom_case() -> Result<(Case, Registration)> {
    let grid = Grid::axis_aligned([1, 1, 1], [1.0; 3], Point::new(0.0, 0.0, 0.0)).context("no grid")?;
    let vertebra = |(i, mesh): (usize, _)| -> Option<Vertebra> {
        Some(Vertebra {
            level: Level::from_number(24_u8.checked_sub(u8::try_from(i).ok()?)?)?,
            voxels: 0,
            volume_mm3: 0.0,
            confidence: 1.0,
            doubts: Vec::new(),
            body_centre: Point::new(0.0, -22.0, i as f64 * phantom::LEVEL_PITCH_MM),
            mesh,
            surface_error_mm: Vec::new(),
        })
    };
    let case = Case {
        labels: LabelMap { labels: vec![0; grid.len()], grid: grid.clone() },
        ct: Volume { hu: vec![0.0; grid.len()], grid },
        vertebrae: phantom::spine(5).into_iter().enumerate().filter_map(vertebra).collect(),
        levels_are_anchored: true,
    };
    let ct = [[0., 0., 0.], [60., 0., 0.], [0., 60., 0.], [0., 0., 60.], [40., 40., 0.]].map(Point::<Ct>::from);
    let patient = ct.map(|p| Point::<Patient>::from(p.to_array()));
    let registration = landmarks(&patient, &ct, &LandmarkSettings::default())?;
    Ok((case, registration))
}
