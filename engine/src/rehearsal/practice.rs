//! A person practises: strokes of a pointer on a virtual patient, one after the
//! other, with hints where to go on, a registration at the end, and the truth.

use serde::{Deserialize, Serialize};

use super::advice::{self, Advice, Patch};
use super::patient::reference_pose;
use super::script::{RehearsalError, Script};
use super::trials::Bone;
use crate::level::Level;
use crate::register::random::Random;
use crate::register::simulate::{Sweep, displaced, sweep, true_tre_mm};
use crate::register::{self, Registration, Settings, SurfaceError, Verdict};
use crate::volume::LabelMap;
use geom::{Ct, Patient, Point, Transform};

/// Most strokes of a script, and points of a stroke.
const MOST_STROKES: usize = 200;
const MOST_POINTS: usize = 5_000;
/// A registration off by more than this is not good, mm: the accuracy that
/// navigation is held to.
pub const GOOD_MM: f64 = 2.0;

/// One stroke of the pointer over a part of a vertebra.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stroke {
    /// The vertebra, such as `"L3"`.
    pub level: String,
    /// Which part, as hints name it, such as `"left lamina"`.
    pub part: String,
    /// Points touched.
    pub points: usize,
}

/// What a trainee does, as a file. Entries that are left out have their defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PracticeScript {
    /// Seed of patient and hand. Default 1.
    pub seed: u64,
    /// Levels laid open; empty: the lowest three that are whole.
    pub levels: Vec<String>,
    /// Standard deviation of each coordinate of a touched point, mm. Default 0.3.
    pub noise_mm: f64,
    /// Share of points off the bone. Default 0.05.
    pub outlier_share: f64,
    /// The strokes, in their order.
    pub strokes: Vec<Stroke>,
}

impl Default for PracticeScript {
    fn default() -> Self {
        Self { seed: 1, levels: Vec::new(), noise_mm: 0.3, outlier_share: 0.05, strokes: Vec::new() }
    }
}

impl PracticeScript {
    /// From JSON.
    ///
    /// # Errors
    /// [`RehearsalError::Syntax`], [`RehearsalError::Setting`] or [`RehearsalError::Stroke`].
    pub fn from_json(text: &str) -> Result<Self, RehearsalError> {
        let script: Self = serde_json::from_str(text).map_err(|error| RehearsalError::Syntax(error.to_string()))?;
        if script.strokes.len() > MOST_STROKES {
            let found = script.strokes.len().to_string();
            return Err(RehearsalError::Setting { name: "strokes", found, needed: "at most 200" });
        }
        let too_many = script.strokes.iter().position(|s| !(1..=MOST_POINTS).contains(&s.points));
        if let Some(number) = too_many {
            return Err(RehearsalError::Stroke { number: number + 1, why: "points must be 1 to 5000".into() });
        }
        Ok(script)
    }

    /// The settings that it shares with a rehearsal of many trials.
    pub(super) fn shared(&self) -> Script {
        Script {
            seed: self.seed,
            levels: self.levels.clone(),
            noise_mm: self.noise_mm,
            outlier_share: self.outlier_share,
            ..Script::default()
        }
    }
}

/// Where a trainee stands after a stroke.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The stroke.
    pub stroke: Stroke,
    /// Points touched so far.
    pub points: usize,
    /// What a registration would say now; the reason where there is none.
    pub registration: Result<Registration, String>,
    /// Where points would help most, best first; empty without a registration.
    pub hints: Vec<Advice>,
}

/// A practice that is over, beside the truth.
#[derive(Debug, Clone)]
pub struct Practised {
    /// Levels that were laid open.
    pub levels: Vec<Level>,
    /// After each stroke.
    pub standings: Vec<Standing>,
    /// All points, in the patient.
    pub points: Vec<Point<Patient>>,
    /// True error of the last registration over the exposed bone, mm.
    pub true_tre_mm: Option<f64>,
    /// What it predicted there, mm.
    pub predicted_tre_mm: Option<f64>,
}

impl Practised {
    /// The last registration.
    #[must_use]
    pub fn registration(&self) -> Option<&Registration> {
        self.standings.last().and_then(|s| s.registration.as_ref().ok())
    }

    /// Accepted and within [`GOOD_MM`].
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.registration().is_some_and(|r| r.verdict() == Verdict::Accept)
            && self.true_tre_mm.is_some_and(|mm| mm <= GOOD_MM)
    }
}

/// A virtual patient under a trainee's pointer.
pub(super) struct Table {
    pub bone: Bone,
    patches: Vec<Patch>,
    pub truth: Transform<Patient, Ct>,
    /// Where a registration of the surface begins.
    pub guess: Transform<Patient, Ct>,
    pub points: Vec<Point<Patient>>,
}

/// Plays a trainee's strokes on a virtual patient whose bone is `labels`. The
/// same arguments give the same result.
///
/// # Errors
/// [`RehearsalError`] naming the entry or the stroke, and what could be touched.
///
/// Cost: making the surfaces, then one registration a stroke (30 to 200 ms).
pub fn practise(labels: &LabelMap, script: &PracticeScript) -> Result<Practised, RehearsalError> {
    let shared = script.shared();
    shared.check()?;
    let mut random = Random::new(script.seed);
    let mut table = Table::new(Bone::new(labels, &shared)?, &shared, &mut random);
    let mut standings = Vec::with_capacity(script.strokes.len());
    for (number, stroke) in (1..).zip(&script.strokes) {
        table.touch(number, stroke, script, &mut random)?;
        standings.push(table.standing(stroke));
    }
    Ok(table.practised(standings))
}

impl Table {
    pub fn new(bone: Bone, script: &Script, random: &mut Random) -> Self {
        let truth = reference_pose(bone.centre, random);
        let (deg, mm) = (script.start_deg * random.uniform(), script.start_mm * random.uniform());
        let guess = truth * displaced(bone.centre, deg, mm, random);
        let patches = advice::patches(&bone.exposed, &bone.exposed_levels);
        Self { bone, patches, truth, guess, points: Vec::new() }
    }

    /// Moves the pointer over a part of a vertebra.
    fn touch(
        &mut self,
        number: usize,
        stroke: &Stroke,
        script: &PracticeScript,
        random: &mut Random,
    ) -> Result<(), RehearsalError> {
        let is_meant = |p: &&Patch| p.level.to_string() == stroke.level && p.part == stroke.part;
        let patch = self.patches.iter().find(is_meant).ok_or_else(|| {
            let all: Vec<String> = self.patches.iter().map(|p| format!("{} {}", p.level, p.part)).collect();
            let why = format!("there is no {} {}; within reach are: {}", stroke.level, stroke.part, all.join(", "));
            RehearsalError::Stroke { number, why }
        })?;
        let settings = Sweep {
            points: stroke.points,
            noise_mm: script.noise_mm,
            outlier_share: script.outlier_share,
            half_width_mm: 100.0,
            seed: random.bits(),
            ..Sweep::default()
        };
        self.points.extend(sweep(&patch.cloud(), &self.truth, &settings));
        Ok(())
    }

    /// The practice beside the truth.
    pub fn practised(&self, standings: Vec<Standing>) -> Practised {
        let last = standings.last().and_then(|s| s.registration.as_ref().ok());
        let found = last.map(Registration::patient_from_ct);
        let targets = &self.bone.targets;
        let predicted = |r: &Registration| {
            let sum: f64 = targets.iter().map(|t| r.predicted_tre_mm(r.patient_from_ct() * *t)).sum();
            sum / targets.len().max(1) as f64
        };
        Practised {
            true_tre_mm: found.map(|found| true_tre_mm(&found, &self.truth, targets)),
            predicted_tre_mm: last.map(predicted),
            levels: self.bone.levels.clone(),
            standings,
            points: self.points.clone(),
        }
    }

    /// Where the trainee stands after `stroke`.
    pub fn standing(&self, stroke: &Stroke) -> Standing {
        let settings = Settings { surface: SurfaceError::NONE, ..Settings::default() };
        let registration = register::surface(&self.bone.target, &self.points, &self.guess, &settings);
        let registration = registration.map_err(|e| e.to_string());
        let hints = registration.as_ref().map_or_else(
            |_| Vec::new(),
            |r| {
                let known = std::slice::from_ref(r);
                advice::advise(&self.bone.exposed, &self.bone.exposed_levels, known, &self.bone.targets)
            },
        );
        Standing { stroke: stroke.clone(), points: self.points.len(), registration, hints }
    }
}
