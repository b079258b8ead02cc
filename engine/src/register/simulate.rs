//! Simulated pointer sweeps for rehearsal, demo and tests.

use std::collections::HashMap;

use geom::nalgebra::Vector3;
use geom::{Ct, Patient, Point, Transform, Twist, Vector};

use super::random::Random;
use crate::surface::PointCloud;

/// What a simulated surgeon does.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// Points touched. Default 500.
    pub points: usize,
    /// Standard deviation of each coordinate, mm. Default 0.3.
    pub noise_mm: f64,
    /// Share of points off the bone: half on soft tissue 2-15 mm above it,
    /// half anywhere near. Default 0.1.
    pub outlier_share: f64,
    /// From the bone towards the surgeon. Default posterior.
    pub approach: Vector<Ct>,
    /// The exposure reaches this far to either side, mm. Default 30.
    pub half_width_mm: f64,
    /// Seed of the chance. Default 1.
    pub seed: u64,
}

impl Default for Sweep {
    fn default() -> Self {
        Self {
            points: 500,
            noise_mm: 0.3,
            outlier_share: 0.1,
            approach: Vector::new(0.0, 1.0, 0.0),
            half_width_mm: 30.0,
            seed: 1,
        }
    }
}

/// Cell within which only the uppermost bone can be touched, mm.
const COLUMN_MM: f64 = 1.6;
/// Bone this far below the uppermost of its column is still touched, mm.
const COLUMN_DEPTH_MM: f64 = 1.5;
/// Depth of the exposure below its highest point, mm.
const EXPOSURE_MM: f64 = 45.0;
/// Flatter bone than this cosine to the approach is not touched.
const MIN_COSINE: f64 = 0.15;

/// Points a surgeon would touch on `exposed` bone (CT), as measured in the
/// patient frame when `truth` is the pose. No bone facing the approach gives no
/// points.
///
/// ```
/// use engine::{register::simulate::{Sweep, sweep}, surface::phantom};
/// let bone = phantom::vertebra(0).vertices_cloud();
/// let points = sweep(&bone, &geom::Transform::identity(), &Sweep::default());
/// assert_eq!(points.len(), 500);
/// ```
#[must_use]
pub fn sweep(exposed: &PointCloud, truth: &Transform<Patient, Ct>, settings: &Sweep) -> Vec<Point<Patient>> {
    let Some(up) = settings.approach.normalized().map(Vector::vector3) else { return Vec::new() };
    let visible = visible(exposed, up, settings.half_width_mm);
    let mut random = Random::new(settings.seed);
    let outliers = (settings.outlier_share.clamp(0.0, 1.0) * settings.points as f64).round() as usize;
    let mut touched = Vec::with_capacity(settings.points);
    for i in 0..settings.points {
        let Some((point, normal)) = visible.get(random.below(visible.len())) else { return Vec::new() };
        // Between the vertices too: half a vertex spacing within the plane.
        let slide = Vector3::from(random.normal3()) * 0.3;
        let mut at = point + slide - normal * normal.dot(&slide);
        if i < outliers / 2 {
            at += up * random.between(2.0, 15.0);
        } else if i < outliers {
            at += Vector3::from(random.direction()) * random.between(2.0, 15.0);
        }
        touched.push(at + Vector3::from(random.normal3()) * settings.noise_mm);
    }
    // Outliers come at any time of the sweep, not first.
    for i in (1..touched.len()).rev() {
        touched.swap(i, random.below(i + 1));
    }
    touched.into_iter().map(|p| *truth * Point::from_vector3(p)).collect()
}

/// Bone that lies open: faces the surgeon, uppermost in its column, within the
/// exposure.
fn visible(bone: &PointCloud, up: Vector3<f64>, half_width_mm: f64) -> Vec<(Vector3<f64>, Vector3<f64>)> {
    let along = Vector3::z();
    let side = up.cross(&along).try_normalize(1e-6).unwrap_or_else(Vector3::x);
    let along = side.cross(&up);
    let f64s = |v: &[f32; 3]| Vector3::from(*v).cast::<f64>();
    let all: Vec<(Vector3<f64>, Vector3<f64>)> =
        bone.points.iter().zip(&bone.normals).map(|(p, n)| (f64s(p), f64s(n))).collect();
    let column = |p: &Vector3<f64>| [side.dot(p), along.dot(p)].map(|c| (c / COLUMN_MM).floor() as i64);
    let mut heights: HashMap<[i64; 2], f64> = HashMap::new();
    let mut highest = f64::NEG_INFINITY;
    for (point, _) in &all {
        let height = up.dot(point);
        highest = highest.max(height);
        heights.entry(column(point)).and_modify(|h| *h = h.max(height)).or_insert(height);
    }
    let mut sides: Vec<f64> = all.iter().map(|(p, _)| side.dot(p)).collect();
    sides.sort_by(f64::total_cmp);
    let middle = sides.get(sides.len() / 2).copied().unwrap_or(0.0);
    let is_open = |(point, normal): &(Vector3<f64>, Vector3<f64>)| {
        let (height, top) = (up.dot(point), heights.get(&column(point)).copied().unwrap_or(highest));
        normal.dot(&up) > MIN_COSINE
            && height > top - COLUMN_DEPTH_MM
            && height > highest - EXPOSURE_MM
            && (side.dot(point) - middle).abs() < half_width_mm
    };
    all.into_iter().filter(is_open).collect()
}

/// Mean distance between where the estimated and the true pose put `targets`,
/// mm: the target registration error. No targets give 0.
#[must_use]
pub fn true_tre_mm(estimate: &Transform<Patient, Ct>, truth: &Transform<Patient, Ct>, targets: &[Point<Ct>]) -> f64 {
    let sum: f64 = targets.iter().map(|t| (*estimate * *t).distance(*truth * *t)).sum();
    sum / targets.len().max(1) as f64
}

/// A motion by `deg` about `centre` in a random direction, then by `mm` in
/// another.
#[must_use]
pub fn displaced(centre: Point<Ct>, deg: f64, mm: f64, random: &mut Random) -> Transform<Ct, Ct> {
    let rotation_rad = Vector3::from(random.direction()) * deg.to_radians();
    let turn = Transform::<Ct, Ct>::exp(&Twist { rotation_rad, translation_mm: Vector3::zeros() });
    let origin = Transform::<Ct, Ct>::from_translation(centre - Point::new(0.0, 0.0, 0.0));
    let shift = Vector3::from(random.direction()) * mm;
    Transform::<Ct, Ct>::from_translation(Vector::from_vector3(shift)) * origin * turn * origin.inverse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_displacement_is_as_large_as_it_says() {
        let centre = Point::<Ct>::new(10.0, -200.0, 300.0);
        let motion = displaced(centre, 12.0, 7.0, &mut Random::new(3));
        assert!((motion.angle_rad().to_degrees() - 12.0).abs() < 1e-9);
        assert!(((motion * centre).distance(centre) - 7.0).abs() < 1e-9);
    }
}
