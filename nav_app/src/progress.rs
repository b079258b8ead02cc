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

    /// The next of many like it begins; where lines are printed, a tenth of
    /// them is told.
    pub fn case(&mut self, who: &str, points: usize, number: usize, count: usize) {
        if self.prints_lines && number.is_multiple_of(count.div_ceil(10).max(1)) {
            eprintln!("{who}, {points} points: {number} of {count}");
        }
        self.bar.set_message(format!("{who}, {points} points"));
        self.bar.inc(1);
    }

    /// Nothing is left to do.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
