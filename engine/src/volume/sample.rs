//! Values at positions: trilinear for HU, nearest for labels.

use geom::{Ct, Point};

use crate::volume::{LabelMap, Volume};

/// Rounding allowed at the outermost voxel centres, in voxels.
const EDGE: f64 = 1e-6;

impl Volume {
    /// HU at `position` (LPS mm), trilinear between voxel centres; `None`
    /// outside the box of the outermost centres or when `position` is not finite.
    ///
    /// About 50 flops and eight reads.
    ///
    /// ```
    /// use engine::volume::{Grid, Volume};
    /// let grid = Grid::axis_aligned([2, 1, 1], [2.0, 1.0, 1.0], [10.0, 0.0, 0.0].into()).unwrap();
    /// let volume = Volume { grid, hu: vec![0.0, 100.0] };
    /// assert_eq!(volume.sample([11.5, 0.0, 0.0].into()), Some(75.0));
    /// assert_eq!(volume.sample([12.5, 0.0, 0.0].into()), None);
    /// ```
    #[must_use]
    pub fn sample(&self, position: Point<Ct>) -> Option<f32> {
        trilinear(&self.hu, self.grid.size(), self.grid.to_voxel(position).to_array())
    }
}

impl LabelMap {
    /// Label of the voxel that `position` (LPS mm) lies in; `None` more than
    /// half a voxel outside the outermost centres or when not finite.
    #[must_use]
    pub fn sample_nearest(&self, position: Point<Ct>) -> Option<u8> {
        nearest(&self.labels, self.grid.size(), self.grid.to_voxel(position).to_array())
    }
}

/// Trilinear value at a continuous voxel index, `None` outside.
pub(super) fn trilinear(values: &[f32], size: [usize; 3], voxel: [f64; 3]) -> Option<f32> {
    let (mut low, mut high, mut part) = ([0usize; 3], [0usize; 3], [0f32; 3]);
    for axis in 0..3 {
        let last = size[axis].checked_sub(1)?;
        let (limit, at) = (last as f64, voxel[axis]);
        // NaN fails the range test as well.
        if !(-EDGE..=limit + EDGE).contains(&at) {
            return None;
        }
        let at = at.clamp(0.0, limit);
        // By way of i64: `floor` and `fract` are library calls on plain x86-64.
        let whole = at as i64;
        low[axis] = whole as usize;
        high[axis] = (low[axis] + 1).min(last);
        part[axis] = (at - whole as f64) as f32;
    }
    let row = |y: usize, z: usize| -> Option<f32> {
        let start = (z * size[1] + y) * size[0];
        let (a, b) = (*values.get(start + low[0])?, *values.get(start + high[0])?);
        Some(a + (b - a) * part[0])
    };
    let plane = |z: usize| -> Option<f32> {
        let (a, b) = (row(low[1], z)?, row(high[1], z)?);
        Some(a + (b - a) * part[1])
    };
    let (a, b) = (plane(low[2])?, plane(high[2])?);
    Some(a + (b - a) * part[2])
}

/// Value of the voxel nearest to a continuous voxel index, `None` outside.
pub(super) fn nearest(values: &[u8], size: [usize; 3], voxel: [f64; 3]) -> Option<u8> {
    let mut index = [0usize; 3];
    for axis in 0..3 {
        let at = voxel[axis] + 0.5;
        if !(0.0..size[axis] as f64).contains(&at) {
            return None;
        }
        index[axis] = at as usize;
    }
    values.get((index[2] * size[1] + index[1]) * size[0] + index[0]).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Grid;

    #[test]
    fn sampling_reproduces_a_linear_ramp_on_a_flipped_sheared_grid() {
        use geom::nalgebra::Matrix3x4;
        let affine = Matrix3x4::new(-0.7, 0.0, 0.1, 50.0, 0.0, 0.0, 2.0, -30.0, 0.0, -1.5, 0.3, 10.0);
        let grid = Grid::new([5, 6, 7], affine).unwrap();
        let ramp = |p: Point<Ct>| (2.0 * p.to_array()[0] - 3.0 * p.to_array()[1] + 0.5 * p.to_array()[2] + 7.0) as f32;
        let mut hu = Vec::new();
        for z in 0..7 {
            for y in 0..6 {
                for x in 0..5 {
                    hu.push(ramp(grid.to_ct([x as f64, y as f64, z as f64].into())));
                }
            }
        }
        let volume = Volume { grid, hu };
        for voxel in [[0.0, 0.0, 0.0], [4.0, 5.0, 6.0], [1.3, 2.7, 4.4], [3.9, 0.1, 5.5]] {
            let at = volume.grid.to_ct(voxel.into());
            assert!((volume.sample(at).unwrap() - ramp(at)).abs() < 1e-3);
        }
    }

    #[test]
    fn outside_and_nan_have_no_value() {
        let grid = Grid::axis_aligned([2, 2, 2], [1.0; 3], [0.0; 3].into()).unwrap();
        let volume = Volume { grid: grid.clone(), hu: vec![1.0; 8] };
        let labels = LabelMap { grid, labels: vec![3; 8] };
        for bad in [[-0.6, 0.0, 0.0], [0.0, 1.6, 0.0], [f64::NAN, 0.0, 0.0], [f64::INFINITY, 0.0, 0.0]] {
            assert_eq!(volume.sample(bad.into()), None);
            assert_eq!(labels.sample_nearest(bad.into()), None);
        }
        assert_eq!(labels.sample_nearest([-0.4, 1.4, 0.0].into()), Some(3));
    }
}
