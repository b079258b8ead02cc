//! Doors for files: CTs and label maps in, label maps and meshes out.
//!
//! Promises: a file is judged by its content; what it declares is checked
//! against [`Limits`] and against the bytes that are there before memory is
//! taken; a bad file is an error that names the file, the numbers and the way
//! out, never a panic; whatever comes out is in LPS millimetres and HU; files
//! written appear whole or not at all. The pipeline and `spinenav` call it.

mod atomic;
pub mod bounded;
mod detect;
pub mod dicom;
mod error;
mod hounsfield;
pub mod isolated;
mod limits;
mod metaimage;
pub mod nifti;
mod nrrd;
pub mod numbers;
pub mod picture;
pub mod ply;
mod raster;
pub mod stl;
mod warning;

use std::path::Path;

pub use bounded::{read_bounded, read_text};
pub use error::{Problem, ReadError, WriteError};
pub use isolated::ReaderProcess;
pub use limits::Limits;
pub use warning::{Loaded, THICK_MM, Warning};

use crate::volume::{LabelMap, Volume};
use detect::Format;

/// The CT at `path`: a DICOM folder, NIfTI, NRRD or MetaImage, told apart by
/// content. Values are HU, positions LPS millimetres.
///
/// # Errors
/// [`ReadError`] with the file's name, what is wrong and what to do.
///
/// Cost: below a second for 133 slices of 512x512.
pub fn read_ct(path: &Path, limits: &Limits) -> Result<Loaded<Volume>, ReadError> {
    match detect::format(path)? {
        Format::Folder => dicom::read_folder(path, None, limits),
        Format::Dicom => dicom::read_files(&[path.to_owned()], None, limits),
        Format::Nifti => nifti::read_volume(path, limits),
        Format::Nrrd => raster::read_volume(path, limits, nrrd::parse),
        Format::MetaImage => raster::read_volume(path, limits, metaimage::parse),
    }
}

/// The label map at `path` (NIfTI, NRRD or MetaImage), whole numbers 0-255.
///
/// # Errors
/// [`ReadError`] as [`read_ct`]; DICOM segmentations are not read.
pub fn read_labels(path: &Path, limits: &Limits) -> Result<Loaded<LabelMap>, ReadError> {
    match detect::format(path)? {
        Format::Nifti => nifti::read_labels(path, limits),
        Format::Nrrd => raster::read_labels(path, limits, nrrd::parse),
        Format::MetaImage => raster::read_labels(path, limits, metaimage::parse),
        Format::Folder | Format::Dicom => Err(ReadError::new(path, Problem::LabelsNotNifti)),
    }
}

/// Writes `bytes` as a file that appears whole or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    atomic::write(path, |file| file.write_all(bytes))
}
