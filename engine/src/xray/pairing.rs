//! Which box of the frontal view shows the vertebra of which lateral box.

use super::chain::Named;
use super::detection::{Found, Kind};
use super::geometry::Geometry;
use super::triangulate::meet;

/// Rays of one vertebra pass each other at most this share of its height.
const TOLERANCE: f64 = 0.6;

/// Names the frontal boxes after the lateral column: the pairing from head to
/// foot with the most confidence whose rays nearly meet.
///
/// Cost: boxes of both views multiplied.
#[must_use]
pub fn name_frontal(lateral: (&Geometry, &[Named]), frontal: (&Geometry, &[Found])) -> Vec<Named> {
    let (side, column) = lateral;
    let (front, found) = frontal;
    let mut boxes: Vec<Found> = found.iter().filter(|f| f.kind != Kind::Head).copied().collect();
    boxes.sort_by(|a, b| a.bounds.centre()[1].total_cmp(&b.bounds.centre()[1]));
    let worth = |body: &Named, other: &Found| {
        let (place, gap) = meet(&side.ray(body.found.bounds.centre()), &front.ray(other.bounds.centre()))?;
        let height = body.found.bounds.size()[1] * side.pixel_mm(place);
        let share = gap / (TOLERANCE * height).max(1e-9);
        (share < 1.0).then_some(other.confidence * (1.0 - share * share))
    };
    // Longest common subsequence, weighted.
    let (rows, columns) = (column.len() + 1, boxes.len() + 1);
    let mut best = vec![0.0_f64; rows * columns];
    for (i, body) in column.iter().enumerate() {
        for (j, other) in boxes.iter().enumerate() {
            let skip = best[i * columns + j + 1].max(best[(i + 1) * columns + j]);
            let paired = worth(body, other).map_or(f64::NEG_INFINITY, |w| best[i * columns + j] + w);
            best[(i + 1) * columns + j + 1] = paired.max(skip);
        }
    }
    let (mut i, mut j) = (column.len(), boxes.len());
    let mut pairs = Vec::new();
    while i > 0 && j > 0 {
        let here = best[i * columns + j];
        if here == best[(i - 1) * columns + j] {
            i -= 1;
        } else if here == best[i * columns + j - 1] {
            j -= 1;
        } else {
            (i, j) = (i - 1, j - 1);
            pairs.push(Named { level: column[i].level, found: boxes[j] });
        }
    }
    pairs.reverse();
    pairs
}
