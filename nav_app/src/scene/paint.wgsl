// One light model for bone, instrument and signs; see paint.rs.
#import bevy_pbr::forward_io::{Vertex, VertexOutput}
#import bevy_pbr::mesh_functions
#import bevy_pbr::mesh_view_bindings::view

struct Ink {
    color: vec4<f32>,
    // x: 1 lit, 0 flat; y: 1 hatched where uv.y is 1; z: 1 textured.
    finish: vec4<f32>,
}

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<uniform> ink: Ink;
@group(#{MATERIAL_BIND_GROUP}) @binding(1) var picture: texture_2d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(2) var picture_sampler: sampler;

// Directions to the lights in view axes: key from the upper left behind the
// viewer, weak cool fill from the lower right. They turn with the view.
const KEY: vec3<f32> = vec3(-0.528, 0.564, 0.634);
const KEY_COLOR: vec3<f32> = vec3(0.84, 0.82, 0.78);
const FILL: vec3<f32> = vec3(0.752, -0.292, 0.590);
const FILL_COLOR: vec3<f32> = vec3(0.11, 0.125, 0.15);
const AMBIENT: vec3<f32> = vec3(0.085, 0.09, 0.10);

fn shade(albedo: vec3<f32>, normal: vec3<f32>, world_position: vec3<f32>, sky: f32) -> vec3<f32> {
    let axes = mat3x3(view.world_from_view[0].xyz, view.world_from_view[1].xyz, view.world_from_view[2].xyz);
    let n = normalize(normal);
    let to_eye = normalize(view.world_position - world_position);
    let key = axes * KEY;
    let lit = max(dot(n, key), 0.0);
    let filled = max(dot(n, axes * FILL), 0.0);
    // A broad, faint gloss; wet bone, not plastic.
    let gloss = 0.10 * pow(max(dot(n, normalize(key + to_eye)), 0.0), 22.0) * lit;
    // Surfaces turning away darken, which parts overlapping bones.
    let rim = mix(0.55, 1.0, smoothstep(0.0, 0.55, dot(n, to_eye)));
    let sky_key = mix(sky, 1.0, 0.35);
    let light = KEY_COLOR * lit * sky_key + (FILL_COLOR * filled + AMBIENT) * sky;
    return (albedo * light + vec3(gloss) * sky) * rim;
}

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
#endif
    if ink.finish.x > 0.5 {
        color = vec4(shade(color.rgb, in.world_normal, in.world_position.xyz, sky), color.a);
    }
    return color;
}
