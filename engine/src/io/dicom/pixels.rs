//! Pixels of one slice in HU.

use dicom_object::open_file;
use dicom_pixeldata::PixelDecoder;

use super::codestream;
use super::slice::{PixelLayout, SliceHeader, damaged};
use crate::io::error::Problem;

/// Decodes the pixels of `slice` into `out` (`rows * columns` HU); returns how
/// many carry the padding value.
pub(super) fn decode(slice: &SliceHeader, out: &mut [f32]) -> Result<usize, Problem> {
    let object = open_file(&slice.path).map_err(|e| damaged("parsed", &e))?;
    codestream::check(&object, slice.rows, slice.columns)?;
    let pixels = object.decode_pixel_data().map_err(|e| damaged("decoded", &e))?;
    let bytes = pixels.data();
    let needed = out.len() * if slice.layout.is_16_bit { 2 } else { 1 };
    // A byte more is the padding to even length.
    if bytes.len() != needed && bytes.len() != needed.next_multiple_of(2) {
        let reason = format!(
            "it has {} bytes of pixels, but {}x{} pixels need {needed}; send the file again",
            bytes.len(),
            slice.columns,
            slice.rows
        );
        return Err(Problem::Dicom { doing: "decoded", reason });
    }
    Ok(if slice.layout.is_16_bit {
        // dicom-rs hands out words in this machine's order.
        let (words, _) = bytes.as_chunks::<2>();
        to_hu(words.iter().map(|b| u16::from_ne_bytes(*b)), slice, out)
    } else {
        to_hu(bytes.iter().map(|b| u16::from(*b)), slice, out)
    })
}

fn to_hu(words: impl Iterator<Item = u16>, slice: &SliceHeader, out: &mut [f32]) -> usize {
    let (slope, intercept) = slice.rescale.unwrap_or((1.0, 0.0));
    let layout: PixelLayout = slice.layout;
    let mut padded = 0;
    for (hu, word) in out.iter_mut().zip(words) {
        padded += usize::from(layout.padding == Some(word));
        *hu = layout.value(word) * slope + intercept;
    }
    padded
}
