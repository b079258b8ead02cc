//! Sixteen-bit grey PNG files.

use std::io::BufWriter;
use std::path::Path;

/// Writes grey levels, `[width, height]` pixels row by row.
///
/// # Errors
/// Of the file or the encoder.
pub fn write_grey16(path: &Path, size: [usize; 2], grey: &[u16]) -> anyhow::Result<()> {
    let [width, height] = size.map(u32::try_from);
    let mut encoder = png::Encoder::new(BufWriter::new(std::fs::File::create(path)?), width?, height?);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Sixteen);
    let mut writer = encoder.write_header()?;
    let bytes: Vec<u8> = grey.iter().flat_map(|level| level.to_be_bytes()).collect();
    writer.write_image_data(&bytes)?;
    writer.finish()?;
    Ok(())
}
