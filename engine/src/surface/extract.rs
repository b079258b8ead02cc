//! Closed iso-surfaces of a scalar field.

use std::collections::HashMap;

use geom::nalgebra::{Matrix3x4, Vector4};

use super::Mesh;
use super::cell_table::{CASES, CellCase, EDGES, edge_origin};
use crate::volume::Grid;

/// Crossings keep this share of an edge away from its ends, so that no
/// triangle shrinks to a point. One hundredth of a voxel is below 0.01 mm on
/// the grids the engine meshes.
const END_MARGIN: f64 = 0.01;

/// The surface `field = level` as a closed, outward-wound mesh in CT mm.
///
/// Marching cubes over a table that is closed and 2-manifold by construction
/// (see `cell_table`). Samples above `level` are inside; whatever lies beyond
/// the field, is missing from it, or is NaN counts as outside, so the mesh
/// closes half a voxel beyond the border. Mirrored grids wind outward too.
///
/// * `field` - `grid.len()` samples, `[z, y, x]`.
/// * `level` - iso-value; 0.5 for a probability.
///
/// Cost: linear in the samples, 3 ns each where nothing is crossed.
///
/// ```
/// use engine::{surface, volume::Grid};
/// let grid = Grid::axis_aligned([1, 1, 1], [2.0; 3], geom::Point::new(0.0, 0.0, 0.0)).unwrap();
/// let mesh = surface::extract(&[1.0], &grid, 0.5); // one voxel: an octahedron
/// assert!(mesh.is_watertight());
/// assert!((mesh.volume_mm3() - 4.0 / 3.0).abs() < 1e-5); // 4/3 r^3 with r = 1 mm
/// ```
#[must_use]
pub fn extract(field: &[f32], grid: &Grid, level: f32) -> Mesh {
    extract_sampled(field, grid.size(), grid.ct_from_voxel(), level)
}

/// [`extract`] for a crop: `ct_from_sample` places sample `(0, 0, 0)`.
pub(super) fn extract_sampled(field: &[f32], size: [usize; 3], ct_from_sample: &Matrix3x4<f64>, level: f32) -> Mesh {
    let mut marcher = Marcher::new(field, size, ct_from_sample, level);
    for z in 0..=size[2] {
        marcher.march_layer(z);
    }
    let mut mesh = marcher.mesh;
    // In sample space the table winds outward; a mirroring affine turns it.
    if ct_from_sample.fixed_view::<3, 3>(0, 0).determinant() < 0.0 {
        mesh.triangles.iter_mut().for_each(|triangle| triangle.swap(1, 2));
    }
    mesh.update_normals();
    mesh
}

/// State of the sweep over the layers; samples carry a border of "outside".
struct Marcher<'a> {
    /// Samples with a border one sample wide on every side.
    padded: Vec<f32>,
    size: [usize; 3],
    ct_from_sample: &'a Matrix3x4<f64>,
    level: f32,
    /// Vertex on the x, y, z edge that starts at a sample, by padded plane.
    vertex_on: HashMap<usize, u32>,
    mesh: Mesh,
}

impl<'a> Marcher<'a> {
    fn new(field: &[f32], size: [usize; 3], ct_from_sample: &'a Matrix3x4<f64>, level: f32) -> Self {
        let padded_size = size.map(|n| n + 2);
        let mut padded = vec![f32::NEG_INFINITY; padded_size.iter().product()];
        for (row, samples) in field.chunks(size[0].max(1)).take(size[1] * size[2]).enumerate() {
            let (y, z) = (row % size[1] + 1, row / size[1] + 1);
            let start = (z * padded_size[1] + y) * padded_size[0] + 1;
            padded[start..start + samples.len()].copy_from_slice(samples);
        }
        Self { padded, size: padded_size, ct_from_sample, level, vertex_on: HashMap::new(), mesh: Mesh::default() }
    }
}
