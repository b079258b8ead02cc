//! A session from its options to its end, for every command that runs one.
//!
//! Promises that nothing is shown without a registration, and that a journal is
//! closed however the session ends. Does not show anything itself.

use std::path::Path;
use std::sync::Arc;
use std::thread::Thread;
use std::time::Duration;

use engine::case::Case;
use engine::clock::Clock;
use engine::journal::{
    Intent, Journal, JournalHealth, JournalSettings, Recorder, SessionStart, case_hash, segment_path,
};
use engine::measure::follow::Placed;
use engine::register::Verdict;
use engine::rt::{Guidance, LiveSession, LiveSettings, LoopSettings, SessionSummary, TrackedTool, TrackerErrors};
use engine::safety::Event;
use serde_json::json;

use super::patient::{Patient, Renamed, read_case, renamed};
use super::tracker::{Address, Tracker, open};
use super::typed;
use super::watch::Watch;
use crate::cli::SessionArguments;
use crate::commands::alignment::{AlignmentThread, Around, Simulated, table};
use crate::commands::live::simulated_tracker;
use crate::failure::{Blame, Failure};
use crate::report::Output;

/// A session that runs.
pub struct Started {
    /// The segmented CT.
    pub case: Arc<Case>,
    /// Levels of it that its folder calls otherwise.
    #[cfg_attr(not(any(feature = "stream", feature = "xr")), allow(dead_code, reason = "told to other processes"))]
    pub renamed: Renamed,
    /// Where it lies.
    pub patient: Patient,
    /// What is tracked.
    #[cfg_attr(not(feature = "stream"), allow(dead_code, reason = "told to viewers in other processes"))]
    pub tools: Vec<TrackedTool>,
    /// Reader and loop.
    pub live: Arc<LiveSession>,
    /// The alignment, where it is followed.
    pub alignment: Option<AlignmentThread>,
    journal: Option<Journal>,
}

impl Started {
    /// Reads the case, registers it, opens the tracker and the journal, and
    /// starts; from then on what the user types is passed on.
    ///
    /// * `wake` - a thread that is unparked after each snapshot with a new packet.
    /// * `command` - its name, for what is said of a missing case.
    pub fn new(
        options: &SessionArguments,
        clock: &Arc<dyn Clock>,
        wake: Option<Thread>,
        command: &str,
    ) -> Result<Self, Failure> {
        let address = Address::parse(&options.from.tracker)?;
        let corrections = options.alignment.corrections.as_deref().filter(|path| path.exists());
        let renamed = renamed(corrections)?;
        let case = Arc::new(read_case(&options.case, options.ct.as_deref(), &renamed, command)?);
        let landmarks = typed::read_landmarks(options.landmarks.as_deref())?;
        let patient = Patient::new(&address, options, &case)?;
        let tracker = open(&address, &options.from, clock, || simulated(options, &patient))?;
        let (recorded, errors) = (&patient.recorded, TrackerErrors::default());
        let (pose, covariance, verdict) = (recorded.patient_from_ct, &recorded.covariance, recorded.verdict);
        let guidance = Guidance::from_recorded(&case, pose, covariance, verdict, &tracker.tools, errors);
        let navigation = LoopSettings::default();
        let first = told_first(options, verdict);
        let journal = match &options.journal {
            Some(folder) => Some(open_journal(folder, &case, &tracker.tools, &navigation, clock.as_ref())?),
            None => None,
        };
        let mut settings = LiveSettings { navigation, real_time: true, first, wake, ..LiveSettings::default() };
        if let Some(journal) = &journal {
            let recorder = Recorder::new(journal.handle());
            recorder.next_registration(recorded, clock.now());
            settings.observers.push(Box::new(recorder));
        }
        let live = LiveSession::start_with(tracker.source, Arc::new(guidance), clock.clone(), settings).internal()?;
        let live = Arc::new(live);
        let around = Around {
            whole: Placed::from(&patient.recorded),
            journal: journal.as_ref().map(Journal::handle),
            clock: clock.clone(),
            snapshots: Some(live.reader()),
            simulated: patient
                .scenario
                .as_ref()
                .map(|s| Simulated { patient_from_ct: s.patient_from_ct, seed: options.seed }),
        };
        let alignment = AlignmentThread::start(&options.alignment, &options.case, around)?;
        typed::listen(Arc::downgrade(&live), landmarks, alignment.as_ref().map(AlignmentThread::door));
        Ok(Self { case, renamed, patient, tools: tracker.tools, live, alignment, journal })
    }

    /// Ends the session and tells what it did.
    pub fn finish(self, options: &SessionArguments, watched: &Watch) -> Result<Output, Failure> {
        let alignment = self.alignment.map(AlignmentThread::finish);
        let summary = stop(self.live).ok_or_else(|| anyhow::anyhow!("a thread of the session died")).internal()?;
        let health = self.journal.map(Journal::finish);
        let mut text = text(&self.patient, &summary, watched, health.as_ref());
        if let Some(alignment) = &alignment {
            text = format!("{text}\n{}", table::lines(alignment).join("\n"));
        }
        let journal = health
            .map(|h| json!({ "records": h.records, "lost": h.lost, "fault": h.fault.map(|fault| fault.to_string()) }));
        Ok(Output {
            json: json!({
                "case": options.case,
                "tracker": options.from.tracker,
                "registration": self.patient.json(),
                "session": summary,
                "happened": watched.json(),
                "journal": journal,
                "alignment": alignment,
            }),
            text,
            is_refused: self.patient.recorded.verdict == Verdict::Reject,
        })
    }
}

/// What the session must know before its first packet: a journal that goes on
/// is that of a program that was started again.
fn told_first(options: &SessionArguments, verdict: Verdict) -> Vec<Intent> {
    let goes_on = options.journal.as_deref().is_some_and(|folder| segment_path(folder, 1).exists());
    match (options.resume, goes_on) {
        (true, _) => vec![Intent::Event(Event::Restored(verdict))],
        (false, true) => vec![Intent::Event(Event::Restarted)],
        (false, false) => Vec::new(),
    }
}

fn simulated(options: &SessionArguments, patient: &Patient) -> Result<Tracker, Failure> {
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

/// Ends the session. What is typed or asked at this moment may hold it a little longer.
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
