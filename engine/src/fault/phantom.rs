//! A patient of known shape with two instruments, small enough for hundreds of
//! trials a minute.

use std::sync::Arc;

use geom::nalgebra::Vector3;
use geom::{Ct, Frame, Nanoseconds, Patient, Point, Tip, Tool, Tracker, Transform, Twist, Vector};

use crate::case::{Case, Vertebra};
use crate::level::Level;
use crate::register::random::Random;
use crate::register::{LandmarkSettings, RegisterError, Registration, landmarks};
use crate::rt::{Guidance, ToolRole, TrackedTool, TrackerErrors};
use crate::surface::phantom;
use crate::track::{Source, ToolId, TrackerPacket};
use crate::volume::{Grid, GridError, LabelMap, Volume};

/// Packets a second.
pub const RATE_HZ: f64 = 60.0;
/// Speed of the tips, mm/s: a slow hand.
const SPEED_MM_S: f64 = 25.0;
/// Standard deviation of each measured coordinate, mm, and angle, rad.
const NOISE: (f64, f64) = (0.05, 0.0001);

/// Number of the second array on the bone.
pub const SECOND_REFERENCE: ToolId = ToolId(3);

/// Two instruments and a second array on the bone, which watches the reference.
#[must_use]
pub fn tools() -> [TrackedTool; 3] {
    let tip = |z| Transform::<Tool, Tip>::from_translation(Vector::new(2.0, 0.0, z));
    let second =
        TrackedTool { id: SECOND_REFERENCE, role: ToolRole::SecondReference, tool_from_tip: Transform::identity() };
    [TrackedTool::instrument(ToolId(1), tip(-120.0)), TrackedTool::instrument(ToolId(2), tip(-90.0)), second]
}

/// Where the patient really lies.
#[must_use]
pub fn patient_from_ct() -> Transform<Patient, Ct> {
    pose([0.3, -0.5, 0.2], [40.0, -70.0, 90.0])
}

fn tracker_from_patient() -> Transform<Tracker, Patient> {
    pose([2.6, 0.3, -0.2], [-150.0, 80.0, 1400.0])
}

fn pose<A: Frame, B: Frame>(rotation_rad: [f64; 3], translation_mm: [f64; 3]) -> Transform<A, B> {
    Transform::exp(&Twist { rotation_rad: rotation_rad.into(), translation_mm: translation_mm.into() })
}

/// A case with one round bone at the origin.
///
/// # Errors
/// None in practice: the grid is a constant.
pub fn case() -> Result<Case, GridError> {
    let grid = Grid::axis_aligned([1, 1, 1], [1.0; 3], Point::new(0.0, 0.0, 0.0))?;
    let vertebrae = Level::from_number(22)
        .map(|level| Vertebra {
            level,
            voxels: 1,
            volume_mm3: 1.0,
            confidence: 1.0,
            doubts: Vec::new(),
            body_centre: Point::new(0.0, 0.0, 0.0),
            mesh: phantom::ball([0.0; 3], 20.0),
            surface_error_mm: Vec::new(),
        })
        .into_iter()
        .collect();
    let labels = LabelMap { grid: grid.clone(), labels: vec![0] };
    Ok(Case { ct: Volume { grid, hu: vec![0.0] }, labels, vertebrae, levels_are_anchored: true })
}

/// Landmarks of the bone in the CT.
#[must_use]
pub fn ct_landmarks() -> Vec<Point<Ct>> {
    [[0., 0., 0.], [60., 0., 0.], [0., 55., 0.], [0., 0., 45.], [40., 40., 5.]].map(Point::<Ct>::from).to_vec()
}

/// A registration that is right.
///
/// # Errors
/// None in practice: the landmarks are constants.
pub fn registration() -> Result<Registration, RegisterError> {
    let ct = ct_landmarks();
    let patient: Vec<Point<Patient>> = ct.iter().map(|p| patient_from_ct() * *p).collect();
    landmarks(&patient, &ct, &LandmarkSettings::default())
}

/// What the loop of a trial reads.
///
/// # Errors
/// In words, never in practice.
pub fn guidance() -> Result<Arc<Guidance>, String> {
    let case = case().map_err(|e| e.to_string())?;
    let registration = registration().map_err(|e| e.to_string())?;
    Ok(Arc::new(Guidance::new(&case, &registration, &tools(), TrackerErrors::default())))
}

/// Tracks both instruments on circles over the bone and the second array, with noise on everything.
#[derive(Debug)]
pub struct PhantomTracker {
    random: Random,
    sequence: u64,
}

impl PhantomTracker {
    /// The same seed gives the same noise.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), sequence: 0 }
    }

    /// The true tip of a tool at a time.
    fn ct_from_tip(tool: usize, time: Nanoseconds) -> Transform<Ct, Tip> {
        let radius_mm = 20.0 + 10.0 * tool as f64;
        let angle = time.0 as f64 * 1e-9 * SPEED_MM_S / radius_mm + 3.0 * tool as f64;
        pose([0.2, 0.1 * tool as f64, 0.3], [radius_mm * angle.cos(), 30.0, radius_mm * angle.sin()])
    }

    fn noisy<F: Frame>(&mut self, exact: Transform<Tracker, F>) -> Transform<Tracker, F> {
        let mut draw = |sigma: f64| Vector3::from(self.random.normal3()) * sigma;
        let noise = Twist { rotation_rad: draw(NOISE.1), translation_mm: draw(NOISE.0) };
        exact * Transform::<F, F>::exp(&noise)
    }
}

impl Source for PhantomTracker {
    fn description(&self) -> String {
        "phantom tracker".into()
    }

    fn next_due(&self) -> Nanoseconds {
        Nanoseconds(((self.sequence + 1) as f64 * 1e9 / RATE_HZ).round() as u64)
    }

    fn poll(&mut self, now: Nanoseconds) -> Option<TrackerPacket> {
        let due = self.next_due();
        if due > now {
            return None;
        }
        self.sequence += 1;
        let mut packet = TrackerPacket::new(self.sequence, due, now);
        packet.tracker_from_patient = Ok(self.noisy(tracker_from_patient()));
        for (index, tool) in tools().iter().enumerate() {
            let ct_from_tip = match tool.role {
                ToolRole::Instrument => Self::ct_from_tip(index, due),
                ToolRole::SecondReference => pose([0.4, 0.0, 0.1], [30.0, 60.0, 40.0]),
            };
            let exact = tracker_from_patient() * patient_from_ct() * ct_from_tip * tool.tool_from_tip.inverse();
            packet = packet.with_tool(tool.id, Ok(self.noisy(exact)));
        }
        Some(packet)
    }
}
