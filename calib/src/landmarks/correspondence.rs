//! Which measured point is which of the known ones, when nobody wrote it down.
//!
//! Triangles of measured points are laid on triangles of known points with
//! equal sides; each gives a pose, and the pose under which most measured
//! points meet a known one wins (RANSAC without chance; Fischler and Bolles
//! 1981, doi:10.1145/358669.358692). Measured points may repeat a known one or
//! belong to none; a symmetric arrangement is reported as ambiguous.

use geom::{Frame, Point, Transform, fit_rigid};

use crate::error::{CalibrationError, check_count};
use crate::rigid::check_points;

/// Most points on either side.
const MAX_POINTS: usize = 128;
/// Triangles of measured points that are tried, the largest first.
const MAX_TRIANGLES: usize = 40;
/// From this ratio of errors on two assignments are not told apart.
const MAX_RATIO: f64 = 0.7;

/// Partners of measured points.
#[derive(Debug, Clone, PartialEq)]
pub struct Correspondence {
    /// Number of the known point of each measured one; `None` for those that
    /// meet none.
    pub partners: Vec<Option<usize>>,
    /// RMS distance of those that do, mm.
    pub rms_mm: f64,
    /// Another assignment fits as many points nearly as well.
    pub is_ambiguous: bool,
}

/// Finds the known point of each measured one.
///
/// * `tolerance_mm` - how far a measured point may lie from its partner, mm.
///
/// # Errors
/// [`CalibrationError`] for fewer than three points on a side, more than 128,
/// or when no pose lets four (or all) measured points meet known ones.
/// Cost: milliseconds for 20 points, a second at most for 128.
pub fn match_points<To: Frame, From: Frame>(
    measured: &[Point<To>],
    known: &[Point<From>],
    tolerance_mm: f64,
) -> Result<Correspondence, CalibrationError> {
    let what = "a search for correspondences";
    check_count(what, "measured points", measured.len(), (3, MAX_POINTS), "touch at least 3, better 6")?;
    check_count(what, "known points", known.len(), (3, MAX_POINTS), "give at least 3")?;
    check_points(measured, "measured point")?;
    check_points(known, "known point")?;
    let tolerance_mm = if tolerance_mm.is_finite() { tolerance_mm.clamp(0.01, 100.0) } else { 2.0 };
    let mut found: Vec<Correspondence> = Vec::new();
    for triangle in largest_triangles(measured, tolerance_mm) {
        try_triangle(measured, known, triangle, tolerance_mm, &mut found);
    }
    let count = |c: &Correspondence| c.partners.iter().flatten().count();
    found.sort_by(|a, b| count(b).cmp(&count(a)).then(a.rms_mm.total_cmp(&b.rms_mm)));
    found.dedup_by(|a, b| a.partners == b.partners);
    let mut best = found.first().cloned().filter(|best| count(best) >= measured.len().min(4)).ok_or_else(|| {
        CalibrationError::Undetermined {
            what: "the order of the points",
            reason: format!("no arrangement brings the points within {tolerance_mm:.1} mm of known ones"),
            remedy: "check that the geometry file is the phantom's, in mm; touch more points; or name them",
        }
    })?;
    let floor = 0.2 * tolerance_mm;
    best.is_ambiguous = found.get(1).is_some_and(|second| {
        count(second) == count(&best) && best.rms_mm.max(floor) / second.rms_mm.max(floor) > MAX_RATIO
    });
    Ok(best)
}

/// Triples of measured points by the area they span, the largest first, each
/// corner used a few times only so that one wrong point does not spoil all.
fn largest_triangles<To: Frame>(points: &[Point<To>], tolerance_mm: f64) -> Vec<[usize; 3]> {
    // Beyond 32 points a share of them spans enough triangles.
    let stride = points.len().div_ceil(32);
    let picked: Vec<usize> = (0..points.len()).step_by(stride).collect();
    let area = |[i, j, k]: &[usize; 3]| (points[*j] - points[*i]).cross(points[*k] - points[*i]).norm();
    let mut all = Vec::new();
    for (a, i) in picked.iter().enumerate() {
        for (b, j) in picked.iter().enumerate().skip(a + 1) {
            all.extend(picked.iter().skip(b + 1).map(|k| [*i, *j, *k]));
        }
    }
    all.retain(|t| area(t) > 10.0 * tolerance_mm * tolerance_mm);
    all.sort_by(|s, t| area(t).total_cmp(&area(s)));
    let mut uses = vec![0usize; points.len()];
    let most_uses = (3 * MAX_TRIANGLES).div_ceil(points.len().max(1)).max(6);
    all.retain(|t| {
        let is_fresh = t.iter().all(|i| uses[*i] < most_uses);
        t.iter().for_each(|i| uses[*i] += usize::from(is_fresh));
        is_fresh
    });
    all.truncate(MAX_TRIANGLES);
    all
}

/// Assignments kept at a time.
const MAX_KEPT: usize = 4096;

fn try_triangle<To: Frame, From: Frame>(
    measured: &[Point<To>],
    known: &[Point<From>],
    [a, b, c]: [usize; 3],
    tolerance_mm: f64,
    found: &mut Vec<Correspondence>,
) {
    let side = |i: usize, j: usize| measured[i].distance(measured[j]);
    let fits = |i: usize, j: usize, mm: f64| i != j && (known[i].distance(known[j]) - mm).abs() <= 2.0 * tolerance_mm;
    let corners = [measured[a], measured[b], measured[c]];
    for i in 0..known.len() {
        for j in (0..known.len()).filter(|j| fits(i, *j, side(a, b))) {
            for k in (0..known.len()).filter(|k| fits(j, *k, side(b, c)) && fits(*k, i, side(c, a))) {
                if found.len() >= MAX_KEPT {
                    return;
                }
                let Ok(fit) = fit_rigid(&corners, &[known[i], known[j], known[k]], None) else { continue };
                found.extend(complete(measured, known, fit.to_from, tolerance_mm));
            }
        }
    }
}

/// Gives every measured point the nearest known one within the tolerance and
/// fits again; twice, since the first pose rests on three points.
fn complete<To: Frame, From: Frame>(
    measured: &[Point<To>],
    known: &[Point<From>],
    mut pose: Transform<To, From>,
    tolerance_mm: f64,
) -> Option<Correspondence> {
    let mut result = None;
    for reach_mm in [3.0 * tolerance_mm, tolerance_mm] {
        let placed: Vec<Point<To>> = known.iter().map(|p| pose * *p).collect();
        let nearest = |point: &Point<To>| {
            let (index, mm) =
                placed.iter().enumerate().map(|(i, p)| (i, p.distance(*point))).min_by(|a, b| a.1.total_cmp(&b.1))?;
            (mm <= reach_mm).then_some(index)
        };
        let partners: Vec<Option<usize>> = measured.iter().map(nearest).collect();
        let (to, from): (Vec<Point<To>>, Vec<Point<From>>) =
            measured.iter().zip(&partners).filter_map(|(m, p)| Some((*m, known[(*p)?]))).unzip();
        let fit = fit_rigid(&to, &from, None).ok()?;
        pose = fit.to_from;
        result = Some(Correspondence { partners, rms_mm: fit.fre_mm, is_ambiguous: false });
    }
    result
}
