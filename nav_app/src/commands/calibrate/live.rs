//! Poses of a tracker that sends now.
//!
//! Promises to go on when the tracker's program goes away and comes back: what
//! came before is kept, and the caller is told; and to end with what there is on
//! Ctrl-C. Called by [`super::poses`], by guided recordings and by hand-eye
//! calibration of two live devices.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use calib::guide::Seen;
use engine::clock::{Clock, SystemClock};
use engine::track::Source;
use engine::track::openigtlink::{IgtlSource, IgtlSourceSettings};
use kernels::interrupt::Interrupt;

use super::poses::{Collector, MAX_POSES, Poses, Stamps, names};
use crate::cli::PoseOptions;

/// What a recording does after a look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Goes on.
    Record,
    /// Forgets this many poses from its beginning and goes on.
    Forget(usize),
    /// Ends.
    End,
}

/// A connection that fills a list of poses.
pub struct Live {
    source: IgtlSource,
    clock: Arc<dyn Clock>,
    collector: Collector,
    address: String,
    seen: Seen,
}

/// The address of a live tracker, where `from` names one.
pub fn address(from: &str) -> Option<&str> {
    from.strip_prefix("igtl://")
}

impl Live {
    /// Starts connecting.
    pub fn start(address: &str, options: &PoseOptions, clock: Arc<dyn Clock>, stamps: Stamps) -> Result<Self> {
        let address = if address.contains(':') { address.to_owned() } else { format!("{address}:18944") };
        let source = IgtlSource::start(IgtlSourceSettings::new(address.clone(), names(options)?), clock.clone())?;
        let collector = Collector::new(options.reference.is_some(), stamps);
        Ok(Self { source, clock, collector, address, seen: Seen::default() })
    }

    /// Takes what has come; waits some milliseconds when nothing has.
    pub fn take(&mut self) {
        while let Some(packet) = self.source.poll(self.clock.now()) {
            let now_s = self.clock.now().0 as f64 * 1e-9;
            self.seen.packet_s = Some(now_s);
            if self.collector.poses().poses.len() < MAX_POSES && self.collector.take(&packet) {
                self.seen.pose_s = Some(now_s);
            }
        }
        self.seen.now_s = self.clock.now().0 as f64 * 1e-9;
    }

    /// What came when; seconds since the start of the clock.
    pub const fn seen(&self) -> &Seen {
        &self.seen
    }

    /// The poses so far.
    pub const fn poses(&self) -> &Poses {
        self.collector.poses()
    }

    /// The poses so far, with their times.
    pub fn timed(&self) -> Poses {
        self.collector.timed()
    }

    /// True when no more poses are kept.
    pub fn is_full(&self) -> bool {
        self.poses().poses.len() >= MAX_POSES
    }

    /// The recording, or why there is none.
    pub fn finish(self, options: &PoseOptions) -> Result<Poses> {
        let (address, seconds) = (&self.address, self.seen.now_s);
        if self.poses().poses.is_empty() {
            let missing = self.poses().missing;
            bail!(
                "{address} sent no pose of {} in {seconds:.0} s ({missing} packets without one); is the server running, and the name right?",
                options.tool,
            );
        }
        Ok(self.collector.finish())
    }
}

/// What looks at a recording: its poses, their times in s, and what came when.
pub type Watch<'a> = dyn FnMut(&Poses, &[f64], &Seen) -> Next + 'a;

/// Records for `seconds` at most, or until `interrupt` is asked for; `watch`
/// looks at the poses every `every_s`.
pub fn record(
    address: &str,
    options: &PoseOptions,
    (seconds, every_s): (f64, f64),
    interrupt: &Interrupt,
    watch: &mut Watch<'_>,
) -> Result<Poses> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let mut live = Live::start(address, options, clock, Stamps::Source)?;
    let mut looked_s = 0.0;
    while live.seen().now_s < seconds && !live.is_full() {
        live.take();
        let is_asked = interrupt.is_asked();
        if is_asked || live.seen().now_s - looked_s >= every_s {
            looked_s = live.seen().now_s;
            match watch(live.poses(), live.collector.times_s(), live.seen()) {
                Next::Record => {}
                Next::Forget(count) => live.collector.forget(count),
                Next::End => break,
            }
        }
        if is_asked {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    live.finish(options)
}
