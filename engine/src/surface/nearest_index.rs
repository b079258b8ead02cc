//! Exact nearest neighbours.

use kiddo::{ImmutableKdTree, SquaredEuclidean};
use thiserror::Error;

/// Why points cannot be indexed.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum IndexError {
    /// There are no points.
    #[error("the surface has no points; was the bone segmented?")]
    Empty,
    /// More points than a 32-bit index counts.
    #[error("the surface has {0} points, more than can be indexed; thin it out first")]
    TooMany(usize),
    /// A coordinate is NaN or infinite.
    #[error("surface point {index} is not finite; the surface is damaged, make it again")]
    NotFinite {
        /// Index of the first such point.
        index: usize,
    },
    /// The tree could not be built.
    #[error("the nearest-neighbour tree could not be built: {0}")]
    Tree(String),
}

/// A found neighbour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nearest {
    /// Index of the point as it was given.
    pub index: usize,
    /// Distance to it, mm.
    pub distance_mm: f32,
}

/// Exact nearest-neighbour look-up over a fixed set of points.
///
/// A kd-tree behind guards: the tree itself answers a NaN query, or any query
/// of an empty set, with item 0. Build 0.1 us a point, query 0.5-3.5 us.
#[derive(Debug)]
pub struct NearestIndex {
    tree: ImmutableKdTree<f32, 3>,
    count: usize,
}

impl NearestIndex {
    /// Indexes `points`, mm.
    ///
    /// # Errors
    /// [`IndexError`] for no points, too many, or one that is not finite.
    pub fn new(points: &[[f32; 3]]) -> Result<Self, IndexError> {
        if points.is_empty() {
            return Err(IndexError::Empty);
        }
        if u32::try_from(points.len()).is_err() {
            return Err(IndexError::TooMany(points.len()));
        }
        if let Some(index) = points.iter().position(|p| !p.iter().all(|c| c.is_finite())) {
            return Err(IndexError::NotFinite { index });
        }
        let tree = ImmutableKdTree::new_from_slice(points).map_err(|e| IndexError::Tree(format!("{e:?}")))?;
        Ok(Self { tree, count: points.len() })
    }

    /// The nearest point; `None` when the query is not finite.
    #[must_use]
    pub fn nearest(&self, query: [f32; 3]) -> Option<Nearest> {
        if !query.iter().all(|c| c.is_finite()) {
            return None;
        }
        let found = self.tree.query(&query).nearest_one::<SquaredEuclidean<f32>>().execute();
        Some(Nearest { index: usize::try_from(found.item).ok()?, distance_mm: found.distance.max(0.0).sqrt() })
    }

    /// The nearest `count` points, nearest first; none when the query is not
    /// finite.
    #[must_use]
    pub fn nearest_few(&self, query: [f32; 3], count: usize) -> Vec<Nearest> {
        let Some(count) = std::num::NonZeroUsize::new(count).filter(|_| query.iter().all(|c| c.is_finite())) else {
            return Vec::new();
        };
        let found = self.tree.query(&query).nearest_n::<SquaredEuclidean<f32>>(count).execute();
        let nearest = |item, squared: f32| {
            Some(Nearest { index: usize::try_from(item).ok()?, distance_mm: squared.max(0.0).sqrt() })
        };
        found.into_iter().filter_map(|n| nearest(n.item, n.distance)).collect()
    }

    /// All points within `radius_mm`: index and distance in mm, in no
    /// particular order; none when the query or radius is not finite.
    #[must_use]
    pub fn within(&self, query: [f32; 3], radius_mm: f32) -> Vec<(usize, f32)> {
        if !query.iter().all(|c| c.is_finite()) || !radius_mm.is_finite() || radius_mm < 0.0 {
            return Vec::new();
        }
        let found = self.tree.query(&query).within::<SquaredEuclidean<f32>>(radius_mm * radius_mm).execute();
        let distance = |squared: f32| squared.max(0.0).sqrt();
        found.into_iter().filter_map(|n| Some((usize::try_from(n.item).ok()?, distance(n.distance)))).collect()
    }

    /// Number of points.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Never true: an index has at least one point.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::random::Random;

    fn squared(a: [f32; 3], b: [f32; 3]) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
    }

    #[test]
    fn agrees_with_looking_at_every_point() {
        let mut random = Random::new(3);
        for round in 0..40 {
            let count = 1 + random.below(400);
            // Every third set is a voxel lattice with repeated points.
            let coordinate = |r: &mut Random| match round % 3 {
                0 => (r.uniform() * 6.0).floor() as f32,
                1 => (r.uniform() * 80.0 - 900.0) as f32,
                _ => (r.normal() * 10.0) as f32,
            };
            let points: Vec<[f32; 3]> = (0..count).map(|_| [0; 3].map(|_| coordinate(&mut random))).collect();
            let index = NearestIndex::new(&points).unwrap();
            for _ in 0..50 {
                let query = [0; 3].map(|_| coordinate(&mut random) * 1.3);
                let found = index.nearest(query).unwrap();
                let best = points.iter().map(|p| squared(*p, query)).fold(f32::INFINITY, f32::min).sqrt();
                let own = squared(points[found.index], query).sqrt();
                assert!(own <= best * 1.000_01 && (own - found.distance_mm).abs() <= 1e-4 * own.max(0.01));
                let mut all: Vec<f32> = points.iter().map(|p| squared(*p, query).sqrt()).collect();
                all.sort_by(f32::total_cmp);
                let few = index.nearest_few(query, 5);
                assert_eq!(few.len(), count.min(5));
                assert!(few.iter().zip(&all).all(|(n, d)| (n.distance_mm - d).abs() <= 1e-4 * d.max(0.01)));
                let radius = all[count / 2] * 1.000_1 + 1e-3;
                let within = index.within(query, radius);
                let expected = all.iter().filter(|d| **d <= radius).count();
                assert!(within.len().abs_diff(expected) <= 1, "{} {expected}", within.len());
            }
        }
    }

    #[test]
    fn what_cannot_be_answered_is_refused() {
        assert_eq!(NearestIndex::new(&[]).unwrap_err(), IndexError::Empty);
        let bad = [[0.0; 3], [0.0, f32::NAN, 0.0]];
        assert_eq!(NearestIndex::new(&bad).unwrap_err(), IndexError::NotFinite { index: 1 });
        let index = NearestIndex::new(&[[1.0; 3]; 500]).unwrap();
        assert_eq!(index.nearest([f32::NAN, 0.0, 0.0]), None);
        assert_eq!(index.nearest([f32::INFINITY; 3]), None);
        assert_eq!(index.nearest([1.0; 3]).unwrap().distance_mm, 0.0);
    }
}
