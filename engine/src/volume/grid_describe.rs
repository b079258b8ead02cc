//! How a grid is named in messages: orientation code and one-line summary.

use std::fmt;

use crate::volume::Grid;

/// The six ways three grid axes can be paired with three patient axes.
const PAIRINGS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

impl Grid {
    /// Where each grid axis points, as nibabel's `aff2axcodes` writes it: the
    /// letter is the side of the patient the index *increases* towards (Left,
    /// Right, Posterior, Anterior, Superior, Inferior).
    ///
    /// An oblique axis gets the letter it is closest to, no letter pair twice.
    ///
    /// ```
    /// use engine::volume::Grid;
    /// let grid = Grid::axis_aligned([2, 3, 4], [1.0, 1.0, -2.5], [0.0; 3].into()).unwrap();
    /// assert_eq!(grid.orientation(), "LPI");
    /// ```
    #[must_use]
    pub fn orientation(&self) -> String {
        let affine = self.ct_from_voxel();
        let cosine = |grid_axis: usize, ct_axis: usize| {
            affine[(ct_axis, grid_axis)] / affine.column(grid_axis).norm().max(f64::MIN_POSITIVE)
        };
        let fit = |pairing: &[usize; 3]| -> f64 { (0..3).map(|a| cosine(a, pairing[a]).abs()).sum() };
        let best = PAIRINGS.iter().fold(&PAIRINGS[0], |best, p| if fit(p) > fit(best) { p } else { best });
        (0..3)
            .map(|grid_axis| match (best[grid_axis], cosine(grid_axis, best[grid_axis]) >= 0.0) {
                (0, true) => 'L',
                (0, false) => 'R',
                (1, true) => 'P',
                (1, false) => 'A',
                (_, true) => 'S',
                (_, false) => 'I',
            })
            .collect()
    }
}

/// `512x512x133 voxels, 0.70x0.70x2.50 mm, axes LPS`.
impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [nx, ny, nz] = self.size();
        let [sx, sy, sz] = self.spacing_mm();
        write!(f, "{nx}x{ny}x{nz} voxels, {sx:.2}x{sy:.2}x{sz:.2} mm, axes {}", self.orientation())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geom::nalgebra::{Matrix3x4, Rotation3, Vector3};

    #[test]
    fn a_message_names_size_spacing_and_axes() {
        let grid = Grid::axis_aligned([512, 512, 133], [0.703125, 0.703125, 2.5], [0.0; 3].into()).unwrap();
        assert_eq!(grid.to_string(), "512x512x133 voxels, 0.70x0.70x2.50 mm, axes LPS");
    }

    #[test]
    fn an_oblique_sagittal_grid_keeps_three_different_letters() {
        // Index x runs to anterior, y to inferior, z to the left, all tilted by 30 degrees.
        let mut affine = Matrix3x4::zeros();
        let tilt = Rotation3::from_axis_angle(&Vector3::x_axis(), 0.52);
        for (axis, direction) in [-Vector3::y(), -Vector3::z(), Vector3::x()].iter().enumerate() {
            affine.set_column(axis, &(tilt * direction));
        }
        assert_eq!(Grid::new([4, 4, 4], affine).unwrap().orientation(), "AIL");
    }
}
