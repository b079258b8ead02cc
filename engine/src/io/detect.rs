//! What a file is, by its content and not by its name.

use std::io::Read;
use std::path::Path;

use crate::io::error::{Problem, ReadError};
use crate::io::{bounded, metaimage, nifti, nrrd};

/// Formats of a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// A folder, taken for a DICOM series.
    Folder,
    /// One DICOM file.
    Dicom,
    /// NIfTI, perhaps compressed.
    Nifti,
    /// NRRD, its voxels in it or beside it.
    Nrrd,
    /// MetaImage, its voxels in it or beside it.
    MetaImage,
}

/// Looks at the first bytes of `path`.
pub(super) fn format(path: &Path) -> Result<Format, ReadError> {
    let about = std::fs::metadata(path).map_err(ReadError::io(path, "find it"))?;
    if about.is_dir() {
        return Ok(Format::Folder);
    }
    let (file, _) = bounded::open(path).map_err(ReadError::io(path, "open the file"))?;
    let mut start = Vec::new();
    file.take(512).read_to_end(&mut start).map_err(ReadError::io(path, "read the file"))?;
    if start.is_empty() {
        return Err(ReadError::new(path, Problem::Empty));
    }
    if is_dicom(&start) {
        Ok(Format::Dicom)
    } else if start.starts_with(&[0x1f, 0x8b]) || nifti::looks_like_nifti(&start) {
        Ok(Format::Nifti)
    } else if nrrd::looks_like_nrrd(&start) {
        Ok(Format::Nrrd)
    } else if metaimage::looks_like_metaimage(&start) {
        Ok(Format::MetaImage)
    } else {
        Err(ReadError::new(path, unknown(&start)))
    }
}

/// True for a DICOM file with its preamble.
pub(super) fn is_dicom(start: &[u8]) -> bool {
    start.get(128..132) == Some(b"DICM")
}

/// The error for a start that no reader knows: text or bytes.
pub(super) fn unknown(start: &[u8]) -> Problem {
    let is_text = |b: &u8| b.is_ascii_graphic() || b.is_ascii_whitespace();
    let text_len = start.iter().take_while(|b| is_text(b) || **b >= 0x80).count();
    let shown = start.get(..start.len().min(24)).unwrap_or_default();
    if text_len == start.len() && start.iter().any(is_text) {
        let start = String::from_utf8_lossy(shown).split_whitespace().collect::<Vec<_>>().join(" ");
        return Problem::Text { start };
    }
    let bytes: Vec<String> = shown.iter().take(8).map(|b| format!("{b:02x}")).collect();
    Problem::UnknownFormat { start: bytes.join(" ") }
}
