//! What the tests share.

use std::path::PathBuf;

use engine::track::openigtlink::{Decoded, Decoder, Frame, Limits, StreamError};

/// The reference messages; `make_golden.sh` beside them tells how they are made.
pub fn golden_folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openigtlink_golden"))
}

pub fn golden(name: &str) -> Vec<u8> {
    std::fs::read(golden_folder().join(name).with_extension("bin")).unwrap()
}

/// Every reference message with its name, in a fixed order.
pub fn all_golden() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(golden_folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "bin"))
        .collect();
    files.sort();
    assert!(files.len() >= 20, "{}", files.len());
    files
        .into_iter()
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read(path).unwrap()))
        .collect()
}

/// Runs `bytes` through a decoder in pieces of `piece` bytes.
pub fn frames(bytes: &[u8], piece: usize, mut on_frame: impl FnMut(&Frame<'_>)) -> Result<Decoder, StreamError> {
    let mut decoder = Decoder::new(Limits::default());
    for part in bytes.chunks(piece.max(1)) {
        let mut rest = part;
        while !rest.is_empty() {
            let taken = decoder.push(rest);
            rest = &rest[taken..];
            while let Some(frame) = decoder.next_frame()? {
                on_frame(&frame);
            }
        }
    }
    Ok(decoder)
}

/// Decodes the one message in `bytes` and hands it to `check`.
pub fn decoded<R>(bytes: &[u8], check: impl FnOnce(&Frame<'_>, &Decoded<'_>) -> R) -> R {
    let (mut check, mut result) = (Some(check), None);
    frames(bytes, bytes.len(), |frame| result = Some((check.take().unwrap())(frame, &frame.decode().unwrap())))
        .unwrap();
    result.unwrap()
}

/// A small generator of numbers, the same on every machine (xorshift64*,
/// Vigna, doi:10.1145/2845077).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// A number in -1..1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

/// `message` with the checksum of its body, computed byte by byte so as to be
/// independent of the code under test.
pub fn with_checksum(mut message: Vec<u8>) -> Vec<u8> {
    let sum = checksum(&message[58..]);
    message[50..58].copy_from_slice(&sum.to_be_bytes());
    message
}

/// CRC-64 of ECMA-182.
pub fn checksum(bytes: &[u8]) -> u64 {
    static TABLE: std::sync::LazyLock<[u64; 256]> = std::sync::LazyLock::new(|| {
        std::array::from_fn(|byte| {
            (0..8).fold((byte as u64) << 56, |crc, _| (crc << 1) ^ ((crc >> 63) * 0x42F0_E1EB_A9EA_3693))
        })
    });
    bytes.iter().fold(0, |crc, byte| (crc << 8) ^ TABLE[usize::from((crc >> 56) as u8 ^ byte)])
}
