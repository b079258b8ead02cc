//! The driving end of one side: a process that runs one network when told to.
//!
//! Requests and answers are lines; `scripts/bench_peers.py` describes them.
//! A side that dies, says nothing for [`PATIENCE`] or talks nonsense is an
//! error that names it. Dropping a [`Runner`] ends its process.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::work::Work;

/// Longest time for one answer; the slowest peer needs a minute.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a side says once its network is loaded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ready {
    /// Its name and version.
    pub runtime: String,
    /// How it stores activations.
    pub dtype: String,
    /// Resident memory before the network was loaded, MB.
    pub base_mb: Option<f64>,
    /// What it runs on, where it says so.
    #[serde(default)]
    pub device: Option<String>,
    /// Operations and bytes of one run, where it knows.
    #[serde(default)]
    pub work: Option<Work>,
}

/// Memory of a side at its end, MB.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Memory {
    /// Largest resident set of the process.
    pub peak_mb: Option<f64>,
    /// Largest allocation on a GPU.
    #[serde(default)]
    pub device_mb: Option<f64>,
    /// What the side itself planned for weights, activations and scratch.
    #[serde(default)]
    pub planned_mb: Option<f64>,
}

/// How starting a side ended.
pub enum Start {
    /// It is loaded.
    Ready(Box<Runner>),
    /// It does not do this here, and says why.
    Refused(String),
}

/// A side that is loaded.
#[derive(Debug)]
pub struct Runner {
    /// What it said.
    pub ready: Ready,
    child: Child,
    requests: Option<ChildStdin>,
    answers: Receiver<std::io::Result<String>>,
}

impl Runner {
    /// Starts a side and waits until it is loaded; `name` is for messages
    /// until it has told its own.
    pub fn start(name: &str, command: &mut Command) -> Result<Start> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}; is it installed?"))?;
        let requests = child.stdin.take();
        let output = child.stdout.take().ok_or_else(|| anyhow!("{name} has no standard output"))?;
        let (sender, answers) = mpsc::channel();
        // Ends with the process's output, or when nobody listens.
        std::thread::Builder::new().spawn(move || {
            for line in BufReader::new(output).lines() {
                if sender.send(line).is_err() {
                    break;
                }
            }
        })?;
        let ready = Ready { runtime: name.to_owned(), dtype: String::new(), base_mb: None, device: None, work: None };
        let mut runner = Self { ready, child, requests, answers };
        let first = runner.answer()?;
        if let Some(reason) = first.get("cannot_run").and_then(Value::as_str) {
            return Ok(Start::Refused(reason.to_owned()));
        }
        runner.ready = runner.read(first)?;
        Ok(Start::Ready(Box::new(runner)))
    }

    /// Milliseconds of `count` runs, by the side's own clock.
    pub fn run(&mut self, count: usize) -> Result<Vec<f64>> {
        #[derive(Deserialize)]
        struct Times {
            ms: Vec<f64>,
        }
        let times: Times = self.ask(&format!("run {count}"))?;
        if times.ms.len() != count || !times.ms.iter().all(|ms| ms.is_finite() && *ms >= 0.0) {
            bail!("{}: asked for {count} runs, got {} times", self.ready.runtime, times.ms.len());
        }
        Ok(times.ms)
    }

    /// The first result of the network, written to `scratch` and read from it.
    pub fn output(&mut self, scratch: &Path) -> Result<Vec<f32>> {
        #[derive(Deserialize)]
        struct Shape {
            shape: Vec<usize>,
        }
        let shape: Shape = self.ask(&format!("output {}", scratch.display()))?;
        let bytes = std::fs::read(scratch).with_context(|| format!("{}: no result", self.ready.runtime))?;
        let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        if values.is_empty() || values.len() != shape.shape.iter().product::<usize>() {
            bail!("{}: {} values do not make a result of {:?}", self.ready.runtime, values.len(), shape.shape);
        }
        Ok(values)
    }

    /// Memory up to now.
    pub fn memory(&mut self) -> Result<Memory> {
        self.ask("memory")
    }

    fn ask<T: DeserializeOwned>(&mut self, request: &str) -> Result<T> {
        let requests = self.requests.as_mut().ok_or_else(|| anyhow!("{}: has ended", self.ready.runtime))?;
        writeln!(requests, "{request}").with_context(|| format!("{} has ended", self.ready.runtime))?;
        let answer = self.answer()?;
        self.read(answer)
    }

    fn read<T: DeserializeOwned>(&self, answer: Value) -> Result<T> {
        serde_json::from_value(answer).with_context(|| format!("{}: an answer of another form", self.ready.runtime))
    }

    fn answer(&mut self) -> Result<Value> {
        let name = self.ready.runtime.clone();
        let line = match self.answers.recv_timeout(PATIENCE) {
            Ok(line) => line?,
            Err(mpsc::RecvTimeoutError::Timeout) => bail!("{name}: no answer in {} s", PATIENCE.as_secs()),
            Err(mpsc::RecvTimeoutError::Disconnected) => bail!("{name}: ended without an answer{}", self.ending()),
        };
        let answer: Value = serde_json::from_str(&line).with_context(|| format!("{name}: says {line:?}"))?;
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => bail!("{name}: {error}"),
            None => Ok(answer),
        }
    }

    /// ` (signal 9)`, where the system tells it.
    fn ending(&mut self) -> String {
        self.child.wait().map_or(String::new(), |status| format!(" ({status})"))
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // A well-behaved side ends with its input; a stuck one is ended.
        drop(self.requests.take());
        let _already_ended = self.child.kill();
        let _status = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Start> {
        Runner::start("sh", Command::new("sh").args(["-c", script]))
    }

    const READY: &str = r#"echo '{"runtime": "test", "dtype": "f32", "base_mb": 1}'"#;

    #[test]
    fn a_side_that_dies_is_named_and_does_not_hang_the_run() {
        let error = shell("exit 3").err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("sh: ended without an answer") && error.contains('3'), "{error}");
        let Ok(Start::Ready(mut side)) = shell(&format!("{READY}; exit 0")) else { panic!("it is ready") };
        assert!(side.run(1).is_err());
    }

    #[test]
    fn a_refusal_is_no_error() {
        let start = shell(r#"echo '{"cannot_run": "no such instruction"}'"#);
        assert!(matches!(start, Ok(Start::Refused(reason)) if reason == "no such instruction"));
    }

    #[test]
    fn times_are_read_and_nonsense_is_refused() {
        let answers = r#"read a; echo '{"ms": [1.5, 2]}'; read a; echo '{"ms": [1]}'; read a; echo hello"#;
        let Ok(Start::Ready(mut side)) = shell(&format!("{READY}; {answers}")) else { panic!("it is ready") };
        assert_eq!(side.run(2).ok(), Some(vec![1.5, 2.0]));
        assert!(side.run(2).is_err());
        assert!(side.run(2).is_err_and(|e| e.to_string().contains("hello")));
    }
}
