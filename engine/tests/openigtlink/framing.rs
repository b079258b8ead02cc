//! Bytes cut, changed and invented: found, or harmless; never believed.

use engine::track::openigtlink::{
    Decoder, Encoder, Header, Kind, Limits, Message, Name, Stamp, StreamError, Timestamp, Version,
};

use crate::support::{all_golden, frames, golden};

#[test]
fn messages_come_out_whole_whatever_pieces_they_arrive_in() {
    let all = all_golden();
    let stream: Vec<u8> = all.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    for piece in [1, 2, 57, 58, 59, 64, 1000, stream.len()] {
        let mut names = Vec::new();
        frames(&stream, piece, |frame| {
            frame.decode().unwrap();
            names.push(frame.header.kind());
        })
        .unwrap();
        assert_eq!(names.len(), all.len(), "pieces of {piece}");
    }
}

#[test]
fn a_message_cut_anywhere_is_no_message() {
    for (name, bytes) in all_golden() {
        for cut in 0..bytes.len() {
            frames(&bytes[..cut], cut, |_| panic!("{name} cut at {cut}")).unwrap();
        }
    }
}

/// Where a bit lies in a header, and what a wrong one may do.
fn field(byte: usize) -> &'static str {
    match byte {
        0..2 => "version",
        2..14 => "type",
        14..34 => "device",
        34..42 => "time",
        42..50 => "size",
        _ => "body",
    }
}

#[test]
fn every_single_wrong_bit_is_found_or_harmless() {
    let sentinel = golden("TRANSFORM");
    for (name, bytes) in all_golden() {
        let original = decode_all(&bytes).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut wrong = bytes.clone();
            wrong[bit / 8] ^= 0x80 >> (bit % 8);
            wrong.extend_from_slice(&sentinel);
            let result = decode_all(&wrong);
            let context = format!("{name}, bit {bit} ({})", field(bit / 8));
            match (field(bit / 8), result) {
                // The checksum covers the body: nothing of it is believed.
                ("body", result) => {
                    assert!(matches!(result, Err(StreamError::Checksum { .. })), "{context}: {result:?}")
                }
                // A wrong size swallows the next message or waits for more.
                ("size", Err(_)) => {}
                ("size", Ok(messages)) => assert!(messages.is_empty(), "{context}: {messages:?}"),
                // The protocol does not protect the header: a message may be
                // lost, refused, or come under a wrong name or time, which the
                // table of names and the clock filter catch; its content stays.
                ("version" | "type", Err(_)) => {}
                ("version" | "type", Ok(messages)) => {
                    let is_same = |m: &Seen| m.content == original[0].content;
                    let is_request = |m: &Seen| m.kind == Kind::StartTrackingData || m.content.is_empty();
                    let first: Vec<_> = messages.iter().take(messages.len() - 1).collect();
                    assert!(
                        first.iter().all(|m| m.content.is_none() || is_same(m) || is_request(m)),
                        "{context}: {first:?}"
                    );
                }
                (_, result) => assert_eq!(result.unwrap()[0].content, original[0].content, "{context}"),
            }
        }
    }
}

/// Type and re-encoded content of a message, without content when refused.
#[derive(Debug)]
struct Seen {
    kind: Kind,
    content: Option<Vec<u8>>,
}

impl Seen {
    const fn is_refused(&self) -> bool {
        self.content.is_none()
    }
}

trait Emptiness {
    fn is_empty(&self) -> bool;
}

impl Emptiness for Option<Vec<u8>> {
    fn is_empty(&self) -> bool {
        self.as_ref().is_none_or(Vec::is_empty)
    }
}

fn decode_all(bytes: &[u8]) -> Result<Vec<Seen>, StreamError> {
    let mut seen = Vec::new();
    frames(bytes, bytes.len(), |frame| {
        let content = frame.decode().ok().map(|d| {
            let mut encoder = Encoder::new(Version::V1);
            assert!(encoder.message(&Stamp { device: Name::new("x").unwrap(), time: Timestamp::UNSET }, &d.message));
            encoder.bytes()[58..].to_vec()
        });
        seen.push(Seen { kind: frame.header.kind(), content });
    })?;
    Ok(seen)
}

/// A header that claims what it likes.
fn claim(kind: &str, body_bytes: u64) -> Vec<u8> {
    let mut bytes = golden("TRANSFORM")[..58].to_vec();
    bytes[2..14].copy_from_slice(Name::<12>::new(kind).unwrap().wire());
    bytes[42..50].copy_from_slice(&body_bytes.to_be_bytes());
    bytes
}

#[test]
fn a_size_over_the_cap_is_refused_before_memory_is_taken() {
    let limits = Limits::default();
    for kind in Kind::KNOWN {
        for size in [limits.content(*kind) + 1, 1 << 40, u64::MAX] {
            let mut decoder = Decoder::new(limits.clone());
            let before = decoder.memory();
            decoder.push(&claim(kind.name(), size));
            let error = decoder.next_frame().unwrap_err();
            assert!(matches!(error, StreamError::TooLarge { declared, .. } if declared == size), "{error}");
            assert_eq!(decoder.memory(), before);
            // Dropped for good: what follows is not looked at.
            decoder.push(&golden("TRANSFORM"));
            assert_eq!(decoder.next_frame().unwrap_err(), error);
        }
    }
    let mut decoder = Decoder::new(limits.clone());
    decoder.push(&claim("NOBODYKNOWS", limits.skipped + 1));
    assert!(matches!(decoder.next_frame(), Err(StreamError::TooLarge { .. })));
}

#[test]
fn a_large_claim_costs_only_what_was_really_sent() {
    let mut decoder = Decoder::new(Limits::default());
    decoder.push(&claim("IMAGE", 128 << 20));
    let zeros = [0; 4096];
    let mut sent = 58;
    while sent < 3 << 20 {
        assert!(decoder.next_frame().unwrap().is_none());
        sent += decoder.push(&zeros);
        assert!(decoder.memory() <= 2 * sent + (128 << 10), "{} after {sent}", decoder.memory());
    }
}

#[test]
fn unknown_and_unwanted_messages_are_skipped_and_still_checked() {
    let mut unknown = golden("STRING");
    unknown[2..14].copy_from_slice(Name::<12>::new("VIDEO").unwrap().wire());
    let mut stream = [unknown.clone(), golden("IMAGE"), golden("TRANSFORM")].concat();
    let mut decoder = Decoder::new(Limits::for_tracking());
    decoder.push(&stream);
    assert_eq!(decoder.next_frame().unwrap().unwrap().header.kind(), Kind::Transform);
    assert_eq!(decoder.skipped(), 2);
    stream[60] ^= 1;
    let mut decoder = Decoder::new(Limits::for_tracking());
    decoder.push(&stream);
    assert!(matches!(decoder.next_frame(), Err(StreamError::Checksum { .. })));
}

#[test]
fn garbage_between_messages_ends_the_stream() {
    for garbage in
        [&b"HTTP/1.1 200 OK\r\n\r\n<html><body>not a tracker, as it happens</body>"[..], &[0; 80], &[0xff; 80]]
    {
        let stream = [&golden("TRANSFORM")[..], garbage, &golden("TRANSFORM")].concat();
        let mut count = 0;
        assert!(frames(&stream, 7, |_| count += 1).is_err());
        assert_eq!(count, 1);
    }
}

#[test]
fn a_body_of_the_wrong_size_for_its_type_is_refused_and_the_stream_goes_on() {
    for kind in Kind::KNOWN {
        for length in [0, 1, 11, 13, 29, 35, 47] {
            let mut message = claim(kind.name(), length);
            message.resize(58 + length as usize, 0);
            if Limits::default().content(*kind) < length {
                continue;
            }
            let mut stream = message;
            stream.extend(golden("TRANSFORM"));
            // Zeros sum up to zero.
            stream[50..58].fill(0);
            let seen = decode_all(&stream).unwrap();
            assert_eq!(seen.len(), 2, "{kind:?} of {length}");
            assert!(!seen[1].is_refused());
        }
    }
}

#[test]
fn a_header_tells_what_it_does_not_understand() {
    let mut bytes: [u8; 58] = golden("TRANSFORM")[..58].try_into().unwrap();
    bytes[1] = 4;
    assert_eq!(Header::decode(&bytes).unwrap_err(), StreamError::Version { found: 4 });
    bytes[1] = 1;
    bytes[2] = 7;
    assert!(Header::decode(&bytes).unwrap_err().to_string().contains("\\x07RANSFORM"));
}

#[test]
fn a_text_too_long_for_its_field_is_not_written() {
    let mut encoder = Encoder::new(Version::V2);
    let stamp = Stamp { device: Name::new("x").unwrap(), time: Timestamp::UNSET };
    let long = vec![b'a'; 70_000];
    let text = engine::track::openigtlink::Text { encoding: 3, bytes: &long };
    assert!(!encoder.message(&stamp, &Message::String(text)));
    assert!(encoder.bytes().is_empty());
}
