//! What a mesh can tell about itself.

use geom::nalgebra::Vector3;
use geom::{Ct, Point};

use super::{Mesh, PointCloud};
use crate::register::random::Random;

impl Mesh {
    /// Corner positions of a triangle; indices beyond the vertices give zero.
    fn corners(&self, triangle: &[u32; 3]) -> [Vector3<f64>; 3] {
        triangle.map(|i| self.vertices.get(i as usize).map_or_else(Vector3::zeros, |v| Vector3::from(*v).cast()))
    }

    /// Twice the area of a triangle times its outward normal.
    fn doubled_area_normal(&self, triangle: &[u32; 3]) -> Vector3<f64> {
        let [a, b, c] = self.corners(triangle);
        (b - a).cross(&(c - a))
    }

    pub(super) fn push_vertex(&mut self, position: [f32; 3]) -> u32 {
        let id = u32::try_from(self.vertices.len()).unwrap_or(u32::MAX);
        self.vertices.push(position);
        id
    }

    /// Recomputes the unit vertex normals from the triangles, weighted by area.
    pub fn update_normals(&mut self) {
        let mut sums = vec![Vector3::<f64>::zeros(); self.vertices.len()];
        for triangle in &self.triangles {
            let normal = self.doubled_area_normal(triangle);
            for &i in triangle {
                if let Some(sum) = sums.get_mut(i as usize) {
                    *sum += normal;
                }
            }
        }
        // A vertex whose triangles cancel out has no normal; any unit vector
        // keeps the contract.
        let unit = |sum: &Vector3<f64>| sum.try_normalize(1e-30).unwrap_or_else(Vector3::z).cast::<f32>().into();
        self.normals = sums.iter().map(unit).collect();
    }

    /// True when the surface is closed: every edge is shared by exactly two
    /// triangles that run along it in opposite directions. An empty mesh is
    /// not closed around anything: false.
    #[must_use]
    pub fn is_watertight(&self) -> bool {
        let mut edges: Vec<(u32, u32)> =
            self.triangles.iter().flat_map(|&[a, b, c]| [(a, b), (b, c), (c, a)]).collect();
        edges.sort_unstable();
        let is_single = edges.windows(2).all(|pair| pair[0] != pair[1]);
        let is_paired = edges.iter().all(|&(a, b)| a != b && edges.binary_search(&(b, a)).is_ok());
        !edges.is_empty() && is_single && is_paired
    }

    /// Enclosed volume in mm^3 (divergence theorem); meaningful when closed,
    /// positive when wound outward.
    #[must_use]
    pub fn volume_mm3(&self) -> f64 {
        // About a vertex of the mesh, so that far-away bone keeps its digits.
        let Some(origin) = self.vertices.first().map(|v| Vector3::from(*v).cast::<f64>()) else { return 0.0 };
        let signed = |triangle: &[u32; 3]| {
            let [a, b, c] = self.corners(triangle).map(|p| p - origin);
            a.dot(&b.cross(&c)) / 6.0
        };
        self.triangles.iter().map(signed).sum()
    }

    /// Area of all triangles in mm^2.
    #[must_use]
    pub fn area_mm2(&self) -> f64 {
        self.triangles.iter().map(|t| self.doubled_area_normal(t).norm() / 2.0).sum()
    }

    /// Lowest and highest corner of the box around the vertices; `None` when
    /// there are none.
    #[must_use]
    pub fn bounds(&self) -> Option<(Point<Ct>, Point<Ct>)> {
        super::cloud::bounds(&self.vertices).map(|(low, high)| (low.into(), high.into()))
    }

    /// The connected part with the largest area: drops specks and the walls
    /// of inner cavities.
    #[must_use]
    pub fn largest_component(&self) -> Self {
        let root = self.component_of_vertices();
        let mut area = vec![0.0; self.vertices.len()];
        let root_of = |t: &[u32; 3]| root.get(t[0] as usize).copied().unwrap_or(0);
        for triangle in &self.triangles {
            if let Some(sum) = area.get_mut(root_of(triangle)) {
                *sum += self.doubled_area_normal(triangle).norm();
            }
        }
        let Some(largest) = (0..area.len()).max_by(|&a, &b| area[a].total_cmp(&area[b]).then(b.cmp(&a))) else {
            return Self::default();
        };
        let mut part = Self::default();
        let mut renumbered = vec![0u32; self.vertices.len()];
        for (i, vertex) in self.vertices.iter().enumerate().filter(|(i, _)| root[*i] == largest) {
            renumbered[i] = part.push_vertex(*vertex);
            part.normals.extend(self.normals.get(i));
        }
        let kept = self.triangles.iter().filter(|t| root_of(t) == largest);
        part.triangles = kept.map(|t| t.map(|i| renumbered[i as usize])).collect();
        part
    }

    /// Smallest connected vertex of each vertex (union-find, path halving).
    fn component_of_vertices(&self) -> Vec<usize> {
        let mut parent: Vec<usize> = (0..self.vertices.len()).collect();
        let find = |parent: &mut [usize], mut i: usize| {
            while parent[i] != i {
                parent[i] = parent[parent[i]];
                i = parent[i];
            }
            i
        };
        let in_range = |t: &&[u32; 3]| t.iter().all(|&i| (i as usize) < self.vertices.len());
        for triangle in self.triangles.iter().filter(in_range) {
            let roots = triangle.map(|i| find(&mut parent, i as usize));
            let lowest = roots[0].min(roots[1]).min(roots[2]);
            roots.into_iter().for_each(|root| parent[root] = lowest);
        }
        (0..parent.len()).map(|i| find(&mut parent, i)).collect()
    }

    /// `count` points spread evenly by area, with interpolated unit normals.
    /// The same `seed` gives the same points; a mesh without area gives none.
    #[must_use]
    pub fn sample(&self, count: usize, seed: u64) -> PointCloud {
        let mut total = 0.0;
        let mut cumulative = Vec::with_capacity(self.triangles.len());
        for triangle in &self.triangles {
            total += self.doubled_area_normal(triangle).norm();
            cumulative.push(total);
        }
        let mut cloud = PointCloud::default();
        if total <= 0.0 || !total.is_finite() {
            return cloud;
        }
        let mut random = Random::new(seed);
        for _ in 0..count {
            let at = random.uniform() * total;
            let Some(triangle) = self.triangles.get(cumulative.partition_point(|&sum| sum <= at)) else { continue };
            // Uniform in a triangle: Osada et al. 2002, doi:10.1145/571647.571648, eq. 1.
            let (root, v) = (random.uniform().sqrt(), random.uniform());
            let weights = [1.0 - root, root * (1.0 - v), root * v];
            let blend =
                |corners: [Vector3<f64>; 3]| corners.iter().zip(weights).fold(Vector3::zeros(), |s, (c, w)| s + c * w);
            let normals = triangle
                .map(|i| self.normals.get(i as usize).map_or_else(Vector3::zeros, |n| Vector3::from(*n).cast()));
            let normal =
                blend(normals).try_normalize(1e-12).or_else(|| self.doubled_area_normal(triangle).try_normalize(1e-30));
            cloud.points.push(blend(self.corners(triangle)).cast::<f32>().into());
            cloud.normals.push(normal.unwrap_or_else(Vector3::z).cast::<f32>().into());
        }
        cloud
    }

    /// The vertices with their normals.
    #[must_use]
    pub fn vertices_cloud(&self) -> PointCloud {
        PointCloud { points: self.vertices.clone(), normals: self.normals.clone() }
    }

    /// Adds the parts of `other`.
    pub fn append(&mut self, other: &Self) {
        let offset = u32::try_from(self.vertices.len()).unwrap_or(u32::MAX);
        self.vertices.extend(&other.vertices);
        self.normals.extend(&other.normals);
        self.triangles.extend(other.triangles.iter().map(|t| t.map(|i| i.saturating_add(offset))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::phantom;

    #[test]
    fn a_missing_or_turned_triangle_is_noticed() {
        let whole = phantom::ball([0.0; 3], 10.0);
        assert!(whole.is_watertight());
        let mut hole = whole.clone();
        hole.triangles.pop();
        assert!(!hole.is_watertight());
        let mut turned = whole;
        turned.triangles[0].swap(0, 1);
        assert!(!turned.is_watertight());
        assert!(!Mesh::default().is_watertight());
    }

    #[test]
    fn volume_and_area_of_a_ball_far_from_the_origin() {
        let ball = phantom::ball([400.0, -900.0, 1500.0], 20.0);
        let pi = std::f64::consts::PI;
        assert!((ball.volume_mm3() / (4.0 / 3.0 * pi * 8000.0) - 1.0).abs() < 5e-3);
        assert!((ball.area_mm2() / (4.0 * pi * 400.0) - 1.0).abs() < 1e-2);
        let (low, high) = ball.bounds().unwrap();
        assert!((high.to_array()[2] - low.to_array()[2] - 40.0).abs() < 0.1);
    }

    #[test]
    fn the_largest_component_drops_specks() {
        let large = phantom::ball([0.0; 3], 12.0);
        let mut both = phantom::ball([40.0, 0.0, 0.0], 3.0);
        both.append(&large);
        assert!(both.is_watertight());
        assert_eq!(both.largest_component(), large);
        assert_eq!(Mesh::default().largest_component(), Mesh::default());
    }

    #[test]
    fn samples_spread_by_area_and_repeat() {
        let mut two = phantom::ball([0.0; 3], 20.0);
        two.append(&phantom::ball([100.0, 0.0, 0.0], 10.0));
        let cloud = two.sample(20_000, 7);
        assert_eq!(cloud, two.sample(20_000, 7));
        let on_large = cloud.points.iter().filter(|p| p[0] < 50.0).count() as f64;
        assert!((on_large / 20_000.0 - 0.8).abs() < 0.012, "four fifths of the area: {on_large}");
        assert!(Mesh::default().sample(10, 1).points.is_empty());
    }
}
