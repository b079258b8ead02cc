//! What a registration starts from: bone, points, poses, as files.

use std::path::Path;

use engine::io::{self, Limits, numbers};
use engine::surface::{self, Mesh, MeshSettings, PointCloud};
use geom::{Ct, Patient, Point, Transform};

use crate::failure::{Blame, Failure};

/// Without a guess the middles of both point sets are laid on each other,
/// axes alike.
pub fn centred_guess(cloud: &PointCloud, points: &[Point<Patient>]) -> Transform<Patient, Ct> {
    let bone: Vec<Point<Ct>> = cloud.points.iter().map(|p| Point::from(*p)).collect();
    let origin = Point::new(0.0, 0.0, 0.0);
    let (bone, touched) = (Point::centroid(&bone).unwrap_or(origin), Point::centroid(points));
    let touched = touched.unwrap_or(Point::new(0.0, 0.0, 0.0)).vector3();
    Transform::new(geom::nalgebra::UnitQuaternion::identity(), touched - bone.vector3())
}

/// The bone to register to.
#[derive(Debug)]
pub struct Bone {
    /// Its surface.
    pub mesh: Mesh,
    /// The vertices of it.
    pub cloud: PointCloud,
    /// Level number of each, where it is known.
    pub levels: Option<Vec<u8>>,
}

/// A mesh, or the surfaces of all levels of a label map with their numbers.
pub fn read_bone(path: Option<&Path>) -> Result<Bone, Failure> {
    let path = path.ok_or_else(|| Failure::WrongUse(anyhow::anyhow!("a surface registration needs --target")))?;
    let is_mesh = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("stl"));
    if is_mesh {
        let mesh = io::stl::read(path, &Limits::default()).bad_input()?;
        return Ok(Bone { cloud: mesh.vertices_cloud(), mesh, levels: None });
    }
    let labels = io::read_labels(path, &Limits::default()).bad_input()?.value;
    let numbers: Vec<u8> = engine::level::present(&labels.labels).iter().map(|level| level.number()).collect();
    let (mut mesh, mut levels) = (Mesh::default(), Vec::new());
    for (number, of_level) in numbers.iter().zip(surface::from_masks(&labels, &numbers, &MeshSettings::default())) {
        mesh.append(&of_level);
        levels.resize(mesh.vertices.len(), *number);
    }
    if mesh.vertices.is_empty() {
        return Err(Failure::BadInput(anyhow::anyhow!("{} holds no labelled bone to register to", path.display())));
    }
    Ok(Bone { cloud: mesh.vertices_cloud(), mesh, levels: Some(levels) })
}

/// Touched points, one a line.
pub fn read_points(path: &Path) -> Result<Vec<Point<Patient>>, Failure> {
    let rows = numbers::read_rows::<3>(path, "x y z on the patient, mm").bad_input()?;
    Ok(rows.into_iter().map(Point::from).collect())
}

/// Paired landmarks.
#[derive(Debug)]
pub struct Landmarks {
    /// As touched.
    pub patient: Vec<Point<Patient>>,
    /// As marked.
    pub ct: Vec<Point<Ct>>,
}

/// Pairs of landmarks, one a line.
pub fn read_landmarks(path: &Path) -> Result<Landmarks, Failure> {
    let rows = numbers::read_rows::<6>(path, "x y z on the patient, x y z in the CT, mm").bad_input()?;
    let patient = rows.iter().map(|r| Point::new(r[0], r[1], r[2])).collect();
    Ok(Landmarks { patient, ct: rows.iter().map(|r| Point::new(r[3], r[4], r[5])).collect() })
}

/// A pose, 16 numbers row by row.
pub fn read_transform(path: &Path) -> Result<Transform<Patient, Ct>, Failure> {
    let matrix = numbers::read_matrix(path).bad_input()?;
    let named = Transform::from_row_major(&matrix).map_err(|e| anyhow::anyhow!("{}: {e}", path.display()));
    named.bad_input()
}
