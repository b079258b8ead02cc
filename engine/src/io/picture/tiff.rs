//! TIFF: whole numbers and floats, uncompressed, LZW, deflate, `PackBits`.

use std::io::Cursor;

use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult, Limits};

use super::{MAX_DECODED, Raw, SizeCheck, bad};
use crate::io::error::Problem;

const FORMAT: &str = "TIFF";

pub(super) fn read(bytes: &[u8], check: SizeCheck<'_>) -> Result<Raw, Problem> {
    let damaged = |e: tiff::TiffError| bad(FORMAT, format!("{e}; export it as PNG or uncompressed TIFF"));
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
