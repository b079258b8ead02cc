//! What the loop reads and never changes: the case, its registration, the tools.

use geom::{Ct, Patient, Point, PoseCovariance, Tip, Tool, Transform};

use crate::case::Case;
use crate::level::Level;
use crate::register::{Registration, Verdict};
use crate::surface::NearestSurface;
use crate::track::{ToolId, ToolList};

/// What a tracked array is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ToolRole {
    /// An instrument with a tip.
    #[default]
    Instrument,
    /// A second array on the bone, watched for movement of the reference.
    SecondReference,
}

/// An array the session knows: its number, what it is for, its calibration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackedTool {
    /// Its number in the packets.
    pub id: ToolId,
    /// What it is for.
    pub role: ToolRole,
    /// Calibration of its tip.
    pub tool_from_tip: Transform<Tool, Tip>,
}

impl Default for TrackedTool {
    /// Instrument 0 with its tip at the marker array's origin.
    fn default() -> Self {
        Self { id: ToolId::default(), role: ToolRole::Instrument, tool_from_tip: Transform::identity() }
    }
}

impl TrackedTool {
    /// An instrument with a calibrated tip.
    #[must_use]
    pub const fn instrument(id: ToolId, tool_from_tip: Transform<Tool, Tip>) -> Self {
        Self { id, role: ToolRole::Instrument, tool_from_tip }
    }
}

/// Measurement errors of the tracker, for the predicted error at the tip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackerErrors {
    /// Standard deviation of each position coordinate of an array, mm.
    pub position_mm: f64,
    /// Standard deviation of each rotation component of an array, rad.
    pub rotation_rad: f64,
}

impl Default for TrackerErrors {
    /// 0.1 mm and 0.05 deg, what the simulated tracker draws.
    fn default() -> Self {
        Self { position_mm: 0.1, rotation_rad: 0.05_f64.to_radians() }
    }
}

/// Everything the loop reads: made once a case and registration, then shared
/// and never changed.
#[derive(Debug)]
pub struct Guidance {
    pub(super) ct_from_patient: Transform<Ct, Patient>,
    registration_covariance: PoseCovariance,
    pub(super) verdict: Verdict,
    pub(super) tools: ToolList<TrackedTool>,
    errors: TrackerErrors,
    bone: Option<NearestSurface>,
    levels: Vec<u8>,
}

impl Guidance {
    /// Prepares the case for the loop. Builds the nearest-bone index: about
    /// 0.1 ms a thousand surface points. Of more than eight tools the first
    /// eight are taken; the first of all is the one the scene follows.
    #[must_use]
    pub fn new(case: &Case, registration: &Registration, tools: &[TrackedTool], errors: TrackerErrors) -> Self {
        let (pose, covariance) = (registration.patient_from_ct(), registration.covariance());
        Self::from_recorded(case, pose, covariance, registration.verdict(), tools, errors)
    }

    /// [`Self::new`] from what a journal keeps of a registration: to run a
    /// session again, never to begin one.
    #[must_use]
    pub fn from_recorded(
        case: &Case,
        patient_from_ct: Transform<Patient, Ct>,
        covariance: &PoseCovariance,
        verdict: Verdict,
        tools: &[TrackedTool],
        errors: TrackerErrors,
    ) -> Self {
        let (cloud, levels) = case.surface_points();
        Self {
            ct_from_patient: patient_from_ct.inverse(),
            registration_covariance: *covariance,
            verdict,
            tools: tools.iter().copied().collect(),
            errors,
            bone: NearestSurface::new(&cloud.points).ok(),
            levels,
        }
    }

    /// Predicted RMS error of the shown tip: registration at the tip, plus
    /// both arrays' measurement noise with their lever arms.
    ///
    /// Fitzpatrick, West, Maurer, IEEE TMI 17(5), 1998, doi:10.1109/42.736021,
    /// adds the independent parts in quadrature.
    pub(super) fn predicted_tre_mm(&self, tool: &TrackedTool, tip: Point<Patient>) -> f64 {
        let registration = self.registration_covariance.at_point(tip).trace();
        let tool_arm = tool.tool_from_tip.translation().norm_squared();
        let reference_arm = tip.vector3().norm_squared();
        let (p, r) = (self.errors.position_mm.powi(2), self.errors.rotation_rad.powi(2));
        // A lever arm of length l turns a rotation variance r per axis into
        // 2 r l^2 of displacement; each array adds its own three positions.
        (registration.max(0.0) + 6.0 * p + 2.0 * r * (tool_arm + reference_arm)).sqrt()
    }

    /// Distance to the nearest bone surface, mm, and its level.
    pub(super) fn nearest_bone(&self, tip: Point<Ct>) -> Option<(f32, Option<Level>)> {
        let nearest = self.bone.as_ref()?.nearest(tip.to_array().map(|c| c as f32))?;
        Some((nearest.distance_mm, self.levels.get(nearest.index).and_then(|l| Level::from_number(*l))))
    }
}
