//! The baseline without a network: bone is bright.

use kernels::{Connectivity, connected_components, dilate_mm, erode_mm};

use super::column::longest_part;
use super::pipeline::SegmentError;
use super::semantic::Semantic;
use crate::volume::Grid;

/// HU from which a voxel of the smoothed scan counts as bone.
const BONE_HU: f32 = 200.0;

/// Radius of the opening that cuts ribs and vessels from the spine, mm.
const OPENING_MM: f64 = 2.0;

/// Threshold, opening, and the part that reaches highest from head to foot:
/// the heart full of contrast may be larger than the spine, but not longer.
/// Ribs and vessels that touch the spine stay: this is what a network has to
/// beat.
///
/// # Errors
/// [`SegmentError::Kernel`] when the data does not fit the grid.
pub fn baseline(hu: &[f32], grid: &Grid) -> Result<Semantic, SegmentError> {
    let dims = super::preprocess::dims(grid);
    let spacing = super::preprocess::spacing_mm(grid);
    let bone: Vec<bool> = hu.iter().map(|v| *v > BONE_HU).collect();
    let core = erode_mm(&bone, dims, spacing, OPENING_MM)?;
    let components = connected_components(&core, dims, Connectivity::Faces)?;
    let longest = longest_part(&components.labels, components.sizes.len(), dims[1] * dims[2]);
    let kept: Vec<bool> = components.labels.iter().map(|l| Some(*l) == longest).collect();
    let grown = dilate_mm(&kept, dims, spacing, OPENING_MM)?;
    let vertebra = grown.iter().zip(&bone).map(|(g, b)| f32::from(u8::from(*g && *b))).collect();
    let nothing = vec![0.0; hu.len()];
    Ok(Semantic {
        grid: grid.clone(),
        vertebra,
        other_bone: nothing.clone(),
        disc: nothing,
        offsets_mm: Vec::new(),
        threshold: 0.5,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use geom::Point;

    #[test]
    fn the_longest_bone_is_kept_and_not_the_biggest_bright_thing() {
        let grid = Grid::axis_aligned([60, 30, 80], [1.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let hu: Vec<f32> = (0..grid.len())
            .map(|i| {
                let (x, y, z) = (i % 60, i / 60 % 30, i / 1800);
                let spine = (5..17).contains(&x) && (9..21).contains(&y);
                let heart = (25..58).contains(&x) && (2..28).contains(&y) && (20..50).contains(&z);
                if spine || heart { 400.0 } else { 30.0 }
            })
            .collect();
        let found = baseline(&hu, &grid).unwrap();
        assert_eq!(found.vertebra[grid.index([11, 15, 40])], 1.0);
        assert_eq!(found.vertebra[grid.index([40, 15, 35])], 0.0);
    }
}
