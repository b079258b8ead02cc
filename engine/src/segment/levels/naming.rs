//! From a chain of levels to names, and what is doubtful about them.

use super::chain::{Chain, Ends, SACRUM, STATES, Seen, identify};
use crate::level::Level;
use crate::segment::confidence::Doubt;

/// Names below this chance are doubted.
const SURE: f64 = 0.9;

/// Distances off by more than this many spreads are told. On keypoints of
/// 2 115 spines with an error of 1 mm on each axis 2-3 % of the good ones are;
/// beside a vertebra left out 100 %, one split in two 98.8-99.1 %, two joined
/// 98.3-98.8 %.
const ODD_SPREADS: f64 = 2.3;

/// The most vertebrae a spine can have here: C1-L6 and T13.
const MOST: usize = STATES - 1;

/// Names for the vertebrae and what they rest on.
#[derive(Debug, Clone, PartialEq)]
pub struct Naming {
    /// A level for each segment, from the head down; none twice. A last
    /// segment that is rather the top of the sacrum has none.
    pub levels: Vec<Level>,
    /// How likely each name is right, 0 to 1.
    pub chance: Vec<f64>,
    /// What is doubtful about each.
    pub doubts: Vec<Vec<Doubt>>,
    /// Whether every name is sure.
    pub is_anchored: bool,
}

/// Names the vertebrae. A chain longer than a spine loses its lower end.
#[must_use]
pub fn name(seen: &[Seen], ends: &Ends) -> Naming {
    let seen = &seen[..seen.len().min(MOST)];
    let chain = identify(seen, ends);
    let states = unique(&chain);
    let mut naming = Naming { levels: Vec::new(), chance: Vec::new(), doubts: Vec::new(), is_anchored: true };
    for (i, state) in states.iter().enumerate() {
        let Some(level) = level(*state) else { break };
        let chance = chain.posterior[i][*state];
        let doubts = doubts(&chain, &states, i, chance);
        naming.is_anchored &= chance >= SURE && !seen.is_empty();
        naming.levels.push(level);
        naming.chance.push(chance);
        naming.doubts.push(doubts);
    }
    naming
}

fn doubts(chain: &Chain, states: &[usize], i: usize, chance: f64) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    if chance < SURE {
        let row = &chain.posterior[i];
        let others = (0..STATES).filter(|state| *state != states[i]);
        let runner_up = others.fold(0, |best, s| if row[s] > row[best] || best == states[i] { s } else { best });
        if let Some(other) = level(runner_up) {
            doubts.push(Doubt::LevelUncertain { chance: chance as f32, other, other_chance: row[runner_up] as f32 });
        }
    }
    let far = |link: usize| chain.deviation.get(link).copied().filter(|d| d.abs() > ODD_SPREADS);
    if let Some(spreads) = far(i).or_else(|| far(i + 1)) {
        doubts.push(Doubt::OddDistance { spreads: spreads as f32 });
    }
    let jump = |a: usize, b: usize| step_kind(chain.states[a], chain.states[b]);
    let links = [i.checked_sub(1).map(|above| jump(above, i)), (i + 1 < states.len()).then(|| jump(i, i + 1))];
    for kind in links.into_iter().flatten() {
        match kind {
            Link::Next => {}
            Link::Missing => doubts.push(Doubt::MissingNeighbour),
            Link::Split => doubts.push(Doubt::SplitVertebra),
        }
    }
    if let Some(level) = level(states[i]).filter(|_| is_transitional(chain, i)) {
        doubts.push(Doubt::Transitional { level });
    }
    doubts
}

enum Link {
    Next,
    Missing,
    Split,
}

/// How two neighbours in a chain follow each other; 18 is T12, 19 L1, 25 T13.
fn step_kind(above: usize, below: usize) -> Link {
    match (above, below) {
        (18, 25) | (25, 19) | (17, 19) | (_, SACRUM) => Link::Next,
        (a, b) if a == b => Link::Split,
        (a, b) if b == a + 1 => Link::Next,
        _ => Link::Missing,
    }
}

/// T13 and L6, and L1 where T12 is missing.
fn is_transitional(chain: &Chain, i: usize) -> bool {
    let state = chain.states[i];
    state == 24 || state == 25 || (state == 19 && i > 0 && chain.states[i - 1] == 17)
}

/// The likeliest chain with no level twice: where one is split in two, the
/// count goes on and those further down move by one.
fn unique(chain: &Chain) -> Vec<usize> {
    let mut states: Vec<usize> = Vec::with_capacity(chain.states.len());
    for state in &chain.states {
        let next = match states.last() {
            Some(last) if order(*state) <= order(*last) => following(*last),
            _ => *state,
        };
        if next >= SACRUM && next != 25 {
            break;
        }
        states.push(next);
    }
    states
}

/// Place from head to foot: T13 lies between T12 and L1.
fn order(state: usize) -> usize {
    match state {
        25 => 37,
        SACRUM => 100,
        _ => 2 * state,
    }
}

fn following(state: usize) -> usize {
    match state {
        25 => 19,
        24 => SACRUM,
        _ => state + 1,
    }
}

/// VerSe level of a state.
fn level(state: usize) -> Option<Level> {
    let number = if state == 25 { 28 } else { u8::try_from(state + 1).ok()? };
    Level::from_number(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distances of a spine of middle size from level `first`, ribs by letters:
    /// r both sides, 1 one side, - none, ? out of view.
    fn spine(first: usize, ribs: &str) -> Vec<Seen> {
        let side = |c| match c {
            'r' => [Some(0.95); 2],
            '1' => [Some(0.95), Some(0.05)],
            '?' => [None; 2],
            _ => [Some(0.04); 2],
        };
        let distance = |i: usize| super::super::spacing_table::TO_NEXT[(first + i - 1).min(23)].0;
        ribs.chars().enumerate().map(|(i, c)| Seen { above_mm: (i > 0).then(|| distance(i)), ribs: side(c) }).collect()
    }

    fn names(naming: &Naming) -> String {
        naming.levels.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    const SACRUM: Ends = Ends { sacrum: Some(0.97), skull: None };
    const NOTHING: Ends = Ends { sacrum: None, skull: None };

    #[test]
    fn a_lumbar_scan_is_named_from_sacrum_and_ribs() {
        let naming = name(&spine(17, "rr-----"), &SACRUM);
        assert_eq!(names(&naming), "T11 T12 L1 L2 L3 L4 L5");
        assert!(naming.is_anchored && naming.doubts.iter().all(Vec::is_empty), "{naming:?}");
    }

    #[test]
    fn a_twelfth_rib_seen_on_one_side_does_not_shift_the_names() {
        let naming = name(&spine(6, "-rrrrrrrrrrr1---"), &NOTHING);
        assert_eq!(names(&naming), "C7 T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 L1 L2 L3");
    }

    #[test]
    fn a_neck_below_the_skull_is_named_from_c1() {
        let naming = name(&spine(0, "------"), &Ends { sacrum: None, skull: Some(0.95) });
        assert_eq!(names(&naming), "C1 C2 C3 C4 C5 C6");
    }

    #[test]
    fn names_that_nothing_fixes_say_what_else_they_could_be() {
        let naming = name(&spine(10, "rrrr"), &NOTHING);
        assert!(!naming.is_anchored);
        assert!(naming.doubts.iter().all(|d| matches!(d[0], Doubt::LevelUncertain { .. })), "{naming:?}");
    }

    #[test]
    fn a_sixth_lumbar_vertebra_is_never_renamed_silently() {
        // Six without ribs above the sacrum: L6, or T12 with ribs unseen.
        let naming = name(&spine(17, "rr------"), &SACRUM);
        let is_told = |doubts: &Vec<Doubt>| {
            doubts.iter().any(|d| matches!(d, Doubt::LevelUncertain { .. } | Doubt::Transitional { .. }))
        };
        assert!(!naming.is_anchored && is_told(&naming.doubts[7]), "{naming:?}");
    }

    #[test]
    fn the_top_of_the_sacrum_gets_no_name() {
        let naming = name(&spine(18, "r----rr"), &NOTHING);
        assert_eq!(names(&naming), "T12 L1 L2 L3 L4 L5");
    }

    #[test]
    fn a_missing_and_a_split_vertebra_are_told() {
        let mut missing = spine(14, "rrrrr-----");
        let gone = missing.remove(6);
        missing[6].above_mm = Some(missing[6].above_mm.unwrap() + gone.above_mm.unwrap());
        let told = |naming: &Naming, i: usize| {
            naming.doubts[i]
                .iter()
                .any(|d| matches!(d, Doubt::OddDistance { .. } | Doubt::MissingNeighbour | Doubt::SplitVertebra))
        };
        assert!(told(&name(&missing, &SACRUM), 6));
        let mut split = spine(14, "rrrrr-----");
        split[6].above_mm = Some(16.0);
        split.insert(7, Seen { above_mm: Some(17.0), ribs: [Some(0.04); 2] });
        assert!(told(&name(&split, &SACRUM), 6) || told(&name(&split, &SACRUM), 7));
    }

    #[test]
    fn no_level_is_given_twice_even_to_a_chain_longer_than_a_spine() {
        let naming = name(&spine(0, &"-".repeat(40)), &SACRUM);
        let mut once = naming.levels.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), naming.levels.len());
    }

    #[test]
    fn an_empty_chain_has_no_names() {
        assert!(name(&[], &NOTHING).levels.is_empty());
    }
}
