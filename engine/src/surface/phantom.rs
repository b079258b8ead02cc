//! Synthetic bones with a known shape, for tests, demos and benchmarks.
//!
//! Not anatomy: a vertebra here is a smooth union of ellipsoids with the parts
//! a registration needs (body, lamina, spinous, transverse and articular
//! processes), slightly different from level to level and not symmetric.

use geom::nalgebra::Vector3;
use geom::{Ct, Point};
use rayon::prelude::*;

use super::{Mesh, extract};
use crate::volume::Grid;

/// Distance between the centres of neighbouring phantom vertebrae, mm.
pub const LEVEL_PITCH_MM: f64 = 32.0;

/// A ball with vertices every millimetre.
#[must_use]
pub fn ball(centre: [f64; 3], radius_mm: f64) -> Mesh {
    let centre = Vector3::from(centre);
    mesh_of(centre, radius_mm + 3.0, 1.0, |p| radius_mm - (p - centre).norm())
}

/// A column of `levels` vertebrae along a lordotic curve, first lowest, each
/// as its own closed mesh; LPS, posterior is +y.
#[must_use]
pub fn spine(levels: usize) -> Vec<Mesh> {
    (0..levels).into_par_iter().map(vertebra).collect()
}

/// Vertebra number `level` of [`spine`].
#[must_use]
pub fn vertebra(level: usize) -> Mesh {
    let number = level as f64;
    let height = number * LEVEL_PITCH_MM;
    let centre = Vector3::new(2.0 * (number * 0.7).sin(), 12.0 * (height / 120.0).sin(), height);
    // Level to level: a few per cent in size and 1-4 mm in the processes, the
    // order of what differs between real neighbours.
    let scale = 1.0 - 0.035 * number;
    let wobble = |phase: f64| 2.0 * (number * 1.9 + phase).sin();
    let parts = [
        part([0.0, -22.0, 0.0], [23.0, 16.0, 13.0]),
        part([-13.0, -4.0, 3.0], [5.0, 9.0, 7.0]),
        part([13.0, -4.0, 3.0], [5.0, 9.0, 7.0]),
        part([-9.0, 7.0, -2.0], [9.0, 3.5, 9.0 + wobble(0.0)]),
        part([9.5, 7.0, -2.0 + wobble(1.0)], [9.0, 3.5, 9.0]),
        part([0.5 * wobble(2.0), 20.0 + wobble(3.0), -7.0], [3.2, 14.0, 8.0 + wobble(4.0)]),
        part([-28.0 + wobble(5.0), 1.0, 3.0], [15.0, 3.5, 4.5]),
        part([27.0, 2.0 + wobble(6.0), 4.0], [14.0 + wobble(1.5), 3.5, 4.5]),
        part([-16.0, 8.0, 11.0], [5.0, 5.0, 7.0 + 0.7 * wobble(7.0)]),
        part([16.5, 8.0, 11.0 + 0.7 * wobble(8.0)], [5.0, 5.0, 7.0]),
        part([-15.0, 10.0 + 0.7 * wobble(9.0), -13.0], [5.0, 4.0, 7.0]),
        part([15.0, 10.0, -13.0], [5.0 + 0.5 * wobble(0.3), 4.0, 7.0]),
    ];
    mesh_of(centre, 48.0, 1.2, move |p| {
        let local = (p - centre) / scale;
        // Smooth union (log-sum-exp) of the parts' approximate depths.
        let depth = |(at, radii): &(Vector3<f64>, Vector3<f64>)| {
            let q = (local - at).component_div(radii);
            (1.0 - q.norm()) * radii.min()
        };
        parts.iter().map(|part| (depth(part) / 0.6).min(300.0).exp()).sum::<f64>().max(1e-300).ln() * 0.6
    })
}

fn part(at: [f64; 3], radii: [f64; 3]) -> (Vector3<f64>, Vector3<f64>) {
    (at.into(), radii.into())
}

/// Meshes `depth(p) = 0` in a cube of half-width `reach_mm` about `centre`.
fn mesh_of(centre: Vector3<f64>, reach_mm: f64, step_mm: f64, depth: impl Fn(Vector3<f64>) -> f64) -> Mesh {
    let count = (2.0 * reach_mm / step_mm).ceil() as usize + 1;
    let origin = centre.add_scalar(-reach_mm);
    let Ok(grid) = Grid::axis_aligned([count; 3], [step_mm; 3], Point::<Ct>::from_vector3(origin)) else {
        return Mesh::default();
    };
    let at = |i: usize| Vector3::new((i % count) as f64, (i / count % count) as f64, (i / count / count) as f64);
    let field: Vec<f32> = (0..grid.len()).map(|i| depth(origin + at(i) * step_mm) as f32).collect();
    extract(&field, &grid, 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vertebrae_are_closed_single_and_apart() {
        let spine = spine(3);
        for mesh in &spine {
            assert!(mesh.is_watertight());
            assert!(mesh.largest_component().vertices.len() > mesh.vertices.len() * 99 / 100);
        }
        let centre = |m: &Mesh| m.bounds().map(|(low, high)| (low.to_array()[2] + high.to_array()[2]) / 2.0).unwrap();
        assert!((centre(&spine[1]) - centre(&spine[0]) - LEVEL_PITCH_MM).abs() < 3.0);
    }
}
