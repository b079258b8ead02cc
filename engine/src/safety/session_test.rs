//! Every event in every state.

use super::*;

const EVENTS: [Event; 15] = [
    Event::ImageReady,
    Event::Registered(Verdict::Accept),
    Event::Registered(Verdict::Doubtful),
    Event::Registered(Verdict::Reject),
    Event::Restored(Verdict::Accept),
    Event::Restored(Verdict::Reject),
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

/// The states by letter: none, image, restored (image with a registration to
/// check), accepted, doubtful, navigating, lost tool, drift, failed check,
/// stopped.
fn state(letter: char) -> Session {
    let of = |state| Session { state, restored: None };
    match letter {
        'n' => of(SessionState::NoImage),
        'i' => of(SessionState::Segmented),
        'r' => Session { state: SessionState::Segmented, restored: Some(Verdict::Accept) },
        'a' => of(SessionState::Registered(Verdict::Accept)),
        'd' => of(SessionState::Registered(Verdict::Doubtful)),
        'g' => of(SessionState::Navigating),
        'l' => of(SessionState::Degraded(DegradedReason::ToolLost)),
        'm' => of(SessionState::Degraded(DegradedReason::Drift)),
        'f' => of(SessionState::Degraded(DegradedReason::CheckFailed)),
        's' => of(SessionState::Stopped),
        _ => unreachable!("no such letter"),
    }
}

#[test]
fn every_event_in_every_state_does_what_the_table_says() {
    // One row a state, one letter an event in the order of `EVENTS`;
    // a dot is a refusal.
    let table = [
        ('n', "i.............s"),
        ('i', "iadir....iii..s"),
        ('r', "iadir.ai.iii..s"),
        ('a', "iadi..afmiiigas"),
        ('d', "iadi..dfmiiigds"),
        ('g', "iadi..gfmiiigls"),
        ('l', "iadi..lfmiiigls"),
        ('m', "iadi..gfmiiimms"),
        ('f', "iadi..gfmiiiffs"),
        ('s', "..............."),
    ];
    for (from, row) in table {
        for (event, expected) in EVENTS.into_iter().zip(row.chars()) {
            let mut session = state(from);
            let result = session.apply(event);
            if expected == '.' {
                assert_eq!(result, Err(RefusedEvent { state: state(from).state(), event }), "{event:?} in {from}");
                assert_eq!(session, state(from), "a refused event changes nothing");
            } else {
                assert_eq!((session, result), (state(expected), Ok(state(expected).state())), "{event:?} in {from}");
            }
        }
    }
}

#[test]
fn nothing_navigates_without_an_image_and_a_registration_that_still_holds() {
    // Every sequence of five events: Navigating is reached only behind a
    // registration that nothing has voided since.
    for code in 0..EVENTS.len().pow(5) {
        let (mut session, mut restored, mut is_registered) = (Session::default(), false, false);
        for step in 0..5 {
            let event = EVENTS[code / EVENTS.len().pow(step) % EVENTS.len()];
            if session.apply(event).is_err() {
                continue;
            }
            match event {
                Event::Registered(verdict) => (is_registered, restored) = (verdict != Verdict::Reject, false),
                Event::Restored(_) => restored = true,
                Event::CheckPassed => (is_registered, restored) = (is_registered || restored, false),
                Event::ImageReady
                | Event::ReferenceChanged
                | Event::ToolGeometryChanged
                | Event::RegistrationWithdrawn => (is_registered, restored) = (false, false),
                Event::CheckFailed => restored = false,
                _ => {}
            }
            assert!(session.state() != SessionState::Navigating || is_registered, "{code}");
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
}
