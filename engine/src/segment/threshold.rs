//! The baseline without a network: bone is bright.

use kernels::{Connectivity, connected_components, dilate_mm, erode_mm};

use super::pipeline::SegmentError;
use super::semantic::Semantic;
use crate::volume::Grid;

/// HU from which a voxel of the smoothed scan counts as bone.
const BONE_HU: f32 = 200.0;

/// Radius of the opening that cuts ribs from the spine, mm.
const OPENING_MM: f64 = 3.0;

/// Threshold, opening, largest component. Ribs and contrast-filled vessels
/// that touch the spine stay: this is what a network has to beat.
///
/// # Errors
/// [`SegmentError::Kernel`] when the data does not fit the grid.
pub fn baseline(hu: &[f32], grid: &Grid) -> Result<Semantic, SegmentError> {
    let dims = super::preprocess::dims(grid);
    let [x, y, z] = grid.spacing_mm();
    let spacing = [z, y, x];
    let bone: Vec<bool> = hu.iter().map(|v| *v > BONE_HU).collect();
    let core = erode_mm(&bone, dims, spacing, OPENING_MM)?;
    let components = connected_components(&core, dims, Connectivity::Faces)?;
    let largest = components.largest().unwrap_or(0);
    let kept: Vec<bool> = components.labels.iter().map(|l| *l == largest && largest != 0).collect();
    let grown = dilate_mm(&kept, dims, spacing, OPENING_MM)?;
    let vertebra = grown.iter().zip(&bone).map(|(g, b)| f32::from(u8::from(*g && *b))).collect();
    let nothing = vec![0.0; hu.len()];
    Ok(Semantic { grid: grid.clone(), vertebra, other_bone: nothing.clone(), disc: nothing, threshold: 0.5 })
}
