//! Registering again from few points after the reference was bumped.

use std::time::Instant;

use geom::{Ct, Patient, Point, Transform};

use super::anchors::Anchors;
use super::error::RegisterError;
use super::judge::judge;
use super::pose::Pose;
use super::registration::{Method, Registration};
use super::search::search;
use super::settings::{Checks, MultiStart, Settings};
use super::source::Source;
use super::target::Target;

/// How far a bump may have moved the reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bump {
    /// Standard deviation of the shift, mm. Default 4.
    pub shift_mm: f64,
    /// Standard deviation of the turn, degrees. Default 4.
    pub turn_deg: f64,
    /// Fewer points are refused. Default 8.
    pub min_points: usize,
}

impl Default for Bump {
    fn default() -> Self {
        Self { shift_mm: 4.0, turn_deg: 4.0, min_points: 8 }
    }
}

/// Finds where the CT lies after a bump, from a few new points and the pose
/// that was right before it: the earlier pose decides what the few points
/// leave open, with the uncertainty that `bump` states.
///
/// The search covers two standard deviations. Few points prove little: the
/// checks for the level and the second-best pose stay as strict, only the
/// number of points wanted is lower.
///
/// # Errors
/// As [`super::surface`].
pub fn update(
    target: &Target,
    points: &[Point<Patient>],
    before: &Transform<Patient, Ct>,
    bump: &Bump,
    settings: &Settings,
) -> Result<Registration, RegisterError> {
    let begun = Instant::now();
    let source = Source::new(points, bump.min_points)?;
    if !before.is_finite() {
        return Err(RegisterError::InitialNotFinite);
    }
    let guess = Pose::from_transform(&before.inverse(), &source, target);
    let anchors = Anchors::near(&guess, bump.shift_mm, bump.turn_deg.to_radians());
    let search_settings =
        MultiStart { capture_deg: 2.0 * bump.turn_deg, capture_mm: 2.0 * bump.shift_mm, ..settings.search };
    let candidates = search(target, &source, &[guess], &search_settings);
    let (capture_mm, capture_deg) = (search_settings.capture_mm, search_settings.capture_deg);
    let (best, rivals) = candidates.split_first().ok_or(RegisterError::NoOverlap { capture_mm, capture_deg })?;
    let checks = Checks {
        min_inliers: settings.checks.min_inliers.min(bump.min_points),
        disturbance: settings.checks.disturbance.min(bump.shift_mm),
        ..settings.checks
    };
    let settings = Settings { checks, ..*settings };
    Ok(judge(target, (&source, &anchors), best.pose, rivals, &settings).registration(Method::Surface, begun))
}
