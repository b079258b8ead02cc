//! Cutting a box of voxels out of a grid and what lies on it.

use std::ops::Range;

use geom::{Point, Voxel};

use crate::volume::{Grid, LabelMap, Volume};

impl Grid {
    /// The grid of the voxels in `ranges` (x, y, z, ends excluded); they keep
    /// their positions. `None` when a range is empty or leaves the grid.
    #[must_use]
    pub fn crop(&self, ranges: &[Range<usize>; 3]) -> Option<Self> {
        if ranges.iter().zip(self.size()).any(|(r, size)| r.start >= r.end || r.end > size) {
            return None;
        }
        let first = Point::<Voxel>::from(ranges.each_ref().map(|r| r.start as f64));
        let mut affine = *self.ct_from_voxel();
        affine.set_column(3, &self.to_ct(first).vector3());
        Self::new(ranges.each_ref().map(Range::len), affine).ok()
    }
}

impl Volume {
    /// The voxels in `ranges` (x, y, z, ends excluded), where they were.
    /// `None` when a range is empty or leaves the grid.
    ///
    /// ```
    /// use engine::volume::{Grid, Volume};
    /// let grid = Grid::axis_aligned([3, 2, 1], [2.0; 3], [0.0; 3].into()).unwrap();
    /// let volume = Volume { grid, hu: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0] };
    /// let part = volume.crop(&[1..3, 1..2, 0..1]).unwrap();
    /// assert_eq!(part.hu, [4.0, 5.0]);
    /// assert_eq!(part.sample([2.0, 2.0, 0.0].into()), Some(4.0));
    /// ```
    #[must_use]
    pub fn crop(&self, ranges: &[Range<usize>; 3]) -> Option<Self> {
        let grid = self.grid.crop(ranges)?;
        Some(Self { grid, hu: cut(&self.hu, self.grid.size(), ranges)? })
    }
}

impl LabelMap {
    /// As [`Volume::crop`].
    #[must_use]
    pub fn crop(&self, ranges: &[Range<usize>; 3]) -> Option<Self> {
        let grid = self.grid.crop(ranges)?;
        Some(Self { grid, labels: cut(&self.labels, self.grid.size(), ranges)? })
    }
}

/// Rows of `values` in `ranges`, one after the other.
fn cut<T: Copy>(values: &[T], size: [usize; 3], [xs, ys, zs]: &[Range<usize>; 3]) -> Option<Vec<T>> {
    let mut out = Vec::with_capacity(xs.len() * ys.len() * zs.len());
    for z in zs.clone() {
        for y in ys.clone() {
            let row = (z * size[1] + y) * size[0];
            out.extend_from_slice(values.get(row + xs.start..row + xs.end)?);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crop_leaves_every_voxel_where_it_was() {
        let grid = Grid::axis_aligned([5, 6, 7], [-0.7, 1.0, 2.5], [3.0, 4.0, 5.0].into()).unwrap();
        let labels: Vec<u8> = (0..grid.len()).map(|i| (i % 251) as u8).collect();
        let whole = LabelMap { grid, labels };
        let part = whole.crop(&[1..4, 2..6, 3..5]).unwrap();
        for voxel in [[0.0, 0.0, 0.0], [2.0, 3.0, 1.0], [1.0, 2.0, 0.0]] {
            let position = part.grid.to_ct(voxel.into());
            assert_eq!(part.sample_nearest(position), whole.sample_nearest(position));
        }
        for bad in [[0..0, 0..1, 0..1], [0..1, 5..7, 0..1]] {
            assert!(whole.crop(&bad).is_none());
        }
    }
}
