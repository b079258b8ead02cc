//! The upper endplate of the sacrum, found from the vertebra that stands on it.

use geom::nalgebra::Vector3;
use geom::{Ct, Transform};

use super::fit::{self, Plane, median};
use super::frame::{self, Frame};
use super::symmetry;
use super::vertebra::{Endplate, Origin, Vertebra};
use crate::surface::Mesh;

/// Rounds in which plate and outline settle.
const ROUNDS: usize = 5;
/// Depth below the plate in which its front and back wall are looked for, mm.
const WALL_BAND_MM: [f64; 2] = [1.5, 7.0];
/// Disc space searched above and below the last endplate, mm.
const DISC_MM: [f64; 2] = [-26.0, 3.0];

/// The sacrum's part in the measures.
#[derive(Debug, Clone, PartialEq)]
pub struct Sacrum {
    /// Its upper endplate; the normal points to the head.
    pub plate: Endplate,
    /// To the left, normal of its plane of symmetry, and its misfit in mm;
    /// `None` when it does not mirror itself (cut off, only S1).
    pub left: Option<(Vector3<f64>, f64)>,
}

impl Sacrum {
    /// The sacrum after a motion.
    #[must_use]
    pub(super) fn moved(&self, motion: &Transform<Ct, Ct>) -> Self {
        let left = self.left.map(|(left, misfit_mm)| (motion.rotation() * left, misfit_mm));
        Self { plate: self.plate.moved(motion), left }
    }
}

/// Finds the sacral plate in `mesh` below `lowest`, the last lumbar vertebra.
///
/// # Errors
/// What is missing, in words.
///
/// Cost: about 40 ms.
pub(super) fn find(
    mesh: &Mesh,
    lowest: &Vertebra,
    grain_mm: f64,
    is_cut: &dyn Fn(&Vector3<f64>) -> bool,
) -> Result<Sacrum, String> {
    let below =
        lowest.inferior.as_ref().map_err(|why| format!("the sacral plate is found from {}: {why}", lowest.level))?;
    let points = frame::points_and_normals(mesh);
    let none = || "no flat endplate was found on the sacrum".to_owned();
    let mirror = symmetry::mirror(mesh, below.plane.centre, lowest.up, lowest.left).filter(|m| m.misfit_mm < 1.6);
    let mut frame = Frame::at(below.plane.centre, [lowest.half_depth_mm, lowest.half_width_mm, 0.0]);
    let left = mirror.map_or(lowest.left, |m| m.left);
    frame.turn(below.plane.normal, left).ok_or_else(none)?;
    let mut band = DISC_MM;
    let mut plane = None;
    for _ in 0..ROUNDS {
        let found = plate(&points, &frame, band, grain_mm).ok_or_else(none)?;
        let height = found.height_at(frame.centre, frame.up, Vector3::zeros()).ok_or_else(none)?;
        frame.centre += frame.up * height;
        frame.turn(found.normal, left).ok_or_else(none)?;
        settle_outline(&mut frame, &points, mirror.map(|m| m.left * m.offset_mm + below.plane.centre));
        band = [-4.0, 4.0];
        plane = Some(found);
    }
    let mut plane = plane.ok_or_else(none)?;
    let is_near = |p: &Vector3<f64>| is_of_plate(&frame, p, &frame.up, band, 0.8);
    let near = points.iter().filter(|(p, _)| is_near(p)).count();
    if 5 * points.iter().filter(|(p, _)| is_near(p) && is_cut(p)).count() > near {
        return Err("the scan ends in the sacral plate".to_owned());
    }
    plane.centre = frame.centre;
    let (d, w) = (frame.anterior * frame.half_depth, frame.left * frame.half_width);
    let plate = Endplate {
        plane,
        origin: Origin::Fitted,
        anterior: frame.centre + d,
        posterior: frame.centre - d,
        left: frame.centre + w,
        right: frame.centre - w,
        relief_mm: relief(&points, &frame),
    };
    Ok(Sacrum { plate, left: mirror.map(|m| (m.left, m.misfit_mm)) })
}

fn is_of_plate(frame: &Frame, p: &Vector3<f64>, normal: &Vector3<f64>, band: [f64; 2], reach: f64) -> bool {
    let [s, l, h] = frame.local(p);
    (band[0]..=band[1]).contains(&h) && normal.dot(&frame.up) > 0.6 && frame.radius(s, l) < reach
}

fn plate(points: &[(Vector3<f64>, Vector3<f64>)], frame: &Frame, band: [f64; 2], grain_mm: f64) -> Option<Plane> {
    let chosen = points.iter().filter(|(p, n)| is_of_plate(frame, p, n, band, 0.8)).map(|(p, _)| *p);
    fit::plane(&chosen.collect::<Vec<_>>(), frame.up, grain_mm)
}

/// Front and back of the plate from the walls just below it; its middle from
/// the plane of symmetry where there is one.
fn settle_outline(frame: &mut Frame, points: &[(Vector3<f64>, Vector3<f64>)], mirror: Option<Vector3<f64>>) {
    let wall = |sign: f64| {
        let mut distances: Vec<f64> = points
            .iter()
            .filter(|(_, n)| n.dot(&frame.anterior) * sign > 0.5)
            .map(|(p, _)| frame.local(p))
            .filter(|[s, l, h]| {
                s * sign > 4.0 && l.abs() < 0.3 * frame.half_width && (-WALL_BAND_MM[1]..=-WALL_BAND_MM[0]).contains(h)
            })
            .map(|[s, ..]| s * sign)
            .collect();
        distances.sort_by(f64::total_cmp);
        let first = *distances.get(distances.len() / 20)?;
        let near: Vec<f64> = distances.into_iter().filter(|d| *d < first + 4.0).collect();
        (near.len() >= 5).then(|| median(&mut near.clone())).filter(|d| *d < 40.0)
    };
    if let (Some(front), Some(back)) = (wall(1.0), wall(-1.0)) {
        frame.centre += frame.anterior * ((front - back) / 2.0);
        frame.half_depth = ((front + back) / 2.0).clamp(8.0, 30.0);
    }
    if let Some(on_plane) = mirror {
        frame.centre += frame.left * frame.left.dot(&(on_plane - frame.centre));
    }
}

fn relief(points: &[(Vector3<f64>, Vector3<f64>)], frame: &Frame) -> [f64; 3] {
    [[0.45, 0.92], [-0.25, 0.25], [-0.92, -0.45]].map(|[low, high]| {
        let mut heights: Vec<f64> = points
            .iter()
            .filter(|(p, n)| is_of_plate(frame, p, n, [-5.0, 5.0], 0.95))
            .map(|(p, _)| frame.local(p))
            .filter(|[s, l, _]| l.abs() < 0.4 * frame.half_width && (low..=high).contains(&(s / frame.half_depth)))
            .map(|[.., h]| h)
            .collect();
        median(&mut heights)
    })
}
