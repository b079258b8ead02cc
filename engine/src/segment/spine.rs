//! A column taken apart into vertebrae, and what speaks for and against each.
//!
//! [`Spine::take_apart`] splits the bone; [`Spine::judge`] names the parts and
//! asks every witness about them. Judging takes any labels, so that broken ones
//! can be judged too ([`faults`](super::faults)). Called by
//! [`assemble`](super::pipeline::assemble).

use super::audit::{self, Fit};
use super::confidence::{self, Doubt, MaskEvidence, judge};
use super::curve::SpineCurve;
use super::instances::{self, Cuts};
use super::levels::{self, Naming};
use super::pipeline::{FINE_MM, MIN_SPINE_MM3, Progress, SegmentError, spine_box, volume_mm3};
use super::semantic::Semantic;
use super::systems::{self, Column, Parts, Split};
use super::vote_table::VoteTable;
use super::{boundary, preprocess};
use crate::level::Level;
use crate::volume::{Grid, LabelMap, Volume};

/// A last piece that the chain of levels calls sacrum is rather a vertebra when
/// it has this share of its upper neighbour's votes.
const LEAST_VERTEBRA: f64 = 0.6;

/// Single vertebrae on the fine grid, before they have names.
#[derive(Debug)]
pub struct Spine {
    /// Classes on the fine grid.
    pub fine: Semantic,
    /// Body centres from the head down.
    pub curve: SpineCurve,
    /// Which voxel belongs to which vertebra, from 1, head to foot.
    pub instances: LabelMap,
    /// Where the column is cut, a segment a vertebra.
    pub cuts: Cuts,
    /// Levels that the network itself gave.
    given: Option<Vec<Level>>,
    /// For each vertebra the share of voxels that vote for it.
    own_votes: Option<Vec<f32>>,
    /// Vertebral bone in all.
    pub found_mm3: f64,
}

/// Names, doubts and confidence of the vertebrae of a [`Spine`].
#[derive(Debug)]
pub struct Judgement {
    /// Their levels; may be fewer than the instances (a piece of the sacrum).
    pub naming: Naming,
    /// All doubts about each level, in order.
    pub doubts: Vec<Vec<Doubt>>,
    /// Chance that label and shape of each are right.
    pub confidence: Vec<f32>,
}

impl Spine {
    /// Edges, curve, cuts and instances.
    ///
    /// * `scan` - the CT in HU.
    ///
    /// # Errors
    /// [`SegmentError::NoSpine`] without a column; else what a step refused.
    pub fn take_apart(
        scan: &Volume,
        semantic: &Semantic,
        split: &mut dyn Split,
        progress: &mut dyn Progress,
    ) -> Result<Self, SegmentError> {
        progress.stage("boundary");
        let fine = semantic.on(&spine_box(semantic, &scan.grid)?)?;
        let hu = preprocess::resample_ct(scan, &fine.grid, -1000.0)?;
        let mut mask = boundary::vertebra_mask(&fine, &hu)?;
        instances::clear_border(&mut mask, &fine.grid);

        progress.stage("instances");
        let found_mm3 = volume_mm3(mask.iter().filter(|v| **v).count(), &fine.grid);
        let column: Vec<bool> = mask.iter().zip(&fine.disc).map(|(bone, disc)| *bone || *disc > 0.5).collect();
        let curve = SpineCurve::find(&column, &fine.grid)?.filter(|_| found_mm3 > MIN_SPINE_MM3);
        let Some(curve) = curve else { return Err(SegmentError::NoSpine { found_mm3 }) };
        let column = Column { mask: &mask, curve: &curve, fine: &fine, coarse: semantic, hu: &hu };
        let Parts { mut cuts, mut grown, levels: given } = split.split(&column, progress)?;
        let mut instances = LabelMap { grid: fine.grid.clone(), labels: std::mem::take(&mut grown.labels) };
        let is_cut = border_contact(&instances, &scan.grid);
        let dropped = match given {
            Some(_) => 0,
            None => instances::drop_scraps(&mut instances.labels, &mut cuts, &is_cut),
        };
        let own_votes = grown.own_votes.map(|shares| shares[dropped.min(shares.len())..].to_vec());
        Ok(Self { fine, curve, instances, cuts, given, own_votes, found_mm3 })
    }

    /// Judges the spine's own labels.
    ///
    /// * `coarse` - the network's classes and offsets on its own grid.
    #[must_use]
    pub fn judge(&self, coarse: &Semantic, scan: &Grid) -> Judgement {
        self.judge_labels(&self.instances, &self.cuts, self.own_votes.as_deref(), coarse, scan)
    }

    /// Judges other labels of the same column; `cuts` has a segment a label.
    #[must_use]
    pub fn judge_labels(
        &self,
        instances: &LabelMap,
        cuts: &Cuts,
        own_votes: Option<&[f32]>,
        coarse: &Semantic,
        scan: &Grid,
    ) -> Judgement {
        let count = cuts.segments.len();
        let contact = border_contact(instances, scan);
        let is_cut: Vec<bool> = (1..=count).map(|i| contact.get(i) == Some(&true)).collect();
        let (seen, ends) = levels::look(&self.curve, cuts, &self.fine, scan, &is_cut);
        let naming = systems::named(self.given.clone(), levels::name(&seen, &ends));
        tracing::debug!(?seen, ?ends, ?naming, ?own_votes, "levels");
        let table = VoteTable::count(instances, coarse, &self.curve);
        let fits = audit::fit(instances, count, table.as_ref());
        let audited = audit::doubts(&fits, table.as_ref(), &is_cut);
        let evidence = self.evidence(instances, cuts, own_votes, &fits, &is_cut);
        tracing::debug!(?table, ?evidence, "audit");
        // Names are counted along the chain: each label that may be none, or
        // two, may shift them.
        let counted = audited.iter().filter(|own| own.is_empty()).count() as f64 / count.max(1) as f64;
        let judged = judge(&evidence).into_iter().zip(audited);
        let (mut doubts, mut confidence): (Vec<Vec<Doubt>>, Vec<f32>) = (Vec::new(), Vec::new());
        for (i, ((shape, mut own), audited)) in judged.enumerate() {
            if i >= naming.levels.len() {
                // Taken for the sacrum; where the votes say vertebra, that is told.
                let is_vertebra = table.as_ref().is_some_and(|t| t.votes(i + 1) > LEAST_VERTEBRA * t.votes(i));
                if let Some(last) = doubts.last_mut().filter(|_| is_vertebra) {
                    last.push(Doubt::MissingNeighbour);
                }
                continue;
            }
            for doubt in audited.into_iter().chain(naming.doubts[i].iter().copied()) {
                let is_new = own.iter().all(|known| std::mem::discriminant(known) != std::mem::discriminant(&doubt));
                own.extend(is_new.then_some(doubt));
            }
            confidence.push(confidence::combined(shape, &own, naming.chance[i] * counted));
            doubts.push(own);
        }
        Judgement { naming, doubts, confidence }
    }

    fn evidence(
        &self,
        instances: &LabelMap,
        cuts: &Cuts,
        own_votes: Option<&[f32]>,
        fits: &[Fit],
        is_cut: &[bool],
    ) -> Vec<MaskEvidence> {
        let mut counts = [0usize; 256];
        let mut sums = [0f64; 256];
        for (label, probability) in instances.labels.iter().zip(&self.fine.vertebra) {
            counts[usize::from(*label)] += 1;
            sums[usize::from(*label)] += f64::from(*probability);
        }
        let one = |(i, clarity): (usize, &[f32; 2])| MaskEvidence {
            mean_probability: (sums[i + 1] / counts[i + 1].max(1) as f64) as f32,
            volume_mm3: volume_mm3(counts[i + 1], &instances.grid),
            touches_border: is_cut[i],
            clarity: *clarity,
            own_votes: own_votes.and_then(|shares| shares.get(i)).copied(),
            own_heap: fits[i].agreeing().map(|share| share as f32),
        };
        cuts.clarity.iter().enumerate().take(fits.len()).map(one).collect()
    }
}

/// For each label, whether its mask reaches the first or last voxels of the scan.
fn border_contact(fine: &LabelMap, scan: &Grid) -> [bool; 256] {
    let (low, high) = scan.bounds();
    let (low, high) = (low.to_array(), high.to_array());
    let [nx, ny, _] = fine.grid.size();
    let mut contact = [false; 256];
    for (i, label) in fine.labels.iter().enumerate().filter(|(_, l)| **l != 0) {
        let index = [i % nx, i / nx % ny, i / (nx * ny)].map(|v| v as f64);
        let p = fine.grid.to_ct(index.into()).to_array();
        let reach = 1.5 * FINE_MM;
        contact[usize::from(*label)] |= (0..3).any(|axis| p[axis] < low[axis] + reach || p[axis] > high[axis] - reach);
    }
    contact
}
