//! How far is the bone, in a microsecond from anywhere.

use super::nearest_index::{IndexError, Nearest};
use super::{NearestCells, NearestGrid};

/// Cell of both look-ups, mm.
const CELL_MM: f32 = 2.0;
/// Reach of the grid around the points, mm.
const MARGIN_MM: f32 = 24.0;
/// Points looked at from outside the grid.
const SPREAD_POINTS: usize = 512;
/// Up to this distance the answer is exact, mm.
const EXACT_MM: f32 = 8.0;

/// Nearest point of a fixed set in bounded time: for the navigation loop, where
/// a tree would take 40 microseconds from far away.
///
/// Exact within 8 mm of the points; beyond, the distance may be up to 2 mm too
/// large, and outside the box 24 mm around the points up to a tenth.
#[derive(Debug)]
pub struct NearestSurface {
    /// Sorted by cell.
    points: Vec<[f32; 3]>,
    /// Index of each as it was given.
    order: Vec<u32>,
    cells: NearestCells,
    grid: NearestGrid,
}

impl NearestSurface {
    /// Prepares `points`, mm. Cost: 100 ms and 16 MB for a whole spine.
    ///
    /// # Errors
    /// [`IndexError`] for no points, too many, or one that is not finite.
    pub fn new(points: &[[f32; 3]]) -> Result<Self, IndexError> {
        if points.is_empty() {
            return Err(IndexError::Empty);
        }
        if points.len() >= u32::MAX as usize {
            return Err(IndexError::TooMany(points.len()));
        }
        if let Some(index) = points.iter().position(|p| !p.iter().all(|c| c.is_finite())) {
            return Err(IndexError::NotFinite { index });
        }
        let (cells, order) = NearestCells::new(points, CELL_MM);
        let points: Vec<[f32; 3]> = order.iter().filter_map(|i| points.get(*i as usize)).copied().collect();
        let grid = NearestGrid::new(&points, CELL_MM, MARGIN_MM);
        Ok(Self { points, order, cells, grid })
    }

    /// The nearest point; `None` when the query is not finite. Takes at most a
    /// few microseconds.
    #[must_use]
    pub fn nearest(&self, query: [f32; 3]) -> Option<Nearest> {
        if !query.iter().all(|c| c.is_finite()) {
            return None;
        }
        let squared = |index: u32| {
            let p = self.points.get(index as usize)?;
            Some((index, (0..3).map(|i| (p[i] - query[i]).powi(2)).sum::<f32>()))
        };
        // The cells around may know better than the one the query lies in.
        let inside = self.grid.clamped(query);
        let around = (0..7).filter_map(|k| {
            let mut at = inside;
            if k < 6 {
                at[k / 2] += if k % 2 == 0 { CELL_MM } else { -CELL_MM };
            }
            squared(self.grid.nearest(at)?)
        });
        // Outside the box the nearest to its wall need not be the nearest.
        let spread = if inside == query { 0 } else { SPREAD_POINTS };
        let far = (0..spread).filter_map(|i| squared((i * self.points.len() / SPREAD_POINTS) as u32));
        let hint = around.chain(far).min_by(|a, b| a.1.total_cmp(&b.1))?;
        let is_near = hint.1 <= (EXACT_MM + self.grid.error_mm()).powi(2);
        let found = if is_near { self.cells.nearest(&self.points, |p| *p, query, hint) } else { hint };
        let index = self.order.get(found.0 as usize)?;
        Some(Nearest { index: usize::try_from(*index).ok()?, distance_mm: found.1.sqrt() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::random::Random;
    use crate::surface::{NearestIndex, phantom};

    #[test]
    fn near_bone_it_is_exact_and_far_away_nearly() {
        let points: Vec<[f32; 3]> = phantom::spine(3).into_iter().flat_map(|mesh| mesh.vertices).collect();
        let (found, exact) = (NearestSurface::new(&points).unwrap(), NearestIndex::new(&points).unwrap());
        let mut random = Random::new(11);
        for _ in 0..20_000 {
            let near = points[random.below(points.len())];
            let reach = 3.0 * 10f64.powf(random.uniform() * 2.2);
            let query = [0, 1, 2].map(|i| near[i] + (random.normal() * reach) as f32);
            let (found, best) = (found.nearest(query).unwrap(), exact.nearest(query).unwrap());
            let p = points[found.index];
            let own = (0..3).map(|i| (p[i] - query[i]).powi(2)).sum::<f32>().sqrt();
            assert!((own - found.distance_mm).abs() < 1e-3 * own.max(1.0), "the distance belongs to the point");
            let excess = found.distance_mm - best.distance_mm;
            let limit = if best.distance_mm <= EXACT_MM { 1e-3 } else { 2.0f32.max(0.1 * best.distance_mm) };
            assert!(excess < limit, "{} against {}", found.distance_mm, best.distance_mm);
        }
    }

    #[test]
    fn what_cannot_be_answered_is_refused() {
        assert_eq!(NearestSurface::new(&[]).unwrap_err(), IndexError::Empty);
        assert_eq!(NearestSurface::new(&[[f32::NAN; 3]]).unwrap_err(), IndexError::NotFinite { index: 0 });
        let one = NearestSurface::new(&[[1.0, 2.0, 3.0]]).unwrap();
        assert_eq!(one.nearest([f32::NAN; 3]), None);
        assert!((one.nearest([1.0, 2.0, 900.0]).unwrap().distance_mm - 897.0).abs() < 1e-2);
        assert!(one.nearest([-1e30, 0.0, 1e30]).is_some());
    }
}
