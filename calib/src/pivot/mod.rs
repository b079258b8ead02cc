//! Pivot calibration: where the tip of a tool is in the axes of its array.
//!
//! The tip rests in a divot while the tool is tilted and turned. Promises a
//! tip with covariance and a verdict; tells slip, bending and too little
//! motion apart, because a small residual tells none of them. Does not correct
//! the tracker's systematic errors. `nav_app` calls it.
//!
//! Method: one-step algebraic least squares (Yaniv, Proc. SPIE 9415, 2015,
//! doi:10.1117/12.2081348), then graduated reweighting, rejection with a full
//! refit, and weights along and across the lever estimated from the residuals.

mod recording;
mod robust;
mod solve;
mod span;
mod spin;
mod steps;
#[cfg(test)]
mod tests;

use geom::nalgebra::{Matrix3, Vector3};
use geom::{Frame, Point, Tool, Transform};

use crate::error::{CalibrationError, check_count};
use crate::rigid::{MAX_POSES, Rigid, rigids};
use crate::statistics::{correlation_time, rms};
use crate::verdict::{Judgement, Verdict};

pub(crate) use recording::check_times;
pub use recording::{Dwell, DwellSettings, RecordedPivot, find_dwells, pivot_recording};
pub use solve::PivotNoise;
pub use span::RotationSpan;
pub(crate) use span::span_of;
pub(crate) use spin::{MAX_WOBBLE_DEG, MIN_TURN_DEG};
pub use spin::{Spin, spin, tool_from_tip};
pub use steps::{Moved, Step};

use robust::{Fit, fit};
use solve::Problem;
use span::rotation_span;

/// Settings of [`pivot`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PivotSettings {
    /// Smaller spans of the rotation are doubted, two thirds of it rejected,
    /// degrees. Default 30.
    pub min_span_deg: f64,
    /// Fewer poses that agree are doubted. Default 40: two seconds at 20 Hz.
    pub min_poses: usize,
    /// Larger residuals (RMS distance) are doubted, twice as much rejected, mm.
    /// Default 1.5.
    pub max_rms_mm: f64,
    /// A larger predicted error of the tip (RMS distance) is doubted, twice as
    /// much rejected, mm. Default 0.3.
    pub max_tip_error_mm: f64,
    /// Larger steps and bends are doubted, twice as much rejected, mm. Default 0.7.
    pub max_step_mm: f64,
    /// A smaller share of poses that agree is doubted, two thirds of it
    /// rejected. Default 0.75.
    pub min_inlier_share: f64,
}

impl Default for PivotSettings {
    fn default() -> Self {
        Self {
            min_span_deg: 30.0,
            min_poses: 40,
            max_rms_mm: 1.5,
            max_tip_error_mm: 0.3,
            max_step_mm: 0.7,
            min_inlier_share: 0.75,
        }
    }
}

/// A calibrated tip and its evidence. `Room` is the frame the poses lead into.
#[derive(Debug, Clone)]
pub struct Pivot<Room: Frame> {
    /// The tip, mm.
    pub tip: Point<Tool>,
    /// Its covariance, mm^2, from the residuals, their weights and how many
    /// of them are independent.
    pub tip_covariance_mm2: Matrix3<f64>,
    /// Where the tip rested; one for each place.
    pub pivots: Vec<Point<Room>>,
    /// Covariance of each, mm^2.
    pub pivot_covariances_mm2: Vec<Matrix3<f64>>,
    /// Distance of the tip from its pivot at every pose, mm.
    pub residuals_mm: Vec<f64>,
    /// Which poses the result rests on.
    pub is_inlier: Vec<bool>,
    /// RMS of the residuals of those, mm.
    pub rms_mm: f64,
    /// Noise along and across the lever, mm an axis.
    pub noise: PivotNoise,
    /// How far the tool was turned.
    pub span: RotationSpan,
    /// A sudden movement, if there was one.
    pub step: Option<Step>,
    /// How far the tip goes sideways at the largest tilt, mm; 0 when that is
    /// not told from noise.
    pub bend_mm: f64,
    /// What it is worth.
    pub judgement: Judgement,
}

impl<Room: Frame> Pivot<Room> {
    /// Predicted error of the tip: RMS distance, mm.
    #[must_use]
    pub fn tip_error_mm(&self) -> f64 {
        self.tip_covariance_mm2.trace().max(0.0).sqrt()
    }

    /// Poses the result rests on.
    #[must_use]
    pub fn inliers(&self) -> usize {
        self.is_inlier.iter().filter(|inlier| **inlier).count()
    }
}

/// Finds the tip from poses of a tool that pivots in one place.
///
/// * `room_from_tool` - poses in the order recorded, mm; of the tracker, or
///   better of a reference fixed beside the divot.
///
/// # Errors
/// [`CalibrationError`] for fewer than six poses, more than 200 000, values
/// that are not finite, or a tool that was not turned at all. A poor result is
/// no error: see [`Pivot::judgement`].
///
/// Cost: linear; about 1 ms for 500 poses.
///
/// ```
/// use geom::{Tool, Tracker, Transform, nalgebra::{UnitQuaternion, Vector3}};
/// let (tip, divot) = (Vector3::new(0.0, 10.0, -150.0), Vector3::new(50.0, -30.0, -1200.0));
/// let pose = |i: u32| {
///     let (a, b) = (f64::from(i) * 0.7, f64::from(i) * 0.31);
///     let turn = UnitQuaternion::from_scaled_axis(Vector3::new(0.6 * a.sin(), 0.6 * a.cos(), b.sin()));
///     Transform::<Tracker, Tool>::new(turn, divot - turn * tip)
/// };
/// let poses: Vec<_> = (0..60).map(pose).collect();
/// let found = calib::pivot(&poses, &calib::PivotSettings::default()).unwrap();
/// assert!((found.tip.vector3() - tip).norm() < 1e-6 && found.judgement.verdict() == calib::Verdict::Accept);
/// ```
pub fn pivot<Room: Frame>(
    room_from_tool: &[Transform<Room, Tool>],
    settings: &PivotSettings,
) -> Result<Pivot<Room>, CalibrationError> {
    pivot_at_places(room_from_tool, &vec![0; room_from_tool.len()], settings)
}

/// [`pivot`] for a tool that pivoted in several places.
///
/// * `place` - number of the place of each pose, from 0 without gaps; all
///   places together fix the tip, so a little tilt at each is enough.
///
/// # Errors
/// As [`pivot`], and for lists of unequal length.
pub fn pivot_at_places<Room: Frame>(
    room_from_tool: &[Transform<Room, Tool>],
    place: &[usize],
    settings: &PivotSettings,
) -> Result<Pivot<Room>, CalibrationError> {
    const WHAT: &str = "a pivot calibration";
    let remedy = "tilt the tool in its divot for ten seconds";
    check_count(WHAT, "poses", room_from_tool.len(), (6, MAX_POSES), remedy)?;
    if place.len() != room_from_tool.len() {
        let (left, right) = (room_from_tool.len(), place.len());
        return Err(CalibrationError::Unpaired { left, left_of: "poses", right, right_of: "numbers of places" });
    }
    let groups = place.iter().max().map_or(0, |most| most + 1);
    check_count(WHAT, "places", groups, (1, room_from_tool.len().min(1000)), remedy)?;
    let poses = rigids(room_from_tool, "pose")?;
    let problem = Problem { poses: &poses, group: place, groups };
    let fit = fit(&problem).ok_or_else(|| CalibrationError::Undetermined {
        what: "the tip",
        reason: "the tool was not turned".into(),
        remedy: "keep the tip in its divot and tilt the tool by 30 degrees and more to all sides",
    })?;
    Ok(judged(&problem, fit, settings))
}

/// Adds up the evidence.
fn judged<Room: Frame>(problem: &Problem<'_>, fit: Fit, settings: &PivotSettings) -> Pivot<Room> {
    let step = steps::find_step(problem, &fit, settings.max_step_mm);
    let bend = steps::bending(problem, &fit).filter(|(_, deviations)| *deviations > 6.0);
    let inlying: Vec<Vector3<f64>> =
        fit.residuals.iter().zip(&fit.is_inlier).filter(|(_, inlier)| **inlier).map(|(r, _)| *r).collect();
    let inflation = correlation_time(&inlying.iter().map(|r| (*r).into()).collect::<Vec<_>>());
    let mut found = Pivot {
        tip: Point::from_vector3(fit.solution.tip),
        tip_covariance_mm2: fit.solution.tip_covariance * inflation,
        pivots: fit.solution.pivots.iter().map(|p| Point::from_vector3(*p)).collect(),
        pivot_covariances_mm2: fit.solution.pivot_covariances.iter().map(|c| c * inflation).collect(),
        residuals_mm: fit.residuals.iter().map(Vector3::norm).collect(),
        rms_mm: rms(&inlying.iter().map(Vector3::norm).collect::<Vec<_>>()),
        noise: fit.noise,
        span: rotation_span(problem, &fit.is_inlier),
        is_inlier: fit.is_inlier,
        step,
        bend_mm: bend.map_or(0.0, |(mm, _)| mm),
        judgement: Judgement::default(),
    };
    found.judgement = judgement(&found, settings);
    found
}

fn judgement<Room: Frame>(found: &Pivot<Room>, settings: &PivotSettings) -> Judgement {
    let mut judgement = Judgement::default();
    let (span, wanted) = (found.span.span_deg, settings.min_span_deg);
    let [x, y, z] = found.span.weakest;
    let reason = format!("rotations span {span:.0} deg, at least {wanted:.0} are needed");
    let remedy = format!("tilt the tool further; its direction ({x:.2}, {y:.2}, {z:.2}) turned least");
    judgement.at_least(span, (wanted, wanted * 2.0 / 3.0), reason, &remedy);
    let share = found.inliers() as f64 / found.is_inlier.len().max(1) as f64;
    let wanted = settings.min_inlier_share;
    let reason = format!("{:.0} % of the poses agree, {:.0} % are wanted", share * 100.0, wanted * 100.0);
    judgement.at_least(share, (wanted, wanted * 2.0 / 3.0), reason, "keep the tip in its divot all the time");
    if let Some(step) = &found.step {
        let (what, remedy) = match step.moved {
            Moved::Pivot => ("the tip slipped", "press the tip into its divot, fix the divot, and record again"),
            Moved::Tip => {
                ("the tip moved in the tool", "check the shaft and the screws of the array, and record again")
            }
        };
        let reason = format!("{what} by {:.1} mm at about pose {}", step.shift_mm, step.at_pose);
        judgement.at_most(step.shift_mm, (settings.max_step_mm, 2.0 * settings.max_step_mm), reason, remedy);
    }
    let reason = format!("the shaft bends: the tip goes {:.1} mm sideways with the tilt", found.bend_mm);
    let remedy = "hold the tool lightly, or near its tip, and record again; a soft shaft cannot be calibrated";
    judgement.at_most(found.bend_mm, (settings.max_step_mm, 2.0 * settings.max_step_mm), reason, remedy);
    let reason = format!("residuals of {:.2} mm RMS, {:.2} are usual at most", found.rms_mm, settings.max_rms_mm);
    let remedy = "look for a loose array, markers that are covered, or a divot that is too wide";
    judgement.at_most(found.rms_mm, (settings.max_rms_mm, 2.0 * settings.max_rms_mm), reason, remedy);
    let error = found.tip_error_mm();
    let reason = format!("the tip is known to {error:.2} mm, {:.2} are wanted", settings.max_tip_error_mm);
    let limits = (settings.max_tip_error_mm, 2.0 * settings.max_tip_error_mm);
    judgement.at_most(error, limits, reason, "record longer and tilt further");
    if found.inliers() < settings.min_poses {
        let reason = format!("{} poses agree, {} are wanted", found.inliers(), settings.min_poses);
        judgement.add(Verdict::Doubtful, reason, "record longer");
    }
    judgement
}

/// Poses as the solver takes them; for the recordings.
pub(crate) fn unframed<Room: Frame>(poses: &[Transform<Room, Tool>]) -> Result<Vec<Rigid>, CalibrationError> {
    rigids(poses, "pose")
}
