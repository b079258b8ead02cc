//! Two exposures of one patient seldom begin at the same height.
//!
//! Promises the shift of an uncalibrated frontal picture after which what both
//! views show lies at one height. Does not promise one where the views have
//! nothing in common, and leaves pictures alone whose geometry was measured.

use super::chain::Named;
use super::detection::{Found, Kind};
use super::geometry::{Beam, Geometry};
use super::landmarks::{SeenVertebra, ViewLandmarks};
use super::pairing::name_frontal;
use super::triangulate::nearest;

/// Shifts that what the detector found in both views speaks for: none, by the femoral heads, by C2.
///
/// - all of both: the frontal view, then the lateral one.
#[must_use]
pub fn candidates(geometries: [&Geometry; 2], found: [&[Found]; 2]) -> Vec<f64> {
    let of = |kind, count| {
        let middle = |all: &[Found]| {
            let chosen = all.iter().filter(|f| f.kind == kind).take(count);
            middle(chosen.map(|f| f.bounds.centre()))
        };
        higher_mm(geometries, [middle(found[0])?, middle(found[1])?])
    };
    [Some(0.0), of(Kind::Head, 2), of(Kind::C2, 1)].into_iter().flatten().collect()
}

/// The frontal boxes of a lateral column, and the frontal picture lowered by the one of `shifts` with which they are the
/// likeliest.
#[must_use]
pub fn best_named(
    [frontal, lateral]: &[Geometry; 2],
    shifts: &[f64],
    (column, found): (&[Named], &[Found]),
) -> (Vec<Named>, Geometry) {
    let with = |mm: &f64| {
        let lowered = lowered(frontal, *mm);
        (name_frontal((lateral, column), (&lowered, found)), lowered)
    };
    let best = shifts.iter().map(with).reduce(|a, b| if b.0.worth > a.0.worth { b } else { a });
    best.map_or_else(|| (Vec::new(), frontal.clone()), |(named, lowered)| (named.bodies, lowered))
}

/// The shift that brings the bodies of both views to one height (their median), without any the femoral heads.
#[must_use]
pub fn of_views(geometries: [&Geometry; 2], [frontal, lateral]: [&ViewLandmarks; 2]) -> Option<f64> {
    let of_body = |front: &SeenVertebra| {
        let side = lateral.vertebra(front.level)?;
        let places = match (&front.corners, &side.corners) {
            (Ok(front), Ok(side)) => [middle(front.iter().copied())?, middle(side.iter().copied())?],
            _ => [front.bounds.centre(), side.bounds.centre()],
        };
        higher_mm(geometries, places)
    };
    let mut apart: Vec<f64> = frontal.vertebrae.iter().filter_map(of_body).collect();
    if apart.is_empty() {
        let heads = |view: &ViewLandmarks| middle(view.heads.iter().map(|h| h.centre));
        return higher_mm(geometries, [heads(frontal)?, heads(lateral)?]);
    }
    apart.sort_unstable_by(f64::total_cmp);
    apart.get(apart.len() / 2).copied()
}

/// A picture that shows everything lower by `mm`.
#[must_use]
pub fn lowered(geometry: &Geometry, mm: f64) -> Geometry {
    let mut lowered = geometry.clone();
    lowered.corner_mm[2] -= mm;
    if let Beam::Cone { source_mm } = &mut lowered.beam {
        source_mm[2] -= mm;
    }
    lowered
}

/// How much higher the frontal picture shows a place than the lateral one, mm.
fn higher_mm([frontal, lateral]: [&Geometry; 2], [front, side]: [[f64; 2]; 2]) -> Option<f64> {
    let [on_front, on_side] = nearest(&frontal.ray(front), &lateral.ray(side))?;
    Some(on_front.z - on_side.z)
}

fn middle(places: impl Iterator<Item = [f64; 2]>) -> Option<[f64; 2]> {
    let (sum, count) = places.fold(([0.0; 2], 0), |(sum, count), p| ([sum[0] + p[0], sum[1] + p[1]], count + 1));
    (count > 0).then(|| sum.map(|v| v / f64::from(count)))
}

#[cfg(test)]
mod tests {
    use super::super::geometry::View;
    use super::super::landmarks::Bounds;
    use super::*;
    use crate::level::Level;

    fn boxes(kind: Kind, rows: &[f64], confidence: f64) -> Vec<Found> {
        let at = |row: &f64| {
            let bounds = Bounds { left: 180.0, top: row - 14.0, right: 220.0, bottom: row + 14.0 };
            Found { kind, confidence, bounds }
        };
        rows.iter().map(at).collect()
    }

    #[test]
    fn the_femoral_heads_move_a_picture_unless_the_column_contradicts_them() {
        let geometries =
            [View::Frontal, View::Lateral].map(|view| Geometry::assumed(view, [600, 400], [1.0, 1.0]).unwrap());
        let rows = [100.0, 135.0, 170.0, 205.0];
        let side = boxes(Kind::Vertebra, &rows, 0.9);
        let levels = (21..).filter_map(Level::from_number);
        let column: Vec<Named> = side.iter().zip(levels).map(|(found, level)| Named { level, found: *found }).collect();
        for (higher, heads) in [(60.0, 60.0), (0.0, 60.0)] {
            let mut front = boxes(Kind::Vertebra, &rows.map(|row| row - higher), 0.5);
            front.extend(boxes(Kind::Head, &[300.0 - heads], 0.6));
            let beside = [side.clone(), boxes(Kind::Head, &[300.0], 0.6)].concat();
            let shifts = candidates(geometries.each_ref(), [&front, &beside]);
            assert_eq!(shifts, [0.0, heads]);
            let (named, lowered) = best_named(&geometries, &shifts, (&column, &front));
            assert_eq!(named.iter().map(|n| n.level.number()).collect::<Vec<_>>(), [21, 22, 23, 24]);
            assert_eq!(lowered.corner_mm[2], -higher);
        }
    }
}
