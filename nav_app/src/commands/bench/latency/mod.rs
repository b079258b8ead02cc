//! `bench latency`: how long a pose takes from a tracker to whoever shows it.
//!
//! A sender writes OpenIGTLink to a socket of this machine at fixed times; the
//! engine's own reader, ring, loop and cell carry it to a consumer. Everything
//! is counted from the time a packet *should* have been sent, so that a late
//! sender counts too. Beside it a thread that only sleeps shows how punctual
//! this machine is.
//!
//! | module | what it holds |
//! |---|---|
//! | [`sender`] | the tracker: encoded bytes at fixed times |
//! | [`engine_side`] | the live session on a phantom, and its counts |
//! | [`consumer`] | who picks snapshots up |
//! | [`floor`] | the machine's own punctuality |
//! | [`load`] | what else the machine does |
//! | [`observers`], [`hostile`] | slow, dead and hostile observers, by turns |
//! | [`results`], [`html`], [`plot`] | what comes out |
//! | `stream` | the same with observers in processes of their own (feature `stream`) |
//! | [`rivals`] | other programs' way beside ours, from outside |

mod consumer;
mod engine_side;
mod floor;
mod hostile;
mod html;
mod load;
mod observers;
mod plot;
mod results;
mod rivals;
mod sender;
#[cfg(feature = "stream")]
mod stream;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::clock::{Clock, SystemClock};

use super::machine::Machine;
use crate::cli::BenchLatencyArguments;
use crate::failure::{Blame, Failure};
use crate::page::write_report;
use crate::progress::Progress;
use crate::report::Output;
use engine_side::EngineSide;
use results::Results;

pub use rivals::run_relay;
#[cfg(feature = "stream")]
pub use stream::{observe, run as run_stream};

/// Steps of the progress bar.
const STEPS: u64 = 20;

/// Runs the command.
pub fn run(options: &BenchLatencyArguments, quiet: bool) -> Result<Output, Failure> {
    match &options.rivals {
        Some(folder) => rivals::run(folder, options, quiet),
        None => run_engine(options, quiet),
    }
}

fn run_engine(options: &BenchLatencyArguments, quiet: bool) -> Result<Output, Failure> {
    let machine = Machine::this(0);
    let clock = Arc::new(SystemClock::default());
    let is_over = Arc::new(AtomicBool::new(false));
    let load = load::start(options.load, &is_over)?;
    let sender = sender::Sender::bind(options.hz, options.tools).internal()?;
    let packets = options.poses.div_ceil(u64::try_from(options.tools).unwrap_or(1).max(1)).max(1);
    let consumer = consumer::Consumer::start().internal()?;
    let engine = EngineSide::start(&sender, options.tools, &consumer, clock.clone()).internal()?;
    consumer.read_from(engine.reader(), clock.clone()).internal()?;
    if options.observers {
        observers::start(&engine.reader(), &clock, &is_over).internal()?;
    }
    let sending = sender.start(packets, clock.clone()).internal()?;
    let floor = floor::Floor::start(options.hz, clock.clone(), &is_over).internal()?;

    let mut progress = Progress::new(usize::try_from(STEPS).unwrap_or(1), quiet);
    let mut told = 0;
    while !sending.is_finished() {
        std::thread::sleep(Duration::from_millis(50));
        let share = sending.sent() * STEPS / packets;
        while told < share {
            told += 1;
            progress.step(&format!("{} of {packets} packets", sending.sent()));
        }
    }
    progress.finish();
    // What is on its way arrives long before this.
    std::thread::sleep(Duration::from_millis(200));
    let seconds = clock.now().0 as f64 * 1e-9;
    is_over.store(true, Ordering::Release);
    let (sent, link) = sending.join().internal()?;
    let engine = engine.stop().internal()?;
    drop(link);
    let consumed = consumer.stop().internal()?;
    let results = Results {
        machine,
        commit: super::machine::commit(),
        load: options.load,
        hz: options.hz,
        tools: options.tools,
        seconds,
        sent,
        histograms: consumed.histograms,
        by_turn: options.observers.then_some(consumed.by_turn),
        floor: floor.stop().internal()?,
        engine,
        segmentations: load.rounds(),
    };
    if let Some(file) = &options.report {
        write_report(file, &html::page(&results))?;
    }
    Ok(Output { json: results.json(), text: results.text(), is_refused: false })
}
