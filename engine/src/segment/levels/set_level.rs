//! One level set by hand: the chain follows.

use thiserror::Error;

use crate::case::Case;
use crate::level::Level;
use crate::segment::confidence::Doubt;

/// From head to foot without transitional levels, VerSe numbers.
const LOWEST: i32 = 25;

/// Why a level cannot be set.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetLevelError {
    /// There is no such vertebra.
    #[error("there is no vertebra {index}; this case has {count}, counted from the head, the first is 1")]
    NoVertebra {
        /// Asked for, from 1.
        index: usize,
        /// Present.
        count: usize,
    },
    /// Sacrum and coccyx are no vertebrae here.
    #[error("{level} is no level of a single vertebra; use C1 to L6 or T13")]
    NoVertebraLevel {
        /// Asked for.
        level: Level,
    },
    /// The others would leave the spine.
    #[error("with vertebra {index} as {level} the chain of {count} would reach beyond C1 or L6; count again")]
    BeyondSpine {
        /// Asked for, from 1.
        index: usize,
        /// Asked for.
        level: Level,
        /// Vertebrae in the case.
        count: usize,
    },
}

/// Names vertebra `index` (from 1, from the head down) `level`; all others
/// are counted from it. T12 is followed by L1, except when `level` is T13.
///
/// The user's word ends the doubts about names; those about masks stay.
///
/// # Errors
/// [`SetLevelError`] naming what cannot be; the case is then unchanged.
pub fn set_level(case: &mut Case, index: usize, level: Level) -> Result<(), SetLevelError> {
    let count = case.vertebrae.len();
    if index == 0 || index > count {
        return Err(SetLevelError::NoVertebra { index, count });
    }
    if !level.is_vertebra() {
        return Err(SetLevelError::NoVertebraLevel { level });
    }
    let steps = |i: usize| i32::try_from(i + 1).unwrap_or(i32::MAX) - i32::try_from(index).unwrap_or(i32::MAX);
    let renamed: Option<Vec<Level>> = (0..count).map(|i| counted(level, steps(i))).collect();
    let Some(renamed) = renamed else { return Err(SetLevelError::BeyondSpine { index, level, count }) };
    let mut map: [u8; 256] = std::array::from_fn(|label| u8::try_from(label).unwrap_or(0));
    for (vertebra, level) in case.vertebrae.iter_mut().zip(&renamed) {
        map[usize::from(vertebra.level.number())] = level.number();
        vertebra.level = *level;
        vertebra.doubts.retain(|doubt| !matches!(doubt, Doubt::LevelUncertain { .. } | Doubt::Transitional { .. }));
    }
    case.labels.labels.iter_mut().for_each(|label| *label = map[usize::from(*label)]);
    case.levels_are_anchored = true;
    Ok(())
}

/// The level `steps` below `level`.
fn counted(level: Level, steps: i32) -> Option<Level> {
    // T13 stands between T12 (19) and L1 (20).
    let number = match (i32::from(level.number()), steps) {
        (28, 0) => 28,
        (28, down) if down > 0 => 19 + down,
        (28, up) => 20 + up,
        (number, steps) => number + steps,
    };
    let is_there = (1..=LOWEST).contains(&number) || number == 28 && steps == 0;
    u8::try_from(number).ok().filter(|_| is_there).and_then(Level::from_number)
}

#[cfg(test)]
mod tests {
    use geom::Point;

    use super::*;
    use crate::case::Vertebra;
    use crate::surface::Mesh;
    use crate::volume::{Grid, LabelMap, Volume};

    fn case(numbers: &[u8]) -> Case {
        let grid = Grid::axis_aligned([numbers.len() + 1, 1, 1], [1.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let vertebra = |number: &u8| Vertebra {
            level: Level::from_number(*number).unwrap(),
            voxels: 1,
            volume_mm3: 1.0,
            confidence: 0.9,
            doubts: vec![Doubt::CutByBorder],
            body_centre: Point::new(0.0, 0.0, 0.0),
            mesh: Mesh::default(),
            surface_error_mm: Vec::new(),
        };
        let labels = [&[0], numbers].concat();
        Case {
            ct: Volume { grid: grid.clone(), hu: vec![0.0; numbers.len() + 1] },
            labels: LabelMap { grid, labels },
            vertebrae: numbers.iter().map(vertebra).collect(),
            levels_are_anchored: false,
        }
    }

    fn name(text: &str) -> Level {
        Level::from_name(text).unwrap()
    }

    #[test]
    fn a_surgeon_moves_the_whole_chain_with_one_level() {
        let mut case = case(&[18, 19, 20, 21]);
        set_level(&mut case, 3, name("L2")).unwrap();
        assert_eq!(case.labels.labels, [0, 19, 20, 21, 22]);
        assert_eq!(case.vertebrae[0].level, name("T12"));
        assert!(case.levels_are_anchored && case.vertebrae[0].doubts == [Doubt::CutByBorder]);
    }

    #[test]
    fn t13_stands_between_t12_and_l1() {
        let mut case = case(&[18, 19, 20, 21]);
        set_level(&mut case, 3, name("T13")).unwrap();
        assert_eq!(case.labels.labels, [0, 18, 19, 28, 20]);
    }

    #[test]
    fn what_cannot_be_is_refused_and_changes_nothing() {
        let mut case = case(&[1, 2, 3]);
        assert!(matches!(set_level(&mut case, 0, name("C2")), Err(SetLevelError::NoVertebra { .. })));
        assert!(matches!(set_level(&mut case, 2, name("C1")), Err(SetLevelError::BeyondSpine { .. })));
        assert!(matches!(set_level(&mut case, 1, name("sacrum")), Err(SetLevelError::NoVertebraLevel { .. })));
        assert_eq!(case.labels.labels, [0, 1, 2, 3]);
    }
}
