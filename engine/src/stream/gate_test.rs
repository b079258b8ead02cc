//! Nobody but a viewer of this session changes what a surgeon sees.

use super::super::intent::{MOST_INTENT_BYTES, ViewerIntent};
use super::*;
use crate::register::random::Random;
use crate::safety::Event;
use geom::Point;

const SESSION: u64 = 0xfeed;

fn key() -> IntentKey {
    IntentKey::from_bytes([7; 32])
}

fn gate() -> Gate {
    Gate::new(key(), SESSION, GateLimits::default())
}

fn sent(number: u64, intent: ViewerIntent) -> SentIntent {
    SentIntent { session: SESSION, sender: 3, number, intent }
}

const ALL: [ViewerIntent; 6] = [
    ViewerIntent::CheckLandmark(Point::new(1.0, -2.0, 1e3)),
    ViewerIntent::AcknowledgeTools,
    ViewerIntent::WithdrawRegistration,
    ViewerIntent::ReferenceChanged,
    ViewerIntent::ToolGeometryChanged,
    ViewerIntent::Stop,
];

#[test]
fn every_intent_of_a_viewer_reaches_the_loop_once() {
    let (mut gate, mut told) = (gate(), Vec::new());
    for (number, intent) in (1..).zip(ALL) {
        let frame = sent(number, intent).encode(&key());
        assert!(frame.as_slice().len() <= MOST_INTENT_BYTES);
        let mut tell = |intent| {
            told.push(intent);
            true
        };
        assert_eq!(gate.take(frame.as_slice(), Nanoseconds(0), &mut tell), Ok(()));
        assert_eq!(gate.take(frame.as_slice(), Nanoseconds(0), &mut tell), Err(Refused::Repeated));
    }
    assert_eq!(told, ALL.map(ViewerIntent::for_loop));
    assert_eq!(gate.counts(), GateCounts { accepted: 6, refused: 6 });
}

#[test]
fn an_observer_without_the_key_changes_nothing() {
    let wrong = sent(1, ViewerIntent::Stop).encode(&IntentKey::from_bytes([8; 32]));
    let never = |_| panic!("the loop was told");
    assert_eq!(gate().take(wrong.as_slice(), Nanoseconds(0), never), Err(Refused::ReadOnly));
    let unsigned = &wrong.as_slice()[..wrong.as_slice().len() - 32];
    assert!(gate().take(unsigned, Nanoseconds(0), never).is_err());
    // An intent that was overheard and sent again to the next session.
    let old = SentIntent { session: 1, ..sent(1, ViewerIntent::Stop) }.encode(&key());
    assert_eq!(gate().take(old.as_slice(), Nanoseconds(0), never), Err(Refused::OtherSession));
}

#[test]
fn landmarks_outside_any_ct_and_unknown_codes_are_refused() {
    let never = |_| panic!("the loop was told");
    for place in [f64::NAN, f64::INFINITY, 1e5] {
        let frame = sent(1, ViewerIntent::CheckLandmark(Point::new(0.0, place, 0.0))).encode(&key());
        let outcome = gate().take(frame.as_slice(), Nanoseconds(0), never);
        assert_eq!(outcome, Err(Refused::Frame(FrameError::Content("a landmark does not lie in any CT"))));
    }
    for code in [0, 7, 255] {
        let mut bytes = sent(1, ViewerIntent::Stop).encode(&key()).as_slice().to_vec();
        bytes.truncate(32);
        bytes.push(code);
        let signature = key().sign(&bytes);
        bytes.extend(signature);
        let outcome = gate().take(&bytes, Nanoseconds(0), never);
        assert_eq!(outcome, Err(Refused::Frame(FrameError::Content("there is no such intent"))));
    }
}

#[test]
fn a_flood_is_cut_off_and_passes_when_it_ends() {
    let (mut gate, mut accepted) = (gate(), 0);
    let mut number = 0;
    let mut send = |at_ms: u64| {
        number += 1;
        let frame = sent(number, ViewerIntent::AcknowledgeTools).encode(&key());
        gate.take(frame.as_slice(), Nanoseconds(at_ms * MILLISECOND_NS), |_| true)
    };
    for at_ms in 0..1000 {
        accepted += u64::from(send(at_ms).is_ok());
    }
    // Ten at once and ten a second.
    assert!((19..=20).contains(&accepted), "{accepted}");
    assert_eq!(send(3000), Ok(()));
}

#[test]
fn a_flood_without_a_key_is_not_even_looked_at_for_long() {
    let mut gate = gate();
    let wrong = sent(1, ViewerIntent::Stop).encode(&IntentKey::from_bytes([8; 32]));
    let outcomes: Vec<_> = (0..1000).map(|_| gate.take(wrong.as_slice(), Nanoseconds(0), |_| true)).collect();
    assert_eq!(outcomes.iter().filter(|o| **o == Err(Refused::ReadOnly)).count(), 200);
    assert!(outcomes.ends_with(&[Err(Refused::TooMany)]));
}

#[test]
fn a_loop_that_is_busy_is_said() {
    let frame = sent(1, ViewerIntent::Stop).encode(&key());
    assert_eq!(gate().take(frame.as_slice(), Nanoseconds(0), |_| false), Err(Refused::QueueFull));
}

/// Damaged bytes, and forged ones with the right key (as if a viewer had gone
/// mad): nothing but the six intents ever reaches the loop, none damages the
/// door. `SPINENAV_FUZZ` sets the number.
#[test]
fn damaged_and_forged_intents_tell_the_loop_nothing_it_may_not_hear() {
    let count: u64 = std::env::var("SPINENAV_FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let limits = GateLimits { intents_hz: 1e9, burst: 1e9, messages_hz: 1e9 };
    let mut random = Random::new(9);
    let (mut told, mut damaged_told) = (0u64, 0u64);
    for number in 1..=count {
        // A door of its own: a forged number must not hide what follows.
        let mut gate = Gate::new(key(), SESSION, limits);
        let intent = ALL[random.below(ALL.len())];
        let mut bytes = sent(number, intent).encode(&key()).as_slice().to_vec();
        for _ in 0..random.below(3) {
            let place = random.below(bytes.len());
            bytes[place] = random.bits() as u8;
        }
        let length = if random.below(4) == 0 { random.below(bytes.len() + 1) } else { bytes.len() };
        bytes.resize(length, 0);
        let is_forged = random.below(2) == 0 && bytes.len() > 32;
        if is_forged {
            bytes.truncate(bytes.len() - 32);
            let signature = key().sign(&bytes);
            bytes.extend(signature);
        }
        let is_whole = bytes == sent(number, intent).encode(&key()).as_slice();
        let outcome = gate.take(&bytes, Nanoseconds(0), |intent| {
            let is_allowed = match intent {
                Intent::CheckLandmark(place) => place.to_array().iter().all(|mm| mm.abs() <= 10_000.0),
                Intent::Event(event) => matches!(
                    event,
                    Event::RegistrationWithdrawn | Event::ReferenceChanged | Event::ToolGeometryChanged | Event::Stop
                ),
                Intent::AcknowledgeTools => true,
                Intent::Outside(_) => false,
            };
            assert!(is_allowed, "{intent:?}");
            true
        });
        told += u64::from(outcome.is_ok());
        damaged_told += u64::from(outcome.is_ok() && !is_whole && !is_forged);
    }
    assert_eq!(damaged_told, 0, "a damaged intent was believed");
    assert!(told > count / 10, "{told}");
}
