//! Measures of single vertebrae and of the discs between them.

use geom::nalgebra::Vector3;
use serde::Serialize;

use super::angles::{Measure, Value, coronal, sagittal, tilt_deg};
use super::sagittal::hip_axis;
use super::spine::{Spine, order};
use super::vertebra::{Endplate, Side, Vertebra};
use crate::level::Level;

/// Slips below this are not called one, mm: what two readings of one patient
/// differ by (Boden and Wiesel 1990, doi:10.1097/00007632-199006000-00021).
const LEAST_SLIP_MM: f64 = 3.0;

/// Slips are measured from this level down: C7.
const FIRST_SLIP: u8 = 7;

/// What rotations are relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RotationFrame {
    /// The line through both femoral heads.
    FemoralHeads,
    /// The plane of symmetry of the sacrum.
    Sacrum,
    /// The axes of the image: nothing of the pelvis is in view.
    Image,
}

/// A single vertebra.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelMeasures {
    /// Its level.
    pub level: Level,
    /// Axial rotation, degrees: positive when its front turns to the patient's left.
    pub rotation_deg: Measure,
    /// Height of the body at the front, in the middle, at the back, mm.
    pub height_mm: [Measure; 3],
    /// Endplates against each other in the sagittal plane, degrees: positive
    /// when the front is lower.
    pub wedge_sagittal_deg: Measure,
    /// ... in the coronal plane: positive when the left side is lower.
    pub wedge_coronal_deg: Measure,
}

/// The disc between two vertebrae, or above the sacrum.
#[derive(Debug, Clone, PartialEq)]
pub struct DiscMeasures {
    /// The level above.
    pub upper: Level,
    /// The level below; the sacrum for the last one.
    pub lower: Level,
    /// Height at the front, in the middle, at the back, mm.
    pub height_mm: [Measure; 3],
    /// How far the upper body stands in front of the lower one, mm.
    pub slip_mm: Measure,
    /// Meyerding's grade of that, 0 for none to 5; negative when it slipped back.
    pub slip_grade: Result<i8, String>,
}

/// What rotations are measured against: the direction to the left and its
/// standard deviation in radians.
pub(super) fn rotation_frame(spine: &Spine) -> (RotationFrame, Vector3<f64>, f64) {
    if let Ok(hips) = hip_axis(spine) {
        return (RotationFrame::FemoralHeads, hips.left, hips.turn_sd_rad);
    }
    match spine.sacrum.as_ref().ok().and_then(|s| s.left) {
        Some((left, misfit_mm)) => (RotationFrame::Sacrum, left, (0.5 + misfit_mm).to_radians()),
        None => (RotationFrame::Image, Vector3::x(), 0.0),
    }
}

/// Measures of every vertebra, from head to foot.
pub(super) fn levels(spine: &Spine) -> Vec<LevelMeasures> {
    let (_, left, frame_sd) = rotation_frame(spine);
    // In the transverse plane of the image; the front is left x up.
    let zero = left.y.atan2(left.x).to_degrees();
    spine.vertebrae.iter().map(|v| level(spine, v, zero, frame_sd.to_degrees())).collect()
}

fn level(spine: &Spine, vertebra: &Vertebra, zero_deg: f64, zero_sd_deg: f64) -> LevelMeasures {
    let upper = spine.endplate(vertebra.level, Side::Superior);
    let lower = spine.endplate(vertebra.level, Side::Inferior);
    let names = || vec![format!("{}-superior", vertebra.level), format!("{}-inferior", vertebra.level)];
    let both = upper.and_then(|u| Ok((u, lower?)));
    let wedge = |aside, sign: f64| {
        let (u, l) = both.clone()?;
        let (a, b) = (tilt_deg(u, aside), tilt_deg(l, aside));
        Ok(Value { value: sign * (a.0 - b.0), sd: a.1.hypot(b.1), landmarks: names() })
    };
    let height = |i: usize| {
        let (u, l) = both.clone()?;
        let (top, bottom) = (ends(u)[i], ends(l)[i]);
        let value = (top - bottom).dot(&vertebra.up) + u.relief_mm[i] + l.relief_mm[i];
        Ok(Value { value, sd: u.plane.place_sd_mm().hypot(l.plane.place_sd_mm()).max(0.2), landmarks: names() })
    };
    LevelMeasures {
        level: vertebra.level,
        rotation_deg: rotation(vertebra, zero_deg, zero_sd_deg),
        height_mm: [height(0), height(1), height(2)],
        wedge_sagittal_deg: wedge(sagittal(), 1.0),
        wedge_coronal_deg: wedge(coronal(), 1.0),
    }
}

/// Front, middle and back of an endplate.
fn ends(plate: &Endplate) -> [Vector3<f64>; 3] {
    [plate.anterior, plate.plane.centre, plate.posterior]
}

fn rotation(vertebra: &Vertebra, zero_deg: f64, zero_sd_deg: f64) -> Measure {
    let sd =
        vertebra.rotation_sd_deg.ok_or("its label does not mirror itself, so that left and right are not known")?;
    let front = vertebra.anterior;
    let value = wrap(front.x.atan2(-front.y).to_degrees() - zero_deg);
    Ok(Value { value, sd: sd.hypot(zero_sd_deg), landmarks: vec![format!("{}-symmetry", vertebra.level)] })
}

/// Into -180 to 180 degrees.
fn wrap(degrees: f64) -> f64 {
    (degrees + 180.0).rem_euclid(360.0) - 180.0
}

/// Measures of every disc whose both sides are in view, from head to foot.
pub(super) fn discs(spine: &Spine) -> Vec<DiscMeasures> {
    let mut found = Vec::new();
    for pair in spine.vertebrae.windows(2) {
        let [upper, lower] = pair else { continue };
        if follows(upper.level, lower.level) {
            let below = spine.endplate(lower.level, Side::Superior);
            found.push(disc(spine, upper, lower.level, below, &format!("{}-superior", lower.level)));
        }
    }
    if let (Some(last), Some(sacrum)) = (spine.vertebrae.last(), Level::from_number(26))
        && (24..=25).contains(&last.level.number())
    {
        let plate = spine.sacrum.as_ref().map(|s| &s.plate).map_err(Clone::clone);
        found.push(disc(spine, last, sacrum, plate, "sacral-plate"));
    }
    found
}

/// True when no level is missing between two.
fn follows(upper: Level, lower: Level) -> bool {
    let step = order(lower) - order(upper);
    step == 2 || step == 1
}

fn disc(
    spine: &Spine,
    upper: &Vertebra,
    lower: Level,
    below: Result<&Endplate, String>,
    below_name: &str,
) -> DiscMeasures {
    let above = spine.endplate(upper.level, Side::Inferior);
    let both = above.and_then(|a| Ok((a, below?)));
    let landmarks = || vec![format!("{}-inferior", upper.level), below_name.to_owned()];
    let height = |i: usize| {
        let (a, b) = both.clone()?;
        let up = (a.plane.normal + b.plane.normal).normalize();
        // At the same place of both, even when the bodies slipped.
        let place = ends(b)[i];
        let top = a.plane.height_at(place, up, Vector3::zeros()).ok_or("its endplates stand upright")?;
        let value = top - a.relief_mm[i] - b.relief_mm[i];
        Ok(Value { value, sd: a.plane.place_sd_mm().hypot(b.plane.place_sd_mm()).max(0.2), landmarks: landmarks() })
    };
    let slip = both.clone().and_then(|(a, b)| {
        if upper.level.number() < FIRST_SLIP {
            return Err("slips are not measured in the neck, whose back walls are too short to be exact".to_owned());
        }
        // The outline of a cut body is not to be trusted, nor then its back corner.
        let ends = [(upper.level, Side::Superior), (lower, Side::Inferior)];
        for (level, side) in ends.into_iter().filter(|(level, _)| Some(*level) != Level::from_number(26)) {
            spine.endplate(level, side).map_err(|_| format!("{level} is not wholly in view"))?;
        }
        Ok(slip(a, b, landmarks()))
    });
    let grade = both.clone().and_then(|(_, b)| Ok(grade(slip.as_ref().map_err(Clone::clone)?.value, b)));
    DiscMeasures {
        upper: upper.level,
        lower,
        height_mm: [height(0), height(1), height(2)],
        slip_mm: slip,
        slip_grade: grade,
    }
}

/// Back corner of the upper body in front of that of the lower one, along the lower endplate.
fn slip(above: &Endplate, below: &Endplate, landmarks: Vec<String>) -> Value {
    let forward = (below.anterior - below.posterior).normalize();
    Value { value: (above.posterior - below.posterior).dot(&forward), sd: 1.0, landmarks }
}

/// Meyerding 1932: quarters of the lower endplate's depth; 5 is spondyloptosis.
fn grade(slip_mm: f64, below: &Endplate) -> i8 {
    if slip_mm.abs() < LEAST_SLIP_MM {
        return 0;
    }
    let share = slip_mm.abs() / (below.anterior - below.posterior).norm().max(1.0);
    let grade = (share * 4.0).ceil().clamp(1.0, 5.0) as i8;
    if slip_mm < 0.0 { -grade } else { grade }
}
