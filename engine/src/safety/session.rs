//! The steps of a session, and which may follow which.
//!
//! | state | poses are shown | left by |
//! |---|---|---|
//! | `NoImage` | no | a segmented CT |
//! | `Segmented` | no | a registration that was not rejected, or a landmark check that confirms a restored one |
//! | `Registered` | yes | the first trustworthy pose |
//! | `Navigating` | yes | tracking lost, drift, a failed check, anything that voids the registration |
//! | `Degraded` | stale ones, and none where a check is needed | the cause gone; where a check is needed only by a passed one |
//! | `Stopped` | no | nothing |
//!
//! A registration shows poses at once only when its verdict is `Accept` and
//! nothing speaks against it. One that is doubtful, that was made after a
//! restart, or that was made after the reference moved or a check failed, leads
//! to `Degraded` with a reason that only a passed landmark check ends.
//!
//! An event that makes no sense in a state is refused and changes nothing.

use std::fmt;

use thiserror::Error;

use crate::register::Verdict;

/// Why poses are withheld in a registered session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DegradedReason {
    /// No instrument gives a trustworthy pose.
    ToolLost,
    /// The patient reference gives no trustworthy pose.
    ReferenceLost,
    /// The stream itself is at fault: silent, repeated, out of order.
    StreamFault,
    /// The tracker's clock jumped.
    ClockJumped,
    /// The reference moved against the bone. Stays until a landmark check passes.
    Drift,
    /// A landmark check failed. Stays until one passes.
    CheckFailed,
    /// The registration is doubtful. Stays until a landmark check passes.
    Doubtful,
    /// The program was started again: patient and reference may have moved
    /// meanwhile. Stays until a landmark check passes.
    Restarted,
    /// Registered after the reference moved or a check failed: what was loose
    /// may still be. Stays until a landmark check passes.
    Moved,
}

impl DegradedReason {
    /// All reasons, in a fixed order: numbers in journals count from it.
    pub const ALL: [Self; 9] = [
        Self::ToolLost,
        Self::ReferenceLost,
        Self::StreamFault,
        Self::ClockJumped,
        Self::Drift,
        Self::CheckFailed,
        Self::Doubtful,
        Self::Restarted,
        Self::Moved,
    ];

    /// True when good tracking alone cannot end it: a landmark check must pass.
    #[must_use]
    pub const fn needs_check(self) -> bool {
        matches!(self, Self::Drift | Self::CheckFailed | Self::Doubtful | Self::Restarted | Self::Moved)
    }

    /// A few words for the screen.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::ToolLost => "no tool is live",
            Self::ReferenceLost => "the patient reference is not trustworthy",
            Self::StreamFault => "the tracker's stream is at fault",
            Self::ClockJumped => "the tracker's clock jumped",
            Self::Drift => "the reference moved against the bone: check a landmark",
            Self::CheckFailed => "the landmark check failed: check again or register again",
            Self::Doubtful => "the registration is doubtful: check landmarks",
            Self::Restarted => "the program was started again: check landmarks",
            Self::Moved => "registered after something had moved: check landmarks",
        }
    }
}

/// Where the session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// No CT has been loaded.
    NoImage,
    /// A segmented CT is there; nothing is registered.
    Segmented,
    /// Registered with this verdict, never `Reject`; a doubtful one has passed
    /// its landmark check.
    Registered(Verdict),
    /// Poses are shown.
    Navigating,
    /// Poses are withheld until the cause is gone.
    Degraded(DegradedReason),
    /// Ended; a new session must be started.
    Stopped,
}

impl fmt::Display for SessionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoImage => f.write_str("no image"),
            Self::Segmented => f.write_str("segmented, not registered"),
            Self::Registered(verdict) => write!(f, "registered, {verdict}"),
            Self::Navigating => f.write_str("navigating"),
            Self::Degraded(reason) => write!(f, "degraded: {}", reason.words()),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}

/// What can happen to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A CT was segmented, the first or another one; anything registered
    /// before is void.
    ImageReady,
    /// A registration was made. A rejected one voids what was there.
    Registered(Verdict),
    /// A registration of an earlier run was read back; it counts only after a
    /// landmark check, and voids any other.
    Restored(Verdict),
    /// The program was started again in the middle of an operation: whatever is
    /// registered counts only after a landmark check.
    Restarted,
    /// A landmark was touched and lay where the registration says.
    CheckPassed,
    /// A landmark was touched and lay elsewhere.
    CheckFailed,
    /// The reference moved against the bone.
    DriftFound,
    /// The patient reference was exchanged or fixed anew: registration void.
    ReferenceChanged,
    /// An instrument's geometry changed: registration void, as it was made
    /// with the old one.
    ToolGeometryChanged,
    /// The user takes the registration back.
    RegistrationWithdrawn,
    /// Reference and tool give trustworthy poses.
    TrackingGood,
    /// They do not.
    TrackingBad(DegradedReason),
    /// The user ended the session.
    Stop,
}

/// An event that makes no sense in the current state.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("{event:?} cannot follow {state:?}; the session stays as it was")]
pub struct RefusedEvent {
    /// The state it met.
    pub state: SessionState,
    /// The event.
    pub event: Event,
}

/// The session's state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    state: SessionState,
    /// Verdict of a registration read back after a restart and not yet checked.
    restored: Option<Verdict>,
    /// Why the next registration needs a check even when it is accepted; until
    /// one passes.
    owed: Option<DegradedReason>,
}

impl Default for Session {
    fn default() -> Self {
        Self { state: SessionState::NoImage, restored: None, owed: None }
    }
}

impl Session {
    /// The current state.
    #[must_use]
    pub const fn state(self) -> SessionState {
        self.state
    }

    /// True when a landmark check is all that is missing before poses are
    /// shown.
    #[must_use]
    pub const fn awaits_check(self) -> bool {
        match self.state {
            SessionState::Segmented => self.restored.is_some(),
            SessionState::Degraded(reason) => reason.needs_check(),
            _ => false,
        }
    }

    /// Applies an event.
    ///
    /// # Errors
    /// [`RefusedEvent`] when the event may not follow the state; the state
    /// stays.
    pub fn apply(&mut self, event: Event) -> Result<SessionState, RefusedEvent> {
        let next = self.next(event).ok_or(RefusedEvent { state: self.state, event })?;
        match event {
            Event::TrackingGood | Event::TrackingBad(_) => {}
            Event::Restored(verdict) => self.restored = Some(verdict),
            // A restart in the middle of a check leaves it to be passed.
            Event::Restarted => {}
            _ => self.restored = None,
        }
        match event {
            Event::CheckPassed => self.owed = None,
            Event::Restored(_) | Event::Restarted => self.owed = Some(DegradedReason::Restarted),
            Event::DriftFound | Event::ReferenceChanged | Event::CheckFailed => self.owed = Some(DegradedReason::Moved),
            _ => {}
        }
        self.state = next;
        Ok(next)
    }

    /// The state that follows; `None` where the event makes no sense.
    fn next(self, event: Event) -> Option<SessionState> {
        use Event as E;
        use SessionState as S;
        let state = self.state;
        match (state, event) {
            (S::Stopped, _) => None,
            (_, E::Stop) => Some(S::Stopped),
            (_, E::ImageReady) => Some(S::Segmented),
            (S::NoImage, _) | (_, E::Restored(Verdict::Reject)) => None,
            (_, E::Registered(verdict)) => Some(self.registered(verdict)),
            (_, E::Restored(_)) | (S::Segmented, E::Restarted) => Some(S::Segmented),
            (S::Segmented, E::CheckPassed) => self.restored.map(S::Registered),
            (S::Segmented, E::CheckFailed) => self.restored.map(|_| S::Segmented),
            (_, E::ReferenceChanged | E::ToolGeometryChanged | E::RegistrationWithdrawn) => Some(S::Segmented),
            (S::Segmented, _) => None,
            // From here on something is registered.
            (_, E::Restarted) => Some(S::Degraded(DegradedReason::Restarted)),
            (_, E::DriftFound) => Some(S::Degraded(DegradedReason::Drift)),
            (_, E::CheckFailed) => Some(S::Degraded(DegradedReason::CheckFailed)),
            (S::Degraded(reason), E::CheckPassed) if reason.needs_check() => Some(S::Navigating),
            (_, E::CheckPassed) => Some(state),
            (S::Degraded(reason), E::TrackingGood | E::TrackingBad(_)) if reason.needs_check() => Some(state),
            (_, E::TrackingGood) => Some(S::Navigating),
            (S::Registered(_), E::TrackingBad(_)) => Some(state),
            (_, E::TrackingBad(reason)) => Some(S::Degraded(reason)),
        }
    }

    /// Where a registration leads: what is owed, or doubtful, needs a check.
    fn registered(self, verdict: Verdict) -> SessionState {
        match (verdict, self.owed) {
            (Verdict::Reject, _) => SessionState::Segmented,
            (_, Some(owed)) => SessionState::Degraded(owed),
            (Verdict::Doubtful, None) => SessionState::Degraded(DegradedReason::Doubtful),
            (Verdict::Accept, None) => SessionState::Registered(verdict),
        }
    }
}

#[cfg(test)]
#[path = "session_test.rs"]
mod tests;
