//! How much sky each vertex sees, baked once from the label map.
//!
//! Without it, bone is a blob: the darkening between spinous process, laminae
//! and facets is what lets a surgeon read the posterior elements at a glance.

use engine::surface::Mesh;
use engine::volume::LabelMap;
use geom::nalgebra::Vector3;
use geom::{Ct, Point};

/// Directions tried around a vertex.
const DIRECTIONS: usize = 26;
/// Distances at which bone in the way is looked for, mm.
const REACH_MM: [f64; 3] = [2.5, 6.0, 12.0];
/// Brightness of a vertex that sees nothing.
const DARKEST: f32 = 0.25;

/// Brightness of each vertex, [`DARKEST`] to 1. About a microsecond a probe in
/// an unoptimised build; called for the vertebrae in parallel.
#[must_use]
pub fn vertex_brightness(mesh: &Mesh, labels: &LabelMap) -> Vec<f32> {
    let directions = sphere(DIRECTIONS);
    let brightness = |(vertex, normal): (&[f32; 3], &[f32; 3])| {
        let position = Vector3::from(*vertex).cast::<f64>();
        let normal = Vector3::from(*normal).cast::<f64>();
        let (mut seen, mut all) = (0.0, 0.0);
        for direction in &directions {
            let weight = direction.dot(&normal);
            if weight < 0.15 {
                continue;
            }
            all += weight;
            if REACH_MM.iter().all(|reach| !is_bone(labels, position + normal + direction * *reach)) {
                seen += weight;
            }
        }
        let share = if all > 0.0 { (seen / all) as f32 } else { 1.0 };
        DARKEST + (1.0 - DARKEST) * share
    };
    mesh.vertices.iter().zip(&mesh.normals).map(brightness).collect()
}

fn is_bone(labels: &LabelMap, position: Vector3<f64>) -> bool {
    labels.sample_nearest(Point::<Ct>::from_vector3(position)).is_some_and(|label| label != 0)
}

/// Evenly spread directions: a Fibonacci spiral on the sphere.
fn sphere(count: usize) -> Vec<Vector3<f64>> {
    let golden = std::f64::consts::PI * (3.0 - 5.0_f64.sqrt());
    let direction = |i: usize| {
        let z = 1.0 - (2.0 * i as f64 + 1.0) / count as f64;
        let (radius, angle) = ((1.0 - z * z).sqrt(), golden * i as f64);
        Vector3::new(radius * angle.cos(), radius * angle.sin(), z)
    };
    (0..count).map(direction).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::volume::Grid;

    #[test]
    fn a_groove_is_darker_than_a_ridge() {
        // A floor at z < 10 with a wall beside it.
        let grid = Grid::axis_aligned([30, 30, 30], [1.0; 3], [0.0; 3].into()).unwrap();
        let bone = |i: usize| i / 900 < 10 || i % 30 < 10;
        let labels = LabelMap { labels: (0..grid.len()).map(|i| u8::from(bone(i))).collect(), grid };
        let mesh = Mesh {
            vertices: vec![[10.5, 15.0, 9.5], [25.0, 15.0, 9.5]],
            normals: vec![[0.0, 0.0, 1.0]; 2],
            triangles: Vec::new(),
        };
        let brightness = vertex_brightness(&mesh, &labels);
        assert!(brightness[0] < 0.75 && brightness[1] > 0.95, "{brightness:?}");
    }
}
