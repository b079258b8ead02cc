//! The steps of a session, and which may follow which.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Where the session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionState {
    /// No CT has been loaded.
    NoImage,
    /// A segmented CT is there; nothing is registered.
    Segmented,
    /// A registration was accepted.
    Registered,
    /// Poses are shown.
    Navigating,
    /// Poses are withheld until the cause is gone.
    Degraded,
    /// Ended; a new session must be started.
    Stopped,
}

/// What can happen to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A CT was segmented; anything registered before is void.
    ImageReady,
    /// A registration with an accepting verdict was made.
    RegistrationAccepted,
    /// The registration no longer holds: reference moved, image changed.
    RegistrationVoid,
    /// The first trustworthy pose arrived.
    TrackingGood,
    /// No trustworthy pose for too long.
    TrackingBad,
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
pub struct Session(SessionState);

impl Default for Session {
    fn default() -> Self {
        Self(SessionState::NoImage)
    }
}

impl Session {
    /// The current state.
    #[must_use]
    pub const fn state(self) -> SessionState {
        self.0
    }

    /// Applies an event.
    ///
    /// # Errors
    /// [`RefusedEvent`] when the event may not follow the state; the state
    /// stays.
    pub fn apply(&mut self, event: Event) -> Result<SessionState, RefusedEvent> {
        use Event as E;
        use SessionState as S;
        let next = match (self.0, event) {
            (S::Stopped, _) => None,
            (_, E::Stop) => Some(S::Stopped),
            (_, E::ImageReady) => Some(S::Segmented),
            (S::NoImage, _) => None,
            (_, E::RegistrationAccepted) => Some(S::Registered),
            (_, E::RegistrationVoid) => Some(S::Segmented),
            (S::Registered | S::Degraded, E::TrackingGood) => Some(S::Navigating),
            (S::Navigating, E::TrackingGood) => Some(S::Navigating),
            (S::Navigating, E::TrackingBad) => Some(S::Degraded),
            (s @ (S::Registered | S::Degraded), E::TrackingBad) => Some(s),
            (S::Segmented, E::TrackingGood | E::TrackingBad) => None,
        };
        self.0 = next.ok_or(RefusedEvent { state: self.0, event })?;
        Ok(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 6] = [
        Event::ImageReady,
        Event::RegistrationAccepted,
        Event::RegistrationVoid,
        Event::TrackingGood,
        Event::TrackingBad,
        Event::Stop,
    ];

    #[test]
    fn nothing_navigates_without_an_image_and_an_accepted_registration() {
        // Every sequence of five events: Navigating is reached only behind
        // an accepted registration that nothing has voided since.
        for code in 0..6usize.pow(5) {
            let (mut session, mut is_registered) = (Session::default(), false);
            for step in 0..5 {
                let event = EVENTS[code / 6usize.pow(step) % 6];
                if session.apply(event).is_ok() {
                    is_registered = match event {
                        Event::RegistrationAccepted => true,
                        Event::ImageReady | Event::RegistrationVoid => false,
                        _ => is_registered,
                    };
                }
                assert!(session.state() != SessionState::Navigating || is_registered);
            }
        }
    }

    #[test]
    fn a_stopped_session_stays_stopped() {
        let mut session = Session(SessionState::Stopped);
        assert!(EVENTS.iter().all(|e| session.apply(*e).is_err()));
    }

    #[test]
    fn lost_tracking_withholds_poses_until_it_is_good_again() {
        let mut session = Session(SessionState::Navigating);
        assert_eq!(session.apply(Event::TrackingBad).unwrap(), SessionState::Degraded);
        assert_eq!(session.apply(Event::TrackingGood).unwrap(), SessionState::Navigating);
    }
}
