//! A tracker that follows a script, with noise and lost line of sight.

use geom::nalgebra::{UnitQuaternion, Vector3};
use geom::{Ct, Nanoseconds, Patient, Point, Tip, Tool, Tracker, Transform, Twist, Vector};

use super::{Missing, Source, ToolId, TrackerPacket};
use crate::register::random::Random;

/// The instrument that follows the path.
pub const SIMULATED_TOOL: ToolId = ToolId(1);

/// A tip position to pass, with the direction the shaft points into the bone.
#[derive(Debug, Clone, Copy)]
pub struct Waypoint {
    /// Tip position.
    pub tip: Point<Ct>,
    /// Unit direction from handle to tip.
    pub direction: Vector<Ct>,
}

/// A stretch of time in which the instrument is not seen.
#[derive(Debug, Clone, Copy)]
pub struct Occlusion {
    /// When the line of sight is lost.
    pub from: Nanoseconds,
    /// When it is back.
    pub until: Nanoseconds,
}

/// What the simulated tracker does.
#[derive(Debug, Clone)]
pub struct SimulationSettings {
    /// Packets a second, Hz.
    pub rate_hz: f64,
    /// Tip speed along the path, mm/s.
    pub speed_mm_s: f64,
    /// Standard deviation of each measured position coordinate, mm.
    pub position_noise_mm: f64,
    /// Standard deviation of each measured rotation component, deg.
    pub rotation_noise_deg: f64,
    /// When the instrument is hidden.
    pub occlusions: Vec<Occlusion>,
    /// Seed of the noise.
    pub seed: u64,
}

impl Default for SimulationSettings {
    /// 60 Hz, 20 mm/s, 0.1 mm and 0.05 deg: an optical tracker in good light.
    fn default() -> Self {
        Self {
            rate_hz: 60.0,
            speed_mm_s: 20.0,
            position_noise_mm: 0.1,
            rotation_noise_deg: 0.05,
            occlusions: Vec::new(),
            seed: 1,
        }
    }
}

/// Moves an instrument along waypoints given in the CT, as a tracker that
/// knows the true registration would see it.
#[derive(Debug)]
pub struct SimulatedTracker {
    settings: SimulationSettings,
    path: Vec<Waypoint>,
    /// Path length up to each waypoint, mm.
    reach_mm: Vec<f64>,
    tracker_from_patient: Transform<Tracker, Patient>,
    patient_from_ct: Transform<Patient, Ct>,
    tip_from_tool: Transform<Tip, Tool>,
    random: Random,
    sequence: u64,
}

impl SimulatedTracker {
    /// * `path` - waypoints, walked at constant speed from first to last and
    ///   back; at least one.
    /// * `patient_from_ct` - the truth.
    /// * `tracker_from_patient` - where the reference stands before the camera.
    /// * `tool_from_tip` - calibration of the instrument.
    ///
    /// `None` when the path is empty or holds a value that is not finite.
    #[must_use]
    pub fn new(
        path: Vec<Waypoint>,
        patient_from_ct: Transform<Patient, Ct>,
        tracker_from_patient: Transform<Tracker, Patient>,
        tool_from_tip: &Transform<Tool, Tip>,
        settings: SimulationSettings,
    ) -> Option<Self> {
        if path.is_empty() || path.iter().any(|w| !(w.tip.is_finite() && w.direction.is_finite())) {
            return None;
        }
        let mut reach_mm = vec![0.0];
        for pair in path.windows(2) {
            if let ([a, b], Some(last)) = (pair, reach_mm.last().copied()) {
                reach_mm.push(last + a.tip.distance(b.tip));
            }
        }
        let random = Random::new(settings.seed);
        let tip_from_tool = tool_from_tip.inverse();
        Some(Self {
            settings,
            path,
            reach_mm,
            tracker_from_patient,
            patient_from_ct,
            tip_from_tool,
            random,
            sequence: 0,
        })
    }

    fn time_of(&self, sequence: u64) -> Nanoseconds {
        let seconds = sequence as f64 / self.settings.rate_hz.max(1e-3);
        Nanoseconds((seconds * 1e9).round().max(0.0) as u64)
    }

    /// The scripted tip pose after `travelled_mm`, walking to and fro.
    fn ct_from_tip(&self, travelled_mm: f64) -> Transform<Ct, Tip> {
        let total = self.reach_mm.last().copied().unwrap_or(0.0);
        let phase = if total > 0.0 { travelled_mm.rem_euclid(2.0 * total) } else { 0.0 };
        let s = if phase > total { 2.0 * total - phase } else { phase };
        let next = self.reach_mm.partition_point(|reach| *reach < s).clamp(1, self.path.len().max(2) - 1);
        let (a, b) = match (self.path.get(next - 1), self.path.get(next)) {
            (Some(a), Some(b)) => (*a, *b),
            _ => (self.path[0], self.path[0]),
        };
        let (low, high) = (self.reach_mm[next - 1], self.reach_mm.get(next).copied().unwrap_or(total));
        let t = if high > low { (s - low) / (high - low) } else { 0.0 };
        let tip = a.tip + (b.tip - a.tip) * t;
        let direction = (a.direction * (1.0 - t) + b.direction * t).normalized().unwrap_or(a.direction);
        // The tip frame's -z points along the shaft into the bone.
        let rotation = UnitQuaternion::rotation_between(&-Vector3::z(), &direction.vector3())
            .unwrap_or_else(|| UnitQuaternion::from_scaled_axis(Vector3::x() * std::f64::consts::PI));
        Transform::new(rotation, tip.vector3())
    }

    fn noise(&mut self) -> Twist {
        let (mm, rad) = (self.settings.position_noise_mm, self.settings.rotation_noise_deg.to_radians());
        let mut draw =
            |sigma: f64| Vector3::new(self.random.normal(), self.random.normal(), self.random.normal()) * sigma;
        Twist { rotation_rad: draw(rad), translation_mm: draw(mm) }
    }
}

impl Source for SimulatedTracker {
    fn description(&self) -> String {
        format!("simulated tracker, {:.0} Hz, {:.2} mm noise", self.settings.rate_hz, self.settings.position_noise_mm)
    }

    fn next_due(&self) -> Nanoseconds {
        self.time_of(self.sequence + 1)
    }

    fn poll(&mut self, now: Nanoseconds) -> Option<TrackerPacket> {
        let source_time = self.next_due();
        if source_time > now {
            return None;
        }
        self.sequence += 1;
        let travelled_mm = source_time.0 as f64 * 1e-9 * self.settings.speed_mm_s;
        let exact =
            self.tracker_from_patient * self.patient_from_ct * self.ct_from_tip(travelled_mm) * self.tip_from_tool;
        // Noise acts in the marker array's own frame, about its origin.
        let measured = exact * Transform::<Tool, Tool>::exp(&self.noise());
        let is_hidden = self.settings.occlusions.iter().any(|o| (o.from..o.until).contains(&source_time));
        let reference = self.tracker_from_patient * Transform::<Patient, Patient>::exp(&self.noise());
        let mut packet = TrackerPacket::new(self.sequence, source_time, now);
        packet.tracker_from_patient = Ok(reference);
        Some(packet.with_tool(SIMULATED_TOOL, if is_hidden { Err(Missing::Occluded) } else { Ok(measured) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracker(occlusions: Vec<Occlusion>) -> SimulatedTracker {
        let down = Vector::new(0.0, -1.0, 0.0);
        let path = [0.0, 100.0].map(|z| Waypoint { tip: Point::new(0.0, 50.0, z), direction: down }).to_vec();
        let settings =
            SimulationSettings { occlusions, position_noise_mm: 0.0, rotation_noise_deg: 0.0, ..Default::default() };
        SimulatedTracker::new(path, Transform::identity(), Transform::identity(), &Transform::identity(), settings)
            .unwrap()
    }

    #[test]
    fn the_tip_walks_the_script_at_its_speed() {
        let mut source = tracker(Vec::new());
        let mut last = None;
        for _ in 0..60 {
            last = source.poll(source.next_due());
        }
        // One second at 20 mm/s, with the shaft pointing anterior.
        let tracker_from_tool = last.unwrap().tool(SIMULATED_TOOL).unwrap();
        assert!((tracker_from_tool.translation().z - 20.0).abs() < 1e-6);
        assert!(((tracker_from_tool * Vector::<Tool>::new(0.0, 0.0, -1.0)).to_array()[1] + 1.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_arrives_before_it_is_due_and_nothing_is_seen_while_hidden() {
        let hidden = Occlusion { from: Nanoseconds(0), until: Nanoseconds(1_000_000_000) };
        let mut source = tracker(vec![hidden]);
        assert!(source.poll(Nanoseconds(0)).is_none());
        assert!(source.poll(Nanoseconds(20_000_000)).unwrap().tool(SIMULATED_TOOL).is_err());
    }
}
