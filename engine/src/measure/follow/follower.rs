//! The landmarks of the CT, where each level lies now, and the parameters that follow.

use std::collections::BTreeMap;

use geom::nalgebra::{Vector3, Vector6};
use geom::{Ct, Patient, Point, PoseCovariance, Transform, Twist};

use super::super::angles::{self, Measure, Value};
use super::super::report::{PARAMETERS, Parameter};
use super::super::sagittal;
use super::super::spine::{PELVIS, Spine, order};
use super::alignment::{Alignment, Estimate, FollowedLevel, FollowedParameter};
use super::target::Targets;
use crate::journal::RecordedRegistration;
use crate::level::Level;
use crate::register::Verdict;

/// Step of the numeric derivative, radians and mm: the square of it is far below any error told.
const STEP: f64 = 1e-4;

/// The parameters that are followed: those of the report, and incidence less lordosis.
pub const FOLLOWED: [Parameter; 11] = {
    let [a, b, c, d, e, f, g, h, i, j] = PARAMETERS;
    let mismatch = Parameter { key: "pi_ll_deg", name: "incidence less lordosis", depends_on_posture: true };
    [a, b, c, d, e, f, g, h, i, mismatch, j]
};

/// Where a bone lies, and how far to trust it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    /// The pose.
    pub patient_from_ct: Transform<Patient, Ct>,
    /// Its covariance.
    pub covariance: PoseCovariance,
    /// The judgement of its registration.
    pub verdict: Verdict,
}

impl From<&RecordedRegistration> for Placed {
    fn from(recorded: &RecordedRegistration) -> Self {
        let RecordedRegistration { patient_from_ct, covariance, verdict, .. } = *recorded;
        Self { patient_from_ct, covariance, verdict }
    }
}

/// The landmarks that some parameters were measured between on the CT.
#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    /// End vertebrae of the Cobb angle and its sign.
    cobb: Option<(Level, Level, f64)>,
    /// Upper end of the global lordosis.
    lordosis: Option<Level>,
}

/// Follows the alignment of one spine.
#[derive(Debug, Clone)]
pub struct Follower {
    spine: Spine,
    ends: Ends,
    before: Vec<Measure>,
    whole: Placed,
    levels: BTreeMap<u8, Placed>,
    targets: Targets,
}

impl Follower {
    /// Measures `spine` where the CT shows it; `whole` is the registration of all of it.
    #[must_use]
    pub fn new(spine: Spine, whole: Placed, targets: Targets) -> Self {
        let ends = Ends::of(&spine);
        let before = measures(&spine, ends);
        Self { spine, ends, before, whole, levels: BTreeMap::new(), targets }
    }

    /// The landmarks as the CT shows them.
    #[must_use]
    pub const fn spine(&self) -> &Spine {
        &self.spine
    }

    /// Takes other landmarks of the same CT, as after a correction by hand; poses stay.
    pub fn replace_spine(&mut self, spine: Spine) {
        (self.ends, self.before) = (Ends::of(&spine), measures(&spine, Ends::of(&spine)));
        self.spine = spine;
    }

    /// Takes another registration of the whole spine. Levels that were registered by themselves before it count no
    /// more: it says that the patient reference or the whole spine lies elsewhere.
    pub fn replace_whole(&mut self, whole: Placed) {
        self.whole = whole;
        self.levels.clear();
    }

    /// Takes the registration of one level; the sacrum's counts for the pelvis.
    pub fn place(&mut self, level: Level, placed: Placed) {
        self.levels.insert(level.number(), placed);
    }

    /// All parameters before and now.
    ///
    /// The error of the registrations is carried through by numeric derivatives of every value by every pose, so that
    /// what two landmarks have in common cancels. Errors of different registrations count as independent.
    ///
    /// Cost: 12 times the measures and one more for each level followed, below 5 ms.
    #[must_use]
    pub fn alignment(&self) -> Alignment {
        let now = measures(&self.moved(None), self.ends);
        let variances = self.variances(now.len());
        let parameters = FOLLOWED.iter().enumerate().map(|(i, parameter)| {
            let before = self.before.get(i).cloned().unwrap_or_else(|| Err(String::new()));
            let now = now.get(i).cloned().unwrap_or_else(|| Err(String::new()));
            self.row(parameter, before, now, variances.get(i).copied().unwrap_or_default())
        });
        let mut levels: Vec<(Level, Placed)> =
            self.levels.iter().filter_map(|(number, placed)| Some((Level::from_number(*number)?, *placed))).collect();
        levels.sort_by_key(|(level, _)| order(*level));
        Alignment {
            levels: levels.iter().map(|(level, placed)| self.followed(*level, placed)).collect(),
            parameters: parameters.collect(),
            targets_source: self.targets.source.clone(),
        }
    }

    fn row(&self, parameter: &Parameter, before: Measure, now: Measure, variance: f64) -> FollowedParameter {
        let levels = before.as_ref().map(levels_behind).unwrap_or_default();
        let (followed, assumed): (Vec<Level>, Vec<Level>) =
            levels.into_iter().partition(|level| self.levels.contains_key(&level.number()));
        let verdict = |level: &Level| self.levels.get(&level.number()).map(|placed| placed.verdict);
        let refused: Vec<String> = followed
            .iter()
            .filter(|level| verdict(level) == Some(Verdict::Reject))
            .map(|level| format!("the registration of {level} was rejected"))
            .collect();
        let now = match (self.whole.verdict, refused.is_empty()) {
            (Verdict::Reject, _) => Err("the registration of the whole spine was rejected".to_owned()),
            (_, false) => Err(refused.join(", ")),
            _ => now,
        };
        let doubtful = followed.iter().any(|level| verdict(level) == Some(Verdict::Doubtful));
        let names = |levels: Vec<Level>| levels.iter().map(ToString::to_string).collect();
        let target = self.targets.targets.get(parameter.key).copied();
        let estimate = now.as_ref().ok().map(|v| Estimate { value: v.value, sd: v.sd.hypot(variance.sqrt()) });
        FollowedParameter {
            key: parameter.key.into(),
            name: parameter.name.into(),
            before: before.ok().map(|v| Estimate { value: v.value, sd: v.sd }),
            now: estimate,
            registration_sd: estimate.map(|_| variance.sqrt()),
            target,
            to_go: target.zip(estimate).map(|(target, now)| target.to_go(now.value)),
            followed: names(followed),
            assumed: names(assumed),
            is_doubtful: doubtful || self.whole.verdict == Verdict::Doubtful,
            reason: now.err(),
        }
    }

    fn followed(&self, level: Level, placed: &Placed) -> FollowedLevel {
        let motion = self.whole.patient_from_ct.inverse() * placed.patient_from_ct;
        let middle = match self.spine.vertebra(level) {
            Some(vertebra) => Some(vertebra.centre),
            None => self.spine.sacrum.as_ref().ok().map(|sacrum| sacrum.plate.plane.centre),
        };
        let at = Point::from_vector3(middle.unwrap_or_else(Vector3::zeros));
        FollowedLevel {
            level: level.to_string(),
            verdict: placed.verdict.to_string(),
            moved_mm: (motion * at).distance(at),
            turned_deg: motion.angle_rad().to_degrees(),
        }
    }

    /// The spine with every followed level where it is, in the axes of the CT that the whole registration carries
    /// over; with one pose disturbed in the patient frame: that of a level, or of the whole (number 0).
    fn moved(&self, disturbed: Option<(u8, Transform<Patient, Patient>)>) -> Spine {
        let disturbed = |number: u8, pose: Transform<Patient, Ct>| match &disturbed {
            Some((which, by)) if *which == number => *by * pose,
            _ => pose,
        };
        let ct_from_patient = disturbed(0, self.whole.patient_from_ct).inverse();
        self.spine.moved(&|level| match self.levels.get(&level.number()) {
            Some(placed) => ct_from_patient * disturbed(level.number(), placed.patient_from_ct),
            // It lies where the whole registration says, whatever the errors of that.
            None => Transform::identity(),
        })
    }

    /// Variance of each value from the errors of all poses.
    fn variances(&self, count: usize) -> Vec<f64> {
        let mut variances = vec![0.0; count];
        if self.levels.is_empty() {
            return variances;
        }
        for (number, placed) in std::iter::once((&0, &self.whole)).chain(&self.levels) {
            let mut gradients = vec![Vector6::zeros(); count];
            for axis in 0..6 {
                let [high, low] = [STEP, -STEP].map(|step| {
                    let mut by = Vector6::zeros();
                    by[axis] = step;
                    let twist = Twist {
                        rotation_rad: by.fixed_rows::<3>(0).into(),
                        translation_mm: by.fixed_rows::<3>(3).into(),
                    };
                    measures(&self.moved(Some((*number, Transform::exp(&twist)))), self.ends)
                });
                for (gradient, pair) in gradients.iter_mut().zip(high.iter().zip(&low)) {
                    if let (Ok(high), Ok(low)) = pair {
                        gradient[axis] = (high.value - low.value) / (2.0 * STEP);
                    }
                }
            }
            for (variance, gradient) in variances.iter_mut().zip(&gradients) {
                *variance += gradient.dot(&(placed.covariance.matrix() * gradient)).max(0.0);
            }
        }
        variances
    }
}

impl Ends {
    fn of(spine: &Spine) -> Self {
        let ends = |measure: &Measure| measure.as_ref().map(levels_named).unwrap_or_default();
        let cobb = match ends(&angles::cobb(spine))[..] {
            [upper, lower] => angles::cobb_between(spine, upper, lower).ok().map(|v| (upper, lower, v.value.signum())),
            _ => None,
        };
        Self { cobb, lordosis: ends(&sagittal::global_lordosis(spine)).first().copied() }
    }
}

/// Every value of [`FOLLOWED`], between the landmarks of the CT.
fn measures(spine: &Spine, ends: Ends) -> Vec<Measure> {
    let cobb = match ends.cobb {
        Some((upper, lower, sign)) => {
            angles::cobb_between(spine, upper, lower).map(|v| Value { value: sign * v.value, ..v })
        }
        None => angles::cobb(spine),
    };
    let global = match ends.lordosis {
        Some(upper) => sagittal::lordosis_from(spine, upper),
        None => sagittal::global_lordosis(spine),
    };
    let (incidence, lordosis) = (sagittal::pelvic_incidence(spine), sagittal::lordosis_to_sacrum(spine));
    let mismatch = less(&incidence, &lordosis);
    vec![
        cobb,
        sagittal::kyphosis(spine, 8),
        sagittal::kyphosis(spine, 11),
        lordosis,
        sagittal::lordosis_to_l5(spine),
        global,
        incidence,
        sagittal::pelvic_tilt(spine),
        sagittal::sacral_slope(spine),
        mismatch,
        sagittal::vertical_axis(spine),
    ]
}

/// The difference of two values whose landmarks err independently.
fn less(a: &Measure, b: &Measure) -> Measure {
    let (a, b) = (a.as_ref().map_err(Clone::clone)?, b.as_ref().map_err(Clone::clone)?);
    let landmarks = a.landmarks.iter().chain(&b.landmarks).cloned().collect();
    Ok(Value { value: a.value - b.value, sd: a.sd.hypot(b.sd), landmarks })
}

/// Levels of the landmarks of a value that are named after one, in their order.
fn levels_named(value: &Value) -> Vec<Level> {
    value.landmarks.iter().filter_map(|name| Level::from_name(name.split_once('-')?.0)).collect()
}

/// Levels whose bone a value comes from, from head to foot, each once.
fn levels_behind(value: &Value) -> Vec<Level> {
    let of_pelvis = |name: &&String| name.starts_with("sacral") || name.starts_with("femoral");
    let mut levels = levels_named(value);
    levels.extend(value.landmarks.iter().find(of_pelvis).and_then(|_| Level::from_number(PELVIS)));
    levels.sort_by_key(|level| order(*level));
    levels.dedup();
    levels
}
