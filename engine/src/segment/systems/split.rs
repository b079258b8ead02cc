//! How the mask of a column becomes single vertebrae.

use super::super::confidence::Doubt;
use super::super::curve::SpineCurve;
use super::super::instances::{self, Cuts, Grown};
use super::super::levels::Naming;
use super::super::pipeline::{Progress, SegmentError};
use super::super::semantic::Semantic;
use crate::level::Level;

/// A column before its vertebrae are told apart; masks and fields `[z, y, x]`.
#[derive(Debug)]
pub struct Column<'a> {
    /// Vertebral bone on the fine grid.
    pub mask: &'a [bool],
    /// Body centres from the head down.
    pub curve: &'a SpineCurve,
    /// Classes on the fine grid.
    pub fine: &'a Semantic,
    /// Classes on the network's grid, with its offsets.
    pub coarse: &'a Semantic,
    /// The CT on the fine grid, HU.
    pub hu: &'a [f32],
}

/// Single vertebrae of a column.
#[derive(Debug)]
pub struct Parts {
    /// Where the column is cut.
    pub cuts: Cuts,
    /// Which voxel belongs to which vertebra, from 1.
    pub grown: Grown,
    /// Their levels where the network itself names them, as many as segments.
    pub levels: Option<Vec<Level>>,
}

/// Tells the vertebrae of a column apart.
pub trait Split {
    /// # Errors
    /// [`SegmentError`] when a network or a grid refuses.
    fn split(&mut self, column: &Column<'_>, progress: &mut dyn Progress) -> Result<Parts, SegmentError>;
}

/// Cuts at the discs and grows along the bone: [`instances`].
#[derive(Debug, Clone, Copy, Default)]
pub struct ByDiscs;

impl Split for ByDiscs {
    fn split(&mut self, column: &Column<'_>, _: &mut dyn Progress) -> Result<Parts, SegmentError> {
        let Column { mask, curve, fine, coarse, hu } = *column;
        let cuts = instances::find_cuts(curve, fine, hu);
        let grown = instances::grow(mask, curve, &cuts, fine, coarse, hu);
        Ok(Parts { cuts, grown, levels: None })
    }
}

/// The names a network gave instead of those the chain of levels gives: where
/// the two differ, that is told, and the names are not sure.
#[must_use]
pub fn named(given: Option<Vec<Level>>, chain: Naming) -> Naming {
    let Some(levels) = given else { return chain };
    let mut naming = Naming { is_anchored: chain.is_anchored, levels, chance: Vec::new(), doubts: Vec::new() };
    for (i, level) in naming.levels.iter().enumerate() {
        let other = chain.levels.get(i).copied().filter(|other| other != level);
        let chance = chain.chance.get(i).copied().unwrap_or(0.0);
        let mut doubts: Vec<Doubt> = chain.doubts.get(i).cloned().unwrap_or_default();
        if let Some(other) = other {
            doubts.retain(|doubt| !matches!(doubt, Doubt::LevelUncertain { .. } | Doubt::Transitional { .. }));
            let (chance, other_chance) = ((1.0 - chance) as f32, chance as f32);
            doubts.push(Doubt::LevelUncertain { chance, other, other_chance });
            naming.is_anchored = false;
        }
        naming.chance.push(if other.is_some() { 1.0 - chance } else { chance });
        naming.doubts.push(doubts);
    }
    naming
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_network_and_chain_name_differently_the_surgeon_is_told() {
        let level = |name| Level::from_name(name).unwrap();
        let chain = || Naming {
            levels: vec![level("L1"), level("L2")],
            chance: vec![0.95, 0.95],
            doubts: vec![vec![]; 2],
            is_anchored: true,
        };
        assert_eq!(named(None, chain()), chain());
        assert_eq!(named(Some(chain().levels), chain()), chain());
        let shifted = named(Some(vec![level("L2"), level("L3")]), chain());
        assert_eq!(shifted.levels[0], level("L2"));
        assert!(!shifted.is_anchored);
        assert!(matches!(shifted.doubts[0][..], [Doubt::LevelUncertain { other, .. }] if other == level("L1")));
    }
}
