//! Bone: one mesh a vertebra, in its level's colour.

use std::thread;

use bevy::asset::RenderAssetUsages;
use bevy::mesh::{Indices, Mesh as SceneMesh, PrimitiveTopology};
use bevy::prelude::*;
use engine::case::Vertebra;
use engine::surface::Mesh as BoneMesh;

use super::paint::Paint;
use super::units::SceneFrame;
use super::{Content, occlusion, palette};

/// Below this a vertebra is drawn hatched and its label carries a question mark.
pub const UNCERTAIN_BELOW: f32 = 0.5;
/// Distance between hatch lines, mm.
const HATCH_MM: f32 = 5.0;

/// True when the picture of this vertebra must not look certain.
#[must_use]
pub fn is_uncertain(vertebra: &Vertebra) -> bool {
    vertebra.confidence.is_nan() || vertebra.confidence < UNCERTAIN_BELOW
}

/// Puts the vertebrae into the scene.
pub fn spawn(
    mut commands: Commands<'_, '_>,
    content: Res<'_, Content>,
    mut meshes: ResMut<'_, Assets<SceneMesh>>,
    mut materials: ResMut<'_, Assets<Paint>>,
) {
    for (vertebra, brightness) in content.case.vertebrae.iter().zip(all_brightness(&content)) {
        let paint = Paint::lit(palette::bone(vertebra.level), is_uncertain(vertebra));
        commands.spawn((
            Mesh3d(meshes.add(scene_mesh(&vertebra.mesh, &brightness, &content.frame))),
            MeshMaterial3d(materials.add(paint)),
        ));
    }
}

/// [`occlusion::vertex_brightness`] of every vertebra, one thread a core.
fn all_brightness(content: &Content) -> Vec<Vec<f32>> {
    let vertebrae = &content.case.vertebrae;
    let share = vertebrae.len().div_ceil(thread::available_parallelism().map_or(1, usize::from)).max(1);
    let bake = |v: &Vertebra| occlusion::vertex_brightness(&v.mesh, &content.case.labels);
    thread::scope(|scope| {
        let workers: Vec<_> = vertebrae
            .chunks(share)
            .map(|part| (part, scope.spawn(move || part.iter().map(bake).collect::<Vec<_>>())))
            .collect();
        // A worker that died leaves its bones evenly lit.
        let even = |part: &[Vertebra]| part.iter().map(|v| vec![1.0; v.mesh.vertices.len()]).collect();
        workers.into_iter().flat_map(|(part, worker)| worker.join().unwrap_or_else(|_| even(part))).collect()
    })
}

fn scene_mesh(bone: &BoneMesh, brightness: &[f32], frame: &SceneFrame) -> SceneMesh {
    let positions: Vec<Vec3> = bone.vertices.iter().map(|v| frame.point((*v).into())).collect();
    let normals: Vec<Vec3> = bone.normals.iter().map(|n| frame.normal(*n)).collect();
    let colors: Vec<[f32; 4]> = brightness.iter().map(|b| [*b, *b, *b, 1.0]).collect();
    // Hatch lines run obliquely across the posterior view.
    let hatch = |v: &[f32; 3]| [(v[0] + v[2]) * std::f32::consts::FRAC_1_SQRT_2 / HATCH_MM, 0.5];
    let uvs: Vec<[f32; 2]> = bone.vertices.iter().map(hatch).collect();
    SceneMesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::default())
        .with_inserted_attribute(SceneMesh::ATTRIBUTE_POSITION, positions)
        .with_inserted_attribute(SceneMesh::ATTRIBUTE_NORMAL, normals)
        .with_inserted_attribute(SceneMesh::ATTRIBUTE_COLOR, colors)
        .with_inserted_attribute(SceneMesh::ATTRIBUTE_UV_0, uvs)
        .with_inserted_indices(Indices::U32(bone.triangles.iter().flatten().copied().collect()))
}
