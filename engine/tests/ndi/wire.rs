//! Replies on the wire: whole, in pieces, damaged and too large.

use engine::track::ndi::{
    Decoder, Found, FrameHead, NdiStreamError, Reply, Reported, binary_reply, crc16, gbf, streamed, text_reply, walk,
};
use engine::track::{Measured, Missing};
use geom::{Nanoseconds, Tool, Transform, Vector};

/// A frame with one tool that is seen and one that is not.
pub fn content() -> Vec<u8> {
    let pose: Measured<Tool> = Ok(Transform::from_translation(Vector::new(1.0, -2.0, -1500.0)));
    let head = FrameHead { kind: 0, number: 77, time: Some(Nanoseconds(12_000_000_345)) };
    let ports = vec![Reported::new(1, pose), Reported::new::<Tool>(2, Err(Missing::PartialMarkers))];
    gbf(&[(head, ports)])
}

/// What the decoder makes of the bytes, handed over in pieces.
fn decoded(bytes: &[u8], piece: usize) -> Result<Vec<String>, NdiStreamError> {
    let (mut decoder, mut found) = (Decoder::default(), Vec::new());
    for part in bytes.chunks(piece) {
        assert_eq!(decoder.push(part), part.len());
        while let Some(reply) = decoder.next_reply()? {
            found.push(match reply {
                Reply::Text(text) => text.to_owned(),
                Reply::Binary(content) => format!("{} bytes", content.len()),
            });
        }
    }
    Ok(found)
}

#[test]
fn replies_are_cut_out_of_the_stream_however_they_arrive() {
    let binary = binary_reply(&content());
    let expected = ["OKAY".to_owned(), "OKAY".into(), format!("{} bytes", content().len()), "ERROR0A".into()];
    let bytes =
        [text_reply("OKAY"), streamed("SPNV", &text_reply("OKAY")), streamed("SPNV", &binary), text_reply("ERROR0A")]
            .concat();
    for piece in 1..bytes.len() + 1 {
        assert_eq!(decoded(&bytes, piece).unwrap(), expected, "pieces of {piece}");
    }
}

#[test]
fn the_content_of_a_frame_is_read_as_it_was_laid_down() {
    let mut found = Vec::new();
    walk(&content(), &mut |item| found.push(item)).unwrap();
    let Found::Frame(head) = found[0] else { panic!("{found:?}") };
    assert_eq!((head.number, head.time), (77, Some(Nanoseconds(12_000_000_345))));
    let Found::Port(seen) = found[1] else { panic!("{found:?}") };
    let (pose, rms_mm) = seen.pose.unwrap();
    assert_eq!((pose.position, pose.quaternion, rms_mm), ([1.0, -2.0, -1500.0], [0.0, 0.0, 0.0, 1.0], 0.1));
    let Found::Port(hidden) = found[2] else { panic!("{found:?}") };
    assert_eq!((hidden.handle, hidden.pose), (2, Err(Missing::PartialMarkers)));
}

#[test]
fn a_pose_the_tracker_does_not_vouch_for_is_no_pose() {
    // The status of the first port follows its handle; 3 is partly out of volume.
    let mut bytes = content();
    let status = 4 + 12 + 16 + 4 + 12 + 2;
    assert_eq!(bytes[status..status + 2], [0, 0]);
    for (code, why) in [(0x03, Missing::OutOfVolume), (0x11, Missing::PartialMarkers), (0x14, Missing::Occluded)] {
        bytes[status] = code;
        let mut poses = Vec::new();
        walk(&bytes, &mut |item| {
            if let Found::Port(port) = item {
                poses.push(port.pose.err());
            }
        })
        .unwrap();
        assert_eq!(poses[0], Some(why));
    }
}

#[test]
fn every_flipped_bit_ends_the_connection_or_waits_for_more() {
    let bytes = streamed("SPNV", &binary_reply(&content()));
    for bit in 0..bytes.len() * 8 {
        let mut wrong = bytes.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        // A flip in the first byte may make it a text that never ends.
        let result = decoded(&wrong, wrong.len());
        assert!(result.as_ref().map_or(true, Vec::is_empty), "bit {bit}: {result:?}");
    }
}

#[test]
fn sizes_and_counts_that_contradict_the_bytes_are_refused_with_the_place() {
    let message = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = content();
        change(&mut bytes);
        walk(&bytes, &mut |_| {}).unwrap_err().to_string()
    };
    assert!(message(&|b| b[0] = 2).contains("version"));
    assert!(message(&|b| b[2] = 9).contains("ends early"));
    assert!(message(&|b| b[6] = 5).contains("smaller than its own head"));
    assert!(message(&|b| b[9] = 0xff).contains("larger than what holds it"));
    assert!(message(&|b| b[15] = 0xff).contains("ends early"), "four thousand million frames");
    assert!(message(&|b| b.push(0)).contains("left over"));
    assert!(message(&|b| b[16] = 8).contains("kind of frame"));
    assert!(message(&|b| b[31] = 0x7f).contains("time stamp"));
    assert!(message(&|b| b[36] = 1).contains("frame within a frame"));
    assert!(message(&|b| b.truncate(20)).contains("larger than what holds it"));
}

#[test]
fn replies_that_are_too_long_or_of_another_kind_are_refused_before_memory_is_taken() {
    let long = [0xc8, 0xa5, 0xff, 0xff, 0xff, 0x7f];
    assert!(decoded(&long, 6).unwrap_err().to_string().contains("2147483647 bytes"));
    assert!(matches!(decoded(&[b'A'; 4000], 4000), Err(NdiStreamError::TooLong { .. })));
    assert!(matches!(decoded(&[0x16, 0x03, 0x01], 3), Err(NdiStreamError::Start { found: 0x16 })), "TLS");
    assert!(matches!(decoded(b"HTTP/1.1 400 Bad Request\r\n", 26), Err(NdiStreamError::Text)));
    let id = [0xd4, 0xb5, 0xff, 0xff];
    assert!(matches!(decoded(&id, 4), Err(NdiStreamError::TooLong { limit: 64, .. })));
    let mut text = text_reply("OKAY");
    text[0] = b'0';
    let sum = crc16(b"0KAY");
    assert!(matches!(decoded(&text, 9), Err(NdiStreamError::Checksum { computed, .. }) if computed == sum));
}
