// Ray casting of the CT: front to back, jumping over blocks without anything
// visible, ending when nothing behind can be seen; see volume/material.rs.
#import bevy_pbr::forward_io::VertexOutput
#import bevy_pbr::mesh_view_bindings::view
#import spinenav::light
#ifdef DEPTH_PREPASS
#import bevy_pbr::mesh_view_bindings::depth_prepass_texture
#endif

struct March {
    // World (m) to texture coordinates, 0 to 1 over the volume.
    texture_from_world: mat4x4<f32>,
    // xyz: voxels along each axis; w: voxels along a block's edge.
    voxels: vec4<f32>,
    // Corners of what is kept, world axes, m.
    keep_low: vec4<f32>,
    keep_high: vec4<f32>,
    // Kept is where dot(xyz, place) <= w; all zero keeps everything.
    plane: vec4<f32>,
    // x: step, m; y: m left free before surfaces; z: lowest HU of the table;
    // w: 1 / its range.
    ray: vec4<f32>,
    // x: 1 while the view moves: see `hasty`.
    haste: vec4<f32>,
}

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<uniform> march: March;
@group(#{MATERIAL_BIND_GROUP}) @binding(1) var hounsfield: texture_3d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(2) var hounsfield_sampler: sampler;
@group(#{MATERIAL_BIND_GROUP}) @binding(3) var distances: texture_3d<u32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(4) var colors: texture_2d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(5) var colors_sampler: sampler;

// Bounds the loop whatever the uniforms hold.
const MOST_STEPS: i32 = 4096;
const OPAQUE: f32 = 0.97;
// While the view moves a ray ends earlier, slopes are taken from half the
// samples, and what adds less than this to the picture is not lit.
const OPAQUE_IN_HASTE: f32 = 0.9;
const FAINT: f32 = 0.04;

fn hu(at: vec3<f32>) -> f32 {
    return textureSampleLevel(hounsfield, hounsfield_sampler, at, 0.0).r;
}

// Where the ray o + t d is within a box: x enters, y leaves.
fn crossing(o: vec3<f32>, inverse: vec3<f32>, low: vec3<f32>, high: vec3<f32>) -> vec2<f32> {
    let a = (low - o) * inverse;
    let b = (high - o) * inverse;
    let near = min(a, b);
    let far = max(a, b);
    return vec2(max(max(near.x, near.y), near.z), min(min(far.x, far.y), far.z));
}

// 1 / d, finite where d is zero.
fn reciprocal(d: vec3<f32>) -> vec3<f32> {
    let tiny = vec3(1e-12);
    return 1.0 / select(d, select(-tiny, tiny, d >= vec3(0.0)), abs(d) < tiny);
}

@fragment
fn fragment(in: VertexOutput) -> @location(0) vec4<f32> {
    // Back faces are drawn, so that the eye may be within the box.
    let eye = view.world_position;
    let to_back = in.world_position.xyz - eye;
    let back = length(to_back);
    let dir = to_back / back;
    let o = (march.texture_from_world * vec4(eye, 1.0)).xyz;
    let d = (march.texture_from_world * vec4(dir, 0.0)).xyz;
    let whole = crossing(o, reciprocal(d), vec3(0.0), vec3(1.0));
    let kept = crossing(eye, reciprocal(dir), march.keep_low.xyz, march.keep_high.xyz);
    var start = max(max(whole.x, kept.x), 0.0);
    var end = min(min(whole.y, kept.y), back);
    let beyond = dot(march.plane.xyz, eye) - march.plane.w;
    let towards = dot(march.plane.xyz, dir);
    if towards > 1e-6 {
        end = min(end, -beyond / towards);
    } else if towards < -1e-6 {
        start = max(start, -beyond / towards);
    } else if beyond > 0.0 {
        discard;
    }
#ifdef DEPTH_PREPASS
    // Opaque surfaces end the ray. Depth is reversed: 0 is infinitely far.
    let depth = textureLoad(depth_prepass_texture, vec2<i32>(in.position.xy), 0);
    if depth > 0.0 {
        let near = view.clip_from_world * vec4(eye, 1.0);
        let far = view.clip_from_world * vec4(in.world_position.xyz, 1.0);
        let share = (depth * near.w - near.z) / (far.z - near.z - depth * (far.w - near.w));
        end = min(end, share * back - march.ray.y);
    }
#endif
    if start >= end {
        discard;
    }

    let step = march.ray.x;
    let step_mm = step * 1000.0;
    let inverse_voxels = reciprocal(d * march.voxels.xyz);
    let last_block = vec3<i32>(textureDimensions(distances)) - 1;
    let axes = mat3x3(view.world_from_view[0].xyz, view.world_from_view[1].xyz, view.world_from_view[2].xyz);
    let one = 1.0 / march.voxels.xyz;
    // A step's start differs from pixel to pixel, which turns rings into grain
    // (Jimenez 2014, interleaved gradient noise).
    let jitter = fract(52.9829189 * fract(dot(floor(in.position.xy), vec2(0.06711056, 0.00583715))));
    var t = start + step * jitter;
    let hasty = march.haste.x > 0.5;
    let opaque = select(OPAQUE, OPAQUE_IN_HASTE, hasty);
    var color = vec3(0.0);
    var alpha = 0.0;
    for (var i = 0; i < MOST_STEPS; i++) {
        if t >= end || alpha > opaque {
            break;
        }
        let at = o + t * d;
        let voxel = at * march.voxels.xyz;
        let block = clamp(vec3<i32>(floor(voxel / march.voxels.w)), vec3(0), last_block);
        let distance = i32(textureLoad(distances, block, 0).r);
        if distance > 0 {
            // Out of the cube of blocks that is known to be empty.
            let low = vec3<f32>(block - (distance - 1)) * march.voxels.w;
            let high = vec3<f32>(block + distance) * march.voxels.w;
            let leave = crossing(o * march.voxels.xyz, inverse_voxels, low, high).y;
            t += max(ceil((leave - t) / step), 1.0) * step;
            continue;
        }
        let value = hu(at);
        let place = clamp((value - march.ray.z) * march.ray.w, 0.0, 1.0);
        let tissue = textureSampleLevel(colors, colors_sampler, vec2(place, 0.5), 0.0);
        if tissue.a > 0.002 {
            let opacity = 1.0 - pow(1.0 - tissue.a, step_mm);
            let share = (1.0 - alpha) * opacity;
            if hasty && share < FAINT {
                color += share * tissue.rgb * 0.6;
                alpha += share;
                t += step;
                continue;
            }
            let ahead =
                vec3(hu(at + vec3(one.x, 0.0, 0.0)), hu(at + vec3(0.0, one.y, 0.0)), hu(at + vec3(0.0, 0.0, one.z)));
            var behind = vec3(value);
            if !hasty {
                behind =
                    vec3(hu(at - vec3(one.x, 0.0, 0.0)), hu(at - vec3(0.0, one.y, 0.0)), hu(at - vec3(0.0, 0.0, one.z)));
            }
            let slope = (ahead - behind) * march.voxels.xyz;
            // Out of the dense side; a gradient turns by the transposed inverse.
            let normal = -(transpose(march.texture_from_world) * vec4(slope, 0.0)).xyz;
            let steepness = length(normal);
            var lit = tissue.rgb * 0.6;
            if steepness > 1e-6 {
                // Thin sheets are seen from both sides.
                let n = normal / steepness;
                let facing = select(n, -n, dot(n, dir) > 0.0);
                lit = light::shade(tissue.rgb, facing, -dir, axes, 1.0);
            }
            color += share * lit;
            alpha += share;
        }
        t += step;
    }
    if alpha < 0.004 {
        discard;
    }
    return vec4(color, alpha);
}
