//! Spin calibration: the direction of a tool's shaft.
//!
//! The tool turns about its own axis in a hole or between two supports; the
//! axis is the direction of the tool that does not move.

use geom::nalgebra::{Matrix3, Rotation3, UnitQuaternion, Vector3};
use geom::{Frame, Point, Tip, Tool, Transform, Vector};

use crate::error::{CalibrationError, check_count};
use crate::rigid::{MAX_POSES, rigids};
use crate::statistics::{quantile, rms};
use crate::verdict::{Judgement, Verdict};

/// Least turn about the shaft that is not doubted, degrees.
pub(crate) const MIN_TURN_DEG: f64 = 60.0;
/// Wobble of the axis (RMS) that is doubted; twice as much is rejected, degrees.
pub(crate) const MAX_WOBBLE_DEG: f64 = 1.0;

/// The axis of a tool and its evidence.
#[derive(Debug, Clone)]
pub struct Spin {
    /// Unit direction of the shaft, from the array towards the tip where the
    /// tip is given.
    pub axis: Vector<Tool>,
    /// Covariance of its two tilts (rad^2) as a rank-two 3x3 matrix.
    pub axis_covariance_rad2: Matrix3<f64>,
    /// Angle of the axis from its mean at every pose, degrees.
    pub residuals_deg: Vec<f64>,
    /// RMS of those, degrees.
    pub wobble_deg: f64,
    /// How far the tool was turned about the axis, degrees.
    pub turn_deg: f64,
    /// Angle about the axis from the first pose, of every pose, within plus and
    /// minus 180 degrees.
    pub turns_deg: Vec<f64>,
    /// What it is worth.
    pub judgement: Judgement,
}

/// Finds the direction of the shaft from poses of a tool that is turned about it.
///
/// * `room_from_tool` - poses, mm.
/// * `tip` - from a pivot calibration; decides which end is the tip's.
///
/// The axis `u` maximises `|M u|` with `M` the mean of the rotation matrices
/// (the spin calibration of the PLUS toolkit, Lasso et al. 2014,
/// doi:10.1109/TBME.2014.2322864, without its choice of pose pairs).
///
/// # Errors
/// [`CalibrationError`] for fewer than ten poses or values that are not finite.
pub fn spin<Room: Frame>(
    room_from_tool: &[Transform<Room, Tool>],
    tip: Option<Point<Tool>>,
) -> Result<Spin, CalibrationError> {
    let remedy = "turn the tool about its shaft, by 90 degrees and more";
    check_count("a spin calibration", "poses", room_from_tool.len(), (10, MAX_POSES), remedy)?;
    let poses = rigids(room_from_tool, "pose")?;
    let count = poses.len() as f64;
    let mean = poses.iter().fold(Matrix3::zeros(), |sum, p| sum + p.rotation) / count;
    let eigen = (Matrix3::identity() - mean.transpose() * mean).symmetric_eigen();
    let mut axis: Vector3<f64> = eigen.eigenvectors.column(eigen.eigenvalues.imin()).into();
    if tip.is_some_and(|tip| tip.vector3().dot(&axis) < 0.0) {
        axis = -axis;
    }
    let in_room = (mean * axis).try_normalize(1e-9).ok_or_else(|| CalibrationError::Undetermined {
        what: "the axis",
        reason: "no direction of the tool kept still".into(),
        remedy,
    })?;
    let residuals_deg: Vec<f64> =
        poses.iter().map(|p| (p.rotation * axis).dot(&in_room).clamp(-1.0, 1.0).acos().to_degrees()).collect();
    let side = side_of(&axis);
    let (other, first) = (axis.cross(&side), poses[0].rotation * side);
    let turns_deg: Vec<f64> = poses
        .iter()
        .map(|p| {
            let in_first = p.rotation.transpose() * first;
            -in_first.dot(&other).atan2(in_first.dot(&side)).to_degrees()
        })
        .collect();
    let turn_deg = quantile(&turns_deg, 0.98) - quantile(&turns_deg, 0.02);
    let wobble_deg = rms(&residuals_deg);
    // Two tilts of the axis from two tilts a pose; the turn's extent is their leverage.
    let leverage = eigen.eigenvalues.sum() - eigen.eigenvalues.max() - eigen.eigenvalues.min();
    let variance = 0.5 * wobble_deg.to_radians().powi(2) / (count * leverage.max(1e-9));
    let axis_covariance_rad2 = (Matrix3::identity() - axis * axis.transpose()) * variance;
    let judgement = judgement(turn_deg, wobble_deg);
    Ok(Spin {
        axis: Vector::from_vector3(axis),
        axis_covariance_rad2,
        residuals_deg,
        wobble_deg,
        turn_deg,
        turns_deg,
        judgement,
    })
}

fn judgement(turn_deg: f64, wobble_deg: f64) -> Judgement {
    let mut judgement = Judgement::default();
    let reason = format!("the tool was turned by {turn_deg:.0} deg about its shaft, {MIN_TURN_DEG:.0} are needed");
    judgement.at_least(turn_deg, (MIN_TURN_DEG, MIN_TURN_DEG / 3.0), reason, "turn it further");
    let reason = format!("the axis wobbles by {wobble_deg:.2} deg RMS, {MAX_WOBBLE_DEG:.2} are usual at most");
    let remedy = "hold the shaft in a hole that fits while it is turned";
    judgement.at_most(wobble_deg, (MAX_WOBBLE_DEG, 2.0 * MAX_WOBBLE_DEG), reason, remedy);
    if !wobble_deg.is_finite() {
        judgement.add(Verdict::Reject, "the axis is no number", remedy);
    }
    judgement
}

/// Some unit direction across `axis`.
fn side_of(axis: &Vector3<f64>) -> Vector3<f64> {
    let least = Vector3::ith(axis.iamin(), 1.0);
    axis.cross(&least).normalize()
}

/// The pose of the tip in the tool: origin at the tip, -z along the shaft into
/// the bone, the angle about the shaft as near to the tool's own axes as can be.
///
/// * `axis` - from [`spin`]; without it the shaft is taken to run from the
///   array's origin to the tip. `None` when neither gives a direction.
#[must_use]
pub fn tool_from_tip(tip: Point<Tool>, axis: Option<Vector<Tool>>) -> Option<Transform<Tool, Tip>> {
    let towards_tip = axis.map_or(tip.vector3(), Vector::vector3).try_normalize(1e-6)?;
    let backwards = -towards_tip;
    let turn = Rotation3::rotation_between(&Vector3::z(), &backwards);
    // Exactly opposite: half a turn about any axis across.
    let turn = turn.unwrap_or_else(|| Rotation3::from_scaled_axis(Vector3::x() * std::f64::consts::PI));
    Some(Transform::new(UnitQuaternion::from_rotation_matrix(&turn), tip.vector3()))
}
