//! A registration for machines and people.

use engine::level::Level;
use engine::register::{LevelPose, Registration, Verdict};
use geom::{Ct, Patient, Point};
use serde_json::{Value, json};

/// Mean predicted error over the points where it matters, mm.
pub fn predicted_tre_mm(registration: &Registration, targets: &[Point<Ct>]) -> f64 {
    mean(registration, targets, Registration::predicted_tre_mm)
}

fn mean(registration: &Registration, targets: &[Point<Ct>], of: fn(&Registration, Point<Patient>) -> f64) -> f64 {
    let patient_from_ct = registration.patient_from_ct();
    let sum: f64 = targets.iter().map(|t| of(registration, patient_from_ct * *t)).sum();
    sum / targets.len().max(1) as f64
}

/// The figures behind the verdict; null where a check was not made.
fn figures_json(registration: &Registration) -> Value {
    let figures = registration.figures();
    json!({
        "second_best_ratio": figures.second_best_ratio,
        "neighbour_ratio": figures.neighbour.map(|(ratio, _)| ratio),
        "neighbour_levels": figures.neighbour.map(|(_, levels)| levels),
        "disturbances_returned": figures.returned.map(|(returned, _)| returned),
        "disturbances_tried": figures.returned.map(|(_, tried)| tried),
        "held_out_mm": figures.held_out_mm,
        "level_motion_mm": figures.level_motion_mm,
        "coverage": figures.coverage,
        "landmark_mm": figures.landmark_mm,
    })
}

/// How well the points fix the pose at the middle of the targets.
fn observability_json(registration: &Registration, targets: &[Point<Ct>]) -> Value {
    let middle = Point::centroid(targets).unwrap_or(Point::new(0.0, 0.0, 0.0));
    let seen = registration.observability(registration.patient_from_ct() * middle);
    json!({
        "shift_mm": seen.shift_mm,
        "weakest_direction": seen.weakest_direction,
        "turn_deg": seen.turn_deg,
        "weakest_axis": seen.weakest_axis,
        "information_eigenvalues_per_mm2": seen.information_eigenvalues,
    })
}

/// One vertebra for machines.
pub fn level_json(pose: &LevelPose) -> Value {
    let registration = &pose.registration;
    json!({
        "level": level_name(pose.level),
        "patient_from_ct": registration.patient_from_ct(),
        "covariance": covariance(registration),
        "verdict": verdict_word(registration.verdict()),
        "reasons": registration.reasons().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "rms_mm": registration.rms_mm(),
        "points": registration.residuals_mm().len(),
    })
}

/// 36 numbers row by row: rotation (rad) before translation (mm), disturbed from the left.
fn covariance(registration: &Registration) -> Vec<f64> {
    registration.covariance().matrix().transpose().as_slice().to_vec()
}

/// One vertebra for people.
pub fn level_text(pose: &LevelPose) -> String {
    let registration = &pose.registration;
    let reasons: String = registration.reasons().iter().map(|r| format!("\n    - {r}")).collect();
    format!(
        "\n  {}: {}, RMS {:.2} mm over {} points{reasons}",
        level_name(pose.level),
        registration.verdict(),
        registration.rms_mm(),
        registration.residuals_mm().len(),
    )
}

fn level_name(number: u8) -> String {
    Level::from_number(number).map_or_else(|| format!("label {number}"), |level| level.to_string())
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
        "covariance": covariance(registration),
        "verdict": verdict_word(registration.verdict()),
        "reasons": registration.reasons().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "fre_mm": registration.rms_mm(),
        "rms_mm": registration.rms_mm(),
        "points": registration.residuals_mm().len(),
        "inliers": registration.inliers(),
        "iterations": registration.iterations(),
        "predicted_tre_mm": predicted_tre_mm(registration, targets),
        "predicted_tre_95_mm": mean(registration, targets, Registration::predicted_tre_95_mm),
        "figures": figures_json(registration),
        "observability": targets.first().map(|_| observability_json(registration, targets)),
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
