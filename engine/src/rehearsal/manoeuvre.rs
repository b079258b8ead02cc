//! A simulated correction: the spine is bent at single discs by known angles, and its bone is touched again.
//!
//! Promises that the change of every angle is known beforehand: a sagittal turn of `d` degrees below a level changes
//! the sagittal inclination of every endplate above by exactly `d`. Not anatomy: ribs, facets and rods do not resist.

use std::fmt;

use geom::nalgebra::{UnitQuaternion, Vector3};
use geom::{Ct, Patient, Point, Transform};

use crate::level::{Level, present};
use crate::measure::{Side, Spine, order};
use crate::register::simulate::{Sweep, sweep};
use crate::surface::{self, MeshSettings, PointCloud};
use crate::volume::LabelMap;

/// Largest turn at one level, degrees: a pedicle subtraction osteotomy gives 30 to 40.
const MOST_DEG: f64 = 60.0;

/// In which plane of the image a spine is bent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BendPlane {
    /// Positive straightens up: more lordosis, less kyphosis.
    Sagittal,
    /// Positive leans to the patient's left.
    Coronal,
}

/// A bend at the disc below a level: that level and all above turn as one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bend {
    /// The level above the disc.
    pub at: Level,
    /// The plane.
    pub plane: BendPlane,
    /// How far, degrees.
    pub deg: f64,
}

impl Bend {
    /// Reads `L3 8` or `L3 -6 coronal`: level, degrees, and the plane if it is not the sagittal one.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let [level, deg, rest @ ..] = words else {
            return Err("a bend is LEVEL DEGREES and, if it is not sagittal, coronal: L3 8".into());
        };
        let at = Level::from_name(level).filter(|l| l.is_vertebra());
        let at = at.ok_or_else(|| format!("{level:?} is no vertebra; they are C1 to L6"))?;
        let deg = deg.parse::<f64>().ok().filter(|d| d.abs() <= MOST_DEG);
        let deg = deg.ok_or_else(|| format!("a bend has at most {MOST_DEG} degrees"))?;
        let plane = match rest {
            [] | ["sagittal"] => BendPlane::Sagittal,
            ["coronal"] => BendPlane::Coronal,
            _ => return Err(format!("{rest:?} is no plane; there are sagittal and coronal")),
        };
        Ok(Self { at, plane, deg })
    }
}

impl fmt::Display for Bend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plane = if self.plane == BendPlane::Sagittal { "sagittal" } else { "coronal" };
        write!(f, "{} {:+.1} deg {plane}", self.at, self.deg)
    }
}

/// Where `level` goes when `bends` are made one after the other, in the axes of the CT. Each turns about the back
/// corner of the lower endplate of its level; the sacrum never moves.
///
/// # Errors
/// Which endplate is not there.
pub fn motion(spine: &Spine, bends: &[Bend], level: Level) -> Result<Transform<Ct, Ct>, String> {
    let mut whole = Transform::<Ct, Ct>::identity();
    for (i, bend) in bends.iter().enumerate() {
        if !level.is_vertebra() || order(level) > order(bend.at) {
            continue;
        }
        // The hinge itself moved with the bends before.
        let before = motion(spine, bends.get(..i).unwrap_or_default(), bend.at)?;
        let hinge = before * Point::from_vector3(spine.endplate(bend.at, Side::Inferior)?.posterior);
        let axis = match bend.plane {
            BendPlane::Sagittal => -Vector3::x_axis(),
            BendPlane::Coronal => Vector3::y_axis(),
        };
        let turn = UnitQuaternion::from_axis_angle(&axis, bend.deg.to_radians());
        let at = hinge.vector3();
        whole = Transform::new(turn, at - turn * at) * whole;
    }
    Ok(whole)
}

/// Points that a surgeon touches on the back of every level of `levels` after the bends, as measured in the patient
/// frame; on each the number that `settings` say.
///
/// # Errors
/// Which endplate is not there.
pub fn touched_again(
    bone: &LabelMap,
    spine: &Spine,
    bends: &[Bend],
    levels: &[Level],
    patient_from_ct: &Transform<Patient, Ct>,
    settings: &Sweep,
) -> Result<Vec<Point<Patient>>, String> {
    let numbers: Vec<u8> = levels.iter().map(|level| level.number()).collect();
    let meshes = surface::from_masks(bone, &numbers, &MeshSettings::default());
    let mut points = Vec::new();
    for (level, mesh) in levels.iter().zip(&meshes) {
        let pose = *patient_from_ct * motion(spine, bends, *level)?;
        let seed = settings.seed.wrapping_mul(31).wrapping_add(u64::from(level.number()));
        points.extend(sweep(&mesh.vertices_cloud(), &pose, &Sweep { seed, ..settings.clone() }));
    }
    Ok(points)
}

/// Surface points of every vertebra and the sacrum with the number of their level: what single levels are registered
/// to ([`crate::register::Articulated`]).
#[must_use]
pub fn bone_by_level(bone: &LabelMap) -> (PointCloud, Vec<u8>) {
    let named = |level: &Level| level.is_vertebra() || level.number() == 26;
    let numbers: Vec<u8> = present(&bone.labels).into_iter().filter(named).map(Level::number).collect();
    let (mut cloud, mut levels) = (PointCloud::default(), Vec::new());
    for (number, mesh) in numbers.iter().zip(surface::from_masks(bone, &numbers, &MeshSettings::default())) {
        cloud.points.extend_from_slice(&mesh.vertices);
        cloud.normals.extend_from_slice(&mesh.normals);
        levels.resize(cloud.points.len(), *number);
    }
    (cloud, levels)
}
