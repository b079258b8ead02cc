//! Radiographs that are none: cut, claimed larger than they are, other things.

use super::{Bad, Door};
use crate::picture::{png_bytes, ramp_png, ramp_tiff};

pub fn files() -> Vec<Bad> {
    let bad = |name: &str, bytes: Vec<u8>, said| Bad::new(Door::Picture, format!("picture: {name}"), bytes, said);
    let (png, tiff) = (ramp_png(), ramp_tiff());
    let cut = |bytes: &[u8], share: usize| bytes[..bytes.len() * share / 8].to_vec();
    // Width and height stand at 16 to 24, their checksum at 29.
    let mut huge = png.clone();
    huge[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let mut tiny = Vec::new();
    png::Encoder::new(&mut tiny, 4, 4).write_header().unwrap().write_image_data(&[0; 16]).unwrap();
    let mut other_sum = png_bytes(png::ColorType::Grayscale, png::BitDepth::Eight, &[7; 24 * 20]);
    other_sum[29] ^= 1;
    vec![
        bad("nothing", Vec::new(), &["empty"]),
        bad("text", b"not a picture at all".to_vec(), &["give PNG, TIFF or DICOM"]),
        bad("JPEG", vec![0xff, 0xd8, 0xff, 0xe0, 0, 16, b'J', b'F'], &["give PNG, TIFF or DICOM"]),
        bad("PNG cut in its header", cut(&png, 1), &["export it again"]),
        bad("PNG cut in its pixels", cut(&png, 5), &["export it again"]),
        bad("PNG that claims 65535 x 65535", huge, &["65535x65535", "export it again"]),
        bad("PNG of 4 x 4", tiny, &["4x4"]),
        bad("PNG with a wrong checksum", other_sum, &["export it again"]),
        bad("TIFF cut in its pixels", cut(&tiff, 4), &["uncompressed TIFF", "export it again"]),
        bad("TIFF of four bytes", b"II*\0".to_vec(), &["uncompressed TIFF", "export it again"]),
    ]
}
