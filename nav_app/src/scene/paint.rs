//! The one material of the scene.
//!
//! Physically based shading cost 4 microseconds a pixel on a software device
//! and told the surgeon nothing more; this costs a tenth. Two lights turn with
//! the view, so bone is never unlit and both eyes agree.

use bevy::asset::uuid_handle;
use bevy::material::descriptor::RenderPipelineDescriptor;
use bevy::mesh::MeshVertexBufferLayoutRef;
use bevy::pbr::{MaterialPipeline, MaterialPipelineKey};
use bevy::prelude::*;
use bevy::render::render_resource::{AsBindGroup, CompareFunction, ShaderType, SpecializedMeshPipelineError};
use bevy::shader::ShaderRef;

const LIGHT: Handle<Shader> = uuid_handle!("e5b0f7d6-2c1a-4f3e-8b7d-51c9a2e40f18");
const SHADER: Handle<Shader> = uuid_handle!("6a1f7a3c-0f5e-4a5d-9a60-3b1d7d0c5e21");

/// Drawn after everything that can be seen through.
const LAST: f32 = 1000.0;

/// How a surface is drawn.
#[derive(Asset, TypePath, AsBindGroup, Debug, Clone)]
#[bind_group_data(PaintKey)]
pub struct Paint {
    #[uniform(0)]
    ink: Ink,
    #[texture(1)]
    #[sampler(2)]
    picture: Option<Handle<Image>>,
    is_over_all: bool,
}

#[derive(ShaderType, Debug, Clone, Copy)]
struct Ink {
    color: Vec4,
    finish: Vec4,
}

/// What needs a pipeline of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PaintKey {
    is_over_all: bool,
}

impl From<&Paint> for PaintKey {
    fn from(paint: &Paint) -> Self {
        Self { is_over_all: paint.is_over_all }
    }
}

impl Paint {
    fn new(color: Color, finish: Vec4) -> Self {
        let ink = Ink { color: LinearRgba::from(color).to_vec4(), finish };
        Self { ink, picture: None, is_over_all: false }
    }

    /// A lit surface of one colour.
    #[must_use]
    pub fn lit(color: Color) -> Self {
        Self::new(color, Vec4::X)
    }

    /// Bone: colour (rgb, linear) and visible sky (a) are the vertices';
    /// hatched along u where v is 1.
    #[must_use]
    pub fn bone() -> Self {
        Self::new(Color::WHITE, Vec4::new(1.0, 1.0, 0.0, 0.0))
    }

    /// Drawn over everything, bone included; unlit.
    #[must_use]
    pub fn over_all(color: Color) -> Self {
        Self { is_over_all: true, ..Self::new(color, Vec4::ZERO) }
    }

    /// An unlit picture.
    #[must_use]
    pub fn picture(image: Handle<Image>) -> Self {
        Self { picture: Some(image), ..Self::new(Color::WHITE, Vec4::new(0.0, 0.0, 1.0, 0.0)) }
    }

    /// An unlit picture that nothing covers: the slices must be seen.
    #[must_use]
    pub fn board(image: Handle<Image>) -> Self {
        Self { is_over_all: true, ..Self::picture(image) }
    }

    /// Black stripes across the shaft, or none.
    pub fn set_striped(&mut self, is_striped: bool) {
        self.ink.finish.w = f32::from(u8::from(is_striped));
    }

    /// True when it has this colour.
    #[cfg_attr(not(feature = "xr"), expect(dead_code, reason = "only a headset's hands ask"))]
    #[must_use]
    pub fn has_color(&self, color: Color) -> bool {
        self.ink.color == LinearRgba::from(color).to_vec4()
    }

    /// Changes the colour.
    pub fn set_color(&mut self, color: Color) {
        self.ink.color = LinearRgba::from(color).to_vec4();
    }
}

impl Material for Paint {
    fn vertex_shader() -> ShaderRef {
        SHADER.into()
    }

    fn fragment_shader() -> ShaderRef {
        SHADER.into()
    }

    fn alpha_mode(&self) -> AlphaMode {
        if self.is_over_all || self.ink.color.w < 1.0 { AlphaMode::Blend } else { AlphaMode::Opaque }
    }

    fn depth_bias(&self) -> f32 {
        if self.is_over_all { LAST } else { 0.0 }
    }

    fn enable_shadows() -> bool {
        false
    }

    fn specialize(
        _pipeline: &MaterialPipeline,
        descriptor: &mut RenderPipelineDescriptor,
        _layout: &MeshVertexBufferLayoutRef,
        key: MaterialPipelineKey<Self>,
    ) -> Result<(), SpecializedMeshPipelineError> {
        if let Some(depth) = descriptor.depth_stencil.as_mut().filter(|_| key.bind_group_data.is_over_all) {
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
    let _ = shaders.insert(LIGHT.id(), Shader::from_wgsl(include_str!("light.wgsl"), "light.wgsl"));
    let _ = shaders.insert(SHADER.id(), Shader::from_wgsl(include_str!("paint.wgsl"), "paint.wgsl"));
    app.add_plugins(MaterialPlugin::<Paint>::default());
}
