//! The plane in which a vertebra mirrors itself, and so its axial rotation.
//!
//! The surface is laid over its own mirror image: whole arch and body take part,
//! not two landmarks of the canal, so that one bent process counts little.

use geom::nalgebra::{Matrix3, Unit, UnitQuaternion, Vector3};

use crate::surface::{Mesh, NearestCells};

/// Surface points that are mirrored.
const SAMPLES: usize = 900;
/// Rounds of the fit.
const ROUNDS: usize = 25;
/// Starts, degrees about the vertebra's axis.
const STARTS_DEG: [f64; 5] = [0.0, -20.0, 20.0, -40.0, 40.0];
/// Distances are cut here in the first and in the last round, mm.
const CUT_MM: [f64; 2] = [8.0, 2.5];
/// Cells that the vertices are sorted into, mm.
const CELL_MM: f32 = 2.0;

/// The nearest vertex, exact: only what lies within the cut is asked for, and a place that moves a
/// little from round to round is near the vertex that was nearest before, so that a few cells hold
/// the answer.
struct Vertices<'a> {
    mesh: &'a Mesh,
    cells: NearestCells,
    /// The vertices in the order of the cells, and what each was.
    sorted: Vec<[f32; 3]>,
    order: Vec<u32>,
}

impl<'a> Vertices<'a> {
    fn new(mesh: &'a Mesh) -> Option<Self> {
        let is_usable = !mesh.vertices.is_empty() && mesh.vertices.iter().flatten().all(|c| c.is_finite());
        is_usable.then(|| {
            let (cells, order) = NearestCells::new(&mesh.vertices, CELL_MM);
            let sorted = order.iter().filter_map(|i| mesh.vertices.get(*i as usize)).copied().collect();
            Self { mesh, cells, sorted, order }
        })
    }

    /// Vertex, normal and distance, mm; `None` where no vertex is within `cut_mm`.
    ///
    /// * `last` - where the answer of the round before was, in the order of the cells.
    fn nearest(&self, query: [f32; 3], cut_mm: f32, last: &mut u32) -> Option<(&'a [f32; 3], &'a [f32; 3], f32)> {
        let squared = |p: &[f32; 3]| (0..3).map(|i| (p[i] - query[i]).powi(2)).sum::<f32>();
        let before = self.sorted.get(*last as usize).map(squared);
        let limit = (u32::MAX, cut_mm * cut_mm);
        let hint = before.filter(|squared| *squared < limit.1).map_or(limit, |squared| (*last, squared));
        let (at, squared) = self.cells.nearest(&self.sorted, |p| *p, query, hint);
        let index = *self.order.get(at as usize)? as usize;
        *last = at;
        Some((self.mesh.vertices.get(index)?, self.mesh.normals.get(index)?, squared.sqrt()))
    }
}

/// A plane of symmetry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mirror {
    /// Unit normal, towards the left.
    pub left: Vector3<f64>,
    /// Distance of the plane from the point given, along `left`, mm.
    pub offset_mm: f64,
    /// Mean distance between the surface and its mirror image, cut, mm.
    pub misfit_mm: f64,
}

/// The mirror plane of `mesh` near `centre`; `left` is the first guess of its
/// normal, `up` the axis that large rotations are tried about.
///
/// `None` for a surface without points. Cost: about 15 ms.
pub(super) fn mirror(mesh: &Mesh, centre: Vector3<f64>, up: Vector3<f64>, left: Vector3<f64>) -> Option<Mirror> {
    let vertices = Vertices::new(mesh)?;
    let cloud = mesh.sample(SAMPLES, 5);
    let points: Vec<(Vector3<f64>, Vector3<f64>)> = cloud
        .points
        .iter()
        .zip(&cloud.normals)
        .map(|(p, n)| (Vector3::from(*p).cast::<f64>() - centre, Vector3::from(*n).cast::<f64>()))
        .collect();
    let axis = Unit::try_new(up, 1e-9)?;
    let tried = STARTS_DEG.iter().map(|degrees| {
        let turned = UnitQuaternion::from_axis_angle(&axis, degrees.to_radians()) * left;
        refine(&vertices, &points, centre, turned)
    });
    tried.flatten().min_by(|a, b| a.misfit_mm.total_cmp(&b.misfit_mm))
}

/// Turn about the third axis, radians, that a part of the surface (vertices and
/// normals) asks for against the plane `whole` of all of it.
pub(super) fn angle_of_cloud(part: &Mesh, centre: Vector3<f64>, whole: &Mirror) -> Option<f64> {
    let vertices = Vertices::new(part)?;
    let step = part.vertices.len().div_ceil(SAMPLES).max(1);
    let points: Vec<(Vector3<f64>, Vector3<f64>)> = part
        .vertices
        .iter()
        .zip(&part.normals)
        .step_by(step)
        .map(|(p, n)| (Vector3::from(*p).cast::<f64>() - centre, Vector3::from(*n).cast::<f64>()))
        .collect();
    let found = refine(&vertices, &points, centre, whole.left)?;
    Some(found.left.cross(&whole.left).norm().asin().copysign(found.left.cross(&whole.left).z))
}

fn refine(
    vertices: &Vertices<'_>,
    points: &[(Vector3<f64>, Vector3<f64>)],
    centre: Vector3<f64>,
    start: Vector3<f64>,
) -> Option<Mirror> {
    let (mut normal, mut offset, mut misfit) = (start.try_normalize(1e-9)?, 0.0, f64::INFINITY);
    let mut last = vec![u32::MAX; points.len()];
    for round in 0..ROUNDS {
        let share = (round as f64 / 10.0).min(1.0);
        let cut = CUT_MM[0] + (CUT_MM[1] - CUT_MM[0]) * share;
        let aside = normal.cross(&Vector3::z()).try_normalize(0.1).unwrap_or_else(|| normal.cross(&Vector3::y()));
        let tilts = [normal.cross(&aside), aside];
        let (mut left, mut right) = (Matrix3::<f64>::zeros(), Vector3::<f64>::zeros());
        let mut sum = 0.0;
        for ((point, direction), last) in points.iter().zip(&mut last) {
            let height = normal.dot(point) - offset;
            let image = point - normal * (2.0 * height);
            let turned = direction - normal * (2.0 * normal.dot(direction));
            let place = (image + centre).cast::<f32>().into();
            let Some((q, n, distance_mm)) = vertices.nearest(place, cut as f32, last) else {
                sum += cut;
                continue;
            };
            let (q, n) = (Vector3::from(*q).cast::<f64>() - centre, Vector3::from(*n).cast::<f64>());
            let residual = n.dot(&(image - q));
            sum += f64::from(distance_mm);
            if n.dot(&turned) < 0.5 {
                continue;
            }
            let along = |t: &Vector3<f64>| n.dot(&((t * height + normal * t.dot(point)) * -2.0));
            let row = Vector3::new(along(&tilts[0]), along(&tilts[1]), 2.0 * n.dot(&normal));
            let weight = 1.0 / (1.0 + (residual / 0.7).powi(2));
            left += row * row.transpose() * weight;
            right -= row * residual * weight;
        }
        misfit = sum / points.len().max(1) as f64;
        let step = left.lu().solve(&right)?;
        normal = (normal + tilts[0] * step.x + tilts[1] * step.y).try_normalize(1e-9)?;
        offset += step.z;
        if !offset.is_finite() || offset.abs() > 30.0 {
            return None;
        }
        if round > 12 && step.norm() < 1e-6 {
            break;
        }
    }
    (normal.dot(&start) > 0.5).then_some(Mirror { left: normal, offset_mm: offset, misfit_mm: misfit })
}
