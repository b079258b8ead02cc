//! `navigate`: guidance on a segmented case with a tracker.
//!
//! | module | what it holds |
//! |---|---|
//! | [`tracker`] | where the poses come from, by address |
//! | [`patient`] | case and registration |
//! | [`watch`] | what happened, without a window |

mod patient;
mod tracker;
mod watch;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine::case::Case;
use engine::clock::{Clock, SystemClock};
use engine::journal::{Journal, JournalHealth, JournalSettings, Recorder, SessionStart, case_hash};
use engine::register::{Registration, Verdict};
use engine::rt::{Guidance, LiveSession, LiveSettings, LoopSettings, SessionSummary, TrackedTool, TrackerErrors};
use engine::track::ToolList;
use serde_json::json;

use super::live::Running;
use crate::cli::{NavigateArguments, View};
use crate::failure::{Blame, Failure};
use crate::report::Output;
use crate::scene::{self, SceneHeader, SceneInput};
use patient::Patient;
use tracker::Address;
use watch::Watch;

pub(super) use patient::read_case;

/// Runs the command.
pub fn run(options: &NavigateArguments, quiet: bool) -> Result<Output, Failure> {
    let has_window = options.view == View::Desktop && scene::display_name().is_some();
    let address = Address::parse(&options.tracker)?;
    let case = Arc::new(read_case(&options.case, options.ct.as_deref(), "navigate")?);
    let patient = Patient::new(&address, options, &case)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let tracker = tracker::open(&address, options, &patient, &clock)?;
    let guidance = Guidance::new(&case, &patient.registration, &tracker.tools, TrackerErrors::default());
    let navigation = LoopSettings::default();
    let journal = match &options.journal {
        Some(folder) => Some(open_journal(folder, &case, &tracker.tools, &navigation, clock.as_ref())?),
        None => None,
    };
    let mut settings = LiveSettings { navigation, real_time: true, ..LiveSettings::default() };
    if let Some(journal) = &journal {
        let recorder = Recorder::new(journal.handle());
        recorder.registration(&patient.registration, clock.now());
        settings.observers.push(Box::new(recorder));
    }
    let live = LiveSession::start_with(tracker.source, Arc::new(guidance), clock, settings).internal()?;
    let (summary, watched) = if has_window {
        (in_window(&case, &patient.registration, live)?, None)
    } else {
        let watch = Watch::follow(&live, Duration::from_secs_f64(options.seconds), quiet);
        (live.stop(), Some(watch))
    };
    let summary = summary.ok_or_else(|| anyhow::anyhow!("a thread of the session died")).internal()?;
    let health = journal.map(Journal::finish);
    let is_refused = patient.registration.verdict() == Verdict::Reject;
    Ok(Output {
        json: json!({
            "case": options.case,
            "tracker": options.tracker,
            "registration": patient.json(),
            "session": summary,
            "happened": watched.as_ref().map(Watch::json),
            "journal": health.map(|h| json!({ "records": h.records, "lost": h.lost, "fault": h.fault.map(|f| f.to_string()) })),
        }),
        text: text(&patient, &summary, watched.as_ref(), health.as_ref()),
        is_refused,
    })
}

fn open_journal(
    folder: &Path,
    case: &Case,
    tools: &[TrackedTool],
    navigation: &LoopSettings,
    clock: &dyn Clock,
) -> Result<Journal, Failure> {
    let mut tracked = ToolList::default();
    tools.iter().for_each(|tool| {
        let _at_most_eight_are_opened = tracked.push(*tool);
    });
    let start = SessionStart::new(case_hash(case), navigation, TrackerErrors::default(), tracked);
    Journal::open(folder, clock.now(), &start.payload(), &JournalSettings::default()).bad_input()
}

/// Shows the session until the window is closed.
fn in_window(
    case: &Arc<Case>,
    registration: &Registration,
    live: LiveSession,
) -> Result<Option<SessionSummary>, Failure> {
    let live = Arc::new(live);
    let header = SceneHeader {
        verdict: Some(registration.verdict()),
        rms_mm: Some(registration.rms_mm()),
        ct_name: "case".into(),
        ..SceneHeader::default()
    };
    let input = SceneInput { case: case.clone(), snapshots: Box::new(Running(live.clone())), header };
    scene::run_window(input).internal()?;
    Ok(Arc::into_inner(live).and_then(LiveSession::stop))
}

fn text(
    patient: &Patient,
    summary: &SessionSummary,
    watched: Option<&Watch>,
    journal: Option<&JournalHealth>,
) -> String {
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
    lines.extend(watched.map(Watch::text));
    lines.extend(journal.map(|health| {
        let fault = health.fault.map_or_else(String::new, |fault| format!("; {fault}"));
        format!("Journal: {} records, {} lost{fault}", health.records, health.lost)
    }));
    lines.join("\n")
}
