//! Exact signed distance to one vertebra's surface.

use geom::nalgebra::Vector3;

use crate::surface::{IndexError, Mesh, NearestIndex};

/// Vertices whose triangles are looked at: the nearest point of a mesh of even
/// triangles lies on one of theirs.
const VERTICES: usize = 6;

/// Distance to a closed surface, positive outside.
///
/// The distance is that to the triangles themselves, so it is as exact as the
/// surface; the sign is that of the normal interpolated at the nearest point.
#[derive(Debug)]
pub struct BoneDistance {
    mesh: Mesh,
    index: NearestIndex,
    /// `triangles[first[v]..first[v + 1]]` hold vertex `v`.
    first: Vec<u32>,
    triangles: Vec<u32>,
}

/// The nearest place on the surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NearestPlace {
    /// Distance, mm; positive outside the bone.
    pub signed_mm: f64,
    /// Where, LPS mm.
    pub at: Vector3<f64>,
    /// The nearest vertex.
    pub vertex: usize,
}

impl BoneDistance {
    /// Indexes the largest connected surface of `mesh`: crumbs and cavities
    /// inside the bone are no walls.
    ///
    /// # Errors
    /// [`IndexError`] for a surface without points or with one that is not finite.
    ///
    /// Cost: one pass over the vertices.
    pub fn new(mesh: &Mesh) -> Result<Self, IndexError> {
        let mesh = mesh.largest_component();
        let index = NearestIndex::new(&mesh.vertices)?;
        let mut first = vec![0u32; mesh.vertices.len() + 1];
        for vertex in mesh.triangles.iter().flatten() {
            if let Some(count) = first.get_mut(*vertex as usize + 1) {
                *count += 1;
            }
        }
        for i in 1..first.len() {
            first[i] += first[i - 1];
        }
        let mut next = first.clone();
        let mut triangles = vec![0u32; first.last().map_or(0, |n| *n as usize)];
        for (number, triangle) in mesh.triangles.iter().enumerate() {
            for vertex in triangle {
                let Some(slot) = next.get_mut(*vertex as usize) else { continue };
                if let Some(place) = triangles.get_mut(*slot as usize) {
                    *place = u32::try_from(number).unwrap_or(u32::MAX);
                }
                *slot += 1;
            }
        }
        Ok(Self { mesh, index, first, triangles })
    }

    /// The surface.
    #[must_use]
    pub const fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// The nearest place on the surface; `None` when `place` is not finite.
    ///
    /// Cost: one search in a tree of the vertices.
    #[must_use]
    pub fn nearest(&self, place: Vector3<f64>) -> Option<NearestPlace> {
        let near = self.index.nearest_few(place.map(|c| c as f32).into(), VERTICES);
        let vertex = near.first()?.index;
        let mut best: Option<(f64, Vector3<f64>, Vector3<f64>)> = None;
        for found in &near {
            let range = self.first.get(found.index).zip(self.first.get(found.index + 1));
            let range = range.map_or(0..0, |(a, b)| *a as usize..*b as usize);
            for number in self.triangles.get(range).unwrap_or_default() {
                let Some((at, normal)) = self.nearest_on(*number as usize, place) else { continue };
                let squared = (place - at).norm_squared();
                if best.is_none_or(|(least, ..)| squared < least) {
                    best = Some((squared, at, normal));
                }
            }
        }
        let (squared, at, normal) = best?;
        let signed_mm = squared.sqrt().copysign((place - at).dot(&normal));
        Some(NearestPlace { signed_mm, at, vertex })
    }

    /// Signed distance, mm; infinite for a place that is not finite.
    #[must_use]
    pub fn signed_mm(&self, place: Vector3<f64>) -> f64 {
        self.nearest(place).map_or(f64::INFINITY, |n| n.signed_mm)
    }

    /// Nearest point of a triangle and the interpolated normal there.
    fn nearest_on(&self, number: usize, place: Vector3<f64>) -> Option<(Vector3<f64>, Vector3<f64>)> {
        let corners = self.mesh.triangles.get(number)?;
        let corner = |i: usize| Some(Vector3::from(*self.mesh.vertices.get(corners[i] as usize)?).cast::<f64>());
        let normal = |i: usize| Some(Vector3::from(*self.mesh.normals.get(corners[i] as usize)?).cast::<f64>());
        let (a, b, c) = (corner(0)?, corner(1)?, corner(2)?);
        let [u, v, w] = barycentric_nearest(place, a, b, c);
        Some((a * u + b * v + c * w, normal(0)? * u + normal(1)? * v + normal(2)? * w))
    }
}

/// Barycentric coordinates of the point of triangle `abc` nearest to `p`
/// (Ericson, Real-Time Collision Detection, 2005, section 5.1.5).
fn barycentric_nearest(p: Vector3<f64>, a: Vector3<f64>, b: Vector3<f64>, c: Vector3<f64>) -> [f64; 3] {
    let (ab, ac, ap) = (b - a, c - a, p - a);
    let (d1, d2) = (ab.dot(&ap), ac.dot(&ap));
    if d1 <= 0.0 && d2 <= 0.0 {
        return [1.0, 0.0, 0.0];
    }
    let bp = p - b;
    let (d3, d4) = (ab.dot(&bp), ac.dot(&bp));
    if d3 >= 0.0 && d4 <= d3 {
        return [0.0, 1.0, 0.0];
    }
    let share = |part: f64, whole: f64| if whole > 0.0 { (part / whole).clamp(0.0, 1.0) } else { 0.0 };
    let vc = d1 * d4 - d3 * d2;
    if vc <= 0.0 && d1 >= 0.0 && d3 <= 0.0 {
        let v = share(d1, d1 - d3);
        return [1.0 - v, v, 0.0];
    }
    let cp = p - c;
    let (d5, d6) = (ab.dot(&cp), ac.dot(&cp));
    if d6 >= 0.0 && d5 <= d6 {
        return [0.0, 0.0, 1.0];
    }
    let vb = d5 * d2 - d1 * d6;
    if vb <= 0.0 && d2 >= 0.0 && d6 <= 0.0 {
        let w = share(d2, d2 - d6);
        return [1.0 - w, 0.0, w];
    }
    let va = d3 * d6 - d5 * d4;
    if va <= 0.0 && d4 - d3 >= 0.0 && d5 - d6 >= 0.0 {
        let w = share(d4 - d3, (d4 - d3) + (d5 - d6));
        return [0.0, 1.0 - w, w];
    }
    let whole = va + vb + vc;
    let (v, w) = (share(vb, whole), share(vc, whole));
    [1.0 - v - w, v, w]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::random::Random;
    use crate::surface::phantom;

    #[test]
    fn a_ball_has_the_distances_of_a_ball_inside_and_far_outside() {
        let ball = BoneDistance::new(&phantom::ball([3.0, -2.0, 8.0], 20.0)).unwrap();
        let (mut random, centre) = (Random::new(5), Vector3::new(3.0, -2.0, 8.0));
        let mut worst: f64 = 0.0;
        for _ in 0..2000 {
            let height = random.between(-15.0, 40.0);
            let place = centre + Vector3::from(random.direction()) * (20.0 + height);
            worst = worst.max((ball.signed_mm(place) - height).abs());
        }
        // Triangles of 1 mm under a ball of 20 mm: 0.02 mm deep.
        assert!(worst < 0.05, "{worst}");
        assert!(ball.signed_mm(Vector3::repeat(f64::NAN)).is_infinite());
        assert!(BoneDistance::new(&Mesh::default()).is_err());
    }
}
