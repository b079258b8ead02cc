//! Bone: every vertebra in its level's colour.

use std::thread;

use bevy::asset::RenderAssetUsages;
use bevy::mesh::{Indices, Mesh as SceneMesh, PrimitiveTopology};
use bevy::prelude::*;
use drawing::{coarse, occlusion};
use engine::case::Vertebra;
use engine::surface::Mesh as BoneMesh;

use super::paint::Paint;
use super::{Content, palette, residuals};

/// Below this a vertebra is drawn hatched and its label carries a question mark.
pub const UNCERTAIN_BELOW: f32 = 0.5;
/// Distance between hatch lines, mm.
const HATCH_MM: f32 = 5.0;

/// True when the picture of this vertebra must not look certain.
#[must_use]
pub fn is_uncertain(vertebra: &Vertebra) -> bool {
    vertebra.confidence.is_nan() || vertebra.confidence < UNCERTAIN_BELOW
}

/// Marks the vertebrae's surfaces.
#[derive(Component)]
pub struct BoneSurface;

/// Present where triangles must be few.
#[derive(Resource)]
pub struct IsCoarse;

/// Puts the vertebrae into the scene.
pub fn spawn(
    mut commands: Commands<'_, '_>,
    content: Res<'_, Content>,
    is_coarse: Option<Res<'_, IsCoarse>>,
    mut meshes: ResMut<'_, Assets<SceneMesh>>,
    mut materials: ResMut<'_, Assets<Paint>>,
) {
    let mut bones = Bones::default();
    for (vertebra, brightness) in content.case.vertebrae.iter().zip(all_brightness(&content)) {
        if is_coarse.is_some() {
            let (mesh, brightness) = coarse::coarsen(&vertebra.mesh, &brightness);
            bones.add(vertebra, &mesh, &brightness, &content);
        } else {
            bones.add(vertebra, &vertebra.mesh, &brightness, &content);
        }
    }
    commands.spawn((BoneSurface, Mesh3d(meshes.add(bones.mesh())), MeshMaterial3d(materials.add(Paint::bone()))));
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

/// All vertebrae as one mesh: a software device pays for every mesh it draws,
/// in time and, in Mesa 22.3, in memory that it never gives back.
#[derive(Default)]
struct Bones {
    positions: Vec<Vec3>,
    normals: Vec<Vec3>,
    colors: Vec<[f32; 4]>,
    uvs: Vec<[f32; 2]>,
    indices: Vec<u32>,
}

impl Bones {
    fn add(&mut self, vertebra: &Vertebra, bone: &BoneMesh, brightness: &[f32], content: &Content) {
        let frame = &content.frame;
        let first = self.positions.len() as u32;
        self.indices.extend(bone.triangles.iter().flatten().map(|i| first + i));
        self.positions.extend(bone.vertices.iter().map(|v| frame.point((*v).into())));
        self.normals.extend(bone.normals.iter().map(|n| frame.normal(*n)));
        let color = LinearRgba::from(palette::bone(vertebra.level));
        let level = [color.red, color.green, color.blue];
        let colors = residuals::colors(&content.header, bone).unwrap_or_else(|| vec![level; brightness.len()]);
        self.colors.extend(colors.iter().zip(brightness).map(|([red, green, blue], sky)| [*red, *green, *blue, *sky]));
        // Hatch lines run obliquely across the posterior view.
        let is_hatched = f32::from(u8::from(is_uncertain(vertebra)));
        let hatch = |v: &[f32; 3]| [(v[0] + v[2]) * std::f32::consts::FRAC_1_SQRT_2 / HATCH_MM, is_hatched];
        self.uvs.extend(bone.vertices.iter().map(hatch));
    }

    fn mesh(self) -> SceneMesh {
        SceneMesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::RENDER_WORLD)
            .with_inserted_attribute(SceneMesh::ATTRIBUTE_POSITION, self.positions)
            .with_inserted_attribute(SceneMesh::ATTRIBUTE_NORMAL, self.normals)
            .with_inserted_attribute(SceneMesh::ATTRIBUTE_COLOR, self.colors)
            .with_inserted_attribute(SceneMesh::ATTRIBUTE_UV_0, self.uvs)
            .with_inserted_indices(Indices::U32(self.indices))
    }
}
