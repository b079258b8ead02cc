//! The 3-D spine as surfaces: a cuboid a vertebra.

use super::cuboid::Cuboid;
use super::findings::Findings;
use super::landmarks::name;
use crate::export::{Part, colour};
use crate::surface::Mesh;

/// Corners of the faces, outward, of [`Cuboid::corners`].
const FACES: [[u32; 4]; 6] = [[3, 2, 1, 0], [4, 5, 6, 7], [1, 5, 4, 0], [2, 6, 5, 1], [3, 7, 6, 2], [0, 4, 7, 3]];

/// The closed surface of a cuboid, LPS mm; corners are shared.
#[must_use]
pub fn mesh(cuboid: &Cuboid) -> Mesh {
    let vertices = cuboid.corners().iter().map(|c| [c.x as f32, c.y as f32, c.z as f32]).collect();
    let triangles = FACES.iter().flat_map(|[a, b, c, d]| [[*a, *b, *c], [*a, *c, *d]]).collect();
    let mut mesh = Mesh { vertices, triangles, normals: Vec::new() };
    mesh.update_normals();
    mesh
}

/// Every cuboid with name and colour, for files of other programs.
#[must_use]
pub fn parts(findings: &Findings) -> Vec<Part> {
    let part = |c: &Cuboid| Part { name: name(c.level), colour: colour(c.level), mesh: mesh(c) };
    findings.cuboids.iter().map(part).collect()
}
