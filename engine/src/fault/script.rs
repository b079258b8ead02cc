//! Faults by the clock, as a text file.
//!
//! ```text
//! # comment
//! at 2.0 s for 0.5 s tracker occlude tool 1
//! at 3 s for 1 s tracker slow-link 400 ms
//! at 5 s reference bump 8 mm
//! ```
//!
//! A line is `at TIME [for TIME] PLACE NAME [NUMBER UNIT] [tool NUMBER]`, with
//! times in `ms`, `s` or `min`. Without `for` a fault lasts to the end;
//! without `tool` it strikes all tools; without a number the fault's own is
//! taken.

use std::fmt;

use geom::Nanoseconds;
use thiserror::Error;

use super::catalogue::list;
use super::named_fault::{Fault, Place};
use crate::track::ToolId;

/// Longest script that is read, bytes.
const MAX_BYTES: usize = 1 << 20;

/// A fault at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Injection {
    /// When it begins, from the start of the session.
    pub at: Nanoseconds,
    /// How long it lasts; `None`: to the end.
    pub lasts: Option<Nanoseconds>,
    /// What happens.
    pub fault: &'static Fault,
    /// The tool it strikes; `None`: all of them.
    pub tool: Option<ToolId>,
    /// How much, in the fault's own unit; 0 for a fault without one.
    pub amount: f64,
}

impl Injection {
    /// A fault with its own amount, on all tools.
    #[must_use]
    pub fn new(fault: &'static Fault, at: Nanoseconds, lasts: Option<Nanoseconds>) -> Self {
        Self { at, lasts, fault, tool: None, amount: fault.amount.map_or(0.0, |a| a.default) }
    }

    /// When it is over.
    #[must_use]
    pub fn end(&self) -> Nanoseconds {
        self.lasts.map_or(Nanoseconds(u64::MAX), |lasts| Nanoseconds(self.at.0.saturating_add(lasts.0)))
    }

    /// True while it lasts.
    #[must_use]
    pub fn is_active(&self, now: Nanoseconds) -> bool {
        now >= self.at && now < self.end()
    }
}

impl fmt::Display for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {} ms", self.at.0 as f64 * 1e-6)?;
        if let Some(lasts) = self.lasts {
            write!(f, " for {} ms", lasts.0 as f64 * 1e-6)?;
        }
        write!(f, " {}", self.fault.full_name())?;
        if let Some(amount) = self.fault.amount {
            write!(f, " {} {}", self.amount, amount.unit)?;
        }
        self.tool.map_or(Ok(()), |tool| write!(f, " tool {}", tool.0))
    }
}

/// A line of a script that says nothing known here.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("line {line}: expected {expected}, found {found}")]
pub struct ScriptError {
    /// Line, from 1.
    pub line: usize,
    /// What would have been understood.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

/// Faults in the order of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FaultScript {
    /// The faults.
    pub injections: Vec<Injection>,
}

impl FaultScript {
    /// From text.
    ///
    /// # Errors
    /// [`ScriptError`] with the line and what was expected there.
    ///
    /// ```
    /// use engine::fault::FaultScript;
    /// let script = FaultScript::parse("at 2 s for 500 ms tracker occlude tool 1").unwrap();
    /// assert_eq!(script.injections[0].lasts, Some(geom::Nanoseconds(500_000_000)));
    /// let error = FaultScript::parse("at 2 s tracker explode").unwrap_err().to_string();
    /// assert!(error.starts_with("line 1: expected a fault of the tracker (unplug, half-open,"));
    /// ```
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        if text.len() > MAX_BYTES {
            let (expected, found) = (format!("at most {MAX_BYTES} bytes"), format!("{} bytes", text.len()));
            return Err(ScriptError { line: 1, expected, found });
        }
        let mut injections = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let content = line.split('#').next().unwrap_or_default();
            let words: Vec<&str> = content.split_whitespace().collect();
            if !words.is_empty() {
                injections.push(Words { line: index + 1, words: &words, next: 0 }.injection()?);
            }
        }
        Ok(Self { injections })
    }
}

struct Words<'a> {
    line: usize,
    words: &'a [&'a str],
    next: usize,
}

impl<'a> Words<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.next).copied()
    }

    fn error(&self, expected: impl Into<String>) -> ScriptError {
        let found =
            self.peek().map_or_else(|| "the end of the line".into(), |w| w.chars().take(40).collect::<String>());
        ScriptError { line: self.line, expected: expected.into(), found }
    }

    fn take<T>(
        &mut self,
        expected: impl Into<String>,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, ScriptError> {
        let value = self.peek().and_then(read).ok_or_else(|| self.error(expected))?;
        self.next += 1;
        Ok(value)
    }

    fn number(&mut self, of: &str) -> Result<f64, ScriptError> {
        self.take(format!("a number of {of}"), |word| word.parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0))
    }

    fn time(&mut self) -> Result<Nanoseconds, ScriptError> {
        let number = self.number("ms, s or min")?;
        let unit_ns = self.take("ms, s or min", |word| match word {
            "ms" => Some(1e6),
            "s" => Some(1e9),
            "min" => Some(60e9),
            _ => None,
        })?;
        // A float to an integer saturates: centuries stay centuries.
        Ok(Nanoseconds((number * unit_ns).round() as u64))
    }

    fn injection(mut self) -> Result<Injection, ScriptError> {
        self.take("\"at\"", |word| (word == "at").then_some(()))?;
        let at = self.time()?;
        let lasts = if self.peek() == Some("for") {
            self.next += 1;
            Some(self.time()?)
        } else {
            None
        };
        let places = Place::ALL.map(Place::name).join(", ");
        let place = self.take(format!("one of {places}"), |word| Place::ALL.into_iter().find(|p| p.name() == word))?;
        let here = || list().iter().filter(move |fault| fault.place == place);
        let names: Vec<&str> = here().map(|fault| fault.name).collect();
        let expected = format!("a fault of the {} ({})", place.name(), names.join(", "));
        let fault = self.take(expected, |word| here().find(|fault| fault.name == word))?;
        let mut injection = Injection::new(fault, at, lasts);
        if let Some(amount) = fault.amount
            && self.peek().is_some_and(|word| word != "tool")
        {
            injection.amount = self.number(amount.unit)?;
            self.take(amount.unit, |word| (word == amount.unit).then_some(()))?;
        }
        if self.peek() == Some("tool") {
            self.next += 1;
            injection.tool = Some(ToolId(self.take("the number of a tool", |word| word.parse().ok())?));
        }
        if self.peek().is_some() { Err(self.error("the end of the line")) } else { Ok(injection) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        FaultScript::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_wrong_line_is_named_with_what_was_expected() {
        assert_eq!(message("\n# good\nfrom 2 s"), "line 3: expected \"at\", found from");
        assert_eq!(message("at two s"), "line 1: expected a number of ms, s or min, found two");
        assert_eq!(message("at 2 h"), "line 1: expected ms, s or min, found h");
        assert_eq!(
            message("at 2 s for 1 s"),
            "line 1: expected one of tracker, reference, image, segmentation, registration, host, found the end of the line"
        );
        assert_eq!(message("at 2 s reference bump 5 deg"), "line 1: expected mm, found deg");
        assert_eq!(message("at 2 s tracker nan tool stylus"), "line 1: expected the number of a tool, found stylus");
        assert_eq!(message("at 2 s tracker unplug now"), "line 1: expected the end of the line, found now");
        assert!(message("at -1 s tracker unplug").contains("found -1"));
        assert!(message("at NaN s tracker unplug").contains("found NaN"));
    }

    #[test]
    fn every_fault_reads_back_as_it_prints() {
        for fault in list() {
            let mut injection = Injection::new(fault, Nanoseconds(1_500_000_000), Some(Nanoseconds(250_000_000)));
            injection.tool = Some(ToolId(2));
            assert_eq!(FaultScript::parse(&injection.to_string()).unwrap().injections, [injection]);
        }
    }
}
