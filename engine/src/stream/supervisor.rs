//! Keeps another process running: a viewer that dies or hangs is started anew.
//!
//! The process shows that it lives by writing anything to its standard output,
//! at least every [`SupervisorSettings::silence`]; what it writes is thrown away.
//! One that ends by itself without an error was closed by its user and stays
//! closed. Whoever is supervised is never waited for.

use std::io::Read;
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
}

impl Default for SupervisorSettings {
    /// 1 s of silence, 20 s for the first word (a window on a slow machine), 5 s while it
    /// settles, pauses of at most 1 s.
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(1),
            first_word: Duration::from_secs(20),
            settling: Duration::from_secs(5),
            longest_pause: Duration::from_secs(1),
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
    Stopped,
}

fn run(shared: &Shared, command: &dyn Fn() -> Command, settings: SupervisorSettings) {
    let mut pause = Duration::ZERO;
    while !shared.is_stopping.load(Ordering::Acquire) {
        thread::sleep(pause);
        let started = Instant::now();
        let end = match command().stdin(Stdio::null()).stdout(Stdio::piped()).spawn() {
            Ok(child) => {
                shared.count(|counts| counts.starts += 1);
                watch(shared, child, settings)
            }
            Err(_) => {
                shared.count(|counts| counts.failed_starts += 1);
                End::Died
            }
        };
        shared.said.store(false, Ordering::Release);
        shared.process.store(0, Ordering::Release);
        match end {
            End::Closed => {
                shared.is_closed.store(true, Ordering::Release);
                return;
            }
            End::Stopped => return,
            End::Died => shared.count(|counts| counts.deaths += 1),
            End::Hung => shared.count(|counts| counts.hangs += 1),
        }
        // One that dies as soon as it is started must not keep the machine busy.
        let is_good = started.elapsed() >= settings.longest_pause;
        pause = if is_good { Duration::ZERO } else { (2 * pause).max(LOOK).min(settings.longest_pause) };
    }
}

fn watch(shared: &Shared, mut child: Child, settings: SupervisorSettings) -> End {
    shared.process.store(u64::from(child.id()), Ordering::Release);
    let words = Arc::new(AtomicU64::new(0));
    if let Some(pipe) = child.stdout.take() {
        let words = words.clone();
        // Ends with the pipe, that is with the process.
        let listening = thread::Builder::new().name("supervisor-pipe".into()).spawn(move || listen(pipe, &words));
        if listening.is_err() {
            return end(&mut child, End::Died);
        }
    }
    let (mut heard, mut last) = (0, Instant::now());
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return End::Closed,
            Ok(Some(_)) | Err(_) => return End::Died,
            Ok(None) => {}
        }
        if shared.is_stopping.load(Ordering::Acquire) {
            return end(&mut child, End::Stopped);
        }
        let now_heard = words.load(Ordering::Acquire);
        if now_heard != heard {
            (heard, last) = (now_heard, Instant::now());
            shared.said.store(true, Ordering::Release);
        }
        let allowed = match heard {
            0 => settings.first_word,
            1..SETTLED => settings.settling.max(settings.silence),
            _ => settings.silence,
        };
        if last.elapsed() > allowed {
            return end(&mut child, End::Hung);
        }
        thread::sleep(LOOK);
    }
}

fn end(child: &mut Child, end: End) -> End {
    // One that has ended in the meantime needs no killing.
    child.kill().ok();
    child.wait().ok();
    end
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
