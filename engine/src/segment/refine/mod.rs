//! Where a vertebra's surface lies: the CT decides, at its own resolution.
//!
//! The network and the 1 mm grid say which bone; their surface is moved, vertex
//! by vertex along its normal, to the edge of the bone in the CT ([`edge`]),
//! evenly over the surface ([`relax`]). Meshes and the label map both come from
//! that surface ([`fill`]), so they agree below a voxel. How far off a point
//! may still be comes with it ([`Refined::error_mm`]). What was compared and
//! measured: `docs/segmentation.md`. Called by
//! [`assemble`](super::assemble) only.

mod edge;
mod fill;
mod relax;

use geom::{Point, Vector};
use rayon::prelude::*;

use crate::surface::{self, Mesh, MeshSettings};
use crate::volume::{LabelMap, Volume};

pub use fill::{Shape, label_map};

use relax::Neighbours;

/// The surface is moved this often; the second time its normals are better.
const ROUNDS: usize = 2;

/// No vertex moves further than this in a round, mm.
const FURTHEST_MM: f32 = 2.0;

/// A surface on the edge of the bone.
#[derive(Debug, Clone, Default)]
pub struct Refined {
    /// The surface, CT frame.
    pub mesh: Mesh,
    /// For each vertex the expected distance to the true surface, mm.
    pub error_mm: Vec<f32>,
}

/// The surface of each of `levels` (numbers in `labels`, HU in `ct`), in their
/// order; empty where a number does not occur.
#[must_use]
pub fn surfaces(labels: &LabelMap, levels: &[u8], ct: &Volume) -> Vec<Refined> {
    let first = surface::from_masks(labels, levels, &MeshSettings::default());
    first.into_par_iter().map(|mesh| to_edge(mesh, ct)).collect()
}

/// Moves a surface to the edge of the bone in `ct` (HU).
///
/// Where the CT shows no edge (bone that touches bone, metal, the border of the
/// scan) the surface follows its surroundings. Triangles stay as they are, so a
/// closed mesh stays closed.
///
/// Cost: 50 samples of the CT a vertex and 60 sums over its neighbours.
#[must_use]
pub fn to_edge(mut mesh: Mesh, ct: &Volume) -> Refined {
    let neighbours = Neighbours::of(&mesh);
    let mut last = Vec::new();
    let mut moves = Vec::new();
    for _ in 0..ROUNDS {
        let directions = neighbours.smooth_directions(&mesh.normals);
        last = mesh
            .vertices
            .par_iter()
            .zip(&directions)
            .map(|(vertex, direction)| edge::find(ct, Point::from(*vertex), Vector::from(*direction)))
            .collect();
        moves = neighbours.relax(&last);
        for ((vertex, direction), step) in mesh.vertices.iter_mut().zip(&directions).zip(&moves) {
            let step = step.clamp(-FURTHEST_MM, FURTHEST_MM);
            *vertex = [0, 1, 2].map(|axis| vertex[axis] + step * direction[axis]);
        }
        mesh.update_normals();
    }
    let error_mm = last.iter().zip(&moves).map(|(seen, moved)| edge::expected_error_mm(seen, *moved)).collect();
    Refined { mesh, error_mm }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::{from_mask, phantom};
    use crate::volume::Grid;

    /// A ball of bone, 10 mm, with a shell of 0.8 mm, seen by a scanner of that
    /// slice distance, and the mask that is 0.7 mm too large.
    fn scan(slice_mm: f64) -> (Volume, LabelMap, Point<geom::Ct>) {
        let centre = Point::new(15.3, 14.8, 15.1);
        let hu_at = |p: Point<geom::Ct>| match 10.0 - p.distance(centre) {
            depth if depth < 0.0 => 40.0,
            depth if depth < 0.8 => 1100.0,
            _ => 180.0,
        };
        let grid =
            Grid::axis_aligned([38, 38, (34.0 / slice_mm) as usize], [0.8, 0.8, slice_mm], Point::new(0.0, 0.0, 0.0));
        let grid = grid.unwrap();
        // The mean over a voxel as wide as the scanner's blur.
        let hu = (0..grid.len())
            .map(|i| {
                let at = [i % 38, i / 38 % 38, i / 1444].map(|v| v as f64);
                let place = grid.to_ct(at.into());
                let parts = (0..27).map(|k| {
                    let part = |n: i32| (f64::from(n) - 1.0) / 3.0;
                    hu_at(
                        place + Vector::new(1.2 * part(k % 3), 1.2 * part(k / 3 % 3), slice_mm.max(1.2) * part(k / 9)),
                    )
                });
                (parts.sum::<f64>() / 27.0) as f32
            })
            .collect();
        let fine = Grid::axis_aligned([31, 31, 31], [1.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let label = |i: usize| {
            let p = fine.to_ct([i % 31, i / 31 % 31, i / 961].map(|v| v as f64).into());
            if p.distance(centre) < 10.7 { 20 } else { 0 }
        };
        let labels = (0..fine.len()).map(label).collect();
        (Volume { grid, hu }, LabelMap { grid: fine, labels }, centre)
    }

    fn errors(mesh: &Mesh, centre: Point<geom::Ct>) -> (f64, f64) {
        let off = mesh.vertices.iter().map(|v| Point::from(*v).distance(centre) - 10.0);
        let n = mesh.vertices.len() as f64;
        (off.clone().sum::<f64>() / n, off.map(f64::abs).sum::<f64>() / n)
    }

    #[test]
    fn a_surface_that_is_too_large_is_brought_to_the_edge_of_the_bone() {
        for slice_mm in [0.8, 2.0] {
            let (ct, mask, centre) = scan(slice_mm);
            let first = from_mask(&mask, 20, &MeshSettings::default());
            let refined = to_edge(first.clone(), &ct);
            let (before, after) = (errors(&first, centre), errors(&refined.mesh, centre));
            assert!(before.0 > 0.6, "{before:?}");
            // Thick slices blur the shell outwards; it stays that much too large.
            let limit_mm = if slice_mm < 1.0 { 0.25 } else { 0.45 };
            assert!(after.1 < limit_mm, "slices of {slice_mm} mm: mean and absolute {after:?}");
            assert!(refined.mesh.is_watertight());
            assert_eq!(refined.error_mm.len(), refined.mesh.vertices.len());
        }
    }

    #[test]
    fn a_surface_without_an_edge_stays_where_it_was_and_says_it_is_unsure() {
        let (mut ct, mask, _) = scan(2.0);
        let first = from_mask(&mask, 20, &MeshSettings::default());
        let sure = to_edge(first.clone(), &ct);
        ct.hu.fill(200.0);
        let unsure = to_edge(first.clone(), &ct);
        let furthest = first
            .vertices
            .iter()
            .zip(&unsure.mesh.vertices)
            .map(|(a, b)| Point::<geom::Ct>::from(*a).distance(Point::from(*b)));
        assert!(furthest.fold(0.0, f64::max) < 0.05);
        let mean = |refined: &Refined| refined.error_mm.iter().sum::<f32>() / refined.error_mm.len() as f32;
        assert!(mean(&unsure) > 1.5 * mean(&sure), "{} {}", mean(&unsure), mean(&sure));
    }

    #[test]
    fn meshes_that_do_not_fit_the_scan_do_no_harm() {
        let (ct, _, _) = scan(2.0);
        let far = to_edge(phantom::ball([900.0, 0.0, 0.0], 5.0), &ct);
        assert!(far.mesh.vertices.iter().flatten().all(|v| v.is_finite()));
        let mut broken = phantom::ball([15.0, 15.0, 15.0], 5.0);
        broken.triangles.push([0, 1, 4_000_000]);
        broken.vertices[3] = [f32::NAN; 3];
        broken.update_normals();
        let _ = to_edge(broken, &ct);
        assert!(to_edge(Mesh::default(), &ct).error_mm.is_empty());
    }
}
