//! How many injected faults are found in one scan.

use kernels::Device;

use super::super::confidence::Doubt;
use super::super::instances::Cuts;
use super::super::pipeline::{Method, Silent};
use super::super::semantic::Semantic;
use super::super::spine::{Judgement, Spine};
use super::super::vote_table::along;
use super::super::{SegmentError, hu_alignment, systems};
use super::inject::{Broken, Fault, inject};
use crate::register::random::Random;
use crate::volume::{Grid, LabelMap, Volume};

/// What was found in one scan.
#[derive(Debug, Clone, Default)]
pub struct Trial {
    /// For each fault, its kind and whether a vertebra it concerns was doubted.
    pub faults: Vec<(Fault, bool)>,
    /// Vertebrae of the untouched labels that the border leaves whole.
    pub whole: usize,
    /// Those of them that were doubted without need, if the labels are right.
    pub alarms: usize,
}

/// Voxels this near to the curve make the body's extent, mm.
const BODY_MM: f64 = 11.0;

/// Segments `ct`, then breaks its labels `per_kind` times in each way and
/// counts what the checks tell. Nothing is known of the truth: the untouched
/// labels should have been looked at.
///
/// Cost: one segmentation and about 50 ms a fault.
///
/// # Errors
/// As [`segment`](super::super::segment()), which see.
pub fn trial(
    ct: &Volume,
    method: &Method,
    device: &dyn Device,
    per_kind: usize,
    seed: u64,
) -> Result<Trial, SegmentError> {
    let aligned = hu_alignment::align(ct);
    let scan = aligned.as_ref().map_or(ct, |aligned| &aligned.ct);
    let Method::Network(system) = method else { return Ok(Trial::default()) };
    let mut prepared = systems::prepare(system, scan, device, &mut Silent)?;
    let spine = Spine::take_apart(scan, &prepared.semantic, prepared.split.as_mut(), &mut Silent)?;
    let mut random = Random::new(seed);
    Ok(of_spine(&spine, &prepared.semantic, &ct.grid, per_kind, &mut random))
}

fn of_spine(spine: &Spine, coarse: &Semantic, scan: &Grid, per_kind: usize, random: &mut Random) -> Trial {
    let count = spine.cuts.segments.len();
    let good = judge(spine, &spine.instances, count, coarse, scan);
    let is_whole: Vec<bool> = good.doubts.iter().map(|d| !d.contains(&Doubt::CutByBorder)).collect();
    let whole: Vec<usize> = (1..=is_whole.len()).filter(|i| is_whole[i - 1]).collect();
    let alarms = whole.iter().filter(|i| good.doubts[**i - 1].iter().any(is_structural)).count();
    let mut trial = Trial { faults: Vec::new(), whole: whole.len(), alarms };
    // A fault beside a doubt that was there before would always be "found".
    let is_clean = |label: usize| good.doubts.get(label - 1).is_none_or(|d| !d.iter().any(is_structural));
    let clean: Vec<usize> =
        whole.iter().copied().filter(|l| (l.saturating_sub(1).max(1)..=l + 2).all(is_clean)).collect();
    if clean.is_empty() {
        return trial;
    }
    for fault in Fault::ALL {
        let (mut done, mut tries) = (0, 0);
        while done < per_kind && tries < 20 * per_kind {
            tries += 1;
            let label = clean[random.below(clean.len())];
            if matches!(fault, Fault::Mixed | Fault::Merged) && !whole.contains(&(label + 1)) {
                continue;
            }
            let Some(broken) = inject(fault, &spine.instances, &spine.curve, (label, count), random) else { continue };
            let is_found = match fault {
                Fault::Shifted => shift_is_told(&good, random),
                _ => is_told(spine, &broken, coarse, scan),
            };
            trial.faults.push((fault, is_found));
            done += 1;
        }
    }
    trial
}

/// Whether a vertebra that the fault concerns is doubted for its shape or place.
fn is_told(spine: &Spine, broken: &Broken, coarse: &Semantic, scan: &Grid) -> bool {
    let judged = judge(spine, &broken.labels, broken.count, coarse, scan);
    broken.concerned.iter().any(|label| judged.doubts.get(label - 1).is_some_and(|d| d.iter().any(is_structural)))
}

/// Whether names one off the chain's would be told: they differ from the
/// chain's, so [`systems::named`] doubts them.
fn shift_is_told(good: &Judgement, random: &mut Random) -> bool {
    let by: i32 = if random.uniform() < 0.5 { 1 } else { -1 };
    let shifted = good.naming.levels.iter().map(|level| {
        let number = (i32::from(level.number()) + by).clamp(1, 25);
        u8::try_from(number).ok().and_then(crate::level::Level::from_number).unwrap_or(*level)
    });
    let named = systems::named(Some(shifted.collect()), good.naming.clone());
    !named.is_anchored && named.doubts.iter().any(|d| d.iter().any(|d| matches!(d, Doubt::LevelUncertain { .. })))
}

fn judge(spine: &Spine, labels: &LabelMap, count: usize, coarse: &Semantic, scan: &Grid) -> Judgement {
    let segments = segments(spine, labels, count);
    let clarity = vec![[1.0; 2]; segments.len()];
    spine.judge_labels(labels, &Cuts { segments, clarity }, None, coarse, scan)
}

/// From where to where on the curve the body of each label lies.
fn segments(spine: &Spine, map: &LabelMap, count: usize) -> Vec<(usize, usize)> {
    let [nx, ny, _] = map.grid.size();
    let mut places: Vec<Vec<f64>> = vec![Vec::new(); count + 1];
    for (i, label) in map.labels.iter().enumerate().filter(|(_, label)| **label != 0).step_by(3) {
        let at = map.grid.to_ct([i % nx, i / nx % ny, i / (nx * ny)].map(|v| v as f64).into());
        let Some(along_mm) = along(&spine.curve, at) else { continue };
        let near = (along_mm.max(0.0) as usize).min(spine.curve.points.len().saturating_sub(1));
        if spine.curve.points[near].distance(at) < BODY_MM {
            places[usize::from(*label)].push(along_mm);
        }
    }
    let last = spine.curve.points.len().saturating_sub(1);
    let mut from_last = 0;
    let extent = |own: &mut Vec<f64>| {
        own.sort_by(f64::total_cmp);
        // Two per cent to each side may be a neighbour's rim.
        let rank = |share: f64| own.get((share * own.len().saturating_sub(1) as f64) as usize).copied();
        let ends = rank(0.02)
            .zip(rank(0.98))
            .map_or((from_last, from_last + 1), |(a, b)| (a.max(0.0) as usize, b.max(0.0) as usize + 1));
        from_last = ends.1.min(last);
        (ends.0.min(last), ends.1.min(last + 1))
    };
    places.iter_mut().skip(1).map(extent).collect()
}

/// Doubts about shape and place; names and values of the scan are other matters.
fn is_structural(doubt: &Doubt) -> bool {
    !matches!(
        doubt,
        Doubt::CutByBorder
            | Doubt::LowProbability { .. }
            | Doubt::LevelUncertain { .. }
            | Doubt::Transitional { .. }
            | Doubt::Uncalibrated { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::systems::ByDiscs;
    use super::*;
    use geom::{Ct, Point};

    /// Level pitch, half height of a body, and how many; mm.
    const PITCH: f64 = 30.0;
    const HALF: f64 = 11.5;
    const LEVELS: usize = 6;

    /// Number (from the feet) of the vertebra at a place: body, pedicles, arch.
    fn vertebra_at(p: Point<Ct>) -> Option<usize> {
        let [x, y, z] = p.to_array();
        let level = (z / PITCH).floor();
        let up = z - (level + 0.5) * PITCH;
        let body = (x.hypot(0.9 * (y - 20.0))) < 18.0 && up.abs() < HALF;
        let arch = (38.0..56.0).contains(&y) && x.abs() < 14.0 && (up + 4.0).abs() < 11.0;
        let pedicle = (30.0..40.0).contains(&y) && (8.0..14.0).contains(&x.abs()) && (up - 2.0).abs() < 4.0;
        ((0.0..LEVELS as f64).contains(&level) && (body || arch || pedicle)).then_some(level as usize)
    }

    fn field<T>(grid: &Grid, value: impl Fn(Point<Ct>) -> T) -> Vec<T> {
        let [nx, ny, _] = grid.size();
        let at = |i: usize| grid.to_ct([i % nx, i / nx % ny, i / (nx * ny)].map(|v| v as f64).into());
        (0..grid.len()).map(|i| value(at(i))).collect()
    }

    fn column() -> (Volume, Semantic) {
        let low = Point::new(-40.0, -15.0, -20.0);
        let grid = Grid::axis_aligned([54, 60, 148], [1.5; 3], low).unwrap();
        let hu = field(&grid, |p| if vertebra_at(p).is_some() { 400.0 } else { 40.0 });
        let coarse = Grid::axis_aligned([33, 36, 89], [2.5; 3], low).unwrap();
        let yes = |is: bool| f32::from(u8::from(is));
        let vertebra = field(&coarse, |p| yes(vertebra_at(p).is_some()));
        let in_disc = |p: Point<Ct>| {
            let [x, y, z] = p.to_array();
            let is_between = (1..LEVELS).any(|i| (z - i as f64 * PITCH).abs() < PITCH / 2.0 - HALF);
            x.hypot(0.9 * (y - 20.0)) < 17.0 && is_between && vertebra_at(p).is_none()
        };
        let disc = field(&coarse, |p| yes(in_disc(p)));
        let offsets_mm = field(&coarse, |p| {
            let middle = ((p.to_array()[2] / PITCH).floor() + 0.5) * PITCH;
            (Point::new(0.0, 30.0, middle) - p).to_array().map(|v| v as f32)
        });
        let other_bone = vec![0.0; coarse.len()];
        (Volume { grid, hu }, Semantic { grid: coarse, vertebra, other_bone, disc, offsets_mm, threshold: 0.5 })
    }

    #[test]
    fn no_mix_up_of_levels_reaches_the_surgeon_untold() {
        let (ct, semantic) = column();
        let spine = Spine::take_apart(&ct, &semantic, &mut ByDiscs, &mut Silent).unwrap();
        assert_eq!(spine.cuts.segments.len(), LEVELS);
        let trial = of_spine(&spine, &semantic, &ct.grid, 4, &mut Random::new(1));
        assert_eq!((trial.whole, trial.alarms), (LEVELS, 0), "good labels are not doubted");
        for fault in Fault::ALL {
            let tried: Vec<bool> =
                trial.faults.iter().filter(|(kind, _)| *kind == fault).map(|(_, found)| *found).collect();
            assert!(tried.len() == 4 && tried.iter().all(|found| *found), "{fault:?}: {tried:?}");
        }
    }
}
