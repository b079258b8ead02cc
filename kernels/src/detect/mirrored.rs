//! A second look at the same picture, mirrored: what both looks see counts more than what one does.

use super::{Box2d, DetectError, Detection, Suppression, suppress};

/// Intersection over union above which two looks mean the same thing.
const SAME: f32 = 0.5;

/// Joins the boxes of a canvas with those of its mirror image.
///
/// - `plain`, `mirrored`: candidates of [`decode`](super::decode) on the canvas and on the mirrored canvas, decoded with
///   half of `settings.confidence`.
/// - `width`: columns of the canvas.
///
/// After suppression in each look, boxes of one class that overlap by more than one half are one: its confidence is
/// the mean of both, its edges are means weighted by them. A box that one look alone has keeps half of its
/// confidence. Best first, none below `settings.confidence`.
///
/// # Errors
/// As [`suppress`].
///
/// Cost: two suppressions, and `kept * kept` overlaps.
pub fn agreed(
    plain: Vec<Detection>,
    mirrored: Vec<Detection>,
    width: f32,
    settings: &Suppression,
) -> Result<Vec<Detection>, DetectError> {
    let half = Suppression { confidence: settings.confidence / 2.0, ..*settings };
    let plain = suppress(plain, &half)?;
    let mut others: Vec<Option<Detection>> =
        suppress(mirrored, &half)?.into_iter().map(|found| Some(turned_back(found, width))).collect();
    let mut joined: Vec<Detection> = Vec::with_capacity(plain.len() + others.len());
    for one in plain {
        let overlap = |other: &Option<Detection>| {
            other.filter(|other| other.class == one.class).map_or(0.0, |other| other.area.overlap(&one.area))
        };
        let best = others.iter_mut().max_by(|a, b| overlap(a).total_cmp(&overlap(b)));
        let same = best.filter(|best| overlap(best) > SAME).and_then(Option::take);
        joined.push(same.map_or_else(|| seen_once(one), |other| both(one, other)));
    }
    joined.extend(others.into_iter().flatten().map(seen_once));
    joined.retain(|found| found.confidence > settings.confidence);
    joined.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    joined.truncate(settings.kept);
    Ok(joined)
}

fn turned_back(found: Detection, width: f32) -> Detection {
    let area = Box2d { left: width - found.area.right, right: width - found.area.left, ..found.area };
    Detection { area, ..found }
}

fn seen_once(found: Detection) -> Detection {
    Detection { confidence: found.confidence / 2.0, ..found }
}

fn both(a: Detection, b: Detection) -> Detection {
    let share = a.confidence / (a.confidence + b.confidence).max(f32::MIN_POSITIVE);
    let mean = |a: f32, b: f32| share * a + (1.0 - share) * b;
    let area = Box2d {
        left: mean(a.area.left, b.area.left),
        top: mean(a.area.top, b.area.top),
        right: mean(a.area.right, b.area.right),
        bottom: mean(a.area.bottom, b.area.bottom),
    };
    Detection { class: a.class, confidence: f32::midpoint(a.confidence, b.confidence), area }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(left: f32, class: usize, confidence: f32) -> Detection {
        Detection { class, confidence, area: Box2d { left, top: 0.0, right: left + 10.0, bottom: 10.0 } }
    }

    #[test]
    fn two_looks_at_one_body_are_one_box_and_one_look_counts_half() {
        let plain = vec![at(20.0, 2, 0.6), at(60.0, 2, 0.8), at(22.0, 1, 0.7)];
        // On a canvas of 100 columns the body at 20 to 30 is seen at 70 to 80; one column off here.
        let mirrored = vec![at(69.0, 2, 0.2), at(5.0, 2, 0.4)];
        let found =
            agreed(plain, mirrored, 100.0, &Suppression { confidence: 0.25, ..Suppression::default() }).unwrap();
        let kept: Vec<_> = found.iter().map(|d| (d.class, (d.confidence * 100.0).round(), d.area.left)).collect();
        assert_eq!(kept, [(2, 40.0, 60.0), (2, 40.0, 20.25), (1, 35.0, 22.0)], "{found:?}");
    }

    #[test]
    fn a_box_is_taken_once_and_nothing_is_made_of_nothing() {
        let settings = Suppression { confidence: 0.1, ..Suppression::default() };
        let found = agreed(vec![at(0.0, 0, 0.9)], vec![at(90.0, 0, 0.9)], 100.0, &settings).unwrap();
        assert_eq!(found, [at(0.0, 0, 0.9)]);
        assert_eq!(agreed(Vec::new(), Vec::new(), 100.0, &settings).unwrap(), []);
        let bad = Suppression { confidence: f32::NAN, ..settings };
        assert!(agreed(Vec::new(), Vec::new(), 100.0, &bad).is_err());
    }
}
