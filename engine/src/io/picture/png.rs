//! PNG, 8 and 16 bit.

use std::io::Cursor;

use super::{MAX_DECODED, Raw, SizeCheck, bad};
use crate::io::error::Problem;

const FORMAT: &str = "PNG";

pub(super) fn read(bytes: &[u8], check: SizeCheck<'_>) -> Result<Raw, Problem> {
    let damaged = |e: png::DecodingError| bad(FORMAT, format!("{e}; export it again"));
    let limits = png::Limits { bytes: MAX_DECODED };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(damaged)?;
    let (rows, columns) = (reader.info().height as usize, reader.info().width as usize);
    check([rows, columns])?;
    let size = reader.output_buffer_size().filter(|size| *size <= MAX_DECODED);
    let size = size.ok_or_else(|| bad(FORMAT, "it needs more memory than a radiograph may"))?;
    let mut decoded = vec![0; size];
    reader.next_frame(&mut decoded).map_err(damaged)?;
    let (colour, depth) = reader.output_color_type();
    let values = if depth == png::BitDepth::Sixteen {
        let (words, _) = decoded.as_chunks::<2>();
        words.iter().map(|b| f32::from(u16::from_be_bytes(*b))).collect()
    } else {
        decoded.iter().map(|b| f32::from(*b)).collect()
    };
    Ok(Raw { format: FORMAT, size: [rows, columns], samples: colour.samples(), values })
}
