//! Which predictions of different windows are the same vertebra, and one
//! probability for each.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::ops::Range;

use super::windows::Prediction;

/// Predictions that agree less are of different vertebrae.
const LEAST_DICE: f32 = 0.3;

/// Two windows lie about the same vertebra only if their centres agree so well.
const SAME_CENTRE_DICE: f32 = 0.6;

/// Predictions of fewer voxels are noise: half a cubic centimetre at 3 mm.
const LEAST_VOXELS: usize = 20;

/// Of the smaller prediction this share must lie where both windows look.
const LEAST_SEEN: f32 = 0.5;

/// A neighbour seen near the border of a window counts less than its centre.
const NEIGHBOUR_WEIGHT: f32 = 0.5;

/// One vertebra, from all windows that saw it.
#[derive(Debug)]
pub struct Fused {
    /// First voxel on the lattice, `[z, y, x]`.
    pub origin: [usize; 3],
    /// Voxels `[z, y, x]`.
    pub dims: [usize; 3],
    /// Its probability there.
    pub probability: Vec<f32>,
    /// Windows that saw it.
    pub members: usize,
    /// Whether a window lies about it.
    pub has_centre: bool,
    /// Mean Dice of the matches that made it; 1 for a single prediction.
    pub agreement: f32,
}

/// Matches predictions by Dice, from high to low, and fuses those that belong
/// together; one window never gives two predictions to one vertebra, and two
/// windows about different vertebrae never make one of them. The vertebrae
/// whose predictions agree best come first.
///
/// Cost: for each pair of windows that overlap, nine times the voxels of one.
pub fn fuse(predictions: &[Prediction], patch: [usize; 3]) -> Vec<Fused> {
    let sizes: Vec<usize> = predictions.iter().map(|p| p.probability.iter().filter(|v| **v > 0.5).count()).collect();
    let kept: Vec<usize> = (0..predictions.len()).filter(|i| sizes[*i] >= LEAST_VOXELS).collect();
    let mut pairs = Vec::new();
    for (n, a) in kept.iter().enumerate() {
        for b in &kept[n + 1..] {
            let smaller = sizes[*a].min(sizes[*b]) as f32;
            if let Some(dice) = dice(&predictions[*a], &predictions[*b], patch, smaller) {
                pairs.push((dice, *a, *b));
            }
        }
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let is_same = |(dice, a, b): &&(f32, usize, usize)| {
        *dice >= SAME_CENTRE_DICE && predictions[*a].is_centre && predictions[*b].is_centre
    };
    let same_centre: HashSet<(usize, usize)> = pairs.iter().filter(is_same).map(|(_, a, b)| (*a, *b)).collect();
    let mut groups: Vec<(Vec<usize>, Vec<f32>)> = kept.iter().map(|i| (vec![*i], Vec::new())).collect();
    for (dice, a, b) in pairs {
        let group_of = |i: usize| groups.iter().position(|(members, _)| members.contains(&i));
        let (Some(a), Some(b)) = (group_of(a), group_of(b)) else { continue };
        let windows = |group: usize| groups[group].0.iter().map(|i| predictions[*i].window);
        let centres = |group: usize| groups[group].0.iter().copied().filter(|i| predictions[*i].is_centre);
        let are_rivals = |one: usize, other: usize| !same_centre.contains(&(one.min(other), one.max(other)));
        match a.cmp(&b) {
            Ordering::Equal => groups[a].1.push(dice),
            _ if windows(a).any(|window| windows(b).any(|other| other == window)) => {}
            _ if centres(a).any(|one| centres(b).any(|other| are_rivals(one, other))) => {}
            _ => {
                let (members, dices) = groups.remove(a.max(b));
                let group = &mut groups[a.min(b)];
                group.0.extend(members);
                group.1.extend(dices.into_iter().chain([dice]));
            }
        }
    }
    let mut fused: Vec<Fused> = groups.iter().filter_map(|group| merge(predictions, group, patch)).collect();
    fused.sort_by(|a, b| b.agreement.total_cmp(&a.agreement).then(a.origin.cmp(&b.origin)));
    fused
}

/// Voxels along one axis that both windows cover.
fn shared(a: usize, b: usize, edge: usize) -> Range<usize> {
    a.max(b)..(a + edge).min(b + edge)
}

fn index(at: [usize; 3], origin: [usize; 3], patch: [usize; 3]) -> usize {
    let [z, y, x] = [0, 1, 2].map(|axis| at[axis] - origin[axis]);
    (z * patch[1] + y) * patch[2] + x
}

/// Dice of two predictions of different windows where both look; `None` when
/// they cannot be the same vertebra.
fn dice(a: &Prediction, b: &Prediction, patch: [usize; 3], smaller: f32) -> Option<f32> {
    if a.window == b.window {
        return None;
    }
    let [zs, ys, xs] = [0, 1, 2].map(|axis| shared(a.origin[axis], b.origin[axis], patch[axis]));
    let (mut both, mut in_a, mut in_b) = (0u32, 0u32, 0u32);
    for (z, y) in zs.flat_map(|z| ys.clone().map(move |y| (z, y))) {
        for x in xs.clone() {
            let is_a = a.probability[index([z, y, x], a.origin, patch)] > 0.5;
            let is_b = b.probability[index([z, y, x], b.origin, patch)] > 0.5;
            both += u32::from(is_a && is_b);
            in_a += u32::from(is_a);
            in_b += u32::from(is_b);
        }
    }
    let is_seen = in_a.min(in_b) as f32 >= LEAST_SEEN * smaller;
    let dice = 2.0 * both as f32 / (in_a + in_b).max(1) as f32;
    (is_seen && dice >= LEAST_DICE).then_some(dice)
}

/// Mean of a group's predictions, each where its window looks.
fn merge(predictions: &[Prediction], (members, dices): &(Vec<usize>, Vec<f32>), patch: [usize; 3]) -> Option<Fused> {
    let members: Vec<&Prediction> = members.iter().filter_map(|i| predictions.get(*i)).collect();
    let mut origin = members.first()?.origin;
    let mut end = [0; 3];
    for p in &members {
        for axis in 0..3 {
            origin[axis] = origin[axis].min(p.origin[axis]);
            end[axis] = end[axis].max(p.origin[axis] + patch[axis]);
        }
    }
    let dims = [0, 1, 2].map(|axis| end[axis] - origin[axis]);
    let (mut sum, mut weights) = (vec![0.0f32; dims.iter().product()], vec![0.0f32; dims.iter().product()]);
    for p in &members {
        let weight = if p.is_centre { 1.0 } else { NEIGHBOUR_WEIGHT };
        for (i, value) in p.probability.iter().enumerate() {
            let place = [i / (patch[1] * patch[2]), i / patch[2] % patch[1], i % patch[2]];
            let at = index([0, 1, 2].map(|axis| p.origin[axis] + place[axis]), origin, dims);
            sum[at] += weight * value;
            weights[at] += weight;
        }
    }
    sum.iter_mut().zip(&weights).for_each(|(value, weight)| *value /= weight.max(f32::MIN_POSITIVE));
    let agreement = if dices.is_empty() { 1.0 } else { dices.iter().sum::<f32>() / dices.len() as f32 };
    let has_centre = members.iter().any(|p| p.is_centre);
    Some(Fused { origin, dims, probability: sum, members: members.len(), has_centre, agreement })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: [usize; 3] = [16, 8, 8];

    /// What a window at height `z` sees of a vertebra from `from` to `to`; `p` inside.
    fn seen(window: usize, z: usize, (from, to): (usize, usize), p: f32, is_centre: bool) -> Prediction {
        let value = |i: usize| if (from..to).contains(&(z + i / 64)) { p } else { 0.0 };
        let probability = (0..1024).map(value).collect();
        Prediction { window, is_centre, origin: [z, 0, 0], probability }
    }

    fn height(fused: &Fused) -> (usize, usize) {
        let is_in = |z: &usize| fused.probability[z * 64] > 0.5;
        let first = (0..fused.dims[0]).find(is_in).unwrap();
        (fused.origin[0] + first, fused.origin[0] + (0..fused.dims[0]).rfind(is_in).unwrap() + 1)
    }

    #[test]
    fn a_vertebra_seen_from_three_windows_is_one() {
        // Vertebrae at 0-5, 6-11, 12-17, 18-23; windows about the second and third.
        let vertebrae = [(0, 5), (6, 11), (12, 17), (18, 23)];
        let mut predictions = Vec::new();
        for (window, middle) in [(0, 1), (1, 2)] {
            for place in 0..3 {
                let z = vertebrae[middle].0 - 5;
                predictions.push(seen(window, z, vertebrae[middle + place - 1], 0.9, place == 1));
            }
        }
        let mut fused = fuse(&predictions, PATCH);
        fused.sort_by_key(height);
        assert_eq!(fused.iter().map(height).collect::<Vec<_>>(), [(1, 5), (6, 11), (12, 17), (18, 23)]);
        assert_eq!(fused.iter().map(|f| f.members).collect::<Vec<_>>(), [1, 2, 2, 1]);
        assert_eq!(fused.iter().map(|f| f.has_centre).collect::<Vec<_>>(), [false, true, true, false]);
        assert!(fused.iter().all(|f| f.agreement > 0.99));
    }

    #[test]
    fn halves_of_one_vertebra_become_one_again_and_neighbours_of_one_window_never_do() {
        // Two windows about the halves of 4-14 both see it as their centre.
        let split = [seen(0, 2, (4, 14), 0.8, true), seen(1, 6, (4, 14), 0.9, true)];
        let fused = fuse(&split, PATCH);
        assert_eq!((fused.len(), fused[0].members, height(&fused[0])), (1, 2, (4, 14)));
        let confused = [seen(0, 0, (4, 12), 0.9, true), seen(0, 0, (4, 12), 0.9, false)];
        assert_eq!(fuse(&confused, PATCH).len(), 2);
    }

    #[test]
    fn a_neighbour_drawn_too_large_does_not_join_two_vertebrae() {
        // Window 2's vertebra below reaches over both that windows 0 and 1 lie about.
        let predictions =
            [seen(0, 0, (2, 7), 0.9, true), seen(1, 4, (7, 12), 0.9, true), seen(2, 0, (2, 12), 0.9, false)];
        let fused = fuse(&predictions, PATCH);
        assert_eq!(fused.iter().filter(|f| f.has_centre).count(), 2, "{fused:?}");
    }

    #[test]
    fn the_centre_of_a_window_counts_more_than_the_neighbour_of_another() {
        let fused = fuse(&[seen(0, 0, (4, 10), 1.0, true), seen(1, 2, (4, 10), 0.55, false)], PATCH);
        assert!((fused[0].probability[6 * 64] - (1.0 + 0.5 * 0.55) / 1.5).abs() < 1e-6);
    }

    #[test]
    fn noise_is_no_vertebra() {
        let mut speck = seen(0, 0, (4, 4), 0.0, true);
        speck.probability[200] = 0.9;
        assert!(fuse(&[speck], PATCH).is_empty());
    }
}
