//! How sure the segmentation is of each vertebra, and why not.

use std::fmt;

use serde::{Serialize, Serializer};

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
    /// Nothing in view fixes the level names; all may be shifted together.
    LevelAssumed,
    /// Ribs and sacrum count differently: an extra or missing level.
    LevelDisagreement {
        /// Levels between the two counts.
        offset: i32,
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
            Self::LevelAssumed => f.write_str("no rib or sacrum in view clearly fixes the level names; count them"),
            Self::LevelDisagreement { offset } => {
                write!(f, "ribs and sacrum count {} level(s) apart; look for an extra or missing level", offset.abs())
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
}

/// Confidence 0 to 1 and the doubts behind it, for all vertebrae of a spine.
///
/// Starts from the network's own mean probability and is lowered by every
/// doubt; the factors are chosen so that one strong doubt brings it below 0.5.
#[must_use]
pub fn judge(masks: &[MaskEvidence]) -> Vec<(f32, Vec<Doubt>)> {
    (0..masks.len())
        .map(|i| {
            let mask = masks[i];
            let mut confidence = mask.mean_probability;
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
            (confidence.clamp(0.0, 1.0), doubts)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(volume_mm3: f64) -> MaskEvidence {
        MaskEvidence { mean_probability: 0.93, volume_mm3, touches_border: false, clarity: [0.9, 0.8] }
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
    fn every_doubt_reads_as_a_sentence_with_its_number() {
        let text = Doubt::LevelDisagreement { offset: -1 }.to_string();
        assert!(text.contains("1 level(s)"), "{text}");
        assert_eq!(serde_json::to_string(&Doubt::CutByBorder).unwrap(), "\"cut by the border of the scan\"");
    }
}
