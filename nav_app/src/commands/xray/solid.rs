//! The cuboid spine as a picture: from the side and from the front left.
//!
//! Painter's algorithm: faces from far to near, flat shading. Cuboids of a
//! column do not interlock, so that this order is right for them.

use engine::export::{Part, colour};
use engine::xray::{Findings, mesh, name};
use geom::nalgebra::Vector3;

use crate::page::png_bytes;

/// Height of the picture and width of each of its two views, pixels.
const HEIGHT: usize = 1200;
const WIDTH: usize = 600;
/// Room at the edge, pixels.
const MARGIN: f64 = 40.0;
/// Turns about the vertical, degrees: the patient's left side; left of the front.
const TURNS_DEG: [f64; 2] = [0.0, 55.0];

/// A triangle in the picture.
struct Triangle {
    corners: [[f64; 2]; 3],
    depth: f64,
    colour: [u8; 3],
}

struct Image {
    pixels: Vec<u8>,
}

/// The picture as a PNG file.
pub fn png(findings: &Findings) -> Result<Vec<u8>, png::EncodingError> {
    let parts: Vec<Part> =
        findings.cuboids.iter().map(|c| Part { name: name(c.level), colour: colour(c.level), mesh: mesh(c) }).collect();
    let heads: Vec<(Vector3<f64>, f64)> =
        findings.spine.heads.iter().flatten().map(|h| (h.centre, h.radius_mm)).collect();
    let mut image = Image { pixels: vec![24; 2 * WIDTH * HEIGHT * 3] };
    for (i, turn) in TURNS_DEG.into_iter().enumerate() {
        draw(&mut image, &parts, &heads, turn.to_radians(), (i * WIDTH) as f64);
    }
    png_bytes([2 * WIDTH, HEIGHT], png::ColorType::Rgb, &image.pixels)
}

/// Across, depth (to the viewer) and height of a place; at no turn the viewer
/// stands at the patient's left and sees the front on the picture's left.
fn turned(p: Vector3<f64>, turn: f64) -> Vector3<f64> {
    let (sin, cos) = turn.sin_cos();
    // Viewer's direction: from the left (x) towards the front (-y).
    let across = p.y * cos + p.x * sin;
    let near = p.x * cos - p.y * sin;
    Vector3::new(across, near, p.z)
}

fn draw(image: &mut Image, parts: &[Part], heads: &[(Vector3<f64>, f64)], turn: f64, left: f64) {
    let place = |v: &[f32; 3]| turned(Vector3::from(*v).cast(), turn);
    let mut all: Vec<Vector3<f64>> = parts.iter().flat_map(|p| p.mesh.vertices.iter().map(place)).collect();
    for (centre, radius) in heads {
        let c = turned(*centre, turn);
        all.extend([-1.0, 1.0].map(|s| c + Vector3::new(s, 0.0, s) * *radius));
    }
    let fold = |f: fn(f64, f64) -> f64, start: f64, axis: usize| all.iter().map(|p| p[axis]).fold(start, f);
    let low = [0, 2].map(|axis| fold(f64::min, f64::INFINITY, axis));
    let high = [0, 2].map(|axis| fold(f64::max, f64::NEG_INFINITY, axis));
    let room = [WIDTH as f64, HEIGHT as f64].map(|n| n - 2.0 * MARGIN);
    let scale = (room[0] / (high[0] - low[0]).max(1.0)).min(room[1] / (high[1] - low[1]).max(1.0));
    let middle = f64::midpoint(low[0], high[0]);
    let to_pixel =
        |p: Vector3<f64>| [left + WIDTH as f64 / 2.0 + (p.x - middle) * scale, MARGIN + (high[1] - p.z) * scale];
    for (centre, radius) in heads {
        image.ball(to_pixel(turned(*centre, turn)), radius * scale);
    }
    let mut triangles: Vec<Triangle> = Vec::new();
    for part in parts {
        for triangle in &part.mesh.triangles {
            let corners = triangle.map(|i| part.mesh.vertices.get(i as usize).map_or_else(Vector3::zeros, place));
            let [a, b, c] = corners;
            let normal = (b - a).cross(&(c - a)).try_normalize(1e-9).unwrap_or_else(Vector3::zeros);
            let shade = 0.35 + 0.65 * normal.dot(&Vector3::new(-0.35, 0.8, 0.5).normalize()).abs();
            let depth = (a.y + b.y + c.y) / 3.0;
            let colour = part.colour.map(|v| (f64::from(v) * shade).min(255.0) as u8);
            triangles.push(Triangle { corners: corners.map(to_pixel), depth, colour });
        }
    }
    triangles.sort_by(|a, b| a.depth.total_cmp(&b.depth));
    triangles.iter().for_each(|t| image.fill(t));
}

impl Image {
    fn put(&mut self, x: usize, y: usize, colour: [u8; 3]) {
        let first = (y * 2 * WIDTH + x) * 3;
        if x < 2 * WIDTH
            && let Some(pixel) = self.pixels.get_mut(first..first + 3)
        {
            pixel.copy_from_slice(&colour);
        }
    }

    fn range(low: f64, high: f64, size: usize) -> std::ops::Range<usize> {
        (low.ceil().max(0.0) as usize)..((high.floor() + 1.0).clamp(0.0, size as f64) as usize)
    }

    fn fill(&mut self, triangle: &Triangle) {
        let [a, b, c] = triangle.corners;
        let least = |i: usize| a[i].min(b[i]).min(c[i]);
        let most = |i: usize| a[i].max(b[i]).max(c[i]);
        let side = |p: [f64; 2], q: [f64; 2], x: f64, y: f64| (q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0]);
        for y in Self::range(least(1), most(1), HEIGHT) {
            for x in Self::range(least(0), most(0), 2 * WIDTH) {
                let (px, py) = (x as f64, y as f64);
                let sides = [side(a, b, px, py), side(b, c, px, py), side(c, a, px, py)];
                if sides.iter().all(|s| *s >= 0.0) || sides.iter().all(|s| *s <= 0.0) {
                    self.put(x, y, triangle.colour);
                }
            }
        }
    }

    fn ball(&mut self, [cx, cy]: [f64; 2], radius: f64) {
        for y in Self::range(cy - radius, cy + radius, HEIGHT) {
            for x in Self::range(cx - radius, cx + radius, 2 * WIDTH) {
                let off = ((x as f64 - cx).powi(2) + (y as f64 - cy).powi(2)).sqrt() / radius.max(1e-9);
                if off <= 1.0 {
                    let shade = (90.0 + 120.0 * (1.0 - off * off).sqrt()) as u8;
                    self.put(x, y, [shade; 3]);
                }
            }
        }
    }
}
