//! `bench segment`: times the networks.
//!
//! Every side, ours too, runs in a process of its own and is driven through
//! the same lines ([`runner`]), so that memory is measured in one way and the
//! sides can take turns within the same seconds.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cases`] | which networks at which sizes |
//! | [`worker`] | our side: one network in one process |
//! | [`runner`] | the driving end of a side: start, run, memory, result |
//! | [`peers`] | the other runtimes, by `scripts/bench_peers.py` |
//! | [`rounds`] | warm-up, turns, percentiles |
//! | [`results`] | what comes out, for machines |
//! | [`table`], [`html`] | the same for people |

mod cases;
mod html;
mod peers;
mod results;
mod rounds;
mod runner;
mod table;
mod work;
mod worker;

use kernels::roofline::Roofline;

use super::machine::Machine;
use crate::cli::{BenchSegmentArguments, NetworkWorkerArguments};
use crate::failure::{Blame, Failure};
use crate::page::write_report;
use crate::progress::Progress;
use crate::report::Output;
use cases::Case;
use peers::Peers;
use results::Results;
use runner::{Runner, Start};

/// Is the process of one network.
pub fn worker(options: &NetworkWorkerArguments) -> Result<Output, Failure> {
    let nothing = || Output { json: serde_json::Value::Null, text: String::new(), is_refused: false };
    worker::run(options).internal().map(|()| nothing())
}

/// Runs the command.
pub fn run(options: &BenchSegmentArguments, quiet: bool) -> Result<Output, Failure> {
    let cases = cases::choose(&options.networks, &options.sizes).map_err(Failure::WrongUse)?;
    let machine = Machine::this(options.threads);
    let peers = options.peers.as_deref().map(|python| Peers::new(python, options, machine.threads)).transpose()?;
    let mut progress = Progress::new(cases.len() * (options.rounds as usize + 1), quiet);
    progress.step("roofline");
    let roof = Roofline::measure(machine.threads).internal()?;
    let mut results = Results::new(machine, roof);
    for case in &cases {
        measure(case, options, peers.as_ref(), &mut results, &mut progress)?;
    }
    progress.finish();
    if let Some(file) = &options.report {
        write_report(file, &html::page(&results))?;
    }
    Ok(Output { json: results.json(), text: table::text(&results), is_refused: false })
}

/// All sides of one network at one size.
fn measure(
    case: &Case,
    options: &BenchSegmentArguments,
    peers: Option<&Peers>,
    results: &mut Results,
    progress: &mut Progress,
) -> Result<(), Failure> {
    progress.step(&format!("{case} load"));
    let ours = match worker::start(case, options, results.machine.threads).internal()? {
        Start::Ready(runner) => runner,
        Start::Refused(reason) => return Err(Failure::BadInput(anyhow::anyhow!("{case}: {reason}"))),
    };
    let is_on_gpu = ours.ready.device.as_deref().is_some_and(|device| device.contains("CUDA"));
    let mut sides: Vec<Runner> = vec![*ours];
    if let Some(peers) = peers {
        for start in peers.start(case, is_on_gpu) {
            match start {
                Start::Ready(runner) => sides.push(*runner),
                Start::Refused(reason) => results.note(reason),
            }
        }
    }
    let turns = |round: usize| progress.step(&format!("{case} round {round}"));
    let outcome = rounds::measure(sides, options.rounds as usize, turns).internal()?;
    outcome.failures.into_iter().for_each(|failure| results.note(format!("{case}: {failure}")));
    results.add(case, &outcome.sides);
    Ok(())
}
