//! System A's box: the region of interest, scaled equally along all axes, in
//! 128^3 voxels.
//!
//! Resizing each axis by itself would squeeze the longest one; equal scaling
//! keeps shapes, and what the region does not fill is air, 0 after windowing.

use crate::segment::pipeline::SegmentError;
use crate::segment::{preprocess, threshold};
use crate::volume::{Grid, Volume};

/// Voxels along each edge of the box.
const EDGE: usize = 128;

/// Voxel edge at which the region of interest is looked for, mm.
const LOOK_MM: f64 = 3.0;

/// Room around the bright bone, mm: processes are thin.
const ROOM_MM: f64 = 15.0;

/// The box around the longest piece of bright bone, ribs included; around the
/// whole scan where there is none.
///
/// * `finest_mm` - a small region is not scaled up beyond this voxel edge.
///
/// # Errors
/// [`SegmentError`] when the scan cannot be resampled.
pub fn grid(ct: &Volume, finest_mm: f64) -> Result<Grid, SegmentError> {
    let (scan_low, scan_high) = ct.grid.bounds();
    let (scan_low, scan_high) = (scan_low.to_array(), scan_high.to_array());
    let look = preprocess::cover(scan_low, scan_high, LOOK_MM)?;
    let bone = threshold::baseline(&preprocess::resample_ct(ct, &look, -1000.0)?, &look)?;
    let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    let [nx, ny, _] = look.size();
    for (i, _) in bone.vertebra.iter().enumerate().filter(|(_, p)| **p > 0.5) {
        let at = look.to_ct([i % nx, i / nx % ny, i / (nx * ny)].map(|v| v as f64).into()).to_array();
        for axis in 0..3 {
            low[axis] = low[axis].min(at[axis] - ROOM_MM).max(scan_low[axis]);
            high[axis] = high[axis].max(at[axis] + ROOM_MM).min(scan_high[axis]);
        }
    }
    if !low.iter().chain(&high).all(|v| v.is_finite()) {
        (low, high) = (scan_low, scan_high);
    }
    equal_box(low, high, finest_mm)
}

/// A cube of 128^3 voxels around the middle of a box, one voxel edge for all axes.
fn equal_box(low: [f64; 3], high: [f64; 3], finest_mm: f64) -> Result<Grid, SegmentError> {
    let longest = (0..3).map(|axis| high[axis] - low[axis]).fold(0.0, f64::max);
    let voxel_mm = (longest / (EDGE - 1) as f64).max(finest_mm);
    let half = voxel_mm * (EDGE - 1) as f64 / 2.0;
    let corner = [0, 1, 2].map(|axis| f64::midpoint(low[axis], high[axis]) - half);
    Ok(Grid::axis_aligned([EDGE; 3], [voxel_mm; 3], corner.into())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use geom::Point;

    #[test]
    fn a_tall_region_is_not_squeezed_and_comes_back_to_its_place() {
        let grid = equal_box([-40.0, 10.0, 100.0], [40.0, 70.0, 481.0], 1.5).unwrap();
        assert_eq!((grid.size(), grid.spacing_mm()), ([128; 3], [3.0; 3]));
        for corner in [[-40.0, 10.0, 100.0], [40.0, 70.0, 481.0]] {
            let voxel = grid.to_voxel(corner.into());
            assert!(voxel.to_array().iter().all(|v| (-1e-9..=127.0 + 1e-9).contains(v)), "{voxel:?}");
            assert!(grid.to_ct(voxel).distance(corner.into()) < 1e-9);
        }
    }

    #[test]
    fn a_small_region_is_not_blown_up_beyond_what_training_saw() {
        let grid = equal_box([0.0; 3], [60.0; 3], 1.5).unwrap();
        assert_eq!(grid.spacing_mm(), [1.5; 3]);
    }

    #[test]
    fn the_region_of_interest_is_the_long_bone_and_an_empty_scan_has_its_whole_field() {
        let grid = Grid::axis_aligned([60, 60, 100], [3.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let bone = |i: usize| (28..38).contains(&(i % 60)) && (30..40).contains(&(i / 60 % 60));
        let hu = (0..grid.len()).map(|i| if bone(i) { 400.0 } else { 0.0 }).collect();
        let found = super::grid(&Volume { grid: grid.clone(), hu }, 1.5).unwrap();
        let middle = found.to_ct([63.5; 3].into()).to_array();
        assert!((middle[0] - 97.5).abs() < 6.0 && (middle[1] - 103.5).abs() < 6.0, "{middle:?}");
        let empty = Volume { hu: vec![0.0; grid.len()], grid };
        assert!(super::grid(&empty, 1.5).is_ok());
    }
}
