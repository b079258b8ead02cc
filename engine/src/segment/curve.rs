//! The curve through the centres of the vertebral bodies.
//!
//! Vertebral bodies and discs are the thickest part of the column, so in every
//! axial slice the voxel deepest inside marks the body; dynamic programming
//! joins these marks into one smooth curve. Depth is measured within the slice,
//! so that a scan that ends inside a body does not push the curve out of it.

use geom::{Ct, Point, Vector, Voxel};
use kernels::distance_transform;

use super::pipeline::SegmentError;
use super::preprocess::dims;
use crate::volume::Grid;

/// A voxel must lie this deep inside the column to mark a body, mm. Processes
/// and laminae stay below it.
const MIN_DEPTH_MM: f32 = 5.0;

/// Distance between slices that keeps each distance transform in its slice.
const SLICES_APART_MM: f64 = 1e4;

/// Candidates are taken every so many voxels of a slice.
const STRIDE: usize = 2;

/// Depth given up for a sideways step of 1 mm between slices.
const STEP_PENALTY: f32 = 1.5;

/// Standard deviation of the final smoothing, mm of height.
const SMOOTHING_MM: f64 = 6.0;

/// Body centres from the head down, 1 mm apart along the curve.
#[derive(Debug, Clone)]
pub struct SpineCurve {
    /// Points on the curve.
    pub points: Vec<Point<Ct>>,
    /// Unit direction towards the feet at each point.
    pub tangents: Vec<Vector<Ct>>,
}

#[derive(Clone, Copy)]
struct Candidate {
    x: usize,
    y: usize,
    depth_mm: f32,
}

impl SpineCurve {
    /// Finds the curve through a column mask (bodies and discs) on an
    /// axis-aligned grid.
    ///
    /// `None` when no slice holds anything as thick as a vertebral body.
    /// Cost: one distance transform and, a slice, the square of the number of
    /// candidates (about 100).
    ///
    /// # Errors
    /// [`SegmentError::Kernel`] when the mask does not fit the grid.
    pub fn find(column: &[bool], grid: &Grid) -> Result<Option<Self>, SegmentError> {
        let [x, y, z] = grid.spacing_mm();
        let outside: Vec<bool> = column.iter().map(|v| !v).collect();
        let squared = distance_transform(&outside, dims(grid), [SLICES_APART_MM, y, x])?;
        let path = cheapest_path(&candidates(&squared, grid), x as f32, z as f32);
        if path.len() < 5 {
            return Ok(None);
        }
        let smooth = smoothed(&path, grid);
        Ok(Some(Self::resampled(&smooth)))
    }

    /// Points 1 mm apart along a polyline that runs towards the feet.
    fn resampled(polyline: &[Point<Ct>]) -> Self {
        let (mut points, mut carried) = (Vec::new(), 0.0);
        for pair in polyline.windows(2) {
            let length = pair[0].distance(pair[1]);
            while carried < length {
                points.push(pair[0] + (pair[1] - pair[0]) * (carried / length));
                carried += 1.0;
            }
            carried -= length;
        }
        let last = points.len().saturating_sub(1);
        let down = Vector::new(0.0, 0.0, -1.0);
        let tangents = (0..points.len())
            .map(|i| (points[(i + 4).min(last)] - points[i.saturating_sub(4)]).normalized().unwrap_or(down))
            .collect();
        Self { points, tangents }
    }

    /// Two unit vectors across the curve at point `i`.
    #[must_use]
    pub fn across(&self, i: usize) -> [Vector<Ct>; 2] {
        let tangent = self.tangents[i];
        let left = Vector::new(1.0, 0.0, 0.0);
        let sideways = (left - tangent * tangent.dot(left)).normalized().unwrap_or(left);
        [sideways, tangent.cross(sideways)]
    }
}

/// Deep voxels of every slice, from the head down.
fn candidates(squared_mm: &[f32], grid: &Grid) -> Vec<(usize, Vec<Candidate>)> {
    let [nx, ny, nz] = grid.size();
    let slice = |z: usize| {
        let mut found = Vec::new();
        for y in (0..ny).step_by(STRIDE) {
            for x in (0..nx).step_by(STRIDE) {
                let depth_mm = squared_mm[grid.index([x, y, z])].sqrt();
                // A slice without background is as deep as the next one is far: no column.
                if depth_mm > MIN_DEPTH_MM && f64::from(depth_mm) < SLICES_APART_MM {
                    found.push(Candidate { x, y, depth_mm });
                }
            }
        }
        found.sort_by(|a, b| b.depth_mm.total_cmp(&a.depth_mm));
        found.truncate(150);
        (z, found)
    };
    (0..nz).rev().map(slice).filter(|(_, found)| !found.is_empty()).collect()
}

/// One voxel a slice, maximising depth less sideways steps (Viterbi).
fn cheapest_path(slices: &[(usize, Vec<Candidate>)], edge_mm: f32, slice_mm: f32) -> Vec<[usize; 3]> {
    let mut scores: Vec<Vec<f32>> = Vec::with_capacity(slices.len());
    let mut origins: Vec<Vec<usize>> = Vec::with_capacity(slices.len());
    for (s, (z, found)) in slices.iter().enumerate() {
        let previous = s.checked_sub(1).map(|p| (&slices[p], &scores[p]));
        let (mut score, mut origin) = (Vec::new(), Vec::new());
        for c in found {
            let best = previous.map(|((z_before, before), scores)| {
                // A gap of many slices allows a longer step for the same cost.
                let gap = ((z_before - z) as f32 * slice_mm).max(1.0);
                let value = |(i, b): (usize, &Candidate)| {
                    let (dx, dy) = (c.x as f32 - b.x as f32, c.y as f32 - b.y as f32);
                    scores[i] - STEP_PENALTY * edge_mm * dx.hypot(dy) / gap.sqrt()
                };
                let options = before.iter().enumerate().map(|(i, b)| (i, value((i, b))));
                options.fold((0, f32::NEG_INFINITY), |best, o| if o.1 > best.1 { o } else { best })
            });
            let (from, value) = best.unwrap_or((0, 0.0));
            score.push(value + c.depth_mm);
            origin.push(from);
        }
        scores.push(score);
        origins.push(origin);
    }
    let Some(last) = scores.last() else { return Vec::new() };
    let mut at = (0..last.len()).max_by(|a, b| last[*a].total_cmp(&last[*b])).unwrap_or(0);
    let mut path = Vec::with_capacity(slices.len());
    for (s, (z, found)) in slices.iter().enumerate().rev() {
        path.push([found[at].x, found[at].y, *z]);
        at = origins[s][at];
    }
    path.reverse();
    path
}

/// Gaussian smoothing of the path along its height.
fn smoothed(path: &[[usize; 3]], grid: &Grid) -> Vec<Point<Ct>> {
    let raw: Vec<Point<Ct>> = path.iter().map(|v| grid.to_ct(Point::<Voxel>::from(v.map(|c| c as f64)))).collect();
    let height = |p: &Point<Ct>| p.to_array()[2];
    raw.iter()
        .map(|centre| {
            let (mut sum, mut total) = (Vector::new(0.0, 0.0, 0.0), 0.0);
            for p in &raw {
                let weight = (-0.5 * ((height(p) - height(centre)) / SMOOTHING_MM).powi(2)).exp();
                sum = sum + (*p - *centre) * weight;
                total += weight;
            }
            let smooth = *centre + sum * (1.0 / total);
            Point::new(smooth.to_array()[0], smooth.to_array()[1], height(centre))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scoliotic_column_is_followed_and_its_thin_processes_are_not() {
        let grid = Grid::axis_aligned([80, 80, 120], [1.0; 3], Point::new(-40.0, -40.0, 0.0)).unwrap();
        let centre = |z: f64| (12.0 * (z / 60.0).sin(), -8.0);
        let column: Vec<bool> = (0..grid.len())
            .map(|i| {
                let [x, y, z] = [(i % 80) as f64 - 40.0, (i / 80 % 80) as f64 - 40.0, (i / 6400) as f64];
                let (cx, cy) = centre(z);
                let body = (x - cx).hypot(y - cy) < 14.0;
                let process = (x - cx).abs() < 3.0 && (cy + 14.0..cy + 45.0).contains(&y);
                body || process
            })
            .collect();
        let curve = SpineCurve::find(&column, &grid).unwrap().unwrap();
        for p in &curve.points[10..curve.points.len() - 10] {
            let [x, y, z] = p.to_array();
            let (cx, cy) = centre(z);
            assert!((x - cx).hypot(y - cy) < 2.5, "{p:?}");
        }
        assert!(curve.tangents.iter().all(|t| t.to_array()[2] < -0.7), "towards the feet");
    }

    #[test]
    fn nothing_thick_means_no_spine() {
        let grid = Grid::axis_aligned([20, 20, 20], [1.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let plate: Vec<bool> = (0..8000).map(|i| i % 20 < 4).collect();
        assert!(SpineCurve::find(&plate, &grid).unwrap().is_none());
    }
}
