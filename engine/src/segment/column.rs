//! One spine a scan: what is not part of the longest column is dropped.

use kernels::{Connectivity, connected_components, dilate_mm, erode_mm};

use super::pipeline::SegmentError;
use super::preprocess::{dims, spacing_mm};
use super::semantic::Semantic;

/// Discs and gaps up to about twice this, less a voxel, are bridged along the column, mm.
const BRIDGE_MM: f64 = 4.0;

/// Links thinner than twice this do not make a neighbour part of the column, mm.
const NECK_MM: f64 = 3.0;

/// Processes reach this far from the column's core, mm.
const REACH_MM: f64 = 14.0;

/// Clears the vertebra probability everywhere but around the part that spans
/// most slices: a heart full of contrast or a hip mistaken for vertebra is
/// wide, but not long.
///
/// Works on the network's coarse grid: four distance transforms there.
///
/// # Errors
/// [`SegmentError::Kernel`] when the data does not fit the grid.
pub fn keep_longest(semantic: &mut Semantic) -> Result<(), SegmentError> {
    let dims = dims(&semantic.grid);
    let spacing = spacing_mm(&semantic.grid);
    let mask: Vec<bool> =
        semantic.vertebra.iter().zip(&semantic.disc).map(|(v, d)| *v > semantic.threshold || *d > 0.5).collect();
    let bridged = dilate_mm(&mask, dims, spacing, BRIDGE_MM)?;
    let core = erode_mm(&bridged, dims, spacing, BRIDGE_MM + NECK_MM)?;
    let parts = connected_components(&core, dims, Connectivity::Faces)?;
    let Some(longest) = longest_part(&parts.labels, parts.sizes.len(), dims[1] * dims[2]) else { return Ok(()) };
    let kept: Vec<bool> = parts.labels.iter().map(|label| *label == longest).collect();
    let near = dilate_mm(&kept, dims, spacing, REACH_MM)?;
    for (probability, is_near) in semantic.vertebra.iter_mut().zip(&near) {
        *probability *= f32::from(u8::from(*is_near));
    }
    Ok(())
}

/// The label that spans most slices; `None` when there is none.
pub fn longest_part(labels: &[u32], parts: usize, slice: usize) -> Option<u32> {
    let mut span = vec![(usize::MAX, 0usize); parts + 1];
    for (i, label) in labels.iter().enumerate().filter(|(_, label)| **label != 0) {
        let entry = &mut span[*label as usize];
        *entry = (entry.0.min(i / slice), entry.1.max(i / slice));
    }
    let length = |label: &u32| span[*label as usize].1.saturating_sub(span[*label as usize].0);
    (1..=u32::try_from(parts).unwrap_or(u32::MAX)).max_by_key(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Grid;
    use geom::Point;

    #[test]
    fn a_heart_called_vertebra_is_dropped_and_the_bodies_beyond_their_discs_stay() {
        let grid = Grid::axis_aligned([60, 40, 90], [2.5; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let vertebra: Vec<f32> = (0..grid.len())
            .map(|i| {
                let (x, y, z) = (i % 60, i / 60 % 40, i / 2400);
                let body = (5..16).contains(&x) && (24..35).contains(&y) && z % 11 < 9;
                let heart = (25..55).contains(&x) && (3..25).contains(&y) && (30..60).contains(&z);
                f32::from(u8::from(body || heart))
            })
            .collect();
        let nothing = vec![0.0; vertebra.len()];
        let mut semantic = Semantic { grid, vertebra, other_bone: nothing.clone(), disc: nothing, threshold: 0.5 };
        keep_longest(&mut semantic).unwrap();
        let at = |x, y, z| semantic.vertebra[semantic.grid.index([x, y, z])];
        assert_eq!((at(10, 30, 3), at(10, 30, 80), at(40, 12, 45)), (1.0, 1.0, 0.0));
    }
}
