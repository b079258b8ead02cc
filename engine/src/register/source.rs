//! The touched points prepared for registration.

use geom::nalgebra::{Matrix3, Vector3};
use geom::{Patient, Point};

use super::error::RegisterError;

/// Above this count points are put in Morton order: neighbours in space then
/// walk the same branches of the tree (-20 to -35 % time).
const MORTON_FROM: usize = 2000;
/// Below this ratio of second to first extent the points are a line (as in
/// `geom::fit_rigid`).
const MIN_EXTENT_RATIO: f64 = 0.02;

/// Points relative to their centroid.
#[derive(Debug)]
pub(super) struct Source {
    pub centroid: Vector3<f64>,
    pub offsets: Vec<[f32; 3]>,
    /// Index of each offset among the points as given.
    pub order: Vec<usize>,
    /// RMS distance from the centroid: turns radians into millimetres.
    pub radius_mm: f64,
    /// RMS extents along the principal axes, largest first, mm.
    pub extents_mm: [f64; 3],
}

impl Source {
    pub fn new(points: &[Point<Patient>], min_points: usize) -> Result<Self, RegisterError> {
        let needed = min_points.max(6);
        if points.len() < needed {
            return Err(RegisterError::TooFewPoints { found: points.len(), needed });
        }
        // Beyond ten metres nothing is tracked, and f32 offsets lose digits.
        if let Some(index) = points.iter().position(|p| !p.is_finite() || p.vector3().amax() > 1e4) {
            return Err(RegisterError::NotFinite { index });
        }
        let count = points.len() as f64;
        let centroid = points.iter().fold(Vector3::zeros(), |sum, p| sum + p.vector3()) / count;
        let exact: Vec<Vector3<f64>> = points.iter().map(|p| p.vector3() - centroid).collect();
        let scatter = exact.iter().fold(Matrix3::zeros(), |sum, o| sum + o * o.transpose()) / count;
        let mut extents_mm: [f64; 3] = scatter.symmetric_eigenvalues().map(|v| v.max(0.0).sqrt()).into();
        extents_mm.sort_by(|a, b| b.total_cmp(a));
        let [spread_mm, width_mm, _] = extents_mm;
        if spread_mm < 1e-6 || width_mm < MIN_EXTENT_RATIO * spread_mm {
            return Err(RegisterError::Collinear { spread_mm, width_mm });
        }
        let mut order: Vec<usize> = (0..points.len()).collect();
        if points.len() > MORTON_FROM {
            order.sort_by_cached_key(|&i| exact.get(i).map_or(0, morton));
        }
        let offsets = order.iter().filter_map(|&i| exact.get(i)).map(|o| o.cast::<f32>().into()).collect();
        Ok(Self { centroid, offsets, order, radius_mm: scatter.trace().max(0.0).sqrt(), extents_mm })
    }

    /// About `count` points spread evenly over the list as it was touched.
    pub fn subset(&self, count: usize) -> Vec<[f32; 3]> {
        let (all, count) = (self.offsets.len(), count.clamp(1, self.offsets.len()));
        (0..count).filter_map(|i| self.offsets.get(i * all / count)).copied().collect()
    }
}

/// Bits of the 2 mm cell's coordinates interleaved.
fn morton(offset: &Vector3<f64>) -> u64 {
    let cell = offset.map(|c| ((c + 1024.0) / 2.0).clamp(0.0, 1023.0) as u64);
    (0..10).fold(0, |code, bit| (0..3).fold(code, |code, axis| code | (cell[axis] >> bit & 1) << (3 * bit + axis)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_fix_a_pose_is_refused() {
        let line: Vec<_> = (0..50).map(|i| Point::new(f64::from(i), 2.0 * f64::from(i), 5.0)).collect();
        assert!(matches!(Source::new(&line, 20), Err(RegisterError::Collinear { .. })));
        assert!(matches!(Source::new(&[line[3]; 50], 20), Err(RegisterError::Collinear { .. })));
        assert!(matches!(Source::new(&line[..19], 20), Err(RegisterError::TooFewPoints { found: 19, needed: 20 })));
        assert!(matches!(Source::new(&[], 0), Err(RegisterError::TooFewPoints { .. })));
        let mut bad = line;
        bad[7] = Point::new(f64::NAN, 0.0, 0.0);
        assert!(matches!(Source::new(&bad, 20), Err(RegisterError::NotFinite { index: 7 })));
    }
}
