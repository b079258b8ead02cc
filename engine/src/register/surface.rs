//! Registration by points swept over the bone.

use std::time::Instant;

use geom::{Ct, Patient, Point, Transform};

use super::anchors::Anchors;
use super::error::RegisterError;
use super::judge::{Judged, judge};
use super::pose::Pose;
use super::registration::{Method, Registration};
use super::search::search;
use super::settings::{MultiStart, Settings};
use super::source::Source;
use super::target::Target;
use super::verdict::Verdict;

/// Finds where the CT lies on the patient from points touched on the bone.
///
/// Many starts around the first guess descend on a look-up grid (robust,
/// point-to-plane), the best few are looked at closely, the best one is solved
/// with exact neighbours on all points; then it is judged. A result that
/// is rejected, or that another place fits nearly as well, is not the last word:
/// the search is repeated wider, and if it is rejected still, with four times the
/// starts.
///
/// * `target` - the bone, prepared once.
/// * `points` - touched points in the patient frame, mm, any order; some may
///   lie on soft tissue or in the air.
/// * `initial` - first guess of the pose; right to within the capture range of
///   `settings.search`.
///
/// # Errors
/// [`RegisterError`] when the points cannot fix a pose (too few, not finite, on
/// a line or plane, not in mm) or do not reach the bone from the first guess. A
/// pose that is found but not trusted is no error: its verdict says so.
///
/// Cost: 4 ms of CPU for 500 points, 30 ms more where the wide search is
/// needed, 150 ms more for what is rejected in the end; parallel, and bit for bit the same on any number of threads.
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
    let judged = from_guesses(target, (&source, &Anchors::default()), &[guess], settings)?;
    Ok(judged.registration(Method::Surface, begun))
}

/// Searches around the guesses, wider when the result is doubted, and judges the
/// better result.
pub(super) fn from_guesses<'a>(
    target: &'a Target,
    (source, anchors): (&'a Source, &Anchors),
    guesses: &[Pose],
    settings: &Settings,
) -> Result<Judged<'a>, RegisterError> {
    let attempt = |search_settings: &MultiStart| {
        let candidates = search(target, source, guesses, search_settings);
        let (best, rivals) = candidates.split_first()?;
        Some(judge(target, (source, anchors), best.pose, rivals, settings))
    };
    // The first where both are equally good.
    let better = |a: Option<Judged<'a>>, b: Option<Judged<'a>>| {
        [b, a].into_iter().flatten().max_by(|a, b| a.merit().total_cmp(&b.merit()))
    };
    let mut best = attempt(&settings.search);
    if best.as_ref().is_none_or(Judged::is_basin_doubted)
        && let Some(wide) = settings.search.wide()
    {
        best = better(best, attempt(&wide));
    }
    if best.as_ref().is_none_or(|judged| judged.verdict() == Verdict::Reject)
        && let Some(dense) = settings.search.dense()
    {
        best = better(best, attempt(&dense));
    }
    best.ok_or_else(|| {
        let widest = settings.search.wide().unwrap_or(settings.search);
        RegisterError::NoOverlap { capture_mm: widest.capture_mm, capture_deg: widest.capture_deg }
    })
}
