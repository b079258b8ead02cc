//! The touched points prepared for registration.

use geom::nalgebra::{Matrix3, Vector3};
use geom::{Patient, Point};
use kernels::point_to_plane::PointBlocks;

use super::error::RegisterError;

/// Above this count points are put in Morton order: neighbours in space then
/// walk the same branches of the tree (-20 to -35 % time).
const MORTON_FROM: usize = 2000;
/// Below this ratio of second to first extent the points are a line (as in
/// `geom::fit_rigid`).
const MIN_EXTENT_RATIO: f64 = 0.02;
/// Points in a plane to this share of their spread are flat: the noise of any
/// pointer is larger.
const MIN_THICKNESS_RATIO: f64 = 0.002;
/// Sweeps over bone spread between these, mm (RMS): from a facet to a spine.
const SPREAD_MM: std::ops::Range<f64> = 0.5..1000.0;

/// Points relative to their centroid.
#[derive(Debug)]
pub(super) struct Source {
    pub centroid: Vector3<f64>,
    pub offsets: Vec<[f32; 3]>,
    /// The offsets again, in blocks.
    pub blocks: PointBlocks,
    /// Index of each offset among the points as given.
    pub order: Vec<usize>,
    /// RMS distance from the centroid: turns radians into millimetres.
    pub radius_mm: f64,
    /// RMS extents along the principal axes, largest first, mm.
    pub extents_mm: [f64; 3],
    /// Points that are no copies of another.
    pub distinct: usize,
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
        let distinct = distinct(points);
        if distinct < needed {
            return Err(RegisterError::Duplicates { found: points.len(), distinct, needed });
        }
        let count = points.len() as f64;
        let centroid = points.iter().fold(Vector3::zeros(), |sum, p| sum + p.vector3()) / count;
        let exact: Vec<Vector3<f64>> = points.iter().map(|p| p.vector3() - centroid).collect();
        let scatter = exact.iter().fold(Matrix3::zeros(), |sum, o| sum + o * o.transpose()) / count;
        let mut extents_mm: [f64; 3] = scatter.symmetric_eigenvalues().map(|v| v.max(0.0).sqrt()).into();
        extents_mm.sort_by(|a, b| b.total_cmp(a));
        let [spread_mm, width_mm, thickness_mm] = extents_mm;
        let radius_mm = scatter.trace().max(0.0).sqrt();
        if !SPREAD_MM.contains(&radius_mm) {
            return Err(RegisterError::Units { spread_mm: radius_mm });
        }
        if width_mm < MIN_EXTENT_RATIO * spread_mm {
            return Err(RegisterError::Collinear { spread_mm, width_mm });
        }
        if thickness_mm < MIN_THICKNESS_RATIO * spread_mm {
            return Err(RegisterError::Coplanar { thickness_mm });
        }
        let mut order: Vec<usize> = (0..points.len()).collect();
        if points.len() > MORTON_FROM {
            let mut keys: Vec<(u32, u32)> = exact.iter().map(morton).zip(0..).collect();
            keys.sort_unstable();
            order = keys.into_iter().map(|key| key.1 as usize).collect();
        }
        let offsets: Vec<[f32; 3]> =
            order.iter().filter_map(|&i| exact.get(i)).map(|o| o.cast::<f32>().into()).collect();
        let blocks = PointBlocks::new(&offsets);
        Ok(Self { centroid, offsets, blocks, order, radius_mm, extents_mm, distinct })
    }

    /// About `count` points spread evenly over the list as it was touched.
    pub fn spread(&self, count: usize) -> Vec<[f32; 3]> {
        let (all, count) = (self.offsets.len(), count.clamp(1, self.offsets.len().max(1)));
        (0..count).filter_map(|i| self.offsets.get(i * all / count)).copied().collect()
    }

    /// [`Self::spread`] in blocks.
    pub fn subset(&self, count: usize) -> PointBlocks {
        PointBlocks::new(&self.spread(count))
    }
}

/// Up to this count every point is compared with every other.
const COMPARED: usize = 4096;

/// Number of different positions. In larger sets copies are looked for among an
/// even selection, and from each point to the next, where a pointer that stands
/// still leaves them.
fn distinct(points: &[Point<Patient>]) -> usize {
    let bits = |p: &Point<Patient>| p.to_array().map(f64::to_bits);
    let mut chosen: Vec<[u64; 3]> = points.iter().step_by(points.len().div_ceil(COMPARED).max(1)).map(bits).collect();
    let compared = chosen.len().max(1);
    chosen.sort_unstable();
    chosen.dedup();
    let standing = points.windows(2).filter(|pair| bits(&pair[0]) == bits(&pair[1])).count();
    (points.len() * chosen.len() / compared).min(points.len() - standing)
}

/// Bits of the 4 mm cell's coordinates interleaved.
fn morton(offset: &Vector3<f64>) -> u32 {
    let spread = |c: f64| {
        let mut bits = ((c + 2048.0) / 4.0).clamp(0.0, 1023.0) as u32;
        bits = (bits | bits << 16) & 0x0300_00ff;
        bits = (bits | bits << 8) & 0x0300_f00f;
        bits = (bits | bits << 4) & 0x030c_30c3;
        (bits | bits << 2) & 0x0924_9249
    };
    spread(offset.x) | spread(offset.y) << 1 | spread(offset.z) << 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_fix_a_pose_is_refused() {
        let line: Vec<_> = (0..50).map(|i| Point::new(f64::from(i), 2.0 * f64::from(i), 5.0)).collect();
        assert!(matches!(Source::new(&line, 20), Err(RegisterError::Collinear { .. })));
        let still = Source::new(&[line[3]; 50], 20);
        assert!(matches!(still, Err(RegisterError::Duplicates { found: 50, distinct: 1, needed: 20 })));
        let flat: Vec<_> = (0..50).map(|i| Point::new(f64::from(i), 4.0, f64::from(i * i % 31))).collect();
        assert!(matches!(Source::new(&flat, 20), Err(RegisterError::Coplanar { .. })));
        let wavy = |scale: f64| -> Vec<_> {
            (0..50)
                .map(|i| Point::new(f64::from(i), f64::from(i % 7), f64::from(i * i % 31)))
                .map(|p: Point<Patient>| Point::from_vector3(p.vector3() * scale))
                .collect()
        };
        assert!(Source::new(&wavy(1.0), 20).is_ok());
        assert!(matches!(Source::new(&wavy(1e-3), 20), Err(RegisterError::Units { .. })), "metres");
        assert!(matches!(Source::new(&wavy(100.0), 20), Err(RegisterError::Units { .. })));
        assert!(matches!(Source::new(&line[..19], 20), Err(RegisterError::TooFewPoints { found: 19, needed: 20 })));
        assert!(matches!(Source::new(&[], 0), Err(RegisterError::TooFewPoints { .. })));
        let mut bad = line;
        bad[7] = Point::new(f64::NAN, 0.0, 0.0);
        assert!(matches!(Source::new(&bad, 20), Err(RegisterError::NotFinite { index: 7 })));
    }
}
