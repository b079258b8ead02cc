//! Non-maximum suppression: one box per thing.

use serde::{Deserialize, Serialize};

use super::{DetectError, Detection};

/// What to keep.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Suppression {
    /// Least confidence of a box, 0 to 1 (exclusive).
    pub confidence: f32,
    /// Intersection over union, 0 to 1, above which the less confident of
    /// two boxes of one class is dropped.
    pub overlap: f32,
    /// Candidates looked at, the most confident first; bounds the work.
    pub candidates: usize,
    /// Boxes kept at most.
    pub kept: usize,
}

impl Default for Suppression {
    /// YOLOv5's settings: confidence 0.25, overlap 0.45, 30 000 candidates,
    /// 300 boxes.
    fn default() -> Self {
        Self { confidence: 0.25, overlap: 0.45, candidates: 30_000, kept: 300 }
    }
}

/// Drops boxes that overlap a more confident one of their class (greedy
/// non-maximum suppression). Best first; equal confidences keep their order.
///
/// # Errors
/// [`DetectError::Setting`] for settings out of range and for confidences or
/// edges that are no numbers.
///
/// Cost: at most `kept * candidates` overlaps.
pub fn suppress(mut found: Vec<Detection>, settings: &Suppression) -> Result<Vec<Detection>, DetectError> {
    for (setting, value) in [("confidence", settings.confidence), ("overlap", settings.overlap)] {
        if !(0.0..=1.0).contains(&value) {
            return Err(DetectError::Setting { setting, value: f64::from(value), range: "0 to 1" });
        }
    }
    for detection in &found {
        let area = detection.area;
        let values = [detection.confidence, area.left, area.top, area.right, area.bottom];
        if let Some(&value) = values.iter().find(|value| !value.is_finite()) {
            return Err(DetectError::Setting { setting: "a box", value: f64::from(value), range: "finite" });
        }
    }
    found.retain(|detection| detection.confidence > settings.confidence);
    // A stable sort, so that ties do not depend on anything but the input.
    found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    found.truncate(settings.candidates);
    let mut kept: Vec<Detection> = Vec::new();
    for candidate in found {
        if kept.len() >= settings.kept {
            break;
        }
        let hides =
            |best: &Detection| best.class == candidate.class && best.area.overlap(&candidate.area) > settings.overlap;
        if !kept.iter().any(hides) {
            kept.push(candidate);
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::super::Box2d;
    use super::*;

    fn at(left: f32, class: usize, confidence: f32) -> Detection {
        let area = Box2d { left, top: 0.0, right: left + 10.0, bottom: 10.0 };
        Detection { class, confidence, area }
    }

    #[test]
    fn a_vertebra_is_found_once_and_its_neighbour_stays() {
        let found = vec![at(1.0, 0, 0.6), at(0.0, 0, 0.9), at(20.0, 0, 0.5), at(0.5, 1, 0.7), at(40.0, 0, 0.2)];
        let kept = suppress(found, &Suppression::default()).unwrap();
        assert_eq!(kept, [at(0.0, 0, 0.9), at(0.5, 1, 0.7), at(20.0, 0, 0.5)]);
    }

    #[test]
    fn ties_keep_the_first() {
        let kept = suppress(vec![at(1.0, 0, 0.5), at(0.0, 0, 0.5)], &Suppression::default()).unwrap();
        assert_eq!(kept, [at(1.0, 0, 0.5)]);
    }

    #[test]
    fn the_limits_hold_when_everything_fires() {
        let found: Vec<_> = (0..5000).map(|i| at(20.0 * i as f32, 0, 0.9)).collect();
        let settings = Suppression { candidates: 700, kept: 500, ..Suppression::default() };
        assert_eq!(suppress(found.clone(), &settings).unwrap().len(), 500);
        let settings = Suppression { candidates: 100, ..settings };
        assert_eq!(suppress(found, &settings).unwrap().len(), 100);
    }

    #[test]
    fn boxes_that_are_no_numbers_are_refused() {
        for broken in [at(f32::NAN, 0, 0.5), at(0.0, 0, f32::NAN), at(f32::INFINITY, 0, 0.5)] {
            assert!(suppress(vec![broken], &Suppression::default()).is_err());
        }
        let settings = Suppression { overlap: 1.5, ..Suppression::default() };
        assert!(suppress(vec![], &settings).is_err());
    }
}
