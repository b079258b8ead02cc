//! Cases made from a labelled bone surface.

use geom::nalgebra::Vector3;
use geom::{Ct, Patient, Point, Transform, Vector};

use super::{Case, Suite};
use crate::register::random::Random;
use crate::register::simulate::{Sweep, displaced, sweep};
use crate::surface::PointCloud;

/// What is asked of a made case.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// Cases to make.
    pub count: usize,
    /// Points, noise and outliers.
    pub sweep: Sweep,
    /// Largest offset of the first guess, degrees and mm.
    pub offset: (f64, f64),
    /// Levels by which the first guess is shifted along the spine, one way or
    /// the other.
    pub wrong_levels: usize,
    /// How far each vertebra moved against the CT, degrees and mm (each
    /// coordinate, standard deviation); targets move with their vertebra.
    pub motion: (f64, f64),
    /// Seed of the chance.
    pub seed: u64,
}

impl Default for Recipe {
    fn default() -> Self {
        Self { count: 100, sweep: Sweep::default(), offset: (20.0, 20.0), wrong_levels: 0, motion: (0.0, 0.0), seed: 1 }
    }
}

/// Points at which the error is measured.
const TARGETS: usize = 60;

/// Cases on `suite`'s bone: one to three neighbouring levels lie open, points
/// are touched on `touched` (the same bone; for instance a second segmentation,
/// with its level numbers), the answer is the pose of the middle one.
///
/// Levels at either end of the surface are never the middle: they may be cut.
/// No such level gives no cases.
#[must_use]
pub fn make(suite: &Suite, touched: (&PointCloud, &[u8]), recipe: &Recipe) -> Vec<Case> {
    let order = levels_along(suite);
    let mut random = Random::new(recipe.seed);
    let usable = order.len().saturating_sub(4);
    (0..if usable == 0 { 0 } else { recipe.count })
        .filter_map(|i| {
            let middle = 2 + random.below(usable);
            let exposed: &[(u8, Vector3<f64>)] = match i % 3 {
                0 => order.get(middle..=middle)?,
                1 => order.get(middle..=middle + 1)?,
                _ => order.get(middle - 1..=middle + 1)?,
            };
            one(suite, touched, recipe, (&order, middle, exposed), &mut random)
        })
        .collect()
}

type Levels<'a> = (&'a [(u8, Vector3<f64>)], usize, &'a [(u8, Vector3<f64>)]);

fn one(
    suite: &Suite,
    (touched, labels): (&PointCloud, &[u8]),
    recipe: &Recipe,
    (order, middle, exposed): Levels<'_>,
    random: &mut Random,
) -> Option<Case> {
    let about = order.get(middle)?.1;
    let truth = displaced(Point::from_vector3(about), random.between(0.0, 180.0), 100.0, random);
    let mut open = PointCloud::default();
    for (level, centre) in exposed {
        let own: Vec<usize> = (0..touched.len()).filter(|&i| labels.get(i) == Some(level)).collect();
        let is_middle = *level == order.get(middle)?.0;
        let gauss = |r: &mut Random| r.normal3().iter().map(|c| c * c).sum::<f64>().sqrt();
        let motion = if is_middle {
            Transform::identity()
        } else {
            displaced(
                Point::from_vector3(*centre),
                recipe.motion.0 * gauss(random),
                recipe.motion.1 * gauss(random),
                random,
            )
        };
        open.append(&touched.select(&own).moved(&motion));
    }
    let sweep_settings = Sweep { seed: random.bits(), approach: suite.approach, ..recipe.sweep.clone() };
    let points = sweep(&open, &as_patient(&truth), &sweep_settings);
    let (offset_deg, offset_mm) = (random.uniform() * recipe.offset.0, random.uniform() * recipe.offset.1);
    let mut initial = truth * displaced(Point::from_vector3(about), offset_deg, offset_mm, random);
    if recipe.wrong_levels > 0 {
        let up = random.uniform() < 0.5;
        let there = if up { middle.checked_sub(recipe.wrong_levels)? } else { middle + recipe.wrong_levels };
        let shift = order.get(there).map_or_else(Vector3::zeros, |o| o.1 - about);
        initial = initial * Transform::<Ct, Ct>::from_translation(Vector::from_vector3(shift));
    }
    let own: Vec<usize> = (0..suite.cloud.len()).filter(|&i| suite.levels.get(i) == Some(&order[middle].0)).collect();
    let bone = suite.cloud.select(&own);
    let targets = (0..TARGETS).filter_map(|_| bone.points.get(random.below(bone.len()))).map(|p| Point::from(*p));
    (!points.is_empty()).then(|| Case {
        offset_deg,
        offset_mm,
        initial: as_patient(&initial),
        truth: as_patient(&truth),
        points,
        targets: targets.collect(),
    })
}

/// The same motion with its result called the patient's frame.
fn as_patient(motion: &Transform<Ct, Ct>) -> Transform<Patient, Ct> {
    Transform::new(motion.rotation(), motion.translation())
}

/// Level numbers with their centres, in order along the spine.
fn levels_along(suite: &Suite) -> Vec<(u8, Vector3<f64>)> {
    let mut sums = vec![(Vector3::zeros(), 0usize); 256];
    for (point, level) in suite.cloud.points.iter().zip(&suite.levels) {
        let (sum, count) = &mut sums[usize::from(*level)];
        *sum += Vector3::from(*point).cast::<f64>();
        *count += 1;
    }
    let mut centres: Vec<(u8, Vector3<f64>)> =
        (0..=u8::MAX).zip(sums).filter(|(_, s)| s.1 > 0).map(|(level, s)| (level, s.0 / s.1 as f64)).collect();
    let mean = centres.iter().fold(Vector3::zeros(), |sum, c| sum + c.1) / centres.len().max(1) as f64;
    // The spine is long along z in LPS and RAS alike.
    centres.sort_by(|a, b| (a.1 - mean).z.total_cmp(&(b.1 - mean).z));
    centres
}

/// The surface as another reader and another program would have segmented it:
/// the edge elsewhere by `bias_mm` (another threshold), waves 8 to 30 mm long
/// of `waves_mm` RMS (another network), `share` of the vertices (another
/// resolution).
#[must_use]
pub fn second_segmentation(
    cloud: &PointCloud,
    levels: &[u8],
    (bias_mm, waves_mm, share): (f64, f64, f64),
    seed: u64,
) -> (PointCloud, Vec<u8>) {
    let mut random = Random::new(seed);
    let waves: Vec<(Vector3<f64>, f64)> = (0..24)
        .map(|_| {
            let length_mm = random.between(8.0, 30.0);
            (Vector3::from(random.direction()) * std::f64::consts::TAU / length_mm, random.between(0.0, 6.3))
        })
        .collect();
    let kept: Vec<usize> = (0..cloud.len()).filter(|_| random.uniform() < share).collect();
    let mut other = cloud.select(&kept);
    for (point, normal) in other.points.iter_mut().zip(&other.normals) {
        let p = Vector3::from(*point).cast::<f64>();
        let wave: f64 = waves.iter().map(|(k, phase)| (k.dot(&p) + phase).sin()).sum();
        let height = bias_mm + waves_mm * wave * (2.0 / waves.len() as f64).sqrt();
        *point = (p + Vector3::from(*normal).cast::<f64>() * height).cast::<f32>().into();
    }
    (other, kept.iter().filter_map(|&i| levels.get(i).copied()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{Settings, Target, TargetSettings, Verdict, surface};
    use crate::surface::phantom;

    fn suite() -> Suite {
        let (mut cloud, mut levels) = (PointCloud::default(), Vec::new());
        for (level, mesh) in (20u8..).zip(&phantom::spine(6)) {
            cloud.append(&mesh.vertices_cloud());
            levels.resize(cloud.len(), level);
        }
        Suite { name: String::new(), cloud, levels, approach: Vector::new(0.0, 1.0, 0.0), cases: Vec::new() }
    }

    #[test]
    fn made_cases_have_the_answer_they_say() {
        let suite = suite();
        let recipe = Recipe { count: 6, ..Recipe::default() };
        let settings = TargetSettings { approach: Some(suite.approach), ..TargetSettings::default() };
        let target = Target::new(&suite.cloud, Some(&suite.levels), &settings).unwrap();
        let other = second_segmentation(&suite.cloud, &suite.levels, (0.1, 0.15, 0.5), 3);
        for touched in [(&suite.cloud, suite.levels.as_slice()), (&other.0, other.1.as_slice())] {
            let cases = make(&suite, touched, &recipe);
            assert_eq!(cases.len(), 6);
            for case in &cases {
                let found = surface(&target, &case.points, &case.initial, &Settings::default()).unwrap();
                let tre = crate::register::simulate::true_tre_mm(&found.patient_from_ct(), &case.truth, &case.targets);
                assert!(tre < 0.6 && found.verdict() != Verdict::Reject, "{tre} {:?}", found.reasons());
            }
        }
    }
}
