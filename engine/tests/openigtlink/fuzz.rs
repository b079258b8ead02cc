//! A fuzzer for stable Rust: reference messages changed with and without a
//! right checksum, cut, joined and mixed with noise.
//!
//! 200 000 streams by default; `SPINENAV_FUZZ_EXECUTIONS` asks for more,
//! `SPINENAV_FUZZ_SEED` for others.

use engine::track::openigtlink::{Decoded, Decoder, Encoder, Limits, Message, Stamp, Version};
use geom::{Tool, Tracker};

use crate::support::{Random, all_golden, checksum};

const CHUNK: usize = 64 << 10;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn hostile_streams_neither_panic_nor_hang_nor_eat_memory() {
    let seeds: Vec<Vec<u8>> = all_golden().into_iter().map(|(_, bytes)| bytes).collect();
    let mut random = Random(number("SPINENAV_FUZZ_SEED", 1));
    let (mut stream, mut whole, mut decoded, mut broken) = (Vec::new(), 0u64, 0u64, 0u64);
    let executions = number("SPINENAV_FUZZ_EXECUTIONS", 200_000);
    let mut buffers = Buffers { first: Encoder::new(Version::V2), second: Encoder::new(Version::V2) };
    for _ in 0..executions {
        make_stream(&seeds, &mut random, &mut stream);
        let outcome = run(&stream, &mut random, &mut buffers);
        whole += outcome.whole;
        decoded += outcome.decoded;
        broken += u64::from(outcome.is_broken);
    }
    println!("{executions} streams, {whole} whole messages, {decoded} decoded, {broken} streams dropped");
    // A fuzzer that reaches nothing finds nothing.
    assert!(decoded > executions / 10 && whole > decoded && broken > executions / 20);
}

struct Buffers {
    first: Encoder,
    second: Encoder,
}

#[derive(Default)]
struct Outcome {
    whole: u64,
    decoded: u64,
    is_broken: bool,
}

fn make_stream(seeds: &[Vec<u8>], random: &mut Random, stream: &mut Vec<u8>) {
    stream.clear();
    for _ in 0..=random.below(3) {
        if random.below(16) == 0 {
            stream.extend((0..random.below(200)).map(|_| 0u8).collect::<Vec<_>>());
            stream.iter_mut().rev().take(100).for_each(|b| *b = random.next() as u8);
            continue;
        }
        let start = stream.len();
        stream.extend_from_slice(&seeds[random.below(seeds.len())]);
        for _ in 0..random.below(4) {
            mutate(seeds, random, stream, start);
        }
        if random.below(8) != 0 {
            repair(&mut stream[start..], random.below(8) != 0);
        }
    }
}

fn mutate(seeds: &[Vec<u8>], random: &mut Random, stream: &mut Vec<u8>, start: usize) {
    let length = stream.len() - start;
    if length == 0 {
        return;
    }
    let at = start + random.below(length);
    match random.below(8) {
        0 => stream[at] ^= 1 << random.below(8),
        1 => stream[at] = random.next() as u8,
        2 => stream.truncate(at),
        3 => stream.insert(at, random.next() as u8),
        4 => {
            let other = &seeds[random.below(seeds.len())];
            let (from, to) = (at.min(stream.len()), random.below(other.len()));
            stream.truncate(from);
            stream.extend_from_slice(&other[to..]);
        }
        5 => {
            // Numbers that counts and sizes break at.
            let values = [0u32, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX, 0x7fc0_0000, 0x7f80_0000, 0x0001_0000];
            let value = values[random.below(values.len())].to_be_bytes();
            stream.iter_mut().skip(at).zip(value).for_each(|(to, from)| *to = from);
        }
        6 => stream[start + 1.min(length - 1)] = random.below(4) as u8,
        _ => {
            let copy: Vec<u8> = stream[at..].to_vec();
            stream.extend(copy);
        }
    }
}

/// Makes size and checksum right, so that the content is looked at.
fn repair(message: &mut [u8], is_size_too: bool) {
    let Some((head, body)) = message.split_first_chunk_mut::<58>() else { return };
    if is_size_too {
        head[42..50].copy_from_slice(&(body.len() as u64).to_be_bytes());
    }
    head[50..58].copy_from_slice(&checksum(body).to_be_bytes());
}

fn run(stream: &[u8], random: &mut Random, buffers: &mut Buffers) -> Outcome {
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
