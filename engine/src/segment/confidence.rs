//! How sure the segmentation is of each vertebra, and why not.
//!
//! The confidence is the chance that a vertebra carries the right name and that
//! its label has a Dice of 0.8 or more with the true one: the chance of the
//! shape ([`shape_chance`], a logistic fit) times that of the name (the chain of
//! [`levels`](super::levels)), lowered by each doubt. A vertebra cut by the
//! border of the scan stays below one half by rule. It was fitted on few
//! anatomies; what it rests on and how it did on others stands in
//! `docs/segmentation.md`.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::level::Level;

/// A reason to look twice at a vertebra.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Doubt {
    /// The border of the scan cuts through it.
    CutByBorder,
    /// The network itself was unsure inside the mask.
    LowProbability {
        /// Mean probability of vertebra inside the mask.
        mean: f32,
    },
    /// It is much larger or smaller than its neighbours.
    OddSize {
        /// Volume over the neighbours' mean volume.
        ratio: f64,
    },
    /// The disc above or below was hardly seen: two levels may be one mask.
    UnclearDisc {
        /// Clarity of the worse disc, 0 to 1.
        clarity: f32,
    },
    /// Much of it votes for a neighbour: two levels may be mixed.
    MixedVotes {
        /// Share of its voxels whose vote falls on itself, 0 to 1.
        own: f32,
    },
    /// The distance to a neighbour does not fit the rest of the spine: a
    /// vertebra missed, split, or two in one.
    OddDistance {
        /// How far ln(distance) is off, in spreads among patients.
        spreads: f32,
    },
    /// It is in pieces: a part of a neighbour went to it, or one of its own away.
    InPieces {
        /// Share of its largest piece, 0 to 1.
        share: f32,
    },
    /// Many of its voxels point to a vertebra that has no label: two in one.
    TwoInOne {
        /// Share of them, 0 to 1.
        share: f32,
    },
    /// Between it and a neighbour a level is missing.
    MissingNeighbour,
    /// It and a neighbour look like one vertebra cut in two.
    SplitVertebra,
    /// The name is not sure.
    LevelUncertain {
        /// Chance of the name, 0 to 1.
        chance: f32,
        /// What it may be instead.
        other: Level,
        /// Chance of that.
        other_chance: f32,
    },
    /// An extra level, or one next to a missing one.
    Transitional {
        /// Its level.
        level: Level,
    },
    /// The scan's values were no Hounsfield units and were aligned first.
    Uncalibrated {
        /// Where its soft tissue lay.
        soft_tissue_hu: f32,
    },
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutByBorder => f.write_str("cut by the border of the scan"),
            Self::LowProbability { mean } => write!(f, "the network gives it only {mean:.2} probability"),
            Self::OddSize { ratio } => write!(f, "{ratio:.2} times the volume of its neighbours"),
            Self::UnclearDisc { clarity } => {
                write!(f, "the disc beside it is unclear ({clarity:.2}); two levels may be mixed")
            }
            Self::MixedVotes { own } => {
                write!(f, "only {:.0} % of it points to its own centre; neighbours may be mixed", 100.0 * own)
            }
            Self::OddDistance { spreads } => {
                let kind = if *spreads > 0.0 { "long" } else { "short" };
                write!(
                    f,
                    "too {kind} a distance to its neighbour ({spreads:+.1} spreads); look for a missed, split or joined level"
                )
            }
            Self::InPieces { share } => {
                write!(f, "it is in pieces, the largest {:.0} % of it; neighbours may be mixed", 100.0 * share)
            }
            Self::TwoInOne { share } => {
                write!(f, "{:.0} % of it points to a second vertebra; two levels may be one", 100.0 * share)
            }
            Self::MissingNeighbour => f.write_str("a level seems to be missing beside it"),
            Self::SplitVertebra => f.write_str("it and its neighbour look like one vertebra cut in two"),
            Self::LevelUncertain { chance, other, other_chance } => {
                write!(f, "its name is {:.0} % sure, {other} {:.0} %", 100.0 * chance, 100.0 * other_chance)
            }
            Self::Transitional { level } => write!(f, "{level} is rare: look for an extra or missing level"),
            Self::Uncalibrated { soft_tissue_hu } => {
                write!(f, "soft tissue of the scan lay at {soft_tissue_hu:.0} HU; its values were aligned")
            }
        }
    }
}

impl Serialize for Doubt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What is known of one vertebra's mask.
#[derive(Debug, Clone, Copy)]
pub struct MaskEvidence {
    /// Mean probability of vertebra inside it.
    pub mean_probability: f32,
    /// Its volume, mm^3.
    pub volume_mm3: f64,
    /// True when it touches the border of the scan.
    pub touches_border: bool,
    /// Clarity of the discs above and below.
    pub clarity: [f32; 2],
    /// Share of its voxels whose vote falls on itself; `None` without votes.
    pub own_votes: Option<f32>,
    /// Share of its votes in its own heap along the spine, or of that heap's
    /// votes that it holds, whichever is less; `None` without votes.
    pub own_heap: Option<f32>,
}

/// Own votes below this share are doubted.
const LEAST_OWN_VOTES: f32 = 0.6;

/// The confidence in label and shape from that in the shape alone, the doubts
/// about it and the chance of its name.
#[must_use]
pub fn combined(shape: f32, doubts: &[Doubt], chance: f64) -> f32 {
    let left: f32 = doubts.iter().map(factor).product();
    (shape * left * chance as f32).clamp(0.0, 1.0)
}

/// Tells of every vertebra that the scan's values had to be aligned.
pub fn uncalibrated(doubts: &mut [Vec<Doubt>], confidence: &mut [f32], soft_tissue_hu: f32) {
    let doubt = Doubt::Uncalibrated { soft_tissue_hu };
    doubts.iter_mut().for_each(|own| own.push(doubt));
    confidence.iter_mut().for_each(|own| *own *= factor(&doubt));
}

/// What a doubt leaves of the confidence.
#[must_use]
fn factor(doubt: &Doubt) -> f32 {
    match doubt {
        Doubt::OddDistance { spreads } if spreads.abs() < 4.0 => 0.75,
        Doubt::OddDistance { .. }
        | Doubt::MissingNeighbour
        | Doubt::SplitVertebra
        | Doubt::TwoInOne { .. }
        | Doubt::InPieces { .. } => 0.6,
        Doubt::Uncalibrated { .. } => 0.9,
        _ => 1.0,
    }
}

/// Chance that a label has a Dice of 0.8 or more with its vertebra, from the
/// network's mean probability inside it and the share of votes that agree.
///
/// Logistic, fitted on 48 whole vertebrae of the abdomen CT (as it is, with
/// noise, thick slices, screws, cone beam; mostly by weights that had not seen
/// it) and of two phantoms of necks. How it did on others: `docs/segmentation.md`.
fn shape_chance(mean_probability: f32, agreeing: f32) -> f32 {
    let logit = 1.12 + 13.74 * (mean_probability - 0.8) - 8.72 * (1.0 - agreeing);
    1.0 / (1.0 + (-logit).exp())
}

/// Confidence 0 to 1 in the shape and the doubts behind it, for all vertebrae
/// of a spine.
///
/// Starts from [`shape_chance`] and is lowered by every doubt that is no part
/// of that; one strong doubt brings a good vertebra to about a half.
#[must_use]
pub fn judge(masks: &[MaskEvidence]) -> Vec<(f32, Vec<Doubt>)> {
    (0..masks.len())
        .map(|i| {
            let mask = masks[i];
            let mut confidence = shape_chance(mask.mean_probability, mask.own_heap.unwrap_or(1.0));
            let mut doubts = Vec::new();
            if mask.mean_probability < 0.7 {
                doubts.push(Doubt::LowProbability { mean: mask.mean_probability });
            }
            if mask.touches_border {
                doubts.push(Doubt::CutByBorder);
                confidence *= 0.5;
            }
            let whole = |m: &&MaskEvidence| !m.touches_border;
            let near: Vec<f64> = masks[i.saturating_sub(2)..(i + 3).min(masks.len())]
                .iter()
                .filter(whole)
                .map(|m| m.volume_mm3)
                .collect();
            if near.len() >= 3 && !mask.touches_border {
                let others = (near.iter().sum::<f64>() - mask.volume_mm3) / (near.len() - 1) as f64;
                let ratio = mask.volume_mm3 / others.max(1.0);
                if !(0.6..=1.6).contains(&ratio) {
                    doubts.push(Doubt::OddSize { ratio });
                    confidence *= 0.6;
                }
            }
            let clarity = mask.clarity[0].min(mask.clarity[1]);
            if clarity < 0.35 {
                doubts.push(Doubt::UnclearDisc { clarity });
                confidence *= 0.7;
            }
            if let Some(own) = mask.own_votes.filter(|own| *own < LEAST_OWN_VOTES) {
                doubts.push(Doubt::MixedVotes { own });
                confidence *= 0.6;
            }
            (confidence.clamp(0.0, 1.0), doubts)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(volume_mm3: f64) -> MaskEvidence {
        MaskEvidence {
            mean_probability: 0.93,
            volume_mm3,
            touches_border: false,
            clarity: [0.9, 0.8],
            own_votes: None,
            own_heap: None,
        }
    }

    #[test]
    fn two_levels_in_one_mask_are_doubted() {
        let judged = judge(&[mask(30e3), mask(31e3), mask(65e3), mask(33e3), mask(34e3)]);
        assert!(matches!(judged[2].1[..], [Doubt::OddSize { .. }]) && judged[2].0 < 0.6);
        assert!(judged[0].0 > 0.9 && judged[0].1.is_empty());
    }

    #[test]
    fn a_vertebra_cut_by_the_border_is_below_half() {
        let mut cut = mask(12e3);
        cut.touches_border = true;
        let judged = judge(&[cut, mask(30e3), mask(30e3)]);
        assert_eq!(judged[0].1, [Doubt::CutByBorder]);
        assert!(judged[0].0 < 0.5);
    }

    #[test]
    fn a_mask_whose_voxels_point_to_its_neighbours_is_doubted() {
        let mut mixed = mask(30e3);
        mixed.own_votes = Some(0.4);
        let judged = judge(&[mask(30e3), mixed, mask(31e3)]);
        assert!(matches!(judged[1].1[..], [Doubt::MixedVotes { .. }]) && judged[1].0 < 0.6);
    }

    #[test]
    fn a_vertebra_is_only_sure_where_probability_votes_and_name_agree() {
        let sure = shape_chance(0.9, 1.0);
        assert!(sure > 0.9 && shape_chance(0.7, 1.0) < 0.5 && shape_chance(0.9, 0.6) < 0.4);
        assert!(combined(sure, &[], 0.98) > 0.88);
        assert!(combined(sure, &[], 0.3) < 0.3, "a name that is a guess");
        assert!(combined(sure, &[Doubt::TwoInOne { share: 0.4 }], 0.98) < 0.6);
    }

    #[test]
    fn every_doubt_reads_as_a_sentence_with_its_number() {
        let other = Level::from_name("L1").unwrap();
        let text = Doubt::LevelUncertain { chance: 0.62, other, other_chance: 0.3 }.to_string();
        assert!(text.contains("62 % sure, L1 30 %"), "{text}");
        assert!(Doubt::OddDistance { spreads: -4.0 }.to_string().contains("too short"));
        assert_eq!(serde_json::to_string(&Doubt::CutByBorder).unwrap(), "\"cut by the border of the scan\"");
    }
}
