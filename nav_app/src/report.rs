//! What a command says: progress while it runs, its result at the end, logs.
#![allow(clippy::print_stderr, reason = "errors of a command line program belong on stderr")]

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use engine::segment::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

/// What a command that did its job prints.
#[derive(Debug)]
pub struct Output {
    /// For machines: one JSON object; null when all was printed before.
    pub json: Value,
    /// For people: lines of text.
    pub text: String,
    /// True when the job was done but its result was refused.
    pub is_refused: bool,
}

impl Output {
    /// 0, or 4 when the result was refused.
    pub const fn exit_status(&self) -> u8 {
        if self.is_refused { 4 } else { 0 }
    }
}

/// Logs go to standard error; `RUST_LOG` overrides the flags.
pub fn start_logging(verbose: u8, quiet: bool) {
    let level = match (quiet, verbose) {
        (true, _) => "error",
        (_, 0) => "warn",
        (_, 1) => "info",
        _ => "debug",
    };
    let quiet_graphics =
        format!("{level},wgpu_core=warn,wgpu_hal=off,naga=warn,bevy_render::renderer=error,winit=error,zenoh=error");
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(quiet_graphics));
    // Colours are for people; a file keeps words.
    let is_seen = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(is_seen)
        .with_target(false)
        .init();
}

/// Prints a result; nothing for a command that has printed all by itself.
pub fn print_output(output: &Output, as_json: bool) {
    if output.json.is_null() {
        return;
    }
    if as_json {
        say(&format!("{:#}", output.json));
    } else {
        say(&output.text);
    }
}

/// A reader that has seen enough (`spinenav ... | head`) is no fault.
fn say(text: &str) {
    let _gone = writeln!(std::io::stdout(), "{text}");
}

/// Prints a failure.
pub fn print_failure(failure: &Failure, as_json: bool) {
    eprintln!("spinenav: {failure}");
    if as_json {
        say(&format!("{:#}", json!({ "error": { "kind": failure.kind(), "message": failure.to_string() } })));
    }
}

/// One finished stage.
#[derive(Debug, Clone, Serialize)]
pub struct Stage {
    /// Its name.
    pub name: &'static str,
    /// How long it took, ms.
    pub ms: f64,
}

/// Times the stages of a command and shows how far it is: a bar on a
/// terminal, a line a stage elsewhere, nothing with `--quiet`.
#[derive(Debug)]
pub struct Stages {
    done: Vec<Stage>,
    current: Option<(&'static str, Instant)>,
    started: Instant,
    bar: ProgressBar,
    prints_lines: bool,
    /// Tenths of the current stage that were told.
    tenths: u32,
}

impl Stages {
    /// Starts the clock.
    pub fn new(quiet: bool) -> Self {
        let on_terminal = std::io::stderr().is_terminal();
        let bar = if on_terminal && !quiet { ProgressBar::new(1000) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg:14} [{bar:40}] {percent:>3} %  {elapsed}") {
            bar.set_style(style);
        }
        Self {
            done: Vec::new(),
            current: None,
            started: Instant::now(),
            bar,
            prints_lines: !on_terminal && !quiet,
            tenths: 0,
        }
    }

    /// Ends the current stage.
    pub fn finish_stage(&mut self) {
        if let Some((name, since)) = self.current.take() {
            let ms = since.elapsed().as_secs_f64() * 1e3;
            if self.prints_lines {
                eprintln!("{name:14} {ms:9.1} ms");
            }
            self.done.push(Stage { name, ms });
        }
    }

    /// Ends everything; returns the stages and the total in ms.
    pub fn finish(mut self) -> (Vec<Stage>, f64) {
        self.finish_stage();
        self.bar.finish_and_clear();
        (std::mem::take(&mut self.done), self.started.elapsed().as_secs_f64() * 1e3)
    }
}

impl Progress for Stages {
    fn stage(&mut self, name: &'static str) {
        self.finish_stage();
        self.current = Some((name, Instant::now()));
        self.tenths = 0;
        self.bar.reset();
        self.bar.set_message(name);
        self.bar.enable_steady_tick(Duration::from_millis(100));
    }

    fn fraction(&mut self, done: f64) {
        self.bar.set_position((done.clamp(0.0, 1.0) * 1000.0) as u64);
        let tenths = (done.clamp(0.0, 1.0) * 10.0) as u32;
        // For whoever watches over this process: a window that a CT was dropped on.
        if let Some((name, _)) = self.current.filter(|_| self.prints_lines && tenths > self.tenths) {
            self.tenths = tenths;
            eprintln!("{name:14} {:7} %", tenths * 10);
        }
    }
}

/// A table of stages for people.
pub fn stage_table(stages: &[Stage], total_ms: f64) -> String {
    let rows: Vec<String> = stages.iter().map(|s| format!("  {:14} {:9.1} ms", s.name, s.ms)).collect();
    format!("{}\n  {:14} {total_ms:9.1} ms", rows.join("\n"), "total")
}
