//! Keeps another process running: a viewer that dies or hangs is started anew.
//!
//! The process shows that it lives by writing anything to its standard output,
//! at least every [`SupervisorSettings::silence`]; what it writes is thrown away.
//! One that ends by itself without an error was closed by its user and stays
//! closed. Whoever is supervised is never waited for.
//!
//! With [`SupervisorSettings::standby`] a second process is kept ready out of sight, so that the time a window
//! needs to begin does not count when the first one dies.

use std::io::{Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Time between two looks at the process.
const LOOK: Duration = Duration::from_millis(20);
/// Bytes of a process that has settled.
const SETTLED: u64 = 10;

/// How a process is kept running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SupervisorSettings {
    /// Silence after which a running process counts as hung and is killed.
    pub silence: Duration,
    /// Time it may take to say something for the first time.
    pub first_word: Duration,
    /// Silence allowed until it has said ten words: a window's first frames compile what they draw with.
    pub settling: Duration,
    /// Longest pause before a start; the first one after a good run is none.
    pub longest_pause: Duration,
    /// Keep a second process ready. Every process then stays out of sight until it reads a line on its
    /// standard input, and is to end when that input ends before.
    pub standby: bool,
}

impl Default for SupervisorSettings {
    /// 1 s of silence, 20 s for the first word (a window on a slow machine), 5 s while it
    /// settles, pauses of at most 1 s, nobody on standby.
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(1),
            first_word: Duration::from_secs(20),
            settling: Duration::from_secs(5),
            longest_pause: Duration::from_secs(1),
            standby: false,
        }
    }
}

/// What a supervisor has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct SupervisorCounts {
    /// Processes started.
    pub starts: u64,
    /// Those that ended with an error or were killed by somebody.
    pub deaths: u64,
    /// Those that fell silent and were killed here.
    pub hangs: u64,
    /// Starts the system refused.
    pub failed_starts: u64,
}

#[derive(Debug, Default)]
struct Shared {
    is_stopping: AtomicBool,
    is_closed: AtomicBool,
    counts: Mutex<SupervisorCounts>,
    process: AtomicU64,
    said: AtomicBool,
}

impl Shared {
    fn count(&self, change: impl FnOnce(&mut SupervisorCounts)) {
        // A count cannot be left half written.
        change(&mut self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

/// A supervised process. Dropping it ends the process.
#[derive(Debug)]
pub struct Supervisor {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// Starts the process that `command` makes, again and again.
    ///
    /// # Errors
    /// The system refused a thread. A process that cannot be started is counted
    /// and tried again.
    pub fn start(
        command: impl Fn() -> Command + Send + 'static,
        settings: SupervisorSettings,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let thread = {
            let shared = shared.clone();
            thread::Builder::new().name("supervisor".into()).spawn(move || run(&shared, &command, settings))?
        };
        Ok(Self { shared, thread: Some(thread) })
    }

    /// What happened so far.
    #[must_use]
    pub fn counts(&self) -> SupervisorCounts {
        *self.shared.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The running process that has said something, or `None`.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        let is_up = self.shared.said.load(Ordering::Acquire);
        u32::try_from(self.shared.process.load(Ordering::Acquire)).ok().filter(|id| is_up && *id != 0)
    }

    /// True when the process has ended by itself without an error.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed.load(Ordering::Acquire)
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.shared.is_stopping.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has killed nothing and watches nothing.
            thread.join().ok();
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    Died,
    Hung,
}

/// A process that was started.
struct Process {
    child: Child,
    words: Arc<AtomicU64>,
    heard: u64,
    last: Instant,
    started: Instant,
}

impl Process {
    /// `None` when the system refuses the process or a thread.
    fn start(mut command: Command, settings: SupervisorSettings) -> Option<Self> {
        let stdin = if settings.standby { Stdio::piped() } else { Stdio::null() };
        let mut child = command.stdin(stdin).stdout(Stdio::piped()).spawn().ok()?;
        let words = Arc::new(AtomicU64::new(0));
        if let Some(pipe) = child.stdout.take() {
            let words = words.clone();
            // Ends with the pipe, that is with the process.
            let listening = thread::Builder::new().name("supervisor-pipe".into()).spawn(move || listen(pipe, &words));
            if listening.is_err() {
                child.kill().ok();
                child.wait().ok();
                return None;
            }
        }
        let now = Instant::now();
        Some(Self { child, words, heard: 0, last: now, started: now })
    }

    /// Tells one that waits to come into sight.
    fn show(&mut self) {
        if let Some(mut stdin) = self.child.stdin.take() {
            // One that has ended in the meantime is seen at the next look.
            stdin.write_all(b"show\n").ok();
        }
    }

    const fn is_settled(&self) -> bool {
        self.heard >= SETTLED
    }

    /// How it ended, once it has. One that hangs is killed, not waited for.
    fn look(&mut self, settings: SupervisorSettings) -> Option<End> {
        match self.child.try_wait() {
            Ok(Some(status)) if status.success() => return Some(End::Closed),
            Ok(Some(_)) | Err(_) => return Some(End::Died),
            Ok(None) => {}
        }
        let now_heard = self.words.load(Ordering::Acquire);
        if now_heard != self.heard {
            (self.heard, self.last) = (now_heard, Instant::now());
        }
        let allowed = match self.heard {
            0 => settings.first_word,
            1..SETTLED => settings.settling.max(settings.silence),
            _ => settings.silence,
        };
        if self.last.elapsed() <= allowed {
            return None;
        }
        // One that has ended in the meantime needs no killing.
        self.child.kill().ok();
        Some(End::Hung)
    }
}

/// When the next process may be started: one that dies as soon as it is started must not keep the machine busy.
struct Pace {
    pause: Duration,
    not_before: Instant,
}

impl Pace {
    fn start(
        &mut self,
        shared: &Shared,
        command: &dyn Fn() -> Command,
        settings: SupervisorSettings,
    ) -> Option<Process> {
        if Instant::now() < self.not_before {
            return None;
        }
        let process = Process::start(command(), settings);
        if process.is_some() {
            shared.count(|counts| counts.starts += 1);
        } else {
            shared.count(|counts| counts.failed_starts += 1);
            self.ended(Duration::ZERO, settings);
        }
        process
    }

    fn ended(&mut self, lived: Duration, settings: SupervisorSettings) {
        let is_good = lived >= settings.longest_pause;
        self.pause = if is_good { Duration::ZERO } else { (2 * self.pause).max(LOOK).min(settings.longest_pause) };
        self.not_before = Instant::now() + self.pause;
    }
}

fn run(shared: &Shared, command: &dyn Fn() -> Command, settings: SupervisorSettings) {
    let mut pace = Pace { pause: Duration::ZERO, not_before: Instant::now() };
    let (mut shown, mut spare): (Option<Process>, Option<Process>) = (None, None);
    // Killed, but not gone yet: threads of a large process end one by one.
    let mut leaving: Vec<Child> = Vec::new();
    while !shared.is_stopping.load(Ordering::Acquire) && !shared.is_closed.load(Ordering::Acquire) {
        if shown.is_none() {
            shown = spare.take().or_else(|| pace.start(shared, command, settings));
            shown.iter_mut().for_each(Process::show);
        } else if settings.standby && spare.is_none() && shown.as_ref().is_some_and(Process::is_settled) {
            spare = pace.start(shared, command, settings);
        }
        for (place, is_shown) in [(&mut shown, true), (&mut spare, false)] {
            let Some(end) = place.as_mut().and_then(|process| process.look(settings)) else { continue };
            let Some(process) = place.take() else { continue };
            match end {
                End::Closed if is_shown => shared.is_closed.store(true, Ordering::Release),
                End::Closed | End::Died => shared.count(|counts| counts.deaths += 1),
                End::Hung => shared.count(|counts| counts.hangs += 1),
            }
            pace.ended(process.started.elapsed(), settings);
            leaving.push(process.child);
        }
        let id = shown.as_ref().map_or(0, |process| u64::from(process.child.id()));
        shared.process.store(id, Ordering::Release);
        shared.said.store(shown.as_ref().is_some_and(|process| process.heard > 0), Ordering::Release);
        leaving.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        thread::sleep(LOOK);
    }
    leaving.extend(shown.into_iter().chain(spare).map(|process| process.child));
    for mut child in leaving {
        child.kill().ok();
        child.wait().ok();
    }
    shared.said.store(false, Ordering::Release);
    shared.process.store(0, Ordering::Release);
}

fn listen(mut pipe: ChildStdout, words: &AtomicU64) {
    let mut block = [0; 4096];
    while let Ok(count) = pipe.read(&mut block) {
        if count == 0 {
            return;
        }
        words.fetch_add(count as u64, Ordering::Release);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn until(what: impl Fn() -> bool) {
        let began = Instant::now();
        while !what() {
            assert!(began.elapsed() < Duration::from_secs(20), "it never came");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    fn shell(script: &'static str, settings: SupervisorSettings) -> Supervisor {
        let command = move || {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            command
        };
        Supervisor::start(command, settings).unwrap()
    }

    fn quick() -> SupervisorSettings {
        SupervisorSettings { longest_pause: Duration::from_millis(40), ..SupervisorSettings::default() }
    }

    #[test]
    fn a_process_that_is_killed_comes_back() {
        let supervisor = shell("while :; do echo up; sleep 0.05; done", quick());
        for death in 1..=5 {
            until(|| supervisor.process().is_some());
            let process = supervisor.process().unwrap();
            Command::new("kill").args(["-9", &process.to_string()]).status().unwrap();
            until(|| supervisor.counts().deaths == death && supervisor.process().is_some_and(|new| new != process));
        }
        assert_eq!(supervisor.counts().hangs, 0);
    }

    /// The second process says who it is when it is shown, which it is as soon as the first has died.
    #[test]
    fn one_on_standby_takes_over_and_is_replaced() {
        let script = "(while :; do echo up; sleep 0.02; done) & read line; [ \"$line\" = show ] || exit 3; wait";
        let supervisor = shell(script, SupervisorSettings { standby: true, ..quick() });
        for death in 1..=3 {
            // One is shown, the next one waits.
            until(|| supervisor.process().is_some() && supervisor.counts().starts == death + 1);
            thread::sleep(Duration::from_millis(100));
            let process = supervisor.process().unwrap();
            Command::new("kill").args(["-9", &process.to_string()]).status().unwrap();
            until(|| supervisor.counts().deaths == death && supervisor.process().is_some_and(|new| new != process));
            assert_eq!(supervisor.counts().starts, death + 1, "it was started before the other one died");
        }
        assert_eq!(supervisor.counts().hangs, 0);
    }

    #[test]
    fn a_process_that_hangs_is_killed_and_comes_back() {
        let silence = Duration::from_millis(50);
        let supervisor = shell("echo up and drawing; exec sleep 100", SupervisorSettings { silence, ..quick() });
        until(|| supervisor.counts().hangs >= 2);
        assert_eq!(supervisor.counts().deaths, 0);
    }

    /// A window whose second frame took longer than the silence allowed was killed again and again.
    #[test]
    fn a_process_that_settles_is_given_time() {
        let silence = Duration::from_millis(1);
        let settings = SupervisorSettings { silence, settling: Duration::from_secs(30), ..quick() };
        let supervisor = shell("echo up; exec sleep 0.4", settings);
        until(|| supervisor.is_closed());
        assert_eq!(supervisor.counts().hangs, 0);
    }

    #[test]
    fn a_viewer_that_its_user_closes_stays_closed() {
        let supervisor = shell("echo up", quick());
        until(|| supervisor.is_closed());
        assert_eq!((supervisor.counts().starts, supervisor.process()), (1, None));
    }

    #[test]
    fn a_program_that_cannot_start_is_tried_again_without_haste() {
        let supervisor = Supervisor::start(|| Command::new("/nonexistent/viewer"), quick()).unwrap();
        until(|| supervisor.counts().failed_starts >= 3);
        assert_eq!(supervisor.counts().starts, 0);
    }
}
