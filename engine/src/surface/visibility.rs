//! The part of a surface that can be touched from outside.

use std::collections::HashMap;

use geom::nalgebra::Vector3;
use geom::{Ct, Vector};

use super::PointCloud;

/// Width of a column in which the uppermost surface hides what is below, mm.
const COLUMN_MM: f64 = 1.6;

impl PointCloud {
    /// Indices of the points that are seen from far away along
    /// `towards_surgeon`: they face it (cosine at least `min_cosine`) and no
    /// other point of their column lies more than `depth_mm` above them.
    ///
    /// Stricter than [`Self::facing`], which keeps what another part hides: for
    /// simulated exposures and for registration with a given access. A
    /// direction without length keeps every point. Cost: 50 ns a point.
    ///
    /// ```
    /// use engine::surface::PointCloud;
    /// let up = [0.0, 1.0, 0.0];
    /// let cloud = PointCloud { points: vec![[0.0; 3], [0.0, 9.0, 0.0]], normals: vec![up; 2] };
    /// assert_eq!(cloud.visible(up.into(), 0.1, 1.5), [1]);
    /// ```
    #[must_use]
    pub fn visible(&self, towards_surgeon: Vector<Ct>, min_cosine: f64, depth_mm: f64) -> Vec<usize> {
        let facing = self.facing(towards_surgeon, min_cosine);
        let Some(up) = towards_surgeon.normalized().map(Vector::vector3) else { return facing };
        let across = if up.x.abs() < 0.7 { Vector3::x() } else { Vector3::y() };
        let side = up.cross(&across).try_normalize(1e-9).unwrap_or(across);
        let along = side.cross(&up);
        let place = |p: &[f32; 3]| {
            let p = Vector3::from(*p).cast::<f64>();
            ([side.dot(&p), along.dot(&p)].map(|c| (c / COLUMN_MM).floor() as i64), up.dot(&p))
        };
        // Whatever its direction, bone above hides bone below.
        let mut heights: HashMap<[i64; 2], f64> = HashMap::new();
        for point in &self.points {
            let (column, height) = place(point);
            heights.entry(column).and_modify(|top| *top = top.max(height)).or_insert(height);
        }
        let is_open = |i: &usize| {
            self.points.get(*i).is_some_and(|point| {
                let (column, height) = place(point);
                heights.get(&column).is_none_or(|top| height >= top - depth_mm)
            })
        };
        facing.into_iter().filter(is_open).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::phantom;

    #[test]
    fn the_back_hides_the_canal_and_the_body() {
        let bone = phantom::vertebra(0).vertices_cloud();
        let up = Vector::new(0.0, 1.0, 0.0);
        let (facing, seen) = (bone.facing(up, 0.1), bone.visible(up, 0.1, 1.5));
        assert!(seen.len() * 10 < facing.len() * 9 && seen.len() > 500, "{} of {}", seen.len(), facing.len());
        assert!(seen.iter().all(|i| facing.contains(i)));
        assert_eq!(bone.visible(Vector::new(0.0, 0.0, 0.0), 0.1, 1.5).len(), bone.len());
    }
}
