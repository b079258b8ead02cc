//! Our side: one network in one process, driven by lines.
//!
//! Speaks what `scripts/bench_peers.py` speaks, so that nothing is measured
//! differently for us. [`start`] begins it from the driving process, [`run`]
//! is the process itself.

use std::io::{BufRead, Write};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use kernels::weights::synthetic_input;
use kernels::{Executable, NetworkError, Precision, Program, Tensor, Weights, architectures};
use serde_json::{Value, json};

use super::cases::Case;
use super::runner::{Memory, Ready, Runner, Start};
use super::work::Work;
use crate::cli::{BenchSegmentArguments, DtypeChoice, NetworkWorkerArguments};
use crate::failure::with_causes;

/// Starts this program as the process of one network.
pub fn start(case: &Case, options: &BenchSegmentArguments, threads: usize) -> Result<Start> {
    let mut command = Command::new(std::env::current_exe().context("cannot find this program again")?);
    let word = |choice: &dyn Fn() -> Option<clap::builder::PossibleValue>| {
        choice().map_or(String::new(), |value| value.get_name().to_owned())
    };
    let device = word(&|| clap::ValueEnum::to_possible_value(&options.device));
    let dtype = word(&|| clap::ValueEnum::to_possible_value(&options.dtype));
    command.args(["bench", "network-worker", "--network", case.network.name, "--dims", &case.size()]);
    command.args(["--device", &device, "--dtype", &dtype]);
    // The device takes the threads of rayon's global pool.
    command.env("RAYON_NUM_THREADS", threads.to_string());
    Runner::start(&case.to_string(), &mut command)
}

/// Is that process. Errors are answers: whoever drives it shows them.
pub fn run(options: &NetworkWorkerArguments) -> Result<()> {
    if let Err(error) = serve(options) {
        let is_refusal = error.downcast_ref().is_some_and(|error| {
            use NetworkError::{InputShape, InputSize, TooLarge};
            matches!(error, InputShape { .. } | InputSize { .. } | TooLarge { .. })
        });
        let kind = if is_refusal || error.is::<TooBig>() { "cannot_run" } else { "error" };
        say(&json!({ kind: with_causes(&error) }))?;
    }
    Ok(())
}

/// An image for which this machine has no room.
#[derive(Debug)]
struct TooBig {
    needed_mb: f64,
    free_mb: f64,
}

impl std::fmt::Display for TooBig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { needed_mb, free_mb } = self;
        write!(f, "needs {needed_mb:.0} MB, {free_mb:.0} MB are free; choose a smaller size")
    }
}

impl std::error::Error for TooBig {}

/// Refuses what would bring the machine to its knees.
fn check_room(program: &Program, dims: [usize; 3], bytes_per_value: usize) -> Result<()> {
    let arena = program.layout(dims, bytes_per_value)?.arena_bytes as f64;
    let input = dims.iter().map(|&side| side as f64).product::<f64>() * (size_of::<f32>() * program.inputs) as f64;
    let needed_mb = (arena + input) / MIB;
    match proc_mb("/proc/meminfo", "MemAvailable:") {
        Some(free_mb) if needed_mb > free_mb => Err(TooBig { needed_mb, free_mb }.into()),
        _ => Ok(()),
    }
}

fn serve(options: &NetworkWorkerArguments) -> Result<()> {
    let base_mb = status_mb("VmRSS:");
    let device = crate::commands::device(options.device).map_err(|failure| anyhow!("{failure}"))?;
    let (precision, bytes_per_value) = match options.dtype {
        DtypeChoice::F32 => (Precision::F32, 4),
        DtypeChoice::Half => (Precision::Half, 2),
    };
    let (mut network, input, work) = {
        let program = Arc::new(program(&options.network)?);
        check_room(&program, options.dims, bytes_per_value)?;
        let [z, y, x] = options.dims;
        let input = synthetic_input([program.inputs, z, y, x])?;
        let work = Work::of(&program, options.dims, bytes_per_value)?;
        (device.load(&program, precision)?, input, work)
    };
    let description = device.description();
    let dtype = match options.dtype {
        // The CUDA kernels store f16 in both precisions.
        _ if description.contains("CUDA") => "f16",
        DtypeChoice::F32 => "f32",
        DtypeChoice::Half if description.contains("AMX") => "bf16",
        DtypeChoice::Half => "f16",
    };
    say(&json!(Ready {
        runtime: concat!("SpineNav ", env!("CARGO_PKG_VERSION")).to_owned(),
        dtype: dtype.to_owned(),
        base_mb,
        device: Some(description),
        work: Some(work),
    }))?;
    let mut outputs = Vec::new();
    for line in std::io::stdin().lock().lines() {
        say(&answer(line?.trim(), network.as_mut(), &input, &mut outputs)?)?;
    }
    Ok(())
}

fn program(name: &str) -> Result<Program> {
    let entry = architectures::by_name(name).ok_or_else(|| anyhow!("no network is called {name:?}"))?;
    let graph = entry.graph()?;
    Ok(Program::new(&graph, &Weights::synthetic(&graph)?)?)
}

fn answer(request: &str, network: &mut dyn Executable, input: &Tensor, outputs: &mut Vec<Tensor>) -> Result<Value> {
    let (word, argument) = request.split_once(' ').unwrap_or((request, ""));
    match word {
        "run" => {
            let mut milliseconds = Vec::new();
            for _ in 0..argument.parse::<usize>().context("run N")? {
                let since = Instant::now();
                network.run(input, outputs)?;
                milliseconds.push(since.elapsed().as_secs_f64() * 1e3);
            }
            Ok(json!({ "ms": milliseconds }))
        }
        "output" => {
            network.run(input, outputs)?;
            let first = outputs.first().context("the network has no result")?;
            // Not through one large buffer: it would count as the network's memory.
            let mut file = std::io::BufWriter::new(std::fs::File::create(argument)?);
            for value in first.data() {
                file.write_all(&value.to_le_bytes())?;
            }
            file.flush()?;
            Ok(json!({ "shape": first.shape() }))
        }
        "memory" => {
            let planned_mb = network.peak_bytes() as f64 / MIB;
            Ok(json!(Memory { peak_mb: status_mb("VmHWM:"), device_mb: None, planned_mb: Some(planned_mb) }))
        }
        unknown => bail!("unknown request {unknown:?}"),
    }
}

const MIB: f64 = 1024.0 * 1024.0;

/// A size of this process in MB, where the system tells it.
fn status_mb(name: &str) -> Option<f64> {
    proc_mb("/proc/self/status", name)
}

/// The number of kB after `name` in a file of /proc, in MB.
fn proc_mb(file: &str, name: &str) -> Option<f64> {
    let text = std::fs::read_to_string(file).ok()?;
    let kib: f64 = text.lines().find_map(|line| line.strip_prefix(name))?.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib / 1024.0)
}

fn say(answer: &Value) -> Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{answer}")?;
    Ok(output.flush()?)
}
