//! Registration by points swept over the bone.

use std::time::Instant;

use geom::{Ct, Patient, Point, Transform};

use super::checks::{Examined, examine};
use super::error::RegisterError;
use super::factor::Exact;
use super::pose::Pose;
use super::registration::{Evidence, Method, Registration};
use super::search::{Candidate, search};
use super::settings::{MultiStart, Settings};
use super::solve::{FINISH, solve};
use super::source::Source;
use super::target::Target;
use super::uncertainty::{Residuals, Uncertainty};

/// Finds where the CT lies on the patient from points touched on the bone.
///
/// Many starts around the first guess descend on a look-up grid (robust,
/// point-to-plane), the best few are looked at closely, the best one is solved
/// with exact neighbours on all points; then it is judged. When most points lie
/// off the bone, the search is repeated with more starts first.
///
/// * `target` - the bone, prepared once.
/// * `points` - touched points in the patient frame, mm, any order; some may
///   lie on soft tissue or in the air.
/// * `initial` - first guess of the pose; right to within the capture range of
///   `settings.search`.
///
/// # Errors
/// [`RegisterError`] when the points cannot fix a pose (too few, not finite, on
/// a line) or do not reach the bone from the first guess. A pose that is found
/// but not trusted is no error: its verdict says so.
///
/// Cost: about 20 ms of CPU for 500 points; parallel, and bit for bit the same
/// on any number of threads.
pub fn surface(
    target: &Target,
    points: &[Point<Patient>],
    initial: &Transform<Patient, Ct>,
    settings: &Settings,
) -> Result<Registration, RegisterError> {
    let begun = Instant::now();
    let source = Source::new(points, settings.min_points)?;
    if !initial.is_finite() {
        return Err(RegisterError::InitialNotFinite);
    }
    let guess = Pose::from_transform(&initial.inverse(), &source, target);
    let mut solution = locate(target, &source, &guess, &settings.search);
    let is_good = |s: &Solution| s.residuals.inlier_share() >= settings.checks.min_inlier_share;
    if !solution.as_ref().is_some_and(is_good) {
        // Most points off the bone: rather a missed basin than soft tissue.
        let again = locate(target, &source, &guess, &settings.search.thorough());
        let share = |s: &Solution| s.residuals.inlier_share();
        solution = [solution, again].into_iter().flatten().max_by(|a, b| share(a).total_cmp(&share(b)));
    }
    let Some(Solution { pose, rivals, residuals, iterations }) = solution else {
        let (capture_mm, capture_deg) = (settings.search.capture_mm, settings.search.capture_deg);
        return Err(RegisterError::NoOverlap { capture_mm, capture_deg });
    };

    let uncertainty = Uncertainty::new(target, &source, &pose, &residuals, settings.surface_sigma_mm);
    let examined = Examined {
        target,
        source: &source,
        pose: &pose,
        rivals: &rivals,
        residuals: &residuals,
        uncertainty: &uncertainty,
    };
    let findings = examine(&examined, &settings.checks);

    let patient_from_ct = pose.to_transform(&source, target).inverse();
    let (covariance, information) = uncertainty.in_patient(&patient_from_ct, pose.centre + target.origin);
    let mut residuals_mm = vec![f64::NAN; points.len()];
    for (&index, height) in source.order.iter().zip(&residuals.heights_mm) {
        if let Some(slot) = residuals_mm.get_mut(index) {
            *slot = *height;
        }
    }
    let evidence = Evidence {
        method: Method::Surface,
        rms_mm: residuals.rms_mm,
        sigma_mm: residuals.sigma_mm,
        inliers: residuals.matched.len(),
        residuals_mm,
        iterations,
        information,
        covariance,
        elapsed: begun.elapsed(),
    };
    Ok(Registration::new(patient_from_ct, findings, evidence))
}

/// A pose solved on all points, before it is judged.
struct Solution {
    pose: Pose,
    rivals: Vec<Candidate>,
    residuals: Residuals,
    iterations: usize,
}

/// Searches, and finishes the best candidate; `None` when nothing is reached.
fn locate(target: &Target, source: &Source, guess: &Pose, search_settings: &MultiStart) -> Option<Solution> {
    let found = search(target, source, guess, search_settings);
    let (best, rivals) = found.split_first()?;
    let mut pose = best.pose;
    let iterations = solve(&Exact(target), &source.offsets, &mut pose, &FINISH, (0.003, source.radius_mm));
    Some(Solution { residuals: Residuals::new(target, source, &pose), pose, rivals: rivals.to_vec(), iterations })
}
