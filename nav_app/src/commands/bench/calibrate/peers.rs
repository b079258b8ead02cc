//! Others on the same recordings, by `scripts/bench_calib_peers.py`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use super::results::Row;

/// What a method answered: its errors, or why it cannot run here.
#[derive(Debug, Deserialize)]
struct Answer {
    method: String,
    #[serde(default)]
    mm: Vec<Option<f64>>,
    #[serde(default)]
    deg: Vec<Option<f64>>,
    #[serde(default)]
    cpu_ms: Vec<f64>,
    cannot_run: Option<String>,
}

/// Runs all methods of a kind on `data`; rows, and notes on those that could not.
///
/// # Errors
/// When the script fails or answers nonsense; the message has its own words.
pub fn run(python: &Path, script: &Path, data: &Value) -> Result<(Vec<Row>, Vec<String>)> {
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", python.display()))?;
    // The script reads everything before it answers.
    let mut input = child.stdin.take().context("no input to write")?;
    let written = input.write_all(data.to_string().as_bytes());
    drop(input);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!(
            "{} ended with {}: {}",
            script.display(),
            output.status,
            words.trim().lines().last().unwrap_or("silence")
        );
    }
    written.context("the script did not read its input")?;
    let name = data["name"].as_str().unwrap_or_default();
    read(name, &String::from_utf8_lossy(&output.stdout))
}

fn read(name: &str, lines: &str) -> Result<(Vec<Row>, Vec<String>)> {
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        let answer: Answer = serde_json::from_str(line).with_context(|| format!("the script says {line:?}"))?;
        if let Some(reason) = answer.cannot_run {
            notes.push(format!("{}: {reason}", answer.method));
            continue;
        }
        let failed = answer.mm.iter().filter(|v| v.is_none()).count();
        let known = |values: &[Option<f64>]| values.iter().flatten().copied().collect::<Vec<f64>>();
        let mean_ms = answer.cpu_ms.iter().sum::<f64>() / answer.cpu_ms.len().max(1) as f64;
        rows.push(Row {
            failed,
            cpu_ms: mean_ms,
            ..Row::peer(name, answer.method, known(&answer.mm), known(&answer.deg))
        });
    }
    Ok((rows, notes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_nonsense_is_noticed() {
        let lines = "{\"method\": \"a 1\", \"mm\": [0.5, null, 0.25], \"cpu_ms\": [1, 2, 3]}\n\
                     {\"method\": \"b\", \"cannot_run\": \"no module\"}\n";
        let (rows, notes) = read("set", lines).unwrap();
        assert_eq!((rows.len(), rows[0].failed, notes.len()), (1, 1, 1));
        assert!((rows[0].cpu_ms - 2.0).abs() < 1e-9 && notes[0].contains("no module"));
        assert!(read("set", "hello").is_err());
    }
}
