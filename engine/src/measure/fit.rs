//! Planes and spheres through points of which some are wrong.
//!
//! Promises a fit that a third of foreign points does not move, and the standard
//! deviation of what is read from it. Called by the endplates and femoral heads.

use geom::nalgebra::{Matrix3, Matrix4, UnitQuaternion, Vector3, Vector4};

use crate::register::random::Random;

/// Triples tried before the refinement.
const TRIALS: usize = 120;
/// Reweighting rounds; they settle in five to ten.
const ROUNDS: usize = 20;
/// Cut-off of Tukey's biweight in standard deviations: 95 % efficient for
/// normal errors (Beaton and Tukey 1974, doi:10.1080/00401706.1974.10489171).
const TUKEY: f64 = 4.685;
/// A median absolute deviation times this is a standard deviation.
const MAD: f64 = 1.4826;
/// Least spread that is believed, in voxels: a plane cut into voxels is a staircase, whose steps lie evenly within
/// half a voxel of it (median a quarter). With less, an endplate of two steps is taken for one of them.
const STEP: f64 = 0.25 * MAD;
/// Patches of a surface this wide err together, mm: label maps are smooth.
const GRAIN_MM: f64 = 4.0;

/// A plane through points, with what it is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plane {
    /// A point on the plane, amid the points.
    pub centre: Vector3<f64>,
    /// Unit normal, on the side asked for.
    pub normal: Vector3<f64>,
    /// Root mean square distance of the points kept, mm.
    pub rms_mm: f64,
    /// Points kept.
    pub points: usize,
    /// The main directions in the plane and the spread of the points along them, mm.
    pub spread_mm: [(Vector3<f64>, f64); 2],
    /// Standard deviation of a patch of the surface, mm.
    patch_sd_mm: f64,
    /// Patches that err each by itself.
    patches: f64,
}

impl Plane {
    /// A plane through few points, each with `sd_mm`.
    pub(super) const fn by_hand(
        centre: Vector3<f64>,
        normal: Vector3<f64>,
        spread_mm: [(Vector3<f64>, f64); 2],
        points: usize,
        sd_mm: f64,
    ) -> Self {
        Self { centre, normal, rms_mm: 0.0, points, spread_mm, patch_sd_mm: sd_mm, patches: points as f64 }
    }

    /// The plane of a bone that was turned, its centre then being at `centre`.
    pub(super) fn turned(&self, turn: UnitQuaternion<f64>, centre: Vector3<f64>) -> Self {
        let spread_mm = self.spread_mm.map(|(axis, spread)| (turn * axis, spread));
        Self { centre, normal: turn * self.normal, spread_mm, ..*self }
    }

    /// Standard deviation of the plane's inclination along `direction`, radians.
    #[must_use]
    pub fn tilt_sd_rad(&self, direction: Vector3<f64>) -> f64 {
        let unit = direction.try_normalize(1e-9).unwrap_or_else(Vector3::zeros);
        let along = |(axis, spread): &(Vector3<f64>, f64)| (axis.dot(&unit) / spread.max(0.5)).powi(2);
        self.patch_sd_mm / self.patches.sqrt() * self.spread_mm.iter().map(along).sum::<f64>().sqrt()
    }

    /// Standard deviation of the plane's place along its normal, mm.
    #[must_use]
    pub fn place_sd_mm(&self) -> f64 {
        self.patch_sd_mm / self.patches.sqrt()
    }

    /// Height of the plane above `origin` along `up` at the place `origin + aside`.
    #[must_use]
    pub fn height_at(&self, origin: Vector3<f64>, up: Vector3<f64>, aside: Vector3<f64>) -> Option<f64> {
        let slope = self.normal.dot(&up);
        (slope.abs() > 0.2).then(|| self.normal.dot(&(self.centre - origin - aside)) / slope)
    }
}

/// The plane through most of `points`, its normal on the side of `towards`.
///
/// * `grain_mm` - size of a voxel: what the points cannot be exact to.
///
/// `None` with fewer than 12 points or when they lie in a line.
/// Cost: 120 passes over the points, 0.3 ms for 2000.
#[must_use]
pub fn plane(points: &[Vector3<f64>], towards: Vector3<f64>, grain_mm: f64) -> Option<Plane> {
    if points.len() < 12 {
        return None;
    }
    let (mut normal, mut offset) = first_plane(points, towards)?;
    let mut weights = vec![1.0; points.len()];
    let (mut centre, mut covariance) = (Vector3::zeros(), Matrix3::zeros());
    for _ in 0..ROUNDS {
        let mut distances: Vec<f64> = points.iter().map(|p| (normal.dot(p) - offset).abs()).collect();
        let cut = TUKEY * (MAD * median(&mut distances)).max(0.05 + STEP * grain_mm);
        for (weight, point) in weights.iter_mut().zip(points) {
            let ratio = (normal.dot(point) - offset) / cut;
            *weight = if ratio.abs() < 1.0 { (1.0 - ratio * ratio).powi(2) } else { 0.0 };
        }
        (centre, covariance) = moments(points, &weights)?;
        let eigen = covariance.symmetric_eigen();
        let next: Vector3<f64> = eigen.eigenvectors.column(eigen.eigenvalues.imin()).into_owned();
        let next = if next.dot(&towards) < 0.0 { -next } else { next };
        let change = next.cross(&normal).norm();
        (normal, offset) = (next, next.dot(&centre));
        if change < 1e-7 {
            break;
        }
    }
    Some(describe(points, &weights, centre, normal, covariance, grain_mm))
}

fn describe(
    points: &[Vector3<f64>],
    weights: &[f64],
    centre: Vector3<f64>,
    normal: Vector3<f64>,
    covariance: Matrix3<f64>,
    grain_mm: f64,
) -> Plane {
    let total: f64 = weights.iter().sum();
    let squares = points.iter().zip(weights).map(|(p, w)| w * normal.dot(&(p - centre)).powi(2));
    let rms_mm = (squares.sum::<f64>() / total.max(1e-9)).sqrt();
    let eigen = covariance.symmetric_eigen();
    let mut order = [0, 1, 2];
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let spread =
        |i: usize| (eigen.eigenvectors.column(order[i]).into_owned(), eigen.eigenvalues[order[i]].max(0.0).sqrt());
    let spread_mm = [spread(0), spread(1)];
    // An ellipse filled evenly has twice the spread as its half axes.
    let area = std::f64::consts::PI * 4.0 * spread_mm[0].1 * spread_mm[1].1;
    let patch = GRAIN_MM.max(2.5 * grain_mm);
    Plane {
        centre,
        normal,
        rms_mm,
        points: weights.iter().filter(|w| **w > 0.1).count(),
        spread_mm,
        patch_sd_mm: rms_mm.hypot(0.25 * grain_mm),
        patches: (area / (patch * patch)).max(3.0),
    }
}

/// The plane through three of the points with the lowest median distance.
fn first_plane(points: &[Vector3<f64>], towards: Vector3<f64>) -> Option<(Vector3<f64>, f64)> {
    let mut random = Random::new(8);
    let step = points.len().div_ceil(400);
    let sample: Vec<&Vector3<f64>> = points.iter().step_by(step).collect();
    let mut best: Option<(f64, Vector3<f64>, f64)> = None;
    let mut distances = Vec::with_capacity(sample.len());
    for _ in 0..TRIALS {
        let [a, b, c] = [0; 3].map(|_: i32| points[random.below(points.len())]);
        let Some(normal) = (b - a).cross(&(c - a)).try_normalize(1.0) else { continue };
        // Planes across the wanted direction are walls.
        if normal.dot(&towards).abs() < 0.6 * towards.norm() {
            continue;
        }
        let offset = normal.dot(&a);
        distances.clear();
        distances.extend(sample.iter().map(|p| (normal.dot(p) - offset).abs()));
        let middle = median(&mut distances);
        if best.as_ref().is_none_or(|(least, ..)| middle < *least) {
            best = Some((middle, normal, offset));
        }
    }
    best.map(|(_, normal, offset)| (normal, offset))
}

/// Weighted mean and covariance; `None` when nothing has weight.
fn moments(points: &[Vector3<f64>], weights: &[f64]) -> Option<(Vector3<f64>, Matrix3<f64>)> {
    let total: f64 = weights.iter().sum();
    if total < 3.0 {
        return None;
    }
    let centre = points.iter().zip(weights).fold(Vector3::zeros(), |sum, (p, w)| sum + p * *w) / total;
    let spread = |sum: Matrix3<f64>, (p, w): (&Vector3<f64>, &f64)| sum + (p - centre) * (p - centre).transpose() * *w;
    Some((centre, points.iter().zip(weights).fold(Matrix3::zeros(), spread) / total))
}

/// Median; orders the values. 0 when there are none.
pub fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// A sphere through points, with what it is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sphere {
    /// Its centre, LPS mm.
    pub centre: Vector3<f64>,
    /// Its radius, mm.
    pub radius_mm: f64,
    /// Root mean square distance of the points kept from it, mm.
    pub rms_mm: f64,
    /// Share of the sphere's area that the kept points cover, 0 to 1, roughly.
    pub cover: f64,
    /// Standard deviation of the centre along any axis, mm.
    pub centre_sd_mm: f64,
}

/// The sphere with a radius in `radii_mm` that most of `points` lie on.
///
/// * `normals` - outward, one a point: only points that look away from the
///   centre count, so that a cup or a shaft does not.
///
/// `None` when fewer than 30 points or less than a sixth of the sphere support it.
/// Cost: 600 trials over at most 1500 points, 5 ms.
#[must_use]
pub fn sphere(points: &[Vector3<f64>], normals: &[Vector3<f64>], radii_mm: [f64; 2], grain_mm: f64) -> Option<Sphere> {
    let step = points.len().div_ceil(1500).max(1);
    let chosen: Vec<(Vector3<f64>, Vector3<f64>)> =
        points.iter().copied().zip(normals.iter().copied()).step_by(step).collect();
    if chosen.len() < 30 {
        return None;
    }
    let tolerance = 0.6 + 0.3 * grain_mm;
    let supports = |centre: &Vector3<f64>, radius: f64, (p, n): &(Vector3<f64>, Vector3<f64>)| {
        let away = p - centre;
        let length = away.norm();
        (length - radius).abs() < tolerance && away.dot(n) > 0.85 * length
    };
    let mut random = Random::new(3);
    let mut best = (0usize, Vector3::zeros(), 0.0);
    for _ in 0..600 {
        let four = [0; 4].map(|_: i32| chosen[random.below(chosen.len())].0);
        let Some((centre, radius)) = through(&four, &[1.0; 4]) else { continue };
        if !(radii_mm[0]..=radii_mm[1]).contains(&radius) {
            continue;
        }
        let count = chosen.iter().filter(|p| supports(&centre, radius, p)).count();
        if count > best.0 {
            best = (count, centre, radius);
        }
    }
    let (_, mut centre, mut radius) = best;
    for _ in 0..10 {
        let kept: Vec<Vector3<f64>> = chosen.iter().filter(|p| supports(&centre, radius, p)).map(|p| p.0).collect();
        (centre, radius) = through(&kept, &vec![1.0; kept.len()])?;
    }
    let kept: Vec<&(Vector3<f64>, Vector3<f64>)> = chosen.iter().filter(|p| supports(&centre, radius, p)).collect();
    if kept.len() < 30 || !(radii_mm[0]..=radii_mm[1]).contains(&radius) {
        return None;
    }
    let rms_mm =
        (kept.iter().map(|p| ((p.0 - centre).norm() - radius).powi(2)).sum::<f64>() / kept.len() as f64).sqrt();
    let cover = covered(&kept, centre);
    let patch = GRAIN_MM.max(2.5 * grain_mm);
    let patches = (cover * 4.0 * std::f64::consts::PI * radius * radius / (patch * patch)).max(4.0);
    // A cap fixes its centre less well than a whole ball.
    let centre_sd_mm = rms_mm.hypot(0.25 * grain_mm) * (3.0 / patches).sqrt() / cover.max(0.05);
    (cover > 1.0 / 6.0).then_some(Sphere { centre, radius_mm: radius, rms_mm, cover, centre_sd_mm })
}

/// Share of 48 directions that have a point.
fn covered(points: &[&(Vector3<f64>, Vector3<f64>)], centre: Vector3<f64>) -> f64 {
    let mut seen = [false; 48];
    for (point, _) in points {
        let Some(away) = (point - centre).try_normalize(1e-9) else { continue };
        // Equal areas: bands of equal height, sectors of equal angle.
        let band = (((away.z + 1.0) * 3.0) as usize).min(5);
        let turn = away.y.atan2(away.x) / std::f64::consts::TAU + 0.5;
        let sector = ((turn * 8.0) as usize).min(7);
        seen[band * 8 + sector] = true;
    }
    seen.iter().filter(|s| **s).count() as f64 / 48.0
}

/// Least squares sphere, algebraic: |p|^2 = 2 c p + k.
pub(super) fn through(points: &[Vector3<f64>], weights: &[f64]) -> Option<(Vector3<f64>, f64)> {
    let first = points.first()?;
    let (mut normal, mut right) = (Matrix4::zeros(), Vector4::zeros());
    for (point, weight) in points.iter().zip(weights) {
        let q = point - first;
        let row = Vector4::new(2.0 * q.x, 2.0 * q.y, 2.0 * q.z, 1.0);
        normal += row * row.transpose() * *weight;
        right += row * q.norm_squared() * *weight;
    }
    let solved = normal.lu().solve(&right)?;
    let centre = solved.xyz();
    let square = solved.w + centre.norm_squared();
    (square.is_finite() && square > 0.0).then(|| (centre + first, square.sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_of_foreign_points_does_not_turn_an_endplate() {
        let mut random = Random::new(1);
        let truth = Vector3::new(0.1, -0.25, 1.0).normalize();
        let mut points = Vec::new();
        for i in 0..900 {
            let (x, y) = (random.between(-20.0, 20.0), random.between(-15.0, 15.0));
            let z = -(truth.x * x + truth.y * y) / truth.z + 0.2 * random.normal();
            let lifted = if i % 3 == 0 { random.between(1.0, 9.0) } else { 0.0 };
            points.push(Vector3::new(x + 100.0, y - 300.0, z + lifted + 50.0));
        }
        let found = plane(&points, Vector3::z(), 0.5).unwrap();
        let error_deg = found.normal.cross(&truth).norm().asin().to_degrees();
        assert!(error_deg < 0.3, "{error_deg}");
        assert!(plane(&points[..5], Vector3::z(), 0.5).is_none());
    }

    /// A plate that rises by 1.2 slices of 2 mm: two fifths of its points lie one step above the others.
    #[test]
    fn a_plate_of_two_steps_is_not_taken_for_one_of_them() {
        let slope = 2.4 / 30.0;
        for offset in [-0.6, -0.2, 0.3, 0.7] {
            let mut points = Vec::new();
            for (i, j) in (0..60).flat_map(|i| (0..40).map(move |j| (i, j))) {
                let (x, y) = (f64::from(i) * 0.5 - 15.0, f64::from(j) * 0.5 - 10.0);
                points.push(Vector3::new(x, y, 2.0 * ((slope * x + offset) / 2.0).round()));
            }
            let found = plane(&points, Vector3::z(), 2.0).unwrap();
            let error_deg = (-found.normal.x / found.normal.z - slope).atan().to_degrees();
            assert!(error_deg.abs() < 1.6, "{offset}: {error_deg}");
        }
    }

    #[test]
    fn a_femoral_head_is_found_on_its_neck() {
        let mut random = Random::new(2);
        let centre = Vector3::new(90.0, -20.0, -400.0);
        let (mut points, mut normals) = (Vec::new(), Vec::new());
        for _ in 0..1200 {
            let away = Vector3::new(random.normal(), random.normal(), random.normal()).normalize();
            if away.x < 0.6 {
                points.push(centre + away * (24.0 + 0.3 * random.normal()));
                normals.push(away);
            }
        }
        for _ in 0..600 {
            let turn = random.between(0.0, std::f64::consts::TAU);
            let side = Vector3::new(0.0, turn.cos(), turn.sin());
            points.push(centre + side * 14.0 + Vector3::x() * random.between(20.0, 60.0));
            normals.push(side);
        }
        let found = sphere(&points, &normals, [17.0, 32.0], 0.5).unwrap();
        assert!((found.centre - centre).norm() < 0.3 && (found.radius_mm - 24.0).abs() < 0.3, "{found:?}");
    }
}
