//! Where the bone's edge lies: the network's answer, corrected by the CT.

use kernels::{Connectivity, connected_components};

use super::pipeline::SegmentError;
use super::preprocess::dims;
use super::semantic::Semantic;

/// HU between soft tissue (about 50) and thin cortical bone after the
/// scanner's blur (about 250): where the edge of a bone is seen.
const EDGE_HU: f32 = 130.0;

/// HU over which the evidence of the CT saturates.
const EDGE_WIDTH_HU: f32 = 120.0;

/// How much the CT may move the network's log-odds: at a threshold of 0.25 a
/// voxel it gives between 0.08 and 0.57 follows the CT, others do not.
/// Chosen on LIDC-IDRI-0001, which the weights have seen.
const CT_WEIGHT: f32 = 1.4;

/// The network's other bone and disc have to be this many times as likely as
/// vertebra to win a voxel that the CT shows as bone.
const RIVAL_FACTOR: f32 = 2.0;

/// Holes up to this are marrow that both network and CT took for soft tissue, mm^3.
const MAX_CAVITY_MM3: f64 = 4000.0;

/// Parts smaller than this are noise, not a process of a vertebra, mm^3.
const MIN_PART_MM3: f64 = 300.0;

/// The vertebra mask on the semantic grid, `[z, y, x]`.
///
/// Adds to the log-odds of the network the evidence of the CT, which is
/// positive on bone and negative on soft tissue; the marrow inside a body is
/// kept because the network is sure of it. Then drops loose crumbs and fills
/// cavities: no bone is hollow.
///
/// # Errors
/// [`SegmentError::Kernel`] when the data does not fit the grid.
pub fn vertebra_mask(semantic: &Semantic, hu: &[f32]) -> Result<Vec<bool>, SegmentError> {
    let threshold_odds = log_odds(semantic.threshold);
    let rivals = semantic.other_bone.iter().zip(&semantic.disc);
    let mask: Vec<bool> = semantic
        .vertebra
        .iter()
        .zip(rivals)
        .zip(hu)
        .map(|((vertebra, (other, disc)), hu)| {
            let evidence = ((hu - EDGE_HU) / EDGE_WIDTH_HU).clamp(-1.0, 1.0);
            let odds = log_odds(*vertebra) - threshold_odds;
            odds + CT_WEIGHT * evidence > 0.0 && vertebra * RIVAL_FACTOR >= other.max(*disc)
        })
        .collect();
    fill_cavities(drop_crumbs(mask, semantic)?, semantic)
}

fn log_odds(p: f32) -> f32 {
    let p = p.clamp(1e-4, 1.0 - 1e-4);
    (p / (1.0 - p)).ln()
}

fn drop_crumbs(mut mask: Vec<bool>, semantic: &Semantic) -> Result<Vec<bool>, SegmentError> {
    let parts = connected_components(&mask, dims(&semantic.grid), Connectivity::Faces)?;
    let voxel_mm3: f64 = semantic.grid.spacing_mm().iter().product();
    for (voxel, part) in mask.iter_mut().zip(&parts.labels) {
        let size = (*part as usize).checked_sub(1).and_then(|i| parts.sizes.get(i)).copied().unwrap_or(0);
        *voxel &= size as f64 * voxel_mm3 >= MIN_PART_MM3;
    }
    Ok(mask)
}

fn fill_cavities(mut mask: Vec<bool>, semantic: &Semantic) -> Result<Vec<bool>, SegmentError> {
    let outside: Vec<bool> = mask.iter().map(|v| !v).collect();
    let parts = connected_components(&outside, dims(&semantic.grid), Connectivity::Faces)?;
    let voxel_mm3: f64 = semantic.grid.spacing_mm().iter().product();
    let mut is_cavity: Vec<bool> = parts.sizes.iter().map(|size| *size as f64 * voxel_mm3 <= MAX_CAVITY_MM3).collect();
    let [nx, ny, nz] = semantic.grid.size();
    let at_border = |i: usize| {
        let [x, y, z] = [i % nx, i / nx % ny, i / (nx * ny)];
        x == 0 || y == 0 || z == 0 || x + 1 == nx || y + 1 == ny || z + 1 == nz
    };
    for (i, part) in parts.labels.iter().enumerate().filter(|(_, part)| **part != 0) {
        if is_cavity[*part as usize - 1] && at_border(i) {
            is_cavity[*part as usize - 1] = false;
        }
    }
    for (voxel, part) in mask.iter_mut().zip(&parts.labels) {
        *voxel |= *part != 0 && is_cavity[*part as usize - 1];
    }
    Ok(mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Grid;
    use geom::Point;

    fn semantic(vertebra: f32) -> Semantic {
        let grid = Grid::axis_aligned([10, 10, 10], [1.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let nothing = vec![0.0; 1000];
        Semantic {
            grid,
            vertebra: vec![vertebra; 1000],
            other_bone: nothing.clone(),
            disc: nothing,
            offsets_mm: Vec::new(),
            threshold: 0.5,
        }
    }

    #[test]
    fn an_undecided_network_follows_the_ct_and_a_sure_one_does_not() {
        let kept = |p: f32, hu: f32| vertebra_mask(&semantic(p), &[hu; 1000]).unwrap()[500];
        assert!(kept(0.5, 400.0) && !kept(0.5, 40.0));
        assert!(kept(0.95, 60.0), "marrow inside a body");
        assert!(!kept(0.05, 600.0), "a calcified vessel beside the spine");
    }

    #[test]
    fn marrow_as_dark_as_soft_tissue_leaves_no_hole_in_a_body_and_the_canal_stays_open() {
        let mut field = semantic(0.9);
        let at = |x: usize, y: usize, z: usize| (z * 10 + y) * 10 + x;
        for z in 0..10 {
            field.vertebra[at(2, 2, z)] = 0.01;
        }
        field.vertebra[at(6, 6, 5)] = 0.01;
        let mask = vertebra_mask(&field, &[100.0; 1000]).unwrap();
        assert!(mask[at(6, 6, 5)] && !mask[at(2, 2, 5)]);
    }
}
