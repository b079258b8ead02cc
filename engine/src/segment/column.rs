//! One spine a scan: what does not belong to the longest column is dropped.
//!
//! The column may be in pieces (thick slices, metal, a vertebra the network
//! missed): pieces one above the other, with little step to the side between
//! them, make one chain, and pieces beside that chain belong to it too.

use kernels::{Connectivity, connected_components, dilate_mm, erode_mm};

use super::pipeline::SegmentError;
use super::preprocess::{dims, spacing_mm};
use super::semantic::Semantic;

/// Discs and gaps up to about twice this, less a voxel, are bridged along the column, mm.
const BRIDGE_MM: f64 = 4.0;

/// Links thinner than twice this do not make a neighbour part of the column, mm.
const NECK_MM: f64 = 3.0;

/// Processes reach this far from the column's core, mm.
const REACH_MM: f64 = 14.0;

/// Smallest piece that may be part of a column, mm^3.
const MIN_PIECE_MM3: f64 = 500.0;

/// Longest gap in a column, mm: a vertebra and its discs lost in metal.
const MAX_GAP_MM: f64 = 60.0;

/// Pieces of one column overlap at most this much in height, mm (tilted end plates).
const MAX_OVERLAP_MM: f64 = 20.0;

/// Gaps up to this are discs, whose pieces the opening made shorter, mm.
const DISC_MM: f64 = 20.0;

/// Step to the side between pieces: this much, mm, and [`SLOPE`] times the gap.
const STEP_MM: f64 = 18.0;

/// Slope of a scoliotic or kyphotic column between two pieces.
const SLOPE: f64 = 0.7;

/// Pieces whose centre is this near to the column, across, are its parts, mm:
/// half of a split vertebra or its arch. The heart's is further off.
const BESIDE_MM: f64 = 32.0;

/// Height of the ends whose centres are compared, mm.
const END_MM: f64 = 10.0;

/// Clears the vertebra probability everywhere but around the longest column: a
/// heart full of contrast or a hip mistaken for vertebra is wide, but not long.
///
/// Works on the network's coarse grid: four distance transforms there.
///
/// # Errors
/// [`SegmentError::Kernel`] when the data does not fit the grid.
pub fn keep_longest(semantic: &mut Semantic) -> Result<(), SegmentError> {
    let dims = dims(&semantic.grid);
    let spacing = spacing_mm(&semantic.grid);
    let mask: Vec<bool> =
        semantic.vertebra.iter().zip(&semantic.disc).map(|(v, d)| *v > semantic.threshold || *d > 0.5).collect();
    let bridged = dilate_mm(&mask, dims, spacing, BRIDGE_MM)?;
    let core = erode_mm(&bridged, dims, spacing, BRIDGE_MM + NECK_MM)?;
    let parts = connected_components(&core, dims, Connectivity::Faces)?;
    let least = (MIN_PIECE_MM3 / spacing.iter().product::<f64>()).ceil() as usize;
    let pieces = pieces(&parts.labels, &parts.sizes, dims, spacing, least);
    let chain = longest_chain(&pieces);
    if chain.is_empty() {
        return Ok(());
    }
    let mut is_kept = vec![false; parts.sizes.len() + 1];
    for piece in &pieces {
        is_kept[piece.label] = is_beside(piece, &chain, &pieces);
    }
    chain.iter().for_each(|i| is_kept[pieces[*i].label] = true);
    let kept: Vec<bool> = parts.labels.iter().map(|label| is_kept[*label as usize]).collect();
    let near = dilate_mm(&kept, dims, spacing, REACH_MM)?;
    for (probability, is_near) in semantic.vertebra.iter_mut().zip(&near) {
        *probability *= f32::from(u8::from(*is_near));
    }
    Ok(())
}

/// A connected piece of the column's core. Heights and places in mm from the
/// grid's corner.
struct Piece {
    label: usize,
    /// Lowest and highest slice, z.
    span: [f64; 2],
    /// Centre of its lowest and highest part, `[x, y]`.
    ends: [[f64; 2]; 2],
    /// Centre `[x, y, z]`.
    centre: [f64; 3],
}

/// Pieces of at least `least` voxels.
fn pieces(labels: &[u32], sizes: &[usize], dims: [usize; 3], spacing: [f64; 3], least: usize) -> Vec<Piece> {
    let place = |i: usize| {
        let (x, y, z) = (i % dims[2], i / dims[2] % dims[1], i / (dims[1] * dims[2]));
        [x as f64 * spacing[2], y as f64 * spacing[1], z as f64 * spacing[0]]
    };
    let mut spans = vec![[f64::INFINITY, f64::NEG_INFINITY]; sizes.len() + 1];
    let labelled = || labels.iter().enumerate().filter(|(_, label)| **label != 0);
    for (i, label) in labelled() {
        let (span, z) = (&mut spans[*label as usize], place(i)[2]);
        *span = [span[0].min(z), span[1].max(z)];
    }
    // Sums of x, y, z and their number: whole, lower end, upper end.
    let mut sums = vec![[[0.0; 4]; 3]; sizes.len() + 1];
    for (i, label) in labelled() {
        let ([x, y, z], span) = (place(i), spans[*label as usize]);
        for (part, is_in) in [true, z <= span[0] + END_MM, z >= span[1] - END_MM].into_iter().enumerate() {
            if is_in {
                let sum = &mut sums[*label as usize][part];
                *sum = [sum[0] + x, sum[1] + y, sum[2] + z, sum[3] + 1.0];
            }
        }
    }
    let large = (1..spans.len()).filter(|label| sizes.get(label - 1).is_some_and(|size| *size >= least));
    large
        .map(|label| {
            let [whole, lower, upper] = sums[label].map(|[x, y, z, n]| [x / n, y / n, z / n]);
            Piece { label, span: spans[label], ends: [[lower[0], lower[1]], [upper[0], upper[1]]], centre: whole }
        })
        .collect()
}

/// Indices of the pieces that make the longest column, from the feet up.
///
/// Dynamic programming over pieces ordered by height: a chain is worth its
/// height, less its long gaps and its steps to the side.
fn longest_chain(pieces: &[Piece]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    let middle = |i: usize| pieces[i].span[0] + pieces[i].span[1];
    order.sort_by(|a, b| middle(*a).total_cmp(&middle(*b)));
    let mut worth = vec![(0.0, None); pieces.len()];
    for (rank, &upper) in order.iter().enumerate() {
        let height = pieces[upper].span[1] - pieces[upper].span[0];
        let joined = order[..rank].iter().filter_map(|&lower| {
            let loss = link_loss(&pieces[lower], &pieces[upper])?;
            Some((worth[lower].0 - loss, Some(lower)))
        });
        let best = joined
            .fold((0.0, None), |best: (f64, Option<usize>), option| if option.0 > best.0 { option } else { best });
        worth[upper] = (best.0 + height, best.1);
    }
    let mut at = (0..pieces.len()).max_by(|a, b| worth[*a].0.total_cmp(&worth[*b].0));
    let mut chain = Vec::new();
    while let Some(i) = at {
        chain.push(i);
        at = worth[i].1;
    }
    chain.reverse();
    chain
}

/// What joining two pieces costs, mm; `None` when they cannot be one column.
fn link_loss(lower: &Piece, upper: &Piece) -> Option<f64> {
    let gap = upper.span[0] - lower.span[1];
    let step = distance(lower.ends[1], upper.ends[0]);
    let is_link = (-MAX_OVERLAP_MM..MAX_GAP_MM).contains(&gap) && step < STEP_MM + SLOPE * gap.max(0.0);
    // A disc's gap is part of the column; what is longer has to be made up for.
    let is_column = gap.clamp(0.0, DISC_MM);
    is_link.then_some(0.25 * (gap - DISC_MM).max(0.0) - 0.5 * is_column - gap.min(0.0) + 0.5 * step)
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// Whether a piece lies beside the chain: its centre is near the line through
/// the chain's ends at that height.
fn is_beside(piece: &Piece, chain: &[usize], pieces: &[Piece]) -> bool {
    let knots = chain.iter().flat_map(|i| [0, 1].map(|end| (pieces[*i].span[end], pieces[*i].ends[end])));
    let knots: Vec<(f64, [f64; 2])> = knots.collect();
    let [x, y, z] = piece.centre;
    knots.windows(2).any(|pair| {
        let [(low, a), (high, b)] = [pair[0], pair[1]];
        let is_level = (low.min(high) - END_MM..=low.max(high) + END_MM).contains(&z);
        let share = if high > low { ((z - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 };
        let line = [0, 1].map(|axis: usize| a[axis] + share * (b[axis] - a[axis]));
        is_level && distance(line, [x, y]) < BESIDE_MM
    })
}

/// The label that spans most slices; `None` when there is none.
pub fn longest_part(labels: &[u32], parts: usize, slice: usize) -> Option<u32> {
    let mut span = vec![(usize::MAX, 0usize); parts + 1];
    for (i, label) in labels.iter().enumerate().filter(|(_, label)| **label != 0) {
        let entry = &mut span[*label as usize];
        *entry = (entry.0.min(i / slice), entry.1.max(i / slice));
    }
    let length = |label: &u32| span[*label as usize].1.saturating_sub(span[*label as usize].0);
    (1..=u32::try_from(parts).unwrap_or(u32::MAX)).max_by_key(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Grid;
    use geom::Point;

    fn semantic(grid: Grid, vertebra: Vec<f32>) -> Semantic {
        let nothing = vec![0.0; vertebra.len()];
        let (other_bone, disc) = (nothing.clone(), nothing);
        Semantic { grid, vertebra, other_bone, disc, offsets_mm: Vec::new(), threshold: 0.5 }
    }

    #[test]
    fn a_curved_column_with_a_vertebra_lost_in_metal_is_kept_whole_and_the_hip_is_not() {
        let grid = Grid::axis_aligned([80, 40, 110], [2.5; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let middle = |z: usize| 30.0 + 8.0 * (z as f64 / 18.0).sin();
        let vertebra: Vec<f32> = (0..grid.len())
            .map(|i| {
                let (x, y, z) = (i % 80, i / 80 % 40, i / 3200);
                let across = x as f64 - middle(z);
                // Bodies 25 mm high with gaps of 10 mm, one of them missing, one in two halves.
                let is_body = z % 14 < 10 && z / 14 != 3 && (across.abs() > 1.5 || z / 14 != 5);
                let body = across.abs() < 8.0 && (20..34).contains(&y) && is_body;
                let hip = (62..78).contains(&x) && (10..30).contains(&y) && z < 34;
                f32::from(u8::from(body || hip))
            })
            .collect();
        let before = vertebra.clone();
        let mut semantic = semantic(grid, vertebra);
        keep_longest(&mut semantic).unwrap();
        for (i, (was, is)) in before.iter().zip(&semantic.vertebra).enumerate() {
            assert_eq!(*is, if i % 80 < 60 { *was } else { 0.0 }, "voxel {i}");
        }
    }

    #[test]
    fn a_heart_called_vertebra_is_dropped_and_the_bodies_beyond_their_discs_stay() {
        let grid = Grid::axis_aligned([60, 40, 90], [2.5; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let vertebra: Vec<f32> = (0..grid.len())
            .map(|i| {
                let (x, y, z) = (i % 60, i / 60 % 40, i / 2400);
                let body = (5..16).contains(&x) && (24..35).contains(&y) && z % 11 < 9;
                let heart = (25..55).contains(&x) && (3..25).contains(&y) && (30..60).contains(&z);
                f32::from(u8::from(body || heart))
            })
            .collect();
        let mut semantic = semantic(grid, vertebra);
        keep_longest(&mut semantic).unwrap();
        let at = |x, y, z| semantic.vertebra[semantic.grid.index([x, y, z])];
        assert_eq!((at(10, 30, 3), at(10, 30, 80), at(40, 12, 45)), (1.0, 1.0, 0.0));
    }
}
