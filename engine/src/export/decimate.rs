//! Fewer triangles within a bound: edge collapse with quadric errors.
//!
//! Garland and Heckbert, SIGGRAPH 1997, doi:10.1145/258734.258849. A closed
//! surface stays closed and without edges shared by more than two triangles
//! (link condition: Dey et al. 1999). Called by `spinenav export`.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use geom::nalgebra::{Matrix3, Vector3};

use crate::surface::Mesh;

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Triangles wanted.
    pub triangles: usize,
    /// Largest distance that a collapse may move the surface, mm: it stops
    /// before, even when more triangles than wanted are left.
    pub error_mm: f64,
}

/// Sum of squared distances to planes: `p A p + 2 b p + c`, and their area.
#[derive(Clone, Copy)]
struct Quadric {
    a: Matrix3<f64>,
    b: Vector3<f64>,
    c: f64,
    area: f64,
}

impl Quadric {
    const ZERO: Self =
        Self { a: Matrix3::new(0., 0., 0., 0., 0., 0., 0., 0., 0.), b: Vector3::new(0., 0., 0.), c: 0.0, area: 0.0 };

    fn plane(normal: Vector3<f64>, at: Vector3<f64>, area: f64) -> Self {
        let d = -normal.dot(&at);
        Self { a: normal * normal.transpose() * area, b: normal * d * area, c: d * d * area, area }
    }

    fn add(&self, o: &Self) -> Self {
        Self { a: self.a + o.a, b: self.b + o.b, c: self.c + o.c, area: self.area + o.area }
    }

    /// Root mean square distance of `p` from the planes.
    fn distance(&self, p: &Vector3<f64>) -> f64 {
        ((p.dot(&(self.a * p)) + 2.0 * self.b.dot(p) + self.c).max(0.0) / self.area.max(1e-12)).sqrt()
    }
}

struct Work {
    at: Vec<Vector3<f64>>,
    quadric: Vec<Quadric>,
    triangles: Vec<[usize; 3]>,
    is_alive: Vec<bool>,
    /// Triangles around each vertex; dead ones are skipped.
    around: Vec<Vec<usize>>,
    version: Vec<u32>,
    /// How far the surface at each vertex may have moved so far, mm.
    drift_mm: Vec<f64>,
    alive: usize,
}

/// A collapse that was worth this much when it was queued.
type Entry = (Reverse<u64>, usize, usize, u32, u32);

/// `mesh` with at most `budget.triangles` triangles where the error bound
/// allows it, and how far its surface may have moved, mm: the sum of the steps
/// of its worst vertex, each the largest distance from a plane that met there.
///
/// The distance between both surfaces is measured by [`deviation_mm`].
/// Cost: 2 s for 200 000 triangles.
#[must_use]
pub fn decimate(mesh: &Mesh, budget: &Budget) -> (Mesh, f64) {
    let mut work = Work::new(mesh);
    let mut queue: BinaryHeap<Entry> = BinaryHeap::new();
    let mut edges = HashSet::new();
    for triangle in &work.triangles {
        for [a, b] in [[0, 1], [1, 2], [2, 0]].map(|[i, j]| [triangle[i], triangle[j]]) {
            edges.insert((a.min(b), a.max(b)));
        }
    }
    let mut edges: Vec<(usize, usize)> = edges.into_iter().collect();
    edges.sort_unstable();
    edges.into_iter().for_each(|(a, b)| work.push(&mut queue, a, b));
    let mut worst = 0.0f64;
    while work.alive > budget.triangles {
        let Some((Reverse(bits), a, b, va, vb)) = queue.pop() else { break };
        let cost = f64::from_bits(bits);
        if cost > budget.error_mm {
            break;
        }
        if work.version[a] != va || work.version[b] != vb || work.version[a] == u32::MAX {
            continue;
        }
        let place = work.best_place(a, b).0;
        let drift_mm = work.drift(a, b, place);
        if drift_mm <= budget.error_mm && work.collapse(a, b, place) {
            work.drift_mm[a] = drift_mm;
            worst = worst.max(drift_mm);
            for other in work.neighbours(a) {
                work.push(&mut queue, a.min(other), a.max(other));
            }
        }
    }
    (work.finish(), worst)
}

impl Work {
    fn new(mesh: &Mesh) -> Self {
        let at: Vec<Vector3<f64>> = mesh.vertices.iter().map(|v| Vector3::from(*v).cast()).collect();
        let is_sound = |t: &[usize; 3]| t.iter().all(|i| *i < at.len()) && t[0] != t[1] && t[1] != t[2] && t[2] != t[0];
        let triangles: Vec<[usize; 3]> =
            mesh.triangles.iter().map(|t| t.map(|i| i as usize)).filter(is_sound).collect();
        let mut quadric = vec![Quadric::ZERO; at.len()];
        let mut around = vec![Vec::new(); at.len()];
        for (number, triangle) in triangles.iter().enumerate() {
            let [a, b, c] = triangle.map(|i| at[i]);
            let normal = (b - a).cross(&(c - a));
            let area = normal.norm();
            let plane = normal.try_normalize(1e-15).map_or(Quadric::ZERO, |n| Quadric::plane(n, a, area));
            for i in triangle {
                quadric[*i] = quadric[*i].add(&plane);
                around[*i].push(number);
            }
        }
        let (count, alive) = (at.len(), triangles.len());
        Self {
            at,
            quadric,
            is_alive: vec![true; alive],
            triangles,
            around,
            version: vec![0; count],
            drift_mm: vec![0.0; count],
            alive,
        }
    }

    /// How far the surface has moved around an edge once it is merged at `place`.
    fn drift(&self, a: usize, b: usize, place: Vector3<f64>) -> f64 {
        let off = |t: usize| {
            let [p, q, r] = self.triangles[t].map(|i| self.at[i]);
            (q - p).cross(&(r - p)).try_normalize(1e-15).map_or(0.0, |n| n.dot(&(place - p)).abs())
        };
        let step = self.living(a).chain(self.living(b)).map(off).fold(0.0, f64::max);
        self.drift_mm[a].max(self.drift_mm[b]) + step
    }

    fn best_place(&self, a: usize, b: usize) -> (Vector3<f64>, f64) {
        let sum = self.quadric[a].add(&self.quadric[b]);
        let middle = (self.at[a] + self.at[b]) / 2.0;
        let reach = (self.at[a] - self.at[b]).norm();
        // Nearly flat: the minimum runs away along the plane, so it is held near the middle.
        let held = sum.a + Matrix3::identity() * (1e-3 * sum.area);
        let solved = held.cholesky().map(|c| c.solve(&(middle * (1e-3 * sum.area) - sum.b)));
        let place = solved.filter(|p| (p - middle).norm() < 2.0 * reach).unwrap_or(middle);
        (place, sum.distance(&place))
    }

    fn push(&self, queue: &mut BinaryHeap<Entry>, a: usize, b: usize) {
        // A little for length: of equal errors the shorter edge goes first.
        let cost = self.best_place(a, b).1 + 1e-4 * (self.at[a] - self.at[b]).norm();
        // Bits of numbers that are not negative are ordered as the numbers.
        queue.push((Reverse(cost.to_bits()), a, b, self.version[a], self.version[b]));
    }

    fn living(&self, vertex: usize) -> impl Iterator<Item = usize> + '_ {
        self.around[vertex].iter().copied().filter(|t| self.is_alive[*t])
    }

    fn neighbours(&self, vertex: usize) -> Vec<usize> {
        let mut found: Vec<usize> =
            self.living(vertex).flat_map(|t| self.triangles[t]).filter(|i| *i != vertex).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Merges `b` into `a` at `place`; false when that would fold the surface
    /// or join parts that do not touch.
    fn collapse(&mut self, a: usize, b: usize, place: Vector3<f64>) -> bool {
        let shared: Vec<usize> = self.living(a).filter(|t| self.triangles[*t].contains(&b)).collect();
        let (near_a, near_b) = (self.neighbours(a), self.neighbours(b));
        let common = near_a.iter().filter(|i| near_b.binary_search(i).is_ok()).count();
        if shared.len() != 2 || common != 2 || near_a.len() + near_b.len() < 8 {
            return false;
        }
        if [a, b].into_iter().any(|v| self.living(v).any(|t| !shared.contains(&t) && self.turns_over(t, v, place))) {
            return false;
        }
        for t in shared {
            self.is_alive[t] = false;
            self.alive -= 1;
        }
        let moved: Vec<usize> = self.living(b).collect();
        for t in moved {
            self.triangles[t].iter_mut().filter(|i| **i == b).for_each(|i| *i = a);
            self.around[a].push(t);
        }
        let kept: Vec<usize> = self.living(a).collect();
        self.around[a] = kept;
        self.around[b].clear();
        self.quadric[a] = self.quadric[a].add(&self.quadric[b]);
        self.at[a] = place;
        self.version[a] += 1;
        self.version[b] = u32::MAX;
        true
    }

    /// True when triangle `t` would turn by more than 60 degrees or lose its area.
    fn turns_over(&self, t: usize, vertex: usize, place: Vector3<f64>) -> bool {
        let before = self.triangles[t].map(|i| self.at[i]);
        let after = self.triangles[t].map(|i| if i == vertex { place } else { self.at[i] });
        let normal = |[a, b, c]: [Vector3<f64>; 3]| (b - a).cross(&(c - a));
        let (old, new) = (normal(before), normal(after));
        let longest = (after[0] - after[1])
            .norm_squared()
            .max((after[1] - after[2]).norm_squared())
            .max((after[2] - after[0]).norm_squared());
        new.norm() < 0.05 * longest || old.dot(&new) < 0.5 * old.norm() * new.norm()
    }

    fn finish(self) -> Mesh {
        let mut mesh = Mesh::default();
        let mut number = vec![u32::MAX; self.at.len()];
        for (triangle, _) in self.triangles.iter().zip(&self.is_alive).filter(|(_, alive)| **alive) {
            mesh.triangles.push(triangle.map(|i| {
                if number[i] == u32::MAX {
                    number[i] = u32::try_from(mesh.vertices.len()).unwrap_or(u32::MAX);
                    mesh.vertices.push(self.at[i].cast::<f32>().into());
                }
                number[i]
            }));
        }
        mesh.update_normals();
        mesh
    }
}

/// Largest and mean distance from the vertices of `from` to the triangles of `to`, mm.
///
/// Triangles are looked for around the nearest vertices, so that the distance is
/// never too small. Cost: 10 us a vertex.
#[must_use]
pub fn deviation_mm(from: &Mesh, to: &Mesh) -> Option<(f64, f64)> {
    let index = crate::surface::NearestIndex::new(&to.vertices).ok()?;
    let mut around = vec![Vec::new(); to.vertices.len()];
    for triangle in to.triangles.iter().filter(|t| t.iter().all(|i| (*i as usize) < to.vertices.len())) {
        triangle.iter().for_each(|i| around[*i as usize].push(triangle));
    }
    let corner = |i: u32| Vector3::from(to.vertices[i as usize]).cast::<f64>();
    let (mut most, mut sum) = (0.0f64, 0.0);
    for vertex in &from.vertices {
        let p = Vector3::from(*vertex).cast::<f64>();
        let near = index.nearest_few(*vertex, 16);
        let distance = near
            .iter()
            .flat_map(|n| &around[n.index])
            .map(|t| (nearest_on_triangle(p, t.map(corner)) - p).norm())
            .fold(f64::INFINITY, f64::min);
        most = most.max(distance);
        sum += distance;
    }
    Some((most, sum / from.vertices.len().max(1) as f64))
}

/// Ericson, Real-Time Collision Detection, 2005, 5.1.5.
fn nearest_on_triangle(p: Vector3<f64>, [a, b, c]: [Vector3<f64>; 3]) -> Vector3<f64> {
    let (ab, ac, ap) = (b - a, c - a, p - a);
    let (d1, d2) = (ab.dot(&ap), ac.dot(&ap));
    if d1 <= 0.0 && d2 <= 0.0 {
        return a;
    }
    let (d3, d4) = (ab.dot(&(p - b)), ac.dot(&(p - b)));
    if d3 >= 0.0 && d4 <= d3 {
        return b;
    }
    let (d5, d6) = (ab.dot(&(p - c)), ac.dot(&(p - c)));
    if d6 >= 0.0 && d5 <= d6 {
        return c;
    }
    let (va, vb, vc) = (d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2);
    if vc <= 0.0 && d1 >= 0.0 && d3 <= 0.0 {
        return a + ab * (d1 / (d1 - d3));
    }
    if vb <= 0.0 && d2 >= 0.0 && d6 <= 0.0 {
        return a + ac * (d2 / (d2 - d6));
    }
    if va <= 0.0 && d4 >= d3 && d5 >= d6 {
        return b + (c - b) * ((d4 - d3) / ((d4 - d3) + (d5 - d6)));
    }
    let sum = va + vb + vc;
    if sum.abs() < 1e-30 { a } else { a + ab * (vb / sum) + ac * (vc / sum) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::phantom;

    #[test]
    fn a_sixth_of_the_triangles_is_still_the_same_closed_bone() {
        let whole = phantom::vertebra(0);
        let budget = Budget { triangles: whole.triangles.len() / 6, error_mm: 1.0 };
        let (small, _) = decimate(&whole, &budget);
        assert!(small.is_watertight());
        assert!(small.triangles.len() <= budget.triangles + 2, "{} of {}", small.triangles.len(), budget.triangles);
        let (there, back) = (deviation_mm(&whole, &small).unwrap(), deviation_mm(&small, &whole).unwrap());
        assert!(there.0 < 1.5 && back.0 < 1.5 && there.1 < 0.2, "{there:?} {back:?}");
        assert!((small.volume_mm3() / whole.volume_mm3() - 1.0).abs() < 0.02);
    }

    #[test]
    fn the_bound_is_kept_before_the_budget() {
        let whole = phantom::ball([0.0; 3], 20.0);
        let (small, error) = decimate(&whole, &Budget { triangles: 10, error_mm: 0.05 });
        assert!(error <= 0.05 && small.triangles.len() > 100);
        assert!(deviation_mm(&whole, &small).unwrap().0 < 0.3);
        let empty = decimate(&Mesh::default(), &Budget { triangles: 10, error_mm: 1.0 }).0;
        assert!(empty.triangles.is_empty() && deviation_mm(&whole, &empty).is_none());
    }
}
