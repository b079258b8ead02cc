//! Label maps that number structures in another way.

use crate::volume::LabelMap;

/// Who gave a label map its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbering {
    /// VerSe: 1-7 C1-C7, 8-19 T1-T12, 20-25 L1-L6, 26 sacrum, 28 T13.
    Verse,
    /// `TotalSegmentator` v2 (class `total`): 25 sacrum, 26 S1, 27-31 L5-L1,
    /// 32-43 T12-T1, 44-50 C7-C1, 75 and 76 femora.
    TotalSegmentator,
}

/// The VerSe number of a `TotalSegmentator` v2 number; 0 for what is no part
/// of the spine or a femur.
#[must_use]
pub const fn from_total_segmentator(number: u8) -> u8 {
    match number {
        25 | 26 => 26,
        // Both count the same bones, one from below and one from above.
        27..=50 => 51 - number,
        75 | 76 => number,
        _ => 0,
    }
}

/// Rewrites `map` into VerSe numbers.
pub fn to_verse(map: &mut LabelMap, from: Numbering) {
    if from == Numbering::TotalSegmentator {
        map.labels.iter_mut().for_each(|label| *label = from_total_segmentator(*label));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_keeps_its_name() {
        let pairs =
            [(25, 26), (26, 26), (27, 24), (31, 20), (32, 19), (43, 8), (44, 7), (50, 1), (75, 75), (92, 0), (1, 0)];
        for (theirs, ours) in pairs {
            assert_eq!(from_total_segmentator(theirs), ours, "{theirs}");
        }
    }
}
