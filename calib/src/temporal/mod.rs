//! Temporal calibration: how much later one device's clock tells of a motion
//! than the other's.
//!
//! Correlation of the rotation speeds gives the latency without knowing how
//! the devices are mounted; then the latency is estimated together with the
//! hand-eye transform, which gives its uncertainty. Promises the offset between
//! time stamps; what happens before the stamping cannot be seen here.

mod speed;
#[cfg(test)]
mod tests;

use geom::{Frame, Transform};

use crate::error::{CalibrationError, check_count};
use crate::hand_eye::refine::{converge, distances};
use crate::hand_eye::{HandEye, HandEyeSettings, Pair, Solved, assemble, solve};
use crate::statistics::correlation_time;
use crate::stream::Stream;
use crate::verdict::{Judgement, Verdict};

use speed::{Lag, best_lag};

/// Settings of [`temporal`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TemporalSettings {
    /// Offsets up to this are looked at, s. Default 2.
    pub reach_s: f64,
    /// The clocks have nothing to do with each other: offsets are counted
    /// from where both recordings begin together. Default false.
    pub unrelated_clocks: bool,
    /// A smaller correlation of the speeds is doubted, two thirds of it
    /// rejected. Default 0.8.
    pub min_correlation: f64,
    /// A larger standard deviation is doubted, twice as much rejected, ms.
    /// Default 5.
    pub max_sigma_ms: f64,
    /// Of the joint estimate.
    pub hand_eye: HandEyeSettings,
}

impl Default for TemporalSettings {
    fn default() -> Self {
        Self {
            reach_s: 2.0,
            unrelated_clocks: false,
            min_correlation: 0.8,
            max_sigma_ms: 5.0,
            hand_eye: HandEyeSettings::default(),
        }
    }
}

/// The latency between two streams and its evidence.
#[derive(Debug, Clone)]
pub struct Temporal<Base: Frame, Hand: Frame, World: Frame, Eye: Frame> {
    /// Time stamp of the second device minus that of the first for the same
    /// motion, ms: positive when the second reports later.
    pub latency_ms: f64,
    /// Its standard deviation, ms.
    pub sigma_ms: f64,
    /// The latency by correlation alone, ms.
    pub correlated_ms: f64,
    /// Correlation of the rotation speeds there.
    pub correlation: f64,
    /// Best correlation half a second and more away.
    pub elsewhere: f64,
    /// The hand-eye calibration at this latency.
    pub hand_eye: HandEye<Base, Hand, World, Eye>,
    /// What it is worth; findings of the hand-eye part included.
    pub judgement: Judgement,
}

const REMEDY: &str = "record both devices at once for ten seconds and more";
/// Pairs the joint estimate takes, evenly from all.
const MAX_PAIRS: usize = 400;
/// The joint estimate may move away from the correlation's by this, s.
const JOINT_REACH_S: f64 = 0.15;

/// Finds the latency between two devices on one rigid body, and their
/// hand-eye transform.
///
/// * `base_from_hand`, `world_from_eye` - poses of each device, mm.
/// * `first_s`, `second_s` - their own time stamps, ascending, s.
///
/// # Errors
/// [`CalibrationError`] for unusable streams, streams that do not overlap, or
/// motion that leaves the hand-eye transform open. Cost: 50 ms for a minute of
/// poses; quadratic in `reach_s` at most.
pub fn temporal<Base: Frame, Hand: Frame, World: Frame, Eye: Frame>(
    (base_from_hand, first_s): (&[Transform<Base, Hand>], &[f64]),
    (world_from_eye, second_s): (&[Transform<World, Eye>], &[f64]),
    settings: &TemporalSettings,
) -> Result<Temporal<Base, Hand, World, Eye>, CalibrationError> {
    let first = Stream::new(base_from_hand, first_s, "pose of the first device")?;
    let second = Stream::new(world_from_eye, second_s, "pose of the second device")?;
    let centre_s = if settings.unrelated_clocks { second.first_s() - first.first_s() } else { 0.0 };
    let reach_s = if settings.reach_s.is_finite() { settings.reach_s.clamp(0.0, 200.0) } else { 2.0 };
    let lag = best_lag(&first, &second, centre_s, reach_s).ok_or_else(|| CalibrationError::Undetermined {
        what: "the latency",
        reason: format!("the streams share too little motion within {reach_s:.1} s of each other's time"),
        remedy: "record both at once while turning the device faster and slower; for clocks of their own say so",
    })?;
    let (offset_s, variance_s2, pairs, solved) = joint(&first, &second, lag.offset_s, settings)?;
    let hand_eye = assemble(&pairs, &solved, &settings.hand_eye);
    let (latency_ms, sigma_ms) = (offset_s * 1e3, variance_s2.sqrt() * 1e3);
    let judgement = judgement(&lag, latency_ms, sigma_ms, &hand_eye.judgement, settings);
    Ok(Temporal {
        latency_ms,
        sigma_ms,
        correlated_ms: lag.offset_s * 1e3,
        correlation: lag.correlation,
        elsewhere: lag.elsewhere,
        hand_eye,
        judgement,
    })
}

/// Poses of a stream at other times: along the great circle in rotation, linear
/// in position; `None` outside the recording and in its gaps.
///
/// # Errors
/// [`CalibrationError`] for times that are not ascending or not one a pose.
pub fn interpolated<A: Frame, B: Frame>(
    poses: &[Transform<A, B>],
    times_s: &[f64],
    at_s: &[f64],
) -> Result<Vec<Option<Transform<A, B>>>, CalibrationError> {
    let stream = Stream::new(poses, times_s, "pose")?;
    Ok(at_s.iter().map(|t| stream.at(*t).map(|pose| pose.transform())).collect())
}

/// Numbers of poses of the first stream that have a partner at `offset_s` and
/// `width_s` before and after it.
fn usable(first: &Stream, second: &Stream, offset_s: f64, width_s: f64) -> Vec<usize> {
    let times = first.times_s();
    let has_partners =
        |t: f64| [-width_s, 0.0, width_s].iter().all(|change| second.at(t + offset_s + change).is_some());
    let all: Vec<usize> = (0..times.len()).filter(|i| has_partners(times[*i])).collect();
    all.iter().step_by(all.len().div_ceil(MAX_PAIRS).max(1)).copied().collect()
}

/// Pairs of these poses when the second stream is `offset_s` late.
fn pairs_of(numbers: &[usize], first: &Stream, second: &Stream, offset_s: f64) -> Option<Vec<Pair>> {
    numbers.iter().map(|i| Some(Pair { a: first.poses()[*i], b: second.at(first.times_s()[*i] + offset_s)? })).collect()
}

/// Latency and hand-eye transform together: the squared misfit as a function
/// of the latency, everything else at its best, is a parabola near its bottom,
/// and its curvature is the information about the latency.
fn joint(
    first: &Stream,
    second: &Stream,
    start_s: f64,
    settings: &TemporalSettings,
) -> Result<(f64, f64, Vec<Pair>, Solved), CalibrationError> {
    let noise = &settings.hand_eye.noise;
    let mut offset_s = start_s;
    let mut variance_s2 = f64::INFINITY;
    // Twice: outliers and scales of the noise change with the latency.
    for width_s in [0.02, 0.005, 0.005] {
        let numbers = usable(first, second, offset_s, width_s);
        let pairs = pairs_of(&numbers, first, second, offset_s).unwrap_or_default();
        check_count("a temporal calibration", "common poses", pairs.len(), (20, MAX_PAIRS), REMEDY)?;
        let solved = solve(&pairs, noise)?;
        let weights: Vec<f64> = solved.is_inlier.iter().map(|i| f64::from(u8::from(*i))).collect();
        let misfit = |offset: f64| -> Option<f64> {
            let moved = pairs_of(&numbers, first, second, offset)?;
            let (x, y) = (&solved.refined.x, &solved.refined.y);
            let at = converge(&moved, &weights, (x, y), noise, &solved.scales)?;
            let squares = distances(&moved, &at.x, &at.y, noise, &solved.scales);
            Some(squares.iter().zip(&weights).filter(|(_, w)| **w > 0.0).map(|(d, _)| d.min(1e12)).sum())
        };
        let sequence: Vec<[f64; 3]> = pairs
            .iter()
            .map(|pair| crate::hand_eye::refine::residual(pair, &solved.refined.x, &solved.refined.y))
            .map(|r| [r[3], r[4], r[5]])
            .collect();
        let (Some(here), Some(before), Some(after)) =
            (misfit(offset_s), misfit(offset_s - width_s), misfit(offset_s + width_s))
        else {
            break;
        };
        let curvature = (before + after - 2.0 * here) / (width_s * width_s);
        let is_valley = curvature > 0.0;
        if !is_valley {
            break;
        }
        let step = 0.5 * (before - after) / width_s / curvature;
        offset_s = (offset_s + step.clamp(-0.05, 0.05)).clamp(start_s - JOINT_REACH_S, start_s + JOINT_REACH_S);
        variance_s2 = 2.0 / curvature * correlation_time(&sequence);
    }
    let pairs = pairs_of(&usable(first, second, offset_s, 0.0), first, second, offset_s).unwrap_or_default();
    check_count("a temporal calibration", "common poses", pairs.len(), (20, MAX_PAIRS), REMEDY)?;
    let solved = solve(&pairs, noise)?;
    Ok((offset_s, variance_s2, pairs, solved))
}

fn judgement(
    lag: &Lag,
    latency_ms: f64,
    sigma_ms: f64,
    hand_eye: &Judgement,
    settings: &TemporalSettings,
) -> Judgement {
    let mut judgement = Judgement::default();
    let wanted = settings.min_correlation;
    let reason = format!("the rotation speeds correlate by {:.2}, {wanted:.2} are wanted", lag.correlation);
    let remedy = "turn the device to and fro, faster and slower, both devices fixed to one rigid body";
    judgement.at_least(lag.correlation, (wanted, wanted * 2.0 / 3.0), reason, remedy);
    if lag.elsewhere > 0.95 * lag.correlation {
        let reason = format!("another latency correlates nearly as well ({:.2})", lag.elsewhere);
        judgement.add(Verdict::Doubtful, reason, "do not move in a steady rhythm");
    }
    let reason = format!("the latency is known to {sigma_ms:.1} ms, {:.1} are wanted", settings.max_sigma_ms);
    judgement.at_most(
        sigma_ms,
        (settings.max_sigma_ms, 2.0 * settings.max_sigma_ms),
        reason,
        "record longer, move faster",
    );
    let apart = (latency_ms - lag.offset_s * 1e3).abs();
    let reason = format!("correlation and joint estimate differ by {apart:.0} ms");
    judgement.at_most(apart, (60.0, 140.0), reason, "check that neither stream is smoothed or lacks poses");
    for finding in hand_eye.findings() {
        judgement.add(finding.verdict, finding.reason.clone(), finding.remedy.clone());
    }
    judgement
}
