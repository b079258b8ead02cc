//! Bone seen through from the side and from the front, for pictures.

use rayon::prelude::*;

use crate::volume::LabelMap;
use geom::Point;

/// Largest edge of a picture, pixels.
const MAX_EDGE: usize = 1600;

/// A picture of summed bone with its place: pixel `(column, row)` shows
/// `low[0] + column * pixel_mm` across and `high - row * pixel_mm` in height.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// Pixels along a row and rows.
    pub size: [usize; 2],
    /// Brightness 0-255, row by row from the top.
    pub grey: Vec<u8>,
    /// Place of the left edge across, mm: y (front to back) or x (right to left).
    pub left_mm: f64,
    /// z of the top edge, mm.
    pub top_mm: f64,
    /// Edge of a pixel, mm.
    pub pixel_mm: f64,
}

/// From which side bone is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// From the patient's left: the front is on the left of the picture.
    Sagittal,
    /// From the front: the patient's right is on the left of the picture.
    Coronal,
}

impl View {
    /// The coordinate shown across: y or x.
    #[must_use]
    pub const fn across(self) -> usize {
        match self {
            Self::Sagittal => 1,
            Self::Coronal => 0,
        }
    }
}

/// Sums the labels that `is_shown` keeps along the line of sight.
///
/// `None` when nothing is shown. Cost: one pass over the map.
#[must_use]
pub fn project(map: &LabelMap, view: View, is_shown: impl Fn(u8) -> bool + Sync) -> Option<Projection> {
    let [nx, ny, _] = map.grid.size();
    let axis = view.across();
    let place = |i: usize| {
        let voxel = Point::new((i % nx) as f64, (i / nx % ny) as f64, (i / (nx * ny)) as f64);
        let p = map.grid.to_ct(voxel).to_array();
        [p[axis], p[2]]
    };
    let shown: Vec<[f64; 2]> =
        map.labels.par_iter().enumerate().filter(|(_, l)| **l != 0 && is_shown(**l)).map(|(i, _)| place(i)).collect();
    let fold = |best: [f64; 2], p: &[f64; 2], f: fn(f64, f64) -> f64| [f(best[0], p[0]), f(best[1], p[1])];
    let low = shown.iter().fold([f64::INFINITY; 2], |b, p| fold(b, p, f64::min));
    let high = shown.iter().fold([f64::NEG_INFINITY; 2], |b, p| fold(b, p, f64::max));
    if shown.is_empty() {
        return None;
    }
    let margin = 12.0;
    let extent = [0, 1].map(|i| high[i] - low[i] + 2.0 * margin);
    // Never finer than the voxels, or there would be stripes.
    let finest = map.grid.spacing_mm().into_iter().fold(1.0, f64::max);
    let pixel_mm = finest.max(extent[0].max(extent[1]) / MAX_EDGE as f64);
    let size = extent.map(|mm| (mm / pixel_mm).ceil() as usize + 1);
    let mut sums = vec![0f32; size[0] * size[1]];
    for [across, z] in shown {
        let column = ((across - low[0] + margin) / pixel_mm) as usize;
        let row = ((high[1] + margin - z) / pixel_mm) as usize;
        if let Some(sum) = sums.get_mut(row.min(size[1] - 1) * size[0] + column.min(size[0] - 1)) {
            *sum += 1.0;
        }
    }
    let most = sums.iter().copied().fold(1.0, f32::max);
    let grey = sums.iter().map(|s| (255.0 * (s / most).powf(0.6)) as u8).collect();
    Some(Projection { size, grey, left_mm: low[0] - margin, top_mm: high[1] + margin, pixel_mm })
}
