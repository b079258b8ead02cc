//! A pointer that touches one place after another: which stretches of a
//! recording are touches, and where its tip is.
//!
//! The tip need not be known: a stretch in which the tool was tilted about a
//! fixed point gives it away, and all such stretches together fix it.

use geom::nalgebra::Vector3;
use geom::{Frame, Point, Tool, Transform};

use super::solve::Problem;
use super::{Pivot, PivotSettings, pivot_at_places, rotation_span, unframed};
use crate::error::{CalibrationError, check_count};
use crate::rigid::{MAX_POSES, Rigid, check_points};
use crate::statistics::{mean, median, quantile};

/// When a tip counts as resting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DwellSettings {
    /// It stays within this distance of its middle, mm. Default 2.0.
    pub radius_mm: f64,
    /// For at least this long, s. Default 1.0.
    pub min_seconds: f64,
    /// Two rests nearer than this, one right after the other, are one, mm.
    /// Default 4.0.
    pub merge_mm: f64,
}

impl Default for DwellSettings {
    fn default() -> Self {
        Self { radius_mm: 2.0, min_seconds: 1.0, merge_mm: 4.0 }
    }
}

/// A stretch in which the tip rested.
#[derive(Debug, Clone, PartialEq)]
pub struct Dwell<Room: Frame> {
    /// The poses, by number; those at the edges of a touch are left out.
    pub poses: Vec<usize>,
    /// Where the tip was: the median of each coordinate.
    pub at: Point<Room>,
    /// RMS distance of the tip from there, mm.
    pub scatter_mm: f64,
    /// Angle over which the tool was tilted meanwhile, degrees.
    pub tilt_deg: f64,
}

/// Finds where a known tip rested.
///
/// * `times_s` - time of each pose, ascending, s.
///
/// # Errors
/// [`CalibrationError`] for lists of unequal length and values that are not
/// finite. Cost: linear in the poses times those of one rest.
pub fn find_dwells<Room: Frame>(
    room_from_tool: &[Transform<Room, Tool>],
    times_s: &[f64],
    tip: Point<Tool>,
    settings: &DwellSettings,
) -> Result<Vec<Dwell<Room>>, CalibrationError> {
    check_times(room_from_tool.len(), times_s)?;
    check_points(&[tip], "tip")?;
    let poses = unframed(room_from_tool)?;
    let tips: Vec<Vector3<f64>> = poses.iter().map(|p| p.apply(&tip.vector3())).collect();
    let mut stretches: Vec<(Vec<usize>, Vector3<f64>)> = Vec::new();
    let mut start = 0;
    while start < tips.len() {
        let end = rest_end(&tips, start, settings.radius_mm);
        if times_s[end - 1] - times_s[start] < settings.min_seconds {
            // Times that stand still must not make this quadratic.
            start += ((end - start) / 8).max(1);
            continue;
        }
        let poses: Vec<usize> = (start..end).collect();
        let at = middle(&tips, &poses);
        match stretches.last_mut().filter(|last| (last.1 - at).norm() < settings.merge_mm) {
            Some(last) => {
                last.0.extend(poses);
                last.1 = middle(&tips, &last.0);
            }
            None => stretches.push((poses, at)),
        }
        start = end;
    }
    Ok(stretches.into_iter().map(|(numbers, at)| dwell(&poses, &tips, numbers, at, settings)).collect())
}

fn dwell<Room: Frame>(
    poses: &[Rigid],
    tips: &[Vector3<f64>],
    mut numbers: Vec<usize>,
    at: Vector3<f64>,
    settings: &DwellSettings,
) -> Dwell<Room> {
    numbers.retain(|i| (tips[*i] - at).norm() <= settings.radius_mm);
    let squares: Vec<f64> = numbers.iter().map(|i| (tips[*i] - at).norm_squared()).collect();
    let levers: Vec<Vector3<f64>> =
        numbers.iter().filter_map(|i| (at - poses[*i].translation).try_normalize(1.0)).collect();
    let centre = levers.iter().sum::<Vector3<f64>>().try_normalize(1e-9).unwrap_or_else(Vector3::zeros);
    let angles: Vec<f64> = levers.iter().map(|l| l.dot(&centre).clamp(-1.0, 1.0).acos().to_degrees()).collect();
    let tilt = quantile(&angles, 0.95);
    Dwell {
        poses: numbers,
        at: Point::from_vector3(at),
        scatter_mm: mean(&squares).sqrt(),
        tilt_deg: if tilt.is_finite() { 2.0 * tilt } else { 0.0 },
    }
}

/// First pose after `start` at which the tip has left.
fn rest_end(tips: &[Vector3<f64>], start: usize, radius_mm: f64) -> usize {
    let mut sum = Vector3::zeros();
    for (count, tip) in tips[start..].iter().enumerate() {
        sum += tip;
        let centre = sum / (count + 1) as f64;
        // The newest and the first are the ones that stray first.
        if (tip - centre).norm() > radius_mm || (tips[start] - centre).norm() > radius_mm {
            return start + count.max(1);
        }
    }
    tips.len()
}

fn middle(tips: &[Vector3<f64>], numbers: &[usize]) -> Vector3<f64> {
    let of = |axis: usize| median(&numbers.iter().map(|i| tips[*i][axis]).collect::<Vec<_>>());
    Vector3::new(of(0), of(1), of(2))
}

/// A tip found in a recording, and the places it touched.
#[derive(Debug, Clone)]
pub struct RecordedPivot<Room: Frame> {
    /// The calibration; its pivots belong to `dwells` in order.
    pub pivot: Pivot<Room>,
    /// Rests in which the tool was tilted.
    pub dwells: Vec<Dwell<Room>>,
    /// Numbers of the poses of `pivot`, of all recorded.
    pub poses: Vec<usize>,
}

/// Share of a second in which a window of the search moves on.
const WINDOW_STEP: f64 = 0.25;
/// Length of a window, s: long enough for a tilt, short enough for one touch.
const WINDOW_S: f64 = 2.0;
/// A window's own fit has residuals below this, mm.
const MAX_WINDOW_RMS_MM: f64 = 1.5;
/// Rests with less tilt say nothing about the tip, degrees.
const MIN_TILT_DEG: f64 = 10.0;

/// Finds the tip of a pointer that pivoted at one or more unknown places of a
/// recording, without being told which stretches these are.
///
/// Windows of two seconds that fit a pivot are candidates; the tip on which
/// most windows agree gives the rests, and all rests together the tip.
///
/// # Errors
/// [`CalibrationError`] as [`pivot_at_places`]; and when nowhere in the
/// recording the tool pivots.
pub fn pivot_recording<Room: Frame>(
    room_from_tool: &[Transform<Room, Tool>],
    times_s: &[f64],
    dwell: &DwellSettings,
    settings: &PivotSettings,
) -> Result<RecordedPivot<Room>, CalibrationError> {
    let remedy = "pivot the tip in a divot for some seconds while recording";
    check_count("a pivot calibration", "poses", room_from_tool.len(), (20, MAX_POSES), remedy)?;
    check_times(room_from_tool.len(), times_s)?;
    let poses = unframed(room_from_tool)?;
    let mut tip = agreed_tip(&poses, times_s).ok_or_else(|| CalibrationError::Undetermined {
        what: "the tip",
        reason: "nowhere in the recording does the tool pivot about a fixed point".into(),
        remedy,
    })?;
    let mut found = None;
    for _ in 0..3 {
        let mut dwells = find_dwells(room_from_tool, times_s, Point::from_vector3(tip), dwell)?;
        dwells.retain(|d| d.tilt_deg >= MIN_TILT_DEG);
        let numbers: Vec<usize> = dwells.iter().flat_map(|d| d.poses.iter().copied()).collect();
        let place: Vec<usize> = dwells.iter().enumerate().flat_map(|(g, d)| d.poses.iter().map(move |_| g)).collect();
        let own: Vec<_> = numbers.iter().map(|i| room_from_tool[*i]).collect();
        let pivot = pivot_at_places(&own, &place, settings)?;
        tip = pivot.tip.vector3();
        dwells.iter_mut().zip(&pivot.pivots).for_each(|(d, p)| d.at = *p);
        found = Some(RecordedPivot { pivot, dwells, poses: numbers });
    }
    found.ok_or_else(|| CalibrationError::Undetermined { what: "the tip", reason: "no rest was found".into(), remedy })
}

/// The tip on which most windows agree.
fn agreed_tip(poses: &[Rigid], times_s: &[f64]) -> Option<Vector3<f64>> {
    let windows = windows(times_s);
    let mut candidates = Vec::new();
    for range in &windows {
        let own = &poses[range.clone()];
        let all = vec![0; own.len()];
        let problem = Problem { poses: own, group: &all, groups: 1 };
        let Some((solution, _)) = super::robust::reweighted(&problem, 12) else { continue };
        let residuals = super::solve::residuals(&problem, &solution);
        let rms = mean(&residuals.iter().map(Vector3::norm_squared).collect::<Vec<_>>()).sqrt();
        let span = rotation_span(&problem, &vec![true; own.len()]);
        if rms < MAX_WINDOW_RMS_MM && span.span_deg > MIN_TILT_DEG {
            candidates.push((solution.tip, range.clone()));
        }
    }
    let scatter = |tip: &Vector3<f64>, range: &std::ops::Range<usize>| {
        let tips: Vec<Vector3<f64>> = poses[range.clone()].iter().map(|p| p.apply(tip)).collect();
        let centre = tips.iter().sum::<Vector3<f64>>() / tips.len().max(1) as f64;
        mean(&tips.iter().map(|t| (t - centre).norm_squared()).collect::<Vec<_>>()).sqrt()
    };
    let agreement = |tip: &Vector3<f64>| {
        candidates.iter().map(|(_, range)| (scatter(tip, range) / (2.0 * MAX_WINDOW_RMS_MM)).powi(2).min(1.0)).sum()
    };
    let scored = candidates.iter().map(|(tip, _)| (agreement(tip), *tip));
    scored.min_by(|a: &(f64, _), b| a.0.total_cmp(&b.0)).map(|best| best.1)
}

/// At most this many windows are looked at, so that the search stays short.
const MAX_WINDOWS: usize = 600;

fn windows(times_s: &[f64]) -> Vec<std::ops::Range<usize>> {
    let (Some(first), Some(last)) = (times_s.first(), times_s.last()) else { return Vec::new() };
    let step = ((last - first) / MAX_WINDOWS as f64).max(WINDOW_STEP);
    let count = ((last - first) / step) as usize + 1;
    let of = |i: usize| {
        let begin = first + i as f64 * step;
        let at = |t: f64| times_s.partition_point(|own| *own < t);
        at(begin)..at(begin + WINDOW_S)
    };
    (0..count.min(MAX_WINDOWS + 1)).map(of).filter(|range| range.len() >= 10).collect()
}

/// Largest time that is taken, s; nanoseconds taken for seconds are beyond it.
const MAX_SECONDS: f64 = 1e12;

/// Refuses times that are not one a pose, finite and ascending.
pub(crate) fn check_times(poses: usize, times_s: &[f64]) -> Result<(), CalibrationError> {
    if poses != times_s.len() {
        let (left, right) = (poses, times_s.len());
        return Err(CalibrationError::Unpaired { left, left_of: "poses", right, right_of: "times" });
    }
    if let Some(index) = times_s.iter().position(|t| !t.is_finite()) {
        return Err(CalibrationError::NotFinite { of: "time", index });
    }
    if let Some(index) = times_s.iter().position(|t| t.abs() > MAX_SECONDS) {
        return Err(CalibrationError::OutOfRange { of: "time", index, limit: MAX_SECONDS, unit: "s" });
    }
    if let Some(at) = times_s.windows(2).position(|pair| pair[1] < pair[0]) {
        return Err(CalibrationError::Undetermined {
            what: "the order of the poses",
            reason: format!("time runs backwards after pose {at}"),
            remedy: "sort the recording by time, or cut it where the clock was set back",
        });
    }
    Ok(())
}
