//! Whole messages whose content contradicts itself: refused with a reason,
//! while the stream goes on.

use engine::track::openigtlink::{Encoder, Freedom, Message, Name, Reason, Refusal, Stamp, Timestamp, Version};
use geom::{Tool, Tracker};

use crate::support::{decoded, frames, golden, with_checksum};

/// The refusal of `name` after `change` of its bytes.
fn refusal(name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Refusal {
    let mut bytes = golden(name);
    change(&mut bytes);
    let mut refusals = Vec::new();
    frames(&with_checksum(bytes), 1000, |frame| refusals.push(frame.decode().unwrap_err())).unwrap();
    assert_eq!(refusals.len(), 1);
    refusals.remove(0)
}

fn set(at: usize, value: &[u8]) -> impl FnOnce(&mut Vec<u8>) + '_ {
    move |bytes| bytes[58 + at..58 + at + value.len()].copy_from_slice(value)
}

#[test]
fn a_surface_names_only_points_that_it_has() {
    // Four points; the first face is 3 corners, 0, 1, 2, behind 40 + 48 bytes.
    assert_eq!(refusal("POLYDATA", set(88 + 4, &4u32.to_be_bytes())).reason(), Reason::Malformed);
    for (at, value) in [(0, 5), (0, u32::MAX), (20, 3), (24, 28), (24, u32::MAX), (88, 7), (88, u32::MAX), (88, 1)] {
        let refusal = refusal("POLYDATA", set(at, &value.to_be_bytes()));
        assert_eq!(refusal.reason(), Reason::Malformed, "{value} at {at}: {refusal}");
    }
}

#[test]
fn an_image_has_the_voxels_it_announces() {
    let voxels = "voxels are not as many";
    let cases: [(usize, &[u8], &str); 7] = [
        (2, &[2], voxels),
        (2, &[0], voxels),
        (3, &[9], "scalar type"),
        (4, &[3], "byte order"),
        (5, &[0], "coordinate system"),
        (60, &[0, 1], "outside the image"),
        (66, &[0xff, 0xff], "outside the image"),
    ];
    for (at, value, expected) in cases {
        let text = refusal("IMAGE", set(at, value)).to_string();
        assert!(text.contains(expected), "{value:?} at {at}: {text}");
    }
    // A larger image of which a part is sent is good: only the part counts.
    let mut part = golden("IMAGE");
    part[58 + 6] = 0xff;
    decoded(&with_checksum(part), |_, d| assert!(matches!(d.message, Message::Image(_))));
    assert_eq!(refusal("IMAGE", set(12, &f32::NAN.to_be_bytes())).reason(), Reason::NotFinite);
}

#[test]
fn metadata_stays_inside_its_message() {
    // Extended header: its size, metadata index size, metadata text size.
    let cases: [(usize, &[u8]); 6] =
        [(0, &[0, 11]), (0, &[0xff, 0xff]), (2, &[0, 1]), (2, &[0xff, 0xff]), (4, &[0xff; 4]), (4, &[0, 0, 0, 200])];
    for (at, value) in cases {
        assert_eq!(refusal("TRANSFORM_2", set(at, value)), Refusal::Extended, "{value:?} at {at}");
    }
    // Index behind 12 + 48 bytes: a count, then key size, encoding, value size.
    for (at, value) in [(60, &[0xff, 0xff][..]), (62, &[0xff, 0xff]), (66, &[0xff; 4]), (66, &[0, 0, 0, 50])] {
        assert_eq!(refusal("TRANSFORM_2", set(at, value)), Refusal::Extended, "{value:?} at {at}");
    }
}

#[test]
fn a_longer_extended_header_of_a_later_version_is_passed_over() {
    let mut encoder = Encoder::new(Version::V3);
    let stamp = Stamp { device: Name::new("x").unwrap(), time: Timestamp::UNSET };
    encoder.message(&stamp, &Message::ReplyTrackingData(1));
    let mut bytes = encoder.bytes().to_vec();
    bytes[59] = 16;
    bytes.splice(70..70, [1, 2, 3, 4]);
    bytes[49] += 4;
    decoded(&with_checksum(bytes), |_, d| assert_eq!(d.message, Message::ReplyTrackingData(1)));
}

#[test]
fn a_tool_without_six_degrees_of_freedom_is_no_pose() {
    for (name, at) in [("TDATA", 20), ("QTDATA", 20)] {
        for (freedom, is_pose) in [(1, true), (2, true), (3, false), (4, false), (0, false), (255, false)] {
            let mut bytes = golden(name);
            bytes[58 + at] = freedom;
            decoded(&with_checksum(bytes), |_, d| {
                let result = match d.message {
                    Message::TrackingData(tools) => tools.iter().next().unwrap().rigid::<Tracker, Tool>(),
                    Message::QuaternionTrackingData(tools) => tools.iter().next().unwrap().rigid::<Tracker, Tool>(),
                    other => panic!("{other:?}"),
                };
                assert_eq!(result.is_ok(), is_pose, "{name} {freedom}");
                assert!(is_pose || result.unwrap_err().reason() == Reason::NoOrientation);
            });
        }
    }
    assert!(Freedom::TRACKER.is_whole_pose() && !Freedom::THREE.is_whole_pose() && !Freedom::FIVE.is_whole_pose());
}
