//! `register`: touched points or landmarks into `patient_from_ct`.

use engine::io::{self, Limits, numbers};
use engine::register::{self, LandmarkSettings, Registration, Settings, Target, TargetSettings, Verdict, simulate};
use engine::segment::Progress;
use engine::surface::{self, MeshSettings, PointCloud};
use geom::{Ct, Patient, Point, Transform};
use serde_json::{Value, json};

use crate::cli::RegisterArguments;
use crate::failure::{Blame, Failure};
use crate::report::{Output, Stages};

/// Runs the command.
pub fn run(options: &RegisterArguments, quiet: bool) -> Result<Output, Failure> {
    let mut stages = Stages::new(quiet);
    stages.stage("read");
    let truth = options.truth.as_deref().map(read_transform).transpose()?;
    let (registration, targets) = match (&options.landmarks, &options.target, &options.points) {
        (Some(file), None, None) => by_landmarks(file, &mut stages)?,
        (None, Some(_), Some(_)) => by_surface(options, &mut stages)?,
        _ => {
            let what = "give either --landmarks, or --target with --points";
            return Err(Failure::WrongUse(anyhow::anyhow!(what)));
        }
    };
    stages.finish();
    let true_tre_mm = truth.map(|t| simulate::true_tre_mm(&registration.patient_from_ct(), &t, &targets));
    let json = registration_json(&registration, &targets, true_tre_mm);
    let text = registration_text(&registration, &targets, true_tre_mm);
    Ok(Output { json, text, is_refused: registration.verdict() == Verdict::Reject })
}

fn by_landmarks(file: &std::path::Path, stages: &mut Stages) -> Result<(Registration, Vec<Point<Ct>>), Failure> {
    let rows = numbers::read_rows::<6>(file, "x y z on the patient, x y z in the CT, mm").bad_input()?;
    let patient: Vec<Point<Patient>> = rows.iter().map(|r| Point::new(r[0], r[1], r[2])).collect();
    let ct: Vec<Point<Ct>> = rows.iter().map(|r| Point::new(r[3], r[4], r[5])).collect();
    stages.stage("register");
    Ok((register::landmarks(&patient, &ct, &LandmarkSettings::default()).bad_input()?, ct))
}

fn by_surface(options: &RegisterArguments, stages: &mut Stages) -> Result<(Registration, Vec<Point<Ct>>), Failure> {
    let (Some(target), Some(points)) = (&options.target, &options.points) else {
        return Err(Failure::WrongUse(anyhow::anyhow!("a surface registration needs --target and --points")));
    };
    let (cloud, levels) = read_bone(target)?;
    let rows = numbers::read_rows::<3>(points, "x y z on the patient, mm").bad_input()?;
    let points: Vec<Point<Patient>> = rows.into_iter().map(Point::from).collect();
    let initial = match &options.initial {
        Some(file) => read_transform(file)?,
        None => centred_guess(&cloud, &points),
    };
    stages.stage("prepare");
    let target = Target::new(&cloud, levels.as_deref(), &TargetSettings::default()).bad_input()?;
    stages.stage("register");
    let registration = register::surface(&target, &points, &initial, &Settings::default()).bad_input()?;
    let ct_from_patient = registration.patient_from_ct().inverse();
    Ok((registration, points.iter().map(|p| ct_from_patient * *p).collect()))
}

/// Without a guess the middles of both point sets are laid on each other,
/// axes alike.
fn centred_guess(cloud: &PointCloud, points: &[Point<Patient>]) -> Transform<Patient, Ct> {
    let bone: Vec<Point<Ct>> = cloud.points.iter().map(|p| Point::from(*p)).collect();
    let origin = Point::new(0.0, 0.0, 0.0);
    let (bone, touched) = (Point::centroid(&bone).unwrap_or(origin), Point::centroid(points));
    let touched = touched.unwrap_or(Point::new(0.0, 0.0, 0.0)).vector3();
    Transform::new(geom::nalgebra::UnitQuaternion::identity(), touched - bone.vector3())
}

/// A mesh, or the surfaces of all levels of a label map with their numbers.
fn read_bone(path: &std::path::Path) -> Result<(PointCloud, Option<Vec<u8>>), Failure> {
    let is_mesh = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("stl"));
    if is_mesh {
        return Ok((io::stl::read(path, &Limits::default()).bad_input()?.vertices_cloud(), None));
    }
    let labels = io::read_labels(path, &Limits::default()).bad_input()?.value;
    let numbers: Vec<u8> = engine::level::present(&labels.labels).iter().map(|level| level.number()).collect();
    let (mut cloud, mut levels) = (PointCloud::default(), Vec::new());
    for (number, mesh) in numbers.iter().zip(surface::from_masks(&labels, &numbers, &MeshSettings::default())) {
        cloud.append(&mesh.vertices_cloud());
        levels.resize(cloud.len(), *number);
    }
    if cloud.is_empty() {
        return Err(Failure::BadInput(anyhow::anyhow!("{} holds no labelled bone to register to", path.display())));
    }
    Ok((cloud, Some(levels)))
}

fn read_transform(path: &std::path::Path) -> Result<Transform<Patient, Ct>, Failure> {
    let matrix = numbers::read_matrix(path).bad_input()?;
    let named = Transform::from_row_major(&matrix).map_err(|e| anyhow::anyhow!("{}: {e}", path.display()));
    named.bad_input()
}

/// Mean predicted error over the points where it matters, mm.
pub fn predicted_tre_mm(registration: &Registration, targets: &[Point<Ct>]) -> f64 {
    let patient_from_ct = registration.patient_from_ct();
    let sum: f64 = targets.iter().map(|t| registration.predicted_tre_mm(patient_from_ct * *t)).sum();
    sum / targets.len().max(1) as f64
}

/// One word for machines.
const fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "accept",
        Verdict::Doubtful => "doubtful",
        Verdict::Reject => "reject",
    }
}

/// A registration for machines.
pub fn registration_json(registration: &Registration, targets: &[Point<Ct>], true_tre_mm: Option<f64>) -> Value {
    json!({
        "patient_from_ct": registration.patient_from_ct(),
        "verdict": verdict_word(registration.verdict()),
        "reasons": registration.reasons().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "fre_mm": registration.rms_mm(),
        "rms_mm": registration.rms_mm(),
        "points": registration.residuals_mm().len(),
        "inliers": registration.inliers(),
        "iterations": registration.iterations(),
        "predicted_tre_mm": predicted_tre_mm(registration, targets),
        "true_tre_mm": true_tre_mm,
        "ms": registration.elapsed().as_secs_f64() * 1e3,
    })
}

/// A registration for people.
pub fn registration_text(registration: &Registration, targets: &[Point<Ct>], true_tre_mm: Option<f64>) -> String {
    let reasons: String = registration.reasons().iter().map(|r| format!("\n  - {r}")).collect();
    let truth = true_tre_mm.map_or(String::new(), |t| format!(", true TRE {t:.2} mm"));
    format!(
        "Registration {}: RMS {:.2} mm over {} of {} points, predicted TRE {:.2} mm{truth}, {:.0} ms{reasons}",
        registration.verdict(),
        registration.rms_mm(),
        registration.inliers(),
        registration.residuals_mm().len(),
        predicted_tre_mm(registration, targets),
        registration.elapsed().as_secs_f64() * 1e3,
    )
}
