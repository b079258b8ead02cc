//! Whether labels and the network's votes tell of the same vertebrae.
//!
//! Every vertebral voxel votes for the centroid of its own vertebra, whatever
//! label it was given later. Along the spine the votes gather in one heap a
//! vertebra; a table of labels against heaps shows two vertebrae under one
//! label, one under two, one without a label, and parts that went to a
//! neighbour. The heaps know nothing of discs, cuts and labels. Called by
//! [`confidence`](super::confidence) for the labels of the pipeline and by
//! [`faults`](super::faults) for broken ones.

use geom::{Ct, Point, Vector};

use super::curve::SpineCurve;
use super::instances::voxel;
use super::semantic::Semantic;
use crate::volume::LabelMap;

/// Blur of the heaps along the spine, mm.
const BLUR_MM: f64 = 2.5;

/// Two heaps are further apart than this, mm: neighbours in a child's neck.
const APART_MM: usize = 9;

/// A heap of less than this share of the middle one is noise or a sliver.
const LEAST_SHARE: f64 = 0.2;

/// Votes further from every heap than this say nothing, mm.
const STRAY_MM: f64 = 14.0;

/// Votes further from the curve than this are none, mm.
const BESIDE_MM: f64 = 60.0;

/// Labels against heaps.
#[derive(Debug, Clone, PartialEq)]
pub struct VoteTable {
    /// Place of each heap along the curve, mm from its head end.
    pub heaps_mm: Vec<f64>,
    /// `counts[label][heap]`: voxels of the network's grid; label 0 is bone
    /// that no vertebra holds.
    pub counts: Vec<Vec<u32>>,
}

impl VoteTable {
    /// Counts the votes.
    ///
    /// * `labels` - from 1 as the vertebrae follow from head to foot.
    /// * `coarse` - the network's classes and offsets on its own grid.
    ///
    /// `None` when the network has no offsets or votes for nothing.
    /// Cost: some 20 000 votes, each against some hundred points of the curve.
    #[must_use]
    pub fn count(labels: &LabelMap, coarse: &Semantic, curve: &SpineCurve) -> Option<Self> {
        let votes = votes(labels, coarse, curve);
        let heaps_mm = heaps(votes.iter().map(|vote| vote.along_mm), curve.points.len());
        if heaps_mm.is_empty() {
            return None;
        }
        let highest = votes.iter().map(|vote| usize::from(vote.label)).max().unwrap_or(0);
        let mut counts = vec![vec![0; heaps_mm.len()]; highest + 1];
        for vote in votes {
            let away = |heap: &usize| (heaps_mm[*heap] - vote.along_mm).abs();
            let nearest = (0..heaps_mm.len()).min_by(|a, b| away(a).total_cmp(&away(b)));
            if let Some(heap) = nearest.filter(|heap| away(heap) < STRAY_MM) {
                counts[usize::from(vote.label)][heap] += 1;
            }
        }
        Some(Self { heaps_mm, counts })
    }

    /// The heap that most votes of a label fall on; `None` for a label without votes.
    #[must_use]
    pub fn own_heap(&self, label: usize) -> Option<usize> {
        let row = self.counts.get(label)?;
        (0..row.len()).filter(|heap| row[*heap] > 0).max_by_key(|heap| row[*heap])
    }

    /// All votes of a label.
    #[must_use]
    pub fn votes(&self, label: usize) -> f64 {
        self.counts.get(label).map_or(0.0, |row| f64::from(row.iter().sum::<u32>()))
    }

    /// Share of a label's votes on one heap, 0 to 1.
    #[must_use]
    pub fn share(&self, label: usize, heap: usize) -> f64 {
        let here = self.counts.get(label).and_then(|row| row.get(heap)).copied().unwrap_or(0);
        f64::from(here) / self.votes(label).max(1.0)
    }

    /// All votes on a heap, and those without a label.
    #[must_use]
    pub fn heap_size(&self, heap: usize) -> (u32, u32) {
        let total = self.counts.iter().filter_map(|row| row.get(heap)).sum();
        let bare = self.counts.first().and_then(|row| row.get(heap)).copied().unwrap_or(0);
        (total, bare)
    }
}

struct Vote {
    label: u8,
    along_mm: f64,
}

fn votes(labels: &LabelMap, coarse: &Semantic, curve: &SpineCurve) -> Vec<Vote> {
    let [nx, ny, _] = coarse.grid.size();
    let likely =
        coarse.vertebra.iter().zip(&coarse.offsets_mm).enumerate().filter(|(_, (p, _))| **p > coarse.threshold);
    likely
        .filter_map(|(i, (_, offset))| {
            let place = coarse.grid.to_ct([i % nx, i / nx % ny, i / (nx * ny)].map(|v| v as f64).into());
            let label = labels.labels[voxel(&labels.grid, place)?];
            let along_mm = along(curve, place + Vector::from(offset.map(f64::from)))?;
            Some(Vote { label, along_mm })
        })
        .collect()
}

/// Where on the curve a place lies, mm from the head end.
pub fn along(curve: &SpineCurve, place: Point<Ct>) -> Option<f64> {
    // Every fourth point first: the curve is smooth.
    let distance = |i: &usize| curve.points[*i].distance(place);
    let last = curve.points.len().checked_sub(1)?;
    let near = (0..=last).step_by(4).min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
    let best = (near.saturating_sub(3)..=(near + 3).min(last)).min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
    let past = (place - curve.points[best]).dot(curve.tangents[best]);
    (distance(&best) < BESIDE_MM).then_some(best as f64 + past)
}

/// Places where votes gather.
fn heaps(votes: impl Iterator<Item = f64>, length: usize) -> Vec<f64> {
    const MARGIN: usize = 40;
    let mut bins = vec![0.0; length + 2 * MARGIN];
    for vote in votes {
        let at = vote + MARGIN as f64 + 0.5;
        if at >= 0.0 && (at as usize) < bins.len() {
            bins[at as usize] += 1.0;
        }
    }
    let reach = (3.0 * BLUR_MM) as usize;
    let weights: Vec<f64> = (0..=reach).map(|d| (-0.5 * (d as f64 / BLUR_MM).powi(2)).exp()).collect();
    let at = |i: usize| -> f64 {
        let low = i.saturating_sub(reach);
        (low..(i + reach + 1).min(bins.len())).map(|j| bins[j] * weights[i.abs_diff(j)]).sum()
    };
    let smooth: Vec<f64> = (0..bins.len()).map(at).collect();
    let mut peaks: Vec<usize> = (1..smooth.len().saturating_sub(1))
        .filter(|i| {
            let around = &smooth[i.saturating_sub(APART_MM / 2)..(i + APART_MM / 2 + 1).min(smooth.len())];
            smooth[*i] > 0.0 && smooth[*i] > smooth[i - 1] && around.iter().all(|v| *v <= smooth[*i])
        })
        .collect();
    let mut heights: Vec<f64> = peaks.iter().map(|i| smooth[*i]).collect();
    heights.sort_by(f64::total_cmp);
    let middle = heights.get(heights.len() / 2).copied().unwrap_or(0.0);
    peaks.retain(|i| smooth[*i] >= LEAST_SHARE * middle);
    // Two tops of one heap: no valley between them.
    let mut kept: Vec<usize> = Vec::new();
    for peak in peaks {
        match kept.last_mut() {
            Some(last) if valley(&smooth[*last..=peak]) > 0.75 || peak - *last < APART_MM => {
                if smooth[peak] > smooth[*last] {
                    *last = peak;
                }
            }
            _ => kept.push(peak),
        }
    }
    kept.into_iter().map(|i| i as f64 - MARGIN as f64).collect()
}

/// Lowest value between two tops, as a share of the lower top.
fn valley(between: &[f64]) -> f64 {
    let lowest = between.iter().copied().fold(f64::INFINITY, f64::min);
    let top = between.first().copied().unwrap_or(0.0).min(between.last().copied().unwrap_or(0.0));
    lowest / top.max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_gather_in_one_heap_a_vertebra() {
        // Five vertebrae 30 mm apart, one of them thin; noise of 3 mm.
        let mut state = 7u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / (1u64 << 24) as f64 - 0.5
        };
        let mut votes = Vec::new();
        for (level, count) in [(10.0, 900), (40.0, 1000), (70.0, 500), (100.0, 1000), (130.0, 1000)] {
            votes.extend((0..count).map(|_| level + 10.0 * noise()));
        }
        let found = heaps(votes.into_iter(), 140);
        assert_eq!(found.len(), 5, "{found:?}");
        assert!(found.iter().zip([10.0, 40.0, 70.0, 100.0, 130.0]).all(|(a, b)| (a - b).abs() < 3.0), "{found:?}");
        assert!(heaps(std::iter::empty(), 100).is_empty());
    }
}
