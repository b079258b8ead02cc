//! Landmarks and surface together, and landmarks as a check.

use std::time::Instant;

use geom::{Ct, Patient, Point};

use super::anchors::Anchors;
use super::error::RegisterError;
use super::landmarks::{LandmarkSettings, robust_landmarks};
use super::pose::Pose;
use super::registration::{Method, Registration};
use super::settings::Settings;
use super::source::Source;
use super::surface::from_guesses;
use super::target::Target;
use super::verdict::{Reason, Verdict};

/// Registers by paired landmarks and points swept over the bone in one
/// solution: the landmarks give the first guess and keep pulling at the pose,
/// each with its error, where the surface leaves it free.
///
/// * `patient`, `ct` - paired landmarks, mm; wrong ones are found and left out.
/// * `points` - touched points in the patient frame, mm.
///
/// # Errors
/// As [`super::landmarks`] and [`super::surface`].
pub fn landmarks_and_surface(
    target: &Target,
    (patient, ct): (&[Point<Patient>], &[Point<Ct>]),
    points: &[Point<Patient>],
    landmark_settings: &LandmarkSettings,
    settings: &Settings,
) -> Result<Registration, RegisterError> {
    let begun = Instant::now();
    let rough = robust_landmarks(patient, ct, landmark_settings)?;
    let source = Source::new(points, settings.min_points)?;
    // The error of one coordinate.
    let sigma_mm = rough.sigma_mm().max(landmark_settings.min_fle_mm.max(0.1) / 3f64.sqrt());
    let mut anchors = Anchors::default();
    for (i, (touched, marked)) in patient.iter().zip(ct).enumerate() {
        let is_outlier =
            rough.reasons().iter().any(|r| matches!(r, Reason::OutlyingLandmarks { indices } if indices.contains(&i)));
        if !is_outlier {
            anchors.add(touched.vector3() - source.centroid, marked.vector3() - target.origin, sigma_mm);
        }
    }
    let guess = Pose::from_transform(&rough.patient_from_ct().inverse(), &source, target);
    let judged = from_guesses(target, (&source, &anchors), &[guess], settings)?;
    let limit_mm = 3.0 * sigma_mm * 3f64.sqrt();
    let worst = anchors.distances_mm(&judged.pose).into_iter().enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    let finding = worst.filter(|w| w.1 > limit_mm).map(|(index, distance_mm)| {
        let verdict = if distance_mm > 2.0 * limit_mm { Verdict::Reject } else { Verdict::Doubtful };
        (verdict, Reason::LandmarkOff { index, distance_mm, limit_mm })
    });
    let mut registration = judged.registration(Method::Combined, begun);
    registration.figures_mut().landmark_mm = worst.map(|w| w.1);
    for reason in rough.reasons().iter().filter(|r| matches!(r, Reason::OutlyingLandmarks { .. })) {
        registration = registration.with_finding(Some((Verdict::Doubtful, reason.clone())));
    }
    Ok(registration.with_finding(finding))
}

/// Checks a registration on landmarks that took no part in it: `patient` are
/// touched, `ct` marked. Each may be off by what is predicted there (95 %) and
/// `touch_mm`, the error of touching; more is doubted, twice as much rejected.
#[must_use]
pub fn check_landmarks(
    mut registration: Registration,
    patient: &[Point<Patient>],
    ct: &[Point<Ct>],
    touch_mm: f64,
) -> Registration {
    let pose = registration.patient_from_ct();
    let mut findings = Vec::new();
    let mut largest = registration.figures().landmark_mm;
    for (index, (touched, marked)) in patient.iter().zip(ct).enumerate() {
        let distance_mm = touched.distance(pose * *marked);
        let limit_mm = registration.predicted_tre_95_mm(pose * *marked).hypot(touch_mm);
        largest = Some(largest.map_or(distance_mm, |mm| mm.max(distance_mm)));
        // A landmark that is not finite is off as well.
        if distance_mm.is_nan() || distance_mm > limit_mm {
            let verdict = if distance_mm <= 2.0 * limit_mm { Verdict::Doubtful } else { Verdict::Reject };
            findings.push((verdict, Reason::LandmarkOff { index, distance_mm, limit_mm }));
        }
    }
    registration.figures_mut().landmark_mm = largest;
    findings.into_iter().fold(registration, |r, finding| r.with_finding(Some(finding)))
}
