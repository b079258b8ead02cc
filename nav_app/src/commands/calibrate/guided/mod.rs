//! A pivot calibration that tells what to do next, until it is accepted: on
//! the terminal, and in a window with `--window`.
//!
//! The recording looks at its poses four times a second and publishes a
//! [`GuideView`]; terminal and window show the newest one. With a window the
//! recording has a thread of its own; closing the window ends it with what
//! there is.

mod terminal;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::anyhow;
use calib::guide::{GuideSettings, PivotGuide, Seen, Step};

use super::live::{Next, record};
use super::poses::Poses;
use crate::cli::PivotArguments;
use crate::failure::{Blame, Failure};
use crate::guide_view::{GuideEnd, GuideView};
use crate::scene;
use terminal::Terminal;

/// Time between looks, s.
const LOOK_S: f64 = 0.25;
/// Longest guided recording where nothing else was asked for, s.
const LIMIT_S: f64 = 120.0;

/// What recording and window share.
#[derive(Default)]
struct Shared {
    view: Mutex<Option<GuideView>>,
    is_closed: AtomicBool,
}

impl Shared {
    /// A view is replaced whole, so a panic elsewhere does not spoil it.
    fn view(&self) -> MutexGuard<'_, Option<GuideView>> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Settings from the options.
fn settings(options: &PivotArguments) -> GuideSettings {
    GuideSettings { axes: options.guide.axes, ..GuideSettings::default() }
}

/// How long is recorded at most, s, and whether it ends when accepted.
fn limit(options: &PivotArguments) -> (f64, bool) {
    let until_accepted = options.guide.until_accepted.or_else(|| options.guide.window.then_some(LIMIT_S));
    until_accepted.map_or((options.options.seconds, false), |limit| (limit, true))
}

/// Records from a live tracker and tells what to do, and returns the poses
/// with the last view.
pub fn guided(address: &str, options: &PivotArguments, quiet: bool) -> Result<(Poses, GuideView), Failure> {
    let shared = Arc::new(Shared::default());
    if !options.guide.window {
        return run(address, options, quiet, &shared);
    }
    if scene::display_name().is_none() {
        let what = "there is no display for --window; leave it out for the terminal, or add --picture FILE.png";
        return Err(Failure::WrongUse(anyhow!(what)));
    }
    std::thread::scope(|scope| {
        let recording = scope.spawn(|| {
            let result = run(address, options, quiet, &shared);
            // Without a last view the window would wait for ever.
            shared.is_closed.store(true, Ordering::Release);
            result
        });
        let feed = shared.clone();
        let shown = scene::run_guide(Arc::new(move || (feed.view().clone(), feed.is_closed.load(Ordering::Acquire))));
        shared.is_closed.store(true, Ordering::Release);
        let recorded = recording.join().map_err(|_| Failure::Internal(anyhow!("the recording's thread failed")))?;
        shown.internal()?;
        recorded
    })
}

fn run(address: &str, options: &PivotArguments, quiet: bool, shared: &Shared) -> Result<(Poses, GuideView), Failure> {
    let (limit_s, ends_accepted) = limit(options);
    let mut guide = PivotGuide::new(settings(options));
    let mut terminal = Terminal::new(quiet);
    let mut given_up = 0;
    let mut end = None;
    let mut watch = |poses: &Poses, seen: &Seen| {
        let state = guide.look(&poses.poses, seen);
        let (step, forget) = (state.step, state.forget);
        end = match step {
            _ if shared.is_closed.load(Ordering::Acquire) => Some(GuideEnd::Closed),
            Step::Done if ends_accepted => Some(GuideEnd::Accepted),
            _ => None,
        };
        given_up += forget;
        let view = GuideView {
            tool: options.options.tool.clone(),
            state,
            unseen: poses.missing,
            given_up,
            elapsed_s: seen.now_s,
            limit_s,
            end,
        };
        if end.is_none() {
            terminal.show(&view);
        }
        *shared.view() = Some(view);
        match end {
            Some(_) => Next::End,
            None if forget > 0 => Next::Forget(forget),
            None => Next::Record,
        }
    };
    let poses = record(address, &options.options, (limit_s, LOOK_S), &mut watch).bad_input()?;
    let last = shared.view().clone();
    let mut view = last.unwrap_or_else(|| still(&poses, options));
    view.end = Some(view.end.unwrap_or(GuideEnd::Time));
    terminal.show(&view);
    *shared.view() = Some(view.clone());
    Ok((poses, view))
}

/// A recording that is over, as it would have been shown.
pub fn still(poses: &Poses, options: &PivotArguments) -> GuideView {
    let seen = Seen { now_s: 0.0, packet_s: Some(0.0), pose_s: Some(0.0) };
    let seconds = poses.times_s.as_ref().and_then(|times| Some(times.last()? - times.first()?)).unwrap_or(0.0);
    GuideView {
        tool: options.options.tool.clone(),
        state: PivotGuide::new(settings(options)).look(&poses.poses, &seen),
        unseen: poses.missing,
        given_up: 0,
        elapsed_s: seconds,
        limit_s: seconds,
        end: Some(GuideEnd::Time),
    }
}
