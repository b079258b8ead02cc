//! Faults of images and segmentations, through the real readers.

use std::fs;
use std::path::Path;

use geom::Point;

use super::dicom_series;
use super::named_fault::Kind;
use crate::io::{self, Limits, nifti};
use crate::segment::confidence::{MaskEvidence, judge};
use crate::volume::{Grid, LabelMap, Volume};

/// What the program says about a spoilt image or segmentation: the refusal,
/// or the warnings. Files are made in `folder`.
pub(super) fn said(kind: Kind, folder: &Path) -> Result<Vec<String>, String> {
    let write = |e: io::WriteError| e.to_string();
    match kind {
        Kind::ThickVoxels => {
            let path = folder.join("ct.nii");
            nifti::write_volume(&path, &volume([1.0, 1.0, 3.0])?).map_err(write)?;
            Ok(ct(&path))
        }
        Kind::CutOffImage => {
            let path = folder.join("ct.nii");
            nifti::write_volume(&path, &volume([1.0; 3])?).map_err(write)?;
            let bytes = fs::read(&path).map_err(|e| e.to_string())?;
            fs::write(&path, bytes.get(..bytes.len() * 2 / 3).unwrap_or_default()).map_err(|e| e.to_string())?;
            Ok(ct(&path))
        }
        Kind::MissingSlices => {
            dicom_series::write(folder, |k| k == 4 || k == 5, 0.0)?;
            Ok(ct(folder))
        }
        Kind::GantryTilt => {
            dicom_series::write(folder, |_| false, 0.27)?;
            Ok(ct(folder))
        }
        Kind::EmptySegmentation => {
            let path = folder.join("labels.nii");
            let grid = volume([1.0; 3])?.grid;
            let labels = vec![0; grid.size().iter().product()];
            nifti::write_labels(&path, &LabelMap { grid, labels }).map_err(write)?;
            let read = io::read_labels(&path, &Limits::default());
            Ok(read.map_or_else(|e| vec![e.to_string()], |l| l.warnings.iter().map(ToString::to_string).collect()))
        }
        Kind::MixedLevels => {
            let mask = |volume_mm3| MaskEvidence {
                mean_probability: 0.95,
                volume_mm3,
                touches_border: false,
                clarity: [0.9; 2],
                own_votes: None,
                own_heap: None,
            };
            let judged = judge(&[40e3, 42e3, 90e3, 44e3, 46e3].map(mask));
            Ok(judged.iter().flat_map(|(_, doubts)| doubts).map(ToString::to_string).collect())
        }
        other => Err(format!("{other:?} is no fault of a file")),
    }
}

fn ct(path: &Path) -> Vec<String> {
    let read = io::read_ct(path, &Limits::default());
    read.map_or_else(|e| vec![e.to_string()], |loaded| loaded.warnings.iter().map(ToString::to_string).collect())
}

/// Air, tissue and bone in no order.
fn volume(spacing_mm: [f64; 3]) -> Result<Volume, String> {
    let grid = Grid::axis_aligned([12, 12, 12], spacing_mm, Point::new(0.0, 0.0, 0.0)).map_err(|e| e.to_string())?;
    let hu = (0..12 * 12 * 12).map(|i| ((i * 389) % 2400) as f32 - 1000.0).collect();
    Ok(Volume { grid, hu })
}
