//! Point clouds: bounds, and the part that can face the surgeon.

use geom::{Ct, Point, Transform, Vector};

use super::PointCloud;

/// Lowest and highest coordinates; `None` for no points.
pub(super) fn bounds(points: &[[f32; 3]]) -> Option<([f32; 3], [f32; 3])> {
    let first = *points.first()?;
    Some(points.iter().fold((first, first), |(low, high), p| {
        ([0, 1, 2].map(|i| low[i].min(p[i])), [0, 1, 2].map(|i| high[i].max(p[i])))
    }))
}

impl PointCloud {
    /// Number of points.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.points.len()
    }

    /// True when there is no point.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Indices of the points whose normal makes a cosine of at least
    /// `min_cosine` with `towards_surgeon` (posterior is `(0, 1, 0)` in LPS).
    ///
    /// A surface that faces away cannot be touched by a pointer, and taking it
    /// out keeps the registration from locking onto the far side of a lamina.
    /// A direction without length keeps every point.
    ///
    /// ```
    /// use engine::surface::PointCloud;
    /// let cloud = PointCloud { points: vec![[0.0; 3]; 2], normals: vec![[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]] };
    /// assert_eq!(cloud.facing(geom::Vector::new(0.0, 1.0, 0.0), -0.1), [0]);
    /// ```
    #[must_use]
    pub fn facing(&self, towards_surgeon: Vector<Ct>, min_cosine: f64) -> Vec<usize> {
        let Some(direction) = towards_surgeon.normalized() else { return (0..self.points.len()).collect() };
        let is_facing = |normal: &[f32; 3]| direction.dot((*normal).into()) >= min_cosine;
        (0..self.points.len()).filter(|&i| self.normals.get(i).is_some_and(is_facing)).collect()
    }

    /// The points and normals at `indices`; indices beyond the end are left out.
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Self {
        let pairs = indices.iter().filter_map(|&i| Some((*self.points.get(i)?, *self.normals.get(i)?)));
        let (points, normals) = pairs.unzip();
        Self { points, normals }
    }

    /// The same bone elsewhere.
    #[must_use]
    pub fn moved(&self, motion: &Transform<Ct, Ct>) -> Self {
        let point = |p: &[f32; 3]| (*motion * Point::<Ct>::from(*p)).to_array().map(|c| c as f32);
        let normal = |n: &[f32; 3]| (*motion * Vector::<Ct>::from(*n)).to_array().map(|c| c as f32);
        Self { points: self.points.iter().map(point).collect(), normals: self.normals.iter().map(normal).collect() }
    }

    /// Adds the points of `other`.
    pub fn append(&mut self, other: &Self) {
        self.points.extend(&other.points);
        self.normals.extend(&other.normals);
    }
}
