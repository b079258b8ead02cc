//! `record`: a tracker written down without guidance.
#![allow(clippy::print_stderr, reason = "a running recording tells how far it is on stderr")]

use std::sync::Arc;

use engine::clock::{Clock, SystemClock};
use engine::fault::phantom::{PhantomTracker, tools};
use engine::journal::{
    Journal, JournalSettings, NO_CASE, RecordingEnd, RecordingLimits, RecordingProgress, RecordingWatcher,
    SessionStart, TrackerRecording, record_tracker,
};
use engine::rt::{LoopSettings, TrackerErrors};
use geom::Nanoseconds;
use serde_json::json;

use super::navigate::{Address, Tracker, open};
use crate::cli::RecordArguments;
use crate::failure::{Blame, Failure};
use crate::report::Output;

const SECOND_NS: u64 = 1_000_000_000;

/// Runs the command.
pub fn run(options: &RecordArguments, quiet: bool) -> Result<Output, Failure> {
    let address = Address::parse(&options.from.tracker)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    // There is no case to touch: a phantom with two instruments.
    let phantom = || {
        let source = Box::new(PhantomTracker::new(options.seed));
        Ok(Tracker { source, tools: tools().to_vec() })
    };
    let mut tracker = open(&address, &options.from, &clock, phantom)?;
    let list = tracker.tools.iter().copied().collect();
    let start = SessionStart::new(NO_CASE, &LoopSettings::default(), TrackerErrors::default(), list);
    let journal =
        Journal::open(&options.out, clock.now(), &start.payload(), &JournalSettings::default()).bad_input()?;
    let limits = RecordingLimits {
        duration: Nanoseconds((options.seconds * 1e9) as u64),
        bytes: options.megabytes * 1_000_000,
        ..RecordingLimits::default()
    };
    let mut watcher = Watcher { is_quiet: quiet, told_s: 0, has_failed: false };
    let made = record_tracker(tracker.source.as_mut(), (journal, &options.out), &limits, clock.as_ref(), &mut watcher);
    if let RecordingEnd::Disk(fault) = made.end {
        return Err(Failure::BadInput(anyhow::anyhow!(
            "the recording ended after {} packets, {} records were lost: {fault}; what was written before is in {}",
            made.progress.packets,
            made.health.lost,
            options.out.display()
        )));
    }
    Ok(output(options, &made))
}

/// One line a second.
struct Watcher {
    is_quiet: bool,
    told_s: u64,
    has_failed: bool,
}

impl RecordingWatcher for Watcher {
    fn progress(&mut self, progress: &RecordingProgress) -> bool {
        let seconds = progress.elapsed.0 / SECOND_NS;
        // A failing disk is told whether or not somebody asked for quiet.
        let is_failing = progress.fault.is_some();
        if std::mem::replace(&mut self.has_failed, is_failing) != is_failing {
            eprintln!("{}", progress.fault.map_or("the journal is written again".into(), |fault| fault.to_string()));
        }
        if !self.is_quiet && seconds > self.told_s {
            self.told_s = seconds;
            let megabytes = progress.bytes as f64 * 1e-6;
            eprintln!("{seconds:6} s  {:8} packets  {megabytes:8.2} MB", progress.packets);
        }
        true
    }
}

fn output(options: &RecordArguments, made: &TrackerRecording) -> Output {
    let (progress, health) = (made.progress, made.health);
    let end = match made.end {
        RecordingEnd::Duration => "time",
        RecordingEnd::Size => "size",
        RecordingEnd::SourceOver => "source-over",
        _ => "ended",
    };
    let seconds = progress.elapsed.0 as f64 * 1e-9;
    Output {
        json: json!({
            "journal": options.out,
            "tracker": options.from.tracker,
            "end": end,
            "duration_s": seconds,
            "packets": progress.packets,
            "bytes": progress.bytes,
            "records": health.records,
            "lost": health.lost,
            "fault": health.fault.map(|fault| fault.to_string()),
        }),
        text: format!(
            "{} packets in {seconds:.1} s, {:.2} MB in {}, {} records lost; play it with --tracker replay://{}",
            progress.packets,
            progress.bytes as f64 * 1e-6,
            options.out.display(),
            health.lost,
            options.out.display()
        ),
        is_refused: false,
    }
}
