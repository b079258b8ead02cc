//! A fuzzer for stable Rust: replies changed with and without right sums, cut,
//! joined and mixed with noise.
//!
//! 100 000 streams by default; `SPINENAV_FUZZ_EXECUTIONS` asks for more,
//! `SPINENAV_FUZZ_SEED` for others.

use engine::track::ndi::{Decoder, Found, FrameHead, Reply, Reported, binary_reply, gbf, streamed, text_reply, walk};
use engine::track::{Measured, Missing};
use geom::{Nanoseconds, Tool, Transform, Vector};

/// Xorshift; good enough to break things.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 11) as usize % end.max(1)
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Contents with none to three frames of none to four tools.
fn contents() -> Vec<Vec<u8>> {
    let pose: Measured<Tool> = Ok(Transform::from_translation(Vector::new(10.0, 20.0, -1500.0)));
    let port = |handle: u16| Reported::new(handle, if handle == 2 { Err(Missing::OutOfVolume) } else { pose });
    let frame = |kind: u8| {
        let head = FrameHead { kind, number: 100 + u32::from(kind), time: Some(Nanoseconds(7_000_000_000)) };
        (head, (1..=2 * u16::from(kind)).map(port).collect())
    };
    (0..4).map(|count| gbf(&(0..count).map(frame).collect::<Vec<_>>())).collect()
}

fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    let at = random.below(bytes.len());
    match random.below(6) {
        0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (at % 8)),
        1 => bytes.truncate(at),
        2 => bytes.insert(at, random.next() as u8),
        3 => {
            // Numbers that counts, sizes and poses break at.
            let values = [0u32, 1, 2, 12, 0xffff, 0x7fff_ffff, u32::MAX, 0x7fc0_0000, 0x7f80_0000, 1_000_000_000];
            let value = values[random.below(values.len())].to_le_bytes();
            bytes.iter_mut().skip(at).zip(value).for_each(|(to, from)| *to = from);
        }
        4 => {
            let copy: Vec<u8> = bytes.get(at..).unwrap_or_default().iter().take(64).copied().collect();
            bytes.extend(copy);
        }
        _ => bytes.iter_mut().skip(at).take(8).for_each(|byte| *byte = random.next() as u8),
    }
}

fn make_stream(seeds: &[Vec<u8>], random: &mut Random, stream: &mut Vec<u8>) {
    stream.clear();
    for _ in 0..=random.below(3) {
        let mut content = seeds[random.below(seeds.len())].clone();
        for _ in 0..random.below(4) {
            mutate(random, &mut content);
        }
        content.truncate(65_535);
        let mut reply = match random.below(8) {
            0 => text_reply("0201031"),
            1 => binary_reply(&content),
            _ => streamed("SPNV", &binary_reply(&content)),
        };
        // Half keep right sums, so that the content is looked at.
        if random.below(2) == 0 {
            mutate(random, &mut reply);
        }
        stream.extend(reply);
    }
}

#[derive(Default)]
struct Outcome {
    whole: u64,
    read: u64,
    refused: u64,
    broken: u64,
}

fn run(decoder: &mut Decoder, stream: &[u8], random: &mut Random, outcome: &mut Outcome) {
    let mut rest = stream;
    while !rest.is_empty() {
        let taken = decoder.push(&rest[..=random.below(rest.len())]);
        assert!(taken > 0, "a drained decoder takes bytes");
        rest = &rest[taken..];
        loop {
            match decoder.next_reply() {
                Ok(Some(Reply::Binary(content))) => {
                    outcome.whole += 1;
                    let mut items = 0;
                    let result = walk(content, &mut |found| {
                        items += 1;
                        if let Found::Port(port) = found {
                            // Whatever the numbers are, the check answers.
                            let _checked = port.pose.map(|(pose, _)| pose.rigid::<geom::Tracker, Tool>());
                        }
                    });
                    assert!(items * 4 <= content.len(), "more was found than fits into the bytes");
                    *if result.is_ok() { &mut outcome.read } else { &mut outcome.refused } += 1;
                }
                Ok(Some(Reply::Text(_))) => outcome.whole += 1,
                Ok(None) => break,
                Err(_) => {
                    outcome.broken += 1;
                    return;
                }
            }
        }
    }
}

#[test]
fn hostile_replies_neither_panic_nor_hang_nor_find_more_than_there_is() {
    let seeds = contents();
    let mut random = Random(number("SPINENAV_FUZZ_SEED", 1).max(1));
    let executions = number("SPINENAV_FUZZ_EXECUTIONS", 100_000);
    let (mut stream, mut outcome) = (Vec::new(), Outcome::default());
    for _ in 0..executions {
        make_stream(&seeds, &mut random, &mut stream);
        // Its memory is fixed: made anew, it holds what it always holds.
        run(&mut Decoder::default(), &stream, &mut random, &mut outcome);
    }
    let Outcome { whole, read, refused, broken } = outcome;
    println!("{executions} streams: {whole} replies whole, {read} read, {refused} refused, {broken} streams dropped");
    // A fuzzer that reaches nothing finds nothing.
    assert!(read > executions / 10 && refused > executions / 20 && broken > executions / 20);
}
