//! From a packet to a snapshot: fixed work, no allocation.

use std::sync::Arc;

use geom::{Ct, Nanoseconds, Patient, Point, PoseCovariance, Tip, Tool, Tracker, Transform, Vector};

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
    pub fn new(
        case: &Case,
        registration: &Registration,
        tool_from_tip: Transform<Tool, Tip>,
        errors: TrackerErrors,
    ) -> Self {
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
    tracker_from_patient: Option<Transform<Tracker, Patient>>,
    last: TrackerPacket,
}

impl NavigationLoop {
    /// A loop that has seen no packet. A trusted registration opens the
    /// session; with a rejected one it stays at `Segmented` and shows no pose.
    #[must_use]
    pub fn new(guidance: Arc<Guidance>, limits: ToolLimits) -> Self {
        let mut session = Session::default();
        // Both steps are legal from a fresh session.
        session.apply(Event::ImageReady).ok();
        if guidance.is_trusted {
            session.apply(Event::RegistrationAccepted).ok();
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
        self.tracker_from_patient = packet.tracker_from_patient;
        true
    }

    /// The picture at `now`, whether or not a packet came.
    #[must_use]
    pub fn snapshot(&mut self, now: Nanoseconds) -> Snapshot {
        let tool = self.judge.state(now);
        let is_good = tool == ToolState::Live && self.tracker_from_patient.is_some();
        // Before registration tracking quality moves nothing; a refused event
        // leaves the state as it is.
        self.session.apply(if is_good { Event::TrackingGood } else { Event::TrackingBad }).ok();
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
        let tracker_from_patient = self.tracker_from_patient?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Vertebra;
    use crate::clock::MILLISECOND_NS;
    use crate::register::{LandmarkSettings, landmarks};
    use crate::surface::phantom;
    use crate::volume::{Grid, LabelMap, Volume};
    use geom::Twist;
    use geom::nalgebra::Vector3;

    fn case() -> Case {
        let grid = Grid::axis_aligned([1, 1, 1], [1.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let vertebra = Vertebra {
            level: Level::from_number(22).unwrap(),
            voxels: 1,
            volume_mm3: 1.0,
            confidence: 1.0,
            doubts: Vec::new(),
            body_centre: Point::new(0.0, 0.0, 0.0),
            mesh: phantom::ball([0.0; 3], 20.0),
        };
        let labels = LabelMap { grid: grid.clone(), labels: vec![0] };
        Case { ct: Volume { grid, hu: vec![0.0] }, labels, vertebrae: vec![vertebra], levels_are_anchored: true }
    }

    fn truth() -> Transform<Patient, Ct> {
        Transform::exp(&Twist {
            rotation_rad: Vector3::new(0.3, -0.5, 0.2),
            translation_mm: Vector3::new(40.0, -70.0, 90.0),
        })
    }

    /// Landmarks that fit the truth up to `slip_mm` on one of them.
    fn registration(slip_mm: f64) -> Registration {
        let ct = [[0., 0., 0.], [60., 0., 0.], [0., 60., 0.], [0., 0., 60.], [40., 40., 0.]].map(Point::<Ct>::from);
        let mut patient = ct.map(|p| truth() * p);
        patient[1] = patient[1] + Vector::new(slip_mm, slip_mm, 0.0);
        landmarks(&patient, &ct, &LandmarkSettings::default()).unwrap()
    }

    fn tool_from_tip() -> Transform<Tool, Tip> {
        Transform::from_translation(Vector::new(3.0, 0.0, -150.0))
    }

    /// A loop that saw the pointer's tip at `tip` in the CT at 16 and 33 ms.
    fn navigation(tip: Point<Ct>, slip_mm: f64) -> NavigationLoop {
        let guidance = Guidance::new(&case(), &registration(slip_mm), tool_from_tip(), TrackerErrors::default());
        let mut navigation = NavigationLoop::new(Arc::new(guidance), ToolLimits::default());
        let tracker_from_patient = Transform::<Tracker, Patient>::from_translation(Vector::new(0.0, 0.0, 1500.0));
        for (sequence, ms, wobble) in [(1, 16, 0.0), (2, 33, 0.001)] {
            let ct_from_tip = Transform::<Ct, Tip>::from_translation(tip - Point::new(wobble, 0.0, 0.0));
            navigation.observe(&TrackerPacket {
                sequence,
                source_time: Nanoseconds(ms * MILLISECOND_NS),
                arrival_time: Nanoseconds(ms * MILLISECOND_NS),
                tracker_from_patient: Some(tracker_from_patient),
                tracker_from_tool: Some(tracker_from_patient * truth() * ct_from_tip * tool_from_tip().inverse()),
            });
        }
        navigation
    }

    fn at(ms: u64) -> Nanoseconds {
        Nanoseconds(ms * MILLISECOND_NS)
    }

    #[test]
    fn the_tip_is_shown_where_it_is_with_its_distance_to_bone() {
        let shown = navigation(Point::new(0.0, 30.0, 0.0), 0.0).snapshot(at(34));
        let tip = shown.ct_from_tip.unwrap() * Point::new(0.0, 0.0, 0.0);
        assert!(tip.distance(Point::new(0.0, 30.0, 0.0)) < 0.01);
        assert!((shown.bone_distance_mm.unwrap() - 10.0).abs() < 0.5);
        assert_eq!((shown.session, shown.tool), (SessionState::Navigating, ToolState::Live));
        assert_eq!(shown.nearest_level.unwrap().to_string(), "L3");
    }

    #[test]
    fn predicted_error_grows_away_from_the_landmarks() {
        let near = navigation(Point::new(20.0, 20.0, 10.0), 0.0).snapshot(at(34)).predicted_tre_mm.unwrap();
        let far = navigation(Point::new(20.0, 20.0, 250.0), 0.0).snapshot(at(34)).predicted_tre_mm.unwrap();
        assert!(far > 1.5 * near, "{near} {far}");
    }

    #[test]
    fn a_rejected_registration_shows_no_pose() {
        let mut navigation = navigation(Point::new(0.0, 30.0, 0.0), 25.0);
        let shown = navigation.snapshot(at(34));
        assert_eq!((shown.session, shown.ct_from_tip, shown.predicted_tre_mm), (SessionState::Segmented, None, None));
    }

    #[test]
    fn a_tool_that_is_lost_disappears_with_all_its_numbers() {
        let mut navigation = navigation(Point::new(0.0, 30.0, 0.0), 0.0);
        assert_eq!(navigation.snapshot(at(34)).tool, ToolState::Live);
        let shown = navigation.snapshot(at(600));
        assert_eq!((shown.tool, shown.session), (ToolState::Lost, SessionState::Degraded));
        assert!(shown.ct_from_tip.is_none() && shown.bone_distance_mm.is_none() && shown.predicted_tre_mm.is_none());
    }

    #[test]
    fn a_reference_out_of_sight_withholds_the_pose() {
        let mut navigation = navigation(Point::new(0.0, 30.0, 0.0), 0.0);
        let mut packet = navigation.last;
        (packet.sequence, packet.source_time, packet.arrival_time) = (3, at(50), at(50));
        packet.tracker_from_patient = None;
        navigation.observe(&packet);
        assert!(navigation.snapshot(at(51)).ct_from_tip.is_none());
    }
}
