//! Which box of the frontal view shows the vertebra of which lateral box.
//!
//! A frontal body is hard to see through gas and arches, so boxes too weak to be
//! believed by themselves are candidates too: the lateral view says at which
//! height and how tall each must be, and a column runs on without a jump.

use geom::nalgebra::Vector3;

use super::chain::Named;
use super::detection::Found;
use super::geometry::Geometry;
use super::triangulate::meet;

/// Confidence of the weakest frontal box that is a candidate.
pub const WEAKEST: f32 = 0.02;
/// Rays of one vertebra pass each other at most this share of its height,
const TOLERANCE: f64 = 0.6;
/// ... usually this.
const GAP: f64 = 0.2;
/// Usual difference of a vertebra's heights in both views, as a logarithm.
const HEIGHT: f64 = 0.2;
/// ... of the widths of neighbours.
const WIDTH: f64 = 0.2;
/// Usual slope of a column against the vertical in the frontal view, mm a mm.
const SLOPE: f64 = 0.25;
/// Least distance of two bodies down the column, mm,
const LEAST_DOWN_MM: f64 = 5.0;
/// ... and of their boxes, over their mean height: below, they are the same body.
const SAME: f64 = 0.35;
/// What two bodies may contradict each other and still be of one column, in nats.
const LARGEST_BREAK: f64 = 8.0;

/// A frontal box for a lateral one.
struct Candidate {
    found: Found,
    /// Where both say that the body is, LPS mm.
    place_mm: Vector3<f64>,
    width_mm: f64,
    /// Nats over no box at all.
    worth: f64,
}

/// The frontal boxes of a column.
#[derive(Debug, Clone, Default)]
pub struct FrontalColumn {
    /// From head to foot.
    pub bodies: Vec<Named>,
    /// How much likelier than none at all, nats.
    pub worth: f64,
}

/// Best column that ends with a candidate: its worth, and body and candidate before.
type Best = (f64, Option<(usize, usize)>);

/// Names the frontal boxes after the lateral column: at most one for each body, from head to foot those that together
/// are the most likely (log-likelihoods added, Viterbi's algorithm; bodies may be left out).
///
/// - `lateral`: from head to foot.
/// - `frontal`: boxes down to [`WEAKEST`].
///
/// Cost: the square of the pairs whose rays nearly meet, a few hundred.
#[must_use]
pub fn name_frontal(lateral: (&Geometry, &[Named]), frontal: (&Geometry, &[Found])) -> FrontalColumn {
    let (side, column) = lateral;
    let of_body = |body: &Named| candidates(body, side, frontal);
    let bodies: Vec<Vec<Candidate>> = column.iter().map(of_body).collect();
    let mut best: Vec<Vec<Best>> = Vec::with_capacity(bodies.len());
    for lower in &bodies {
        let ending = |one: &Candidate| {
            let before = best.iter().zip(&bodies).enumerate().flat_map(|(i, (scores, upper))| {
                scores.iter().zip(upper).enumerate().filter_map(move |(j, (score, other))| {
                    let broken = break_between(other, one)?;
                    Some((score.0 - broken, (i, j)))
                })
            });
            let (gained, from) = before.max_by(|a, b| a.0.total_cmp(&b.0)).unzip();
            match gained.filter(|gained| *gained > 0.0) {
                Some(gained) => (gained + one.worth, from),
                None => (one.worth, None),
            }
        };
        let ending: Vec<Best> = lower.iter().map(ending).collect();
        best.push(ending);
    }
    let places = best.iter().enumerate().flat_map(|(i, ends)| (0..ends.len()).map(move |j| (i, j)));
    let mut at = places.max_by(|a, b| best[a.0][a.1].0.total_cmp(&best[b.0][b.1].0));
    let mut named = FrontalColumn { bodies: Vec::new(), worth: at.map_or(0.0, |(i, j)| best[i][j].0) };
    while let Some((i, j)) = at {
        named.bodies.push(Named { level: column[i].level, found: bodies[i][j].found });
        at = best[i][j].1;
    }
    named.bodies.reverse();
    named
}

/// The frontal boxes that may show a body; a column holds no femoral head.
fn candidates(body: &Named, side: &Geometry, frontal: (&Geometry, &[Found])) -> Vec<Candidate> {
    let (front, found) = frontal;
    let ray = side.ray(body.found.bounds.centre());
    let candidate = |other: &Found| {
        let (place_mm, gap_mm) = meet(&ray, &front.ray(other.bounds.centre()))?;
        let height_mm = (body.found.bounds.size()[1] * side.pixel_mm(place_mm)).max(1e-9);
        let [width_mm, tall_mm] = other.bounds.size().map(|edge| edge * front.pixel_mm(place_mm));
        let gap = gap_mm / height_mm;
        let unlikely = deviation(gap, GAP) + deviation((tall_mm / height_mm).ln(), HEIGHT);
        let worth = (other.confidence / f64::from(WEAKEST)).ln() - unlikely;
        (gap < TOLERANCE && worth > 0.0).then_some(Candidate { found: *other, place_mm, width_mm, worth })
    };
    found.iter().filter(|other| other.kind == body.found.kind).filter_map(candidate).collect()
}

/// How unlikely it is that `lower` follows `upper`, nats; `None` when it cannot.
fn break_between(upper: &Candidate, lower: &Candidate) -> Option<f64> {
    let apart = lower.place_mm - upper.place_mm;
    let [above, below] = [upper.found.bounds, lower.found.bounds];
    let down = (below.centre()[1] - above.centre()[1]) / f64::midpoint(above.size()[1], below.size()[1]);
    if -apart.z < LEAST_DOWN_MM || down < SAME {
        return None;
    }
    let broken = deviation(apart.x / apart.z, SLOPE) + deviation((lower.width_mm / upper.width_mm).ln(), WIDTH);
    (broken < LARGEST_BREAK).then_some(broken)
}

/// Nats of a normal deviation.
fn deviation(value: f64, sigma: f64) -> f64 {
    (value / sigma).powi(2) / 2.0
}

#[cfg(test)]
mod tests {
    use super::super::detection::Kind;
    use super::super::geometry::View;
    use super::super::landmarks::Bounds;
    use super::*;
    use crate::level::Level;

    /// Boxes of `size` mm about places `[across, height]` in a parallel picture of 1 mm.
    fn boxes(geometry: &Geometry, places: &[[f64; 2]], size: [f64; 2], confidence: f64) -> Vec<Found> {
        let at = |place: &[f64; 2]| {
            let mut mm = Vector3::new(0.0, 0.0, place[1]);
            mm[geometry.view.across()] = place[0];
            let [x, y] = geometry.project(mm).unwrap();
            let [w, h] = size.map(|edge| edge / 2.0);
            let bounds = Bounds { left: x - w, top: y - h, right: x + w, bottom: y + h };
            Found { kind: Kind::Vertebra, confidence, bounds }
        };
        places.iter().map(at).collect()
    }

    fn pictures() -> [Geometry; 2] {
        [View::Frontal, View::Lateral].map(|view| Geometry::assumed(view, [600, 400], [1.0, 1.0]).unwrap())
    }

    /// L1 to L5 in the lateral view.
    fn column(side: &Geometry) -> Vec<Named> {
        let places: Vec<[f64; 2]> = (0..5).map(|i| [0.0, -100.0 - 35.0 * f64::from(i)]).collect();
        let levels = (20..).filter_map(Level::from_number);
        boxes(side, &places, [34.0, 28.0], 0.9)
            .into_iter()
            .zip(levels)
            .map(|(found, level)| Named { level, found })
            .collect()
    }

    fn levels(named: &[Named]) -> Vec<u8> {
        named.iter().map(|n| n.level.number()).collect()
    }

    #[test]
    fn weak_boxes_in_the_column_win_over_strong_ones_beside_it() {
        let [front, side] = pictures();
        let curve = |i: u32| [f64::from(i) * 4.0, -101.0 - 35.0 * f64::from(i)];
        let mut found = boxes(&front, &[0, 1, 3, 4].map(curve), [44.0, 27.0], 0.5);
        found.extend(boxes(&front, &[curve(2)], [44.0, 27.0], 0.04));
        // Gas beside L3, a box over two bodies, one between two heights.
        found.extend(boxes(&front, &[[-75.0, -170.0]], [44.0, 28.0], 0.8));
        found.extend(boxes(&front, &[[6.0, -152.0]], [46.0, 66.0], 0.6));
        found.extend(boxes(&front, &[[6.0, -187.0]], [46.0, 28.0], 0.6));
        let named = name_frontal((&side, &column(&side)), (&front, &found)).bodies;
        assert_eq!(levels(&named), [20, 21, 22, 23, 24]);
        assert_eq!(named.iter().map(|n| n.found.confidence).collect::<Vec<_>>(), [0.5, 0.5, 0.04, 0.5, 0.5]);
    }

    #[test]
    fn a_body_that_the_frontal_view_does_not_show_takes_no_box() {
        let [front, side] = pictures();
        let found = boxes(&front, &[[0.0, -100.0], [0.0, -135.0], [0.0, -240.0]], [44.0, 28.0], 0.7);
        assert_eq!(levels(&name_frontal((&side, &column(&side)), (&front, &found)).bodies), [20, 21, 24]);
        assert!(name_frontal((&side, &column(&side)), (&front, &[])).bodies.is_empty());
        assert!(name_frontal((&side, &[]), (&front, &found)).bodies.is_empty());
    }

    #[test]
    fn no_box_is_two_bodies() {
        let [front, side] = pictures();
        let found = boxes(&front, &[[0.0, -117.0], [0.0, -121.0]], [44.0, 28.0], 0.9);
        assert_eq!(name_frontal((&side, &column(&side)[..2]), (&front, &found)).bodies.len(), 1);
    }

    #[test]
    fn a_femoral_head_is_no_body() {
        let [front, side] = pictures();
        let mut found = boxes(&front, &[[0.0, -100.0]], [44.0, 28.0], 0.9);
        found[0].kind = Kind::Head;
        assert!(name_frontal((&side, &column(&side)), (&front, &found)).bodies.is_empty());
    }
}
