//! The femoral heads in three dimensions.

use geom::nalgebra::Vector3;

use super::cuboid::Views;
use super::landmarks::{Placed, SeenHead, ViewLandmarks};
use super::triangulate::{meet, normal, on_plane};
use crate::measure::{HAND_SD_MM, Sphere};

/// What the middle of a head found by the networks is exact to, mm.
const NETWORK_SD_MM: f64 = 2.0;
/// Half the distance of the femoral heads when no frontal view shows them, mm:
/// adults have 160 to 190 mm between their middles.
const HALF_APART_MM: f64 = 87.0;

/// Left and right head, or why there is none, and what a reader should know.
pub struct Hips {
    /// Left, then right.
    pub heads: [Result<Sphere, String>; 2],
    /// Sentences for the report.
    pub notes: Vec<String>,
}

/// Finds both heads from the circles of both views.
///
/// - `amid`: a place in the middle of the body, for when the frontal view shows none.
#[must_use]
pub fn solve(views: Views<'_>, lateral: &ViewLandmarks, frontal: &ViewLandmarks, amid: Vector3<f64>) -> Hips {
    let mut notes = Vec::new();
    let absent = |view: &str| Err(format!("no femoral head was found in the {view} radiograph"));
    if lateral.heads.is_empty() {
        return Hips { heads: [absent("lateral"), absent("lateral")], notes };
    }
    if lateral.heads.len() == 1 {
        notes.push("one femoral head in the lateral view: both are taken to lie behind each other".to_owned());
    }
    let front = sides(&frontal.heads);
    if front.iter().all(Option::is_none) {
        let what = "no femoral head in the frontal view: the hip axis is taken to stand square to the lateral view";
        notes.push(what.to_owned());
        return Hips { heads: square(views, &lateral.heads, amid), notes };
    }
    let side = assign(views, &lateral.heads, &front);
    let heads = [0, 1].map(|i| match (front[i], side[i]) {
        (Some(f), Some(l)) => sphere(views, l, f).ok_or_else(|| "the rays of both views do not meet".to_owned()),
        (None, _) => absent(["frontal (left side)", "frontal (right side)"][i]),
        (_, None) => absent("lateral"),
    });
    Hips { heads, notes }
}

/// The frontal circles as left and right of the patient.
fn sides(heads: &[SeenHead]) -> [Option<SeenHead>; 2] {
    let mut sorted: Vec<SeenHead> = heads.to_vec();
    sorted.sort_by(|a, b| b.centre[0].total_cmp(&a.centre[0]));
    let named = |side: usize| heads.iter().find(|h| h.side == Some(side)).copied();
    match (named(0), named(1), &sorted[..]) {
        (None, None, [left, right, ..]) => [Some(*left), Some(*right)],
        (left, right, rest) => {
            // A single unnamed head: which side it is cannot be told.
            let other =
                |known: Option<SeenHead>| rest.iter().find(|h| h.side.is_none()).copied().filter(|_| known.is_some());
            [left.or_else(|| other(right)), right.or_else(|| other(left))]
        }
    }
}

/// Which lateral circle belongs to which side: the pairing whose rays miss each other least.
fn assign(views: Views<'_>, lateral: &[SeenHead], front: &[Option<SeenHead>; 2]) -> [Option<SeenHead>; 2] {
    let named = |side: usize| lateral.iter().find(|h| h.side == Some(side)).copied();
    if let (Some(left), Some(right)) = (named(0), named(1)) {
        return [Some(left), Some(right)];
    }
    let (Some(a), b) = (lateral.first(), lateral.get(1).or(lateral.first())) else { return [None, None] };
    let b = b.unwrap_or(a);
    let gap = |l: &SeenHead, f: Option<SeenHead>| {
        f.and_then(|f| meet(&views.lateral.ray(l.centre), &views.frontal.ray(f.centre))).map_or(0.0, |(_, gap)| gap)
    };
    let (straight, crossed) = (gap(a, front[0]) + gap(b, front[1]), gap(b, front[0]) + gap(a, front[1]));
    if straight <= crossed { [Some(*a), Some(*b)] } else { [Some(*b), Some(*a)] }
}

fn sphere(views: Views<'_>, lateral: SeenHead, frontal: SeenHead) -> Option<Sphere> {
    let (centre, gap) = meet(&views.lateral.ray(lateral.centre), &views.frontal.ray(frontal.centre))?;
    let radii =
        [lateral.radius_px * views.lateral.pixel_mm(centre), frontal.radius_px * views.frontal.pixel_mm(centre)];
    Some(ball(centre, radii, gap, [lateral.placed, frontal.placed]))
}

fn ball(centre: Vector3<f64>, radii_mm: [f64; 2], gap_mm: f64, placed: [Placed; 2]) -> Sphere {
    let sd = if placed.iter().all(|p| *p == Placed::ByHand) { HAND_SD_MM } else { NETWORK_SD_MM };
    let [a, b] = radii_mm;
    Sphere {
        centre,
        radius_mm: f64::midpoint(a, b),
        rms_mm: (a - b).abs() / 2.0,
        cover: 1.0,
        centre_sd_mm: sd.hypot(gap_mm / 2.0),
    }
}

/// Both heads as far apart as usual, on the lateral view's rays.
fn square(views: Views<'_>, lateral: &[SeenHead], amid: Vector3<f64>) -> [Result<Sphere, String>; 2] {
    let across = normal(views.lateral);
    let left = if across.x < 0.0 { -across } else { across };
    [(0, 1.0), (1, -1.0)].map(|(i, sign)| {
        let head = lateral.iter().find(|h| h.side == Some(i)).or_else(|| lateral.get(i)).or(lateral.first());
        let head = head.ok_or("no femoral head was found in the lateral radiograph")?;
        let centre = on_plane(&views.lateral.ray(head.centre), amid + left * (sign * HALF_APART_MM), across)
            .ok_or("the lateral beam runs along its detector")?;
        let radius = head.radius_px * views.lateral.pixel_mm(centre);
        Ok(ball(centre, [radius; 2], 0.0, [head.placed; 2]))
    })
}
