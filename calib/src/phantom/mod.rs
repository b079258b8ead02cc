//! Accuracy test of a tracked pointer on a phantom with divots, in the manner
//! of ASTM F2554-22 (*Standard Practice for Measurement of Positional Accuracy
//! of Computer-Assisted Surgical Systems*).
//!
//! Bias and precision are kept apart: bias is where the mean of many touches
//! of a divot lies, precision how single touches scatter about their mean.
//! Distances between divots need no registration and hide nothing in it.
//! Promises the figures, not a certificate: the standard's phantom drawing and
//! its protocol of placements are not part of this program.

mod simulate;
#[cfg(test)]
mod tests;

use geom::nalgebra::Vector3;
use geom::{Frame, Point, PoseCovariance, Transform};

use crate::error::{CalibrationError, check_count};
use crate::landmarks::{LandmarkSettings, landmarks};
use crate::rigid::check_points;
use crate::statistics::{mean, quantile, rms};
use crate::verdict::{Judgement, Verdict};

pub use simulate::{PhantomScene, stepped_phantom};

/// One touch of a divot: the tip's position, averaged over the touch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Touch<Room: Frame> {
    /// Number of the divot in the geometry.
    pub divot: usize,
    /// Where the tip was, mm.
    pub at: Point<Room>,
}

/// Settings of [`phantom_accuracy`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PhantomSettings {
    /// A larger mean error is doubted, twice as much rejected, mm. Default 1.0.
    pub max_mean_mm: f64,
    /// A larger single error is doubted, twice as much rejected, mm. Default 2.0.
    pub max_single_mm: f64,
    /// Fewer divots are doubted. Default 8.
    pub min_divots: usize,
    /// Fewer touches of a divot say nothing about precision. Default 3.
    pub min_touches: usize,
}

impl Default for PhantomSettings {
    fn default() -> Self {
        Self { max_mean_mm: 1.0, max_single_mm: 2.0, min_divots: 8, min_touches: 3 }
    }
}

/// Mean, spread and tail of errors, mm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorSummary {
    /// How many.
    pub count: usize,
    /// Mean.
    pub mean_mm: f64,
    /// Standard deviation about the mean.
    pub sd_mm: f64,
    /// Root mean square.
    pub rms_mm: f64,
    /// 95 % quantile of the size.
    pub p95_mm: f64,
    /// Largest size.
    pub max_mm: f64,
}

impl ErrorSummary {
    fn of(errors: &[f64]) -> Self {
        let mean_mm = mean(errors);
        let deviations: Vec<f64> = errors.iter().map(|e| e - mean_mm).collect();
        let sizes: Vec<f64> = errors.iter().map(|e| e.abs()).collect();
        let freedom = errors.len().saturating_sub(1).max(1) as f64;
        Self {
            count: errors.len(),
            mean_mm,
            sd_mm: (deviations.iter().map(|d| d * d).sum::<f64>() / freedom).sqrt(),
            rms_mm: rms(errors),
            p95_mm: quantile(&sizes, 0.95),
            max_mm: quantile(&sizes, 1.0),
        }
    }
}

/// What the touches of one divot say.
#[derive(Debug, Clone, PartialEq)]
pub struct DivotAccuracy {
    /// Its number in the geometry.
    pub divot: usize,
    /// Touches.
    pub touches: usize,
    /// Mean of the touches minus the true place, in the phantom's axes, mm.
    pub bias_mm: [f64; 3],
    /// Standard deviation of single touches about their mean (RMS distance),
    /// mm; `None` below the least number of touches.
    pub precision_mm: Option<f64>,
    /// Largest distance between two touches, mm.
    pub range_mm: f64,
    /// Distance of the mean from where the other divots put it, mm.
    pub held_out_mm: Option<f64>,
}

/// The accuracy of a pointer on a phantom.
#[derive(Debug, Clone)]
pub struct PhantomAccuracy<Room: Frame, Phantom: Frame> {
    /// Registration of the phantom by the means of its divots.
    pub room_from_phantom: Transform<Room, Phantom>,
    /// Its covariance.
    pub covariance: PoseCovariance,
    /// Every touched divot, in the geometry's order.
    pub divots: Vec<DivotAccuracy>,
    /// Distance of every single touch from its divot after registration.
    pub single: ErrorSummary,
    /// Size of the bias of each divot.
    pub bias: ErrorSummary,
    /// Precision pooled over all divots (RMS distance from their means), mm.
    pub precision_mm: Option<f64>,
    /// Measured minus true distance of every pair of divots, of single touches.
    pub distances: ErrorSummary,
    /// As [`Self::bias`], each divot left out of the registration.
    pub held_out: Option<ErrorSummary>,
    /// Distance of every touch from its divot, mm, in the order given.
    pub residuals_mm: Vec<f64>,
    /// What it is worth.
    pub judgement: Judgement,
}

/// Pairs of touches at most that enter the distances, evenly from all.
const MAX_DISTANCES: usize = 200_000;

/// Compares touches with the geometry of the phantom.
///
/// * `divots` - true places, mm, in the phantom's axes.
/// * `touches` - in the axes of a reference fixed to the phantom.
///
/// # Errors
/// [`CalibrationError`] for fewer than four different divots, numbers beyond
/// the geometry, values that are not finite, or divots on a line.
/// Cost: quadratic in touches up to a bound.
pub fn phantom_accuracy<Room: Frame, Phantom: Frame>(
    divots: &[Point<Phantom>],
    touches: &[Touch<Room>],
    settings: &PhantomSettings,
) -> Result<PhantomAccuracy<Room, Phantom>, CalibrationError> {
    const WHAT: &str = "an accuracy test";
    check_count(WHAT, "divots in the geometry", divots.len(), (4, 10_000), "give the phantom's geometry file")?;
    check_count(WHAT, "touches", touches.len(), (4, 100_000), "touch the divots one after another")?;
    check_points(divots, "divot")?;
    check_points(&touches.iter().map(|t| t.at).collect::<Vec<_>>(), "touch")?;
    if let Some(index) = touches.iter().position(|t| t.divot >= divots.len()) {
        let limit = divots.len() as f64;
        return Err(CalibrationError::OutOfRange { of: "the divot of touch", index, limit, unit: "divots" });
    }
    let mut of_divot: Vec<Vec<Vector3<f64>>> = vec![Vec::new(); divots.len()];
    touches.iter().for_each(|t| of_divot[t.divot].push(t.at.vector3()));
    let touched: Vec<usize> = (0..divots.len()).filter(|d| !of_divot[*d].is_empty()).collect();
    check_count(WHAT, "different divots", touched.len(), (4, 10_000), "touch more divots")?;
    let mean_of = |d: &usize| of_divot[*d].iter().sum::<Vector3<f64>>() / of_divot[*d].len() as f64;
    let means: Vec<Point<Room>> = touched.iter().map(|d| Point::from_vector3(mean_of(d))).collect();
    let truth: Vec<Point<Phantom>> = touched.iter().map(|d| divots[*d]).collect();
    let fit = landmarks(&means, &truth, None, &LandmarkSettings { min_fle_mm: 0.01, ..LandmarkSettings::FIDUCIALS })?;
    let phantom_from_room = fit.to_from.inverse();
    let rows: Vec<DivotAccuracy> = touched
        .iter()
        .zip(&means)
        .enumerate()
        .map(|(place, (divot, middle))| DivotAccuracy {
            divot: *divot,
            touches: of_divot[*divot].len(),
            bias_mm: (phantom_from_room * *middle - divots[*divot]).to_array(),
            precision_mm: precision(&of_divot[*divot], settings.min_touches),
            range_mm: range(&of_divot[*divot]),
            held_out_mm: held_out(&means, &truth, place),
        })
        .collect();
    let residuals_mm: Vec<f64> = touches.iter().map(|t| (phantom_from_room * t.at).distance(divots[t.divot])).collect();
    let biases: Vec<f64> = rows.iter().map(|d| Vector3::from(d.bias_mm).norm()).collect();
    let held: Vec<f64> = rows.iter().filter_map(|d| d.held_out_mm).collect();
    let mut found = PhantomAccuracy {
        room_from_phantom: fit.to_from,
        covariance: fit.covariance,
        single: ErrorSummary::of(&residuals_mm),
        bias: ErrorSummary::of(&biases),
        precision_mm: pooled(&of_divot, settings.min_touches),
        distances: ErrorSummary::of(&distances(divots, touches)),
        held_out: (!held.is_empty()).then(|| ErrorSummary::of(&held)),
        divots: rows,
        residuals_mm,
        judgement: Judgement::default(),
    };
    found.judgement = judgement(&found, settings);
    Ok(found)
}

fn squares(touches: &[Vector3<f64>]) -> f64 {
    let middle = touches.iter().sum::<Vector3<f64>>() / touches.len() as f64;
    touches.iter().map(|t| (t - middle).norm_squared()).sum()
}

fn precision(touches: &[Vector3<f64>], least: usize) -> Option<f64> {
    (touches.len() >= least.max(2)).then(|| (squares(touches) / (touches.len() - 1) as f64).sqrt())
}

fn pooled(of_divot: &[Vec<Vector3<f64>>], least: usize) -> Option<f64> {
    let repeated: Vec<&Vec<Vector3<f64>>> = of_divot.iter().filter(|t| t.len() >= least.max(2)).collect();
    let freedom: usize = repeated.iter().map(|t| t.len() - 1).sum();
    (freedom > 0).then(|| (repeated.iter().map(|t| squares(t)).sum::<f64>() / freedom as f64).sqrt())
}

fn range(touches: &[Vector3<f64>]) -> f64 {
    let from = |i: usize| touches.iter().skip(i + 1).map(move |other| (touches[i] - other).norm());
    (0..touches.len().min(1000)).flat_map(from).fold(0.0, f64::max)
}

fn held_out<Room: Frame, Phantom: Frame>(means: &[Point<Room>], truth: &[Point<Phantom>], place: usize) -> Option<f64> {
    if means.len() < 5 || means.len() > 500 {
        return None;
    }
    let weights: Vec<f64> = (0..means.len()).map(|i| f64::from(u8::from(i != place))).collect();
    let fit = geom::fit_rigid(means, truth, Some(&weights)).ok()?;
    Some(means[place].distance(fit.to_from * truth[place]))
}

/// Measured minus true distances of touches of different divots.
fn distances<Room: Frame, Phantom: Frame>(divots: &[Point<Phantom>], touches: &[Touch<Room>]) -> Vec<f64> {
    let pairs = touches.len() * touches.len().saturating_sub(1) / 2;
    let stride = pairs.div_ceil(MAX_DISTANCES).max(1);
    let from = |i: usize| touches.iter().skip(i + 1).map(move |other| (touches[i], *other));
    (0..touches.len())
        .flat_map(from)
        .step_by(stride)
        .filter(|(a, b)| a.divot != b.divot)
        .map(|(a, b)| a.at.distance(b.at) - divots[a.divot].distance(divots[b.divot]))
        .collect()
}

fn judgement<R: Frame, P: Frame>(found: &PhantomAccuracy<R, P>, settings: &PhantomSettings) -> Judgement {
    let mut judgement = Judgement::default();
    let (mean_mm, limit) = (found.single.mean_mm, settings.max_mean_mm);
    let reason = format!("the mean error is {mean_mm:.2} mm, {limit:.2} are allowed");
    let remedy = "calibrate the pointer again; move the phantom to the middle of the tracker's volume";
    judgement.at_most(mean_mm, (limit, 2.0 * limit), reason, remedy);
    let (max_mm, limit) = (found.single.max_mm, settings.max_single_mm);
    let worst = found.residuals_mm.iter().position(|r| *r >= max_mm).map_or(0, |i| i + 1);
    let reason = format!("touch {worst} is off by {max_mm:.2} mm, {limit:.2} are allowed");
    judgement.at_most(max_mm, (limit, 2.0 * limit), reason, "repeat that touch, the tip well in its divot");
    if found.divots.len() < settings.min_divots {
        let reason = format!("{} divots were touched, {} are wanted", found.divots.len(), settings.min_divots);
        judgement.add(Verdict::Doubtful, reason, "touch divots on all steps of the phantom");
    }
    if found.precision_mm.is_none() {
        let reason = format!("no divot was touched {} times, so precision is unknown", settings.min_touches);
        judgement.add(Verdict::Doubtful, reason, "touch at least one divot again and again, tilting the pointer");
    }
    judgement
}
