//! `navigate`: guidance on a segmented case with a tracker, in one process.
//!
//! | module | what it holds |
//! |---|---|
//! | `headset` | the session in a headset (feature `xr`) |
//! | [`session`] | a session from its options to its end; `engine` runs the same |
//! | [`tracker`] | where the poses come from, by address |
//! | [`patient`] | case and registration |
//! | [`typed`] | what the user types meanwhile: landmark checks |
//! | [`watch`] | what happens, in words, and what the user is asked to do |

#[cfg(feature = "xr")]
mod headset;
mod patient;
mod session;
mod tracker;
mod typed;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::clock::{Clock, SystemClock};

use super::alignment::AlignmentThread;
use super::live::Running;
use super::plan;
use crate::cli::{NavigateArguments, View};
use crate::failure::{Blame, Failure};
use crate::report::Output;
use crate::scene::{self, SceneHeader, SceneInput};
use crate::scene_input::{PlannedScrew, read_tool_shape};

#[cfg(feature = "xr")]
pub(super) use patient::Renamed;
pub(super) use patient::{read_case, renamed};
pub(super) use session::Started;
pub(super) use tracker::{Address, Tracker, open};
pub(super) use watch::Watch;

/// Runs the command.
pub fn run(options: &NavigateArguments, quiet: bool) -> Result<Output, Failure> {
    #[cfg(feature = "xr")]
    if let Some(address) = options.headset.feed {
        return headset::worker(options, address);
    }
    #[cfg(not(feature = "xr"))]
    if options.headset.xr {
        return Err(super::without_headset());
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let started = Started::new(&options.session, &clock, None, "navigate")?;
    let plan = match &options.plan {
        Some(path) => {
            plan::checked(path, &started.case, Some(&|place, along| started.patient.deviation_mm(place, along)))?
        }
        None => Vec::new(),
    };
    let screws: Vec<_> = plan.iter().map(plan::json).collect();
    let watched = follow(options, &started, plan, quiet)?;
    let mut output = started.finish(&options.session, &watched)?;
    if options.plan.is_some() {
        output.json["plan"] = screws.into();
    }
    Ok(output)
}

/// Shows and tells the session until its time is over, its window is closed or
/// its end was typed.
fn follow(
    options: &NavigateArguments,
    started: &Started,
    plan: Vec<PlannedScrew>,
    quiet: bool,
) -> Result<Watch, Failure> {
    let snapshots = started.live.reader();
    #[cfg(feature = "xr")]
    if options.headset.xr {
        return headset::follow(options, started, plan, quiet);
    }
    let has_window = options.view == View::Desktop && scene::display_name().is_some();
    if !has_window {
        let length = Duration::from_secs_f64(options.seconds);
        return Ok(Watch::follow(&snapshots, quiet, &|elapsed| !length.is_zero() && elapsed >= length));
    }
    let is_closed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let told = scope.spawn(|| Watch::follow(&snapshots, quiet, &|_| is_closed.load(Ordering::Relaxed)));
        let shown = window(options, started, plan);
        is_closed.store(true, Ordering::Relaxed);
        shown.map(|()| told.join().unwrap_or_default())
    })
}

/// The panel's lines that stay the same.
fn header(options: &NavigateArguments, started: &Started) -> Result<SceneHeader, Failure> {
    Ok(SceneHeader {
        verdict: Some(started.patient.recorded.verdict),
        rms_mm: Some(started.patient.recorded.rms_mm),
        ct_name: "case".into(),
        tool_shape: options.tool_shape.as_deref().map(read_tool_shape).transpose()?,
        touched: started.patient.touched().filter(|_| options.residuals),
        alignment: started.alignment.as_ref().map(AlignmentThread::shown),
        ..SceneHeader::default()
    })
}

fn window(options: &NavigateArguments, started: &Started, plan: Vec<PlannedScrew>) -> Result<(), Failure> {
    let header = SceneHeader { plan: plan.into(), ..header(options, started)? };
    let snapshots = Box::new(Running(started.live.clone()));
    scene::run_window(SceneInput { case: started.case.clone(), snapshots, header }, None).internal()
}
