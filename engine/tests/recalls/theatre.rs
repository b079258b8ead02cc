//! A patient, an instrument and a tracker, held still by hand.

use std::sync::Arc;

use engine::case::Case;
use engine::register::{LandmarkSettings, Registration, landmarks};
use engine::rt::{Guidance, LoopSettings, NavigationLoop, Snapshot, TrackedTool, TrackerErrors};
use engine::safety::Event;
use engine::track::{ToolId, TrackerPacket};
use engine::volume::{Grid, LabelMap, Volume};
use geom::nalgebra::Vector3;
use geom::{Ct, Nanoseconds, Patient, Point, Tip, Tracker, Transform, Twist, Vector};

/// L3.
pub const LEVEL: u8 = 22;

/// A ball of bone of radius 12 mm about `centre`, on 1 mm voxels.
pub fn case(centre: [f64; 3]) -> Case {
    let grid = Grid::axis_aligned([40, 40, 40], [1.0; 3], Point::new(-20.0, -20.0, -20.0)).unwrap();
    let inside = |index: usize| {
        let voxel = [index % 40, index / 40 % 40, index / 1600].map(|v| v as f64);
        grid.to_ct(voxel.into()).distance(centre.into()) <= 12.0
    };
    let labels = (0..grid.len()).map(|i| if inside(i) { LEVEL } else { 0 }).collect();
    let labels = LabelMap { grid: grid.clone(), labels };
    Case::from_labels(Volume { grid, hu: Vec::new() }, labels)
}

pub fn truth() -> Transform<Patient, Ct> {
    Transform::exp(&Twist {
        rotation_rad: Vector3::new(0.3, -0.5, 0.2),
        translation_mm: Vector3::new(40.0, -70.0, 90.0),
    })
}

/// Landmarks in the CT.
pub const LANDMARKS: [[f64; 3]; 6] =
    [[0., 0., 0.], [60., 0., 0.], [0., 60., 0.], [0., 0., 60.], [40., 40., 0.], [-30., 20., 40.]];

/// A registration of which the landmarks from `first` on moved by `moved_mm` before they were touched.
pub fn registration(first: usize, moved_mm: f64) -> Registration {
    let ct = LANDMARKS.map(Point::<Ct>::from);
    let mut patient = ct.map(|p| truth() * p);
    patient.iter_mut().skip(first).for_each(|p| *p = *p + Vector::new(moved_mm, 0.0, 0.0));
    landmarks(&patient, &ct, &LandmarkSettings::default()).unwrap()
}

pub fn pointer() -> TrackedTool {
    TrackedTool::instrument(ToolId(1), Transform::from_translation(Vector::new(3.0, 0.0, -150.0)))
}

/// A running session.
pub struct Theatre {
    pub navigation: NavigationLoop,
    ms: u64,
}

impl Theatre {
    pub fn new(registration: &Registration) -> Self {
        let guidance = Guidance::new(&case([0.0; 3]), registration, &[pointer()], TrackerErrors::default());
        let navigation = NavigationLoop::with_settings(Arc::new(guidance), LoopSettings::default());
        Self { navigation, ms: 0 }
    }

    pub fn now(&self) -> Nanoseconds {
        Nanoseconds(self.ms * 1_000_000)
    }

    /// Holds the tip at a place of the CT for half a second.
    pub fn hold(&mut self, place: [f64; 3]) -> Snapshot {
        let mut shown = Snapshot::default();
        for _ in 0..30 {
            self.ms += 17;
            let sequence = self.ms / 17;
            let wobble = 1e-3 * (sequence % 2) as f64;
            let tracker_from_patient =
                Transform::<Tracker, Patient>::from_translation(Vector::new(wobble, 0.0, 1500.0));
            let tip = Point::<Ct>::from(place) - Point::new(wobble, 0.0, 0.0);
            let tool = tracker_from_patient
                * truth()
                * Transform::<Ct, Tip>::from_translation(tip)
                * pointer().tool_from_tip.inverse();
            let mut packet = TrackerPacket::new(sequence, self.now(), self.now()).with_tool(ToolId(1), Ok(tool));
            packet.tracker_from_patient = Ok(tracker_from_patient);
            self.navigation.observe(&packet);
            shown = self.navigation.snapshot(self.now());
        }
        shown
    }

    pub fn tell(&mut self, event: Event) {
        let now = self.now();
        self.navigation.apply(event, now).unwrap();
    }

    /// Touches a landmark at `place` that is planned `off_mm` from there; true when the check is complete.
    pub fn check(&mut self, place: [f64; 3], off_mm: f64) -> bool {
        self.hold(place);
        let planned = Point::<Ct>::from(place) + Vector::new(off_mm, 0.0, 0.0);
        let now = self.now();
        self.navigation.check_landmark(planned, now).is_some_and(|check| check.is_complete())
    }

    /// Touches three landmarks where they are.
    pub fn pass_check(&mut self) -> bool {
        [[0.0, 30.0, 0.0], [30.0, 30.0, 0.0], [0.0, 30.0, 30.0]].map(|place| self.check(place, 0.0)).contains(&true)
    }
}

pub fn is_shown(snapshot: &Snapshot) -> bool {
    let tool = snapshot.guided();
    tool.ct_from_tip.is_some() || tool.bone_distance_mm.is_some() || tool.predicted_tre_mm.is_some()
}
