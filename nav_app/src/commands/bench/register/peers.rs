//! Other registrations, by `scripts/bench_register_peers.py`.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use engine::register::benchmark::Case;
use serde_json::Value;

use super::super::{check_python, script};
use super::results::Trial;
use crate::failure::Failure;

/// As the script calls them, the strongest first.
pub const METHODS: [&str; 4] = ["small-gicp", "small-gicp-plane", "open3d", "kd-tree"];

/// How to start the others.
#[derive(Debug)]
pub struct Peers {
    python: PathBuf,
    script: PathBuf,
    threads: usize,
}

/// What a method answered.
#[derive(Debug)]
pub enum Answer {
    /// Name with version, and its trials.
    Done(String, Vec<Trial>),
    /// Why it cannot run here.
    CannotRun(String),
}

impl Peers {
    /// Peers in the packages of `python`.
    ///
    /// # Errors
    /// When it does not start, or the script is not there.
    pub fn new(python: &Path, threads: usize) -> Result<Self, Failure> {
        check_python(python)?;
        Ok(Self { python: python.to_owned(), script: script("bench_register_peers.py")?, threads })
    }

    /// Runs one method on `cases`, which lie in `folder`.
    ///
    /// # Errors
    /// When it fails or answers nonsense; the message has its own words.
    pub fn run(&self, method: &str, folder: &Path, cases: &[Case], each: &mut dyn FnMut(usize)) -> Result<Answer> {
        let points = cases.first().map_or(0, |case| case.points.len());
        let mut command = Command::new(&self.python);
        command.arg(&self.script).arg(folder).args([&points.to_string(), method, "--threads"]);
        command.arg(self.threads.to_string()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", self.python.display()))?;
        let stdout = child.stdout.take().context("no output to read")?;
        let answer = read(BufReader::new(stdout), cases, each);
        if answer.is_err() {
            let _it_may_have_ended = child.kill();
        }
        let mut words = String::new();
        if let Some(stderr) = &mut child.stderr {
            let _no_words = stderr.take(4096).read_to_string(&mut words);
        }
        let status = child.wait()?;
        if status.success() {
            return answer.with_context(|| method.to_owned());
        }
        bail!("{method} ended with {status}: {}", words.trim().lines().last().unwrap_or("it said nothing"))
    }
}

/// One object a line: the method, then its trials.
fn read(lines: impl BufRead, cases: &[Case], each: &mut dyn FnMut(usize)) -> Result<Answer> {
    let mut name = None;
    let mut trials = Vec::new();
    for line in lines.lines() {
        let line = line?;
        let value: Value = serde_json::from_str(&line).with_context(|| format!("it says {line:?}"))?;
        if let Some(reason) = value["cannot_run"].as_str() {
            return Ok(Answer::CannotRun(reason.to_owned()));
        }
        if let (Some(method), Some(version)) = (value["method"].as_str(), value["version"].as_str()) {
            name = Some(format!("{method} {version}"));
            continue;
        }
        let numbers = (value["case"].as_u64(), value["tre_mm"].as_f64(), value["cpu_ms"].as_f64());
        let (Some(number), Some(tre_mm), Some(cpu_ms)) = numbers else { bail!("it says {line:?}") };
        let case = cases.get(usize::try_from(number)?).with_context(|| format!("it speaks of case {number}"))?;
        each(trials.len());
        let (start_deg, start_mm) = (case.offset_deg, case.offset_mm);
        trials.push(Trial { start_deg, start_mm, tre_mm, cpu_ms, ms: None, verdict: None });
    }
    if trials.len() != cases.len() {
        bail!("it answered {} of {} cases", trials.len(), cases.len());
    }
    Ok(Answer::Done(name.context("it did not say what it is")?, trials))
}

#[cfg(test)]
mod tests {
    use geom::{Point, Transform};

    use super::*;

    #[test]
    fn answers_are_read_and_missing_ones_noticed() {
        let case = Case {
            offset_deg: 5.0,
            offset_mm: 6.0,
            initial: Transform::identity(),
            truth: Transform::identity(),
            points: vec![Point::new(0.0, 0.0, 0.0)],
            targets: Vec::new(),
        };
        let head = "{\"method\": \"m\", \"version\": \"1\"}\n";
        let trial = "{\"case\": 0, \"tre_mm\": 0.5, \"cpu_ms\": 3.0}\n";
        let of = |text: String| read(text.as_bytes(), std::slice::from_ref(&case), &mut |_| ());
        let Ok(Answer::Done(name, trials)) = of(format!("{head}{trial}")) else { panic!("answered") };
        assert_eq!((name.as_str(), trials.len(), trials[0].start_mm), ("m 1", 1, 6.0));
        assert!(of(head.to_owned()).is_err_and(|e| e.to_string().contains("0 of 1")));
        assert!(of(format!("{head}hello\n")).is_err());
        assert!(of(trial.replace("0.5", "null")).is_err());
        assert!(matches!(of("{\"cannot_run\": \"no module\"}\n".to_owned()), Ok(Answer::CannotRun(_))));
    }
}
