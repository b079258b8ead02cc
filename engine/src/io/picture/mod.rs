//! Radiographs as files: PNG, TIFF, DICOM CR, DX and secondary capture.
//!
//! Promises what every door of [`crate::io`] promises, and that bone is bright
//! where the file says which it is (DICOM); PNG and TIFF do not say. Where the
//! picture was taken from is not known here: [`crate::xray::Geometry`].

mod png;
mod tiff;

use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::bounded::read_bounded;
use super::detect::is_dicom;
use super::error::{Problem, ReadError};
use super::limits::Limits;
use super::warning::Loaded;

/// Edges of a pixel that are believed, mm.
pub(crate) const PIXEL_MM: RangeInclusive<f64> = 0.01..=10.0;
/// Longest side of a picture, pixels: whole-spine radiographs have about 10 000.
pub const MAX_SIDE: usize = 16_384;
/// Most pixels of a picture.
const MAX_PIXELS: usize = 1 << 26;
/// Largest file, bytes.
const MAX_BYTES: u64 = 1 << 30;
/// Largest decoded picture, bytes.
const MAX_DECODED: usize = 1 << 29;

/// A picture in grey.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Height, pixels.
    pub rows: usize,
    /// Width, pixels.
    pub columns: usize,
    /// Brightness, any unit, row by row.
    pub values: Vec<f32>,
    /// How large a pixel is, when the file says so.
    pub pixel: Option<PixelSize>,
    /// DICOM's `ViewPosition`: AP, PA, LL, RL and others.
    pub view_position: Option<String>,
}

/// Size of a pixel as a file gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PixelSize {
    /// Steps down and across, mm.
    pub mm: [f64; 2],
    /// True at the patient, false at the detector, where everything is larger.
    pub is_at_patient: bool,
}

/// The radiograph at `path`, its format told by its content.
///
/// # Errors
/// [`ReadError`] with the file's name, what is wrong and what to do.
///
/// Cost: 100 ms for 10 megapixels.
pub fn read_picture(path: &Path, limits: &Limits) -> Result<Loaded<Picture>, ReadError> {
    let bytes = read_bounded(path, MAX_BYTES.min(limits.bytes)).map_err(ReadError::io(path, "read the file"))?;
    if bytes.is_empty() {
        return Err(ReadError::new(path, Problem::Empty));
    }
    if is_dicom(&bytes) {
        drop(bytes);
        return super::dicom::read_radiograph(path, limits);
    }
    let is_tiff = [b"II*\0", b"MM\0*"].iter().any(|magic| bytes.starts_with(*magic));
    let (format, read): (_, Reader) = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        ("PNG", png::read)
    } else if is_tiff {
        ("TIFF", tiff::read)
    } else {
        let start: Vec<String> = bytes.iter().take(8).map(|b| format!("{b:02x}")).collect();
        let reason = format!("it begins with the bytes {}; give PNG, TIFF or DICOM (CR, DX)", start.join(" "));
        return Err(ReadError::new(path, Problem::Picture { format: "file", reason }));
    };
    // Decoders of others may still hold a panic; a bad file must not end the program.
    let panicked = |_| Err(bad(format, "the decoder gave up on malformed data; export it again"));
    let check = |size| check_size(path, format, size, limits).map_err(|e| e.problem);
    let decoded = catch_unwind(AssertUnwindSafe(|| read(&bytes, &check))).unwrap_or_else(panicked);
    let raw = decoded.map_err(|problem| ReadError::new(path, problem))?;
    let [rows, columns] = raw.size;
    let values = grey(&raw).map_err(|problem| ReadError::new(path, problem))?;
    let value = Picture { rows, columns, values, pixel: None, view_position: None };
    Ok(Loaded { value, warnings: Vec::new() })
}

/// Checks rows and columns before memory is taken for them.
type SizeCheck<'a> = &'a dyn Fn([usize; 2]) -> Result<(), Problem>;
type Reader = fn(&[u8], SizeCheck<'_>) -> Result<Raw, Problem>;

/// Decoded samples.
struct Raw {
    format: &'static str,
    /// Rows and columns.
    size: [usize; 2],
    /// Samples of a pixel: grey, grey and alpha, colours, colours and alpha.
    samples: usize,
    values: Vec<f32>,
}

fn bad(format: &'static str, reason: impl Into<String>) -> Problem {
    Problem::Picture { format, reason: reason.into() }
}

/// Refuses sizes that are no radiograph's.
pub(super) fn check_size(
    path: &Path,
    format: &'static str,
    size: [usize; 2],
    limits: &Limits,
) -> Result<(), ReadError> {
    let [rows, columns] = size;
    if rows.min(columns) < 16 || rows.max(columns) > MAX_SIDE {
        let reason = format!("it has {columns}x{rows} pixels; a side must be 16 to {MAX_SIDE}");
        return Err(ReadError::new(path, bad(format, reason)));
    }
    let limit = limits.voxels.min(MAX_PIXELS as u64);
    let found = (rows * columns) as u64;
    if found > limit {
        return Err(ReadError::new(path, Problem::TooLarge { what: "pixels", found, limit }));
    }
    Ok(())
}

/// One value a pixel: the mean of its colours, whatever its alpha.
fn grey(raw: &Raw) -> Result<Vec<f32>, Problem> {
    let pixels = raw.size[0] * raw.size[1];
    if !(1..=4).contains(&raw.samples) || raw.values.len() != pixels * raw.samples {
        let (found, samples) = (raw.values.len(), raw.samples);
        return Err(bad(raw.format, format!("it has {found} values for {pixels} pixels of {samples} samples")));
    }
    if raw.values.iter().any(|v| !v.is_finite()) {
        return Err(bad(raw.format, "a pixel is not a finite number"));
    }
    let colours = if raw.samples < 3 { 1 } else { 3 };
    let mean = |pixel: &[f32]| pixel.iter().take(colours).sum::<f32>() / colours as f32;
    Ok(raw.values.chunks_exact(raw.samples).map(mean).collect())
}
