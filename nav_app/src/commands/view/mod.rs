//! `view`: shows a session of another process; computes no pose.
//!
//! | module | what it does |
//! |---|---|
//! | [`lines`] | prints what may be shown, a line an instrument or JSON |
//! | [`alignment`] | prints or shows the alignment |
//! | [`window`] | the scene, fed by the stream |
//! | [`intent`] | asks the engine for something, once |
//!
//! Or it shows nothing and is a router for other viewers (`--route`).

mod alignment;
mod intent;
mod lines;
mod window;

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::clock::SystemClock;
use engine::stream::SessionDescription;
use engine::stream::wire::{Relay, ViewerWire};
use serde_json::json;

use super::engine::blame;
use crate::cli::ViewArguments;
use crate::failure::Failure;
use crate::report::Output;

/// Longest wait for an engine, where one is needed to go on.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the command.
///
/// * `as_json` - print one JSON object a line instead of words.
pub fn run(options: &ViewArguments, as_json: bool) -> Result<Output, Failure> {
    if !options.route.is_empty() {
        return route(options);
    }
    let clock = Arc::new(SystemClock::default());
    let viewer = ViewerWire::open(&options.address(), clock, Some(std::thread::current())).map_err(blame)?;
    match (&options.intent, options.window) {
        (Some(wish), _) => intent::send(options, &viewer, wish),
        (None, true) => window::open(options, viewer),
        (None, false) => {
            if options.alignment {
                alignment::print(options, &viewer, as_json)?;
            } else {
                lines::print(options, &viewer, as_json);
            }
            // What it had to say it has said.
            Ok(Output { json: serde_json::Value::Null, text: String::new(), is_refused: false })
        }
    }
}

fn route(options: &ViewArguments) -> Result<Output, Failure> {
    let relay = Relay::open(&options.address(), &options.routing()).map_err(blame)?;
    let began = Instant::now();
    while goes_on(began, options.seconds) && relay.is_open() {
        std::thread::sleep(Duration::from_millis(50));
    }
    let json = json!({ "routed_s": began.elapsed().as_secs_f64() });
    Ok(Output { json, text: "The router has ended.".into(), is_refused: false })
}

/// True until the seconds are over; 0 seconds never are.
fn goes_on(began: Instant, seconds: f64) -> bool {
    seconds == 0.0 || began.elapsed().as_secs_f64() < seconds
}

/// Waits for the engine and asks what its session is.
fn description(viewer: &ViewerWire) -> Result<SessionDescription, Failure> {
    let began = Instant::now();
    while viewer.view().session == 0 && began.elapsed() < PATIENCE {
        std::thread::park_timeout(Duration::from_millis(20));
    }
    viewer.describe().map_err(blame)
}
