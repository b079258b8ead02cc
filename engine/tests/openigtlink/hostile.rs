//! One hostile stream through the door, and what must hold of it. The stable
//! driver beside this and the cargo-fuzz target share it.

use engine::track::openigtlink::{Decoded, Decoder, Encoder, Limits, Message, Stamp, Version};
use geom::{Tool, Tracker};

use crate::support::{Random, checksum};

const CHUNK: usize = 64 << 10;

/// Memory kept from stream to stream.
pub struct Buffers {
    first: Encoder,
    second: Encoder,
}

impl Default for Buffers {
    fn default() -> Self {
        Self { first: Encoder::new(Version::V2), second: Encoder::new(Version::V2) }
    }
}

/// How far a stream came.
#[derive(Default)]
pub struct Outcome {
    /// Messages that came whole.
    pub whole: u64,
    /// Of them those that were understood.
    pub decoded: u64,
    /// True when the stream was given up.
    pub is_broken: bool,
}

/// Makes size and checksum right, so that the content is looked at.
pub fn repair(message: &mut [u8], is_size_too: bool) {
    let Some((head, body)) = message.split_first_chunk_mut::<58>() else { return };
    if is_size_too {
        head[42..50].copy_from_slice(&(body.len() as u64).to_be_bytes());
    }
    head[50..58].copy_from_slice(&checksum(body).to_be_bytes());
}

/// Gives a stream to a decoder in pieces and walks all it understands.
pub fn run(stream: &[u8], random: &mut Random, buffers: &mut Buffers) -> Outcome {
    let limits = if random.below(2) == 0 { Limits::default() } else { Limits::for_tracking() };
    let mut decoder = Decoder::new(limits);
    let (mut rest, mut pushed, mut outcome) = (stream, 0, Outcome::default());
    while !rest.is_empty() {
        let piece = 1 + random.below(rest.len());
        let taken = decoder.push(&rest[..piece]);
        assert!(taken > 0, "a drained decoder takes bytes");
        pushed += taken;
        rest = &rest[taken..];
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => {
                    outcome.whole += 1;
                    if let Ok(message) = frame.decode() {
                        outcome.decoded += 1;
                        use_up(&message, buffers);
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decoder.next_frame().unwrap_err(), error, "an error is for good");
                    outcome.is_broken = true;
                    return outcome;
                }
            }
        }
        assert!(decoder.memory() <= 2 * (pushed + CHUNK), "{} bytes held for {pushed}", decoder.memory());
        assert!(outcome.whole <= (pushed / 58) as u64);
    }
    outcome
}

/// Walks everything a message holds, and writes it twice: what is written must
/// be read as it was.
fn use_up(decoded: &Decoded<'_>, buffers: &mut Buffers) {
    let mut items = decoded.metadata.iter().count();
    match &decoded.message {
        Message::Transform(matrix) => {
            items += usize::from(matrix.rigid::<Tracker, Tool>().is_ok_and(|p| p.is_finite()))
        }
        Message::TrackingData(tools) => items += tools.iter().filter(|t| t.rigid::<Tracker, Tool>().is_ok()).count(),
        Message::QuaternionTrackingData(tools) => {
            items += tools.iter().filter(|t| t.rigid::<Tracker, Tool>().is_ok_and(|p| p.is_finite())).count();
        }
        Message::Position(p) => items += usize::from(p.rigid::<Tracker, Tool>().is_ok_and(|p| p.is_finite())),
        Message::Point(points) => items += points.iter().filter(|p| p.position_lps().is_ok()).count(),
        Message::Image(image) => assert!(image.lps_from_index().iter().all(|v| v.is_finite())),
        Message::PolyData(surface) => {
            let points = surface.points_lps().len();
            for cells in [surface.vertices, surface.lines, surface.polygons, surface.strips] {
                items += cells.iter().flatten().map(|index| assert!((index as usize) < points)).count();
            }
        }
        Message::Capability(types) => items += types.iter().count(),
        _ => {}
    }
    std::hint::black_box(items);
    let stamp = Stamp { device: engine::track::openigtlink::Name::from_wire(&[b'x'; 20]), time: Default::default() };
    buffers.first.clear();
    buffers.first.next_id = 0;
    assert!(buffers.first.message(&stamp, &decoded.message));
    let mut decoder = Decoder::new(Limits::default());
    decoder.push(buffers.first.bytes());
    let again = decoder.next_frame().unwrap().unwrap();
    buffers.second.clear();
    buffers.second.next_id = 0;
    assert!(buffers.second.message(&stamp, &again.decode().unwrap().message));
    assert_eq!(buffers.first.bytes(), buffers.second.bytes());
}
