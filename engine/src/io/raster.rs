//! Voxels behind a text header: what NRRD and MetaImage have in common.
//!
//! Promises what every door of [`crate::io`] promises: the size is checked
//! against limits and against the bytes that are there before memory is taken.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use geom::nalgebra::Matrix3x4;

use crate::io::bounded;
use crate::io::error::{Problem, ReadError};
use crate::io::hounsfield;
use crate::io::limits::Limits;
use crate::io::nifti::voxels::{Element, has_more, read_exactly};
use crate::io::warning::{Loaded, Warning};
use crate::volume::{Grid, LabelMap, Volume};

/// Longest text header, bytes: NRRDs of segmentations name every segment.
pub(super) const MAX_HEADER: u64 = 1 << 20;
/// Bytes read at a time; a multiple of every element size.
const CHUNK: usize = 1 << 20;
/// Compression that real images stay below by far.
const LIKELY_INFLATION: u64 = 64;

/// Where the voxels begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// At this byte of the file.
    At(u64),
    /// They are the last bytes of the file.
    Last,
}

/// Reads a text header: the file it came from, its first bytes, the most fields it may have.
pub(super) type Parser = fn(&Path, &[u8], &Limits) -> Result<Raster, Problem>;

/// What a header says about the voxels.
#[derive(Debug)]
pub(super) struct Raster {
    pub size: [usize; 3],
    pub ct_from_voxel: Matrix3x4<f64>,
    pub element: Element,
    /// The file that holds the voxels: the header's own or one beside it.
    pub file: PathBuf,
    pub start: Start,
    pub is_compressed: bool,
    pub warnings: Vec<Warning>,
}

/// Error about a header of `format`.
pub(super) fn bad(format: &'static str, reason: impl Into<String>) -> Problem {
    Problem::Header { format, reason: reason.into() }
}

/// The file `name` beside `header`, as a header may ask for it.
///
/// A header comes from outside: it must not make us read what the user did not
/// give, so that only names in the header's own folder or below are followed.
pub(super) fn beside(header: &Path, name: &str, format: &'static str) -> Result<PathBuf, Problem> {
    let asked = Path::new(name);
    let is_below =
        !name.is_empty() && asked.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if !is_below {
        return Err(bad(
            format,
            format!(
                "its voxels are said to be in {name:?}; put that file beside the header and name it without a path"
            ),
        ));
    }
    Ok(header.with_file_name("").join(asked))
}

/// What the header of `path` says, as `parse` understands it.
fn describe(path: &Path, limits: &Limits, parse: Parser) -> Result<Raster, ReadError> {
    let bytes = bounded::read_start(path, MAX_HEADER).map_err(ReadError::io(path, "read the file"))?;
    if bytes.is_empty() {
        return Err(ReadError::new(path, Problem::Empty));
    }
    parse(path, &bytes, limits).map_err(|problem| ReadError::new(path, problem))
}

/// The CT behind a header, in HU and LPS millimetres.
///
/// # Errors
/// [`ReadError`] naming the file and what is wrong.
pub(super) fn read_volume(path: &Path, limits: &Limits, parse: Parser) -> Result<Loaded<Volume>, ReadError> {
    let raster = describe(path, limits, parse)?;
    let mut hu = Vec::new();
    let (grid, mut warnings) = read(path, raster, limits, &mut hu, |element, bytes, hu| {
        element.append_f32(bytes, hu);
        Ok(())
    })?;
    let mut volume = Volume { grid, hu };
    hounsfield::check(path, &mut volume, &mut warnings)?;
    Ok(Loaded { value: volume, warnings })
}

/// The label map behind a header; every voxel must be a whole number 0-255.
///
/// # Errors
/// As [`read_volume`], and when a voxel is no label.
pub(super) fn read_labels(path: &Path, limits: &Limits, parse: Parser) -> Result<Loaded<LabelMap>, ReadError> {
    let raster = describe(path, limits, parse)?;
    let mut labels = Vec::new();
    let (grid, mut warnings) = read(path, raster, limits, &mut labels, |element, bytes, labels| {
        element.append_u8(bytes, labels).map_err(|(index, value)| Problem::NotLabels { index, value })
    })?;
    if labels.iter().all(|l| *l == 0) {
        warnings.push(Warning::NoLabels);
    }
    hounsfield::thickness(&grid, &mut warnings);
    Ok(Loaded { value: LabelMap { grid, labels }, warnings })
}

/// Appends the voxels to `out`, chunk by chunk of whole elements.
fn read<T>(
    path: &Path,
    mut raster: Raster,
    limits: &Limits,
    out: &mut Vec<T>,
    append: impl Fn(Element, &[u8], &mut Vec<T>) -> Result<(), Problem>,
) -> Result<(Grid, Vec<Warning>), ReadError> {
    let fail = |problem| ReadError::new(path, problem);
    let voxels = limits.check_voxels(path, raster.size)?;
    let grid = Grid::new(raster.size, raster.ct_from_voxel).map_err(|e| fail(Problem::from(e)))?;
    let declared = voxels as u64 * raster.element.kind.bytes() as u64;
    let (mut file, present) =
        bounded::open(&raster.file).map_err(ReadError::io(&raster.file, "open the file with the voxels"))?;
    limits.check_bytes(&raster.file, present)?;
    let start = match raster.start {
        Start::At(byte) => byte,
        Start::Last => {
            present.checked_sub(declared).ok_or_else(|| mismatch(path, declared, present, 0, &raster, limits))?
        }
    };
    let left = present.saturating_sub(start);
    let possible = if raster.is_compressed { left.saturating_mul(limits.inflation) } else { left };
    if declared > possible {
        return Err(mismatch(path, declared, present, possible, &raster, limits));
    }
    file.seek(SeekFrom::Start(start)).map_err(ReadError::io(&raster.file, "find the voxels"))?;
    // All at once, unless it compresses so well that the header may be a lie.
    if declared <= left.saturating_mul(LIKELY_INFLATION) {
        out.reserve_exact(voxels);
    }
    let mut reader = open(BufReader::with_capacity(1 << 18, file), raster.is_compressed, &raster.file)?;
    let mut buffer = vec![0; CHUNK];
    let mut at = 0u64;
    while at < declared {
        let wanted = usize::try_from(declared - at).unwrap_or(CHUNK).min(CHUNK);
        let part = buffer.get_mut(..wanted).unwrap_or_default();
        read_exactly(&raster.file, &mut *reader, part, at, declared)?;
        append(raster.element, part, out).map_err(fail)?;
        at += wanted as u64;
    }
    match has_more(&mut *reader) {
        Ok(false) => {}
        Ok(true) => raster.warnings.push(Warning::TrailingBytes),
        Err(source) => return Err(ReadError::new(&raster.file, Problem::Compressed { read: at, declared, source })),
    }
    Ok((grid, raster.warnings))
}

fn mismatch(path: &Path, declared: u64, present: u64, possible: u64, raster: &Raster, limits: &Limits) -> ReadError {
    let why = if raster.is_compressed {
        format!("cannot hold more than {possible}, even compressed {} to 1", limits.inflation)
    } else {
        format!("holds {possible} where the voxels should be")
    };
    ReadError::new(path, Problem::SizeMismatch { declared, present, why })
}

/// The voxels' bytes; compressed data is gzip or a bare zlib stream.
fn open(mut file: BufReader<File>, is_compressed: bool, path: &Path) -> Result<Box<dyn Read>, ReadError> {
    if !is_compressed {
        return Ok(Box::new(file));
    }
    let start = file.fill_buf().map_err(ReadError::io(path, "read the file"))?;
    if start.starts_with(&[0x1f, 0x8b]) {
        Ok(Box::new(MultiGzDecoder::new(file)))
    } else {
        Ok(Box::new(ZlibDecoder::new(file)))
    }
}
