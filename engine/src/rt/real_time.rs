//! What the system allows a thread that must not be late.
//!
//! Real-time priority and locked memory need rights (`CAP_SYS_NICE`,
//! `CAP_IPC_LOCK`, or limits in `/etc/security/limits.conf`). Without them the
//! program runs on and says so.

use serde::Serialize;
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// Priority of the navigation loop and the reader, 1 to 99: above ordinary
/// programs, below the kernel's own threads at 50.
const PRIORITY: u8 = 40;

/// What a thread or the process got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "why")]
pub enum Granted {
    /// As asked.
    Yes,
    /// The system refused; in its words.
    No(String),
    /// Nobody asked.
    NotAsked,
}

impl Granted {
    /// A word and the reason.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Yes => "yes".into(),
            Self::No(why) => format!("no ({why})"),
            Self::NotAsked => "not asked for".into(),
        }
    }
}

/// What the system granted a live session, for the screen and the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RealTime {
    /// First-in-first-out scheduling of reader and loop.
    pub priority: Granted,
    /// Reader and loop share a processor, so that the loop is awake as soon as
    /// the reader has a packet.
    pub one_processor: Granted,
    /// No page of the program can be swapped out.
    pub locked_memory: Granted,
}

impl RealTime {
    /// Nothing was asked for.
    pub const NOT_ASKED: Self =
        Self { priority: Granted::NotAsked, one_processor: Granted::NotAsked, locked_memory: Granted::NotAsked };
}

/// Gives the calling thread first-in-first-out scheduling.
#[must_use]
pub fn raise_this_thread() -> Granted {
    let Ok(value) = ThreadPriorityValue::try_from(PRIORITY) else {
        return Granted::No("the priority is out of range".into());
    };
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    match set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Crossplatform(value), policy) {
        Ok(()) => Granted::Yes,
        Err(error) => Granted::No(format!("{error:?}; the right CAP_SYS_NICE or an rtprio limit is missing")),
    }
}

/// Keeps the calling thread on the processor that reader and loop share.
///
/// Only for a thread with real-time priority: one without would queue up behind
/// whatever else runs there.
#[must_use]
pub fn share_processor(priority: &Granted) -> Granted {
    match priority {
        Granted::Yes => match kernels::processor_affinity::share_last_processor() {
            Ok(_) => Granted::Yes,
            Err(error) => Granted::No(error.to_string()),
        },
        Granted::No(_) => Granted::No("the priority was refused".into()),
        Granted::NotAsked => Granted::NotAsked,
    }
}

/// Locks the pages the process has now into memory.
#[must_use]
pub fn lock_memory() -> Granted {
    // Not MCL_FUTURE: a CT that does not fit the limit must not end the program.
    match kernels::memory_lock::lock_memory() {
        Ok(()) => Granted::Yes,
        Err(error) => Granted::No(format!("{error}; the right CAP_IPC_LOCK or a memlock limit is missing")),
    }
}
