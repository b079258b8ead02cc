//! CT to CT by bone surfaces: pre-operative to intra-operative.

use std::time::Instant;

use geom::{Ct, Patient, Point, Transform};

use super::anchors::Anchors;
use super::error::RegisterError;
use super::parts::{Align, Factor, Moving, Reject, align};
use super::pose::Pose;
use super::registration::{Method, Registration};
use super::settings::Settings;
use super::source::Source;
use super::surface::from_guesses;
use super::target::Target;
use crate::surface::{PointCloud, sample_normals};

/// Points taken of the other surface.
const POINTS: usize = 4000;
/// Bones whose surfaces look further apart than this do not match, degrees.
const MAX_ANGLE_DEG: f64 = 45.0;

/// Finds where a CT lies in the frame of another one, from the bone surfaces
/// of both.
///
/// * `target` - surface of the first CT, prepared without culling
///   (`TargetSettings { approach: None, .. }`).
/// * `other` - surface in the frame of the second CT, which takes the place of
///   the patient's: the result maps the first CT into the second.
/// * `initial` - first guess, right to within the capture range.
///
/// Points are taken evenly over the directions of the surface, so that a long
/// flat lamina does not outvote the processes. The result is one rigid motion: take one
/// vertebra at a time when the posture changed.
///
/// # Errors
/// As [`super::surface`].
pub fn between_cts(
    target: &Target,
    other: &PointCloud,
    initial: &Transform<Patient, Ct>,
    settings: &Settings,
) -> Result<Registration, RegisterError> {
    let begun = Instant::now();
    if !initial.is_finite() {
        return Err(RegisterError::InitialNotFinite);
    }
    let chosen = other.select(&sample_normals(other, POINTS, 1));
    let points: Vec<Point<Patient>> = chosen.points.iter().map(|p| Point::from(*p)).collect();
    let normals: Vec<geom::Vector<Patient>> = chosen.normals.iter().map(|n| (*n).into()).collect();
    let source = Source::new(&points, settings.min_points)?;
    let guess = Pose::from_transform(&initial.inverse(), &source, target);
    let judged = from_guesses(target, (&source, &Anchors::default()), &[guess], settings)?;
    // Surfaces that look another way are the wrong side of thin bone: settle
    // without them, then judge what is left.
    let moving = Moving { points: &points, normals: Some(&normals) };
    let parts = Align {
        rejectors: vec![Reject::Distance { most_mm: 3.0 }, Reject::Normal { most_deg: MAX_ANGLE_DEG }],
        factor: Factor::PointToPlane,
        ..Align::default()
    };
    let start = judged.pose.to_transform(&source, target).inverse();
    let aligned = align(target, &moving, &start, &parts)?;
    let kept: Vec<Point<Patient>> =
        points.iter().zip(&aligned.weights).filter(|(_, w)| **w > 0.0).map(|(p, _)| *p).collect();
    if kept.len() < settings.min_points {
        return Ok(judged.registration(Method::OtherCt, begun));
    }
    let source = Source::new(&kept, settings.min_points)?;
    let guess = Pose::from_transform(&aligned.patient_from_ct.inverse(), &source, target);
    let judged = from_guesses(target, (&source, &Anchors::default()), &[guess], settings)?;
    Ok(judged.registration(Method::OtherCt, begun))
}
