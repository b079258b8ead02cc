//! System B: which voxels are vertebrae by one network, which vertebra by
//! another one that looks through a window about each.
//!
//! 1. The first model gives the mask of all vertebrae; cut at its discs, every
//!    piece has a centroid.
//! 2. In a window about each centroid the second model tells three vertebrae
//!    apart: above, centre, below (`windows`).
//! 3. A vertebra is seen by up to three windows. Predictions of the same one
//!    are matched by Dice from high to low and fused (`matching`).
//! 4. Every voxel of the mask goes to the likeliest fused vertebra.
//!
//! Pieces that were cut wrongly in step 1 are put right in step 3: two windows
//! about halves of one vertebra see the same centre.

mod matching;
mod windows;

use geom::{Ct, Point};
use kernels::Device;

use super::split::{ByDiscs, Column, Parts, Split};
use super::{Prepared, assign};
use crate::segment::column;
use crate::segment::instances::Grown;
use crate::segment::model::Model;
use crate::segment::pipeline::{Progress, SegmentError};
use crate::segment::preprocess;
use crate::segment::semantic::Semantic;
use crate::segment::votes::Votes;
use crate::volume::{Grid, Volume};
use windows::Lattice;

/// A voxel belongs to a vertebra at once when that is at least so likely.
const LEAST_PROBABILITY: f32 = 0.25;

/// A vertebra that only one neighbouring window saw must lie in the first
/// model's mask by this share.
const LEAST_SUPPORT: f32 = 0.5;

/// Runs the first model; the second one runs when the column's bodies are known.
///
/// # Errors
/// [`SegmentError`] naming the step.
pub fn prepare<'a>(
    model: &'a Model,
    stage_1: &Model,
    ct: &Volume,
    device: &'a dyn Device,
    progress: &mut dyn Progress,
) -> Result<Prepared<'a>, SegmentError> {
    let (low, high) = ct.grid.bounds();
    let grid = preprocess::cover(low.to_array(), high.to_array(), stage_1.card.preprocessing.spacing_mm)?;
    let (mut semantic, structures) = Semantic::from_network(ct, stage_1, device, grid, progress)?;
    column::keep_longest(&mut semantic)?;
    let lattice = Lattice::new(ct, &semantic, &model.card.preprocessing)?;
    let split = Box::new(ByWindows { model, device, lattice });
    Ok(Prepared { semantic, structures, split, knows_other_bone: stage_1.class("other_bone").is_some() })
}

/// Tells vertebrae apart through windows.
struct ByWindows<'a> {
    model: &'a Model,
    device: &'a dyn Device,
    /// `None` when the first model found no vertebra.
    lattice: Option<Lattice>,
}

impl Split for ByWindows<'_> {
    fn split(&mut self, column: &Column<'_>, progress: &mut dyn Progress) -> Result<Parts, SegmentError> {
        let first = ByDiscs.split(column, progress)?;
        let Some(lattice) = &self.lattice else { return Ok(first) };
        progress.stage("windows");
        let centroids = centroids(&first.grown.labels, first.cuts.segments.len(), &column.fine.grid);
        let patch = self.model.card.preprocessing.patch_voxels;
        let predictions = windows::run(self.model, self.device, lattice, &centroids, progress)?;
        let mut fused = matching::fuse(&predictions, patch);
        fused.retain(|vertebra| {
            vertebra.has_centre || vertebra.members > 1 || lattice.support(vertebra) >= LEAST_SUPPORT
        });
        tracing::debug!(
            windows = centroids.len(),
            vertebrae = fused.len(),
            agreement = ?fused.iter().map(|f| (f.members, f.agreement)).collect::<Vec<_>>(),
            "fused"
        );
        let fields = fused.into_iter().map(|vertebra| lattice.field(vertebra)).collect::<Result<Vec<_>, _>>()?;
        let mut labels = assign::labels(column, &fields, LEAST_PROBABILITY);
        let ordered = assign::order(&mut labels, column, &first.cuts);
        if ordered.fields.is_empty() {
            return Ok(first);
        }
        let votes = Votes::gather(column.coarse, &column.fine.grid, &ordered.bodies);
        let own_votes = votes.map(|votes| votes.own_shares(&labels));
        Ok(Parts { cuts: ordered.cuts, grown: Grown { labels, own_votes }, levels: None })
    }
}

/// Centroids of labels `1..=count`; labels without voxels have none.
fn centroids(labels: &[u8], count: usize, grid: &Grid) -> Vec<Point<Ct>> {
    let mut sums = vec![[0.0f64; 4]; count + 1];
    let [nx, ny, _] = grid.size();
    for (i, label) in labels.iter().enumerate().filter(|(_, label)| **label != 0) {
        if let Some(sum) = sums.get_mut(usize::from(*label)) {
            let place = [i % nx, i / nx % ny, i / (nx * ny)];
            (0..3).for_each(|axis| sum[axis] += place[axis] as f64);
            sum[3] += 1.0;
        }
    }
    let found = sums.iter().skip(1).filter(|sum| sum[3] > 0.0);
    found.map(|[x, y, z, n]| grid.to_ct([x / n, y / n, z / n].into())).collect()
}
