//! TIFF: whole numbers and floats, uncompressed, LZW, deflate, `PackBits`.

use std::io::Cursor;

use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult, Limits};

use super::{MAX_DECODED, Raw, SizeCheck, bad};
use crate::io::error::Problem;

const FORMAT: &str = "TIFF";

pub(super) fn read(bytes: &[u8], check: SizeCheck<'_>) -> Result<Raw, Problem> {
    let damaged = |e: tiff::TiffError| bad(FORMAT, format!("{e}; export it as PNG or uncompressed TIFF"));
    check_counts(bytes)?;
    let mut limits = Limits::default();
    limits.decoding_buffer_size = MAX_DECODED;
    limits.intermediate_buffer_size = MAX_DECODED;
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(damaged)?.with_limits(limits);
    let (columns, rows) = decoder.dimensions().map_err(damaged)?;
    let size = [rows as usize, columns as usize];
    check(size)?;
    let samples = match decoder.colortype().map_err(damaged)? {
        ColorType::Gray(_) => 1,
        ColorType::GrayA(_) => 2,
        ColorType::RGB(_) => 3,
        ColorType::RGBA(_) => 4,
        other => return Err(bad(FORMAT, format!("its colours are {other:?}; export it in grey"))),
    };
    let values = match decoder.read_image().map_err(damaged)? {
        DecodingResult::U8(v) => v.into_iter().map(f32::from).collect(),
        DecodingResult::U16(v) => v.into_iter().map(f32::from).collect(),
        DecodingResult::U32(v) => v.into_iter().map(|x| x as f32).collect(),
        DecodingResult::I8(v) => v.into_iter().map(f32::from).collect(),
        DecodingResult::I16(v) => v.into_iter().map(f32::from).collect(),
        DecodingResult::I32(v) => v.into_iter().map(|x| x as f32).collect(),
        DecodingResult::F32(v) => v,
        DecodingResult::F64(v) => v.into_iter().map(|x| x as f32).collect(),
        _ => return Err(bad(FORMAT, "its numbers are neither up to 32 bit nor floats; export it with 16 bit")),
    };
    Ok(Raw { format: FORMAT, size, samples, values })
}

/// Refuses entries that claim more values than the file has bytes for: the decoder would ask for the memory first.
fn check_counts(bytes: &[u8]) -> Result<(), Problem> {
    let is_little = bytes.starts_with(b"II");
    let short = |at: usize| {
        let two: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(usize::from(if is_little { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) }))
    };
    let long = |at: usize| {
        let (first, second) = (short(at)?, short(at + 2)?);
        Some(if is_little { first | second << 16 } else { first << 16 | second })
    };
    // What is cut off here is told by the decoder.
    let Some(directory) = long(4) else { return Ok(()) };
    for entry in 0..short(directory).unwrap_or_default() {
        let at = directory + 2 + 12 * entry;
        let (Some(tag), Some(kind), Some(count)) = (short(at), short(at + 2), long(at + 4)) else { break };
        // BYTE, ASCII, SHORT, LONG, RATIONAL and their signed kinds (TIFF 6.0, section 2); others take a byte or more.
        let size = match kind {
            3 | 8 => 2,
            4 | 9 | 11 => 4,
            5 | 10 | 12 => 8,
            _ => 1,
        };
        if count.saturating_mul(size) > bytes.len() {
            return Err(bad(FORMAT, format!("entry {tag} claims {count} values, the file has {} bytes", bytes.len())));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_more_values_than_bytes_is_refused_before_memory_is_asked_for() {
        for (magic, words) in [
            (
                b"II*\0",
                [
                    &8u32.to_le_bytes()[..],
                    &1u16.to_le_bytes(),
                    &339u16.to_le_bytes(),
                    &3u16.to_le_bytes(),
                    &8_388_608u32.to_le_bytes(),
                ],
            ),
            (
                b"MM\0*",
                [
                    &8u32.to_be_bytes()[..],
                    &1u16.to_be_bytes(),
                    &339u16.to_be_bytes(),
                    &3u16.to_be_bytes(),
                    &8_388_608u32.to_be_bytes(),
                ],
            ),
        ] {
            let file = [&magic[..], &words.concat(), &[0; 8]].concat();
            let said = read(&file, &|_| Ok(())).err().unwrap().to_string();
            assert!(said.contains("entry 339 claims 8388608 values"), "{said}");
        }
        assert!(check_counts(b"II*\0\xff\xff\xff\xff").is_ok() && check_counts(b"").is_ok());
    }
}
