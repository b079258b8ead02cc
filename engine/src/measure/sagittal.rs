//! Sagittal balance: kyphosis, lordosis, pelvis, and the plumb line.
//!
//! Signs: kyphosis and lordosis are positive as they are in a healthy spine,
//! pelvic tilt when the sacrum lies behind the hips, the vertical axis when C7
//! stands in front of the sacrum. Definitions: Duval-Beaupere et al. 1992,
//! doi:10.1007/BF02368136; Legaye et al. 1998, doi:10.1007/s005860050038.

use geom::nalgebra::Vector3;

use super::angles::{Measure, Value, sagittal, tilt_deg};
use super::spine::{Spine, order};
use super::vertebra::{Endplate, Side};
use crate::level::Level;

/// Vertebrae that a lordosis may reach up to: T1.
const HIGHEST: u8 = 8;

fn level(number: u8) -> Result<Level, String> {
    Level::from_number(number).ok_or_else(|| format!("{number} is no level"))
}

/// Angle between two endplates in the sagittal plane; positive when the upper
/// one leans forward against the lower one.
fn between(upper: &Endplate, lower: &Endplate, names: [String; 2], sign: f64) -> Value {
    let (a, b) = (tilt_deg(upper, sagittal()), tilt_deg(lower, sagittal()));
    Value { value: sign * (a.0 - b.0), sd: a.1.hypot(b.1), landmarks: names.into() }
}

/// Thoracic kyphosis from the upper endplate of `upper` to the lower one of T12
/// (T1-T12 with 8, T4-T12 with 11).
///
/// # Errors
/// Which landmark is not in view.
pub fn kyphosis(spine: &Spine, upper: u8) -> Measure {
    let (upper, lower) = (level(upper)?, level(19)?);
    let names = [format!("{upper}-superior"), format!("{lower}-inferior")];
    Ok(between(spine.endplate(upper, Side::Superior)?, spine.endplate(lower, Side::Inferior)?, names, 1.0))
}

/// Lumbar lordosis from the upper endplate of L1 to the sacral plate.
///
/// # Errors
/// Which landmark is not in view.
pub fn lordosis_to_sacrum(spine: &Spine) -> Measure {
    lordosis_from(spine, level(20)?)
}

/// Lordosis from the upper endplate of `first` to the sacral plate.
///
/// # Errors
/// Which landmark is not in view.
pub(super) fn lordosis_from(spine: &Spine, first: Level) -> Measure {
    let names = [format!("{first}-superior"), "sacral-plate".to_owned()];
    Ok(between(spine.endplate(first, Side::Superior)?, sacral_plate(spine)?, names, -1.0))
}

/// Lumbar lordosis from the upper endplate of L1 to the lower one of L5.
///
/// # Errors
/// Which landmark is not in view.
pub fn lordosis_to_l5(spine: &Spine) -> Measure {
    let (first, last) = (level(20)?, level(24)?);
    let names = [format!("{first}-superior"), format!("{last}-inferior")];
    Ok(between(spine.endplate(first, Side::Superior)?, spine.endplate(last, Side::Inferior)?, names, -1.0))
}

/// Global lumbar lordosis: from the sacral plate to the upper endplate at which
/// lordosis turns into kyphosis (Roussouly et al. 2005,
/// doi:10.1097/01.brs.0000152379.54463.65).
///
/// # Errors
/// When the sacral plate or that turning point is not in view.
pub fn global_lordosis(spine: &Spine) -> Measure {
    let plate = sacral_plate(spine)?;
    let lowest = spine.vertebrae.last().map(|v| order(v.level)).unwrap_or_default();
    let in_reach = |l: Level| (order(level(HIGHEST).unwrap_or(l))..=lowest).contains(&order(l));
    let mut tilts = Vec::new();
    for vertebra in spine.vertebrae.iter().rev().filter(|v| in_reach(v.level)) {
        let Ok(endplate) = spine.endplate(vertebra.level, Side::Superior) else { continue };
        tilts.push((tilt_deg(endplate, sagittal()).0, vertebra.level, endplate));
    }
    let most = (0..tilts.len())
        .min_by(|a, b| tilts[*a].0.total_cmp(&tilts[*b].0))
        .ok_or("no vertebra above the sacrum is in view")?;
    let (_, upper, endplate) = tilts[most];
    if most + 1 == tilts.len() {
        return Err(format!(
            "the turning point of the lordosis lies at or above {upper}, the highest endplate in view"
        ));
    }
    Ok(between(endplate, plate, [format!("{upper}-superior"), "sacral-plate".to_owned()], -1.0))
}

fn sacral_plate(spine: &Spine) -> Result<&Endplate, String> {
    spine.sacrum.as_ref().map(|s| &s.plate).map_err(Clone::clone)
}

/// Sacral slope: the sacral plate against the horizontal.
///
/// # Errors
/// When the sacral plate is not in view.
pub fn sacral_slope(spine: &Spine) -> Measure {
    let (value, sd) = tilt_deg(sacral_plate(spine)?, sagittal());
    Ok(Value { value, sd, landmarks: vec!["sacral-plate".to_owned()] })
}

/// The hip axis: its middle, its direction to the left, and their standard deviations, mm and radians.
pub(super) struct HipAxis {
    pub middle: Vector3<f64>,
    pub left: Vector3<f64>,
    pub middle_sd_mm: f64,
    pub turn_sd_rad: f64,
}

pub(super) fn hip_axis(spine: &Spine) -> Result<HipAxis, String> {
    let [left, right] = &spine.heads;
    let (left, right) = (left.as_ref().map_err(Clone::clone)?, right.as_ref().map_err(Clone::clone)?);
    let across = left.centre - right.centre;
    let length = across.norm();
    if length < 60.0 {
        return Err(format!("the femoral heads lie {length:.0} mm apart, which is no pelvis"));
    }
    let sd = left.centre_sd_mm.hypot(right.centre_sd_mm);
    Ok(HipAxis {
        middle: (left.centre + right.centre) / 2.0,
        left: across / length,
        middle_sd_mm: sd / 2.0,
        turn_sd_rad: sd / length,
    })
}

fn pelvic_landmarks() -> Vec<String> {
    ["sacral-plate", "femoral-head-left", "femoral-head-right"].map(str::to_owned).into()
}

/// Pelvic tilt: from the hip axis to the middle of the sacral plate, against
/// the vertical, in the sagittal plane of the image.
///
/// # Errors
/// Which landmark is not in view.
pub fn pelvic_tilt(spine: &Spine) -> Measure {
    let (plate, hips) = (sacral_plate(spine)?, hip_axis(spine)?);
    let up = plate.plane.centre - hips.middle;
    let value = up.y.atan2(up.z).to_degrees();
    let sd = (hips.middle_sd_mm.hypot(middle_sd_mm(plate)) / up.y.hypot(up.z).max(1.0)).to_degrees();
    Ok(Value { value, sd, landmarks: pelvic_landmarks() })
}

/// The middle of a plate along itself: the walls it lies between are exact to
/// about this much each, mm.
fn middle_sd_mm(plate: &Endplate) -> f64 {
    plate.plane.place_sd_mm().hypot(1.0)
}

/// Pelvic incidence: between the normal of the sacral plate and the line from
/// its middle to the hip axis, in the plane across the hip axis. Unlike tilt
/// and slope it does not depend on how the patient lies.
///
/// # Errors
/// Which landmark is not in view.
pub fn pelvic_incidence(spine: &Spine) -> Measure {
    let (plate, hips) = (sacral_plate(spine)?, hip_axis(spine)?);
    let across = |v: Vector3<f64>| v - hips.left * v.dot(&hips.left);
    let (normal, up) = (across(plate.plane.normal), across(plate.plane.centre - hips.middle));
    // Positive when the line leans back from the normal.
    let value = normal.cross(&up).dot(&-hips.left).atan2(normal.dot(&up)).to_degrees();
    let direction = hips.left.cross(&plate.plane.normal);
    let line = hips.middle_sd_mm.hypot(middle_sd_mm(plate)) / up.norm().max(1.0);
    let sd = plate.plane.tilt_sd_rad(direction).hypot(line).to_degrees();
    Ok(Value { value, sd, landmarks: pelvic_landmarks() })
}

/// Sagittal vertical axis: how far the plumb line through the middle of C7 falls
/// in front of the back upper corner of the sacrum, mm.
///
/// # Errors
/// Which landmark is not in view.
pub fn vertical_axis(spine: &Spine) -> Measure {
    let (plate, c7) = (sacral_plate(spine)?, spine.c7_centre()?);
    let landmarks = vec!["C7-centre".to_owned(), "sacral-plate".to_owned()];
    Ok(Value { value: plate.posterior.y - c7.y, sd: middle_sd_mm(plate).hypot(1.0), landmarks })
}
