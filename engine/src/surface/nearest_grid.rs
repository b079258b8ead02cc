//! Approximate nearest neighbours in a few nanoseconds.

use rayon::prelude::*;

use super::cloud::bounds;

/// Cells a grid may have at most (64 MiB); larger extents get larger cells.
pub(super) const MAX_CELLS: usize = 16 << 20;
const NO_POINT: u32 = u32::MAX;

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
    /// doi:10.1016/0146-664X(80)90054-4.
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
        let mut grid = Self { low, cells_per_mm: 1.0 / cell, size, nearest: vec![NO_POINT; count(size)] };
        grid.seed(points, cell);
        grid.sweep_within_planes(points, cell);
        grid.sweep_between_planes(points, cell);
        // What came from other planes spreads on.
        grid.sweep_within_planes(points, cell);
        grid
    }

    /// Index of the point near `query`; `None` outside the box or for NaN.
    #[inline]
    #[must_use]
    pub fn nearest(&self, query: [f32; 3]) -> Option<u32> {
        let [x, y, z] = self.cell_of(query)?;
        self.nearest.get((z * self.size[1] + y) * self.size[0] + x).copied()
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

    fn centre(&self, cell: [usize; 3], cell_mm: f32) -> [f32; 3] {
        [0, 1, 2].map(|i| self.low[i] + (cell[i] as f32 + 0.5) * cell_mm)
    }

    fn seed(&mut self, points: &[[f32; 3]], cell_mm: f32) {
        for (index, point) in (0u32..).zip(points) {
            let Some(cell) = self.cell_of(*point) else { continue };
            let centre = self.centre(cell, cell_mm);
            let slot = &mut self.nearest[(cell[2] * self.size[1] + cell[1]) * self.size[0] + cell[0]];
            let known = points.get(*slot as usize).map_or(f32::INFINITY, |p| squared(*p, centre));
            if squared(*point, centre) < known {
                *slot = index;
            }
        }
    }

    /// Forth and back along x, then y, of every plane. A cell takes over its
    /// predecessor's point when that is nearer.
    fn sweep_within_planes(&mut self, points: &[[f32; 3]], cell_mm: f32) {
        let [width, height, _] = self.size;
        let low = self.low.map(|c| c + 0.5 * cell_mm);
        let centre = |x: usize, y: usize, z: usize| {
            [low[0] + x as f32 * cell_mm, low[1] + y as f32 * cell_mm, low[2] + z as f32 * cell_mm]
        };
        let plane = width * height;
        self.nearest.par_chunks_mut(plane).enumerate().for_each(|(z, cells)| {
            // Squared distance of each cell to its point: half the work.
            let mut best = Vec::with_capacity(plane);
            for (y, row) in cells.chunks(width).enumerate() {
                best.extend(row.iter().enumerate().map(|(x, point)| distance(points, *point, centre(x, y, z))));
            }
            let mut take = |x: usize, y: usize, from: usize| {
                let (to, other) = (y * width + x, cells[from]);
                if other != cells[to] {
                    let squared = distance(points, other, centre(x, y, z));
                    if squared < best[to] {
                        (cells[to], best[to]) = (other, squared);
                    }
                }
            };
            for y in 0..height {
                (1..width).for_each(|x| take(x, y, y * width + x - 1));
                (1..width).rev().for_each(|x| take(x - 1, y, y * width + x));
            }
            for y in 1..height {
                (0..width).for_each(|x| take(x, y, (y - 1) * width + x));
            }
            for y in (1..height).rev() {
                (0..width).for_each(|x| take(x, y - 1, y * width + x));
            }
        });
    }

    /// Forth and back along z.
    fn sweep_between_planes(&mut self, points: &[[f32; 3]], cell_mm: f32) {
        let [width, height, depth] = self.size;
        let low = self.low.map(|c| c + 0.5 * cell_mm);
        let centre = |x: usize, y: usize, z: usize| {
            [low[0] + x as f32 * cell_mm, low[1] + y as f32 * cell_mm, low[2] + z as f32 * cell_mm]
        };
        let plane = width * height;
        let mut between = |to_z: usize, from_z: usize| {
            let (lower, upper) = self.nearest[to_z.min(from_z) * plane..][..2 * plane].split_at_mut(plane);
            let (to, from) = if to_z < from_z { (lower, upper) } else { (upper, lower) };
            let rows = to.par_chunks_mut(width).zip(from.par_chunks(width)).enumerate().with_min_len(32);
            rows.for_each(|(y, (to, from))| take_over(points, to, from, |x| centre(x, y, to_z)));
        };
        (1..depth).for_each(|z| between(z, z - 1));
        (1..depth).rev().for_each(|z| between(z - 1, z));
    }
}

/// Each cell of a row takes over its neighbour's point when that is nearer.
fn take_over(points: &[[f32; 3]], to: &mut [u32], from: &[u32], centre: impl Fn(usize) -> [f32; 3]) {
    for (x, (own, other)) in to.iter_mut().zip(from).enumerate() {
        *own = nearer(points, *own, *other, centre(x));
    }
}

/// The nearer to `centre` of two points.
#[inline]
fn nearer(points: &[[f32; 3]], own: u32, other: u32, centre: [f32; 3]) -> u32 {
    if own != other && distance(points, other, centre) < distance(points, own, centre) { other } else { own }
}

/// Squared distance to a point; a missing one is infinitely far.
#[inline]
fn distance(points: &[[f32; 3]], index: u32, centre: [f32; 3]) -> f32 {
    points.get(index as usize).map_or(f32::INFINITY, |p| squared(*p, centre))
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
