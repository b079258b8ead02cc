//! How far a measurement is: a bar on a terminal, lines elsewhere.
#![allow(clippy::print_stderr, reason = "progress of a command line program belongs on stderr")]

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// Counts steps.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    prints_lines: bool,
}

impl Progress {
    /// Of `steps` steps; silent when `quiet`.
    pub fn new(steps: usize, quiet: bool) -> Self {
        let on_terminal = std::io::stderr().is_terminal();
        let bar = if on_terminal && !quiet { ProgressBar::new(steps as u64) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg:40} [{bar:30}] {percent:>3} %  {elapsed}") {
            bar.set_style(style);
        }
        Self { bar, prints_lines: !on_terminal && !quiet }
    }

    /// The next step begins.
    pub fn step(&mut self, what: &str) {
        if self.prints_lines {
            eprintln!("{what}");
        }
        self.bar.set_message(what.to_owned());
        self.bar.inc(1);
    }

    /// Nothing is left to do.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
