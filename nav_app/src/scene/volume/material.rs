//! The CT as something that can be drawn: a box whose back faces start rays.
//!
//! Surfaces of the scene end the rays (camera with `DepthPrepass`, no
//! multisampling), so that an instrument behind a rib is behind it. What is
//! drawn over everything (tip and line) stays over the volume too.

use bevy::asset::uuid_handle;
use bevy::material::descriptor::RenderPipelineDescriptor;
use bevy::mesh::MeshVertexBufferLayoutRef;
use bevy::pbr::{MaterialPipeline, MaterialPipelineKey};
use bevy::prelude::*;
use bevy::render::render_resource::{AsBindGroup, CompareFunction, Face, ShaderType, SpecializedMeshPipelineError};
use bevy::shader::ShaderRef;

const SHADER: Handle<Shader> = uuid_handle!("0b8e2c41-94a7-4c86-8d0e-2d6f6b3f7a52");
/// Drawn before what is drawn over everything.
const FIRST: f32 = -1000.0;

/// How rays run; see `volume.wgsl`.
#[derive(ShaderType, Debug, Clone, Copy, PartialEq)]
pub struct March {
    /// World (m) to texture coordinates, 0 to 1.
    pub texture_from_world: Mat4,
    /// Voxels along x, y, z; voxels along a block's edge.
    pub voxels: Vec4,
    /// Lower corner of what is kept, m.
    pub keep_low: Vec4,
    /// Upper corner of what is kept, m.
    pub keep_high: Vec4,
    /// Kept is where `dot(xyz, place) <= w`; zero keeps all.
    pub plane: Vec4,
    /// Step, m; m left free before surfaces; lowest HU of the table; 1 / its range.
    pub ray: Vec4,
    /// x: 1 while the view moves, when rays do less.
    pub haste: Vec4,
}

/// The volume's material.
#[derive(Asset, TypePath, AsBindGroup, Debug, Clone)]
pub struct VolumeMaterial {
    /// How rays run.
    #[uniform(0)]
    pub march: March,
    /// HU, 3-D, R16Float.
    #[texture(1, dimension = "3d")]
    #[sampler(2)]
    pub hounsfield: Handle<Image>,
    /// Blocks to the next visible one, 3-D, R8Uint.
    #[texture(3, dimension = "3d", sample_type = "u_int")]
    pub distances: Handle<Image>,
    /// Colour and opacity over HU.
    #[texture(4)]
    #[sampler(5)]
    pub colors: Handle<Image>,
}

impl Material for VolumeMaterial {
    fn fragment_shader() -> ShaderRef {
        SHADER.into()
    }

    fn alpha_mode(&self) -> AlphaMode {
        AlphaMode::Premultiplied
    }

    fn depth_bias(&self) -> f32 {
        FIRST
    }

    fn enable_prepass() -> bool {
        false
    }

    fn enable_shadows() -> bool {
        false
    }

    fn specialize(
        _pipeline: &MaterialPipeline,
        descriptor: &mut RenderPipelineDescriptor,
        _layout: &MeshVertexBufferLayoutRef,
        _key: MaterialPipelineKey<Self>,
    ) -> Result<(), SpecializedMeshPipelineError> {
        descriptor.primitive.cull_mode = Some(Face::Front);
        if let Some(depth) = &mut descriptor.depth_stencil {
            depth.depth_compare = Some(CompareFunction::Always);
            depth.depth_write_enabled = Some(false);
        }
        Ok(())
    }
}

/// Registers the material and its shader.
pub fn plugin(app: &mut App) {
    let mut shaders = app.world_mut().resource_mut::<Assets<Shader>>();
    // A handle made from a constant has no generation that could be stale.
    let _ = shaders.insert(SHADER.id(), Shader::from_wgsl(include_str!("volume.wgsl"), "volume.wgsl"));
    app.add_plugins(MaterialPlugin::<VolumeMaterial>::default());
}
