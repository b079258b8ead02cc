//! Where more points would help most.
//!
//! Every patch of bone that could be touched is tried: what its points would
//! add to the information about the pose, and what error would then be
//! predicted. The best patch is taken as touched, and the search goes on: the
//! greedy design of experiments (Fedorov 1972) for the mean squared error at
//! the targets (A-optimality, restricted to what the surgeon looks at).

use geom::nalgebra::{Matrix6, Vector3, Vector6};
use geom::{Ct, Patient, Point, PoseCovariance, Transform, Vector};

use crate::level::Level;
use crate::register::Registration;
use crate::surface::PointCloud;

/// Points touched on a patch.
const POINTS: usize = 10;
/// Patches named.
const PATCHES: usize = 3;
/// Bone flatter to the approach than this cosine is not touched.
const MIN_COSINE: f64 = 0.3;
/// Smaller patches are not named.
const MIN_POINTS: usize = 30;
/// Half width of the spinous process and outer end of the lamina, mm (Panjabi
/// et al. 1992, doi:10.1097/00007632-199203000-00010, lumbar vertebrae).
const PROCESS_MM: f64 = 5.0;
const LAMINA_MM: f64 = 16.0;

/// A patch of bone to be touched.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    /// The vertebra.
    pub level: Level,
    /// Which part of it, such as `left lamina`.
    pub part: &'static str,
    /// The middle of the patch in the CT, mm.
    pub at: Point<Ct>,
    /// Points to touch there.
    pub points: usize,
    /// Predicted error of the rehearsed registrations before, mm.
    pub before_mm: f64,
    /// The same with this patch and those before it touched.
    pub after_mm: f64,
}

/// Bone that can be touched, by vertebra and part.
pub(super) struct Patch {
    pub level: Level,
    pub part: &'static str,
    points: Vec<(Point<Ct>, Vector<Ct>)>,
}

impl Patch {
    /// Its points and normals.
    pub fn cloud(&self) -> PointCloud {
        let pair = |(p, n): &(Point<Ct>, Vector<Ct>)| (p.to_array().map(|c| c as f32), n.to_array().map(|c| c as f32));
        let (points, normals) = self.points.iter().map(pair).unzip();
        PointCloud { points, normals }
    }
}

/// What is known of a pose, and where that matters.
struct Knowledge<'a> {
    patient_from_ct: Transform<Patient, Ct>,
    information: Matrix6<f64>,
    sigma_mm: f64,
    targets: &'a [Point<Ct>],
}

/// The patches of `exposed` bone that would lower the error predicted at
/// `targets` most, on average over the registrations.
pub(super) fn advise(
    exposed: &PointCloud,
    levels: &[Level],
    registrations: &[Registration],
    targets: &[Point<Ct>],
) -> Vec<Advice> {
    let mut patches = patches(exposed, levels);
    let know = |r: &Registration| Knowledge {
        patient_from_ct: r.patient_from_ct(),
        information: *r.information(),
        sigma_mm: r.sigma_mm(),
        targets,
    };
    let mut known: Vec<Knowledge<'_>> = registrations.iter().map(know).collect();
    let mean = |known: &[Knowledge<'_>], added: &dyn Fn(&Knowledge<'_>) -> Matrix6<f64>| {
        known.iter().map(|k| k.predicted_mm(&added(k))).sum::<f64>() / known.len().max(1) as f64
    };
    let mut advice: Vec<Advice> = Vec::new();
    while advice.len() < PATCHES && !known.is_empty() {
        let before_mm = mean(&known, &|_| Matrix6::zeros());
        let errors = patches.iter().map(|patch| mean(&known, &|k| k.added(patch)));
        let Some((index, after_mm)) = errors.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)) else { break };
        let patch = patches.swap_remove(index);
        known.iter_mut().for_each(|k| k.information += k.added(&patch));
        let places: Vec<Point<Ct>> = patch.points.iter().map(|p| p.0).collect();
        let Some(at) = Point::centroid(&places) else { break };
        advice.push(Advice { level: patch.level, part: patch.part, at, points: POINTS, before_mm, after_mm });
    }
    advice
}

impl Knowledge<'_> {
    /// What touching a patch would add. A point on the plane with normal `n`
    /// measures `(p x n) . turn + n . shift` of the pose's error.
    fn added(&self, patch: &Patch) -> Matrix6<f64> {
        let step = patch.points.len().div_ceil(POINTS).max(1);
        let row = |(point, normal): &(Point<Ct>, Vector<Ct>)| {
            let point = (self.patient_from_ct * *point).vector3();
            let normal: Vector3<f64> = self.patient_from_ct.rotation() * normal.vector3();
            let turn = point.cross(&normal);
            Vector6::new(turn.x, turn.y, turn.z, normal.x, normal.y, normal.z)
        };
        let rows = patch.points.iter().step_by(step).map(row);
        rows.fold(Matrix6::zeros(), |sum, row| sum + row * row.transpose()) / self.sigma_mm.powi(2).max(1e-9)
    }

    /// RMS over the targets of the predicted error, mm.
    fn predicted_mm(&self, added: &Matrix6<f64>) -> f64 {
        let covariance = (self.information + added).try_inverse().and_then(PoseCovariance::new);
        let Some(covariance) = covariance else { return f64::INFINITY };
        let squared = |t: &Point<Ct>| covariance.rms_at_point_mm(self.patient_from_ct * *t).powi(2);
        (self.targets.iter().map(squared).sum::<f64>() / self.targets.len().max(1) as f64).sqrt()
    }
}

/// Bone facing the surgeon, by vertebra and part.
pub(super) fn patches(exposed: &PointCloud, levels: &[Level]) -> Vec<Patch> {
    let mut patches: Vec<Patch> = Vec::new();
    let facing = exposed.facing(Vector::new(0.0, 1.0, 0.0), MIN_COSINE);
    let mut distinct: Vec<Level> = levels.to_vec();
    distinct.dedup();
    for level in distinct {
        let of_level: Vec<usize> = facing.iter().copied().filter(|&i| levels.get(i) == Some(&level)).collect();
        let mut across: Vec<f64> = of_level.iter().map(|&i| f64::from(exposed.points[i][0])).collect();
        across.sort_by(f64::total_cmp);
        let Some(middle) = across.get(across.len() / 2) else { continue };
        for index in of_level {
            // LPS: x grows to the patient's left.
            let part = part(f64::from(exposed.points[index][0]) - middle);
            let point = (Point::from(exposed.points[index]), Vector::from(exposed.normals[index]));
            match patches.iter_mut().find(|patch| patch.level == level && patch.part == part) {
                Some(patch) => patch.points.push(point),
                None => patches.push(Patch { level, part, points: vec![point] }),
            }
        }
    }
    patches.retain(|patch| patch.points.len() >= MIN_POINTS);
    patches
}

fn part(left_mm: f64) -> &'static str {
    match (left_mm.abs(), left_mm > 0.0) {
        (distance, _) if distance < PROCESS_MM => "spinous process",
        (distance, true) if distance < LAMINA_MM => "left lamina",
        (distance, false) if distance < LAMINA_MM => "right lamina",
        (_, true) => "left facet and transverse process",
        (_, false) => "right facet and transverse process",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::simulate::{Sweep, sweep};
    use crate::register::{self, Settings, SurfaceError, Target, TargetSettings};
    use crate::surface::phantom;

    #[test]
    fn the_side_that_was_not_touched_is_advised_and_touching_it_helps() {
        let cloud = phantom::vertebra(0).vertices_cloud();
        let level = Level::from_name("L3").unwrap();
        let target = Target::new(&cloud, None, &TargetSettings::default()).unwrap();
        // Only the right half (x < 0) is touched.
        let right: Vec<usize> = (0..cloud.len()).filter(|&i| cloud.points[i][0] < -4.0).collect();
        let truth = Transform::identity();
        let settings = Sweep { points: 150, outlier_share: 0.0, ..Sweep::default() };
        let points = sweep(&cloud.select(&right), &truth, &settings);
        let register = |points: &[Point<Patient>]| {
            let settings = Settings { surface: SurfaceError::NONE, ..Settings::default() };
            register::surface(&target, points, &truth, &settings).unwrap()
        };
        let registration = register(&points);
        let targets: Vec<Point<Ct>> = cloud.points.iter().step_by(50).map(|p| Point::from(*p)).collect();
        let advice = advise(&cloud, &vec![level; cloud.len()], std::slice::from_ref(&registration), &targets);
        assert!(advice[0].part.starts_with("left"), "{advice:?}");
        assert!(advice.windows(2).all(|pair| pair[1].after_mm <= pair[0].after_mm));

        // Touching it for real brings the prediction down about as far as promised.
        let left: Vec<usize> =
            (0..cloud.len()).filter(|&i| (Point::from(cloud.points[i]) - advice[0].at).norm() < 8.0).collect();
        let more = Sweep { points: advice[0].points, seed: 9, ..settings };
        let points = [points, sweep(&cloud.select(&left), &truth, &more)].concat();
        let predicted = |r: &Registration| {
            let squared = |t: &Point<Ct>| r.predicted_tre_mm(r.patient_from_ct() * *t).powi(2);
            (targets.iter().map(squared).sum::<f64>() / targets.len() as f64).sqrt()
        };
        let (before, after) = (predicted(&registration), predicted(&register(&points)));
        assert!((before - advice[0].before_mm).abs() < 1e-6 * before);
        assert!(
            after < before && (after - advice[0].after_mm).abs() < 0.5 * (before - after).abs().max(0.02),
            "{before} {after} {advice:?}"
        );
    }
}
