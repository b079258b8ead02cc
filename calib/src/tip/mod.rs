//! A tip from touching known landmarks: tip and phantom together.
//!
//! Pivoting cannot tell a longer tool from a tip that slides in its divot with
//! the tilt. Landmarks whose distances are known can: the tip must bring every
//! touch onto its landmark, whatever the tool's orientation there was. Each
//! touch counts once, by its mean, because what is wrong with a touch is wrong
//! with all its frames. What pivoting within the touches says joins in when
//! both agree, and is told and left out when they do not.
//!
//! Promises tip, pose of the phantom, covariances and a verdict. Believes the
//! geometry of the phantom: a scaled drawing becomes a wrong tip, and shows as
//! misfit. `nav_app` calls it.

mod fit;
mod recording;
#[cfg(test)]
mod tests;

use geom::nalgebra::{Matrix3, Vector3};
use geom::{Frame, Point, PoseCovariance, Tool, Transform};

use crate::error::{CalibrationError, check_count};
use crate::pivot::{PivotSettings, RotationSpan, pivot_at_places, span_of};
use crate::rigid::{MAX_POSES, Rigid, check_points, rigids};
use crate::statistics::{chi_square, rms};
use crate::verdict::{Judgement, Verdict};

pub use recording::{RecordedTip, TipSearch, tip_from_recording};

use fit::{Pivoted, Solution, Touch};

/// A landmark, and the poses in which the tip rested on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TouchedLandmark {
    /// Number of the landmark, from 0.
    pub landmark: usize,
    /// Numbers of the poses.
    pub poses: Vec<usize>,
}

/// When a tip from landmarks is doubted; twice (or two thirds of) it rejects.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TipSettings {
    /// Fewest touches that agree. Default 6.
    pub min_touches: usize,
    /// Smallest share of touches that agree. Default 0.75.
    pub min_inlier_share: f64,
    /// Largest misfit of a touch, RMS distance, mm. Default 0.7.
    pub max_rms_mm: f64,
    /// Largest predicted error of the tip, RMS distance, mm. Default 0.3.
    pub max_tip_error_mm: f64,
    /// Largest distance from the tip that pivoting in the touches gives, where
    /// noise does not explain it, mm. Default 0.5; beyond it is doubted only.
    pub max_pivot_apart_mm: f64,
}

impl Default for TipSettings {
    fn default() -> Self {
        Self { min_touches: 6, min_inlier_share: 0.75, max_rms_mm: 0.7, max_tip_error_mm: 0.3, max_pivot_apart_mm: 0.5 }
    }
}

/// What pivoting within the touches says of the same tip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PivotedTip {
    /// That tip, mm.
    pub tip: Point<Tool>,
    /// Its predicted error, RMS distance, mm; knows no slide.
    pub error_mm: f64,
    /// How far it lies from the tip by landmarks alone, mm; `None` where these
    /// alone give none.
    pub apart_mm: Option<f64>,
    /// It is part of the result.
    pub is_used: bool,
}

/// A tip from landmarks and its evidence.
#[derive(Debug, Clone)]
pub struct LandmarkTip<Room: Frame, Phantom: Frame> {
    /// The tip, mm.
    pub tip: Point<Tool>,
    /// Its covariance, mm^2.
    pub tip_covariance_mm2: Matrix3<f64>,
    /// Where the phantom is.
    pub room_from_phantom: Transform<Room, Phantom>,
    /// Its covariance.
    pub covariance: PoseCovariance,
    /// Distance of the mean tip from its landmark, of every touch, mm.
    pub residuals_mm: Vec<f64>,
    /// Which touches the result rests on.
    pub is_inlier: Vec<bool>,
    /// RMS of the residuals of those, mm.
    pub rms_mm: f64,
    /// How far the tool was turned, from touch to touch and within them.
    pub span: RotationSpan,
    /// What pivoting says, where the touches allow it.
    pub pivoted: Option<PivotedTip>,
    /// What it is worth.
    pub judgement: Judgement,
}

impl<Room: Frame, Phantom: Frame> LandmarkTip<Room, Phantom> {
    /// Predicted error of the tip: RMS distance, mm.
    #[must_use]
    pub fn tip_error_mm(&self) -> f64 {
        self.tip_covariance_mm2.trace().max(0.0).sqrt()
    }

    /// Touches the result rests on.
    #[must_use]
    pub fn inliers(&self) -> usize {
        self.is_inlier.iter().filter(|inlier| **inlier).count()
    }
}

const WHAT: &str = "a tip from landmarks";
/// Nine numbers are searched for, and a touch gives three.
const MIN_TOUCHES: usize = 4;
/// Most touches.
const MAX_TOUCHES: usize = 1000;

/// Finds tip and phantom from touches whose landmarks are known.
///
/// * `room_from_tool` - poses, mm; of the tracker, or better of a reference
///   fixed to the phantom.
/// * `touches` - which poses touched which landmark; a landmark may be touched
///   again, best with the tool held differently.
/// * `landmarks` - true places, mm.
///
/// # Errors
/// [`CalibrationError`] for fewer than four touches or three landmarks,
/// numbers beyond the lists, values that are not finite, landmarks on a line,
/// or a tool that was never turned. A poor result is no error: see
/// [`LandmarkTip::judgement`]. Cost: linear in the poses, milliseconds.
pub fn tip_from_landmarks<Room: Frame, Phantom: Frame>(
    room_from_tool: &[Transform<Room, Tool>],
    touches: &[TouchedLandmark],
    landmarks: &[Point<Phantom>],
    settings: &TipSettings,
) -> Result<LandmarkTip<Room, Phantom>, CalibrationError> {
    check(room_from_tool.len(), touches, landmarks)?;
    let poses = rigids(room_from_tool, "pose")?;
    let means: Vec<Touch> = touches.iter().map(|touch| mean_touch(&poses, touch, landmarks)).collect();
    let pivoted = pivoted(room_from_tool, touches);
    let alone = fit::fit(&means, pivoted.as_ref().map(|p| p.tip), None);
    let (apart_mm, agrees) = match (&alone, &pivoted) {
        (Some(alone), Some(pivoted)) => {
            let apart = pivoted.tip - alone.tip;
            let spread = (alone.tip_covariance + fit::with_slide(pivoted, alone.sigma_mm)).try_inverse();
            let distance = spread.map_or(f64::INFINITY, |inverse| apart.dot(&(inverse * apart)));
            (Some(apart.norm()), distance <= chi_square(3.0, 3.09))
        }
        _ => (None, true),
    };
    let used = pivoted.as_ref().filter(|_| agrees);
    let solution = used.and_then(|used| fit::fit(&means, Some(used.tip), Some(used))).or(alone);
    let solution = solution.ok_or_else(|| CalibrationError::Undetermined {
        what: "the tip",
        reason: "the tool was held alike at all landmarks, or the landmarks lie on a line".into(),
        remedy: "touch at least six landmarks that span a volume, with the tool tilted differently at each",
    })?;
    let pivoted = pivoted.as_ref().map(|p| PivotedTip {
        tip: Point::from_vector3(p.tip),
        error_mm: p.covariance.trace().max(0.0).sqrt(),
        apart_mm,
        is_used: agrees,
    });
    Ok(judged(&poses, touches, solution, pivoted, settings))
}

fn check<Phantom: Frame>(
    poses: usize,
    touches: &[TouchedLandmark],
    landmarks: &[Point<Phantom>],
) -> Result<(), CalibrationError> {
    let remedy = "touch six landmarks and more, with the tool tilted differently at each";
    check_count(WHAT, "poses", poses, (MIN_TOUCHES, MAX_POSES), remedy)?;
    check_count(WHAT, "touches", touches.len(), (MIN_TOUCHES, MAX_TOUCHES), remedy)?;
    check_points(landmarks, "landmark")?;
    let beyond = |touch: &&TouchedLandmark| {
        touch.landmark >= landmarks.len() || touch.poses.is_empty() || touch.poses.iter().any(|pose| *pose >= poses)
    };
    if let Some(touch) = touches.iter().find(beyond) {
        return Err(CalibrationError::Undetermined {
            what: "a touch",
            reason: format!(
                "it names landmark {} of {} and {} of {poses} poses",
                touch.landmark + 1,
                landmarks.len(),
                touch.poses.len()
            ),
            remedy: "check the numbers of landmarks and poses",
        });
    }
    let mut numbers: Vec<usize> = touches.iter().map(|touch| touch.landmark).collect();
    numbers.sort_unstable();
    numbers.dedup();
    check_count(WHAT, "different landmarks", numbers.len(), (3, MAX_TOUCHES), remedy)
}

fn mean_touch<Phantom: Frame>(poses: &[Rigid], touch: &TouchedLandmark, landmarks: &[Point<Phantom>]) -> Touch {
    let count = touch.poses.len() as f64;
    let sum = touch.poses.iter().fold((Matrix3::zeros(), Vector3::zeros()), |(rotation, translation), i| {
        (rotation + poses[*i].rotation, translation + poses[*i].translation)
    });
    Touch { rotation: sum.0 / count, translation: sum.1 / count, landmark: landmarks[touch.landmark].vector3() }
}

/// The tip that pivots within each touch, the touches themselves left out.
fn pivoted<Room: Frame>(room_from_tool: &[Transform<Room, Tool>], touches: &[TouchedLandmark]) -> Option<Pivoted> {
    let numbers = touches.iter().flat_map(|touch| touch.poses.iter().copied());
    let own: Vec<Transform<Room, Tool>> = numbers.map(|i| room_from_tool[i]).collect();
    let place: Vec<usize> =
        touches.iter().enumerate().flat_map(|(g, touch)| touch.poses.iter().map(move |_| g)).collect();
    let found = pivot_at_places(&own, &place, &PivotSettings::default()).ok()?;
    // Less tilt than this says nothing about the tip.
    let is_turned = found.span.span_deg >= 10.0 && found.tip_error_mm() < 5.0;
    is_turned.then(|| Pivoted { tip: found.tip.vector3(), covariance: found.tip_covariance_mm2 })
}

fn judged<Room: Frame, Phantom: Frame>(
    poses: &[Rigid],
    touches: &[TouchedLandmark],
    solution: Solution,
    pivoted: Option<PivotedTip>,
    settings: &TipSettings,
) -> LandmarkTip<Room, Phantom> {
    let residuals_mm: Vec<f64> = solution.residuals.iter().map(Vector3::norm).collect();
    let inlying = residuals_mm.iter().zip(&solution.is_inlier).filter(|(_, inlier)| **inlier);
    let used: Vec<Rigid> = touches
        .iter()
        .zip(&solution.is_inlier)
        .filter(|(_, inlier)| **inlier)
        .flat_map(|(touch, _)| touch.poses.iter().map(|i| poses[*i]))
        .collect();
    let mut found = LandmarkTip {
        tip: Point::from_vector3(solution.tip),
        tip_covariance_mm2: solution.tip_covariance,
        room_from_phantom: solution.phantom.transform(),
        covariance: PoseCovariance::new(solution.phantom_covariance).unwrap_or_else(PoseCovariance::zero),
        rms_mm: rms(&inlying.map(|(r, _)| *r).collect::<Vec<_>>()),
        residuals_mm,
        is_inlier: solution.is_inlier,
        span: span_of(&used),
        pivoted,
        judgement: Judgement::default(),
    };
    found.judgement = judgement(&found, touches, settings);
    found
}

fn judgement<Room: Frame, Phantom: Frame>(
    found: &LandmarkTip<Room, Phantom>,
    touches: &[TouchedLandmark],
    settings: &TipSettings,
) -> Judgement {
    let mut judgement = Judgement::default();
    let (inliers, all) = (found.inliers(), found.is_inlier.len());
    if inliers < settings.min_touches {
        let reason = format!("{inliers} touches agree, {} are wanted", settings.min_touches);
        judgement.add(Verdict::Doubtful, reason, "touch more landmarks, or the same again with the tool turned");
    }
    let share = inliers as f64 / all.max(1) as f64;
    let reason = format!("{inliers} of {all} touches agree{}", worst(found, touches));
    let limits = (settings.min_inlier_share, settings.min_inlier_share * 2.0 / 3.0);
    judgement.at_least(share, limits, reason, "check the numbers of the landmarks and the geometry file");
    let limit = settings.max_rms_mm;
    let reason = format!("touches miss their landmarks by {:.2} mm RMS, {limit:.2} are usual at most", found.rms_mm);
    let remedy = "check the geometry file and its unit, and that the tip fits the landmarks";
    judgement.at_most(found.rms_mm, (limit, 2.0 * limit), reason, remedy);
    let (error, limit) = (found.tip_error_mm(), settings.max_tip_error_mm);
    let [x, y, z] = found.span.weakest;
    let reason = format!("the tip is known to {error:.2} mm, {limit:.2} are wanted");
    let remedy = format!(
        "touch more landmarks, with the tool tilted further from one to the next; its direction ({x:.2}, {y:.2}, \
         {z:.2}) turned least ({:.0} deg)",
        found.span.span_deg
    );
    judgement.at_most(error, (limit, 2.0 * limit), reason, &remedy);
    if let Some((pivoted, apart)) = found.pivoted.filter(|p| !p.is_used).and_then(|p| Some((p, p.apart_mm?)))
        && apart > settings.max_pivot_apart_mm
    {
        let reason = format!(
            "pivoting in the touches puts the tip {apart:.1} mm elsewhere (and promises {:.2} mm): the tip slides, or \
             the geometry is another phantom's; the landmarks were believed",
            pivoted.error_mm
        );
        judgement.add(Verdict::Doubtful, reason, "check the tip on another known point (`calibrate phantom --tip`)");
    }
    judgement
}

/// Names the touch that is worst among those left out.
fn worst<Room: Frame, Phantom: Frame>(found: &LandmarkTip<Room, Phantom>, touches: &[TouchedLandmark]) -> String {
    let left_out = found.residuals_mm.iter().zip(&found.is_inlier).enumerate().filter(|(_, (_, inlier))| !**inlier);
    let worst = left_out.max_by(|a, b| a.1.0.total_cmp(b.1.0));
    worst.and_then(|(i, (mm, _))| Some((i, mm, touches.get(i)?))).map_or_else(String::new, |(i, mm, touch)| {
        format!("; touch {} misses landmark {} by {mm:.1} mm", i + 1, touch.landmark + 1)
    })
}
