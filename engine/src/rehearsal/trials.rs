//! Registrations of a simulated patient, many times.

use geom::{Ct, Point};

use super::advice::{self, Advice};
use super::patient::{reference_pose, whole_levels};
use super::script::{RehearsalError, Script};
use crate::level::Level;
use crate::register::random::Random;
use crate::register::simulate::{Sweep, displaced, sweep, true_tre_mm};
use crate::register::{self, Registration, Settings, SurfaceError, Target, TargetSettings, Verdict};
use crate::surface::{self, Mesh, MeshSettings, PointCloud};
use crate::volume::LabelMap;

/// Levels laid open when the script names none.
const DEFAULT_LEVELS: usize = 3;

/// Points at which errors are measured.
const TARGETS: usize = 300;

/// Registrations whose advice is averaged.
const ADVISING: usize = 20;

/// One simulated registration.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// True mean error over the exposed vertebrae, mm; `None` when there was
    /// no registration at all.
    pub tre_mm: Option<f64>,
    /// The error that was predicted, mm.
    pub predicted_tre_mm: Option<f64>,
    /// What the registration thought of itself.
    pub verdict: Verdict,
    /// Why, in words.
    pub reasons: Vec<String>,
}

/// What a rehearsal found.
#[derive(Debug, Clone, PartialEq)]
pub struct Rehearsal {
    /// Levels laid open.
    pub levels: Vec<Level>,
    /// Trial after trial.
    pub trials: Vec<Trial>,
    /// Where more points would help most, best first.
    pub advice: Vec<Advice>,
}

/// The bone of a case, ready to be registered to.
pub(super) struct Bone {
    pub target: Target,
    pub exposed: PointCloud,
    /// Level of each exposed point.
    pub exposed_levels: Vec<Level>,
    pub targets: Vec<Point<Ct>>,
    pub centre: Point<Ct>,
    pub levels: Vec<Level>,
}

/// Registers a simulated patient with the bone of `labels` as often as the
/// script says; `each` hears the number of every trial. The same arguments
/// give the same result.
///
/// The simulated points lie on the surface that is registered to: the error of
/// the segmentation is not part of the result.
///
/// # Errors
/// [`RehearsalError`] naming the entry of the script or what the case lacks.
///
/// Cost: making the surfaces (about a second), then one registration a trial.
pub fn rehearse(labels: &LabelMap, script: &Script, each: &mut dyn FnMut(usize)) -> Result<Rehearsal, RehearsalError> {
    script.check()?;
    let bone = Bone::new(labels, script)?;
    let mut random = Random::new(script.seed);
    let (mut trials, mut registrations) = (Vec::with_capacity(script.trials), Vec::new());
    for number in 0..script.trials {
        each(number);
        let (trial, registration) = bone.trial(script, &mut random);
        trials.push(trial);
        registrations.extend(registration.filter(|r| r.verdict() != Verdict::Reject && number < ADVISING));
    }
    let advice = advice::advise(&bone.exposed, &bone.exposed_levels, &registrations, &bone.targets);
    Ok(Rehearsal { levels: bone.levels, trials, advice })
}

impl Bone {
    pub fn new(labels: &LabelMap, script: &Script) -> Result<Self, RehearsalError> {
        let levels = chosen_levels(labels, script)?;
        let present: Vec<u8> = crate::level::present(&labels.labels)
            .iter()
            .filter(|level| level.is_vertebra())
            .map(|level| level.number())
            .collect();
        let meshes = surface::from_masks(labels, &present, &MeshSettings::default());
        let (mut cloud, mut cloud_levels) = (PointCloud::default(), Vec::new());
        let (mut exposed, mut exposed_levels, mut mesh) = (PointCloud::default(), Vec::new(), Mesh::default());
        for (number, of_level) in present.iter().zip(&meshes) {
            let vertices = of_level.vertices_cloud();
            cloud.append(&vertices);
            cloud_levels.resize(cloud.len(), *number);
            if let Some(level) = levels.iter().find(|level| level.number() == *number) {
                exposed.append(&vertices);
                exposed_levels.resize(exposed.len(), *level);
                mesh.append(of_level);
            }
        }
        let targets: Vec<Point<Ct>> =
            mesh.sample(TARGETS, script.seed).points.iter().map(|p| Point::from(*p)).collect();
        let centre = Point::centroid(&targets).ok_or(RehearsalError::NoVertebra)?;
        let target = Target::new(&cloud, Some(&cloud_levels), &TargetSettings::default())?;
        Ok(Self { target, exposed, exposed_levels, targets, centre, levels })
    }

    fn trial(&self, script: &Script, random: &mut Random) -> (Trial, Option<Registration>) {
        let patient_from_ct = reference_pose(self.centre, random);
        let touched = partly(&self.exposed, script.missed_share, random);
        let settings = Sweep {
            points: script.points,
            noise_mm: script.noise_mm,
            outlier_share: script.outlier_share,
            half_width_mm: script.half_width_mm,
            seed: random.bits(),
            ..Sweep::default()
        };
        let points = sweep(&touched, &patient_from_ct, &settings);
        let guess =
            displaced(self.centre, script.start_deg * random.uniform(), script.start_mm * random.uniform(), random);
        let settings = Settings { surface: SurfaceError::NONE, ..Settings::default() };
        match register::surface(&self.target, &points, &(patient_from_ct * guess), &settings) {
            Ok(registration) => {
                let found = registration.patient_from_ct();
                let sum: f64 = self.targets.iter().map(|t| registration.predicted_tre_mm(found * *t)).sum();
                let trial = Trial {
                    tre_mm: Some(true_tre_mm(&found, &patient_from_ct, &self.targets)),
                    predicted_tre_mm: Some(sum / self.targets.len().max(1) as f64),
                    verdict: registration.verdict(),
                    reasons: registration.reasons().iter().map(ToString::to_string).collect(),
                };
                (trial, Some(registration))
            }
            Err(error) => {
                let reasons = vec![error.to_string()];
                (Trial { tre_mm: None, predicted_tre_mm: None, verdict: Verdict::Reject, reasons }, None)
            }
        }
    }
}

fn chosen_levels(labels: &LabelMap, script: &Script) -> Result<Vec<Level>, RehearsalError> {
    let whole = whole_levels(labels);
    if whole.is_empty() {
        return Err(RehearsalError::NoVertebra);
    }
    if script.levels.is_empty() {
        return Ok(whole.into_iter().rev().take(DEFAULT_LEVELS).rev().collect());
    }
    let names = whole.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let find = |name: &String| {
        let level = Level::from_name(name).filter(|level| whole.contains(level));
        level.ok_or_else(|| RehearsalError::Level { wanted: name.clone(), whole: names.clone() })
    };
    script.levels.iter().map(find).collect()
}

/// Bone on one side of a random plane along the approach: no sweep reaches
/// all. Between the two shares of it are left out.
#[must_use]
pub fn partly(cloud: &PointCloud, [least, most]: [f64; 2], random: &mut Random) -> PointCloud {
    let [x, _, z] = random.direction();
    let along = |p: &[f32; 3]| x * f64::from(p[0]) + z * f64::from(p[2]);
    let mut places: Vec<f64> = cloud.points.iter().map(along).collect();
    places.sort_by(f64::total_cmp);
    let kept = 1.0 - random.between(least, most);
    let limit = places.get((places.len() as f64 * kept) as usize).copied().unwrap_or(f64::INFINITY);
    let indices: Vec<usize> = (0..cloud.len()).filter(|&i| along(&cloud.points[i]) < limit).collect();
    cloud.select(&indices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_that_is_missed_lies_between_both_limits() {
        let cloud = surface::phantom::vertebra(0).vertices_cloud();
        let kept = partly(&cloud, [0.3, 0.4], &mut Random::new(1)).len() as f64 / cloud.len() as f64;
        assert!((0.59..=0.71).contains(&kept), "{kept}");
        assert_eq!(partly(&cloud, [0.0, 0.0], &mut Random::new(1)).len(), cloud.len());
    }
}
