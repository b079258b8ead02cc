//! Checks of finished labels: is each one vertebra, whole, and its own?
//!
//! Three witnesses that the labels did not make: the network's votes
//! ([`VoteTable`]), the connection of the bone, and the sizes of neighbours
//! ([`judge`](super::confidence::judge)). Nothing is relabelled; what does not
//! fit is told. How many injected faults this finds and how often it cries
//! without need: `docs/segmentation.md`.

use super::confidence::Doubt;
use super::vote_table::VoteTable;
use crate::volume::LabelMap;

/// Less than this share of a vertebra in its largest piece: it is torn. Labels
/// grow along bone and are in one piece but for grains.
const LEAST_PIECE: f64 = 0.93;

/// From this share of a label's votes on a second heap that no other label
/// owns, two vertebrae share the label.
const SECOND_HEAP: f64 = 0.25;

/// A label with less than this share of its votes on its own heap is mixed.
pub const LEAST_OWN_HEAP: f64 = 0.80;

/// A heap whose votes come to more than this share from elsewhere than its
/// label has lost part of its bone.
const LEAST_HEAP_HELD: f64 = 0.75;

/// A heap as large as this share of its neighbours, most of it without a
/// label, is a vertebra that was missed.
const MISSED_SHARE: f64 = 0.45;

/// What the votes and the pieces of one label tell.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Fit {
    /// Share of its votes on its own heap; `None` without votes.
    pub own: Option<f64>,
    /// Share of its heap's votes that it holds.
    pub held: Option<f64>,
    /// Share of its voxels in its largest piece.
    pub piece: f64,
}

impl Fit {
    /// The lesser of both shares of votes; `None` without votes.
    #[must_use]
    pub fn agreeing(&self) -> Option<f64> {
        Some(self.own?.min(self.held?))
    }
}

/// How well each of the labels `1..=count` fits, in order.
#[must_use]
pub fn fit(labels: &LabelMap, count: usize, table: Option<&VoteTable>) -> Vec<Fit> {
    let pieces = largest_pieces(labels, count);
    (1..=count)
        .map(|label| {
            let heap = table.and_then(|t| t.own_heap(label));
            let own = heap.zip(table).map(|(heap, t)| t.share(label, heap));
            let held = heap.zip(table).map(|(heap, t)| {
                let (total, bare) = t.heap_size(heap);
                // Bone without a label is mostly the rim of the vertebra.
                f64::from(t.counts[label][heap]) / f64::from((total - bare).max(1))
            });
            Fit { own, held, piece: pieces[label - 1] }
        })
        .collect()
}

/// What is wrong with the labels `1..=count`; doubts for each, in order.
///
/// * `is_cut` - whether the border of the scan cuts through each.
#[must_use]
pub fn doubts(fits: &[Fit], table: Option<&VoteTable>, is_cut: &[bool]) -> Vec<Vec<Doubt>> {
    let count = fits.len();
    let mut found = vec![Vec::new(); count];
    for (i, fit) in fits.iter().enumerate() {
        if fit.piece < LEAST_PIECE {
            found[i].push(Doubt::InPieces { share: fit.piece as f32 });
        }
    }
    let Some(table) = table else { return found };
    let own: Vec<Option<usize>> = (1..=count).map(|label| table.own_heap(label)).collect();
    for (i, fit) in fits.iter().enumerate() {
        let Some(heap) = own[i] else { continue };
        let cut = is_cut.get(i) == Some(&true);
        let others = || (0..table.heaps_mm.len()).filter(|h| *h != heap && !own.contains(&Some(*h)));
        if let Some(second) = others().map(|h| table.share(i + 1, h)).reduce(f64::max).filter(|s| *s > SECOND_HEAP) {
            found[i].push(Doubt::TwoInOne { share: second as f32 });
        }
        if own.iter().filter(|other| **other == Some(heap)).count() > 1 {
            found[i].push(Doubt::SplitVertebra);
        }
        let share = fit.own.unwrap_or(1.0).min(fit.held.unwrap_or(1.0) * LEAST_OWN_HEAP / LEAST_HEAP_HELD);
        if share < LEAST_OWN_HEAP && !cut {
            found[i].push(Doubt::MixedVotes { own: share as f32 });
        }
    }
    for heap in 0..table.heaps_mm.len() {
        if let Some(beside) = missed(table, heap, &own) {
            for i in beside {
                found[i].push(Doubt::MissingNeighbour);
            }
        }
    }
    found
}

/// The labels beside a heap that is a vertebra without a label.
fn missed(table: &VoteTable, heap: usize, own: &[Option<usize>]) -> Option<Vec<usize>> {
    let (total, bare) = table.heap_size(heap);
    if own.contains(&Some(heap)) || f64::from(bare) < 0.5 * f64::from(total) {
        return None;
    }
    let near = [heap.checked_sub(1), Some(heap + 1)].into_iter().flatten().filter(|h| *h < table.heaps_mm.len());
    let sizes: Vec<f64> = near.clone().map(|h| f64::from(table.heap_size(h).0)).collect();
    let mean = sizes.iter().sum::<f64>() / sizes.len().max(1) as f64;
    let beside: Vec<usize> = near.filter_map(|h| own.iter().position(|o| *o == Some(h))).collect();
    (!sizes.is_empty() && f64::from(total) >= MISSED_SHARE * mean).then_some(beside)
}

/// Share of each label's voxels in its largest face-connected piece.
fn largest_pieces(map: &LabelMap, count: usize) -> Vec<f64> {
    let [nx, ny, nz] = map.grid.size();
    let mut is_seen = vec![false; map.labels.len()];
    let (mut largest, mut total) = (vec![0usize; count + 1], vec![0usize; count + 1]);
    let mut queue = Vec::new();
    for start in 0..map.labels.len() {
        let label = map.labels[start];
        if label == 0 || usize::from(label) > count || is_seen[start] {
            continue;
        }
        is_seen[start] = true;
        queue.push(start);
        let mut size = 0;
        while let Some(at) = queue.pop() {
            size += 1;
            let [x, y, z] = [at % nx, at / nx % ny, at / (nx * ny)];
            let near = [
                (x > 0).then(|| at - 1),
                (x + 1 < nx).then(|| at + 1),
                (y > 0).then(|| at - nx),
                (y + 1 < ny).then(|| at + nx),
                (z > 0).then(|| at - nx * ny),
                (z + 1 < nz).then(|| at + nx * ny),
            ];
            for next in near.into_iter().flatten().filter(|next| map.labels[*next] == label) {
                if !std::mem::replace(&mut is_seen[next], true) {
                    queue.push(next);
                }
            }
        }
        let label = usize::from(label);
        largest[label] = largest[label].max(size);
        total[label] += size;
    }
    (1..=count).map(|i| largest[i] as f64 / total[i].max(1) as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Grid;
    use geom::Point;

    /// Four vertebrae of 1000 votes, 5 % of them on a neighbour.
    fn good() -> VoteTable {
        let row = |own: usize| {
            (0..4).map(|heap| if heap == own { 950 } else { u32::from(heap.abs_diff(own) == 1) * 25 }).collect()
        };
        let mut counts = vec![vec![30; 4]];
        counts.extend((0..4).map(row));
        VoteTable { heaps_mm: vec![10.0, 40.0, 70.0, 100.0], counts }
    }

    fn told(table: &VoteTable) -> Vec<Vec<Doubt>> {
        let count = table.counts.len() - 1;
        let grid = Grid::axis_aligned([count, 1, 1], [1.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let labels = LabelMap { grid, labels: (1..=count).map(|i| u8::try_from(i).unwrap()).collect() };
        doubts(&fit(&labels, count, Some(table)), Some(table), &vec![false; count])
    }

    #[test]
    fn labels_that_agree_with_the_votes_are_not_doubted() {
        assert!(told(&good()).iter().all(Vec::is_empty));
    }

    #[test]
    fn every_kind_of_mix_up_is_told_at_the_vertebra_it_concerns() {
        let mut merged = good();
        let joined = merged.counts.remove(3);
        merged.counts[2].iter_mut().zip(joined).for_each(|(a, b)| *a += b);
        assert!(told(&merged)[1].iter().any(|d| matches!(d, Doubt::TwoInOne { .. })), "{:?}", told(&merged));

        let mut split = good();
        let half: Vec<u32> = split.counts[2].iter().map(|v| v / 2).collect();
        split.counts[2].clone_from(&half);
        split.counts.insert(3, half);
        let found = told(&split);
        assert!(found[1].contains(&Doubt::SplitVertebra) && found[2].contains(&Doubt::SplitVertebra), "{found:?}");

        let mut missing = good();
        missing.counts[0] = missing.counts.remove(2);
        let found = told(&missing);
        assert!(
            found[0].contains(&Doubt::MissingNeighbour) && found[1].contains(&Doubt::MissingNeighbour),
            "{found:?}"
        );

        let mut mixed = good();
        mixed.counts[2][1] -= 300;
        mixed.counts[3][1] += 300;
        assert!(told(&mixed)[2].iter().any(|d| matches!(d, Doubt::MixedVotes { .. })), "{:?}", told(&mixed));
    }

    #[test]
    fn a_torn_vertebra_is_told_without_any_votes() {
        let grid = Grid::axis_aligned([30, 1, 1], [1.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let labels = (0..30).map(|i| u8::from(!(14..=22).contains(&i))).collect();
        let fits = fit(&LabelMap { grid, labels }, 1, None);
        assert!(matches!(doubts(&fits, None, &[false])[0][..], [Doubt::InPieces { .. }]));
    }
}
