//! A fuzzer for stable Rust: reference messages changed with and without a
//! right checksum, cut, joined and mixed with noise.
//!
//! 200 000 streams by default; `SPINENAV_FUZZ_EXECUTIONS` asks for more,
//! `SPINENAV_FUZZ_SEED` for others.

use crate::hostile::{Buffers, repair, run};
use crate::support::{Random, all_golden};

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn hostile_streams_neither_panic_nor_hang_nor_eat_memory() {
    let seeds: Vec<Vec<u8>> = all_golden().into_iter().map(|(_, bytes)| bytes).collect();
    let mut random = Random(number("SPINENAV_FUZZ_SEED", 1));
    let (mut stream, mut whole, mut decoded, mut broken) = (Vec::new(), 0u64, 0u64, 0u64);
    let executions = number("SPINENAV_FUZZ_EXECUTIONS", 200_000);
    let mut buffers = Buffers::default();
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
