//! A viewer shows what the engine said, or nothing.

use super::*;
use crate::level::Level;
use crate::register::random::Random;
use crate::safety::{Alarm, Alarms, SessionState, ToolReason};
use crate::track::{ToolId, ToolList};
use geom::{Nanoseconds, Transform, Vector};

fn snapshot(tools: u16) -> Snapshot {
    let mut list = ToolList::default();
    for id in 0..tools {
        let view = ToolView {
            id: ToolId(id),
            state: ToolState::Live,
            reason: None,
            measured: Nanoseconds(5),
            ct_from_tip: Some(Transform::from_translation(Vector::new(f64::from(id), 1.0 / 3.0, -2.0))),
            bone_distance_mm: Some(1.5),
            nearest_level: Level::from_number(22),
            predicted_tre_mm: Some(0.7),
            ..ToolView::default()
        };
        assert!(list.push(view));
    }
    Snapshot {
        sequence: 9,
        published: Nanoseconds(7),
        session: SessionState::Navigating,
        reference: ToolState::Live,
        alarms: Alarms::default().with(Alarm::Delayed),
        tools: list,
        ..Snapshot::default()
    }
}

#[test]
fn a_snapshot_of_any_number_of_tools_comes_back_bit_for_bit() {
    for tools in 0..=8 {
        let frame = encode_snapshot(77, 3, &snapshot(tools));
        assert_eq!(frame.as_slice().len(), HEAD_BYTES + 8 * (6 + 10 * usize::from(tools)));
        let (head, back) = decode_snapshot(frame.as_slice()).unwrap();
        assert_eq!((head.session, head.number, back), (77, 3, snapshot(tools)));
    }
}

/// Independent clients read these bytes: whoever moves one raises [`SCHEMA`].
#[test]
fn the_bytes_are_those_of_schema_1() {
    let frame = encode_snapshot(0x1122, 3, &snapshot(1));
    let bytes = frame.as_slice();
    assert_eq!(bytes[..8], *b"SPNS\x01\0\x01\0");
    let word = |index: usize| u64::from_le_bytes(bytes[8 * index..8 * index + 8].try_into().unwrap());
    assert_eq!((SCHEMA, word(1), word(2), word(3), word(6)), (1, 0x1122, 3, 9, 7));
    // Session 4 (navigating), reference 0 (live), one tool, alarm 5.
    assert_eq!(word(7), 4 | 1 << 16 | 1 << 37);
    // Tool 0, live, no reason, level 22, pose, distance, error.
    assert_eq!(word(9), 22 << 32 | 1 << 40 | 1 << 42 | 1 << 43);
    assert_eq!((word(10), f64::from_bits(word(14)), f64::from_bits(word(17))), (5, 1.0, -2.0));
}

#[test]
fn what_no_engine_says_is_refused() {
    let refuse = |change: fn(&mut ToolView)| {
        let mut wrong = snapshot(2);
        wrong.tools.iter_mut().for_each(change);
        let frame = encode_snapshot(1, 1, &wrong);
        assert!(matches!(decode_snapshot(frame.as_slice()), Err(FrameError::Content(_))), "{wrong:?}");
    };
    refuse(|tool| tool.state = ToolState::Lost);
    refuse(|tool| tool.ct_from_tip = Some(Transform::from_translation(Vector::new(f64::NAN, 0.0, 0.0))));
    refuse(|tool| tool.ct_from_tip = Some(Transform::from_translation(Vector::new(1e9, 0.0, 0.0))));
    refuse(|tool| tool.ct_from_tip = None);
    refuse(|tool| tool.predicted_tre_mm = Some(f32::INFINITY));
    let (mut lost, frame) = (snapshot(0), encode_snapshot(1, 1, &snapshot(1)));
    assert!(lost.tools.push(ToolView { reason: Some(ToolReason::Silent), ..ToolView::default() }));
    assert!(decode_snapshot(encode_snapshot(1, 1, &lost).as_slice()).is_ok());
    let mut skewed = frame.as_slice().to_vec();
    // The rotation's w: 1 becomes 2.
    skewed[HEAD_BYTES + 8 * 11..HEAD_BYTES + 8 * 12].copy_from_slice(&2.0f64.to_le_bytes());
    assert_eq!(decode_snapshot(&skewed), Err(FrameError::Content("a pose is no rigid motion")));
}

#[test]
fn another_schema_is_named() {
    let mut bytes = encode_snapshot(1, 1, &snapshot(1)).as_slice().to_vec();
    bytes[4] = 2;
    assert_eq!(decode_snapshot(&bytes), Err(FrameError::Schema { found: 2 }));
    (bytes[4], bytes[6]) = (1, 2);
    assert_eq!(decode_snapshot(&bytes), Err(FrameError::Kind { found: 2 }));
    bytes[0] = b'X';
    assert_eq!(decode_snapshot(&bytes), Err(FrameError::NotOurs));
    assert!(matches!(decode_snapshot(&vec![0; 100_000]), Err(FrameError::TooLong { bytes: 100_000, .. })));
}

/// Damaged and random bytes: refused, or a snapshot that an engine could have
/// sent. `SPINENAV_FUZZ` sets the number.
#[test]
fn damaged_frames_never_panic_or_show_nonsense() {
    let count: u64 = std::env::var("SPINENAV_FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(200_000);
    let mut random = Random::new(5);
    let whole = encode_snapshot(1, 1, &snapshot(3));
    let mut refused = 0;
    for _ in 0..count {
        let mut bytes = whole.as_slice().to_vec();
        for _ in 0..=random.below(4) {
            let place = random.below(bytes.len());
            bytes[place] = random.bits() as u8;
        }
        bytes.truncate(if random.below(4) == 0 { random.below(bytes.len()) } else { bytes.len() });
        match decode_snapshot(&bytes) {
            Ok((head, read)) => {
                assert!(read.tools.iter().all(|tool| check_tool(tool).is_ok()));
                let again = encode_snapshot(head.session, head.number, &read);
                assert_eq!(decode_snapshot(again.as_slice()).unwrap().1, read);
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > count / 4, "{refused} of {count}");
}
