//! Observers as processes of this program.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::cli::ObserverWork;

/// A process that observes or routes; dropping it ends it.
pub struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// What an observer has counted, ns each.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Heard {
    /// Snapshots that came while it counted.
    pub snapshots: u64,
    /// Published to looked at.
    pub pick_up: Vec<u64>,
    /// Intended send time of the tracker to looked at.
    pub whole: Vec<u64>,
    /// Refresh of the display to handed over for drawing.
    pub submit: Vec<u64>,
    /// Intended send time of the tracker to the refresh that shows it.
    pub shown: Vec<u64>,
}

/// Where a process connects, and what it listens on.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Port to connect to.
    pub port: u16,
    /// Port a router listens on.
    pub listen: u16,
    /// Time of day at which the engine's clock was zero, ns.
    pub zero_ns: u64,
}

/// Time of day, ns since 1970: the one clock that two processes read alike.
#[allow(clippy::disallowed_methods, reason = "a session's clock counts from the start of its own process")]
pub fn time_of_day_ns() -> u64 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX)
}

/// A port nobody listens on, on the loopback.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("there is no free port on the loopback")?;
    Ok(listener.local_addr()?.port())
}

impl Process {
    /// Starts one.
    pub fn start(place: Place, work: ObserverWork) -> Result<Self> {
        let word = match work {
            ObserverWork::PickUp => "pick-up",
            ObserverWork::Display => "display",
            ObserverWork::Route => "route",
        };
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--quiet", "bench", "stream-observer", "--work", word]);
        for (name, number) in
            [("--port", u64::from(place.port)), ("--listen", u64::from(place.listen)), ("--zero-ns", place.zero_ns)]
        {
            command.args([name.to_owned(), number.to_string()]);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start")?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("the observer has no output")?);
        Ok(Self { child, input, output })
    }

    /// Waits until it says that it is ready.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        anyhow::ensure!(line.trim() == "ready", "an observer ended before it saw the engine");
        Ok(())
    }

    /// Tells it to count from now on.
    pub fn count(&mut self) -> Result<()> {
        let input = self.input.as_mut().context("the observer has no input")?;
        writeln!(input, "count").context("an observer ended early")?;
        Ok(input.flush()?)
    }

    /// Ends the count and gives it.
    pub fn heard(mut self) -> Result<Heard> {
        drop(self.input.take());
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        serde_json::from_str(&line).context("an observer gave no count")
    }

    /// Sends it a signal, `"STOP"` or `"CONT"`.
    pub fn signal(&self, name: &str) -> Result<()> {
        let status = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        anyhow::ensure!(status.context("there is no program kill")?.success(), "cannot send SIG{name}");
        Ok(())
    }

    /// Lets it run 50 ms of every 500 until the returned process is dropped.
    pub fn slow_down(&self) -> Result<Slowing> {
        let script = "while kill -STOP $0; do sleep 0.45; kill -CONT $0; sleep 0.05; done";
        let child = Command::new("sh").args(["-c", script, &self.child.id().to_string()]).stderr(Stdio::null()).spawn();
        Ok(Slowing(child.context("there is no shell")?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Also ends one that was stopped.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Slows an observer down.
pub struct Slowing(Child);

impl Drop for Slowing {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
