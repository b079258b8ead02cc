//! An instrument's own shape in the place of the pointer's.

use bevy::asset::RenderAssetUsages;
use bevy::mesh::{Indices, Mesh as SceneMesh, PrimitiveTopology};
use engine::surface::Mesh as Shape;

use super::units::M_PER_MM;

/// `shape` (mm, tip at the origin, handle along +z) for the scene. Stripes run
/// across the shaft, as on the pointer.
#[must_use]
pub fn mesh(shape: &Shape) -> SceneMesh {
    let length = shape.vertices.iter().map(|v| v[2]).fold(1.0, f32::max);
    let metres = |v: &[f32; 3]| v.map(|mm| mm * M_PER_MM);
    let stripes = |v: &[f32; 3]| [0.0, v[2] / length];
    SceneMesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::RENDER_WORLD)
        .with_inserted_attribute(SceneMesh::ATTRIBUTE_POSITION, shape.vertices.iter().map(metres).collect::<Vec<_>>())
        .with_inserted_attribute(SceneMesh::ATTRIBUTE_NORMAL, shape.normals.clone())
        .with_inserted_attribute(SceneMesh::ATTRIBUTE_UV_0, shape.vertices.iter().map(stripes).collect::<Vec<_>>())
        .with_inserted_indices(Indices::U32(shape.triangles.iter().flatten().copied().collect()))
}
