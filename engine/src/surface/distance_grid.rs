//! Signed distance to a surface, with its gradient.

use super::{IndexError, NearestCells, NearestGrid, PointCloud};

/// Memory a grid may take at most: 16 Mi corners.
const MAX_CORNERS: usize = 16 << 20;

/// Signed distance (mm, positive outside) on a lattice around a surface.
///
/// Within two cells of the surface the distance is that to the plane of the
/// nearest point; further away it is that to a point near it, up to a tenth too
/// large, and its gradient is rough. Between the corners it is interpolated; the
/// gradient is that of the interpolation. For collision tests and smooth
/// costs; registration finds its pairs exactly.
#[derive(Debug)]
pub struct DistanceGrid {
    low: [f32; 3],
    cell_mm: f32,
    size: [usize; 3],
    distances: Vec<f32>,
}

impl DistanceGrid {
    /// Covers `cloud` and `margin_mm` around it with corners every `cell_mm`.
    ///
    /// Cost: nearest points by propagation, then one exact look-up a corner
    /// within two cells of the surface; 100 ms for a spine at 2 mm.
    ///
    /// # Errors
    /// [`IndexError`] for no points or one that is not finite.
    pub fn new(cloud: &PointCloud, cell_mm: f32, margin_mm: f32) -> Result<Self, IndexError> {
        if cloud.is_empty() || cloud.normals.len() != cloud.len() {
            return Err(IndexError::Empty);
        }
        if let Some(index) = cloud.points.iter().position(|p| !p.iter().all(|c| c.is_finite())) {
            return Err(IndexError::NotFinite { index });
        }
        let (cells, order) = NearestCells::new(&cloud.points, cell_mm);
        let order: Vec<usize> = order.into_iter().map(|i| i as usize).collect();
        let sorted = cloud.select(&order);
        let nearest = NearestGrid::new(&sorted.points, cell_mm, margin_mm);
        let (low, cell, size) = nearest.corners();
        let count = size.iter().product::<usize>().min(MAX_CORNERS);
        let mut distances = Vec::with_capacity(count);
        for i in 0..count {
            let at = [i % size[0], i / size[0] % size[1], i / (size[0] * size[1])];
            let at = [0, 1, 2].map(|axis| low[axis] + at[axis] as f32 * cell);
            // The sweeps err a little: a neighbouring corner may know better.
            let around = std::iter::once(at).chain((0..6).map(|k| {
                let mut other = at;
                other[k / 2] += if k % 2 == 0 { cell } else { -cell };
                other
            }));
            let known = around.filter_map(|p| nearest.nearest(p)).map(|i| (i, squared(at, sorted.points[i as usize])));
            let Some((hint, squared)) = known.min_by(|a, b| a.1.total_cmp(&b.1)) else {
                distances.push(f32::INFINITY);
                continue;
            };
            let is_near = squared < (2.0 * cell + nearest.error_mm()).powi(2);
            let found =
                if is_near { cells.nearest(&sorted.points, |p| *p, at, (hint, squared)) } else { (hint, squared) };
            let (point, normal) = (sorted.points[found.0 as usize], sorted.normals[found.0 as usize]);
            let height = (0..3).map(|k| (at[k] - point[k]) * normal[k]).sum::<f32>();
            let distance = if is_near { height } else { found.1.sqrt().copysign(height) };
            distances.push(distance);
        }
        Ok(Self { low, cell_mm: cell, size, distances })
    }

    /// Distance (mm) and its gradient (about 1 long, outwards) at `query`;
    /// `None` outside the lattice or for NaN.
    #[must_use]
    pub fn at(&self, query: [f32; 3]) -> Option<(f32, [f32; 3])> {
        let (mut corner, mut share) = ([0usize; 3], [0f32; 3]);
        for axis in 0..3 {
            let along = (query[axis] - self.low[axis]) / self.cell_mm;
            // False for NaN as well.
            if !(along >= 0.0 && along < (self.size[axis] - 1) as f32) {
                return None;
            }
            (corner[axis], share[axis]) = (along as usize, along.fract());
        }
        let value = |dx: usize, dy: usize, dz: usize| {
            let [x, y, z] = [corner[0] + dx, corner[1] + dy, corner[2] + dz];
            self.distances.get((z * self.size[1] + y) * self.size[0] + x).copied()
        };
        let (mut distance, mut gradient) = (0.0, [0f32; 3]);
        for bits in 0..8usize {
            let d = [bits & 1, bits >> 1 & 1, bits >> 2];
            let corner_value = value(d[0], d[1], d[2])?;
            let weight = |axis: usize| if d[axis] == 1 { share[axis] } else { 1.0 - share[axis] };
            let (x, y, z) = (weight(0), weight(1), weight(2));
            let sign = d.map(|bit| if bit == 1 { 1.0 } else { -1.0 });
            distance += corner_value * x * y * z;
            gradient[0] += corner_value * sign[0] * y * z / self.cell_mm;
            gradient[1] += corner_value * sign[1] * x * z / self.cell_mm;
            gradient[2] += corner_value * sign[2] * x * y / self.cell_mm;
        }
        Some((distance, gradient))
    }
}

fn squared(a: [f32; 3], b: [f32; 3]) -> f32 {
    (0..3).map(|i| (a[i] - b[i]).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::random::Random;
    use crate::surface::phantom;

    #[test]
    fn a_ball_has_the_distances_of_a_ball() {
        let ball = phantom::ball([3.0, -2.0, 8.0], 20.0).vertices_cloud();
        let grid = DistanceGrid::new(&ball, 1.0, 8.0).unwrap();
        let mut random = Random::new(5);
        for _ in 0..2000 {
            let direction = random.direction();
            let height = random.between(-8.0, 7.0);
            let query = [0, 1, 2].map(|i| ([3.0, -2.0, 8.0][i] + direction[i] * (20.0 + height)) as f32);
            let (distance, gradient) = grid.at(query).unwrap();
            let is_near = height.abs() < 2.0;
            let limit = if is_near { 0.1 } else { 0.8 };
            assert!((f64::from(distance) - height).abs() < limit, "{distance} {height}");
            let along: f64 = (0..3).map(|i| f64::from(gradient[i]) * direction[i]).sum();
            assert!(!is_near || (along - 1.0).abs() < 0.15, "{along} at {height}");
        }
    }

    #[test]
    fn outside_and_odd_input_is_refused() {
        let ball = phantom::ball([0.0; 3], 5.0).vertices_cloud();
        let grid = DistanceGrid::new(&ball, 1.0, 3.0).unwrap();
        assert!(grid.at([0.0, 0.0, 90.0]).is_none() && grid.at([f32::NAN, 0.0, 0.0]).is_none());
        assert_eq!(DistanceGrid::new(&PointCloud::default(), 1.0, 3.0).unwrap_err(), IndexError::Empty);
    }
}
