//! What commands with a live session share.

use std::sync::Arc;

use engine::register::{self, RegisterError, Registration, Settings, Target, TargetSettings};
use engine::rehearsal::Scenario;
use engine::rt::{LiveSession, Snapshot, TrackedTool};
use engine::surface::PointCloud;
use engine::track::{SIMULATED_TOOL, SimulatedTracker, SimulationSettings};
use geom::{Ct, Patient, Point, Transform};

use crate::failure::{Blame, Failure};
use crate::scene::SnapshotFeed;

/// The newest snapshot of a session that goes on.
pub struct Running(pub Arc<LiveSession>);

impl SnapshotFeed for Running {
    fn latest(&self) -> Option<Snapshot> {
        self.0.latest()
    }
}

/// Registers points touched on a case, whose surface is given.
///
/// * `bone` - [`engine::case::Case::surface_points`].
pub fn register_case(
    (cloud, levels): &(PointCloud, Vec<u8>),
    points: &[Point<Patient>],
    initial: &Transform<Patient, Ct>,
) -> Result<Registration, RegisterError> {
    let target = Target::new(cloud, Some(levels), &TargetSettings::default())?;
    register::surface(&target, points, initial, &Settings::default())
}

/// The tracker of a simulated patient, and the pointer it follows.
pub fn simulated_tracker(scenario: &Scenario, seed: u64) -> Result<(SimulatedTracker, TrackedTool), Failure> {
    let tracker = SimulatedTracker::new(
        scenario.path.clone(),
        scenario.patient_from_ct,
        scenario.tracker_from_patient,
        &scenario.tool_from_tip,
        SimulationSettings { seed, ..SimulationSettings::default() },
    );
    let tracker = tracker.ok_or_else(|| anyhow::anyhow!("the simulated pointer has no path")).internal()?;
    Ok((tracker, TrackedTool::instrument(SIMULATED_TOOL, scenario.tool_from_tip)))
}
