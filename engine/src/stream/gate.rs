//! The door for intents: who, how often, once.

use geom::Nanoseconds;
use thiserror::Error;

use super::frame::FrameError;
use super::intent::SentIntent;
use super::key::IntentKey;
use crate::clock::MILLISECOND_NS;
use crate::journal::Intent;

/// Senders a session hears; each viewer that starts is a new one.
const MOST_SENDERS: usize = 1024;

/// How many may come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GateLimits {
    /// Intents a second that are passed on.
    pub intents_hz: f64,
    /// Intents that may come at once.
    pub burst: f64,
    /// Messages a second that are looked at, whoever sends them.
    pub messages_hz: f64,
}

impl Default for GateLimits {
    /// Ten a second and ten at once, more than a hand can press; 200 messages.
    fn default() -> Self {
        Self { intents_hz: 10.0, burst: 10.0, messages_hz: 200.0 }
    }
}

/// Why an intent was not passed on.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// The bytes are no intent.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The signature is not that of this session's key.
    #[error("observers are read-only: the intent is not signed with this session's key")]
    ReadOnly,
    /// It was meant for an engine that is gone.
    #[error("the intent is for another session: the engine was started anew")]
    OtherSession,
    /// It came before.
    #[error("the intent came before, or after a newer one of its sender")]
    Repeated,
    /// Too many a second.
    #[error("too many intents: wait a second")]
    TooMany,
    /// Too many viewers were started in this session.
    #[error("{MOST_SENDERS} viewers have sent intents in this session: start the engine anew")]
    Senders,
    /// The loop has not taken the last ones yet.
    #[error("the engine has not taken the last intents yet: wait and try again")]
    QueueFull,
}

/// Allows so many a second, and some at once.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    most: f64,
    a_second: f64,
    at: Nanoseconds,
}

impl Bucket {
    const fn new(a_second: f64, most: f64) -> Self {
        Self { tokens: most, most, a_second, at: Nanoseconds(0) }
    }

    fn take(&mut self, now: Nanoseconds) -> bool {
        let elapsed_s = now.0.saturating_sub(self.at.0) as f64 / (1000 * MILLISECOND_NS) as f64;
        self.at = now;
        self.tokens = (self.tokens + elapsed_s * self.a_second).min(self.most);
        let is_allowed = self.tokens >= 1.0;
        self.tokens -= if is_allowed { 1.0 } else { 0.0 };
        is_allowed
    }
}

/// What came through the door, for the session's summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct GateCounts {
    /// Passed on to the loop.
    pub accepted: u64,
    /// Refused, for whatever reason.
    pub refused: u64,
}

/// Checks intents. Bounded memory and work a message; runs on the transport's
/// thread, never on the navigation loop's.
#[derive(Debug)]
pub struct Gate {
    key: IntentKey,
    session: u64,
    messages: Bucket,
    intents: Bucket,
    senders: Vec<(u64, u64)>,
    counts: GateCounts,
}

impl Gate {
    /// The door of a session.
    #[must_use]
    pub fn new(key: IntentKey, session: u64, limits: GateLimits) -> Self {
        Self {
            key,
            session,
            messages: Bucket::new(limits.messages_hz, limits.messages_hz),
            intents: Bucket::new(limits.intents_hz, limits.burst),
            senders: Vec::new(),
            counts: GateCounts::default(),
        }
    }

    /// Looks at a message and hands what is right to `tell`, which says
    /// whether the loop took it.
    ///
    /// # Errors
    /// [`Refused`]; the loop was told nothing.
    pub fn take(&mut self, bytes: &[u8], now: Nanoseconds, tell: impl FnOnce(Intent) -> bool) -> Result<(), Refused> {
        let outcome =
            self.check(bytes, now).and_then(|intent| if tell(intent) { Ok(()) } else { Err(Refused::QueueFull) });
        *if outcome.is_ok() { &mut self.counts.accepted } else { &mut self.counts.refused } += 1;
        outcome
    }

    /// What came so far.
    #[must_use]
    pub const fn counts(&self) -> GateCounts {
        self.counts
    }

    fn check(&mut self, bytes: &[u8], now: Nanoseconds) -> Result<Intent, Refused> {
        if !self.messages.take(now) {
            return Err(Refused::TooMany);
        }
        let sent = SentIntent::decode(bytes, &self.key)?.ok_or(Refused::ReadOnly)?;
        if sent.session != self.session {
            return Err(Refused::OtherSession);
        }
        let is_full = self.senders.len() >= MOST_SENDERS;
        match self.senders.iter_mut().find(|(sender, _)| *sender == sent.sender) {
            Some((_, last)) if sent.number <= *last => return Err(Refused::Repeated),
            Some((_, last)) => *last = sent.number,
            None if is_full => return Err(Refused::Senders),
            None => self.senders.push((sent.sender, sent.number)),
        }
        // Last, so that an observer's messages cannot use up a viewer's share.
        if self.intents.take(now) { Ok(sent.intent.for_loop()) } else { Err(Refused::TooMany) }
    }
}

#[cfg(test)]
#[path = "gate_test.rs"]
mod tests;
