//! One simulated patient on the table, with a pointer that moves over the bone.

use geom::nalgebra::Vector3;
use geom::{Ct, Patient, Point, Tip, Tool, Tracker, Transform, Twist, Vector};

use crate::level::{Level, present};
use crate::register::random::Random;
use crate::register::simulate::{Sweep, displaced, sweep};
use crate::surface::{self, Mesh, MeshSettings, PointCloud};
use crate::track::Waypoint;
use crate::volume::LabelMap;

/// Levels laid open in the simulated operation.
const EXPOSED_LEVELS: usize = 3;

/// Points at which the true error is measured.
const TARGETS: usize = 300;

/// The first guess is off by up to this, as after pointing at a level by eye.
const GUESS_MM: f64 = 12.0;
const GUESS_DEG: f64 = 12.0;

/// Height of the tip above the bone along its path, mm.
const HOVER_MM: f64 = 1.0;

/// A simulated patient on the table.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The truth that registration has to find.
    pub patient_from_ct: Transform<Patient, Ct>,
    /// What registration starts from.
    pub first_guess: Transform<Patient, Ct>,
    /// Levels laid open, from the head down.
    pub exposed: Vec<Level>,
    /// Touched points, with noise and outliers.
    pub points: Vec<Point<Patient>>,
    /// Points on the exposed bones at which errors are measured.
    pub targets: Vec<Point<Ct>>,
    /// Where the reference array stands before the camera.
    pub tracker_from_patient: Transform<Tracker, Patient>,
    /// Calibration of the pointer.
    pub tool_from_tip: Transform<Tool, Tip>,
    /// The pointer's way over the posterior elements.
    pub path: Vec<Waypoint>,
}

impl Scenario {
    /// Lays open the lowest levels that are whole in `bone`, and plays a
    /// surgeon who sweeps a pointer over them. The same seed gives the same
    /// patient.
    ///
    /// `None` when `bone` holds no whole vertebra with a posterior surface.
    #[must_use]
    pub fn new(bone: &LabelMap, seed: u64) -> Option<Self> {
        let mut random = Random::new(seed);
        let whole = whole_levels(bone);
        let numbers: Vec<u8> = whole.iter().map(|level| level.number()).collect();
        let meshes = surface::from_masks(bone, &numbers, &MeshSettings::default());
        let first = whole.len().saturating_sub(EXPOSED_LEVELS);
        let mut exposed_bone = Mesh::default();
        meshes.iter().skip(first).for_each(|mesh| exposed_bone.append(mesh));
        let cloud = exposed_bone.vertices_cloud();
        let targets: Vec<Point<Ct>> =
            exposed_bone.sample(TARGETS, seed).points.iter().map(|p| Point::from(*p)).collect();
        let centre = Point::centroid(&targets)?;

        let patient_from_ct = reference_pose(centre, &mut random);
        let [deg, mm] = [GUESS_DEG, GUESS_MM].map(|most| most * random.between(0.5, 1.0));
        let guess = displaced(centre, deg, mm, &mut random);
        let points = sweep(&cloud, &patient_from_ct, &Sweep { seed, ..Sweep::default() });
        let path: Vec<Waypoint> = meshes.iter().flat_map(path_over).collect();
        if points.is_empty() || path.is_empty() {
            return None;
        }
        Some(Self {
            first_guess: patient_from_ct * guess,
            patient_from_ct,
            exposed: whole.into_iter().skip(first).collect(),
            points,
            targets,
            tracker_from_patient: tracker_from_patient(),
            tool_from_tip: tool_from_tip(),
            path,
        })
    }
}

/// Where the reference array of every simulated patient stands before the camera.
pub(super) fn tracker_from_patient() -> Transform<Tracker, Patient> {
    Transform::exp(&Twist {
        rotation_rad: Vector3::new(2.6, 0.3, -0.2),
        translation_mm: Vector3::new(-150.0, 80.0, 1400.0),
    })
}

/// A pointer 180 mm long with its array behind the handle.
pub(super) fn tool_from_tip() -> Transform<Tool, Tip> {
    Transform::exp(&Twist {
        rotation_rad: Vector3::new(0.0, 0.35, 0.0),
        translation_mm: Vector3::new(18.0, -4.0, -178.0),
    })
}

/// Levels that do not touch the first or last slices, from the head down.
pub(super) fn whole_levels(bone: &LabelMap) -> Vec<Level> {
    let [nx, ny, nz] = bone.grid.size();
    let is_edge = |i: usize| {
        let (x, y, z) = (i % nx, i / nx % ny, i / (nx * ny));
        x == 0 || y == 0 || z == 0 || x + 1 == nx || y + 1 == ny || z + 1 == nz
    };
    let mut is_cut = [false; 256];
    for (i, label) in bone.labels.iter().enumerate().filter(|(_, label)| **label != 0) {
        is_cut[usize::from(*label)] |= is_edge(i);
    }
    let whole = |level: &Level| level.is_vertebra() && !is_cut[usize::from(level.number())];
    present(&bone.labels).into_iter().filter(whole).collect()
}

/// A reference clamped above the exposed levels, turned as chance will have it.
pub(super) fn reference_pose(centre: Point<Ct>, random: &mut Random) -> Transform<Patient, Ct> {
    let reference = centre + Vector::new(15.0, 70.0, 90.0);
    let turn = Vector3::from(random.direction()) * random.between(0.2, 0.6);
    let rotation = Transform::<Patient, Ct>::exp(&Twist { rotation_rad: turn, translation_mm: Vector3::zeros() });
    rotation
        * Transform::<Ct, Ct>::from_translation(Vector::new(0.0, 0.0, 0.0) - (reference - Point::new(0.0, 0.0, 0.0)))
}

/// Waypoints across one vertebra from left to right: lamina, spinous process,
/// lamina, a millimetre above the bone.
fn path_over(mesh: &Mesh) -> Vec<Waypoint> {
    let cloud: PointCloud = mesh.vertices_cloud();
    let facing = cloud.select(&cloud.facing(Vector::new(0.0, 1.0, 0.0), 0.4));
    let Some((low, high)) = mesh.bounds() else { return Vec::new() };
    let middle = (low.to_array()[0] + high.to_array()[0]) / 2.0;
    let highest_near = |offset: f64| {
        let pairs = facing.points.iter().zip(&facing.normals);
        let near = pairs.filter(|(p, _)| (f64::from(p[0]) - middle - offset).abs() < 2.5);
        near.max_by(|a, b| a.0[1].total_cmp(&b.0[1]))
    };
    let offsets = [14.0, 7.0, 0.0, -7.0, -14.0];
    let waypoint = |(point, normal): (&[f32; 3], &[f32; 3])| {
        let normal = Vector::<Ct>::from(*normal);
        let direction = Vector::new(0.0, -0.9, -0.25) + normal * -0.3;
        Some(Waypoint { tip: Point::from(*point) + normal * HOVER_MM, direction: direction.normalized()? })
    };
    offsets.into_iter().filter_map(highest_near).filter_map(waypoint).collect()
}
