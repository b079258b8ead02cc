//! `navigate`: guidance on a segmented case with a tracker.
//!
//! | module | what it holds |
//! |---|---|
//! | [`tracker`] | where the poses come from, by address |
//! | [`patient`] | case and registration |
//! | [`typed`] | what the user types meanwhile: landmark checks |
//! | [`watch`] | what happens, in words, and what the user is asked to do |

mod patient;
mod tracker;
mod typed;
mod watch;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::case::Case;
use engine::clock::{Clock, SystemClock};
use engine::journal::{
    Intent, Journal, JournalHealth, JournalSettings, Recorder, SessionStart, case_hash, segment_path,
};
use engine::register::Verdict;
use engine::rt::{Guidance, LiveSession, LiveSettings, LoopSettings, SessionSummary, TrackedTool, TrackerErrors};
use engine::safety::Event;
use geom::{Ct, Point};
use serde_json::json;

use super::live::{Running, simulated_tracker};
use crate::cli::{NavigateArguments, View};
use crate::failure::{Blame, Failure};
use crate::report::Output;
use crate::scene::{self, SceneHeader, SceneInput};
use patient::Patient;
use watch::Watch;

pub(super) use patient::read_case;
pub(super) use tracker::{Address, Tracker, open};

/// Runs the command.
pub fn run(options: &NavigateArguments, quiet: bool) -> Result<Output, Failure> {
    let address = Address::parse(&options.from.tracker)?;
    let case = Arc::new(read_case(&options.case, options.ct.as_deref(), "navigate")?);
    let landmarks = typed::read_landmarks(options.landmarks.as_deref())?;
    let patient = Patient::new(&address, options, &case)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let tracker = open(&address, &options.from, &clock, || simulated(options, &patient))?;
    let (recorded, errors) = (&patient.recorded, TrackerErrors::default());
    let (pose, covariance, verdict) = (recorded.patient_from_ct, &recorded.covariance, recorded.verdict);
    let guidance = Guidance::from_recorded(&case, pose, covariance, verdict, &tracker.tools, errors);
    let navigation = LoopSettings::default();
    let first = told_first(options, verdict);
    let journal = match &options.journal {
        Some(folder) => Some(open_journal(folder, &case, &tracker.tools, &navigation, clock.as_ref())?),
        None => None,
    };
    let mut settings = LiveSettings { navigation, real_time: true, first, ..LiveSettings::default() };
    if let Some(journal) = &journal {
        let recorder = Recorder::new(journal.handle());
        recorder.next_registration(&patient.recorded, clock.now());
        settings.observers.push(Box::new(recorder));
    }
    let live = LiveSession::start_with(tracker.source, Arc::new(guidance), clock, settings).internal()?;
    let (summary, watched) = follow(options, &case, &patient, live, landmarks, quiet)?;
    let health = journal.map(Journal::finish);
    let is_refused = patient.recorded.verdict == Verdict::Reject;
    Ok(Output {
        json: json!({
            "case": options.case,
            "tracker": options.from.tracker,
            "registration": patient.json(),
            "session": summary,
            "happened": watched.json(),
            "journal": health.map(|h| json!({ "records": h.records, "lost": h.lost, "fault": h.fault.map(|f| f.to_string()) })),
        }),
        text: text(&patient, &summary, &watched, health.as_ref()),
        is_refused,
    })
}

/// What the session must know before its first packet: a journal that goes on
/// is that of a program that was started again.
fn told_first(options: &NavigateArguments, verdict: Verdict) -> Vec<Intent> {
    let goes_on = options.journal.as_deref().is_some_and(|folder| segment_path(folder, 1).exists());
    match (options.resume, goes_on) {
        (true, _) => vec![Intent::Event(Event::Restored(verdict))],
        (false, true) => vec![Intent::Event(Event::Restarted)],
        (false, false) => Vec::new(),
    }
}

fn simulated(options: &NavigateArguments, patient: &Patient) -> Result<Tracker, Failure> {
    let scenario = patient.scenario.as_ref().ok_or_else(|| anyhow::anyhow!("no simulated patient")).internal()?;
    let (tracker, pointer) = simulated_tracker(scenario, options.seed)?;
    Ok(Tracker { source: Box::new(tracker), tools: vec![pointer] })
}

fn open_journal(
    folder: &Path,
    case: &Case,
    tools: &[TrackedTool],
    navigation: &LoopSettings,
    clock: &dyn Clock,
) -> Result<Journal, Failure> {
    let tracked = tools.iter().copied().collect();
    let start = SessionStart::new(case_hash(case), navigation, TrackerErrors::default(), tracked);
    Journal::open(folder, clock.now(), &start.payload(), &JournalSettings::default()).bad_input()
}

/// Shows and tells the session until its time is over, its window is closed or
/// its end was typed.
fn follow(
    options: &NavigateArguments,
    case: &Arc<Case>,
    patient: &Patient,
    live: LiveSession,
    landmarks: Vec<Point<Ct>>,
    quiet: bool,
) -> Result<(SessionSummary, Watch), Failure> {
    let live = Arc::new(live);
    typed::listen(Arc::downgrade(&live), landmarks);
    let snapshots = live.reader();
    let has_window = options.view == View::Desktop && scene::display_name().is_some();
    let watch = if has_window {
        let is_closed = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let told = scope.spawn(|| Watch::follow(&snapshots, quiet, &|_| is_closed.load(Ordering::Relaxed)));
            let shown = window(case, patient, &live);
            is_closed.store(true, Ordering::Relaxed);
            shown.map(|()| told.join().unwrap_or_default())
        })?
    } else {
        let length = Duration::from_secs_f64(options.seconds);
        Watch::follow(&snapshots, quiet, &|elapsed| !length.is_zero() && elapsed >= length)
    };
    let summary = stop(live).ok_or_else(|| anyhow::anyhow!("a thread of the session died")).internal()?;
    Ok((summary, watch))
}

fn window(case: &Arc<Case>, patient: &Patient, live: &Arc<LiveSession>) -> Result<(), Failure> {
    let header = SceneHeader {
        verdict: Some(patient.recorded.verdict),
        rms_mm: Some(patient.recorded.rms_mm),
        ct_name: "case".into(),
        ..SceneHeader::default()
    };
    let input = SceneInput { case: case.clone(), snapshots: Box::new(Running(live.clone())), header };
    scene::run_window(input).internal()
}

/// Ends the session. What is typed at this moment may hold it a little longer.
fn stop(mut live: Arc<LiveSession>) -> Option<SessionSummary> {
    for _ in 0..1000 {
        match Arc::try_unwrap(live) {
            Ok(live) => return live.stop(),
            Err(still_held) => live = still_held,
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    None
}

fn text(patient: &Patient, summary: &SessionSummary, watched: &Watch, journal: Option<&JournalHealth>) -> String {
    let l = &summary.engine_latency;
    let mut lines = vec![
        "Research use only.".to_owned(),
        patient.text(),
        format!(
            "{}: {} packets, {} dropped, {} ignored; decoded to published p50 {:.3}, p99 {:.3}, p99.9 {:.3}, max {:.3} ms",
            summary.source,
            summary.packets,
            summary.dropped_packets,
            summary.ignored_packets,
            l.p50_ms,
            l.p99_ms,
            l.p999_ms,
            l.max_ms
        ),
    ];
    lines.push(watched.text());
    lines.extend(journal.map(|health| {
        let fault = health.fault.map_or_else(String::new, |fault| format!("; {fault}"));
        format!("Journal: {} records, {} lost{fault}", health.records, health.lost)
    }));
    lines.join("\n")
}
