//! `register`: touched points or landmarks into `patient_from_ct`.
//!
//! | module | what it holds |
//! |---|---|
//! | [`inputs`] | bone, points and poses as files |
//! | [`report`] | the result for machines and people |
//!
//! Which method runs follows from what is given; `--method` chooses among
//! those that need the same.

mod inputs;
mod report;

use engine::io;
use engine::register::{
    self, Articulated, ArticulatedSettings, Bump, LandmarkSettings, LevelPose, Registration, Settings, Target,
    TargetSettings, Verdict, simulate,
};
use engine::segment::Progress;
use geom::{Ct, Patient, Point, Transform};

use crate::cli::{RegisterArguments, SurfaceMethod};
use crate::failure::{Blame, Failure};
use crate::report::{Output, Stages};
use inputs::{Bone, Landmarks};
pub use inputs::{centred_guess, read_points, read_transform};
pub use report::{predicted_tre_mm, registration_json, registration_text};

/// What was found.
struct Found {
    registration: Registration,
    /// Vertebra by vertebra, where that was asked for.
    levels: Vec<LevelPose>,
    /// Where errors are told, in the CT.
    targets: Vec<Point<Ct>>,
    /// What lies on the bone, to be shown on it.
    shown: Option<(Bone, Vec<Point<Patient>>)>,
}

/// Runs the command.
pub fn run(options: &RegisterArguments, quiet: bool) -> Result<Output, Failure> {
    let mut stages = Stages::new(quiet);
    stages.stage("read");
    let truth = options.truth.as_deref().map(read_transform).transpose()?;
    let mut found = match (&options.target, &options.points, &options.other, &options.landmarks) {
        (None, None, None, Some(file)) => by_landmarks(file, options, &mut stages)?,
        (Some(_), None, Some(other), None) => by_other_ct(other, options, &mut stages)?,
        (Some(_), Some(points), None, _) => by_surface(points, options, &mut stages)?,
        _ => {
            let what = "give --target with --points, --target with --other, or --landmarks alone";
            return Err(Failure::WrongUse(anyhow::anyhow!(what)));
        }
    };
    if let Some(file) = &options.check {
        let Landmarks { patient, ct } = inputs::read_landmarks(file)?;
        found.registration = register::check_landmarks(found.registration, &patient, &ct, options.touch_mm);
    }
    if let Some(file) = &options.residuals {
        write_residuals(file, &found)?;
    }
    stages.finish();
    let Found { registration, levels, targets, .. } = &found;
    let true_tre_mm = truth.map(|t| simulate::true_tre_mm(&registration.patient_from_ct(), &t, targets));
    let mut json = registration_json(registration, targets, true_tre_mm);
    let mut text = registration_text(registration, targets, true_tre_mm);
    if !levels.is_empty() {
        json["levels"] = levels.iter().map(report::level_json).collect();
        levels.iter().for_each(|level| text.push_str(&report::level_text(level)));
    }
    Ok(Output { json, text, is_refused: registration.verdict() == Verdict::Reject })
}

fn by_landmarks(file: &std::path::Path, options: &RegisterArguments, stages: &mut Stages) -> Result<Found, Failure> {
    let Landmarks { patient, ct } = inputs::read_landmarks(file)?;
    stages.stage("register");
    let settings = LandmarkSettings::default();
    let registration = if options.unordered {
        register::unordered_landmarks(&patient, &ct, &settings).map(|(registration, _)| registration)
    } else {
        register::robust_landmarks(&patient, &ct, &settings)
    };
    Ok(Found { registration: registration.bad_input()?, levels: Vec::new(), targets: ct, shown: None })
}

fn by_surface(points: &std::path::Path, options: &RegisterArguments, stages: &mut Stages) -> Result<Found, Failure> {
    let bone = inputs::read_bone(options.target.as_deref())?;
    let points = read_points(points)?;
    let initial = match &options.initial {
        Some(file) => read_transform(file)?,
        None => centred_guess(&bone.cloud, &points),
    };
    stages.stage("prepare");
    let target = Target::new(&bone.cloud, bone.levels.as_deref(), &TargetSettings::default()).bad_input()?;
    stages.stage("register");
    let settings = Settings::default();
    let registration = match (options.method, &options.landmarks) {
        (SurfaceMethod::Surface | SurfaceMethod::Articulated, None) => {
            register::surface(&target, &points, &initial, &settings)
        }
        (SurfaceMethod::Surface, Some(file)) => {
            let Landmarks { patient, ct } = inputs::read_landmarks(file)?;
            let landmarks = (&patient[..], &ct[..]);
            register::landmarks_and_surface(&target, landmarks, &points, &LandmarkSettings::default(), &settings)
        }
        (SurfaceMethod::WholeSpine, None) => register::whole_spine(&target, &points, &initial, &settings),
        (SurfaceMethod::AfterBump, None) if options.initial.is_some() => {
            register::update(&target, &points, &initial, &Bump::default(), &settings)
        }
        (SurfaceMethod::AfterBump, None) => {
            let what = "--method after-bump needs the pose before the bump as --initial";
            return Err(Failure::WrongUse(anyhow::anyhow!(what)));
        }
        (_, Some(_)) => {
            let what = "--landmarks beside --points goes with --method surface only";
            return Err(Failure::WrongUse(anyhow::anyhow!(what)));
        }
    };
    let registration = registration.bad_input()?;
    let levels = match options.method {
        SurfaceMethod::Articulated => articulated(&bone, &points, &initial)?,
        _ => Vec::new(),
    };
    let ct_from_patient = registration.patient_from_ct().inverse();
    let targets = points.iter().map(|p| ct_from_patient * *p).collect();
    Ok(Found { registration, levels, targets, shown: Some((bone, points)) })
}

fn articulated(
    bone: &Bone,
    points: &[Point<Patient>],
    initial: &Transform<Patient, Ct>,
) -> Result<Vec<LevelPose>, Failure> {
    let Some(numbers) = &bone.levels else {
        let what = "--method articulated needs a label map as --target: a mesh does not tell the vertebrae apart";
        return Err(Failure::WrongUse(anyhow::anyhow!(what)));
    };
    let parts = Articulated::new(&bone.cloud, numbers, &TargetSettings::default()).bad_input()?;
    parts.register(points, initial, &ArticulatedSettings::default()).bad_input()
}

fn by_other_ct(other: &std::path::Path, options: &RegisterArguments, stages: &mut Stages) -> Result<Found, Failure> {
    let bone = inputs::read_bone(options.target.as_deref())?;
    let other = inputs::read_bone(Some(other))?;
    let places: Vec<Point<Patient>> = other.cloud.points.iter().map(|p| Point::from(*p)).collect();
    let initial = match &options.initial {
        Some(file) => read_transform(file)?,
        None => centred_guess(&bone.cloud, &places),
    };
    stages.stage("prepare");
    let settings = TargetSettings { approach: None, ..TargetSettings::default() };
    let target = Target::new(&bone.cloud, bone.levels.as_deref(), &settings).bad_input()?;
    stages.stage("register");
    let registration = register::between_cts(&target, &other.cloud, &initial, &Settings::default()).bad_input()?;
    let targets = bone.cloud.points.iter().step_by(bone.cloud.len().div_ceil(500)).map(|p| Point::from(*p)).collect();
    Ok(Found { registration, levels: Vec::new(), targets, shown: None })
}

/// Residuals of this size have the full colour, mm.
const FULL_COLOUR_MM: f64 = 1.0;

fn write_residuals(file: &std::path::Path, found: &Found) -> Result<(), Failure> {
    let Some((bone, points)) = &found.shown else {
        let what = "--residuals shows touched points on the bone: it goes with --points";
        return Err(Failure::WrongUse(anyhow::anyhow!(what)));
    };
    let cloud = bone.mesh.vertices_cloud();
    let map = register::residual_map(&found.registration, points, &cloud, FULL_COLOUR_MM);
    let colours: Vec<[u8; 3]> = map.iter().map(|vertex| vertex.colour).collect();
    io::ply::write(file, &bone.mesh, &colours).bad_input()
}
