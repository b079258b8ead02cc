//! Two instruments that changed places, and one that answers to another's number.
//!
//! Both show in the poses alone: arrays cannot be where another array was an
//! instant ago. An exchange while both are hidden cannot be seen so.

use geom::Nanoseconds;
use geom::nalgebra::Vector3;

use crate::track::MAX_TOOLS;

/// Distance both must have jumped, mm. Arrays are 50 mm wide and more.
const LEAST_JUMP_MM: f64 = 20.0;
/// How much nearer to the other's old place than to its own.
const NEARNESS: f64 = 0.25;
/// Longest gap over which places are compared.
const LONGEST_GAP_NS: u64 = 2_000_000_000;
/// Distance and time within which a number that appears where another just
/// vanished is that other instrument.
const SAME_PLACE_MM: f64 = 10.0;
const SAME_PLACE_GAP_NS: u64 = 150_000_000;
/// Absence after which an instrument appears anew.
const ABSENCE_NS: u64 = 300_000_000;

/// Watches the places of all instruments. Constant work, no allocation.
#[derive(Debug, Clone, Copy, Default)]
pub struct SwapWatch {
    last: [Option<(Nanoseconds, Vector3<f64>)>; MAX_TOOLS],
    suspects: [bool; MAX_TOOLS],
}

impl SwapWatch {
    /// Takes in the positions of one packet, mm in the tracker, `None` for an
    /// instrument without a pose.
    pub fn observe(&mut self, time: Nanoseconds, places: &[Option<Vector3<f64>>; MAX_TOOLS]) {
        for i in 0..MAX_TOOLS {
            for j in i + 1..MAX_TOOLS {
                if self.are_swapped(time, places, i, j) {
                    // A second exchange puts both back.
                    self.suspects[i] = !self.suspects[i];
                    self.suspects[j] = !self.suspects[j];
                }
            }
        }
        for i in 0..MAX_TOOLS {
            self.suspects[i] |= self.answers_for_another(time, places, i);
        }
        for (last, place) in self.last.iter_mut().zip(places) {
            if let Some(place) = place {
                *last = Some((time, *place));
            }
        }
    }

    fn are_swapped(&self, time: Nanoseconds, places: &[Option<Vector3<f64>>; MAX_TOOLS], i: usize, j: usize) -> bool {
        let (Some(a), Some(b), Some((ta, old_a)), Some((tb, old_b))) =
            (places[i], places[j], self.last[i], self.last[j])
        else {
            return false;
        };
        let gap = time.0.saturating_sub(ta.0.min(tb.0));
        let (own_a, own_b) = ((a - old_a).norm(), (b - old_b).norm());
        let (cross_a, cross_b) = ((a - old_b).norm(), (b - old_a).norm());
        gap <= LONGEST_GAP_NS
            && own_a.min(own_b) > LEAST_JUMP_MM
            && cross_a < NEARNESS * own_a
            && cross_b < NEARNESS * own_b
    }

    /// True when instrument `i` appears where another one just vanished.
    fn answers_for_another(&self, time: Nanoseconds, places: &[Option<Vector3<f64>>; MAX_TOOLS], i: usize) -> bool {
        let Some(place) = places[i] else { return false };
        let absent_ns = self.last[i].map_or(u64::MAX, |(seen, _)| time.0.saturating_sub(seen.0));
        absent_ns > ABSENCE_NS
            && (0..MAX_TOOLS).filter(|j| *j != i && places[*j].is_none()).any(|j| {
                self.last[j].is_some_and(|(seen, old)| {
                    time.0.saturating_sub(seen.0) <= SAME_PLACE_GAP_NS && (place - old).norm() < SAME_PLACE_MM
                })
            })
    }

    /// True while the instrument in this place of the list is under suspicion.
    #[must_use]
    pub fn is_suspect(&self, index: usize) -> bool {
        self.suspects.get(index).copied().unwrap_or(false)
    }

    /// True while any instrument is.
    #[must_use]
    pub fn has_suspects(&self) -> bool {
        self.suspects.iter().any(|s| *s)
    }

    /// A person has looked: which array is on which instrument is right.
    pub fn acknowledge(&mut self) {
        self.suspects = [false; MAX_TOOLS];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(x: &[Option<f64>]) -> [Option<Vector3<f64>>; MAX_TOOLS] {
        std::array::from_fn(|i| x.get(i).copied().flatten().map(|x| Vector3::new(x, 0.0, 0.0)))
    }

    fn watch(steps: &[[Option<f64>; 3]]) -> [bool; 3] {
        let mut watch = SwapWatch::default();
        for (i, step) in steps.iter().enumerate() {
            watch.observe(Nanoseconds(i as u64 * 16_000_000), &places(step));
        }
        [0, 1, 2].map(|i| watch.is_suspect(i))
    }

    #[test]
    fn exchanged_instruments_are_both_suspect_until_they_change_back() {
        let (before, after) = ([Some(0.0), Some(60.0), Some(300.0)], [Some(60.5), Some(0.5), Some(300.0)]);
        assert_eq!(watch(&[before, before, after, after]), [true, true, false]);
        assert_eq!(watch(&[before, after, after, before]), [false; 3]);
    }

    #[test]
    fn instruments_that_pass_each_other_are_not_suspect() {
        let steps: Vec<_> = (0..100).map(|i| [Some(i as f64), Some(100.0 - i as f64), None]).collect();
        assert_eq!(watch(&steps), [false; 3]);
    }

    #[test]
    fn a_number_that_appears_where_another_vanished_is_suspect() {
        let mut steps = vec![[Some(0.0), None, None]; 30];
        steps.extend([[None, Some(0.3), None]; 5]);
        assert_eq!(watch(&steps), [false, true, false]);
        // Elsewhere it is just another instrument coming into view.
        let mut steps = vec![[Some(0.0), None, None]; 30];
        steps.extend([[None, Some(80.0), None]; 5]);
        assert_eq!(watch(&steps), [false; 3]);
    }
}
