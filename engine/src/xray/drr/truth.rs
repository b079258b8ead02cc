//! Where labelled bodies are in a radiograph, and what the CT itself measures.

use std::collections::BTreeMap;

use geom::Point;
use geom::nalgebra::Vector3;
use serde::{Deserialize, Serialize};

use crate::measure::{Endplate, Report, Spine, Vertebra};
use crate::volume::LabelMap;
use crate::xray::{Geometry, View};

/// Parameters of the sagittal balance, keys of [`Report::parameter`].
const PARAMETERS: [&str; 6] = ["pi_deg", "pt_deg", "ss_deg", "gll_deg", "tk_deg", "sva_mm"];
/// A body reaches this far beyond the outline and the endplates fitted to it, mm.
const RIM_MM: f64 = 2.0;
/// Height of S1's body below its endplate, mm.
const S1_MM: f64 = 26.0;
/// Half width of the dens and depth of C2's body, mm.
const DENS_MM: [f64; 2] = [10.0, 18.0];

/// A body in one picture, pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// Left, top, right, bottom; the first pixel runs from 0 to 1.
    #[serde(rename = "box")]
    pub area: [f64; 4],
    /// Upper left, upper right, lower right, lower left in the picture as
    /// `[column, row]`, integers at pixel middles: the endplates' ends. `None`
    /// where an endplate is not in view, and for S1, which has only one.
    pub corners: Option<[[f64; 2]; 4]>,
}

/// What one picture shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewTruth {
    /// By level, C2 to S1.
    pub levels: BTreeMap<String, Shown>,
    /// Boxes of the femoral heads (as in [`Shown`]): left, then right, those in view.
    pub femoral_heads: Vec<[f64; 4]>,
    /// Both ends of S1's endplate, left and right in the picture.
    pub sacral_plate: Option<[[f64; 2]; 2]>,
}

/// The truth of a pair of pictures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truth {
    /// The frontal picture.
    pub frontal: ViewTruth,
    /// The lateral picture.
    pub lateral: ViewTruth,
    /// As measured in the CT; `None` when not in view.
    pub parameters: BTreeMap<String, Option<f64>>,
}

impl Truth {
    /// Projects what was measured in a CT (VerSe numbers in `labels`).
    ///
    /// Cost: one pass over the labels for each view.
    #[must_use]
    pub fn of(labels: &LabelMap, spine: &Spine, report: &Report, frontal: &Geometry, lateral: &Geometry) -> Self {
        let value = |key: &str| report.parameter(key).and_then(|m| m.as_ref().ok()).map(|v| v.value);
        let bodies = bodies(labels, spine);
        Self {
            frontal: shown(spine, &bodies, frontal),
            lateral: shown(spine, &bodies, lateral),
            parameters: PARAMETERS.iter().map(|key| ((*key).to_owned(), value(key))).collect(),
        }
    }
}

/// The bone of each body, LPS mm.
type Bodies = BTreeMap<String, Vec<Vector3<f64>>>;

fn bodies(labels: &LabelMap, spine: &Spine) -> Bodies {
    let mut found = Bodies::new();
    let [nx, ny, _] = labels.grid.size();
    for (i, label) in labels.labels.iter().enumerate().filter(|(_, l)| (2..=28).contains(*l)) {
        let [x, y, z] = [i % nx, i / nx % ny, i / (nx * ny)].map(|v| v as f64);
        let place = labels.grid.to_ct(Point::new(x, y, z)).vector3();
        if *label == 26 {
            if spine.sacrum.as_ref().is_ok_and(|s| is_first_sacral(spine, &s.plate, place)) {
                found.entry("S1".to_owned()).or_default().push(place);
            }
        } else if let Some(vertebra) = spine.vertebrae.iter().find(|v| v.level.number() == *label)
            && is_body(vertebra, place)
        {
            found.entry(vertebra.level.to_string()).or_default().push(place);
        }
    }
    found
}

/// Whether a place of a vertebra belongs to its body.
fn is_body(vertebra: &Vertebra, place: Vector3<f64>) -> bool {
    let away = place - vertebra.centre;
    let [front, left] = [away.dot(&vertebra.anterior), away.dot(&vertebra.left)];
    let above = |plate: &Result<Endplate, String>| {
        plate.as_ref().ok().map(|plate| (place - plate.plane.centre).dot(&plate.plane.normal))
    };
    if vertebra.level.number() == 2 {
        return left.abs() < DENS_MM[0] && front > -DENS_MM[1] / 2.0 - RIM_MM;
    }
    front.abs() < vertebra.half_depth_mm + RIM_MM
        && left.abs() < vertebra.half_width_mm + RIM_MM
        && above(&vertebra.superior).is_none_or(|mm| mm < RIM_MM)
        && above(&vertebra.inferior).is_none_or(|mm| mm > -RIM_MM)
}

/// Whether a place of the sacrum lies in its first body.
fn is_first_sacral(spine: &Spine, plate: &Endplate, place: Vector3<f64>) -> bool {
    let away = place - plate.plane.centre;
    let depth = -away.dot(&plate.plane.normal);
    let (forward, left) = (plate.anterior - plate.posterior, plate.left - plate.right);
    let within = |axis: Vector3<f64>| away.dot(&axis).abs() < axis.norm() * (axis.norm() / 2.0 + RIM_MM);
    (-RIM_MM..S1_MM).contains(&depth) && within(forward) && within(left) && !spine.vertebrae.is_empty()
}

fn shown(spine: &Spine, bodies: &Bodies, geometry: &Geometry) -> ViewTruth {
    let mut truth = ViewTruth::default();
    for (level, places) in bodies {
        let Some(area) = area(geometry, places.iter().copied(), 0.5) else { continue };
        let vertebra = spine.vertebrae.iter().find(|v| v.level.to_string() == *level);
        let corners = vertebra.and_then(|v| corners(geometry, v));
        truth.levels.insert(level.clone(), Shown { area, corners });
    }
    for head in spine.heads.iter().flatten() {
        let radius = head.radius_mm;
        let round = (0..24).flat_map(|i| {
            let angle = f64::from(i) * std::f64::consts::PI / 12.0;
            [Vector3::x(), Vector3::y()]
                .map(|across| head.centre + (across * angle.cos() + Vector3::z() * angle.sin()) * radius)
        });
        truth.femoral_heads.extend(area(geometry, round, 0.5).filter(|a| is_inside(geometry, a)));
    }
    if let Ok(sacrum) = &spine.sacrum {
        truth.sacral_plate = ends(geometry, &sacrum.plate);
    }
    truth
}

/// Whether most of an area is in the picture.
fn is_inside(geometry: &Geometry, [left, top, right, bottom]: &[f64; 4]) -> bool {
    let middle = [(left + right) / 2.0, (top + bottom) / 2.0];
    (0.0..geometry.columns as f64).contains(&middle[0]) && (0.0..geometry.rows as f64).contains(&middle[1])
}

/// The box about projected places, each a pixel middle plus `half`.
fn area(geometry: &Geometry, places: impl Iterator<Item = Vector3<f64>>, half: f64) -> Option<[f64; 4]> {
    let mut box_of = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    for [column, row] in places.filter_map(|place| geometry.project(place)) {
        let (column, row) = (column + half, row + half);
        box_of = [box_of[0].min(column), box_of[1].min(row), box_of[2].max(column), box_of[3].max(row)];
    }
    box_of.iter().all(|v| v.is_finite()).then_some(box_of)
}

/// Left and right end of an endplate as the view shows it.
fn ends(geometry: &Geometry, plate: &Endplate) -> Option<[[f64; 2]; 2]> {
    let [a, b] = match geometry.view {
        View::Frontal => [plate.right, plate.left],
        View::Lateral => [plate.anterior, plate.posterior],
    };
    Some([geometry.project(a)?, geometry.project(b)?])
}

fn corners(geometry: &Geometry, vertebra: &Vertebra) -> Option<[[f64; 2]; 4]> {
    let upper = ends(geometry, vertebra.superior.as_ref().ok()?)?;
    let lower = ends(geometry, vertebra.inferior.as_ref().ok()?)?;
    Some([upper[0], upper[1], lower[1], lower[0]])
}

#[cfg(test)]
mod tests {
    use geom::nalgebra::Rotation3;

    use super::*;
    use crate::measure::synthetic;
    use crate::measure::{Corrections, Posture, measure};
    use crate::xray::drr::Arrangement;

    #[test]
    fn a_known_spine_is_shown_in_order_and_its_corners_lie_on_its_boxes() {
        let known = synthetic::random(3, 15, 0.0);
        let mut labels = known.labels([1.0; 3], &Rotation3::identity()).unwrap();
        let (spine, report) = measure(&mut labels, &Corrections::default(), Posture::Supine).unwrap();
        let geometry = |view| Arrangement::default().geometry(&labels.grid, view).unwrap();
        let truth = Truth::of(&labels, &spine, &report, &geometry(View::Frontal), &geometry(View::Lateral));
        for view in [&truth.frontal, &truth.lateral] {
            assert!(view.levels.len() >= 9, "{:?}", view.levels.keys());
            let [upper, lower] = ["L2", "L4"].map(|level| &view.levels[level]);
            assert!(upper.area[3] < lower.area[3]);
            let (area, corners) = (upper.area, upper.corners.unwrap());
            // The bone is rounded at the corners of a tilted body: they may stand out a little.
            for [column, row] in corners {
                assert!((area[0] - 12.0..area[2] + 12.0).contains(&column), "{corners:?} {area:?}");
                assert!((area[1] - 12.0..area[3] + 12.0).contains(&row), "{corners:?} {area:?}");
            }
            assert!(corners[0][0] < corners[1][0] && corners[3][1] > corners[0][1]);
            assert_eq!(view.femoral_heads.len(), spine.heads.iter().flatten().count());
        }
        let value = report.parameter("gll_deg").and_then(|m| m.as_ref().ok()).map(|v| v.value);
        assert_eq!(truth.parameters["gll_deg"], value);
        let text = serde_json::to_string(&truth).unwrap();
        assert!(text.contains("\"box\":") && serde_json::from_str::<Truth>(&text).is_ok());
    }
}
