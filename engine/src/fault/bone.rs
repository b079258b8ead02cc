//! Faults of registrations, and of images that a registration has to notice.

use geom::{Ct, Patient, Point, Transform, Vector};

use super::named_fault::Kind;
use super::phantom::{ct_landmarks, patient_from_ct};
use super::script::Injection;
use crate::register::simulate::{Sweep, sweep};
use crate::register::{
    LandmarkSettings, RegisterError, Registration, Settings, Target, TargetSettings, Verdict, landmarks, surface,
    unordered_landmarks,
};
use crate::surface::{Mesh, PointCloud, phantom};

/// Vertebrae of the phantom spine, and the one that is touched.
const LEVELS: usize = 4;
const TOUCHED: usize = 1;
/// Sweeps of a twin patient.
const TWIN_SWEEPS: u64 = 8;

/// What came of a registration with a fault in it.
#[derive(Debug)]
pub(super) struct Attempt {
    /// The refusal, or the verdict's reasons.
    pub said: Vec<String>,
    /// The registration, when there is one, and how far it is off at the
    /// worst landmark or vertex, mm.
    pub made: Option<(Registration, f64)>,
}

impl Attempt {
    /// How far an accepted registration is off without a word; 0 for any other.
    fn danger_mm(&self) -> f64 {
        let accepted = self.made.as_ref().filter(|made| self.said.is_empty() && made.0.verdict() == Verdict::Accept);
        accepted.map_or(0.0, |made| made.1)
    }
}

/// Registers with the fault in place.
pub(super) fn register(injection: &Injection) -> Attempt {
    let settings = LandmarkSettings::default();
    let ct = ct_landmarks();
    let touched = |ct: &[Point<Ct>]| ct.iter().map(|p| patient_from_ct() * *p).collect::<Vec<_>>();
    match injection.fault.kind {
        Kind::WrongCorrespondence => {
            let mut patient = touched(&ct);
            patient.swap(1, 2);
            attempt(landmarks(&patient, &ct, &settings), &ct)
        }
        Kind::Symmetric => {
            let square = [[0., 0., 0.], [50., 0., 0.], [50., 50., 0.], [0., 50., 0.]].map(Point::<Ct>::from);
            attempt(unordered_landmarks(&touched(&square), &square, &settings).map(|found| found.0), &square)
        }
        Kind::Collinear => {
            let line: Vec<Point<Ct>> = (0..60).map(|i| Point::new(0.0, 20.0, f64::from(i))).collect();
            on_bone(injection, Some(touched(&line)))
        }
        Kind::TooFewPoints => on_bone(injection, Some(touched(&ct[..3]))),
        _ => on_bone(injection, None),
    }
}

/// Sweeps over the phantom's bone, unless other points are given.
fn on_bone(injection: &Injection, points: Option<Vec<Point<Patient>>>) -> Attempt {
    let spine = phantom::spine(LEVELS);
    let bone = spine.get(TOUCHED).map(Mesh::vertices_cloud).unwrap_or_default();
    let truth = patient_from_ct();
    let mut sweeps = vec![points.unwrap_or_else(|| sweep(&bone, &truth, &Sweep::default()))];
    let (mut cloud, mut levels) = (PointCloud::default(), Vec::new());
    for (number, mesh) in (1u8..).zip(&spine) {
        cloud.append(&mesh.vertices_cloud());
        levels.resize(cloud.points.len(), number);
    }
    let mut guess = truth;
    match injection.fault.kind {
        Kind::WrongPatient => sweeps = vec![sweep(&stranger(), &truth, &Sweep::default())],
        // Whether a twin is doubted hangs on the chance of the fit: the worst
        // of many sweeps is judged.
        Kind::TwinPatient => {
            let twin = twin();
            let seeds = (1..=TWIN_SWEEPS).map(|seed| Sweep { seed, ..Sweep::default() });
            sweeps = seeds.map(|settings| sweep(&twin, &truth, &settings)).collect();
        }
        Kind::MirroredImage => stretch(&mut cloud, [-1.0, 1.0, 1.0]),
        Kind::ScaledImage => stretch(&mut cloud, [1.0 + injection.amount as f32 * 0.01; 3]),
        Kind::MetalStreak => tear(&mut cloud),
        Kind::Metres => {
            sweeps.iter_mut().flatten().for_each(|p| *p = Point::from(p.to_array().map(|c| c * 1e-3)));
        }
        Kind::NeighbourLevel => {
            guess = truth * Transform::<Ct, Ct>::from_translation(Vector::new(0.0, 0.0, phantom::LEVEL_PITCH_MM));
        }
        _ => {}
    }
    let targets: Vec<Point<Ct>> = bone.points.iter().step_by(50).map(|p| Point::from(*p)).collect();
    let target = match Target::new(&cloud, Some(&levels), &TargetSettings::default()) {
        Ok(target) => target,
        Err(error) => return attempt(Err(error), &targets),
    };
    let tried = sweeps.iter().map(|points| attempt(surface(&target, points, &guess, &Settings::default()), &targets));
    tried.max_by(|a, b| a.danger_mm().total_cmp(&b.danger_mm())).unwrap_or(Attempt { said: Vec::new(), made: None })
}

fn attempt(result: Result<Registration, RegisterError>, targets: &[Point<Ct>]) -> Attempt {
    match result {
        Err(error) => Attempt { said: vec![error.to_string()], made: None },
        Ok(registration) => {
            let off = |p: &Point<Ct>| (registration.patient_from_ct() * *p).distance(patient_from_ct() * *p);
            let worst_mm = targets.iter().map(off).fold(0.0, f64::max);
            let said = registration.reasons().iter().map(ToString::to_string).collect();
            Attempt { said, made: Some((registration, worst_mm)) }
        }
    }
}

/// Another patient's bone at the same place: wider, flatter, taller.
fn stranger() -> PointCloud {
    let mut cloud = twin();
    stretch(&mut cloud, [1.3, 0.75, 1.2]);
    cloud
}

/// Bone of another patient that is hardly another one: a vertebra of the same
/// family, a little larger.
fn twin() -> PointCloud {
    let mut cloud = phantom::vertebra(TOUCHED + 4).vertices_cloud();
    let pitch = phantom::LEVEL_PITCH_MM as f32;
    cloud.points.iter_mut().for_each(|p| p[2] -= 4.0 * pitch);
    stretch(&mut cloud, [1.15, 1.1, 1.05]);
    cloud
}

/// Stretches along the axes, normals included.
fn stretch(cloud: &mut PointCloud, factors: [f32; 3]) {
    for (point, normal) in cloud.points.iter_mut().zip(&mut cloud.normals) {
        for axis in 0..3 {
            point[axis] *= factors[axis];
            normal[axis] /= factors[axis];
        }
        let length = normal.iter().map(|c| c * c).sum::<f32>().sqrt().max(1e-6);
        normal.iter_mut().for_each(|c| *c /= length);
    }
}

/// Streaks across the spine: bands of the surface stand off by up to 8 mm.
fn tear(cloud: &mut PointCloud) {
    for (point, normal) in cloud.points.iter_mut().zip(&cloud.normals) {
        let band = (point[2] * 0.9).sin() * (point[0] * 0.35).cos();
        for axis in 0..3 {
            point[axis] += normal[axis] * 8.0 * band;
        }
    }
}
