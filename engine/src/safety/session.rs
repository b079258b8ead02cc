//! The steps of a session, and which may follow which.
//!
//! | state | poses are shown | left by |
//! |---|---|---|
//! | `NoImage` | no | a segmented CT |
//! | `Segmented` | no | an accepted registration, or a landmark check that confirms a restored one |
//! | `Registered` | no | the first trustworthy pose |
//! | `Navigating` | yes | tracking lost, drift, a failed check, anything that voids the registration |
//! | `Degraded` | no | the cause gone; after drift or a failed check only by a passed check or a new registration |
//! | `Stopped` | no | nothing |
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
}

impl DegradedReason {
    /// True when good tracking alone cannot end it.
    #[must_use]
    pub const fn needs_check(self) -> bool {
        matches!(self, Self::Drift | Self::CheckFailed)
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
    /// A registration was accepted, with this verdict; never `Reject`.
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
    /// landmark check.
    Restored(Verdict),
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
}

impl Default for Session {
    fn default() -> Self {
        Self { state: SessionState::NoImage, restored: None }
    }
}

impl Session {
    /// The current state.
    #[must_use]
    pub const fn state(self) -> SessionState {
        self.state
    }

    /// True when a landmark check is all that is missing: after a restart,
    /// after drift, after a failed check.
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
        use Event as E;
        use SessionState as S;
        let state = self.state;
        let next = match (state, event) {
            (S::Stopped, _) => None,
            (_, E::Stop) => Some(S::Stopped),
            (_, E::ImageReady) => Some(S::Segmented),
            (S::NoImage, _) => None,
            (_, E::Registered(Verdict::Reject)) => Some(S::Segmented),
            (_, E::Registered(verdict)) => Some(S::Registered(verdict)),
            (S::Segmented, E::Restored(Verdict::Reject)) => None,
            (S::Segmented, E::Restored(_)) => Some(S::Segmented),
            (S::Segmented, E::CheckPassed) => self.restored.map(S::Registered),
            (S::Segmented, E::CheckFailed) => self.restored.map(|_| S::Segmented),
            (_, E::ReferenceChanged | E::ToolGeometryChanged | E::RegistrationWithdrawn) => Some(S::Segmented),
            (S::Segmented, _) | (_, E::Restored(_)) => None,
            // From here on something is registered.
            (_, E::DriftFound) => Some(S::Degraded(DegradedReason::Drift)),
            (_, E::CheckFailed) => Some(S::Degraded(DegradedReason::CheckFailed)),
            (S::Degraded(reason), E::CheckPassed) if reason.needs_check() => Some(S::Navigating),
            (_, E::CheckPassed) => Some(state),
            (S::Degraded(reason), E::TrackingGood | E::TrackingBad(_)) if reason.needs_check() => Some(state),
            (_, E::TrackingGood) => Some(S::Navigating),
            (S::Registered(_), E::TrackingBad(_)) => Some(state),
            (_, E::TrackingBad(reason)) => Some(S::Degraded(reason)),
        };
        let next = next.ok_or(RefusedEvent { state, event })?;
        self.restored = match (event, next) {
            (E::Restored(verdict), _) => Some(verdict),
            (E::TrackingGood | E::TrackingBad(_), _) => self.restored,
            _ => None,
        };
        self.state = next;
        Ok(next)
    }
}

#[cfg(test)]
#[path = "session_test.rs"]
mod tests;
