//! From probabilities of single vertebrae to the voxels of a mask, and to the
//! cuts along the curve that the steps after it expect. Shared by systems B and D.

use std::ops::Range;

use geom::{Ct, Point};

use super::split::Column;
use crate::segment::instances::{Cuts, voxel};
use crate::volume::{Grid, Volume};

/// Voxels of a mask follow the nearest claimed ones this far through the mask, mm.
const REACH_MM: usize = 10;

/// Radius around the curve in which a vertebra's body is looked for, mm.
const BODY_MM: f64 = 9.0;

/// A vertebra whose body is shorter along the curve is none, mm.
const LEAST_BODY_MM: usize = 6;

/// Points of one body are at most this far apart along the curve, mm.
const GAP_MM: usize = 6;

/// A cut this near to a disc is that disc's, mm.
const SAME_CUT_MM: usize = 8;

/// Clarity of a cut where no disc is seen.
const NO_DISC: f32 = 0.2;

/// Probability of one vertebra on a grid of its own, 0 outside it.
#[derive(Debug)]
pub struct Field(Volume);

impl Field {
    /// * `probability` - `[z, y, x]` on `grid`.
    pub fn new(grid: Grid, probability: Vec<f32>) -> Self {
        Self(Volume { grid, hu: probability })
    }

    fn at(&self, position: Point<Ct>) -> f32 {
        self.0.sample(position).unwrap_or(0.0)
    }

    /// The voxels of `fine` that lie in this field, `[x, y, z]`; both axis-aligned.
    fn ranges(&self, fine: &Grid) -> [Range<usize>; 3] {
        let (low, high) = self.0.grid.bounds();
        let (low, high) = (fine.to_voxel(low).to_array(), fine.to_voxel(high).to_array());
        [0, 1, 2].map(|axis| {
            let end = fine.size()[axis];
            let from = low[axis].max(0.0).ceil() as usize;
            from.min(end)..((high[axis].max(-1.0) + 1.0).floor() as usize).min(end)
        })
    }
}

/// Number, from 1, of the likeliest field at every voxel of the mask. Voxels
/// that no field claims with `least` follow the nearest claimed ones.
///
/// Linear in the voxels of the mask times the fields that reach them (2 to 4).
pub fn labels(column: &Column<'_>, fields: &[Field], least: f32) -> Vec<u8> {
    let grid = &column.fine.grid;
    let mut best = vec![least; column.mask.len()];
    let mut labels = vec![0u8; column.mask.len()];
    for (number, field) in (1u8..).zip(fields) {
        let [xs, ys, zs] = field.ranges(grid);
        for (z, y) in zs.flat_map(|z| ys.clone().map(move |y| (z, y))) {
            for x in xs.clone() {
                let i = grid.index([x, y, z]);
                if !column.mask[i] {
                    continue;
                }
                let p = field.at(grid.to_ct([x as f64, y as f64, z as f64].into()));
                if p > best[i] {
                    (best[i], labels[i]) = (p, number);
                }
            }
        }
    }
    spread(&mut labels, column.mask, grid);
    labels
}

/// Lets labels grow through the mask, all at the same speed. The mask keeps a
/// margin of background, so that steps in memory never wrap.
fn spread(labels: &mut [u8], mask: &[bool], grid: &Grid) {
    let [nx, ny, _] = grid.size().map(|n| isize::try_from(n).unwrap_or(isize::MAX));
    let steps = [1, -1, nx, -nx, nx.saturating_mul(ny), -nx.saturating_mul(ny)];
    let mut front: Vec<usize> = (0..labels.len()).filter(|i| labels[*i] != 0).collect();
    for _ in 0..REACH_MM {
        let mut next = Vec::new();
        for at in front {
            for to in steps.iter().filter_map(|step| at.checked_add_signed(*step)) {
                if mask.get(to) == Some(&true) && labels[to] == 0 {
                    labels[to] = labels[at];
                    next.push(to);
                }
            }
        }
        front = next;
    }
}

/// Vertebrae in their order along the curve.
pub struct Ordered {
    /// Where the column is cut.
    pub cuts: Cuts,
    /// Index of the field of each segment.
    pub fields: Vec<usize>,
    /// Voxels of each body.
    pub bodies: Vec<Vec<usize>>,
}

/// Renumbers labels from head to foot and cuts the curve between them; labels
/// without a body on the curve are given to their neighbours.
///
/// * `discs` - cuts at the discs: what they say of the clarity of a cut.
pub fn order(labels: &mut [u8], column: &Column<'_>, discs: &Cuts) -> Ordered {
    let owners = owners(labels, column);
    let mut bodies: Vec<(usize, Range<usize>)> =
        (0..255).filter_map(|i| Some((i, body(&owners, i as u8 + 1)?))).collect();
    bodies.sort_by_key(|(_, range)| range.start + range.end);
    // Bodies lie one after the other; one within another is a part of it.
    bodies.dedup_by(|(_, next), (_, last)| next.end <= last.end || next.start <= last.start);
    let mut table = [0u8; 256];
    for (number, (field, _)) in (1u8..).zip(&bodies) {
        table[field + 1] = number;
    }
    let has_strays = labels.iter().any(|label| *label != 0 && table[usize::from(*label)] == 0);
    labels.iter_mut().for_each(|label| *label = table[usize::from(*label)]);
    if has_strays {
        spread(labels, column.mask, &column.fine.grid);
    }
    let mut segments: Vec<(usize, usize)> = bodies.iter().map(|(_, range)| (range.start, range.end)).collect();
    for i in 1..segments.len() {
        let middle = usize::midpoint(segments[i - 1].1, segments[i].0);
        // They may overlap a little where end plates are tilted.
        let middle = middle.clamp(segments[i - 1].0 + 1, segments[i].1 - 1);
        (segments[i - 1].1, segments[i].0) = (middle, middle);
    }
    let last = segments.len().saturating_sub(1);
    let clarity = segments
        .iter()
        .enumerate()
        .map(|(i, (from, to))| [clarity(discs, *from, i == 0), clarity(discs, *to, i == last)]);
    let cuts = Cuts { clarity: clarity.collect(), segments };
    let voxels =
        (1u8..).zip(&bodies).map(|(number, _)| number).map(|number| body_voxels(labels, column, &cuts, number));
    Ordered { bodies: voxels.collect(), fields: bodies.into_iter().map(|(field, _)| field).collect(), cuts }
}

/// Voxels in the disc of [`BODY_MM`] around a point of the curve.
fn around<'a>(column: &'a Column<'_>, i: usize) -> impl Iterator<Item = usize> + 'a {
    let [u, v] = column.curve.across(i);
    let steps = BODY_MM as i32;
    let places = (-steps..=steps).flat_map(move |a| (-steps..=steps).map(move |b| (f64::from(a), f64::from(b))));
    let inside = places.filter(|(a, b)| a.hypot(*b) <= BODY_MM);
    inside.filter_map(move |(a, b)| voxel(&column.fine.grid, column.curve.points[i] + u * a + v * b))
}

/// The label most frequent around each point of the curve; 0 where there is none.
fn owners(labels: &[u8], column: &Column<'_>) -> Vec<u8> {
    let owner = |i: usize| {
        let mut counts = [0usize; 256];
        around(column, i).for_each(|at| counts[usize::from(labels[at])] += 1);
        (1..=255u8)
            .max_by_key(|label| (counts[usize::from(*label)], 255 - label))
            .filter(|l| counts[usize::from(*l)] > 0)
    };
    (0..column.curve.points.len()).map(|i| owner(i).unwrap_or(0)).collect()
}

/// The longest stretch of the curve that a label owns; `None` when it is too
/// short for a body.
fn body(owners: &[u8], label: u8) -> Option<Range<usize>> {
    let mut best: Range<usize> = 0..0;
    let mut current: Option<Range<usize>> = None;
    for i in (0..owners.len()).filter(|i| owners[*i] == label) {
        current = match current {
            Some(range) if i <= range.end + GAP_MM => Some(range.start..i + 1),
            _ => Some(i..i + 1),
        };
        best = current.clone().filter(|range| range.len() > best.len()).unwrap_or(best);
    }
    (best.len() >= LEAST_BODY_MM).then_some(best)
}

/// What the discs say of a cut of the curve.
fn clarity(discs: &Cuts, cut: usize, is_end: bool) -> f32 {
    let edges = discs.segments.iter().zip(&discs.clarity).flat_map(|((from, to), c)| [(*from, c[0]), (*to, c[1])]);
    let nearest = edges.map(|(edge, clarity)| (edge.abs_diff(cut), clarity)).min_by_key(|(away, _)| *away);
    nearest.filter(|(away, _)| *away <= SAME_CUT_MM).map_or(if is_end { 1.0 } else { NO_DISC }, |(_, clarity)| clarity)
}

fn body_voxels(labels: &[u8], column: &Column<'_>, cuts: &Cuts, number: u8) -> Vec<usize> {
    let (from, to) = cuts.segments.get(usize::from(number) - 1).copied().unwrap_or((0, 0));
    (from..to).flat_map(|i| around(column, i)).filter(|at| labels[*at] == number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::curve::SpineCurve;
    use crate::segment::semantic::Semantic;

    /// A column of 80 mm of 14 mm half width, and fields of vertebrae that are
    /// `(from, to)` mm high.
    fn with_column(vertebrae: &[(f64, f64)], check: impl Fn(Vec<u8>, Ordered, &Grid)) {
        let grid = Grid::axis_aligned([40, 40, 90], [1.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let mask: Vec<bool> = (0..grid.len())
            .map(|i| {
                ((i % 40) as f64 - 20.0).hypot((i / 40 % 40) as f64 - 20.0) < 14.0 && (5..85).contains(&(i / 1600))
            })
            .collect();
        let curve = SpineCurve::find(&mask, &grid).unwrap().unwrap();
        let nothing = vec![0.0; grid.len()];
        let (vertebra, other_bone, disc) = (nothing.clone(), nothing.clone(), nothing.clone());
        let fine = Semantic { grid: grid.clone(), vertebra, other_bone, disc, offsets_mm: Vec::new(), threshold: 0.5 };
        let column = Column { mask: &mask, curve: &curve, fine: &fine, coarse: &fine, hu: &nothing };
        let coarse = Grid::axis_aligned([14, 14, 31], [3.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let field = |(from, to): &(f64, f64)| {
            let p = |i: usize| f32::from(u8::from((*from..*to).contains(&((i / 196) as f64 * 3.0))));
            Field::new(coarse.clone(), (0..coarse.len()).map(p).collect())
        };
        let fields: Vec<Field> = vertebrae.iter().map(field).collect();
        let mut labels = labels(&column, &fields, 0.3);
        let discs = Cuts { segments: vec![(0, 40), (40, 80)], clarity: vec![[1.0, 0.8], [0.8, 1.0]] };
        let ordered = order(&mut labels, &column, &discs);
        check(labels, ordered, &grid);
    }

    #[test]
    fn vertebrae_are_counted_from_the_head_whatever_order_they_were_found_in() {
        with_column(&[(5.0, 43.0), (46.0, 85.0)], |labels, ordered, grid| {
            assert_eq!(ordered.fields, [1, 0]);
            assert_eq!((labels[grid.index([20, 20, 80])], labels[grid.index([20, 20, 10])]), (1, 2));
            let [(_, cut), (same, _)] = ordered.cuts.segments[..] else { panic!("{:?}", ordered.cuts) };
            assert!(cut == same && cut.abs_diff(40) < 4, "{:?}", ordered.cuts);
            assert_eq!(ordered.cuts.clarity[0][1], 0.8, "the disc that is seen there");
            assert!(ordered.bodies.iter().all(|body| body.len() > 1000));
        });
    }

    #[test]
    fn a_sliver_is_given_to_its_neighbour() {
        with_column(&[(5.0, 43.0), (43.0, 47.0), (47.0, 85.0)], |labels, ordered, grid| {
            assert_eq!(ordered.fields, [2, 0]);
            assert_ne!(labels[grid.index([20, 20, 45])], 0);
            assert!(labels.iter().all(|label| *label <= 2));
        });
    }
}
