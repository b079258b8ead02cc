//! Inclinations of endplates in a plane of view, and the curves they make.

use geom::nalgebra::Vector3;
use serde::Serialize;

use super::spine::Spine;
use super::vertebra::{Endplate, Side, Vertebra};
use crate::level::Level;

/// A value with its uncertainty and what it was made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Value {
    /// The value, in the unit of its name.
    pub value: f64,
    /// One standard deviation, same unit.
    pub sd: f64,
    /// The landmarks it comes from.
    pub landmarks: Vec<String>,
}

/// A value, or why there is none.
pub type Measure = Result<Value, String>;

/// Bends below this are no curve, degrees: what two observers differ by
/// (Morrissy et al. 1990, doi:10.2106/00004623-199072030-00002).
const LEAST_CURVE_DEG: f64 = 5.0;

/// Inclination of an endplate in the vertical plane through `aside`, degrees:
/// positive when its normal leans towards `aside`. With its standard deviation.
///
/// This is the angle against the horizontal of the line in which the endplate
/// cuts a plane of view, as it is drawn on a radiograph.
#[must_use]
pub fn tilt_deg(plate: &Endplate, aside: Vector3<f64>) -> (f64, f64) {
    let normal = plate.plane.normal;
    (normal.dot(&aside).atan2(normal.z).to_degrees(), plate.plane.tilt_sd_rad(aside).to_degrees())
}

/// To the patient's left: the coronal plane of view.
#[must_use]
pub fn coronal() -> Vector3<f64> {
    Vector3::x()
}

/// To the front: the sagittal plane of view.
#[must_use]
pub fn sagittal() -> Vector3<f64> {
    -Vector3::y()
}

/// A curve of the column in a plane of view.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// Upper end vertebra: its upper endplate is one leg of the angle.
    pub upper: Level,
    /// Lower end vertebra: its lower endplate is the other leg.
    pub lower: Level,
    /// The vertebra furthest from the line between the ends.
    pub apex: Level,
    /// Cobb angle, degrees, above 0.
    pub cobb_deg: f64,
    /// One standard deviation, degrees.
    pub cobb_sd_deg: f64,
    /// Side to which the curve bulges.
    pub convex_to: &'static str,
    /// The same endplates in the vertical plane in which they differ most.
    pub maximum_deg: f64,
    /// That plane's angle from the coronal plane, degrees, positive when its
    /// left part turns to the back.
    pub maximum_plane_deg: f64,
}

/// Inclinations of a vertebra's endplates that are there.
struct Leg<'a> {
    vertebra: &'a Vertebra,
    upper: Option<(f64, f64)>,
    lower: Option<(f64, f64)>,
}

impl Leg<'_> {
    fn mean(&self) -> f64 {
        match (self.upper, self.lower) {
            (Some(a), Some(b)) => (a.0 + b.0) / 2.0,
            (Some(a), None) | (None, Some(a)) => a.0,
            _ => 0.0,
        }
    }
}

/// All coronal curves of at least 5 degrees, from head to foot.
///
/// Ends are where the inclination turns back by 5 degrees or more; each is then
/// the vertebra whose outer endplate leans most (Cobb 1948).
#[must_use]
pub fn curves(spine: &Spine) -> Vec<Curve> {
    let legs = legs(spine, coronal());
    let turns = turning_points(&legs.iter().map(Leg::mean).collect::<Vec<_>>());
    let pairs = turns.windows(2).filter_map(|pair| curve(&legs, *pair.first()?, *pair.last()?));
    pairs.filter(|c| c.cobb_deg >= LEAST_CURVE_DEG).collect()
}

fn legs(spine: &Spine, aside: Vector3<f64>) -> Vec<Leg<'_>> {
    let mut legs = Vec::new();
    for vertebra in &spine.vertebrae {
        let tilt = |side| spine.endplate(vertebra.level, side).ok().map(|p| tilt_deg(p, aside));
        let (upper, lower) = (tilt(Side::Superior), tilt(Side::Inferior));
        if upper.is_some() || lower.is_some() {
            legs.push(Leg { vertebra, upper, lower });
        }
    }
    legs
}

/// Indices where a sequence turns back by at least the least curve, both ends included.
fn turning_points(tilts: &[f64]) -> Vec<usize> {
    let (mut low, mut high) = (0, 0);
    let mut turns = Vec::new();
    let mut rising = None;
    for (i, tilt) in tilts.iter().enumerate() {
        if *tilt < tilts[low] {
            low = i;
        }
        if *tilt > tilts[high] {
            high = i;
        }
        if rising != Some(true) && tilt - tilts[low] >= LEAST_CURVE_DEG {
            turns.push(low);
            (rising, high) = (Some(true), i);
        } else if rising != Some(false) && tilts[high] - tilt >= LEAST_CURVE_DEG {
            turns.push(high);
            (rising, low) = (Some(false), i);
        }
    }
    match rising {
        Some(true) => turns.push(high),
        Some(false) => turns.push(low),
        None if tilts.len() > 1 => turns.extend([0, tilts.len() - 1]),
        None => {}
    }
    turns
}

/// The curve between two turning points, whose ends may move by one vertebra
/// where an outer endplate leans more.
fn curve(legs: &[Leg<'_>], first: usize, last: usize) -> Option<Curve> {
    let near = |i: usize| i.saturating_sub(1)..=(i + 1).min(legs.len().saturating_sub(1));
    let mut best: Option<(f64, f64, usize, usize)> = None;
    for upper in near(first) {
        for lower in near(last).filter(|lower| *lower > upper) {
            let (Some(a), Some(b)) = (legs[upper].upper, legs[lower].lower) else { continue };
            let bend = a.0 - b.0;
            if best.as_ref().is_none_or(|(most, ..)| bend.abs() > most.abs()) {
                best = Some((bend, a.1.hypot(b.1), upper, lower));
            }
        }
    }
    let (bend, cobb_sd_deg, upper, lower) = best?;
    let (top, bottom) = (legs[upper].vertebra, legs[lower].vertebra);
    let (maximum_deg, maximum_plane_deg) = greatest(top.superior.as_ref().ok()?, bottom.inferior.as_ref().ok()?);
    Some(Curve {
        upper: top.level,
        lower: bottom.level,
        apex: apex(&legs[upper..=lower])?,
        cobb_deg: bend.abs(),
        cobb_sd_deg,
        // Going up, the column first leans away from the side its top leans back from.
        convex_to: if bend > 0.0 { "right" } else { "left" },
        maximum_deg,
        maximum_plane_deg,
    })
}

fn apex(legs: &[Leg<'_>]) -> Option<Level> {
    let (top, bottom) = (legs.first()?.vertebra.centre, legs.last()?.vertebra.centre);
    let along = top - bottom;
    let off = |v: &Vertebra| {
        let share = if along.z.abs() > 1e-6 { (v.centre.z - bottom.z) / along.z } else { 0.0 };
        (v.centre.x - bottom.x - along.x * share).abs()
    };
    legs.iter().max_by(|a, b| off(a.vertebra).total_cmp(&off(b.vertebra))).map(|l| l.vertebra.level)
}

/// The largest angle between two endplates in any vertical plane, and that
/// plane's angle from the coronal one, -90 to 90 degrees.
#[must_use]
pub fn greatest(upper: &Endplate, lower: &Endplate) -> (f64, f64) {
    let at = |turn_deg: f64| {
        let turn = turn_deg.to_radians();
        let aside = Vector3::new(turn.cos(), turn.sin(), 0.0);
        (tilt_deg(upper, aside).0 - tilt_deg(lower, aside).0).abs()
    };
    let coarse = (-90..90).map(f64::from).max_by(|a, b| at(*a).total_cmp(&at(*b))).unwrap_or(0.0);
    let fine = (-20..=20).map(|i| coarse + f64::from(i) * 0.05).max_by(|a, b| at(*a).total_cmp(&at(*b)));
    let best = fine.unwrap_or(coarse);
    (at(best), best)
}

/// The Cobb angle: the largest between an upper endplate and a lower one further
/// down, in the coronal plane.
///
/// # Errors
/// When fewer than two vertebrae have endplates.
pub fn cobb(spine: &Spine) -> Measure {
    let legs = legs(spine, coronal());
    let mut best: Option<(f64, f64, Level, Level)> = None;
    for (i, upper) in legs.iter().enumerate() {
        for lower in legs.iter().skip(i + 1) {
            let (Some(a), Some(b)) = (upper.upper, lower.lower) else { continue };
            let angle = (a.0 - b.0).abs();
            if best.as_ref().is_none_or(|(most, ..)| angle > *most) {
                best = Some((angle, a.1.hypot(b.1), upper.vertebra.level, lower.vertebra.level));
            }
        }
    }
    let (value, sd, upper, lower) = best.ok_or("fewer than two vertebrae have endplates in view")?;
    Ok(Value { value, sd, landmarks: vec![format!("{upper}-superior"), format!("{lower}-inferior")] })
}

/// The coronal angle between the upper endplate of `upper` and the lower one of `lower`, with its sign.
///
/// # Errors
/// Which endplate is not there.
pub(super) fn cobb_between(spine: &Spine, upper: Level, lower: Level) -> Measure {
    let legs = [(upper, Side::Superior), (lower, Side::Inferior)];
    let [a, b] = legs.map(|(level, side)| spine.endplate(level, side).map(|p| tilt_deg(p, coronal())));
    let (a, b) = (a?, b?);
    let landmarks = vec![format!("{upper}-superior"), format!("{lower}-inferior")];
    Ok(Value { value: a.0 - b.0, sd: a.1.hypot(b.1), landmarks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_s_has_two_curves_and_a_straight_spine_one_candidate() {
        let tilts: Vec<f64> = (0..17).map(|i| 20.0 * (f64::from(i) * std::f64::consts::TAU / 16.0).cos()).collect();
        assert_eq!(turning_points(&tilts), [0, 8, 16]);
        assert_eq!(turning_points(&[0.0, 1.0, -1.0, 0.5]), [0, 3]);
        assert_eq!(turning_points(&[3.0]), [0; 0]);
        assert_eq!(turning_points(&[]), [0; 0]);
    }
}
