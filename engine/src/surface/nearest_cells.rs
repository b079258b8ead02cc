//! Exact nearest neighbours near the surface, without a tree.

use super::cloud::bounds;

/// Cells at most (16 MiB of starts); larger extents get larger cells.
const MAX_CELLS: usize = 4 << 20;

/// Points sorted into cubic cells: a query that knows it is near the surface
/// looks at a few cells instead of walking a tree (80 ns against 300-500).
///
/// It does not hold the points: they are passed back in, in the order that
/// [`NearestCells::new`] asked for, so that the caller may keep them beside
/// what else it wants to find.
#[derive(Debug)]
pub struct NearestCells {
    low: [f32; 3],
    cells_per_mm: f32,
    cell_mm: f32,
    size: [usize; 3],
    /// Index of the first point of each cell, and the number of points.
    starts: Vec<u32>,
}

impl NearestCells {
    /// Cells `cell_mm` wide over `points` (finite, mm; at most 2^32 - 2), and the order in
    /// which the points have to be put. Cost: 10 ns a point.
    #[must_use]
    pub fn new(points: &[[f32; 3]], cell_mm: f32) -> (Self, Vec<u32>) {
        let (low, high) = bounds(points).unwrap_or(([0.0; 3], [0.0; 3]));
        let mut cell = cell_mm.clamp(1e-3, 1e3);
        let size_at = |cell: f32| [0, 1, 2].map(|i| ((high[i] - low[i]) / cell) as usize + 1);
        let count = |size: [usize; 3]| size.iter().fold(1usize, |n, s| n.saturating_mul(*s));
        while count(size_at(cell)) > MAX_CELLS {
            cell *= 1.26;
        }
        let size = size_at(cell);
        let mut cells = Self { low, cells_per_mm: 1.0 / cell, cell_mm: cell, size, starts: vec![0; count(size) + 1] };
        let own: Vec<u32> = points.iter().map(|p| cells.number(cells.cell_of(*p)) as u32).collect();
        own.iter().for_each(|cell| cells.starts[*cell as usize + 1] += 1);
        let mut sum = 0;
        cells.starts.iter_mut().for_each(|start| {
            sum += *start;
            *start = sum;
        });
        let mut next = cells.starts.clone();
        let mut order = vec![0; points.len()];
        for (index, cell) in (0u32..).zip(&own) {
            let slot = &mut next[*cell as usize];
            order[*slot as usize] = index;
            *slot += 1;
        }
        (cells, order)
    }

    /// The nearest of `points` (sorted, read by `position`) to `query` and the
    /// squared distance to it, where `hint` is any point and its squared
    /// distance: exact when the hint is within a few cells. A query that is
    /// not finite returns the hint.
    #[inline]
    #[must_use]
    pub fn nearest<P>(
        &self,
        points: &[P],
        position: impl Fn(&P) -> [f32; 3],
        query: [f32; 3],
        hint: (u32, f32),
    ) -> (u32, f32) {
        let mut best = hint;
        let radius = hint.1.sqrt();
        let low = self.cell_of(query.map(|c| c - radius));
        let high = self.cell_of(query.map(|c| c + radius));
        for z in low[2]..=high[2] {
            let away_z = self.away(query[2], 2, z);
            for y in low[1]..=high[1] {
                let away = away_z + self.away(query[1], 1, y);
                if away >= best.1 {
                    continue;
                }
                // Cells along x follow each other, so do their points.
                let row = (z * self.size[1] + y) * self.size[0];
                let (from, to) = (self.starts[row + low[0]] as usize, self.starts[row + high[0] + 1] as usize);
                for (index, point) in (from as u32..).zip(points.get(from..to).unwrap_or_default()) {
                    let p = position(point);
                    let squared = (p[0] - query[0]).powi(2) + (p[1] - query[1]).powi(2) + (p[2] - query[2]).powi(2);
                    if squared < best.1 {
                        best = (index, squared);
                    }
                }
            }
        }
        best
    }

    /// Squared distance along one axis from `value` to the slab of a cell.
    #[inline]
    fn away(&self, value: f32, axis: usize, cell: usize) -> f32 {
        let from = self.low[axis] + cell as f32 * self.cell_mm;
        let away = (from - value).max(value - from - self.cell_mm).max(0.0);
        away * away
    }

    /// The cell of a position; positions outside belong to the border.
    #[inline]
    fn cell_of(&self, position: [f32; 3]) -> [usize; 3] {
        // Negative numbers and NaN become 0.
        [0, 1, 2].map(|i| (((position[i] - self.low[i]) * self.cells_per_mm) as usize).min(self.size[i] - 1))
    }

    #[inline]
    const fn number(&self, cell: [usize; 3]) -> usize {
        (cell[2] * self.size[1] + cell[1]) * self.size[0] + cell[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::random::Random;
    use crate::surface::{NearestGrid, phantom};

    #[test]
    fn agrees_with_looking_at_every_point() {
        let mut random = Random::new(7);
        for round in 0..30 {
            let count = 1 + random.below(300);
            let scale = 10f64.powi(round % 4 - 1);
            let points: Vec<[f32; 3]> =
                (0..count).map(|_| random.normal3().map(|c| ((c * 2.0).round() * scale) as f32)).collect();
            let (cells, order) = NearestCells::new(&points, 1.0);
            let sorted: Vec<[f32; 3]> = order.iter().map(|i| points[*i as usize]).collect();
            for _ in 0..50 {
                let query = random.normal3().map(|c| (c * 3.0 * scale) as f32);
                let squared = |p: &[f32; 3]| (0..3).map(|i| (p[i] - query[i]).powi(2)).sum::<f32>();
                let hint = random.below(count);
                let found = cells.nearest(&sorted, |p| *p, query, (hint as u32, squared(&sorted[hint])));
                let best = points.iter().map(squared).fold(f32::INFINITY, f32::min);
                assert!(found.1 <= best * 1.000_01 && squared(&sorted[found.0 as usize]) <= best * 1.000_01);
            }
        }
    }

    #[test]
    fn with_a_hint_from_the_grid_it_is_exact_near_bone() {
        let points = phantom::vertebra(0).vertices;
        let (cells, order) = NearestCells::new(&points, 2.0);
        let sorted: Vec<[f32; 3]> = order.iter().map(|i| points[*i as usize]).collect();
        let grid = NearestGrid::new(&sorted, 2.0, 24.0);
        let tree = crate::surface::NearestIndex::new(&sorted).unwrap();
        let mut random = Random::new(8);
        for _ in 0..5000 {
            let near = sorted[random.below(sorted.len())];
            let query = [0, 1, 2].map(|i| near[i] + random.normal() as f32);
            let hint = grid.nearest(query).unwrap();
            let at = sorted[hint as usize];
            let squared = (0..3).map(|i| (at[i] - query[i]).powi(2)).sum::<f32>();
            let found = cells.nearest(&sorted, |p| *p, query, (hint, squared)).1.sqrt();
            let exact = tree.nearest(query).unwrap().distance_mm;
            assert!((found - exact).abs() < 1e-4 * exact.max(0.1), "{found} {exact}");
        }
    }

    #[test]
    fn odd_input_neither_panics_nor_takes_memory() {
        let (cells, order) = NearestCells::new(&[], 1.0);
        assert!(order.is_empty());
        assert_eq!(cells.nearest(&[], |p: &[f32; 3]| *p, [0.0; 3], (7, 4.0)), (7, 4.0));
        let far = [[-1e6; 3], [1e6; 3]];
        let (cells, _) = NearestCells::new(&far, 0.1);
        assert!(cells.starts.len() <= MAX_CELLS + 1);
        assert_eq!(cells.nearest(&far, |p| *p, [f32::NAN; 3], (0, f32::NAN)).0, 0);
    }
}
