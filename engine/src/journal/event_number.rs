//! Session events by number.

use crate::register::Verdict;
use crate::safety::{DegradedReason, Event};

/// In the order of their numbers, from 0. Numbers are never used again.
const EVENTS: [Event; 25] = [
    Event::ImageReady,
    Event::Registered(Verdict::Accept),
    Event::Registered(Verdict::Doubtful),
    Event::Registered(Verdict::Reject),
    Event::Restored(Verdict::Accept),
    Event::Restored(Verdict::Doubtful),
    Event::Restored(Verdict::Reject),
    Event::CheckPassed,
    Event::CheckFailed,
    Event::DriftFound,
    Event::ReferenceChanged,
    Event::ToolGeometryChanged,
    Event::RegistrationWithdrawn,
    Event::TrackingGood,
    Event::TrackingBad(DegradedReason::ToolLost),
    Event::TrackingBad(DegradedReason::ReferenceLost),
    Event::TrackingBad(DegradedReason::StreamFault),
    Event::TrackingBad(DegradedReason::ClockJumped),
    Event::TrackingBad(DegradedReason::Drift),
    Event::TrackingBad(DegradedReason::CheckFailed),
    Event::Stop,
    Event::Restarted,
    Event::TrackingBad(DegradedReason::Doubtful),
    Event::TrackingBad(DegradedReason::Restarted),
    Event::TrackingBad(DegradedReason::Moved),
];

/// The number of an event; 255 for one this schema does not have, which a
/// reader refuses instead of replaying something else.
pub(super) fn number(event: Event) -> u8 {
    EVENTS.iter().position(|e| *e == event).and_then(|i| u8::try_from(i).ok()).unwrap_or(u8::MAX)
}

/// The event of a number.
pub(super) fn event(number: u8) -> Option<Event> {
    EVENTS.get(usize::from(number)).copied()
}
