//! A tracker, a link and instruments whose true times can be read off their
//! positions.

use std::sync::Arc;

use engine::case::Case;
use engine::register::random::Random;
use engine::register::{LandmarkSettings, Registration, landmarks};
use engine::rt::{Guidance, TrackedTool, TrackerErrors};
use engine::track::{Missing, ToolId, TrackerPacket};
use engine::volume::{Grid, LabelMap, Volume};
use geom::{Ct, Nanoseconds, Patient, Point, Tool, Tracker, Transform, Vector};

pub const MS: u64 = 1_000_000;
pub const SECOND: u64 = 1000 * MS;

/// Speed of every instrument along x, mm/s: a tenth of a millimetre of noise
/// is half a millisecond.
const SPEED_MM_S: f64 = 200.0;

/// A case without bone, registered without error.
pub fn guidance(tools: usize) -> Arc<Guidance> {
    let grid = Grid::axis_aligned([1, 1, 1], [1.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
    let labels = LabelMap { grid: grid.clone(), labels: vec![0] };
    let case = Case { ct: Volume { grid, hu: vec![0.0] }, labels, vertebrae: Vec::new(), levels_are_anchored: true };
    let tools: Vec<_> =
        (1..=tools).map(|id| TrackedTool::instrument(ToolId(id as u16), Transform::identity())).collect();
    Arc::new(Guidance::new(&case, &registration(), &tools, TrackerErrors::default()))
}

pub fn registration() -> Registration {
    let ct = [[0., 0., 0.], [60., 0., 0.], [0., 60., 0.], [0., 0., 60.], [40., 40., 0.]].map(Point::<Ct>::from);
    landmarks(&ct.map(|p| Point::<Patient>::from(p.to_array())), &ct, &LandmarkSettings::default()).unwrap()
}

/// The packet measured at `measured` (true time): all instruments far apart,
/// moving along x, with noise.
pub fn packet(sequence: u64, measured: u64, tools: usize, random: &mut Random) -> TrackerPacket {
    let time = Nanoseconds(measured);
    let mut packet = TrackerPacket::new(sequence, time, time);
    let mut noise = |mm: f64| Vector::from(random.normal3().map(|v| v * mm));
    packet.tracker_from_patient = Ok(Transform::from_translation(noise(0.01)));
    for tool in 1..=tools {
        let place = Vector::new(measured as f64 * 1e-9 * SPEED_MM_S, 0.0, 300.0 * tool as f64);
        let pose = Transform::<Tracker, Tool>::from_translation(place + noise(0.05));
        packet = packet.with_tool(ToolId(tool as u16), Ok(pose));
    }
    packet
}

/// When a shown pose was truly measured, ns.
pub fn true_time<F: geom::Frame>(pose: &Transform<Ct, F>) -> f64 {
    pose.translation().x / SPEED_MM_S * 1e9
}

/// Hides every instrument of a packet.
pub fn hide(packet: &mut TrackerPacket, why: Missing) {
    packet.tools.iter_mut().for_each(|slot| slot.tracker_from_tool = Err(why));
}

/// Delay of an honest link, ns: 2 ms and an exponential tail of 1 ms.
pub fn delay(random: &mut Random) -> u64 {
    2 * MS + (-(1.0 - random.uniform()).ln() * MS as f64) as u64
}
