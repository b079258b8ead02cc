//! Where the bone surfaces cross a slice.
//!
//! The outline on the slice is the very surface of the 3-D view, cut; the two
//! cannot tell different stories. Triangles are sorted into slabs once, so a
//! cut touches only the few that can matter.

use engine::case::Vertebra;
use engine::surface::Mesh;
use geom::nalgebra::Vector3;

use crate::canvas::{Canvas, Pen};

/// Thickness of a slab, mm.
const SLAB_MM: f32 = 2.0;
/// Width of an outline, pixels.
const WIDTH: f32 = 1.5;
/// Slabs along an axis; bounds what a broken mesh can ask for.
const MAX_SLABS: usize = 4096;

/// One piece of an outline, in the CT.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// Index of the vertebra in the case.
    pub vertebra: usize,
    /// Both ends, LPS mm.
    pub ends: [[f32; 3]; 2],
}

/// Vertebra and corners of each triangle that touches it.
type Slab = Vec<(usize, [u32; 3])>;

/// Triangles of all vertebrae, found by position along each LPS axis.
#[derive(Debug)]
pub struct Contours {
    low: [f32; 3],
    slabs: [Vec<Slab>; 3],
}

impl Contours {
    /// Sorts the triangles. About 0.3 s for half a million in an unoptimised
    /// build.
    #[must_use]
    pub fn new(vertebrae: &[Vertebra]) -> Self {
        let mut low = [f32::INFINITY; 3];
        for vertex in vertebrae.iter().flat_map(|v| &v.mesh.vertices) {
            for (low, c) in low.iter_mut().zip(vertex) {
                *low = low.min(*c);
            }
        }
        let mut slabs: [Vec<Slab>; 3] = Default::default();
        for (number, vertebra) in vertebrae.iter().enumerate() {
            for triangle in &vertebra.mesh.triangles {
                let Some(corners) = corners(&vertebra.mesh, triangle) else { continue };
                for axis in 0..3 {
                    let along = corners.map(|c| c[axis]);
                    let first = slab(along[0].min(along[1]).min(along[2]), low[axis]);
                    let last = slab(along[0].max(along[1]).max(along[2]), low[axis]);
                    if slabs[axis].len() <= last {
                        slabs[axis].resize_with(last + 1, Vec::new);
                    }
                    slabs[axis][first..=last].iter_mut().for_each(|s| s.push((number, *triangle)));
                }
            }
        }
        Self { low, slabs }
    }

    /// The outlines where LPS axis `axis` equals `at_mm`.
    #[must_use]
    pub fn cut(&self, vertebrae: &[Vertebra], axis: usize, at_mm: f32) -> Vec<Segment> {
        let (Some(slabs), Some(low)) = (self.slabs.get(axis), self.low.get(axis)) else { return Vec::new() };
        // `slab` clamps; a plane below all bone must not read the first one.
        if at_mm.is_nan() || at_mm < *low {
            return Vec::new();
        }
        let candidates = slabs.get(slab(at_mm, *low)).map_or(&[][..], Vec::as_slice);
        candidates
            .iter()
            .filter_map(|(number, triangle)| {
                let corners = corners(&vertebrae.get(*number)?.mesh, triangle)?;
                let heights = corners.map(|corner| corner[axis] - at_mm);
                Some(Segment { vertebra: *number, ends: crossing(corners, heights)? })
            })
            .collect()
    }
}

/// The outlines on any plane, through `at` and square to `normal` (unit length):
/// bones whose box the plane misses are left out, the others searched whole. About
/// 2 ms where the plane runs along a lumbar spine.
#[must_use]
pub fn cut_oblique(vertebrae: &[Vertebra], at: Vector3<f64>, normal: Vector3<f64>) -> Vec<Segment> {
    let mut segments = Vec::new();
    let (n, offset) = (normal.cast::<f32>(), normal.dot(&at) as f32);
    let mut heights = Vec::new();
    for (number, vertebra) in vertebrae.iter().enumerate() {
        let mesh = &vertebra.mesh;
        let Some((low, high)) = mesh.bounds() else { continue };
        let (centre, half) = ((low.vector3() + high.vector3()) * 0.5, (high.vector3() - low.vector3()) * 0.5);
        if normal.dot(&(centre - at)).abs() > normal.abs().dot(&half) {
            continue;
        }
        heights.clear();
        heights.extend(mesh.vertices.iter().map(|v| v[0] * n.x + v[1] * n.y + v[2] * n.z - offset));
        let crossed = |t: &&[u32; 3]| {
            let is_below = t.map(|i| heights.get(i as usize).is_some_and(|h| *h < 0.0));
            is_below[0] != is_below[1] || is_below[1] != is_below[2]
        };
        for triangle in mesh.triangles.iter().filter(crossed) {
            let Some(corners) = corners(mesh, triangle) else { continue };
            let heights = triangle.map(|i| heights.get(i as usize).copied().unwrap_or_default());
            segments.extend(crossing(corners, heights).map(|ends| Segment { vertebra: number, ends }));
        }
    }
    segments
}

/// Where the pixels of a slice lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Projection {
    /// Middle of the first pixel, LPS mm.
    pub corner: [f32; 3],
    /// Pixels along the columns for each mm along x, y, z.
    pub right: [f32; 3],
    /// Pixels along the rows for each mm along x, y, z.
    pub down: [f32; 3],
}

impl Projection {
    fn pixel(&self, at: [f32; 3]) -> [f32; 2] {
        let [x, y, z] = [0, 1, 2].map(|axis: usize| at[axis] - self.corner[axis]);
        [self.right, self.down].map(|along| x * along[0] + y * along[1] + z * along[2])
    }
}

/// Draws outlines, each vertebra's in its colour, and returns the middle of each
/// vertebra's outlines and their length, in pixels; length 0 where there is none.
#[must_use]
pub fn draw(
    canvas: &mut Canvas,
    segments: &[Segment],
    projection: &Projection,
    colours: &[[u8; 3]],
) -> Vec<([f32; 2], f32)> {
    let mut middles = vec![([0.0f32; 2], 0.0f32); colours.len()];
    for segment in segments {
        let (Some(rgb), Some((sum, weight))) = (colours.get(segment.vertebra), middles.get_mut(segment.vertebra))
        else {
            continue;
        };
        let [a, b] = segment.ends.map(|end| projection.pixel(end));
        canvas.line(a, b, Pen { rgb: *rgb, alpha: 1.0, width: WIDTH });
        let length = (a[0] - b[0]).hypot(a[1] - b[1]);
        sum[0] += 0.5 * (a[0] + b[0]) * length;
        sum[1] += 0.5 * (a[1] + b[1]) * length;
        *weight += length;
    }
    middles
        .into_iter()
        .map(|(sum, length)| (sum.map(|c| if length > 0.0 { c / length } else { 0.0 }), length))
        .collect()
}

fn slab(at_mm: f32, low: f32) -> usize {
    // Casting saturates: NaN becomes 0.
    (((at_mm - low) / SLAB_MM).max(0.0) as usize).min(MAX_SLABS - 1)
}

fn corners(mesh: &Mesh, triangle: &[u32; 3]) -> Option<[[f32; 3]; 3]> {
    let at = |i: u32| mesh.vertices.get(i as usize).copied();
    Some([at(triangle[0])?, at(triangle[1])?, at(triangle[2])?])
}

/// Where a triangle crosses the plane, above which its corners are `heights`
/// high; `None` when it does not.
fn crossing(corners: [[f32; 3]; 3], heights: [f32; 3]) -> Option<[[f32; 3]; 2]> {
    let mut ends = [None, None];
    for (i, j) in [(0, 1), (1, 2), (2, 0)] {
        // Half-open, so that a vertex in the plane counts once.
        if (heights[i] < 0.0) == (heights[j] < 0.0) {
            continue;
        }
        let (a, b, t) = (corners[i], corners[j], heights[i] / (heights[i] - heights[j]));
        let point = std::array::from_fn(|axis| a[axis] + (b[axis] - a[axis]) * t);
        *ends.iter_mut().find(|end| end.is_none())? = Some(point);
    }
    Some([ends[0]?, ends[1]?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::level::Level;
    use engine::surface::phantom;
    use geom::Point;

    #[test]
    fn the_outline_of_a_ball_is_a_circle() {
        let ball = Vertebra {
            level: Level::from_number(22).unwrap(),
            voxels: 0,
            volume_mm3: 0.0,
            confidence: 1.0,
            doubts: Vec::new(),
            body_centre: Point::new(5.0, 6.0, 7.0),
            mesh: phantom::ball([5.0, 6.0, 7.0], 10.0),
            surface_error_mm: Vec::new(),
        };
        let contours = Contours::new(std::slice::from_ref(&ball));
        for axis in 0..3 {
            let at = [5.0f32, 6.0, 7.0][axis] + 6.0;
            let segments = contours.cut(std::slice::from_ref(&ball), axis, at);
            let length: f32 = segments
                .iter()
                .map(|s| (0..3).map(|i| (s.ends[0][i] - s.ends[1][i]).powi(2)).sum::<f32>().sqrt())
                .sum();
            // Radius 8 at height 6.
            assert!((length - 2.0 * std::f32::consts::PI * 8.0).abs() < 0.5, "{length}");
            assert!(contours.cut(std::slice::from_ref(&ball), axis, at + 20.0).is_empty());
            assert!(contours.cut(std::slice::from_ref(&ball), axis, at - 40.0).is_empty());
        }
        // The same at any slant, 6 mm above the centre.
        let normal = Vector3::new(0.48, -0.6, 0.64);
        let at = Vector3::new(5.0, 6.0, 7.0) + normal * 6.0;
        let segments = cut_oblique(std::slice::from_ref(&ball), at, normal);
        let vector = |p: [f32; 3]| Vector3::from(p).cast::<f64>();
        let length: f64 = segments.iter().map(|s| (vector(s.ends[0]) - vector(s.ends[1])).norm()).sum();
        assert!((length - 2.0 * std::f64::consts::PI * 8.0).abs() < 0.5, "{length}");
        assert!(segments.iter().flat_map(|s| s.ends).all(|end| normal.dot(&(vector(end) - at)).abs() < 1e-3));
        assert!(cut_oblique(std::slice::from_ref(&ball), at + normal * 10.0, normal).is_empty());
    }
}
