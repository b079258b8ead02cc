//! Pixels of one slice in HU.

use std::path::Path;

use dicom_object::open_file;
use dicom_pixeldata::PixelDecoder;

use super::codestream;
use super::slice::{PixelLayout, SliceHeader, damaged};
use crate::io::error::Problem;

/// Decodes the pixels of `slice` into `out` (`rows * columns` HU); returns how
/// many carry the padding value.
pub(super) fn decode(slice: &SliceHeader, out: &mut [f32]) -> Result<usize, Problem> {
    let words = stored(&slice.path, [slice.rows, slice.columns], slice.layout)?;
    Ok(to_hu(words.into_iter(), slice, out))
}

/// The stored words of the one frame in a file of `size` rows and columns.
pub(super) fn stored(path: &Path, size: [usize; 2], layout: PixelLayout) -> Result<Vec<u16>, Problem> {
    let [rows, columns] = size;
    let object = open_file(path).map_err(|e| damaged("parsed", &e))?;
    codestream::check(&object, rows, columns)?;
    let pixels = object.decode_pixel_data().map_err(|e| damaged("decoded", &e))?;
    let bytes = pixels.data();
    let needed = rows * columns * if layout.is_16_bit { 2 } else { 1 };
    // A byte more is the padding to even length.
    if bytes.len() != needed && bytes.len() != needed.next_multiple_of(2) {
        let found = bytes.len();
        let reason =
            format!("it has {found} bytes of pixels, but {columns}x{rows} pixels need {needed}; send the file again");
        return Err(Problem::Dicom { doing: "decoded", reason });
    }
    if layout.is_16_bit {
        // dicom-rs hands out words in this machine's order.
        let (words, _) = bytes.as_chunks::<2>();
        return Ok(words.iter().map(|b| u16::from_ne_bytes(*b)).collect());
    }
    Ok(bytes.iter().take(rows * columns).map(|b| u16::from(*b)).collect())
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
