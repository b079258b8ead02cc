//! A DICOM CT series as one volume.
//!
//! Accepted: CT Image Storage of modality CT, one series, uncompressed,
//! deflated, RLE, JPEG (baseline and lossless) or JPEG 2000. Slices are sorted
//! by `ImagePositionPatient` along the slice normal, never by name or number;
//! they must form an even stack without gaps and doubles. Voxels come out in
//! the order column, row, slice, with the slices ascending along the normal;
//! a gantry tilt stays in the affine as shear. Localizers and files that are
//! no images are skipped with a warning; anything else is an error that names
//! the file. Folders are not searched recursively.
//!
//! Limits of dicom-rs: no JPEG-LS and no JPEG XL; a compressed slice smaller
//! than a 64th of its pixels is refused as a likely bomb.

mod codestream;
mod lengths;
mod pixels;
mod radiograph;
mod slice;
mod stack;

use std::collections::BTreeMap;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::io::error::{Problem, ReadError};
use crate::io::hounsfield;
use crate::io::limits::Limits;
use crate::io::warning::{Loaded, Warning};
use crate::io::{bounded, detect};
use crate::volume::Volume;
pub(super) use radiograph::read_radiograph;
use slice::{Found, SliceHeader};

/// The CT series in a folder; `series_uid` picks one of several.
///
/// # Errors
/// [`ReadError`] naming the file or folder: not a CT, several series, missing,
/// double or uneven slices, slices that disagree in size or orientation,
/// an unsupported compression, damaged data, or values that cannot be HU.
///
/// Cost: 133 uncompressed slices of 512x512 in about half a second on two cores.
pub fn read_folder(folder: &Path, series_uid: Option<&str>, limits: &Limits) -> Result<Loaded<Volume>, ReadError> {
    let mut files = Vec::new();
    let list = std::fs::read_dir(folder).map_err(ReadError::io(folder, "list the folder"))?;
    for entry in list {
        let path = entry.map_err(ReadError::io(folder, "list the folder"))?.path();
        if path.is_file() {
            files.push(path);
        }
        if files.len() > limits.files {
            let (found, limit) = (files.len() as u64, limits.files as u64);
            return Err(ReadError::new(folder, Problem::TooLarge { what: "files", found, limit }));
        }
    }
    // Names decide nothing but the order of messages.
    files.sort();
    read(folder, &files, series_uid, limits)
}

/// As [`read_folder`] for the files named.
///
/// # Errors
/// As [`read_folder`].
pub fn read_files(files: &[PathBuf], series_uid: Option<&str>, limits: &Limits) -> Result<Loaded<Volume>, ReadError> {
    let place = files.first().cloned().unwrap_or_default();
    read(&place, files, series_uid, limits)
}

fn read(
    place: &Path,
    files: &[PathBuf],
    series_uid: Option<&str>,
    limits: &Limits,
) -> Result<Loaded<Volume>, ReadError> {
    // Of several unusable files the first is named, whichever thread was faster.
    let found: Vec<_> = files.par_iter().map(|path| look_at(path, limits)).collect();
    let found: Vec<Found> = found.into_iter().collect::<Result<_, _>>()?;
    let mut warnings = Vec::new();
    let slices = pick_series(place, found, series_uid, &mut warnings)?;
    let stack = stack::arrange(place, slices, &mut warnings)?;
    let voxels = limits.check_voxels(place, stack.grid.size())?;
    let [columns, rows, _] = stack.grid.size();
    let mut hu = vec![0f32; voxels];
    let padded: usize = hu
        .par_chunks_mut(columns * rows)
        .zip(&stack.slices)
        .map(|(out, slice)| guarded(&slice.path, "decoded", || pixels::decode(slice, out)))
        .try_reduce(|| 0, |a, b| Ok(a + b))?;
    if let Some(first) = stack.slices.iter().find(|_| padded > 0) {
        warnings.push(Warning::Padding { hu: first.padding_hu().unwrap_or_default(), voxels: padded });
    }
    let mut volume = Volume { grid: stack.grid, hu };
    hounsfield::check(place, &mut volume, &mut warnings)?;
    Ok(Loaded { value: volume, warnings })
}

/// Reads what comes before the pixels, if the file is DICOM at all.
fn look_at(path: &Path, limits: &Limits) -> Result<Found, ReadError> {
    let (mut file, length) = bounded::open(path).map_err(ReadError::io(path, "open the file"))?;
    limits.check_bytes(path, length)?;
    let mut start = Vec::new();
    file.by_ref().take(132).read_to_end(&mut start).map_err(ReadError::io(path, "read the file"))?;
    if !detect::is_dicom(&start) {
        let why = if start.is_empty() { "it is empty (0 bytes)" } else { "it is not DICOM" };
        return Ok(Found::Skipped { path: path.to_owned(), why: why.into() });
    }
    guarded(path, "parsed", || slice::read_header(path))
}

/// Runs a parser or decoder on one file so that a panic in it is that file's error.
///
/// dicom-rs and the codecs below it still have known panics on malformed data
/// (index out of range in frames larger than declared). A bad file must not
/// take the engine down, and nothing is shared with the closure but the output
/// slice, which is thrown away on error.
fn guarded<T>(path: &Path, doing: &'static str, work: impl FnOnce() -> Result<T, Problem>) -> Result<T, ReadError> {
    let panicked = |_| {
        let reason = "the decoder gave up on malformed data; send the file again from its source".into();
        Err(Problem::Dicom { doing, reason })
    };
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked).map_err(|problem| ReadError::new(path, problem))
}

/// Keeps the slices of one series; what is left out is noted.
fn pick_series(
    place: &Path,
    found: Vec<Found>,
    series_uid: Option<&str>,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<SliceHeader>, ReadError> {
    let files = found.len();
    let mut series: BTreeMap<String, Vec<SliceHeader>> = BTreeMap::new();
    let mut skipped = Vec::new();
    for item in found {
        match item {
            Found::Slice(slice) if series_uid.is_none_or(|uid| uid == slice.series_uid) => {
                series.entry(slice.series_uid.clone()).or_default().push(*slice);
            }
            Found::Slice(slice) => skipped.push((slice.path, "it belongs to another series".to_owned())),
            Found::Skipped { path, why } => skipped.push((path, why)),
        }
    }
    if let Some((path, why)) = skipped.first() {
        let (example, why) = (file_name(path), why.clone());
        warnings.push(Warning::SkippedFiles { count: skipped.len(), example, why });
    }
    if series.len() > 1 {
        let describe = |(uid, slices): (&String, &Vec<SliceHeader>)| {
            let description = slices.first().map(|s| s.series_description.clone()).unwrap_or_default();
            (uid.clone(), description, slices.len())
        };
        let mut series: Vec<_> = series.iter().map(describe).collect();
        series.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
        return Err(ReadError::new(place, Problem::SeveralSeries { series }));
    }
    series.into_values().next().ok_or_else(|| {
        let hint = skipped.first().map(|(path, why)| format!(" ({}: {why})", file_name(path))).unwrap_or_default();
        ReadError::new(place, Problem::NoSlices { files, hint })
    })
}

/// Name of a file without its folder, for messages about several files.
fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
