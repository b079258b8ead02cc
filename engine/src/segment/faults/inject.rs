//! One fault put into good labels.

use super::super::curve::SpineCurve;
use super::super::vote_table::along;
use crate::register::random::Random;
use crate::volume::LabelMap;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// Parts of at least a fifth of a vertebra went to its neighbour or were swapped.
    Mixed,
    /// Two neighbours under one label.
    Merged,
    /// A vertebra without a label.
    Missing,
    /// One vertebra under two labels.
    Split,
    /// Every name is one off.
    Shifted,
}

impl Fault {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Mixed, Self::Merged, Self::Missing, Self::Split, Self::Shifted];
}

/// Labels with a fault.
#[derive(Debug)]
pub struct Broken {
    /// The labels, from 1 without gaps.
    pub labels: LabelMap,
    /// How many there are.
    pub count: usize,
    /// Labels that are wrong, or lie beside what is missing or joined.
    pub concerned: Vec<usize>,
}

/// A mixed vertebra has at least this share of its voxels wrong.
const LEAST_WRONG: f64 = 0.2;

/// Beyond this distance from the curve bone belongs to the arch, mm.
const ARCH_MM: f64 = 16.0;

/// Where a voxel lies to the spine.
struct Place {
    index: usize,
    label: u8,
    along_mm: f64,
    is_arch: bool,
    is_left: bool,
}

/// Labels with one fault at vertebra `label` (and the next one); `None` where
/// such a fault cannot be: the last one has no next, or a mix-up would be
/// smaller than a fifth. [`Fault::Shifted`] changes no voxel.
#[must_use]
pub fn inject(
    fault: Fault,
    good: &LabelMap,
    curve: &SpineCurve,
    (label, count): (usize, usize),
    random: &mut Random,
) -> Option<Broken> {
    let mut labels = good.clone();
    let has_next = label < count;
    let relabel = |labels: &mut LabelMap, to: &dyn Fn(usize) -> usize| {
        for voxel in labels.labels.iter_mut().filter(|voxel| **voxel != 0) {
            *voxel = u8::try_from(to(usize::from(*voxel))).unwrap_or(0);
        }
    };
    let near = |label: usize, count: usize| -> Vec<usize> {
        (label.saturating_sub(1)..=label + 1).filter(|l| (1..=count).contains(l)).collect()
    };
    match fault {
        Fault::Shifted => Some(Broken { labels, count, concerned: (1..=count).collect() }),
        Fault::Merged => {
            relabel(&mut labels, &|l| if l > label { l - 1 } else { l });
            has_next.then(|| Broken { labels, count: count - 1, concerned: near(label, count - 1) })
        }
        Fault::Missing => {
            relabel(&mut labels, &|l| if l == label { 0 } else { l - usize::from(l > label) });
            (count > 2).then(|| Broken { labels, count: count - 1, concerned: near(label, count - 1) })
        }
        Fault::Split => {
            relabel(&mut labels, &|l| l + usize::from(l > label));
            let places = places(good, curve, &[label]);
            let by_arch = random.uniform() < 0.3;
            let mut heights: Vec<f64> = places.iter().map(|p| p.along_mm).collect();
            heights.sort_by(f64::total_cmp);
            let middle = *heights.get((heights.len() as f64 * (0.35 + 0.3 * random.uniform())) as usize)?;
            for place in places {
                if if by_arch { place.is_arch } else { place.along_mm > middle } {
                    labels.labels[place.index] += 1;
                }
            }
            Some(Broken { labels, count: count + 1, concerned: vec![label, label + 1] })
        }
        Fault::Mixed => {
            let places = places(good, curve, &[label, label + 1]);
            mix(&mut labels, &places, label, random);
            let is_wrong = has_next && wrong_share(&labels, &places, label) >= LEAST_WRONG;
            is_wrong.then(|| Broken { labels, count, concerned: vec![label, label + 1] })
        }
    }
}

/// Gives parts of two neighbours to each other.
fn mix(labels: &mut LabelMap, places: &[Place], label: usize, random: &mut Random) {
    let heights = |l: usize| places.iter().filter(move |p| usize::from(p.label) == l).map(|p| p.along_mm);
    let middle = |l: usize| heights(l).sum::<f64>() / heights(l).count().max(1) as f64;
    let (upper, lower) = (middle(label), middle(label + 1));
    let kind = (random.uniform() * 4.0) as usize;
    let shift = (0.25 + 0.2 * random.uniform()) * (lower - upper);
    for place in places {
        let is_upper = usize::from(place.label) == label;
        let is_moved = match kind {
            // The arch of the upper one, or of both, to the other.
            0 => place.is_arch && is_upper,
            1 => place.is_arch,
            // A slab: the cut between them lies too low or too high.
            2 => !is_upper && place.along_mm < 0.5 * (upper + lower) + shift,
            // One side of both arches.
            _ => place.is_arch && place.is_left,
        };
        if is_moved {
            labels.labels[place.index] = if is_upper { place.label + 1 } else { place.label - 1 };
        }
    }
}

/// The larger share of wrong voxels of the two vertebrae.
fn wrong_share(labels: &LabelMap, places: &[Place], label: usize) -> f64 {
    let share = |l: usize| {
        let own = || places.iter().filter(move |p| usize::from(p.label) == l);
        own().filter(|p| labels.labels[p.index] != p.label).count() as f64 / own().count().max(1) as f64
    };
    share(label).max(share(label + 1))
}

fn places(map: &LabelMap, curve: &SpineCurve, wanted: &[usize]) -> Vec<Place> {
    let [nx, ny, _] = map.grid.size();
    let of = map.labels.iter().enumerate().filter(|(_, label)| wanted.contains(&usize::from(**label)));
    of.filter_map(|(index, label)| {
        let at = map.grid.to_ct([index % nx, index / nx % ny, index / (nx * ny)].map(|v| v as f64).into());
        let along_mm = along(curve, at)?;
        let near = curve.points.get((along_mm.max(0.0) as usize).min(curve.points.len().checked_sub(1)?))?;
        let away = (at - *near).to_array();
        Some(Place {
            index,
            label: *label,
            along_mm,
            is_arch: away[1] > 0.0 && away[0].hypot(away[1]) > ARCH_MM,
            is_left: away[0] > 0.0,
        })
    })
    .collect()
}
