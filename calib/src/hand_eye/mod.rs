//! Hand-eye calibration: `A X = Y B` for two devices that watch the same
//! motion, each in its own coordinates.
//!
//! A tool array on a headset, tracked by the tracker (`A`), while the headset
//! tracks itself in its world (`B`): `X` is where the headset's eye sits in the
//! array, `Y` where its world lies before the tracker. The same for a robot.
//! `A X = X B` of relative motions is this with `Y` eliminated; solving for
//! both uses every pose once and needs no choice of motions.
//!
//! Closed form, then joint nonlinear refinement (Dornaika and Horaud, IEEE
//! TRA 14(4), 1998, doi:10.1109/70.704233, here with lever-arm covariances and
//! a robust weight). Promises covariances and a verdict; does not align
//! clocks, see [`crate::temporal`].

mod closed_form;
pub(crate) mod refine;
mod span;
#[cfg(test)]
mod tests;

use geom::nalgebra::{Matrix6, SMatrix};
use geom::{Frame, PoseCovariance, Transform};

use crate::error::{CalibrationError, check_count};
use crate::rigid::{MAX_POSES, Rigid, rigids, skew};
use crate::simulate::PoseNoise;
use crate::statistics::{chi_square, correlation_time, median, rms};
use crate::verdict::{Judgement, Verdict};

pub use span::HandEyeSpan;

use closed_form::closed_form;
use refine::{Refined, Scales};

/// Poses of both devices at one instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub a: Rigid,
    pub b: Rigid,
}

/// What is assumed of the devices' errors. The sizes of rotation and position
/// errors are estimated from the residuals, and where the second device sees
/// the world from afar, how the rotation errors are shared out as well.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HandEyeNoise {
    /// Of the first device. Default 0.25 mm, 0.1 degrees.
    pub first: PoseNoise,
    /// Of the second. Default the same.
    pub second: PoseNoise,
    /// The second device measured the world in its own eye (a camera before a
    /// target) and its poses were inverted; its rotation errors then act
    /// through the distance to the world's origin. Default false.
    pub second_sees_world: bool,
}

impl Default for HandEyeNoise {
    fn default() -> Self {
        let usual = PoseNoise { position_mm: 0.25, rotation_deg: 0.1 };
        Self { first: usual, second: usual, second_sees_world: false }
    }
}

/// Settings of [`hand_eye`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct HandEyeSettings {
    /// Errors of the devices.
    pub noise: HandEyeNoise,
    /// When a result is doubted.
    pub limits: HandEyeLimits,
}

/// When a hand-eye calibration is doubted; twice (or two thirds of) it rejects.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HandEyeLimits {
    /// Smallest span of the rotation about the second-best axis, degrees.
    /// Default 30.
    pub min_span_deg: f64,
    /// Fewest pairs that agree. Default 15.
    pub min_pairs: usize,
    /// Largest predicted error of the eye's position, mm. Default 1.5.
    pub max_position_error_mm: f64,
    /// Largest predicted error of its rotation, degrees. Default 0.3.
    pub max_rotation_error_deg: f64,
    /// Largest RMS misfit, mm. Default 10.
    pub max_rms_mm: f64,
    /// Largest RMS misfit, degrees. Default 1.5.
    pub max_rms_deg: f64,
    /// Smallest share of pairs that agree. Default 0.75.
    pub min_inlier_share: f64,
}

impl Default for HandEyeLimits {
    fn default() -> Self {
        Self {
            min_span_deg: 30.0,
            min_pairs: 15,
            max_position_error_mm: 1.5,
            max_rotation_error_deg: 0.3,
            max_rms_mm: 10.0,
            max_rms_deg: 1.5,
            min_inlier_share: 0.75,
        }
    }
}

/// A hand-eye calibration and its evidence.
#[derive(Debug, Clone)]
pub struct HandEye<Base: Frame, Hand: Frame, World: Frame, Eye: Frame> {
    /// `X`: the eye in the hand.
    pub hand_from_eye: Transform<Hand, Eye>,
    /// Covariance of `X`.
    pub hand_from_eye_covariance: PoseCovariance,
    /// `Y`: the second device's world in the first one's base.
    pub base_from_world: Transform<Base, World>,
    /// Covariance of `Y`.
    pub base_from_world_covariance: PoseCovariance,
    /// Misfit of the position of every pair, mm.
    pub residuals_mm: Vec<f64>,
    /// Misfit of the rotation of every pair, degrees.
    pub residuals_deg: Vec<f64>,
    /// Pairs the result rests on.
    pub is_inlier: Vec<bool>,
    /// RMS misfits of those, mm and degrees.
    pub rms_mm: f64,
    /// See [`Self::rms_mm`].
    pub rms_deg: f64,
    /// Predicted error of the eye's position in the hand, RMS distance, mm.
    pub position_error_mm: f64,
    /// Predicted error of its rotation, RMS angle, degrees.
    pub rotation_error_deg: f64,
    /// How far the hand was turned.
    pub span: HandEyeSpan,
    /// What it is worth.
    pub judgement: Judgement,
}

impl<Base: Frame, Hand: Frame, World: Frame, Eye: Frame> HandEye<Base, Hand, World, Eye> {
    /// Pairs the result rests on.
    #[must_use]
    pub fn inliers(&self) -> usize {
        self.is_inlier.iter().filter(|inlier| **inlier).count()
    }
}

/// Finds where the eye sits in the hand and the world before the base.
///
/// * `base_from_hand`, `world_from_eye` - poses of both devices at the same
///   instants, mm.
///
/// # Errors
/// [`CalibrationError`] for fewer than five pairs, unequal lists, values that
/// are not finite, or motion about one axis only. A poor result is no error:
/// see [`HandEye::judgement`]. Cost: about 1 ms for 60 pairs.
pub fn hand_eye<Base: Frame, Hand: Frame, World: Frame, Eye: Frame>(
    base_from_hand: &[Transform<Base, Hand>],
    world_from_eye: &[Transform<World, Eye>],
    settings: &HandEyeSettings,
) -> Result<HandEye<Base, Hand, World, Eye>, CalibrationError> {
    let pairs = paired(base_from_hand, world_from_eye)?;
    let solved = solve(&pairs, &settings.noise)?;
    Ok(assemble(&pairs, &solved, settings))
}

fn paired<A: Frame, B: Frame, C: Frame, D: Frame>(
    first: &[Transform<A, B>],
    second: &[Transform<C, D>],
) -> Result<Vec<Pair>, CalibrationError> {
    if first.len() != second.len() {
        let (left, right) = (first.len(), second.len());
        return Err(CalibrationError::Unpaired {
            left,
            left_of: "poses of the first device",
            right,
            right_of: "poses of the second",
        });
    }
    let remedy = "hold the devices still in 20 and more orientations";
    check_count("a hand-eye calibration", "pose pairs", first.len(), (5, MAX_POSES), remedy)?;
    let (a, b) = (rigids(first, "pose of the first device")?, rigids(second, "pose of the second device")?);
    Ok(a.into_iter().zip(b).map(|(a, b)| Pair { a, b }).collect())
}

/// The robust solution before its evidence is added up.
#[derive(Debug, Clone)]
pub(crate) struct Solved {
    pub refined: Refined,
    pub scales: Scales,
    pub is_inlier: Vec<bool>,
}

/// Less rotation about the second axis than this is rounding, degrees.
const MIN_SECOND_AXIS_DEG: f64 = 0.05;
/// Squared whitened residuals beyond this normal deviate are left out.
const REJECTION_DEVIATE: f64 = 3.09;

pub(crate) fn solve(pairs: &[Pair], noise: &HandEyeNoise) -> Result<Solved, CalibrationError> {
    let open = || CalibrationError::Undetermined {
        what: "the hand-eye transform",
        reason: "the rotations are all about one axis, or there are none".into(),
        remedy: "turn the device about two axes and more, by 30 degrees and more to each side",
    };
    let has_second_axis = span::span_of(pairs, &vec![true; pairs.len()]).second_deg > MIN_SECOND_AXIS_DEG;
    if !has_second_axis {
        return Err(open());
    }
    let (x, y) = closed_form(pairs).ok_or_else(open)?;
    let all = vec![1.0; pairs.len()];
    let mut scales = Scales::default();
    let mut refined = Refined { x, y, information: SMatrix::zeros() };
    let mut is_inlier = Vec::new();
    let limit = chi_square(6.0, REJECTION_DEVIATE);
    for round in 0..12 {
        let squares = refine::distances(pairs, &refined.x, &refined.y, noise, &scales);
        // What a median pair shows is one standard deviation.
        let unit = (median(&squares) / chi_square(6.0, 0.0)).max(1e-12);
        let weights: Vec<f64> = if round < 6 {
            // Geman-McClure, its width ending at three deviations.
            let width = unit * 9.0 * f64::from(1 << (6 - round));
            squares.iter().map(|d| (1.0 + d / width).powi(-2)).collect()
        } else {
            let next: Vec<bool> = squares.iter().map(|d| *d <= limit * unit.max(1.0)).collect();
            let is_settled = next == is_inlier;
            is_inlier = next;
            if is_settled && round > 8 {
                break;
            }
            is_inlier.iter().zip(&all).map(|(inlier, w)| if *inlier { *w } else { 0.0 }).collect()
        };
        refined = refine::converge(pairs, &weights, (&refined.x, &refined.y), noise, &scales).ok_or_else(open)?;
        let counts: Vec<bool> = weights.iter().map(|w| *w > 0.25).collect();
        scales = refine::scales(pairs, &counts, &refined.x, &refined.y, noise);
    }
    let weights: Vec<f64> = is_inlier.iter().map(|inlier| f64::from(u8::from(*inlier))).collect();
    let refined = refine::converge(pairs, &weights, (&refined.x, &refined.y), noise, &scales).ok_or_else(open)?;
    Ok(Solved { refined, scales, is_inlier })
}

/// Adds up the evidence.
pub(crate) fn assemble<Base: Frame, Hand: Frame, World: Frame, Eye: Frame>(
    pairs: &[Pair],
    solved: &Solved,
    settings: &HandEyeSettings,
) -> HandEye<Base, Hand, World, Eye> {
    let Solved { refined, is_inlier, .. } = solved;
    let residuals: Vec<_> = pairs.iter().map(|pair| refine::residual(pair, &refined.x, &refined.y)).collect();
    let of = |from: usize| residuals.iter().map(move |r| r.fixed_rows::<3>(from).norm());
    let residuals_deg: Vec<f64> = of(0).map(f64::to_degrees).collect();
    let residuals_mm: Vec<f64> = of(3).collect();
    let inlying = |values: &[f64]| -> Vec<f64> {
        values.iter().zip(is_inlier).filter(|(_, inlier)| **inlier).map(|(v, _)| *v).collect()
    };
    let sequence: Vec<[f64; 3]> = residuals.iter().map(|r| [r[3], r[4], r[5]]).collect();
    let covariance =
        refined.information.try_inverse().unwrap_or_else(|| SMatrix::identity() * 1e12) * correlation_time(&sequence);
    let block = |at: usize| -> Matrix6<f64> { covariance.fixed_view::<6, 6>(at, at).into_owned() };
    let (of_x, of_y) = (block(0), block(6));
    let trace = |m: &Matrix6<f64>, at: usize| m.fixed_view::<3, 3>(at, at).trace().max(0.0).sqrt();
    let mut found = HandEye {
        hand_from_eye: refined.x.transform(),
        hand_from_eye_covariance: left_covariance(&of_x, &refined.x),
        base_from_world: refined.y.transform(),
        base_from_world_covariance: left_covariance(&of_y, &refined.y),
        rms_mm: rms(&inlying(&residuals_mm)),
        rms_deg: rms(&inlying(&residuals_deg)),
        residuals_mm,
        residuals_deg,
        is_inlier: is_inlier.clone(),
        position_error_mm: trace(&of_x, 3),
        rotation_error_deg: trace(&of_x, 0).to_degrees(),
        span: span::span_of(pairs, is_inlier),
        judgement: Judgement::default(),
    };
    found.judgement = judgement(&found, &settings.limits);
    found
}

/// From errors of rotation and position apart to the left perturbation of
/// [`PoseCovariance`]: its translational part is `dt - dr x t`.
fn left_covariance(apart: &Matrix6<f64>, pose: &Rigid) -> PoseCovariance {
    let mut change = Matrix6::identity();
    change.fixed_view_mut::<3, 3>(3, 0).copy_from(&skew(&pose.translation));
    PoseCovariance::new(change * apart * change.transpose()).unwrap_or_else(PoseCovariance::zero)
}

fn judgement<B: Frame, H: Frame, W: Frame, E: Frame>(found: &HandEye<B, H, W, E>, limits: &HandEyeLimits) -> Judgement {
    let mut judgement = Judgement::default();
    let (span, wanted) = (found.span.second_deg, limits.min_span_deg);
    let reason = format!("rotations span {span:.0} deg about the second axis, at least {wanted:.0} are needed");
    let [x, y, z] = found.span.second_axis;
    let remedy = format!("tilt the device further, also about ({x:.2}, {y:.2}, {z:.2}) of the first device's base");
    judgement.at_least(span, (wanted, wanted * 2.0 / 3.0), reason, &remedy);
    let share = found.inliers() as f64 / found.is_inlier.len().max(1) as f64;
    let wanted = limits.min_inlier_share;
    let reason = format!("{:.0} % of the pairs agree, {:.0} % are wanted", share * 100.0, wanted * 100.0);
    let remedy = "check that both files belong together and that their clocks agree (calibrate temporal)";
    judgement.at_least(share, (wanted, wanted * 2.0 / 3.0), reason, remedy);
    for (value, limit, unit) in [(found.rms_mm, limits.max_rms_mm, "mm"), (found.rms_deg, limits.max_rms_deg, "deg")] {
        let reason = format!("the pairs misfit by {value:.2} {unit} RMS, {limit:.2} are usual at most");
        judgement.at_most(value, (limit, 2.0 * limit), reason, remedy);
    }
    for (value, limit, what) in [
        (found.position_error_mm, limits.max_position_error_mm, "position of the eye is known to"),
        (found.rotation_error_deg, limits.max_rotation_error_deg, "rotation of the eye (deg) is known to"),
    ] {
        let reason = format!("the {what} {value:.2}, {limit:.2} are wanted");
        judgement.at_most(value, (limit, 2.0 * limit), reason, "record more poses with larger rotations");
    }
    if found.inliers() < limits.min_pairs {
        let reason = format!("{} pairs agree, {} are wanted", found.inliers(), limits.min_pairs);
        judgement.add(Verdict::Doubtful, reason, "record more poses");
    }
    judgement
}
