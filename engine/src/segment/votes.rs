//! What the network's offsets say about single vertebrae: every vertebra voxel
//! votes for the centroid of its own vertebra.
//!
//! No disc has to be seen and no joint has to be crossed, so an arch that
//! touches its neighbour still points to its own body. The votes do not decide
//! by themselves: [`instances::grow`](super::instances::grow) adds what they
//! cost to its paths along the bone.

use geom::{Ct, Point};

use super::instances::voxel;
use super::semantic::Semantic;
use crate::volume::Grid;

/// Neighbours lie above and below: errors to the side mix no vertebrae. Weights `[x, y, z]`.
const WEIGHTS: [f64; 3] = [0.3, 0.5, 1.0];

/// Votes that are this far from a centroid say no more than that, mm.
const FURTHEST_MM: f64 = 30.0;

/// Every so many voxels are asked where a share is wanted.
const STRIDE: usize = 7;

/// Votes of one scan, and where they gather.
#[derive(Debug)]
pub struct Votes<'a> {
    coarse: &'a Semantic,
    fine: &'a Grid,
    /// Where the votes of each vertebra's body gather; `None` when it has none.
    pub centroids: Vec<Option<Point<Ct>>>,
}

impl<'a> Votes<'a> {
    /// Centroids from the votes of the voxels that are known to be of each
    /// vertebra, as their median on every axis.
    ///
    /// * `bodies` - for each vertebra, indices of voxels of `fine` in its body.
    ///
    /// `None` when the network has no offsets.
    #[must_use]
    pub fn gather(coarse: &'a Semantic, fine: &'a Grid, bodies: &[Vec<usize>]) -> Option<Self> {
        if coarse.offsets_mm.is_empty() {
            return None;
        }
        let mut votes = Self { coarse, fine, centroids: Vec::new() };
        votes.centroids = bodies.iter().map(|body| votes.median(body)).collect();
        Some(votes)
    }

    fn median(&self, body: &[usize]) -> Option<Point<Ct>> {
        // A few thousand votes fix a median.
        let stride = body.len() / 2000 + 1;
        let cast: Vec<[f64; 3]> =
            body.iter().step_by(stride).filter_map(|at| Some(self.vote(*at)?.to_array())).collect();
        if cast.is_empty() {
            return None;
        }
        Some(Point::from([0, 1, 2].map(|axis: usize| {
            let mut values: Vec<f64> = cast.iter().map(|vote| vote[axis]).collect();
            let middle = values.len() / 2;
            *values.select_nth_unstable_by(middle, f64::total_cmp).1
        })))
    }

    /// Where the voxel of the fine grid points to.
    fn vote(&self, at: usize) -> Option<Point<Ct>> {
        let [nx, ny, _] = self.fine.size();
        let place = self.fine.to_ct([at % nx, at / nx % ny, at / (nx * ny)].map(|v| v as f64).into());
        let offset = self.coarse.offsets_mm.get(voxel(&self.coarse.grid, place)?)?;
        Some(place + geom::Vector::from(offset.map(f64::from)))
    }

    /// Distance between a voxel's vote and the centroid of a vertebra, mm
    /// weighted by axis; 0 to 30, 0 where nothing is known.
    #[must_use]
    pub fn distance_mm(&self, at: usize, vertebra: usize) -> f64 {
        let Some(Some(centroid)) = self.centroids.get(vertebra) else { return 0.0 };
        self.vote(at).map_or(0.0, |vote| {
            let away = (vote - *centroid).to_array();
            let squares = [0, 1, 2].map(|axis| (WEIGHTS[axis] * away[axis]).powi(2));
            squares.iter().sum::<f64>().sqrt().min(FURTHEST_MM)
        })
    }

    /// For each vertebra the share of its voxels whose vote is nearest to its
    /// own centroid; of a few thousand voxels each, so about 1 % exact.
    ///
    /// * `labels` - on the fine grid, from 1 as the centroids from 0.
    #[must_use]
    pub fn own_shares(&self, labels: &[u8]) -> Vec<f32> {
        let mut own = vec![(0u32, 0u32); self.centroids.len()];
        for (at, label) in labels.iter().enumerate().step_by(STRIDE).filter(|(_, label)| **label != 0) {
            let vertebra = usize::from(*label) - 1;
            let mine = self.distance_mm(at, vertebra);
            let neighbours = [vertebra.checked_sub(1), Some(vertebra + 1)].into_iter().flatten();
            let nearer = neighbours.filter(|n| matches!(self.centroids.get(*n), Some(Some(_))));
            let is_own = nearer.map(|n| self.distance_mm(at, n)).all(|other| mine <= other);
            if let Some((hits, total)) = own.get_mut(vertebra) {
                *hits += u32::from(is_own);
                *total += 1;
            }
        }
        own.iter().map(|(hits, total)| *hits as f32 / (*total).max(1) as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_beside_its_neighbour_still_votes_for_its_own_body() {
        let coarse = Grid::axis_aligned([4, 12, 20], [2.5; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        // Bodies at z 10 and 37 mm; the process of the upper one (y > 15 mm) hangs down to 12 mm.
        let offsets_mm = (0..coarse.len())
            .map(|i| {
                let [y, z] = [(i / 4 % 12) as f32 * 2.5, (i / 48) as f32 * 2.5];
                let centre = if z > 24.0 || (y > 15.0 && z > 12.0) { 37.0 } else { 10.0 };
                [0.0, 5.0 - y, centre - z]
            })
            .collect();
        let nothing = vec![0.0; coarse.len()];
        let (vertebra, other_bone, disc) = (nothing.clone(), nothing.clone(), nothing);
        let coarse = Semantic { grid: coarse, vertebra, other_bone, disc, offsets_mm, threshold: 0.5 };
        let fine = Grid::axis_aligned([8, 28, 48], [1.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let body = |z: usize| (0..8).map(|x| fine.index([x, 5, z])).collect::<Vec<_>>();
        let votes = Votes::gather(&coarse, &fine, &[body(40), body(8)]).unwrap();
        let process = fine.index([4, 25, 18]);
        assert!(votes.distance_mm(process, 0) < 3.0 && votes.distance_mm(process, 1) > 15.0);
        let mixed: Vec<u8> = (0..fine.len()).map(|i| if i / 224 > 24 { 1 } else { 2 }).collect();
        let shares = votes.own_shares(&mixed);
        assert!(shares[0] > 0.98 && shares[1] < 0.9, "{shares:?}");
    }

    #[test]
    fn a_network_without_offsets_has_no_votes() {
        let grid = Grid::axis_aligned([2, 2, 2], [1.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let nothing = vec![0.0; 8];
        let (vertebra, other_bone, disc) = (nothing.clone(), nothing.clone(), nothing);
        let semantic =
            Semantic { grid: grid.clone(), vertebra, other_bone, disc, offsets_mm: Vec::new(), threshold: 0.5 };
        assert!(Votes::gather(&semantic, &grid, &[]).is_none());
    }
}
