// The two lights of the scene, for surfaces and for the volume; see paint.rs.
#define_import_path spinenav::light

// Directions to the lights in view axes: key from the upper left behind the
// viewer, weak cool fill from the lower right. They turn with the view.
const KEY: vec3<f32> = vec3(-0.528, 0.564, 0.634);
const KEY_COLOR: vec3<f32> = vec3(0.84, 0.82, 0.78);
const FILL: vec3<f32> = vec3(0.752, -0.292, 0.590);
const FILL_COLOR: vec3<f32> = vec3(0.11, 0.125, 0.15);
const AMBIENT: vec3<f32> = vec3(0.085, 0.09, 0.10);

// axes: the view's, in the world; n and to_eye of unit length; sky: 1 where
// nothing is in the way of the light from all around.
fn shade(albedo: vec3<f32>, n: vec3<f32>, to_eye: vec3<f32>, axes: mat3x3<f32>, sky: f32) -> vec3<f32> {
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
