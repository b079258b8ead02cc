//! The voxels inside closed surfaces.

use geom::nalgebra::Vector3;

use crate::surface::Mesh;
use crate::volume::Grid;

/// A closed surface and the label of what it holds.
#[derive(Debug, Clone, Copy)]
pub struct Shape<'a> {
    /// The surface, CT frame.
    pub mesh: &'a Mesh,
    /// Its label.
    pub label: u8,
}

/// Rows of voxel centres are moved by this much, so that none meets a vertex.
const OFF_CENTRE: [f64; 2] = [1.1e-5, 2.3e-5];

/// Labels the voxels of `grid` whose centre lies in a shape; where shapes
/// overlap the first one keeps the voxel.
///
/// A row of voxels enters and leaves a surface where its triangles are
/// crossed, whatever their number and order (winding number), so a fold of the
/// surface over itself loses nothing and a cavity stays empty.
///
/// Cost: linear in triangles and voxels inside.
#[must_use]
pub fn label_map(shapes: &[Shape<'_>], grid: &Grid) -> Vec<u8> {
    let mut labels = vec![0; grid.len()];
    for shape in shapes {
        fill(shape, grid, &mut labels);
    }
    labels
}

/// A triangle met by a row of voxels.
struct Crossing {
    /// Row number, `z * rows + y`.
    row: usize,
    x: f64,
    /// 1 where the row goes in (or out: only the sum matters), -1 elsewhere.
    sign: i32,
}

fn fill(shape: &Shape<'_>, grid: &Grid, labels: &mut [u8]) {
    let mut crossings = crossings(shape.mesh, grid);
    crossings.sort_by(|a, b| a.row.cmp(&b.row).then(a.x.total_cmp(&b.x)));
    let width = grid.size()[0];
    let mut winding = 0;
    for pair in crossings.windows(2) {
        let [from, to] = [&pair[0], &pair[1]];
        winding += from.sign;
        if from.row != to.row {
            winding = 0;
        } else if winding != 0 && to.x >= 0.0 && from.x < width as f64 {
            let first = from.x.max(0.0).ceil() as usize;
            let last = to.x.floor() as usize;
            for x in first..=last.min(width - 1) {
                let voxel = &mut labels[from.row * width + x];
                if *voxel == 0 {
                    *voxel = shape.label;
                }
            }
        }
    }
}

fn crossings(mesh: &Mesh, grid: &Grid) -> Vec<Crossing> {
    let corners: Vec<Vector3<f64>> =
        mesh.vertices.iter().map(|v| grid.to_voxel(geom::Point::from(*v)).vector3()).collect();
    let [_, ny, nz] = grid.size();
    let mut found = Vec::new();
    for triangle in &mesh.triangles {
        let [Some(a), Some(b), Some(c)] = triangle.map(|i| corners.get(i as usize)) else { continue };
        // In the plane of rows: edges and twice the signed area.
        let area = (b.y - a.y) * (c.z - a.z) - (c.y - a.y) * (b.z - a.z);
        if !area.is_finite() || area == 0.0 {
            continue;
        }
        let rows = |low: f64, high: f64, off: f64, count: usize| {
            let first = (low - off).ceil().max(0.0) as usize;
            let end = ((high - off).floor() + 1.0).clamp(0.0, count as f64) as usize;
            first..end
        };
        for z in rows(a.z.min(b.z).min(c.z), a.z.max(b.z).max(c.z), OFF_CENTRE[1], nz) {
            let pz = z as f64 + OFF_CENTRE[1];
            for y in rows(a.y.min(b.y).min(c.y), a.y.max(b.y).max(c.y), OFF_CENTRE[0], ny) {
                let py = y as f64 + OFF_CENTRE[0];
                // Barycentric coordinates of the row.
                let u = ((py - a.y) * (c.z - a.z) - (c.y - a.y) * (pz - a.z)) / area;
                let v = ((b.y - a.y) * (pz - a.z) - (py - a.y) * (b.z - a.z)) / area;
                if u >= 0.0 && v >= 0.0 && u + v < 1.0 {
                    let x = a.x + u * (b.x - a.x) + v * (c.x - a.x);
                    found.push(Crossing { row: z * ny + y, x, sign: if area > 0.0 { 1 } else { -1 } });
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::{MeshSettings, from_mask, phantom};
    use crate::volume::LabelMap;
    use geom::Point;
    use geom::nalgebra::Matrix3x4;

    #[test]
    fn a_ball_holds_the_voxels_within_its_radius_on_any_grid() {
        let straight = Matrix3x4::new(0.7, 0., 0., -14., 0., 0.7, 0., -14., 0., 0., 1.3, -14.);
        let mirrored = Matrix3x4::new(0., -0.7, 0., 14., 0.7, 0., 0.1, -14., 0., 0., 1.3, -14.);
        let ball = phantom::ball([0.0; 3], 10.0);
        for affine in [straight, mirrored] {
            let grid = Grid::new([41, 41, 22], affine).unwrap();
            let labels = label_map(&[Shape { mesh: &ball, label: 20 }], &grid);
            for (i, label) in labels.iter().enumerate() {
                let p = grid.to_ct([i % 41, i / 41 % 41, i / 1681].map(|v| v as f64).into());
                let distance = p.distance(Point::new(0.0, 0.0, 0.0));
                if (distance - 10.0).abs() > 0.1 {
                    assert_eq!(*label == 20, distance < 10.0, "voxel {i} at {distance} mm");
                }
            }
        }
    }

    #[test]
    fn a_cavity_stays_empty_and_the_first_shape_keeps_its_voxels() {
        let grid = Grid::axis_aligned([40, 40, 40], [1.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let label = |i: usize| {
            let p = grid.to_ct([i % 40, i / 40 % 40, i / 1600].map(|v| v as f64).into());
            u8::from((6.0..14.0).contains(&p.distance(Point::new(20.0, 20.0, 20.0))))
        };
        let map = LabelMap { labels: (0..grid.len()).map(label).collect(), grid: grid.clone() };
        let shell = from_mask(&map, 1, &MeshSettings::default());
        let ball = phantom::ball([33.0, 20.0, 20.0], 5.0);
        let labels = label_map(&[Shape { mesh: &shell, label: 5 }, Shape { mesh: &ball, label: 6 }], &grid);
        let at = |x: usize| labels[grid.index([x, 20, 20])];
        assert_eq!([at(20), at(10), at(30), at(37)], [0, 5, 5, 6]);
        let beyond = label_map(&[Shape { mesh: &phantom::ball([-2.0, 20.0, 39.0], 6.0), label: 7 }], &grid);
        assert!(beyond.contains(&7));
    }
}
