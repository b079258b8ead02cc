// One light model for bone, instrument and signs; see paint.rs.
#import bevy_pbr::forward_io::{Vertex, VertexOutput}
#import bevy_pbr::mesh_functions
#import bevy_pbr::mesh_view_bindings::view
#import spinenav::light

struct Ink {
    color: vec4<f32>,
    // x: 1 lit, 0 flat; y: 1 hatched where uv.y is 1; z: 1 textured; w: 1 striped
    // black across the shaft.
    finish: vec4<f32>,
}

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<uniform> ink: Ink;
@group(#{MATERIAL_BIND_GROUP}) @binding(1) var picture: texture_2d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(2) var picture_sampler: sampler;

// Nothing in the scene is scaled, so normals turn like directions.
@vertex
fn vertex(in: Vertex) -> VertexOutput {
    let world_from_local = mesh_functions::get_world_from_local(in.instance_index);
    var out: VertexOutput;
    out.world_position = world_from_local * vec4(in.position, 1.0);
    out.world_normal = (world_from_local * vec4(in.normal, 0.0)).xyz;
    out.position = view.clip_from_world * out.world_position;
#ifdef VERTEX_UVS_A
    out.uv = in.uv;
#endif
#ifdef VERTEX_COLORS
    out.color = in.color;
#endif
    return out;
}

@fragment
fn fragment(in: VertexOutput) -> @location(0) vec4<f32> {
    var color = ink.color;
    var sky = 1.0;
#ifdef VERTEX_COLORS
    // Bone: the level's colour, and how much sky the vertex sees.
    color = vec4(color.rgb * in.color.rgb, color.a);
    sky = in.color.a;
#endif
#ifdef VERTEX_UVS_A
    if ink.finish.z > 0.5 {
        color *= textureSampleLevel(picture, picture_sampler, in.uv, 0.0);
    }
    if ink.finish.y > 0.5 && in.uv.y > 0.5 {
        // Hatch lines, a third of the period, one pixel soft.
        let phase = abs(fract(in.uv.x) - 0.5);
        let soft = 0.06;
        color = vec4(color.rgb * mix(1.0, 0.12, smoothstep(0.33 - soft, 0.33 + soft, phase)), color.a);
    }
    if ink.finish.w > 0.5 && fract(in.uv.y * 9.0) > 0.5 {
        color = vec4(color.rgb * 0.06, color.a);
    }
#endif
    if ink.finish.x > 0.5 {
        let axes = mat3x3(view.world_from_view[0].xyz, view.world_from_view[1].xyz, view.world_from_view[2].xyz);
        let to_eye = normalize(view.world_position - in.world_position.xyz);
        color = vec4(light::shade(color.rgb, normalize(in.world_normal), to_eye, axes, sky), color.a);
    }
    return color;
}
