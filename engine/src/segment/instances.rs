//! One mask into single vertebrae: cut at the discs, grow along the bone.

use geom::{Ct, Point, Voxel};

use super::curve::SpineCurve;
use super::preprocess::dims;
use super::semantic::Semantic;
use super::votes::Votes;
use crate::volume::Grid;

/// Shortest and longest distance between neighbouring discs along the curve,
/// mm: from C3 to a tall L4 (Panjabi et al. 1991-1992 with 25 % of margin).
const SPACING_MM: std::ops::RangeInclusive<usize> = 12..=50;

/// Radius of the disc around the curve that is looked at, mm.
const PROBE_MM: f64 = 7.0;

/// Voxels this near the curve belong to the body between two discs, mm.
const BODY_MM: f64 = 11.0;

/// Weight of an uneven spacing against the disc signal (which spans about 2).
const EVENNESS: f64 = 12.0;

/// End pieces shorter than this are scraps of a vertebra out of view, mm.
const MIN_END_MM: usize = 7;

/// The cuts along the curve and what they rest on.
#[derive(Debug, Clone)]
pub struct Cuts {
    /// First and one-past-last curve point of each vertebra, from the head down.
    pub segments: Vec<(usize, usize)>,
    /// How clear the disc above and below each segment is, 0 to 1; an end of
    /// the view counts as clear.
    pub clarity: Vec<[f32; 2]>,
}

/// How much each curve point looks like a disc: positive in discs, negative
/// in bodies, about -1 to 1.
fn disc_signal(curve: &SpineCurve, semantic: &Semantic, hu: &[f32]) -> Vec<f64> {
    let offsets: Vec<(f64, f64)> = (-4..=4)
        .flat_map(|i| (-4..=4).map(move |j| (f64::from(i) * PROBE_MM / 4.0, f64::from(j) * PROBE_MM / 4.0)))
        .filter(|(a, b)| a.hypot(*b) <= PROBE_MM)
        .collect();
    let (mut learnt, mut brightness) = (Vec::new(), Vec::new());
    for (i, centre) in curve.points.iter().enumerate() {
        let [u, v] = curve.across(i);
        let (mut class, mut bright) = (0.0, 0.0);
        for (a, b) in &offsets {
            if let Some(at) = voxel(&semantic.grid, *centre + u * *a + v * *b) {
                class += f64::from(semantic.disc[at] - semantic.vertebra[at]);
                bright += f64::from(hu[at].clamp(-50.0, 500.0));
            }
        }
        learnt.push(class / offsets.len() as f64);
        brightness.push(bright / offsets.len() as f64);
    }
    // Discs are darker than the bodies beside them, whatever the patient's
    // bone density: compare with the mean over one level up and down.
    let contrast = |i: usize| {
        let around = &brightness[i.saturating_sub(15)..(i + 16).min(brightness.len())];
        ((around.iter().sum::<f64>() / around.len() as f64 - brightness[i]) / 80.0).clamp(-1.0, 1.0)
    };
    let centred = |i: usize| {
        let around = &learnt[i.saturating_sub(20)..(i + 21).min(learnt.len())];
        let (low, high) = around.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
        if high - low < 0.05 { 0.0 } else { 2.0 * (learnt[i] - low) / (high - low) - 1.0 }
    };
    (0..learnt.len()).map(|i| 0.6 * centred(i) + 0.4 * contrast(i)).collect()
}

/// Finds the discs: the set of cuts that maximises the disc signal at the cuts
/// while the spacing changes gently (dynamic programming over position and
/// last spacing; about 50^2 steps a curve point).
#[must_use]
pub fn find_cuts(curve: &SpineCurve, semantic: &Semantic, hu: &[f32]) -> Cuts {
    let signal = disc_signal(curve, semantic, hu);
    let positions = best_cuts(&signal);
    let mut edges = vec![0];
    edges.extend(&positions);
    edges.push(signal.len());
    let clarity_at = |edge: usize| {
        if edge == 0 || edge == signal.len() {
            return 1.0;
        }
        let around = &signal[edge.saturating_sub(12)..(edge + 13).min(signal.len())];
        let lowest = around.iter().copied().fold(f64::MAX, f64::min);
        ((signal[edge] - lowest) / 1.2).clamp(0.0, 1.0) as f32
    };
    let mut cuts = Cuts { segments: Vec::new(), clarity: Vec::new() };
    for pair in edges.windows(2) {
        let is_end = pair[0] == 0 || pair[1] == signal.len();
        if pair[1] - pair[0] >= if is_end { MIN_END_MM } else { 1 } {
            cuts.segments.push((pair[0], pair[1]));
            cuts.clarity.push([clarity_at(pair[0]), clarity_at(pair[1])]);
        }
    }
    cuts
}

fn best_cuts(signal: &[f64]) -> Vec<usize> {
    let (n, longest) = (signal.len(), *SPACING_MM.end());
    let spacings = longest + 1;
    // score[p][d]: best total with a cut at p whose predecessor is d before;
    // d = 0 marks the first cut.
    let mut score = vec![f64::NEG_INFINITY; n * spacings];
    let mut origin = vec![0usize; n * spacings];
    for p in 0..n {
        if p <= longest {
            score[p * spacings] = signal[p];
        }
        for d in SPACING_MM.filter(|d| *d <= p) {
            let before = &score[(p - d) * spacings..(p - d + 1) * spacings];
            let mut best = (before[0], 0);
            for e in SPACING_MM {
                let unevenness = (d as f64 - e as f64) / (d + e) as f64;
                let value = before[e] - EVENNESS * unevenness * unevenness;
                if value > best.0 {
                    best = (value, e);
                }
            }
            score[p * spacings + d] = best.0 + signal[p];
            origin[p * spacings + d] = best.1;
        }
    }
    let ends = (n.saturating_sub(longest)..n).flat_map(|p| (0..spacings).map(move |d| (p, d)));
    let Some((mut p, mut d)) = ends.max_by(|a, b| score[a.0 * spacings + a.1].total_cmp(&score[b.0 * spacings + b.1]))
    else {
        return Vec::new();
    };
    let mut cuts = vec![p];
    while d != 0 {
        let before = origin[p * spacings + d];
        p -= d;
        cuts.push(p);
        d = before;
    }
    cuts.reverse();
    cuts
}

/// Single vertebrae.
#[derive(Debug)]
pub struct Grown {
    /// Number of the vertebra of each voxel, from 1; 0 outside.
    pub labels: Vec<u8>,
    /// For each vertebra the share of its voxels that vote for it; `None` when
    /// the network has no votes.
    pub own_votes: Option<Vec<f32>>,
}

/// Gives every voxel of the mask the number (from 1) of the segment whose body
/// it is joined to by the cheapest way through bright bone; crossing a joint
/// or a thin dark gap costs more than going around along the arch, and so does
/// bone whose votes (`coarse`, see [`Votes`]) are for another vertebra.
///
/// Dijkstra's algorithm with integer costs in buckets (Dial 1969,
/// doi:10.1145/363269.363610). Linear in the voxels of the mask.
#[must_use]
pub fn grow(
    mask: &[bool],
    curve: &SpineCurve,
    cuts: &Cuts,
    semantic: &Semantic,
    coarse: &Semantic,
    hu: &[f32],
) -> Grown {
    let grid = &semantic.grid;
    let mut labels = vec![0u8; mask.len()];
    let mut buckets: Vec<Vec<usize>> = vec![Vec::new(); MAX_COST + 1];
    let mut cost = vec![u32::MAX; mask.len()];
    let mut bodies = vec![Vec::new(); cuts.segments.len()];
    for at in seeds(mask, curve, cuts, grid, &mut labels) {
        cost[at] = 0;
        buckets[0].push(at);
        if let Some(body) = bodies.get_mut(usize::from(labels[at]) - 1) {
            body.push(at);
        }
    }
    let votes = Votes::gather(coarse, grid, &bodies);
    let steps = neighbour_steps(grid);
    let (mut current, mut empty_rounds) = (0u32, 0);
    while empty_rounds <= MAX_COST {
        let slot = current as usize % (MAX_COST + 1);
        let mut queue = std::mem::take(&mut buckets[slot]);
        empty_rounds = if queue.is_empty() { empty_rounds + 1 } else { 0 };
        while let Some(at) = queue.pop() {
            if cost[at] != current {
                continue;
            }
            for next in steps.iter().filter_map(|step| at.checked_add_signed(*step)) {
                if next >= mask.len() || !mask[next] {
                    continue;
                }
                let along_bone = current + voxel_cost(hu[next], semantic.vertebra[next]);
                if along_bone >= cost[next] {
                    continue;
                }
                let reached = along_bone + disagreement(votes.as_ref(), next, labels[at]);
                if reached < cost[next] {
                    cost[next] = reached;
                    labels[next] = labels[at];
                    buckets[reached as usize % (MAX_COST + 1)].push(next);
                }
            }
        }
        current += 1;
    }
    let own_votes = votes.map(|votes| votes.own_shares(&labels));
    Grown { labels, own_votes }
}

/// An end piece smaller than this share of its neighbour, while the scan goes
/// on beyond it, is a scrap: the top of the sacrum, a rib head.
const SCRAP_SHARE: f64 = 0.45;

/// Drops scraps at both ends of the chain: their voxels become background and
/// the numbers above move up. `is_cut[n]` tells that instance `n` reaches the
/// border of the scan; such a piece is a real vertebra, only not whole. Returns
/// how many were dropped at the head.
pub fn drop_scraps(labels: &mut [u8], cuts: &mut Cuts, is_cut: &[bool; 256]) -> usize {
    let mut sizes = [0usize; 256];
    labels.iter().for_each(|label| sizes[usize::from(*label)] += 1);
    let is_scrap = |end: usize, next: usize| !is_cut[end] && (sizes[end] as f64) < SCRAP_SHARE * sizes[next] as f64;
    let count = cuts.segments.len();
    let drops_last = count >= 3 && is_scrap(count, count - 1);
    let drops_first = count >= 3 && is_scrap(1, 2);
    if drops_last {
        cuts.segments.pop();
        cuts.clarity.pop();
    }
    if drops_first {
        cuts.segments.remove(0);
        cuts.clarity.remove(0);
    }
    for label in labels.iter_mut().filter(|label| **label != 0) {
        let number = usize::from(*label);
        if (drops_last && number == count) || (drops_first && number == 1) {
            *label = 0;
        } else if drops_first {
            *label -= 1;
        }
    }
    usize::from(drops_first)
}

/// Highest cost of entering a voxel.
const MAX_COST: usize = 12 + MAX_DISAGREEMENT as usize;

/// Highest cost of a vote for another vertebra.
const MAX_DISAGREEMENT: u32 = 18;

/// Cost of 1 mm between a vote and the vertebra it is given to. Chosen on both
/// labelled CTs, see `docs/benchmarks.md`.
const COST_A_MM: f64 = 0.8;

/// What giving voxel `at` to an instance costs by its vote.
fn disagreement(votes: Option<&Votes<'_>>, at: usize, label: u8) -> u32 {
    let distance_mm = votes.map_or(0.0, |votes| votes.distance_mm(at, usize::from(label) - 1));
    ((distance_mm * COST_A_MM) as u32).min(MAX_DISAGREEMENT)
}

/// 1 in bright, certain bone, up to 12 in dark or doubtful voxels.
fn voxel_cost(hu: f32, vertebra: f32) -> u32 {
    let darkness = ((350.0 - hu) / 300.0).clamp(0.0, 1.0);
    let doubt = ((0.9 - vertebra) / 0.6).clamp(0.0, 1.0);
    1 + (darkness * 6.0 + doubt * 5.0) as u32
}

/// The six face neighbours as steps in memory. A step over the edge of a row
/// lands in the next one; masks keep a margin of background, so nothing is
/// ever there.
fn neighbour_steps(grid: &Grid) -> [isize; 6] {
    let [nx, ny, _] = grid.size().map(|n| isize::try_from(n).unwrap_or(isize::MAX));
    [1, -1, nx, -nx, nx.saturating_mul(ny), -nx.saturating_mul(ny)]
}

/// Mask voxels near the curve, labelled by the segment they lie in.
fn seeds(mask: &[bool], curve: &SpineCurve, cuts: &Cuts, grid: &Grid, labels: &mut [u8]) -> Vec<usize> {
    let mut found = Vec::new();
    for (segment, (from, to)) in cuts.segments.iter().enumerate() {
        let label = u8::try_from(segment + 1).unwrap_or(u8::MAX);
        for i in *from..*to {
            let [u, v] = curve.across(i);
            let steps = 2 * BODY_MM as i32;
            for (a, b) in (-steps..=steps).flat_map(|a| (-steps..=steps).map(move |b| (a, b))) {
                let (a, b) = (f64::from(a) * 0.5, f64::from(b) * 0.5);
                if a.hypot(b) > BODY_MM {
                    continue;
                }
                let at = voxel(grid, curve.points[i] + u * a + v * b);
                if let Some(at) = at.filter(|at| mask[*at] && labels[*at] == 0) {
                    labels[at] = label;
                    found.push(at);
                }
            }
        }
    }
    found
}

/// Memory index of the voxel nearest to a position, if it lies in the grid.
pub fn voxel(grid: &Grid, position: Point<Ct>) -> Option<usize> {
    let p: Point<Voxel> = grid.to_voxel(position);
    let mut index = [0usize; 3];
    for (axis, c) in p.to_array().into_iter().enumerate() {
        let nearest = c.round();
        if nearest < 0.0 || nearest >= grid.size()[axis] as f64 {
            return None;
        }
        index[axis] = nearest as usize;
    }
    Some(grid.index(index))
}

/// Clears the outermost voxel layer, so that steps in memory never wrap.
pub fn clear_border(mask: &mut [bool], grid: &Grid) {
    let [nz, ny, nx] = dims(grid);
    for (i, voxel) in mask.iter_mut().enumerate() {
        let (x, y, z) = (i % nx, i / nx % ny, i / (nx * ny));
        *voxel &= x > 0 && y > 0 && z > 0 && x + 1 < nx && y + 1 < ny && z + 1 < nz;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_land_on_the_discs_even_where_one_is_hardly_seen() {
        let discs = [20usize, 45, 71, 98, 126, 155, 185];
        let mut signal = vec![-0.6; 200];
        for (k, d) in discs.iter().enumerate() {
            let strength = if k == 3 { 0.1 } else { 0.9 };
            for (offset, share) in [(0i32, 1.0), (-1, 0.8), (1, 0.8), (-2, 0.3), (2, 0.3)] {
                signal[(*d as i32 + offset) as usize] = -0.6 + (strength + 0.6) * share;
            }
        }
        let found = best_cuts(&signal);
        assert_eq!(found.len(), discs.len(), "{found:?}");
        assert!(found.iter().zip(discs).all(|(f, d)| f.abs_diff(d) <= 2), "{found:?}");
    }

    #[test]
    fn the_top_of_the_sacrum_is_no_vertebra_and_a_cut_one_is() {
        let mut labels = [vec![1; 40], vec![2; 100], vec![3; 110], vec![4; 20]].concat();
        let chain = || Cuts { segments: vec![(0, 9), (9, 30), (30, 50), (50, 58)], clarity: vec![[1.0; 2]; 4] };
        let mut is_cut = [false; 256];
        is_cut[1] = true;
        let mut cuts = chain();
        drop_scraps(&mut labels, &mut cuts, &is_cut);
        assert_eq!((cuts.segments.len(), labels.iter().max(), labels[0], labels[269]), (3, Some(&3), 1, 0));
        is_cut[1] = false;
        drop_scraps(&mut labels, &mut cuts, &is_cut);
        assert_eq!((cuts.segments[0], labels[0], labels[45]), ((9, 30), 0, 1));
    }

    #[test]
    fn a_bright_line_inside_a_body_is_no_disc() {
        // Regular discs 25 mm apart and one spurious peak halfway.
        let mut signal = vec![-0.6; 160];
        for d in (20..160).step_by(25) {
            signal[d] = 0.9;
        }
        signal[57] = 0.4;
        assert!(best_cuts(&signal).iter().all(|c| (c + 5) % 25 == 0));
    }
}
