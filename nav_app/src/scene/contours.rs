//! Where the bone surfaces cross a slice.
//!
//! The outline on the slice is the very surface of the 3-D view, cut; the two
//! cannot tell different stories. Triangles are sorted into slabs once, so a
//! cut touches only the few that can matter.

use engine::case::Vertebra;
use engine::surface::Mesh;

use crate::scene_input::PlannedScrew;

/// Thickness of a slab, mm.
const SLAB_MM: f32 = 2.0;
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
    /// Planned screws, outlined as well.
    pub screws: Vec<PlannedScrew>,
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
        Self { low, slabs, screws: Vec::new() }
    }

    /// Has these screws outlined.
    #[must_use]
    pub fn with_screws(self, screws: &[PlannedScrew]) -> Self {
        Self { screws: screws.to_vec(), ..self }
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
                Some(Segment { vertebra: *number, ends: crossing(corners, axis, at_mm)? })
            })
            .collect()
    }
}

fn slab(at_mm: f32, low: f32) -> usize {
    // Casting saturates: NaN becomes 0.
    (((at_mm - low) / SLAB_MM).max(0.0) as usize).min(MAX_SLABS - 1)
}

fn corners(mesh: &Mesh, triangle: &[u32; 3]) -> Option<[[f32; 3]; 3]> {
    let at = |i: u32| mesh.vertices.get(i as usize).copied();
    Some([at(triangle[0])?, at(triangle[1])?, at(triangle[2])?])
}

/// Where a triangle crosses the plane; `None` when it does not.
fn crossing(corners: [[f32; 3]; 3], axis: usize, at_mm: f32) -> Option<[[f32; 3]; 2]> {
    let mut ends = [None, None];
    for (a, b) in [(0, 1), (1, 2), (2, 0)].map(|(i, j)| (corners[i], corners[j])) {
        // Half-open, so that a vertex in the plane counts once.
        if (a[axis] < at_mm) == (b[axis] < at_mm) {
            continue;
        }
        let t = (at_mm - a[axis]) / (b[axis] - a[axis]);
        let point = std::array::from_fn(|i| a[i] + (b[i] - a[i]) * t);
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
    }
}
