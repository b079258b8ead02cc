//! One movement for a whole surface from what its vertices saw.

use crate::surface::Mesh;

use super::edge::Seen;

/// How much a vertex listens to its neighbours: their weight against that of a
/// clear edge (1).
const STIFFNESS: f32 = 1.0;

/// Weight of staying, which holds where nothing is seen at all.
const INERTIA: f32 = 0.02;

/// Sweeps over the surface; an edge is felt about as many vertices away as the
/// root of this.
const SWEEPS: usize = 30;

/// The vertices beside each vertex.
#[derive(Debug)]
pub struct Neighbours {
    /// Where each vertex' neighbours begin in `beside`, and one past the last.
    starts: Vec<u32>,
    beside: Vec<u32>,
}

impl Neighbours {
    /// From the triangles; each neighbour of a closed surface occurs twice.
    #[must_use]
    pub fn of(mesh: &Mesh) -> Self {
        let count = mesh.vertices.len();
        let sides = || {
            let valid = mesh.triangles.iter().filter(|t| t.iter().all(|i| (*i as usize) < count));
            valid.flat_map(|[a, b, c]| [(*a, *b), (*b, *a), (*b, *c), (*c, *b), (*c, *a), (*a, *c)])
        };
        let mut starts = vec![0u32; count + 1];
        sides().for_each(|(from, _)| starts[from as usize + 1] += 1);
        for i in 0..count {
            starts[i + 1] += starts[i];
        }
        let mut next = starts.clone();
        let mut beside = vec![0; starts.last().copied().unwrap_or(0) as usize];
        for (from, to) in sides() {
            let slot = &mut next[from as usize];
            beside[*slot as usize] = to;
            *slot += 1;
        }
        Self { starts, beside }
    }

    fn around(&self, vertex: usize) -> &[u32] {
        &self.beside[self.starts[vertex] as usize..self.starts[vertex + 1] as usize]
    }

    /// Unit normals averaged twice over the neighbours: noise in one triangle
    /// must not send a vertex astray.
    #[must_use]
    pub fn smooth_directions(&self, normals: &[[f32; 3]]) -> Vec<[f32; 3]> {
        let mut directions = normals.to_vec();
        for _ in 0..2 {
            let mean = |(i, own): (usize, &[f32; 3])| {
                let mut sum = *own;
                for n in self.around(i) {
                    let other = directions[*n as usize];
                    (0..3).for_each(|axis| sum[axis] += other[axis]);
                }
                let length = sum.iter().map(|v| v * v).sum::<f32>().sqrt();
                if length > 1e-6 { sum.map(|v| v / length) } else { *own }
            };
            directions = directions.iter().enumerate().map(mean).collect();
        }
        directions
    }

    /// Movements along the normals, mm, that fit what was seen and change
    /// gently over the surface: the minimum of
    /// `sum w (x - seen)^2 + stiffness sum (x - mean of neighbours)^2`,
    /// approached by Jacobi's sweeps.
    #[must_use]
    pub fn relax(&self, seen: &[Seen]) -> Vec<f32> {
        let mut moves = vec![0.0; seen.len()];
        for _ in 0..SWEEPS {
            let better = |(i, edge): (usize, &Seen)| {
                let around = self.around(i);
                let sum: f32 = around.iter().map(|n| moves[*n as usize]).sum();
                let stiffness = if around.is_empty() { 0.0 } else { STIFFNESS };
                let mean = sum / around.len().max(1) as f32;
                (edge.weight * edge.offset_mm + stiffness * mean) / (edge.weight + stiffness + INERTIA)
            };
            moves = seen.iter().enumerate().map(better).collect();
        }
        moves
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::phantom;

    #[test]
    fn one_wrong_edge_does_not_pull_a_spike_and_unseen_parts_follow() {
        let ball = phantom::ball([0.0; 3], 8.0);
        let neighbours = Neighbours::of(&ball);
        let mut seen = vec![Seen { offset_mm: 0.5, weight: 1.0 }; ball.vertices.len()];
        seen[10] = Seen { offset_mm: -2.5, weight: 0.6 };
        seen[200].weight = 0.0;
        let moves = neighbours.relax(&seen);
        assert!(moves[10] > -0.8, "a spike of {} mm", moves[10]);
        assert!((moves[200] - 0.5).abs() < 0.05, "{}", moves[200]);
    }
}
