//! The fit shown on the bone: a colour for each vertex.

use geom::{Patient, Point};

use super::registration::Registration;
use crate::surface::{NearestIndex, PointCloud};

/// Points further than this from a vertex say nothing about it, mm: about the
/// spacing of a careful sweep.
const REACH_MM: f64 = 4.0;

/// What the touched points say about one vertex.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VertexResidual {
    /// Mean signed height of the touched points nearby, mm; positive outside
    /// the bone. `None` where nothing was touched.
    pub height_mm: Option<f32>,
    /// Red, green, blue, 0 to 255: white on the bone, red above it, blue below,
    /// grey where nothing was touched.
    pub colour: [u8; 3],
}

/// Touched points that say something about the bone: their places in the CT,
/// mm, and their signed heights above the bone, mm.
///
/// * `points` - as they were registered, in the same order.
#[must_use]
pub fn touched_places(registration: &Registration, points: &[Point<Patient>]) -> (Vec<[f32; 3]>, Vec<f64>) {
    let ct_from_patient = registration.patient_from_ct().inverse();
    points
        .iter()
        .zip(registration.residuals_mm())
        .filter(|(point, height)| point.is_finite() && height.is_finite() && height.abs() < REACH_MM)
        .map(|(point, height)| ((ct_from_patient * *point).to_array().map(|c| c as f32), *height))
        .unzip()
}

/// The residuals of `registration` from `points` (as they were registered, in
/// the same order) on the vertices of `bone`. Colours are full at `full_mm`.
///
/// Cost: 0.5 us a vertex.
#[must_use]
pub fn residual_map(
    registration: &Registration,
    points: &[Point<Patient>],
    bone: &PointCloud,
    full_mm: f64,
) -> Vec<VertexResidual> {
    let (places, heights_mm) = touched_places(registration, points);
    residual_map_at(&places, &heights_mm, bone, full_mm)
}

/// As [`residual_map`], of [`touched_places`].
#[must_use]
pub fn residual_map_at(
    places: &[[f32; 3]],
    heights_mm: &[f64],
    bone: &PointCloud,
    full_mm: f64,
) -> Vec<VertexResidual> {
    let untouched = VertexResidual { height_mm: None, colour: [150; 3] };
    let Ok(touched) = NearestIndex::new(places) else { return vec![untouched; bone.len()] };
    // Every point spreads over the vertices near it, nearer ones more.
    let mut sums = vec![(0.0, 0.0); bone.len()];
    for (sum, vertex) in sums.iter_mut().zip(&bone.points) {
        if !touched.nearest(*vertex).is_some_and(|n| f64::from(n.distance_mm) < REACH_MM) {
            continue;
        }
        for (index, distance_mm) in touched.within(*vertex, REACH_MM as f32) {
            let weight = (1.0 - (f64::from(distance_mm) / REACH_MM).powi(2)).powi(2).max(1e-6);
            sum.0 += weight * heights_mm.get(index).copied().unwrap_or(0.0);
            sum.1 += weight;
        }
    }
    let show = |(sum, weight): (f64, f64)| {
        if weight <= 0.0 {
            return untouched;
        }
        let height = sum / weight;
        VertexResidual { height_mm: Some(height as f32), colour: residual_colour(height / full_mm.max(1e-3)) }
    };
    sums.into_iter().map(show).collect()
}

/// The colour of a residual, as a share of the one whose colour is full: from
/// blue (-1, below the bone) over white (0) to red (1, above it).
#[must_use]
pub fn residual_colour(share: f64) -> [u8; 3] {
    let share = share.clamp(-1.0, 1.0);
    let fade = (255.0 * (1.0 - share.abs())) as u8;
    if share < 0.0 { [fade, fade, 255] } else { [255, fade, fade] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_run_from_blue_over_white_to_red() {
        assert_eq!([-2.0, 0.0, 0.5, 9.0].map(residual_colour), [[0, 0, 255], [255; 3], [255, 127, 127], [255, 0, 0]]);
    }
}
