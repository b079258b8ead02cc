//! Approximate nearest neighbours in a few nanoseconds.

use super::cloud::bounds;
use super::sweep::{NO_POINT, Sweep};

/// Cells a grid may have at most (32 MiB); larger extents get larger cells.
pub(super) const MAX_CELLS: usize = 8 << 20;

/// For every cell of a box around the points, the index of a point that is
/// nearest to the cell's centre.
///
/// A look-up costs one memory read (8 ns against 500-3 500 ns for the tree)
/// and errs by at most a cell's diagonal: right for a search over many
/// starting poses, not for the last iterations.
#[derive(Debug)]
pub struct NearestGrid {
    low: [f32; 3],
    cells_per_mm: f32,
    size: [usize; 3],
    nearest: Vec<u32>,
}

impl NearestGrid {
    /// Covers the box of `points` (finite, mm) and `margin_mm` around it with
    /// cells `cell_mm` wide. No points give a grid that finds nothing.
    ///
    /// The nearest points spread from cell to cell in sweeps along the axes,
    /// after Danielsson's vector distance transform, 1980,
    /// doi:10.1016/0146-664X(80)90054-4. Cost: 25 ns of CPU time a cell, and
    /// 12 bytes a cell beside the grid while it is built.
    #[must_use]
    pub fn new(points: &[[f32; 3]], cell_mm: f32, margin_mm: f32) -> Self {
        let is_usable = !points.is_empty() && points.len() < NO_POINT as usize;
        let Some((low, high)) = bounds(points).filter(|_| is_usable) else {
            return Self { low: [0.0; 3], cells_per_mm: 1.0, size: [0; 3], nearest: Vec::new() };
        };
        let margin = margin_mm.clamp(0.0, 1e3);
        let low = low.map(|c| c - margin);
        let extent = [0, 1, 2].map(|i| high[i] + margin - low[i]);
        let mut cell = cell_mm.clamp(1e-3, 1e3);
        let size_at = |cell: f32| extent.map(|e| (e / cell) as usize + 1);
        let count = |size: [usize; 3]| size.iter().fold(1usize, |n, s| n.saturating_mul(*s));
        while count(size_at(cell)) > MAX_CELLS {
            cell *= 1.26;
        }
        let size = size_at(cell);
        let mut grid = Self { low, cells_per_mm: 1.0 / cell, size, nearest: Vec::new() };
        grid.nearest = grid.seeds(points).spread();
        grid
    }

    /// Index of the point near `query`; `None` outside the box or for NaN.
    #[inline]
    #[must_use]
    pub fn nearest(&self, query: [f32; 3]) -> Option<u32> {
        let [x, y, z] = self.cell_of(query)?;
        self.nearest.get((z * self.size[1] + y) * self.size[0] + x).copied()
    }

    /// The place in the box nearest to `query` (finite, mm), a hundredth of a cell
    /// inside its faces.
    pub(super) fn clamped(&self, query: [f32; 3]) -> [f32; 3] {
        let cell = 1.0 / self.cells_per_mm;
        [0, 1, 2].map(|i| {
            let extent = self.size[i] as f32 * cell;
            query[i].clamp(self.low[i] + 0.01 * cell, self.low[i] + extent.max(0.02 * cell) - 0.01 * cell)
        })
    }

    /// [`Self::nearest`] for eight queries (x, y, z side by side); `u32::MAX`
    /// where it finds none.
    #[inline(always)]
    #[must_use]
    pub fn nearest_lanes(&self, at: &[[f32; 8]; 3]) -> [u32; 8] {
        let (mut cell, mut is_inside) = ([0i32; 8], [true; 8]);
        let strides = [1, self.size[0] as i32, (self.size[0] * self.size[1]) as i32];
        for axis in 0..3 {
            let (low, size) = (self.low[axis], self.size[axis] as f32);
            for lane in 0..8 {
                let along = (at[axis][lane] - low) * self.cells_per_mm;
                // False for NaN as well.
                is_inside[lane] &= along >= 0.0 && along < size;
                cell[lane] += along.clamp(0.0, size) as i32 * strides[axis];
            }
        }
        // A loop: a closure would not get the caller's instructions.
        let mut found = [NO_POINT; 8];
        for lane in 0..8 {
            if let Some(index) = self.nearest.get(cell[lane] as usize).filter(|_| is_inside[lane]) {
                found[lane] = *index;
            }
        }
        found
    }

    /// Lowest centre of a cell, distance between centres (mm), and their number.
    pub(super) fn corners(&self) -> ([f32; 3], f32, [usize; 3]) {
        let cell = 1.0 / self.cells_per_mm;
        (self.low.map(|c| c + 0.5 * cell), cell, self.size)
    }

    /// The most by which a found point is further than the nearest one, mm.
    #[must_use]
    pub fn error_mm(&self) -> f32 {
        // Half a diagonal from the query to the centre and back, and what the
        // sweeps miss.
        1.9 / self.cells_per_mm
    }

    /// Number of cells.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.nearest.len()
    }

    /// True when there were no points.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.nearest.is_empty()
    }

    #[inline]
    fn cell_of(&self, query: [f32; 3]) -> Option<[usize; 3]> {
        let at = |i: usize| (query[i] - self.low[i]) * self.cells_per_mm;
        let (x, y, z) = (at(0), at(1), at(2));
        // False for NaN as well.
        if !(x >= 0.0 && y >= 0.0 && z >= 0.0) {
            return None;
        }
        let cell = [x as usize, y as usize, z as usize];
        (cell[0] < self.size[0] && cell[1] < self.size[1] && cell[2] < self.size[2]).then_some(cell)
    }

    /// The point nearest to the centre of each cell among those in it.
    fn seeds(&self, points: &[[f32; 3]]) -> Sweep {
        let (low, cell_mm, [width, height, depth]) = self.corners();
        let mut sweep = Sweep::new(low, cell_mm, [width, height, depth]);
        for (index, point) in (0u32..).zip(points) {
            let Some([x, y, z]) = self.cell_of(*point) else { continue };
            let at = (z * height + y) * width + x;
            let centre = [sweep.centre(0, x), sweep.centre(1, y), sweep.centre(2, z)];
            let known = [0, 1, 2].map(|axis| sweep.held[axis][at]);
            if squared(*point, centre) < squared(known, centre) {
                (0..3).for_each(|axis| sweep.held[axis][at] = point[axis]);
                sweep.nearest[at] = index;
            }
        }
        sweep
    }
}

#[inline]
fn squared(a: [f32; 3], b: [f32; 3]) -> f32 {
    (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2) + (a[2] - b[2]).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::{NearestIndex, phantom};

    #[test]
    fn errs_by_less_than_a_cell_diagonal() {
        let points = phantom::vertebra(1).vertices;
        let (grid, exact) = (NearestGrid::new(&points, 1.5, 24.0), NearestIndex::new(&points).unwrap());
        let (low, high) = bounds(&points).unwrap();
        let mut random = crate::register::random::Random::new(5);
        for _ in 0..20_000 {
            let query = [0, 1, 2].map(|i| low[i] - 20.0 + random.uniform() as f32 * (high[i] - low[i] + 40.0));
            let found = squared(points[grid.nearest(query).unwrap() as usize], query).sqrt();
            let best = exact.nearest(query).unwrap().distance_mm;
            // The sweeps lose a little far away, where only a direction is wanted.
            let limit = 1.5 * 3f32.sqrt() + 0.3 + 0.1 * (best - 6.0).max(0.0);
            assert!(found - best < limit, "{found} against {best} mm");
        }
    }

    #[test]
    fn odd_input_finds_nothing_and_takes_no_memory() {
        assert_eq!(NearestGrid::new(&[], 1.0, 1.0).nearest([0.0; 3]), None);
        let grid = NearestGrid::new(&[[0.0; 3], [1.0, 0.0, 0.0]], 1.0, 2.0);
        assert_eq!(grid.nearest([f32::NAN, 0.0, 0.0]), None);
        assert_eq!(grid.nearest([-2.1, 0.0, 0.0]), None);
        assert_eq!(grid.nearest([0.1, 0.0, 0.0]), Some(0));
        let far = NearestGrid::new(&[[-1e5; 3], [1e5; 3]], 0.5, 24.0);
        assert!(far.len() <= MAX_CELLS && far.nearest([9.9e4; 3]) == Some(1));
    }
}
