//! `serve`: CT series from the hospital's network, and their segmentation.

mod segmentation;

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::dicom_receiver::{DicomReceiver, ReceiverError, ReceiverLimits, ReceiverSettings, SeriesCheck, SeriesEnd};
use engine::io::{Limits, ReaderProcess};
use serde_json::{Value, json};

use crate::cli::ServeArguments;
use crate::failure::Failure;
use crate::report::Output;
use segmentation::Segmentation;

/// How long to wait for a series before looking at the clock.
const TICK: Duration = Duration::from_millis(100);

/// Runs the command.
pub fn run(options: &ServeArguments, quiet: bool) -> Result<Output, Failure> {
    let settings = settings(options, super::untrusted::reader()?)?;
    let receiver = DicomReceiver::start(settings).map_err(|error| match error {
        ReceiverError::EverybodyAllowed { .. } | ReceiverError::Title { .. } | ReceiverError::Tls { .. } => {
            Failure::WrongUse(error.into())
        }
        other => Failure::BadInput(other.into()),
    })?;
    let address = receiver.address();
    let over = if options.tls.files().is_some() { " over TLS" } else { "" };
    tell(quiet, &format!("{} listens for DICOM{over} on {address}", options.ae_title));
    let segmentation = options.segment.then(|| Segmentation::start(&options.model, options.device)).transpose()?;
    let since = Instant::now();
    let mut series = Vec::new();
    let is_over = |ended: usize| {
        (options.series > 0 && ended >= options.series)
            || (options.seconds > 0.0 && since.elapsed().as_secs_f64() > options.seconds)
    };
    while !is_over(series.len()) {
        let Some(end) = receiver.next(TICK) else { continue };
        series.push(describe(&end));
        match end {
            SeriesEnd::Finished(finished) => {
                tell(
                    quiet,
                    &format!("{}: {} slices from {}", finished.folder.display(), finished.objects, finished.caller),
                );
                if let Some(segmentation) = &segmentation {
                    segmentation.add(finished);
                }
            }
            SeriesEnd::SetAside { folder, reason } => {
                tell(quiet, &format!("{}: set aside, {reason}", folder.display()));
            }
        }
    }
    let counts = receiver.counts();
    drop(receiver);
    let cases = segmentation.map(Segmentation::finish).unwrap_or_default();
    let text = format!(
        "{} series in place, {} set aside; {} objects kept, {} refused, {} associations broken",
        counts.finished, counts.set_aside, counts.stored, counts.refused_objects, counts.broken
    );
    let json = json!({ "address": address.to_string(), "counts": counts, "series": series, "segmentations": cases });
    Ok(Output { json, text, is_refused: false })
}

fn settings(options: &ServeArguments, reader: ReaderProcess) -> Result<ReceiverSettings, Failure> {
    let seconds = |name: &str, value: f64| {
        let what = || anyhow::anyhow!("{name} is {value}; a time in seconds from 0 to 86400 is needed");
        Duration::try_from_secs_f64(value).ok().filter(|d| d.as_secs() <= 86_400).ok_or_else(what)
    };
    let wrong = Failure::WrongUse;
    let mut settings = ReceiverSettings::new(options.out.clone());
    settings.address = options.dicom;
    settings.ae_title.clone_from(&options.ae_title);
    settings.allowed_titles.clone_from(&options.allow);
    settings.allowed_peers.clone_from(&options.peer);
    settings.tls = options.tls.files();
    settings.quiet = seconds("--quiet-s", options.quiet_s).map_err(wrong)?;
    settings.incomplete = seconds("--incomplete-s", options.incomplete_s).map_err(wrong)?;
    let bytes = |gib: u64| gib.saturating_mul(1 << 30);
    settings.limits = ReceiverLimits {
        disk_bytes: bytes(options.disk),
        keep_free_bytes: bytes(options.keep_free),
        ..ReceiverLimits::default()
    };
    settings.check = check(reader);
    Ok(settings)
}

/// A received series is decoded by another process, whatever it is.
fn check(reader: ReaderProcess) -> SeriesCheck {
    Arc::new(move |folder| {
        let loaded = reader.read_ct(folder, &Limits::default()).map_err(|e| e.problem.to_string())?;
        Ok(loaded.warnings.iter().map(ToString::to_string).collect())
    })
}

fn describe(end: &SeriesEnd) -> Value {
    match end {
        SeriesEnd::Finished(series) => json!({
            "folder": series.folder, "dicom": series.dicom, "objects": series.objects, "warnings": series.warnings,
            "sent_by": series.caller, "is_finished": true,
        }),
        SeriesEnd::SetAside { folder, reason } => json!({ "folder": folder, "reason": reason, "is_finished": false }),
    }
}

/// One line for whoever watches; the result goes to standard output at the end.
#[allow(clippy::print_stderr, reason = "progress of a command line program belongs on stderr")]
fn tell(quiet: bool, line: &str) {
    if !quiet {
        eprintln!("{line}");
    }
}
