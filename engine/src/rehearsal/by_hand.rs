//! A practice whose places a hand chooses, one by one: with a mouse on a picture
//! of the bone, or with whatever else points.
//!
//! As in theatre, landmarks come first, in their order; they make the guess that
//! the registration of the surface begins with.
//! Every touch is measured as the simulated tracker would: both arrays with its
//! noise, the pointer with its length ([`SimulatedTracker`]). Promises that only
//! bone that was laid open and faces the surgeon can be touched, and that the
//! truth is told at the end only. Called by `spinenav rehearse --by-mouse`.

use geom::{Ct, Patient, Point, Vector};
use thiserror::Error;

use super::landmark::{Landmark, landmarks};
use super::patient::{tool_from_tip, tracker_from_patient};
use super::practice::{PracticeScript, Practised, Standing, Stroke, Table};
use super::script::RehearsalError;
use super::trials::Bone;
use crate::level::Level;
use crate::register;
use crate::register::random::Random;
use crate::surface::NearestIndex;
use crate::track::{SIMULATED_TOOL, SimulatedTracker, SimulationSettings, Source, Waypoint};
use crate::volume::LabelMap;

/// A place farther than this from bone that was laid open is not on it, mm.
const ON_BONE_MM: f64 = 2.5;
/// Bone flatter to the approach than this cosine is not touched, as in a simulated sweep.
const MIN_COSINE: f64 = 0.15;
/// A touch farther than this from the landmark that is asked for is another place, mm.
const LANDMARK_MM: f64 = 10.0;
/// Most points of a practice.
const MOST_POINTS: usize = 5_000;
/// What a stroke's part is called: the hand decides where it goes.
const PART: &str = "by hand";

/// Why a place was not touched.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TouchRefusal {
    /// The bone there is still covered.
    #[error("not laid open: touch {0}")]
    Covered(String),
    /// The bone there faces away from the surgeon.
    #[error("this side of the bone cannot be reached from behind")]
    FacesAway,
    /// It is not the landmark that is asked for.
    #[error("{off_mm} mm from the landmark that is asked for")]
    OffLandmark {
        /// Distance, whole millimetres.
        off_mm: u32,
    },
    /// There are enough.
    #[error("{MOST_POINTS} points are enough: register")]
    Full,
}

/// A virtual patient under a hand.
pub struct HandPractice {
    table: Table,
    index: NearestIndex,
    random: Random,
    landmarks: Vec<Landmark>,
    /// The first of them as they were touched.
    found: Vec<Point<Patient>>,
    landmark_fre_mm: Option<f64>,
    /// Points there were before each stroke, and the level it began on.
    strokes: Vec<(usize, Level)>,
    is_lifted: bool,
}

impl HandPractice {
    /// Lays the patient of `script` open; its strokes are not played, and the
    /// noise is the simulated tracker's.
    ///
    /// # Errors
    /// [`RehearsalError`] naming the entry or what the case lacks.
    ///
    /// Cost: making the surfaces, about a second.
    pub fn new(labels: &LabelMap, script: &PracticeScript) -> Result<Self, RehearsalError> {
        let shared = script.shared();
        shared.check()?;
        let mut random = Random::new(script.seed);
        let table = Table::new(Bone::new(labels, &shared)?, &shared, &mut random);
        let index = NearestIndex::new(&table.bone.exposed.points).map_err(|_| RehearsalError::NoVertebra)?;
        let landmarks = landmarks(&table.bone);
        let (found, strokes) = (Vec::new(), Vec::new());
        Ok(Self { table, index, random, landmarks, found, landmark_fre_mm: None, strokes, is_lifted: true })
    }

    /// Levels that are laid open, from the head down.
    #[must_use]
    pub fn levels(&self) -> &[Level] {
        &self.table.bone.levels
    }

    /// All landmarks, in the order in which they are touched.
    #[must_use]
    pub fn landmarks(&self) -> &[Landmark] {
        &self.landmarks
    }

    /// The landmark that is to be touched next and its number from 0; `None` once all were.
    #[must_use]
    pub fn landmark(&self) -> Option<(usize, Landmark)> {
        Some((self.found.len(), *self.landmarks.get(self.found.len())?))
    }

    /// RMS distance of the touched landmarks from the marked ones, mm, once all were touched.
    #[must_use]
    pub const fn landmark_fre_mm(&self) -> Option<f64> {
        self.landmark_fre_mm
    }

    /// Lifts the pointer: the next touch begins a stroke.
    pub fn lift(&mut self) {
        self.is_lifted = true;
    }

    /// Touches a place of the CT; measured in the patient with the tracker's noise. It is the
    /// landmark that is asked for, and the bone once there is none.
    ///
    /// # Errors
    /// [`TouchRefusal`]; then nothing was touched.
    pub fn touch(&mut self, at: Point<Ct>) -> Result<(), TouchRefusal> {
        if self.table.points.len() >= MOST_POINTS {
            return Err(TouchRefusal::Full);
        }
        let bone = &self.table.bone;
        let nearest = self.index.nearest(at.to_array().map(|c| c as f32));
        let found = nearest.filter(|n| f64::from(n.distance_mm) < ON_BONE_MM);
        let parts = found.and_then(|n| Some((bone.exposed.normals.get(n.index)?, bone.exposed_levels.get(n.index)?)));
        let Some((normal, level)) = parts else {
            let open: Vec<String> = bone.levels.iter().map(ToString::to_string).collect();
            return Err(TouchRefusal::Covered(open.join(" ")));
        };
        // Posterior in LPS.
        if f64::from(normal[1]) < MIN_COSINE {
            return Err(TouchRefusal::FacesAway);
        }
        let level = *level;
        let wanted = self.landmark().map(|(_, landmark)| landmark.at.distance(at));
        if let Some(off_mm) = wanted.filter(|mm| *mm > LANDMARK_MM) {
            return Err(TouchRefusal::OffLandmark { off_mm: off_mm.round() as u32 });
        }
        let measured = self.measured(at).ok_or_else(|| TouchRefusal::Covered(level.to_string()))?;
        if wanted.is_some() {
            self.found.push(measured);
            self.begin_with_landmarks();
            return Ok(());
        }
        if std::mem::take(&mut self.is_lifted) {
            self.strokes.push((self.table.points.len(), level));
        }
        self.table.points.push(measured);
        Ok(())
    }

    /// Once all landmarks were touched, the surface is looked for from where they say.
    fn begin_with_landmarks(&mut self) {
        if self.found.len() < self.landmarks.len() {
            return;
        }
        let marked: Vec<Point<Ct>> = self.landmarks.iter().map(|landmark| landmark.at).collect();
        // Landmarks of a bone lie on no line; if they did, the first guess would stay.
        if let Ok(fit) = register::landmarks(&self.found, &marked, &register::LandmarkSettings::default()) {
            self.table.guess = fit.patient_from_ct();
            self.landmark_fre_mm = Some(fit.rms_mm());
        }
    }

    /// Where the simulated tracker sees the tip that touches `at`.
    fn measured(&mut self, at: Point<Ct>) -> Option<Point<Patient>> {
        let place = Waypoint { tip: at, direction: Vector::new(0.0, -0.94, -0.34) };
        let settings = SimulationSettings { seed: self.random.bits(), ..SimulationSettings::default() };
        let (camera, tip) = (tracker_from_patient(), tool_from_tip());
        let mut tracker = SimulatedTracker::new(vec![place], self.table.truth, camera, &tip, settings)?;
        let packet = tracker.poll(tracker.next_due())?;
        let reference = packet.tracker_from_patient.ok()?;
        let tool = packet.tool(SIMULATED_TOOL).ok()?;
        Some(reference.inverse() * tool * tip * Point::new(0.0, 0.0, 0.0))
    }

    /// Takes the last stroke back, or the last landmark where there is no stroke; returns how many
    /// points are left on the surface.
    pub fn undo(&mut self) -> usize {
        if let Some((before, _)) = self.strokes.pop() {
            self.table.points.truncate(before);
        } else {
            self.found.pop();
            self.landmark_fre_mm = None;
        }
        self.is_lifted = true;
        self.points()
    }

    /// Points touched.
    #[must_use]
    pub fn points(&self) -> usize {
        self.table.points.len()
    }

    /// Strokes made.
    #[must_use]
    pub fn strokes(&self) -> usize {
        self.strokes.len()
    }

    /// What a registration would say now, and where to go on. Cost: a
    /// registration, 30 to 200 ms.
    #[must_use]
    pub fn stand(&self) -> Standing {
        let (from, level) = self.strokes.last().map_or((0, String::new()), |(from, level)| (*from, level.to_string()));
        let stroke = Stroke { level, part: PART.into(), points: self.points() - from };
        self.table.standing(&stroke)
    }

    /// Registers for good and tells the truth.
    #[must_use]
    pub fn finish(&self) -> Practised {
        let standing = self.stand();
        self.table.practised(vec![standing])
    }
}
