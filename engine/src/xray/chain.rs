//! Which boxes make the column, in which order, and what their levels are.
//!
//! Promises one box a level from head to foot; what is missing in between is
//! counted by the spacing, never invented. Names are counted from S1 upward
//! where the femoral heads show that the pelvis is in view, from C2 downward
//! where C2 is; without either they are assumed and said to be.

use super::detection::{Found, Kind};
use super::landmarks::{C2, S1};
use crate::level::Level;

/// Names of a column of 24 bodies, C2 to S1.
const BODIES: usize = 24;
/// Distance of two boxes' middles over their size: below, they are the same body.
const SAME: f64 = 0.45;
/// ... above, one is missing between them.
const GAP: f64 = 1.6;
/// ... from which no count of missing bodies is believed.
const FAR: f64 = 7.0;
/// Share of two better boxes inside of a third that makes this one a box over two bodies.
const WITHIN: f64 = 0.6;
/// Confidence that a missing body costs a chain.
const MISSING_COST: f64 = 0.2;
/// The femoral heads' middle lies less than this below S1's, in sizes of the lowest bodies; L5's lies more.
const S1_ABOVE_HEADS: f64 = 2.5;
/// ... and more than this, but for the most tilted pelves.
const S1_NEAREST: f64 = 1.3;
/// Confidence of the lowest box over that of the next, below which it may be a stray one.
const STRAY: f64 = 0.5;
/// Bodies whose median size that is: one box may be much too large.
const LOWEST: usize = 5;

/// One body of the column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Named {
    /// Its level.
    pub level: Level,
    /// Its box.
    pub found: Found,
}

/// The column of one view.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Column {
    /// From head to foot.
    pub bodies: Vec<Named>,
    /// True when neither C2 nor the femoral heads anchor the names.
    pub is_assumed: bool,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// The level at a place in the column, C2 at 0, S1 at 23.
fn level_at(place: i64) -> Option<Level> {
    let number = match place {
        0..=22 => u8::try_from(place).ok()? + C2,
        23 => S1,
        _ => return None,
    };
    Level::from_number(number)
}

fn size(found: &Found) -> f64 {
    let [width, height] = found.bounds.size();
    (width * height).sqrt()
}

/// Distance of two boxes over their mean size; `None` when the lower one cannot follow.
fn step(upper: &Found, lower: &Found) -> Option<f64> {
    let (a, b) = (upper.bounds.centre(), lower.bounds.centre());
    let (aside, down) = (b[0] - a[0], b[1] - a[1]);
    // A column never runs flatter than this.
    if down <= 0.0 || aside.abs() > 2.0 * down || lower.kind == Kind::C2 {
        return None;
    }
    let ratio = aside.hypot(down) / f64::midpoint(size(upper), size(lower)).max(1e-9);
    (SAME..FAR).contains(&ratio).then_some(ratio)
}

/// Whether two better boxes lie within this one: it is over two bodies.
fn is_over_two(one: &Found, all: &[Found]) -> bool {
    let within = |other: &&Found| {
        let (a, b) = (one.bounds, other.bounds);
        let width = (a.right.min(b.right) - a.left.max(b.left)).max(0.0);
        let height = (a.bottom.min(b.bottom) - a.top.max(b.top)).max(0.0);
        other.confidence > one.confidence && width * height > WITHIN * size(other).powi(2)
    };
    all.iter().filter(within).count() >= 2
}

/// The chain of boxes with the most confidence.
fn chain(mut boxes: Vec<Found>) -> Vec<Found> {
    boxes.sort_by(|a, b| a.bounds.centre()[1].total_cmp(&b.bounds.centre()[1]));
    let mut best: Vec<(f64, Option<usize>)> = Vec::new();
    for (i, lower) in boxes.iter().enumerate() {
        let mut score = (lower.confidence, None);
        for (j, upper) in boxes.iter().enumerate().take(i) {
            let Some(ratio) = step(upper, lower) else { continue };
            let missing = if ratio > GAP { ratio - 1.0 } else { 0.0 };
            let sizes = (size(upper) / size(lower)).max(size(lower) / size(upper));
            let odd = if sizes > 2.2 && upper.kind != Kind::C2 { 0.5 } else { 0.0 };
            let total = best[j].0 + lower.confidence - MISSING_COST * missing - odd;
            if total > score.0 {
                score = (total, Some(j));
            }
        }
        best.push(score);
    }
    let mut at = (0..best.len()).max_by(|a, b| best[*a].0.total_cmp(&best[*b].0));
    let mut kept = Vec::new();
    while let Some(i) = at {
        kept.push(boxes[i]);
        at = best[i].1;
    }
    kept.reverse();
    kept
}

/// How many bodies are missing before each box but the first, and how far
/// each lies from the one above against its neighbours' distances.
fn gaps(chain: &[Found]) -> Vec<(usize, f64)> {
    let ratios: Vec<f64> = chain.windows(2).map(|pair| step(&pair[0], &pair[1]).unwrap_or(1.0)).collect();
    let usual = |i: usize| ratios.get(i).copied().filter(|r| *r <= GAP);
    let own = |i: usize| {
        let near = [i.checked_sub(1).and_then(usual), usual(i + 1)];
        let (sum, count) = near.into_iter().flatten().fold((0.0, 0.0), |(s, n), r| (s + r, n + 1.0));
        if count > 0.0 { sum / count } else { 1.05 }
    };
    let gap = |i: usize| {
        let share = ratios[i] / own(i);
        (if ratios[i] > GAP { (share.round() as usize).saturating_sub(1).max(1) } else { 0 }, share)
    };
    (0..ratios.len()).map(gap).collect()
}

/// Orders and names the boxes of a view.
#[must_use]
pub fn name_column(found: &[Found]) -> Column {
    let heads: Vec<&Found> = found.iter().filter(|f| f.kind == Kind::Head).take(2).collect();
    let boxes: Vec<Found> = found.iter().filter(|f| f.kind != Kind::Head).copied().collect();
    let given = boxes.len();
    let single = boxes.iter().filter(|one| !is_over_two(one, &boxes)).copied().collect();
    let chain = without_stray(chain(single), &heads);
    let mut column = Column::default();
    if chain.is_empty() {
        return column;
    }
    if chain.len() < given {
        column.notes.push(format!("{} boxes beside the column were left out", given - chain.len()));
    }
    let mut gaps = gaps(&chain);
    let has_c2 = chain.first().is_some_and(|f| f.kind == Kind::C2);
    let lowest = lowest_place(&chain, &heads);
    let length = |gaps: &[(usize, f64)]| gaps.iter().map(|g| 1 + g.0).sum::<usize>();
    let length_now = i64::try_from(length(&gaps)).unwrap_or(i64::MAX / 2);
    let first = match (lowest, has_c2) {
        (Some(lowest), true) if lowest != length_now => {
            disagreement(&mut column, &mut gaps, lowest - length_now);
            lowest - i64::try_from(length(&gaps)).unwrap_or(i64::MAX / 2)
        }
        (Some(lowest), _) => lowest - length_now,
        (None, true) => 0,
        (None, false) => {
            column.is_assumed = true;
            let what = "neither C2 nor the femoral heads are in view: the lowest body is taken for S1; correct it by \"levels\"";
            column.notes.push(what.to_owned());
            (BODIES as i64 - 1) - length_now
        }
    };
    let mut place = first;
    for (i, found) in chain.iter().enumerate() {
        if i > 0 {
            let missing = gaps[i - 1].0;
            if missing > 0 {
                let above = level_at(place).map_or_else(|| "the top".to_owned(), super::landmarks::name);
                column.notes.push(format!("{missing} not found below {above}, by the distance"));
            }
            place += 1 + i64::try_from(missing).unwrap_or_default();
        }
        match level_at(place) {
            Some(level) => column.bodies.push(Named { level, found: *found }),
            None => column.notes.push("a box above C2 or below S1 was left out".to_owned()),
        }
    }
    column
}

/// How far the lowest of these lies above the femoral heads, in sizes of the lowest bodies; `None` without heads.
fn above_heads(chain: &[Found], heads: &[&Found]) -> Option<f64> {
    let mut sizes: Vec<f64> = chain.iter().rev().take(LOWEST).map(size).collect();
    sizes.sort_by(f64::total_cmp);
    let (last, typical) = (chain.last()?, *sizes.get(sizes.len() / 2)?);
    let rows: f64 = heads.iter().map(|f| f.bounds.centre()[1]).sum();
    (!heads.is_empty()).then(|| (rows / heads.len() as f64 - last.bounds.centre()[1]) / typical.max(1e-9))
}

/// Without a weak lowest box beside the hips when the one above it lies where S1 does.
fn without_stray(mut chain: Vec<Found>, heads: &[&Found]) -> Vec<Found> {
    if let [others @ .., last] = chain.as_slice()
        && let Some(above) = others.last()
        && last.confidence < STRAY * above.confidence
        && above_heads(&chain, heads).is_some_and(|sizes| sizes < S1_NEAREST)
        && above_heads(others, heads).is_some_and(|sizes| (S1_NEAREST..S1_ABOVE_HEADS).contains(&sizes))
    {
        chain.pop();
    }
    chain
}

/// The place of the lowest box, S1 or L5, when femoral heads are in view.
fn lowest_place(chain: &[Found], heads: &[&Found]) -> Option<i64> {
    let s1 = BODIES as i64 - 1;
    match above_heads(chain, heads)? {
        0.3..S1_ABOVE_HEADS => Some(s1),
        S1_ABOVE_HEADS..4.5 => Some(s1 - 1),
        _ => None,
    }
}

/// C2 and S1 are both in view, but `missing` bodies lack between them (or are too many).
fn disagreement(column: &mut Column, gaps: &mut [(usize, f64)], missing: i64) {
    if let (Ok(more), Some(widest)) = (usize::try_from(missing), gaps.iter_mut().max_by(|a, b| a.1.total_cmp(&b.1)))
        && more <= 6
    {
        widest.0 += more;
        column.notes.push(format!(
            "counted from C2 and from S1, {more} bodies are missing; they are taken to be where the boxes lie furthest apart"
        ));
        return;
    }
    column.notes.push(format!(
        "counted from C2 and from S1, the levels disagree by {}; S1 is followed, check the names",
        missing.abs()
    ));
}

#[cfg(test)]
mod tests {
    use super::super::landmarks::Bounds;
    use super::*;

    fn at(kind: Kind, centre: [f64; 2], size: [f64; 2], confidence: f64) -> Found {
        let [x, y] = centre;
        let [w, h] = size.map(|s| s / 2.0);
        Found { kind, confidence, bounds: Bounds { left: x - w, top: y - h, right: x + w, bottom: y + h } }
    }

    /// C2 to S1, growing downwards, with the heads 80 mm below.
    fn whole() -> Vec<Found> {
        let mut row = 100.0;
        let mut all = vec![at(Kind::C2, [300.0, row - 6.0], [18.0, 38.0], 0.7)];
        for i in 1..24 {
            let size = 14.0 + f64::from(i) * 1.0;
            row += size * 1.05;
            let column = 300.0 + 30.0 * (f64::from(i) / 5.0).sin();
            all.push(at(Kind::Vertebra, [column, row], [size * 1.1, size], 0.9));
        }
        all.push(at(Kind::Head, [290.0, row + 75.0], [50.0, 50.0], 0.8));
        all.push(at(Kind::Head, [280.0, row + 78.0], [50.0, 50.0], 0.8));
        all
    }

    fn names(column: &Column) -> Vec<u8> {
        column.bodies.iter().map(|b| b.level.number()).collect()
    }

    #[test]
    fn a_whole_spine_has_its_names() {
        let column = name_column(&whole());
        let expected: Vec<u8> = (2..=24).chain([26]).collect();
        assert_eq!(names(&column), expected, "{:?}", column.notes);
        assert!(!column.is_assumed && column.notes.is_empty());
    }

    #[test]
    fn a_missed_vertebra_shifts_no_name_and_a_stray_box_takes_none() {
        let mut found = whole();
        found.remove(12);
        found.push(at(Kind::Vertebra, [520.0, 300.0], [25.0, 22.0], 0.6));
        let double = at(
            Kind::Vertebra,
            [found[20].bounds.centre()[0] + 3.0, found[20].bounds.centre()[1] + 3.0],
            [30.0, 30.0],
            0.3,
        );
        found.push(double);
        let column = name_column(&found);
        let expected: Vec<u8> = (2..=24).chain([26]).filter(|n| *n != 14).collect();
        assert_eq!(names(&column), expected, "{:?}", column.notes);
        assert!(
            column.notes.iter().any(|n| n.contains("left out")) && column.notes.iter().any(|n| n.contains("not found"))
        );
    }

    #[test]
    fn a_box_over_two_bodies_is_none() {
        let mut found = whole();
        let [upper, lower] = [found[20].bounds, found[21].bounds];
        let bounds = Bounds {
            left: upper.left.min(lower.left) + 4.0,
            top: upper.top + 4.0,
            right: upper.right.max(lower.right) - 4.0,
            bottom: lower.bottom - 4.0,
        };
        found.push(Found { kind: Kind::Vertebra, confidence: 0.85, bounds });
        let column = name_column(&found);
        assert_eq!(names(&column), names(&name_column(&whole())), "{:?}", column.notes);
    }

    #[test]
    fn without_s1_a_box_of_l5_that_is_too_large_is_still_l5() {
        let mut found = whole();
        let (s1, l5) = (found.remove(23), found[22]);
        let [width, height] = l5.bounds.size();
        found[22] = at(Kind::Vertebra, l5.bounds.centre(), [1.3 * width, 1.3 * height], 0.8);
        assert!(s1.bounds.centre()[1] > l5.bounds.centre()[1]);
        let expected: Vec<u8> = (2..=24).collect();
        assert_eq!(names(&name_column(&found)), expected);
    }

    #[test]
    fn names_without_an_anchor_are_assumed_and_said_to_be() {
        let found: Vec<Found> = whole().into_iter().filter(|f| f.kind == Kind::Vertebra).collect();
        let column = name_column(&found);
        assert!(column.is_assumed && column.notes[0].contains("levels"));
        assert_eq!(names(&column).last(), Some(&26));
        // Counted from C2 when the pelvis is not in view.
        let upper: Vec<Found> = whole().into_iter().take(10).collect();
        assert_eq!(names(&name_column(&upper)), (2..=11).collect::<Vec<u8>>());
        assert_eq!(name_column(&[]), Column::default());
    }

    #[test]
    fn a_weak_box_beside_the_hips_is_not_s1() {
        let mut found = whole();
        let s1 = found[23].bounds;
        let [x, y] = s1.centre();
        let [width, height] = s1.size();
        found.push(at(Kind::Vertebra, [x - 50.0, y + 45.0], [width, height], 0.3));
        let column = name_column(&found);
        assert_eq!(names(&column), names(&name_column(&whole())), "{:?}", column.notes);
        assert!(column.notes[0].contains("left out"), "{:?}", column.notes);
        // A sure one is a body: the pelvis may be tilted far back.
        let last = found.last_mut().unwrap();
        last.confidence = 0.8;
        assert_ne!(names(&name_column(&found)), names(&column));
    }

    #[test]
    fn l5_is_not_taken_for_a_missed_s1() {
        let mut found = whole();
        found.remove(23);
        assert_eq!(names(&name_column(&found)).last(), Some(&24));
    }
}
