//! Closed iso-surfaces of a scalar field.

use geom::nalgebra::{Matrix3x4, Vector3};

use kernels::cell_table::{CASES, CellCase, EDGES, edge_origin};

use super::Mesh;
use crate::volume::Grid;

/// Crossings keep this share of an edge away from its ends, so that no
/// triangle shrinks to a point. One hundredth of a voxel is below 0.01 mm on
/// the grids the engine meshes.
const END_MARGIN: f64 = 0.01;

/// The surface `field = level` as a closed, outward-wound mesh in CT mm.
///
/// Marching cubes over a table that is closed and 2-manifold by construction
/// (see [`kernels::cell_table`]). Samples above `level` are inside; whatever lies beyond
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
    padded: Vec<f32>,
    size: [usize; 3],
    ct_from_sample: &'a Matrix3x4<f64>,
    level: f32,
    /// Vertex on the x, y and z edge that starts at a sample, for the lower
    /// (even or odd) and the upper plane of the current layer.
    vertex_on: [Vec<[u32; 3]>; 2],
    mesh: Mesh,
}

const NO_VERTEX: u32 = u32::MAX;

impl<'a> Marcher<'a> {
    fn new(field: &[f32], size: [usize; 3], ct_from_sample: &'a Matrix3x4<f64>, level: f32) -> Self {
        let padded_size = size.map(|n| n + 2);
        let mut padded = vec![f32::NEG_INFINITY; padded_size.iter().product()];
        for (row, samples) in field.chunks(size[0].max(1)).take(size[1] * size[2]).enumerate() {
            let (y, z) = (row % size[1] + 1, row / size[1] + 1);
            let start = (z * padded_size[1] + y) * padded_size[0] + 1;
            padded[start..start + samples.len()].copy_from_slice(samples);
        }
        let plane = vec![[NO_VERTEX; 3]; padded_size[0] * padded_size[1]];
        let vertex_on = [plane.clone(), plane];
        Self { padded, size: padded_size, ct_from_sample, level, vertex_on, mesh: Mesh::default() }
    }

    /// Cells between the sample planes `z` and `z + 1`.
    fn march_layer(&mut self, z: usize) {
        self.vertex_on[(z + 1) % 2].fill([NO_VERTEX; 3]);
        let [width, height, _] = self.size;
        for y in 0..height - 1 {
            let rows = [(y, z), (y + 1, z), (y, z + 1), (y + 1, z + 1)].map(|(y, z)| (z * height + y) * width);
            // Corner bits: x is bit 0, so the high-x corners of one cell are
            // the low-x corners of the next.
            let mut pattern = 0usize;
            for x in 0..width - 1 {
                pattern = pattern >> 1 & 0x55;
                for (bit, row) in [1, 3, 5, 7].into_iter().zip(rows) {
                    pattern |= usize::from(self.padded[row + x + 1] > self.level) << bit;
                }
                if pattern != 0 && pattern != 0xff {
                    self.mesh_cell([x, y, z], &CASES[pattern]);
                }
            }
        }
    }

    fn mesh_cell(&mut self, cell: [usize; 3], case: &CellCase) {
        let mut ids = [NO_VERTEX; EDGES + 4];
        for (i, polygon) in case.centres.iter().enumerate() {
            let corners: Vec<u32> = polygon.iter().map(|&edge| self.vertex(cell, edge)).collect();
            let sum =
                corners.iter().fold(Vector3::zeros(), |sum, &id| sum + Vector3::from(self.mesh.vertices[id as usize]));
            ids[EDGES + i] = self.mesh.push_vertex((sum / corners.len() as f32).into());
        }
        for triangle in &case.triangles {
            for &number in triangle {
                if ids[number] == NO_VERTEX {
                    ids[number] = self.vertex(cell, number);
                }
            }
            self.mesh.triangles.push(triangle.map(|number| ids[number]));
        }
    }

    /// The vertex on edge `edge` of `cell`, shared with the other cells there.
    fn vertex(&mut self, cell: [usize; 3], edge: usize) -> u32 {
        let (offset, axis) = edge_origin(edge);
        let low = [0, 1, 2].map(|i| cell[i] + offset[i]);
        let in_plane = low[1] * self.size[0] + low[0];
        let known = self.vertex_on[low[2] % 2][in_plane][axis];
        if known != NO_VERTEX {
            return known;
        }
        let index = low[2] * self.size[0] * self.size[1] + in_plane;
        let stride = [1, self.size[0], self.size[0] * self.size[1]][axis];
        let (a, b) = (f64::from(self.padded[index]), f64::from(self.padded[index + stride]));
        let share = (f64::from(self.level) - a) / (b - a);
        // An infinite or NaN neighbour has no gradient: half way.
        let has_gradient = a.is_finite() && b.is_finite() && share.is_finite();
        let share = if has_gradient { share.clamp(END_MARGIN, 1.0 - END_MARGIN) } else { 0.5 };
        let mut sample = Vector3::from(low.map(|i| i as f64 - 1.0));
        sample[axis] += share;
        let position = self.ct_from_sample * sample.push(1.0);
        let id = self.mesh.push_vertex([position.x as f32, position.y as f32, position.z as f32]);
        self.vertex_on[low[2] % 2][in_plane][axis] = id;
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geom::Point;

    /// A ball in a grid of any handedness and spacing.
    fn ball(affine: Matrix3x4<f64>, size: [usize; 3], radius_mm: f64) -> (Vec<f32>, Grid) {
        let grid = Grid::new(size, affine).unwrap();
        let centre = grid.to_ct(Point::from(size.map(|n| (n as f64 - 1.0) / 2.0)));
        let mut field = Vec::new();
        for z in 0..size[2] {
            for y in 0..size[1] {
                for x in 0..size[0] {
                    let p = grid.to_ct(Point::from([x as f64, y as f64, z as f64]));
                    field.push((radius_mm - p.distance(centre)) as f32);
                }
            }
        }
        (field, grid)
    }

    #[test]
    fn bone_is_out_of_the_mesh_on_no_grid() {
        // Normals that point into the bone would cull the surface the surgeon
        // touches and register to the far side of the lamina.
        let straight = Matrix3x4::new(0.8, 0., 0., -90., 0., 0.8, 0., -60., 0., 0., 1.5, 300.);
        let mirrored = Matrix3x4::new(-0.8, 0., 0., 90., 0., 0.8, 0., 20., 0., 0., 1.5, 300.);
        let sheared = Matrix3x4::new(0., 0.8, 0.2, 0., 0.8, 0., 0.1, 0., 0., 0., 1.5, 0.);
        for affine in [straight, mirrored, sheared] {
            let (field, grid) = ball(affine, [50, 50, 30], 15.0);
            let mesh = extract(&field, &grid, 0.0);
            assert!(mesh.is_watertight());
            let expected = 4.0 / 3.0 * std::f64::consts::PI * 15f64.powi(3);
            assert!((mesh.volume_mm3() / expected - 1.0).abs() < 0.01, "{}", mesh.volume_mm3());
            let centre = grid.to_ct(Point::from([24.5, 24.5, 14.5]));
            for (v, n) in mesh.vertices.iter().zip(&mesh.normals) {
                let radial = Point::from(*v) - centre;
                assert!((radial.norm() - 15.0).abs() < 0.06, "sub-voxel vertices: {}", radial.norm());
                assert!(radial.dot((*n).into()) > 0.98 * radial.norm());
            }
        }
    }

    #[test]
    fn noise_and_borders_never_open_the_surface() {
        // Every one of the 256 patterns and all neighbours of them.
        let mut state = 1u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 24) as f32
        };
        let grid = Grid::axis_aligned([24, 21, 18], [1.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let mut field: Vec<f32> = (0..grid.len()).map(|_| noise()).collect();
        for level in [0.2, 0.5, 0.8] {
            let mesh = extract(&field, &grid, level);
            assert!(mesh.is_watertight() && mesh.volume_mm3() > 0.0);
        }
        field.iter_mut().for_each(|v| *v = v.round());
        assert!(extract(&field, &grid, 0.5).is_watertight());
        assert!(extract(&vec![1.0; grid.len()], &grid, 0.5).is_watertight());
    }

    #[test]
    fn broken_fields_give_closed_or_empty_meshes() {
        let grid = Grid::axis_aligned([4, 4, 4], [1.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        assert_eq!(extract(&[], &grid, 0.5), Mesh::default());
        assert_eq!(extract(&[f32::NAN; 64], &grid, 0.5), Mesh::default());
        for value in [f32::NAN, f32::INFINITY] {
            let mut field = vec![1.0; 50]; // too short as well
            field[21] = value;
            let mesh = extract(&field, &grid, 0.5);
            assert!(mesh.is_watertight() && mesh.vertices.iter().flatten().all(|c| c.is_finite()));
        }
    }
}
