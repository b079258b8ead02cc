//! A recording that tells what to do next, until nothing is missing: on the
//! terminal, and in a window with `--window`.
//!
//! The recording looks at its poses four times a second by a [`Guide`] and
//! publishes a [`GuideView`]; terminal and window show the newest one. With a
//! window the recordings have a thread of their own; closing the window, or
//! Ctrl-C, ends them with what there is.

mod terminal;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::anyhow;
use calib::guide::{Guide, GuideSettings, Seen, Step};
use geom::World;
use kernels::interrupt::Interrupt;

use super::live::{Next, record};
use super::poses::Poses;
use crate::cli::{GuideArguments, PoseOptions};
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

/// One recording or several, one after the other, with one window.
pub struct Session {
    quiet: bool,
    shared: Arc<Shared>,
    interrupt: Arc<Interrupt>,
}

/// What is recorded, and when it ends.
pub struct Follow<'a> {
    /// Address of the tracker.
    pub address: &'a str,
    /// How to read it.
    pub options: &'a PoseOptions,
    /// It ends after this many seconds.
    pub limit_s: f64,
    /// It ends as soon as the guide says that nothing is missing.
    pub ends_itself: bool,
}

impl<'a> Follow<'a> {
    /// As long as the options say.
    pub fn new(address: &'a str, options: &'a PoseOptions, guide: &GuideArguments) -> Self {
        let until_accepted = guide.until_accepted.or_else(|| guide.window.then_some(LIMIT_S));
        let limit_s = until_accepted.unwrap_or_else(|| options.seconds());
        Self { address, options, limit_s, ends_itself: until_accepted.is_some() }
    }
}

/// What all guides share, from the options.
pub fn settings(options: &GuideArguments) -> GuideSettings {
    GuideSettings { axes: options.axes, ..GuideSettings::default() }
}

/// Refuses what only a live tracker has.
pub fn check_is_live(options: &GuideArguments, more: &str) -> Result<(), Failure> {
    if options.window || options.until_accepted.is_some() {
        let what = format!("--window and --until-accepted follow a live tracker (igtl://HOST:PORT){more}");
        return Err(Failure::WrongUse(anyhow!(what)));
    }
    Ok(())
}

/// Runs `work`, which follows live recordings, and writes the last picture
/// where one was asked for.
pub fn session<T: Send>(
    options: &GuideArguments,
    quiet: bool,
    work: impl FnOnce(&Session) -> Result<T, Failure> + Send,
) -> Result<T, Failure> {
    let interrupt = Arc::new(Interrupt::watch().internal()?);
    let session = Session { quiet, shared: Arc::default(), interrupt };
    let result = if options.window { in_window(&session, work) } else { work(&session) }?;
    let last = session.shared.view().clone();
    if let (Some(file), Some(view)) = (&options.picture, last) {
        scene::render_guide(view, file).internal()?;
    }
    Ok(result)
}

fn in_window<T: Send>(
    session: &Session,
    work: impl FnOnce(&Session) -> Result<T, Failure> + Send,
) -> Result<T, Failure> {
    if scene::display_name().is_none() {
        let what = "there is no display for --window; leave it out for the terminal, or add --picture FILE.png";
        return Err(Failure::WrongUse(anyhow!(what)));
    }
    let shared = &session.shared;
    std::thread::scope(|scope| {
        let recording = scope.spawn(|| {
            let result = work(session);
            // Without a last view the window would wait for ever.
            shared.is_closed.store(true, Ordering::Release);
            result
        });
        let (feed, interrupt) = (shared.clone(), session.interrupt.clone());
        let shown = scene::run_guide(Arc::new(move || {
            let is_over = feed.is_closed.load(Ordering::Acquire);
            let mut view = feed.view().clone();
            // What is over and stays to be read goes at once on Ctrl-C.
            if let Some(view) = view.as_mut().filter(|_| is_over && interrupt.is_asked()) {
                view.end = Some(GuideEnd::Ended);
            }
            (view, is_over)
        }));
        shared.is_closed.store(true, Ordering::Release);
        let recorded = recording.join().map_err(|_| Failure::Internal(anyhow!("the recording's thread failed")))?;
        shown.internal()?;
        recorded
    })
}

impl Session {
    /// Records from a live tracker, tells what to do, and returns the poses with
    /// the last view.
    pub fn follow(&self, what: &Follow<'_>, guide: &mut dyn Guide<World>) -> Result<(Poses, GuideView), Failure> {
        let mut terminal = Terminal::new(self.quiet);
        let mut given_up = 0;
        let mut look = |poses: &Poses, times_s: &[f64], seen: &Seen, given_up: usize| GuideView {
            tool: what.options.tool.clone(),
            state: guide.look(&poses.poses, times_s, seen),
            unseen: poses.missing,
            given_up,
            elapsed_s: seen.now_s,
            limit_s: what.limit_s,
            end: None,
        };
        let mut last = None;
        let mut watch = |poses: &Poses, times_s: &[f64], seen: &Seen| {
            let mut view = look(poses, times_s, seen, given_up);
            let (step, forget) = (view.state.step, view.state.forget);
            given_up += forget;
            view.given_up = given_up;
            view.end = if self.is_asked_to_end() {
                Some(GuideEnd::Ended)
            } else if step == Step::Done && what.ends_itself {
                Some(GuideEnd::Done)
            } else {
                None
            };
            let is_over = view.end.is_some();
            if !is_over {
                terminal.show(&view);
            }
            last = Some(view.clone());
            *self.shared.view() = Some(view);
            match forget {
                _ if is_over => Next::End,
                0 => Next::Record,
                _ => Next::Forget(forget),
            }
        };
        let timing = (what.limit_s, LOOK_S);
        let poses = record(what.address, what.options, timing, &self.interrupt, &mut watch).bad_input()?;
        let end = if self.is_asked_to_end() { GuideEnd::Ended } else { GuideEnd::Time };
        let mut view = last.unwrap_or_else(|| {
            let seen = Seen { now_s: what.limit_s, packet_s: Some(what.limit_s), pose_s: Some(what.limit_s) };
            look(&poses, poses.times_s.as_deref().unwrap_or_default(), &seen, given_up)
        });
        view.end = Some(view.end.unwrap_or(end));
        terminal.show(&view);
        *self.shared.view() = Some(view.clone());
        Ok((poses, view))
    }

    /// The window was closed, or Ctrl-C came.
    fn is_asked_to_end(&self) -> bool {
        self.shared.is_closed.load(Ordering::Acquire) || self.interrupt.is_asked()
    }
}

/// A recording that is over, as it would have been shown.
pub fn still(poses: &Poses, tool: &str, guide: &mut dyn Guide<World>) -> GuideView {
    let seen = Seen { now_s: 0.0, packet_s: Some(0.0), pose_s: Some(0.0) };
    let times_s = poses.times_s.as_deref().unwrap_or_default();
    let seconds = times_s.first().zip(times_s.last()).map_or(0.0, |(first, last)| last - first);
    GuideView {
        tool: tool.to_owned(),
        state: guide.look(&poses.poses, times_s, &seen),
        unseen: poses.missing,
        given_up: 0,
        elapsed_s: seconds,
        limit_s: seconds,
        end: Some(GuideEnd::Time),
    }
}
