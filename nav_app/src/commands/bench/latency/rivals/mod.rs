//! `bench latency --rivals FOLDER`: the way through SpineNav beside the way
//! through other OpenIGTLink programs, measured from outside.
//!
//! Every side is a process of its own that reads TRANSFORM messages of a
//! tracker from one socket and sends each pose on to a client on another. The
//! bench is tracker and client of all of them: the same bytes at the same fixed
//! times, counted from the time a packet should have been sent until its last
//! pose was decoded again. The sides take turns, round by round, with the same
//! scheduling priority.
//!
//! Not the same work: SpineNav checks, fuses and measures distances on the way,
//! the others only copy poses.
//!
//! | module | what it holds |
//! |---|---|
//! | [`side`] | one side's process |
//! | [`listener`] | the client: when a packet's last pose is back |
//! | [`relay`] | SpineNav as such a process |
//! | [`report`] | what comes out |

mod listener;
mod relay;
mod report;
mod side;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow};
use engine::clock::SystemClock;
use engine::latency::LatencyHistogram;
use engine::rt::raise_this_thread;

use super::sender::{Form, Sender};
use super::{floor, load};
use crate::cli::BenchLatencyArguments;
use crate::commands::bench::machine::{Machine, commit};
use crate::failure::{Blame, Failure};
use crate::page::write_report;
use crate::progress::Progress;
use crate::report::Output;
use listener::{Listener, Tally};
use report::{Comparison, SideResult};
use side::Side;

pub use relay::run as run_relay;

/// Packets at the start of each turn that do not count, on any side.
const WARM_UP: u64 = 50;
/// Turns of each side.
const ROUNDS: u64 = 5;

/// Runs the comparison. Every executable file in `folder` is a rival.
pub fn run(folder: &std::path::Path, options: &BenchLatencyArguments, quiet: bool) -> Result<Output, Failure> {
    let sides = side::all(folder, options.tools)?;
    let machine = Machine::this(0);
    let clock = Arc::new(SystemClock::default());
    let is_over = Arc::new(AtomicBool::new(false));
    let _load = load::start(options.load, &is_over)?;
    let mut floor = LatencyHistogram::default();
    let each = options.poses.div_ceil(u64::try_from(options.tools).unwrap_or(1).max(1)).div_ceil(ROUNDS).max(1);
    let mut tallies: Vec<Tally> = sides.iter().map(|_| Tally::default()).collect();
    let mut progress = Progress::new(sides.len() * usize::try_from(ROUNDS).unwrap_or(1), quiet);
    for round in 1..=ROUNDS {
        for (side, tally) in sides.iter().zip(&mut tallies) {
            progress.step(&format!("{}, round {round} of {ROUNDS}", side.name));
            let taken = std::mem::take(tally);
            *tally = turn(side, taken, each, options, &clock, &mut floor).internal()?;
        }
    }
    progress.finish();
    is_over.store(true, Ordering::Release);
    let results =
        sides.iter().zip(tallies).map(|(side, tally)| SideResult { name: side.name.clone(), tally }).collect();
    let comparison = Comparison {
        machine,
        commit: commit(),
        load: options.load,
        hz: options.hz,
        tools: options.tools,
        packets: each * ROUNDS,
        sides: results,
        floor: floor.summary(),
        is_raised: priority()?,
    };
    if let Some(file) = &options.report {
        write_report(file, &report::page(&comparison))?;
    }
    Ok(Output { json: comparison.json(), text: comparison.text(), is_refused: false })
}

/// One side's turn: a new process, new connections, `packets` packets.
fn turn(
    side: &Side,
    tally: Tally,
    packets: u64,
    options: &BenchLatencyArguments,
    clock: &Arc<SystemClock>,
    floor: &mut LatencyHistogram,
) -> Result<Tally> {
    let sender = Sender::bind(options.hz, options.tools)?.in_form(Form::Transforms);
    let running = side.start(sender.address())?;
    let listener = Listener::start(running.address(), options.tools + 1, tally, clock.clone())?;
    let sending = sender.start(packets + WARM_UP, clock.clone())?;
    listener.count_from(sending.intended(WARM_UP));
    // Only while packets run: a side that starts up takes a core for itself.
    let is_sent = Arc::new(AtomicBool::new(false));
    let timer = floor::Floor::go_on(std::mem::take(floor), options.hz, clock.clone(), &is_sent)?;
    let (sent, link) = sending.join()?;
    is_sent.store(true, Ordering::Release);
    *floor = timer.pause()?;
    // What is on its way arrives long before this.
    std::thread::sleep(Duration::from_millis(300));
    let mut tally = listener.stop()?;
    drop((link, running));
    tally.sent += sent.saturating_sub(WARM_UP);
    Ok(tally)
}

/// What the system grants a thread here; the sides' processes inherit it.
fn priority() -> Result<String, Failure> {
    let thread = std::thread::spawn(|| raise_this_thread().words());
    thread.join().map_err(|_| anyhow!("a thread of the bench died")).internal()
}
