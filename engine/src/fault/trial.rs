//! A session in virtual time with a script of faults in it.

use std::collections::VecDeque;
use std::path::Path;
use std::thread;
use std::time::Duration;

use geom::{Ct, Nanoseconds, Point};

use super::disk::{DiskSwitch, FailingDisk};
use super::named_fault::{Kind, Place, Sign};
use super::outcome::{Outcome, guarded};
use super::phantom::{self, PhantomTracker, patient_from_ct};
use super::script::{FaultScript, Injection};
use super::stream::FaultySource;
use crate::clock::MILLISECOND_NS;
use crate::journal::{
    Entry, Intent, Journal, JournalSettings, ReadLimits, Reader, RecordedRegistration, Recorder, SessionStart,
    case_hash, tell, verify,
};
use crate::rt::{LoopSettings, NavigationLoop, Snapshot, ToolRole, TrackerErrors};
use crate::safety::{Alarm, Alarms, ToolLimits, ToolState};
use crate::track::{Source, ToolList, TrackerPacket};

/// The loop runs this often.
const STEP_NS: u64 = 5 * MILLISECOND_NS;
/// Packets between reader and loop, as in a live session.
const RING_PACKETS: usize = 256;
/// A live tip further from its true place is wrong, mm.
const WRONG_MM: f64 = 5.0;
/// A wrong pose may be live for this long: finding a frozen, swapped or bumped
/// array takes that (promises 5 and 6).
const FIND_NS: u64 = 250 * MILLISECOND_NS + STEP_NS;
/// Real time a trial waits for the journal's thread to notice a failing disk.
const DISK_PATIENCE: u32 = 2000;

/// Runs a session of `length` with the script's faults of tracker, reference
/// and host; `folder` takes its journal and must be empty.
///
/// The same script and seed give the same snapshots. Cost: about 10 ms a
/// second of session.
#[must_use]
pub fn run(script: &FaultScript, length: Nanoseconds, seed: u64, folder: &Path) -> Outcome {
    let faults = script.injections.iter().map(ToString::to_string).collect();
    guarded(faults, || {
        let mut trial = Trial::new(script, seed, folder)?;
        for step in 0..=length.0 / STEP_NS {
            trial.step(Nanoseconds(step * STEP_NS));
        }
        trial.finish(folder)
    })
}

struct Trial<'a> {
    script: &'a FaultScript,
    source: FaultySource<PhantomTracker>,
    navigation: NavigationLoop,
    ring: VecDeque<TrackerPacket>,
    dropped: u64,
    outside: Alarms,
    journal: Option<Journal>,
    recorder: Recorder,
    disk: DiskSwitch,
    disk_fault: Option<Kind>,
    shown: Option<Snapshot>,
    wrong_since: Option<Nanoseconds>,
    is_bounded: bool,
    signs: Vec<Sign>,
    outcome: Outcome,
}

impl<'a> Trial<'a> {
    fn new(script: &'a FaultScript, seed: u64, folder: &Path) -> Result<Self, String> {
        let case = phantom::case().map_err(|e| e.to_string())?;
        let registration = phantom::registration().map_err(|e| e.to_string())?;
        let (settings, errors) = (LoopSettings::default(), TrackerErrors::default());
        let tools = ToolList::from_slice(&phantom::tools()).unwrap_or_default();
        let start = SessionStart::new(case_hash(&case), &settings, errors, tools).payload();
        let disk = DiskSwitch::default();
        let is_stalled = script.injections.iter().any(|i| i.fault.kind == Kind::JournalStalled);
        // Virtual time outruns the writer's thread, so the queue is long; a
        // disk that hangs has to fill it.
        let queue_records = if is_stalled { 64 } else { 16_384 };
        let how = JournalSettings { queue_records, ..JournalSettings::default() };
        let switch = disk.clone();
        let wrap = |files| FailingDisk::new(files, switch);
        let journal = Journal::open_through(folder, Nanoseconds(0), &start, &how, wrap).map_err(|e| e.to_string())?;
        let recorder = Recorder::new(journal.handle());
        recorder.registration(&registration, Nanoseconds(0));
        Ok(Self {
            script,
            source: FaultySource::new(PhantomTracker::new(seed), script, seed),
            navigation: NavigationLoop::with_settings(phantom::guidance()?, settings),
            ring: VecDeque::with_capacity(RING_PACKETS),
            dropped: 0,
            outside: Alarms::default(),
            journal: Some(journal),
            recorder,
            disk,
            disk_fault: None,
            shown: None,
            wrong_since: None,
            is_bounded: true,
            signs: script.injections.iter().flat_map(|i| i.fault.signs).copied().collect(),
            outcome: Outcome::default(),
        })
    }

    fn active(&self, time: Nanoseconds) -> impl Iterator<Item = &Injection> {
        self.script.injections.iter().filter(move |i| i.is_active(time))
    }

    fn host(&self, time: Nanoseconds, kind: Kind) -> Option<&Injection> {
        self.active(time).find(|i| i.fault.kind == kind)
    }

    /// One step of true time.
    fn step(&mut self, time: Nanoseconds) {
        // What this machine believes the time is: a step stays.
        let stepped = self.script.injections.iter().filter(|i| i.fault.kind == Kind::HostClockStep && i.at.0 <= time.0);
        let ahead: f64 = stepped.map(|i| i.amount).sum();
        let now = Nanoseconds(time.0 + (ahead * MILLISECOND_NS as f64) as u64);
        while let Some(mut packet) = self.source.poll(time) {
            let late = time.0.saturating_sub(packet.arrival_time.0);
            let arrival = Nanoseconds(now.0.saturating_sub(late));
            (packet.arrival_time, packet.decoded_time, packet.session_time) = (arrival, arrival, arrival);
            if self.ring.len() < RING_PACKETS { self.ring.push_back(packet) } else { self.dropped += 1 }
        }
        self.fail_the_disk(time);
        if self.host(time, Kind::CpuStarved).is_none() {
            self.round(now);
        }
        self.judge(time, now);
    }

    /// What the navigation thread does in one round.
    fn round(&mut self, now: Nanoseconds) {
        self.is_bounded &= self.ring.len() <= RING_PACKETS;
        for packet in self.ring.drain(..) {
            self.recorder.packet(&packet, now);
            self.navigation.observe(&packet);
        }
        let mut outside = Alarms::default();
        outside.raise_if(Alarm::PacketsDropped, self.dropped > 0);
        outside.raise_if(Alarm::JournalFailed, self.recorder.health().fault.is_some());
        self.dropped = 0;
        if outside != self.outside {
            self.outside = outside;
            self.recorder.intent(Intent::Outside(outside), now);
            tell(&mut self.navigation, Intent::Outside(outside), now);
        }
        let snapshot = self.navigation.snapshot(now);
        self.is_bounded &= snapshot.published == now;
        self.recorder.snapshot(&snapshot, now);
        self.shown = Some(snapshot);
    }

    fn fail_the_disk(&mut self, time: Nanoseconds) {
        let fault = self
            .active(time)
            .map(|i| i.fault.kind)
            .find(|kind| matches!(kind, Kind::DiskFull | Kind::JournalUnwritable | Kind::JournalStalled));
        if fault == self.disk_fault {
            return;
        }
        self.disk_fault = fault;
        self.disk.set(fault);
        // The journal's thread lives in real time; let it meet the change.
        for _ in 0..DISK_PATIENCE {
            let is_faulty = self.recorder.health().fault.is_some();
            if fault == Some(Kind::JournalStalled) || is_faulty == fault.is_some() {
                break;
            }
            self.recorder.note("trial waits for the disk", time);
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Compares what is on the screen with the truth.
    fn judge(&mut self, time: Nanoseconds, now: Nanoseconds) {
        let limits = ToolLimits::default();
        // A screen that gets no snapshot hides the old one.
        let is_old = |s: &Snapshot| now.0.saturating_sub(s.published.0) >= limits.stale_after.0;
        let Some(shown) = self.shown.filter(|s| !is_old(s)) else {
            self.wrong_since = None;
            return;
        };
        self.wrong_since = if self.is_wrong(&shown) { self.wrong_since.or(Some(time)) } else { None };
        let wrong_ms = self.wrong_since.map_or(0.0, |since| (time.0 - since.0 + STEP_NS) as f64 * 1e-6);
        self.outcome.wrong_live_ms = self.outcome.wrong_live_ms.max(wrong_ms);

        let Some(begin) = self.script.injections.iter().map(|i| i.at.0).min() else { return };
        let end = self.script.injections.iter().map(|i| i.end().0).max().unwrap_or(u64::MAX);
        if time.0 < begin {
            return;
        }
        let faults = Alarm::ALL.into_iter().map(Sign::Alarm).filter(|sign| sign.is_in(&shown)).map(|s| s.to_string());
        let reasons = shown.tools.iter().filter_map(|t| t.reason).map(|r| Sign::Tool(r).to_string());
        let mut seen: Vec<String> = faults.chain(reasons).chain([format!("session: {}", shown.session)]).collect();
        let health = self.recorder.health();
        seen.extend(health.fault.map(|fault| fault.to_string()));
        if health.lost > 0 {
            seen.push("journal records were lost".into());
        }
        let is_sign = |sign: &Sign| match sign {
            Sign::Words(words) => seen.iter().any(|said| said.contains(words)),
            sign => sign.is_in(&shown),
        };
        // A sign that comes when the fault is over has warned nobody.
        let is_in_time = time.0 <= end.saturating_add(FIND_NS);
        if is_in_time && self.outcome.detected_ms.is_none() && self.signs.iter().any(is_sign) {
            self.outcome.detected_ms = Some((time.0 - begin) as f64 * 1e-6);
        }
        for said in seen {
            if !self.outcome.seen.contains(&said) {
                self.outcome.seen.push(said);
            }
        }
        let instruments = phantom::tools().into_iter().filter(|tool| tool.role == ToolRole::Instrument);
        let views = instruments.map(|tool| shown.tool(tool.id));
        let is_live = views.flatten().all(|t| t.state == ToolState::Live && t.ct_from_tip.is_some());
        if time.0 >= end && is_live && self.outcome.recovered_ms.is_none() {
            self.outcome.recovered_ms = Some((time.0 - end) as f64 * 1e-6);
        }
    }

    fn is_wrong(&self, shown: &Snapshot) -> bool {
        let Some(truth) = self.source.pristine() else { return false };
        let Ok(reference) = truth.tracker_from_patient else { return false };
        let origin = Point::new(0.0, 0.0, 0.0);
        phantom::tools().iter().filter(|tool| tool.role == ToolRole::Instrument).any(|tool| {
            let view = shown.tool(tool.id).filter(|view| view.state == ToolState::Live);
            let (Some(pose), Ok(array)) = (view.and_then(|v| v.ct_from_tip), truth.tool(tool.id)) else { return false };
            let exact: Point<Ct> =
                patient_from_ct().inverse() * reference.inverse() * array * tool.tool_from_tip * origin;
            exact.distance(pose * origin) > WRONG_MM
        })
    }

    fn finish(mut self, folder: &Path) -> Result<Outcome, String> {
        self.disk.set(None);
        drop(self.journal.take());
        let invariants = &mut self.outcome.invariants;
        invariants.deadline_kept = self.is_bounded;
        invariants.not_live = self.outcome.wrong_live_ms * 1e6 <= FIND_NS as f64;
        invariants.reason_shown = self.signs.is_empty() || self.outcome.detected_ms.is_some();
        invariants.journalled = is_journalled(folder, &self.signs, self.script)?;
        Ok(self.outcome)
    }
}

/// Whether the journal is whole, shows one of the signs and replays exactly.
fn is_journalled(folder: &Path, signs: &[Sign], script: &FaultScript) -> Result<bool, String> {
    let mut reader = Reader::open(folder, ReadLimits::default()).map_err(|e| e.to_string())?;
    let (mut is_shown, mut lost) = (signs.is_empty(), 0);
    while let Some(record) = reader.next() {
        let record = record.map_err(|e| e.to_string())?;
        match reader.entry(&record).map_err(|e| e.to_string())? {
            Entry::Snapshot(snapshot, _) => is_shown |= signs.iter().any(|sign| sign.is_in(&snapshot)),
            Entry::Lost { count, .. } => lost += count,
            _ => {}
        }
    }
    // Faults of the journal itself: nothing may be lost in silence.
    let of_journal = script
        .injections
        .iter()
        .filter(|i| i.fault.place == Place::Host)
        .any(|i| matches!(i.fault.kind, Kind::DiskFull | Kind::JournalUnwritable | Kind::JournalStalled));
    if of_journal && lost > 0 {
        return Ok(true);
    }
    let hash = case_hash(&phantom::case().map_err(|e| e.to_string())?);
    let mut make = |start: &SessionStart, _: Option<&RecordedRegistration>| {
        start.check(&hash, &LoopSettings::default())?;
        Ok(NavigationLoop::with_settings(phantom::guidance()?, LoopSettings::default()))
    };
    let verification = verify(folder, ReadLimits::default(), &mut make).map_err(|e| e.to_string())?;
    Ok((is_shown || of_journal) && verification.is_exact() && lost == 0)
}
