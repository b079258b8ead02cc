//! Every event in every state.

use super::*;

const EVENTS: [Event; 16] = [
    Event::ImageReady,
    Event::Registered(Verdict::Accept),
    Event::Registered(Verdict::Doubtful),
    Event::Registered(Verdict::Reject),
    Event::Restored(Verdict::Accept),
    Event::Restored(Verdict::Reject),
    Event::Restarted,
    Event::CheckPassed,
    Event::CheckFailed,
    Event::DriftFound,
    Event::ReferenceChanged,
    Event::ToolGeometryChanged,
    Event::RegistrationWithdrawn,
    Event::TrackingGood,
    Event::TrackingBad(DegradedReason::ToolLost),
    Event::Stop,
];

/// A state reached without a cause that a later registration would have to
/// answer for: none, image, restored (image with a registration to check),
/// accepted, doubtful, started again, navigating, lost tool, drift, failed
/// check, registered after a movement, stopped.
fn state(letter: char) -> Session {
    let of = |state| Session { state, ..Session::default() };
    let degraded = |reason| of(SessionState::Degraded(reason));
    match letter {
        'n' => of(SessionState::NoImage),
        'i' => of(SessionState::Segmented),
        'r' => Session { restored: Some(Verdict::Accept), ..of(SessionState::Segmented) },
        'a' => of(SessionState::Registered(Verdict::Accept)),
        'd' => degraded(DegradedReason::Doubtful),
        'b' => degraded(DegradedReason::Restarted),
        'g' => of(SessionState::Navigating),
        'l' => degraded(DegradedReason::ToolLost),
        'm' => degraded(DegradedReason::Drift),
        'f' => degraded(DegradedReason::CheckFailed),
        'v' => degraded(DegradedReason::Moved),
        's' => of(SessionState::Stopped),
        _ => unreachable!("no such letter"),
    }
}

#[test]
fn every_event_in_every_state_does_what_the_table_says() {
    // One row a state, one letter an event in the order of `EVENTS`;
    // a dot is a refusal.
    let table = [
        ('n', "i..............s"),
        ('i', "iadir.i...iii..s"),
        ('r', "iadir.rai.iii..s"),
        ('a', "iadir.bafmiiigas"),
        ('d', "iadir.bgfmiiidds"),
        ('b', "iadir.bgfmiiibbs"),
        ('g', "iadir.bgfmiiigls"),
        ('l', "iadir.blfmiiigls"),
        ('m', "iadir.bgfmiiimms"),
        ('f', "iadir.bgfmiiiffs"),
        ('v', "iadir.bgfmiiivvs"),
        ('s', "................"),
    ];
    for (from, row) in table {
        for (event, expected) in EVENTS.into_iter().zip(row.chars()) {
            let mut session = state(from);
            let result = session.apply(event);
            if expected == '.' {
                assert_eq!(result, Err(RefusedEvent { state: state(from).state(), event }), "{event:?} in {from}");
                assert_eq!(session, state(from), "a refused event changes nothing");
            } else {
                session.owed = None;
                assert_eq!((session, result), (state(expected), Ok(state(expected).state())), "{event:?} in {from}");
            }
        }
    }
}

/// What a session has been through, kept apart from how it is told.
#[derive(Default)]
struct Past {
    is_registered: bool,
    is_restored: bool,
    /// Something since the last passed check that only a check can settle.
    owes_check: bool,
    is_doubtful: bool,
}

impl Past {
    fn after(&mut self, event: Event) {
        match event {
            Event::Registered(verdict) => {
                (self.is_registered, self.is_restored) = (verdict != Verdict::Reject, false);
                self.is_doubtful = verdict == Verdict::Doubtful;
            }
            Event::Restored(_) => (self.is_registered, self.is_restored, self.owes_check) = (false, true, true),
            Event::CheckPassed => {
                self.is_registered |= self.is_restored;
                (self.is_restored, self.owes_check, self.is_doubtful) = (false, false, false);
            }
            Event::ReferenceChanged => *self = Self { owes_check: true, ..Self::default() },
            Event::ImageReady | Event::ToolGeometryChanged | Event::RegistrationWithdrawn => {
                (self.is_registered, self.is_restored) = (false, false);
            }
            Event::CheckFailed => (self.is_restored, self.owes_check) = (false, true),
            Event::Restarted | Event::DriftFound => self.owes_check = true,
            _ => {}
        }
    }
}

#[test]
fn nothing_navigates_without_an_image_a_registration_that_holds_and_the_check_it_owes() {
    // Every sequence of five events.
    for code in 0..EVENTS.len().pow(5) {
        let (mut session, mut past) = (Session::default(), Past::default());
        for step in 0..5 {
            let event = EVENTS[code / EVENTS.len().pow(step) % EVENTS.len()];
            if session.apply(event).is_err() {
                continue;
            }
            past.after(event);
            let shows = match session.state() {
                SessionState::Navigating | SessionState::Registered(_) => true,
                SessionState::Degraded(reason) => !reason.needs_check(),
                _ => false,
            };
            let may_show = past.is_registered && !past.owes_check && !past.is_doubtful;
            assert!(!shows || may_show, "{code}: {event:?}");
        }
    }
}

#[test]
fn after_a_restart_only_a_passed_landmark_check_registers() {
    let mut session = Session::default();
    session.apply(Event::ImageReady).unwrap();
    session.apply(Event::Restored(Verdict::Accept)).unwrap();
    assert!(session.awaits_check());
    assert!(session.apply(Event::TrackingGood).is_err());
    assert_eq!(session.state(), SessionState::Segmented);
    assert_eq!(session.apply(Event::CheckPassed), Ok(SessionState::Registered(Verdict::Accept)));
    assert_eq!(session.apply(Event::TrackingGood), Ok(SessionState::Navigating));
}

/// Where an accepted registration leads after `events`.
fn registered_after(events: &[Event]) -> Session {
    let mut session = Session::default();
    session.apply(Event::ImageReady).unwrap();
    for event in events {
        session.apply(*event).unwrap();
    }
    session.apply(Event::Registered(Verdict::Accept)).unwrap();
    session
}

#[test]
fn a_registration_after_a_bump_a_failed_check_or_a_restart_must_be_checked() {
    let accepted = Event::Registered(Verdict::Accept);
    for (events, reason) in [
        (&[accepted, Event::DriftFound][..], DegradedReason::Moved),
        (&[accepted, Event::CheckFailed], DegradedReason::Moved),
        (&[accepted, Event::ReferenceChanged], DegradedReason::Moved),
        (&[accepted, Event::DriftFound, Event::Registered(Verdict::Reject)], DegradedReason::Moved),
        (&[Event::Restarted], DegradedReason::Restarted),
        (&[Event::Restored(Verdict::Accept)], DegradedReason::Restarted),
    ] {
        let mut session = registered_after(events);
        assert_eq!(session.state(), SessionState::Degraded(reason), "{events:?}");
        session.apply(Event::TrackingGood).unwrap();
        assert!(session.awaits_check());
        assert_eq!(session.apply(Event::CheckPassed), Ok(SessionState::Navigating));
        assert_eq!(session.apply(accepted), Ok(SessionState::Registered(Verdict::Accept)), "checked once is enough");
    }
    assert_eq!(registered_after(&[accepted]).state(), SessionState::Registered(Verdict::Accept));
}
