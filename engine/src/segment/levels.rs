//! Names for the vertebrae: ribs and sacrum fix them, counting does the rest.

use geom::{Ct, Point};

use super::curve::SpineCurve;
use super::instances::{Cuts, voxel};
use super::semantic::Semantic;
use crate::level::Level;

/// VerSe numbers of the levels that anchor the count.
const T1: i32 = 8;
const T12: i32 = 19;
const L5: i32 = 24;
const L6: i32 = 25;

/// Rib bone on each side that counts as a rib, mm^3. T12's ribs are the
/// smallest; a transverse process labelled as other bone stays below.
const RIB_MM3: f64 = 300.0;

/// Bone right below the last vertebra that can only be the sacrum, mm^3.
const SACRUM_MM3: f64 = 9000.0;

/// Patients have at most this many levels more or fewer than usual.
const MAX_EXTRA_LEVELS: i32 = 2;

/// What the levels were read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The sacrum follows the last vertebra.
    Sacrum,
    /// The last rib-bearing vertebra, with rib-free ones below, is T12.
    LastRib,
    /// The first rib-bearing vertebra, with rib-free ones above, is T1.
    FirstRib,
    /// Nothing in view says it clearly; the names are the likeliest ones.
    Assumed,
}

/// Names for the vertebrae and what they rest on.
#[derive(Debug, Clone, PartialEq)]
pub struct Naming {
    /// A level for each segment, from the head down.
    pub levels: Vec<Level>,
    /// What fixed them.
    pub anchor: Anchor,
    /// Offset in levels by which a second anchor disagrees, if it does.
    pub disagreement: Option<i32>,
}

/// Evidence beside one vertebra.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Evidence {
    /// Rib bone to the patient's right and left, mm^3.
    pub ribs_mm3: [f64; 2],
}

/// Looks for ribs beside every vertebra: other bone 12 to 55 mm to each side of
/// the body's centre, at its height and not in front of it.
#[must_use]
pub fn rib_evidence(curve: &SpineCurve, cuts: &Cuts, semantic: &Semantic) -> Vec<Evidence> {
    let step_mm = 2.0;
    cuts.segments
        .iter()
        .map(|(from, to)| {
            let (mut evidence, half_height) = (Evidence::default(), (to - from) as f64 / 2.0);
            let middle = (from + to) / 2;
            let centre = curve.points[middle];
            for_box([12.0, -15.0, -half_height], [55.0, 35.0, half_height], step_mm, |x, y, z| {
                for (side, sign) in [-1.0, 1.0].into_iter().enumerate() {
                    let at = centre + geom::Vector::new(sign * x, y, z);
                    if voxel(&semantic.grid, at).is_some_and(|v| semantic.other_bone[v] > 0.5) {
                        evidence.ribs_mm3[side] += step_mm * step_mm * step_mm;
                    }
                }
            });
            evidence
        })
        .collect()
}

/// Other bone right below the lowest vertebra, mm^3.
#[must_use]
pub fn bone_below_mm3(curve: &SpineCurve, cuts: &Cuts, semantic: &Semantic) -> f64 {
    let end = cuts.segments.last().and_then(|(_, to)| curve.points.get(to.saturating_sub(1)));
    let Some(end) = end else { return 0.0 };
    let (mut volume, step_mm) = (0.0, 2.0);
    for_box([-40.0, -20.0, -55.0], [40.0, 60.0, 5.0], step_mm, |x, y, z| {
        let at: Point<Ct> = *end + geom::Vector::new(x, y, z);
        if voxel(&semantic.grid, at).is_some_and(|v| semantic.other_bone[v] > 0.5) {
            volume += step_mm * step_mm * step_mm;
        }
    });
    volume
}

fn for_box(low: [f64; 3], high: [f64; 3], step: f64, mut visit: impl FnMut(f64, f64, f64)) {
    let steps = [0, 1, 2].map(|axis| ((high[axis] - low[axis]) / step).floor().max(0.0) as usize);
    for i in 0..=steps[0] {
        for j in 0..=steps[1] {
            for k in 0..=steps[2] {
                visit(low[0] + i as f64 * step, low[1] + j as f64 * step, low[2] + k as f64 * step);
            }
        }
    }
}

/// Names the vertebrae.
///
/// The sacrum is trusted first, then the last rib, then the first rib. Where
/// two anchors are in view and disagree, the patient may have an extra or
/// missing level; the first is followed and the disagreement is told.
#[must_use]
pub fn name(evidence: &[Evidence], bone_below_mm3: f64) -> Naming {
    let count = i32::try_from(evidence.len()).unwrap_or(i32::MAX);
    let has_ribs: Vec<bool> = evidence.iter().map(|e| e.ribs_mm3.iter().all(|side| *side > RIB_MM3)).collect();
    let sees_sacrum = bone_below_mm3 > SACRUM_MM3;

    // Each anchor proposes the number of the first segment.
    let from_sacrum = sees_sacrum.then_some(L5 - (count - 1));
    let from_last_rib = last_rib(&has_ribs).map(|i| T12 - i);
    let from_first_rib = first_rib(&has_ribs).map(|i| T1 - i);
    let proposals =
        [(Anchor::Sacrum, from_sacrum), (Anchor::LastRib, from_last_rib), (Anchor::FirstRib, from_first_rib)];
    let mut found = proposals.into_iter().filter_map(|(anchor, first)| Some((anchor, first?)));
    let (anchor, first) = found.next().unwrap_or_else(|| {
        // With ribs down to the last one in view it is taken for T12, with
        // none for L5.
        let lowest = if has_ribs.last() == Some(&true) { T12 } else { L5 };
        (Anchor::Assumed, lowest - (count - 1))
    });
    // A rib on one side of the next vertebra may be the real last one.
    let is_one_sided = |i: i32| {
        usize::try_from(i + 1)
            .ok()
            .and_then(|i| evidence.get(i))
            .is_some_and(|e| e.ribs_mm3.iter().any(|side| *side > RIB_MM3))
    };
    let anchor = if anchor == Anchor::LastRib && is_one_sided(T12 - first) { Anchor::Assumed } else { anchor };
    // A rib seen where none can be is a mistake of the mask, not of the patient.
    let disagreement =
        found.map(|(_, other)| other - first).find(|offset| (1..=MAX_EXTRA_LEVELS).contains(&offset.abs()));
    // Keep the chain inside C1-L6 whatever the evidence said; a chain longer
    // than a spine loses its end and with it the reader's trust.
    let first = first.min(L6 - (count - 1)).max(1);
    let numbers = (first..=L6).take(evidence.len());
    let levels = numbers.filter_map(|number| Level::from_number(u8::try_from(number).ok()?)).collect();
    Naming { levels, anchor, disagreement }
}

/// Index of the last rib-bearing vertebra when at least two rib-free ones
/// follow and none of those below bears ribs again (the pelvis may look so:
/// only the first two are asked).
fn last_rib(has_ribs: &[bool]) -> Option<i32> {
    let ends = (1..has_ribs.len().saturating_sub(1)).rev();
    let mut transitions = ends.filter(|i| {
        has_ribs[i - 1] && has_ribs[*i] && !has_ribs[i + 1] && !has_ribs.get(i + 2).copied().unwrap_or(false)
    });
    transitions.next().and_then(|i| i32::try_from(i).ok())
}

/// Index of the first rib-bearing vertebra when at least two rib-free ones
/// stand above it.
fn first_rib(has_ribs: &[bool]) -> Option<i32> {
    let first = has_ribs.windows(2).position(|pair| pair[0] && pair[1])?;
    (first >= 2).then(|| i32::try_from(first).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ribs(pattern: &str) -> Vec<Evidence> {
        let volume = |c| if c == 'r' { 900.0 } else { 20.0 };
        pattern.chars().map(|c| Evidence { ribs_mm3: [volume(c); 2] }).collect()
    }

    fn names(naming: &Naming) -> String {
        naming.levels.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_lumbar_scan_is_named_from_the_sacrum() {
        let naming = name(&ribs("rr-----"), 60_000.0);
        assert_eq!(names(&naming), "T11 T12 L1 L2 L3 L4 L5");
        assert_eq!((naming.anchor, naming.disagreement), (Anchor::Sacrum, None));
    }

    #[test]
    fn a_thoracolumbar_scan_is_named_from_its_last_rib() {
        let naming = name(&ribs("rrrrrrrrrrrr---"), 0.0);
        assert!(names(&naming).starts_with("T1 ") && names(&naming).ends_with("T12 L1 L2 L3"));
        assert_eq!(naming.anchor, Anchor::LastRib);
    }

    #[test]
    fn a_cervicothoracic_scan_is_named_from_its_first_rib() {
        let naming = name(&ribs("---rrrr"), 0.0);
        assert!(names(&naming).starts_with("C5 C6 C7 T1"));
    }

    #[test]
    fn names_that_rest_on_a_rib_seen_on_one_side_are_called_assumed() {
        let mut evidence = ribs("rrrrrrrrrrr---");
        evidence[11].ribs_mm3 = [500.0, 10.0];
        assert_eq!(name(&evidence, 0.0).anchor, Anchor::Assumed);
    }

    #[test]
    fn a_sixth_lumbar_vertebra_is_not_silently_renamed() {
        let naming = name(&ribs("rrr------"), 60_000.0);
        assert_eq!(naming.disagreement, Some(1));
    }

    #[test]
    fn no_level_is_given_twice_even_to_a_chain_longer_than_a_spine() {
        let naming = name(&ribs(&"-".repeat(40)), 60_000.0);
        assert_eq!((naming.levels.len(), naming.levels[0].number(), naming.levels[24].number()), (25, 1, 25));
    }

    #[test]
    fn without_ribs_and_sacrum_the_names_are_called_assumed() {
        assert_eq!(name(&ribs("----"), 0.0).anchor, Anchor::Assumed);
        assert_eq!(name(&ribs("rrrrrr"), 0.0).anchor, Anchor::Assumed);
    }
}
