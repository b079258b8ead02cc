//! `engine`: a navigation session as a process of its own, heard over Zenoh.
//!
//! Viewers come and go and are never waited for; one that this command starts
//! itself (`--view desktop`) is watched, and started again when it dies or hangs.
#![allow(clippy::print_stderr, reason = "a running engine tells where it is heard on stderr")]

mod viewer;

use std::sync::Arc;
use std::time::Duration;

use engine::clock::{Clock, SystemClock};
use engine::plan::PlannedScrew;
use engine::stream::wire::engine::Offer;
use engine::stream::wire::{EngineWire, WireError};
use engine::stream::{IntentKey, LevelMeshes, SessionDescription, random_bytes};
use serde_json::json;

use super::alignment::AlignmentThread;
use super::navigate::{Started, Watch};
use super::plan;
use crate::cli::{EngineArguments, WatchedViewer};
use crate::failure::{Blame, Failure};
use crate::report::Output;

/// Runs the command.
pub fn run(options: &EngineArguments, quiet: bool) -> Result<Output, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let session = u64::from_le_bytes(random_bytes().internal()?);
    let mut wire = EngineWire::open(&options.address(), session, key(options)?).map_err(blame)?;
    let started = Started::new(&options.session, &clock, wire.thread(), "engine")?;
    let plan = match &options.plan {
        // A wrong plan is told here; viewers are handed what was found and grade nothing.
        Some(path) => {
            plan::checked(path, &started.case, Some(&|place, along| started.patient.deviation_mm(place, along)))?
        }
        None => Vec::new(),
    };
    let screws: Vec<_> = plan.iter().map(plan::json).collect();
    wire.offer(offer(options, session, &started, plan), clock).map_err(blame)?;
    if !quiet {
        eprintln!("engine {session:016x} is heard at {}; see it with: spinenav view", options.listen.join(", "));
    }
    let supervisor = match options.view {
        WatchedViewer::None => None,
        WatchedViewer::Desktop => Some(viewer::supervise(options)?),
    };
    let length = Duration::from_secs_f64(options.seconds);
    let snapshots = started.live.reader();
    let watched = Watch::follow(&snapshots, quiet, &|elapsed| !length.is_zero() && elapsed >= length);
    let viewer = supervisor.map(|supervisor| supervisor.counts());
    let (sent, intents) = (wire.sent(), wire.intents());
    // Gives back the session that the answers hold.
    drop(wire);
    let mut output = started.finish(&options.session, &watched)?;
    if options.plan.is_some() {
        output.json["plan"] = screws.into();
    }
    output.json["engine_session"] = json!(format!("{session:016x}"));
    output.json["stream"] = json!({ "sent": sent, "intents": intents, "viewer": viewer });
    output.text += &format!(
        "\nStream: {} snapshots sent, {} failed; intents: {} taken, {} refused",
        sent.published, sent.failed, intents.accepted, intents.refused
    );
    Ok(output)
}

/// The key of this session, in its file where one was asked for.
fn key(options: &EngineArguments) -> Result<IntentKey, Failure> {
    let key = IntentKey::new().internal()?;
    if let Some(file) = &options.intent_key {
        let what = "cannot write the key of the session to";
        key.write(file).map_err(|error| anyhow::anyhow!("{what} {}: {error}", file.display())).bad_input()?;
    }
    Ok(key)
}

fn offer(options: &EngineArguments, session: u64, started: &Started, plan: Vec<PlannedScrew>) -> Offer {
    let meshes = LevelMeshes::new(&started.case);
    let (tracker, registration) = (options.session.from.tracker.clone(), &started.patient.recorded);
    let described = SessionDescription::new(session, tracker, &started.case, &meshes, registration, &started.tools);
    let shown = started.alignment.as_ref().map(AlignmentThread::shown);
    let description =
        SessionDescription { plan, follows_alignment: shown.is_some(), renamed: started.renamed.clone(), ..described };
    let alignment = shown.map(|shown| Box::new(move || shown.newest().told(session)) as Box<_>);
    let telling = started.live.clone();
    let tell = Box::new(move |intent| telling.tell(intent));
    Offer { description, meshes, snapshots: started.live.reader(), alignment, tell }
}

/// Wrong addresses are wrong use; what the other side says is bad input; the
/// rest is the system's.
pub(super) fn blame(error: WireError) -> Failure {
    match error {
        WireError::Address(_) => Failure::WrongUse(error.into()),
        WireError::Refused(_) | WireError::Silent { .. } | WireError::Answer { .. } => Failure::BadInput(error.into()),
        _ => Failure::Internal(error.into()),
    }
}
