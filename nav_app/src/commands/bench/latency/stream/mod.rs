//! `bench stream`: does it cost the engine anything to be watched from other
//! processes, and how long does a snapshot take to them?
//!
//! The tracker of `bench latency` sends to an engine in this process; observers
//! are processes of their own that connect over Zenoh on the loopback. The cases
//! take turns, each with a new engine and new observers. Only what happens
//! between the last observer's first snapshot and the end of the turn counts.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cases`] | who watches, and how |
//! | [`turn`] | one case once: engine, observers, counts |
//! | [`processes`] | starting, stopping and hearing observers |
//! | [`observer`] | what such a process does |
//! | [`results`] | what comes out |

mod cases;
mod observer;
mod processes;
mod results;
mod turn;

use std::time::Duration;

use crate::cli::{BenchStreamArguments, StreamCase};
use crate::commands::bench::machine::{Machine, commit};
use crate::failure::{Blame, Failure};
use crate::progress::Progress;
use crate::report::Output;
use results::{CaseResult, Results};

pub use observer::observe;

/// Runs the command.
pub fn run(options: &BenchStreamArguments, quiet: bool) -> Result<Output, Failure> {
    let machine = Machine::this(0);
    let all: &[StreamCase] = if options.cases.is_empty() { &cases::ALL } else { &options.cases };
    let mut results: Vec<CaseResult> = all.iter().map(|case| CaseResult::new(*case)).collect();
    let mut progress = Progress::new(all.len() * usize::try_from(options.rounds).unwrap_or(1), quiet);
    let length = Duration::from_secs(options.seconds);
    for round in 1..=options.rounds {
        for result in &mut results {
            progress.step(&format!("{}, turn {round} of {}", cases::words(result.case), options.rounds));
            turn::run(result, options, length).internal()?;
        }
    }
    progress.finish();
    let results = Results { machine, commit: commit(), hz: options.hz, tools: options.tools, cases: results };
    Ok(Output { json: results.json(), text: results.text(), is_refused: false })
}
