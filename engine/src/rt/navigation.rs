//! From a packet to a snapshot: fixed work, no allocation.

use std::sync::Arc;

use geom::{Ct, Nanoseconds, Patient, Point, PoseCovariance, Tip, Tool, Transform, Vector};

use crate::case::Case;
use crate::level::Level;
use crate::register::{Registration, Verdict};
use crate::safety::{Event, Session, SessionState, ToolJudge, ToolLimits, ToolState};
use crate::surface::NearestIndex;
use crate::track::TrackerPacket;

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
    ct_from_patient: Transform<Ct, Patient>,
    registration_covariance: PoseCovariance,
    is_trusted: bool,
    tool_from_tip: Transform<Tool, Tip>,
    errors: TrackerErrors,
    bone: Option<NearestIndex>,
    levels: Vec<u8>,
}

impl Guidance {
    /// Prepares the case for the loop. Builds the nearest-bone index: about
    /// 0.1 ms a thousand surface points.
    #[must_use]
    pub fn new(case: &Case, registration: &Registration, tool_from_tip: Transform<Tool, Tip>, errors: TrackerErrors) -> Self {
        let (cloud, levels) = case.surface_points();
        Self {
            ct_from_patient: registration.patient_from_ct().inverse(),
            registration_covariance: *registration.covariance(),
            is_trusted: registration.verdict() != Verdict::Reject,
            tool_from_tip,
            errors,
            bone: NearestIndex::new(&cloud.points).ok(),
            levels,
        }
    }

    /// Predicted RMS error of the shown tip: registration at the tip, plus
    /// both arrays' measurement noise with their lever arms.
    ///
    /// Fitzpatrick, West, Maurer, IEEE TMI 17(5), 1998, doi:10.1109/42.736021,
    /// adds the independent parts in quadrature.
    fn predicted_tre_mm(&self, tip: Point<Patient>) -> f64 {
        let registration = self.registration_covariance.at_point(tip).trace();
        let tool_arm = self.tool_from_tip.translation().norm_squared();
        let reference_arm = tip.vector3().norm_squared();
        let (p, r) = (self.errors.position_mm.powi(2), self.errors.rotation_rad.powi(2));
        // A lever arm of length l turns a rotation variance r per axis into
        // 2 r l^2 of displacement; each array adds its own three positions.
        (registration.max(0.0) + 6.0 * p + 2.0 * r * (tool_arm + reference_arm)).sqrt()
    }
}

/// What the scene is told, all of one instant. Plain data, copied whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Snapshot {
    /// Sequence number of the packet behind it.
    pub sequence: u64,
    /// When the tracker measured, on the source's clock.
    pub source_time: Nanoseconds,
    /// When the packet arrived, on the session's clock.
    pub arrival_time: Nanoseconds,
    /// When this snapshot was published, on the session's clock.
    pub published: Nanoseconds,
    /// Step of the session.
    pub session: SessionState,
    /// How far the tool's pose can be trusted.
    pub tool: ToolState,
    /// Pose of the tip in the CT; `None` unless the tool is live or stale and
    /// the registration was not rejected.
    pub ct_from_tip: Option<Transform<Ct, Tip>>,
    /// Distance from the tip to the nearest bone surface, mm.
    pub bone_distance_mm: Option<f32>,
    /// Level of the nearest bone.
    pub nearest_level: Option<Level>,
    /// Predicted RMS error at the tip, mm.
    pub predicted_tre_mm: Option<f32>,
}

/// The navigation loop's own state.
#[derive(Debug)]
pub struct NavigationLoop {
    guidance: Arc<Guidance>,
    judge: ToolJudge,
    session: Session,
    tracker_from_patient: Option<TrackerPacket>,
    last: TrackerPacket,
}

impl NavigationLoop {
    /// A loop that has seen no packet. A trusted registration opens the
    /// session; with a rejected one it stays at `Segmented` and shows no pose.
    #[must_use]
    pub fn new(guidance: Arc<Guidance>, limits: ToolLimits) -> Self {
        let mut session = Session::default();
        // Both steps are legal from a fresh session.
        let _ = session.apply(Event::ImageReady);
        if guidance.is_trusted {
            let _ = session.apply(Event::RegistrationAccepted);
        }
        let last = TrackerPacket {
            sequence: 0,
            source_time: Nanoseconds(0),
            arrival_time: Nanoseconds(0),
            tracker_from_patient: None,
            tracker_from_tool: None,
        };
        Self { guidance, judge: ToolJudge::new(limits), session, tracker_from_patient: None, last }
    }

    /// Takes in a packet. Returns false when it was a duplicate or late.
    pub fn observe(&mut self, packet: &TrackerPacket) -> bool {
        if !self.judge.observe(packet) {
            return false;
        }
        self.last = *packet;
        self.tracker_from_patient = packet.tracker_from_patient.is_some().then_some(*packet);
        true
    }

    /// The picture at `now`, whether or not a packet came.
    #[must_use]
    pub fn snapshot(&mut self, now: Nanoseconds) -> Snapshot {
        let tool = self.judge.state(now);
        let is_good = tool == ToolState::Live && self.tracker_from_patient.is_some();
        // Before registration tracking quality moves nothing; a refused event
        // leaves the state as it is.
        let _ = self.session.apply(if is_good { Event::TrackingGood } else { Event::TrackingBad });
        let patient_from_tip = self.patient_from_tip(tool);
        let ct_from_tip = patient_from_tip.map(|pose| self.guidance.ct_from_patient * pose);
        let tip = ct_from_tip.map(|pose| pose * Point::new(0.0, 0.0, 0.0));
        let nearest = tip.and_then(|p| self.guidance.bone.as_ref()?.nearest(p.to_array().map(|c| c as f32)));
        let level = nearest.and_then(|n| self.guidance.levels.get(n.index).and_then(|l| Level::from_number(*l)));
        Snapshot {
            sequence: self.last.sequence,
            source_time: self.last.source_time,
            arrival_time: self.last.arrival_time,
            published: now,
            session: self.session.state(),
            tool,
            ct_from_tip,
            bone_distance_mm: nearest.map(|n| n.distance_mm),
            nearest_level: level,
            predicted_tre_mm: patient_from_tip
                .map(|pose| self.guidance.predicted_tre_mm(pose * Point::new(0.0, 0.0, 0.0)) as f32),
        }
    }

    /// The tip relative to the reference, when it may be shown at all.
    fn patient_from_tip(&self, tool: ToolState) -> Option<Transform<Patient, Tip>> {
        if !self.guidance.is_trusted || !matches!(tool, ToolState::Live | ToolState::Stale) {
            return None;
        }
        let tracker_from_patient = self.tracker_from_patient?.tracker_from_patient?;
        let tracker_from_tool = self.judge.last_pose()?;
        Some(tracker_from_patient.inverse() * tracker_from_tool * self.guidance.tool_from_tip)
    }
}

/// Direction from handle to tip of a shown pose.
impl Snapshot {
    /// Unit direction the instrument points in, in the CT.
    #[must_use]
    pub fn direction(&self) -> Option<Vector<Ct>> {
        self.ct_from_tip.map(|pose| pose * Vector::new(0.0, 0.0, -1.0))
    }
}
