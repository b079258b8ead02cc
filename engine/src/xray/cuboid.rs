//! A vertebra's body in three dimensions from its corners in two views.
//!
//! Promises, where both views show it, endplates whose sagittal tilt and depth
//! are the lateral view's, whose coronal tilt and width are the frontal view's,
//! and whose middle lies nearest to both views' rays, with the distance by which
//! these miss each other. Where the lateral view alone shows it, what the
//! frontal view would say is taken over from the neighbours and marked. Axial
//! rotation is not seen: a cuboid looks straight ahead.

use geom::nalgebra::Vector3;
use serde::Serialize;

use super::geometry::Geometry;
use super::landmarks::{C2, Corners, Placed, S1, SeenVertebra, ViewLandmarks, name};
use super::triangulate::{meet, normal, on_plane};
use crate::level::Level;
use crate::measure::{Endplate, HAND_SD_MM, Origin, Vertebra};

/// Half width over half depth of a body that no frontal view shows: between
/// cervical and lumbar ones (Panjabi et al. 1991, 1992: 1.1 to 1.4).
const WIDTH_OVER_DEPTH: f64 = 1.25;
/// How exact the ends of an endplate found by the networks are across it, mm: fitted to tilts on a CT never trained
/// on (docs/xray.md).
const NETWORK_SD_MM: f64 = 2.2;
/// ... those of S1's, which the pelvis covers.
const SACRAL_SD_MM: f64 = 4.0;
/// Rays of an endplate that pass each other further than this are no pair, mm.
const MAX_GAP_MM: f64 = 15.0;

/// Both pictures' geometries.
#[derive(Debug, Clone, Copy)]
pub struct Views<'a> {
    /// Of the frontal radiograph.
    pub frontal: &'a Geometry,
    /// Of the lateral radiograph.
    pub lateral: &'a Geometry,
}

/// The six landmarks of a cuboid, LPS mm: the middles of its faces.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Faces {
    /// Upper endplate.
    pub upper: [f64; 3],
    /// Lower endplate.
    pub lower: [f64; 3],
    /// Front wall.
    pub front: [f64; 3],
    /// Back wall.
    pub back: [f64; 3],
    /// Left wall.
    pub left: [f64; 3],
    /// Right wall.
    pub right: [f64; 3],
}

/// One vertebra of the 3-D spine.
#[derive(Debug, Clone, PartialEq)]
pub struct Cuboid {
    /// Its level.
    pub level: Level,
    /// True when both views show it; else the lateral view alone.
    pub is_in_both: bool,
    /// Upper and lower endplate.
    pub plates: [Endplate; 2],
    /// How far the two views' rays miss each other at each endplate, mm.
    pub gap_mm: Option<[f64; 2]>,
    /// How sure the networks are: the least of both views; 1 by hand.
    pub confidence: f64,
    /// Who placed the corners.
    pub placed: Placed,
    /// Endplates that a picture cuts or that cannot be seen, upper and lower, and why.
    pub unseen: [Option<String>; 2],
}

impl Cuboid {
    /// Middle of the body, LPS mm.
    #[must_use]
    pub fn centre(&self) -> Vector3<f64> {
        let [upper, lower] = &self.plates;
        (upper.plane.centre + lower.plane.centre) / 2.0
    }

    /// Its six landmarks.
    #[must_use]
    pub fn faces(&self) -> Faces {
        let [upper, lower] = &self.plates;
        let middle = |of: fn(&Endplate) -> Vector3<f64>| ((of(upper) + of(lower)) / 2.0).into();
        Faces {
            upper: upper.plane.centre.into(),
            lower: lower.plane.centre.into(),
            front: middle(|p| p.anterior),
            back: middle(|p| p.posterior),
            left: middle(|p| p.left),
            right: middle(|p| p.right),
        }
    }

    /// Depth, width and height between opposite faces, mm.
    #[must_use]
    pub fn size_mm(&self) -> [f64; 3] {
        let f = self.faces();
        [(f.front, f.back), (f.left, f.right), (f.upper, f.lower)]
            .map(|(a, b)| (Vector3::from(a) - Vector3::from(b)).norm())
    }

    /// The eight corners, LPS mm, each endplate in its own plane: upper front
    /// left, front right, back right, back left, then the lower ones.
    #[must_use]
    pub fn corners(&self) -> [Vector3<f64>; 8] {
        let four = |p: &Endplate| {
            let (centre, left) = (p.plane.centre, (p.left - p.right) / 2.0);
            let front = (p.anterior - p.posterior) / 2.0;
            [front + left, front - left, -front - left, left - front].map(|d| centre + d)
        };
        let [a, b] = self.plates.each_ref().map(four);
        [a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]]
    }

    /// As the measures take it.
    #[must_use]
    pub fn to_vertebra(&self) -> Vertebra {
        let [depth, width, _] = self.size_mm();
        let [upper, lower] = &self.plates;
        let up = (upper.plane.normal + lower.plane.normal).normalize();
        let ahead = (upper.anterior - upper.posterior + lower.anterior - lower.posterior) / 2.0;
        let anterior = (ahead - up * up.dot(&ahead)).try_normalize(1e-9).unwrap_or_else(|| -Vector3::y());
        let plate = |i: usize| self.unseen[i].clone().map_or_else(|| Ok(self.plates[i].clone()), Err);
        Vertebra {
            level: self.level,
            centre: self.centre(),
            up,
            anterior,
            left: up.cross(&anterior),
            half_depth_mm: depth / 2.0,
            half_width_mm: width / 2.0,
            superior: plate(0),
            inferior: plate(1),
            rotation_sd_deg: None,
        }
    }
}

/// The ends of an endplate in a view, `[column, row]`: left and right in the picture.
type Ends = [[f64; 2]; 2];

/// Upper or lower ends of a body's corners.
fn ends(corners: &Corners, is_upper: bool) -> Ends {
    if is_upper { [corners[0], corners[1]] } else { [corners[3], corners[2]] }
}

fn midpoint([a, b]: Ends) -> [f64; 2] {
    [f64::midpoint(a[0], b[0]), f64::midpoint(a[1], b[1])]
}

/// An endplate's front, back, left and right end, and the gap of the rays.
struct Solved {
    ends: [Vector3<f64>; 4],
    gap_mm: Option<f64>,
}

/// Front and back end on the plane through `centre` that the lateral detector is parallel to.
fn front_and_back(lateral: &Geometry, seen: Ends, centre: Vector3<f64>) -> Option<[Vector3<f64>; 2]> {
    let across = normal(lateral);
    Some([on_plane(&lateral.ray(seen[0]), centre, across)?, on_plane(&lateral.ray(seen[1]), centre, across)?])
}

/// Both ends moved so that their middle is `centre`.
fn about(centre: Vector3<f64>, [a, b]: [Vector3<f64>; 2]) -> [Vector3<f64>; 2] {
    let shift = centre - (a + b) / 2.0;
    [a + shift, b + shift]
}

fn from_both(views: Views<'_>, lateral: Ends, frontal: Ends) -> Option<Solved> {
    let rays = (views.lateral.ray(midpoint(lateral)), views.frontal.ray(midpoint(frontal)));
    let (centre, gap) = meet(&rays.0, &rays.1)?;
    let [front, back] = about(centre, front_and_back(views.lateral, lateral, centre)?);
    let across = normal(views.frontal);
    // The patient's right is on the picture's left.
    let [right, left] = frontal.map(|p| on_plane(&views.frontal.ray(p), centre, across));
    let [right, left] = about(centre, [right?, left?]);
    Some(Solved { ends: [front, back, left, right], gap_mm: Some(gap) })
}

/// With what the frontal view would say: the place across, and level from left to right.
fn from_lateral(views: Views<'_>, lateral: Ends, amid: Vector3<f64>) -> Option<Solved> {
    let centre = on_plane(&views.lateral.ray(midpoint(lateral)), amid, normal(views.lateral))?;
    let [front, back] = front_and_back(views.lateral, lateral, centre)?;
    let aside = Vector3::x() * ((front - back).norm() / 2.0 * WIDTH_OVER_DEPTH);
    let centre = (front + back) / 2.0;
    Some(Solved { ends: [front, back, centre + aside, centre - aside], gap_mm: None })
}

/// The cuboid of a level; `None` when the lateral view has no corners of it.
///
/// - `amid`: a place whose position across is used when the frontal view lacks it.
#[must_use]
pub fn solve(
    views: Views<'_>,
    lateral: &SeenVertebra,
    frontal: Option<&SeenVertebra>,
    amid: Vector3<f64>,
) -> Option<Cuboid> {
    let side = lateral.corners.as_ref().ok()?;
    let front = frontal.filter(|f| f.corners.is_ok());
    let both = front.and_then(|f| {
        let corners = f.corners.as_ref().ok()?;
        let plate = |is_upper| from_both(views, ends(side, is_upper), ends(corners, is_upper));
        Some([plate(true)?, plate(false)?]).filter(|p| p.iter().all(|s| s.gap_mm.is_some_and(|g| g < MAX_GAP_MM)))
    });
    let is_in_both = both.is_some();
    let alone = |is_upper| from_lateral(views, ends(side, is_upper), amid);
    let solved = match both {
        Some(both) => both,
        None => [alone(true)?, alone(false)?],
    };
    let used = front.filter(|_| is_in_both);
    let by_hand = [Some(lateral), used].into_iter().flatten().all(|s| s.placed == Placed::ByHand);
    let any_by_hand = [Some(lateral), used].into_iter().flatten().any(|s| s.placed == Placed::ByHand);
    let sd = |s: &Solved| {
        let pixel_mm = views.lateral.pixel_mm(s.ends[0]);
        let rms_mm = lateral.rms_px.max(used.map_or(0.0, |f| f.rms_px)) * pixel_mm;
        let placed = match (by_hand, lateral.level.number()) {
            (true, _) => HAND_SD_MM,
            (false, S1) => SACRAL_SD_MM,
            (false, _) => NETWORK_SD_MM,
        };
        placed.hypot(rms_mm).hypot(s.gap_mm.unwrap_or(0.0) / 2.0)
    };
    let origin = if any_by_hand { Origin::ByHand } else { Origin::Fitted };
    let plate = |s: &Solved| Endplate::of_ends(s.ends, sd(s), origin);
    Some(Cuboid {
        level: lateral.level,
        is_in_both,
        plates: [plate(&solved[0])?, plate(&solved[1])?],
        gap_mm: is_in_both.then(|| solved.each_ref().map(|s| s.gap_mm.unwrap_or_default())),
        confidence: lateral.confidence.min(used.map_or(1.0, |f| f.confidence)),
        placed: if any_by_hand { Placed::ByHand } else { Placed::ByNetwork },
        unseen: unseen(views.lateral, lateral),
    })
}

/// Why an endplate is not to be used although the body has corners.
fn unseen(geometry: &Geometry, seen: &SeenVertebra) -> [Option<String>; 2] {
    if seen.placed == Placed::ByHand {
        return [None, None];
    }
    let level = name(seen.level);
    let cut = |is_cut: bool| is_cut.then(|| "the lateral picture ends in it".to_owned());
    let upper = if seen.level.number() == C2 {
        Some(format!("the dens stands on {level}; it has no upper endplate"))
    } else {
        cut(seen.bounds.top < 1.0)
    };
    [upper, cut(seen.bounds.bottom > geometry.rows as f64 - 2.0)]
}

/// The cuboids of all levels that the lateral view shows, from head to foot.
#[must_use]
pub fn solve_all(views: Views<'_>, lateral: &ViewLandmarks, frontal: &ViewLandmarks) -> Vec<Cuboid> {
    let start = isocentre(views);
    let first: Vec<Option<Cuboid>> =
        lateral.vertebrae.iter().map(|seen| solve(views, seen, frontal.vertebra(seen.level), start)).collect();
    let known: Vec<(usize, Vector3<f64>)> = first
        .iter()
        .enumerate()
        .filter_map(|(i, c)| c.as_ref().filter(|c| c.is_in_both).map(|c| (i, c.centre())))
        .collect();
    let again = |(i, cuboid): (usize, Option<Cuboid>)| match cuboid {
        Some(cuboid) if !cuboid.is_in_both && !known.is_empty() => {
            solve(views, lateral.vertebrae.get(i)?, None, across_from(&known, i)).or(Some(cuboid))
        }
        other => other,
    };
    first.into_iter().enumerate().filter_map(again).collect()
}

/// A place as far across as the neighbours seen in both views suggest.
fn across_from(known: &[(usize, Vector3<f64>)], i: usize) -> Vector3<f64> {
    let above = known.iter().rev().find(|(k, _)| *k < i);
    let below = known.iter().find(|(k, _)| *k > i);
    match (above, below) {
        (Some((a, p)), Some((b, q))) => p + (q - p) * ((i - a) as f64 / (b - a) as f64),
        (Some((_, p)), None) | (None, Some((_, p))) => *p,
        (None, None) => Vector3::zeros(),
    }
}

/// Where the middles of both pictures look.
#[must_use]
pub fn isocentre(views: Views<'_>) -> Vector3<f64> {
    let middle = |g: &Geometry| g.ray([(g.columns as f64 - 1.0) / 2.0, (g.rows as f64 - 1.0) / 2.0]);
    meet(&middle(views.lateral), &middle(views.frontal)).map_or_else(Vector3::zeros, |(place, _)| place)
}
