//! A screw through the narrowest part of a pedicle: a start for a plan.
//!
//! It looks at the bone's shape and nothing else. The surgeon's entry point,
//! facets, bone quality, rods and the screws beside it are not considered.

use geom::Point;
use geom::nalgebra::Vector3;

use super::anatomy::{Anatomy, PlannedVertebra};
use super::assess::{Assessment, assess};
use super::canal::Canal;
use super::lattice::Lattice;
use super::screw::{DIAMETERS_MM, Grade, LENGTHS_MM, Screw, Side, longest_within, thickest_within};

/// What a suggestion keeps to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SuggestSettings {
    /// Least wall between screw and surface in the pedicle, mm. Default 0.5.
    pub wall_mm: f64,
    /// Greatest diameter as a share of the pedicle's narrowest width. Default
    /// 0.8, what most authors use (Solitro et al. 2019, Int. J. Spine Surg. 13(2), 132).
    pub width_share: f64,
    /// Greatest depth of the tip in the body, as a share of the body's depth. Default 0.8.
    pub depth_share: f64,
    /// Least bone ahead of the tip, mm. Default 3.
    pub tip_mm: f64,
}

impl Default for SuggestSettings {
    fn default() -> Self {
        Self { wall_mm: 0.5, width_share: 0.8, depth_share: 0.8, tip_mm: 3.0 }
    }
}

/// A suggested screw.
#[derive(Debug, Clone)]
pub struct Suggestion {
    /// The screw.
    pub screw: Screw,
    /// Its assessment.
    pub assessment: Assessment,
    /// Width of the pedicle at its narrowest: twice the greatest distance to the surface there, mm.
    pub pedicle_width_mm: f64,
}

/// Convergence towards the midline and tilt to the head that are tried, degrees.
const CONVERGENCE_DEG: [i32; 2] = [-5, 32];
const TILT_DEG: [i32; 2] = [-20, 20];
/// Shifts of the axis at the narrowest place that are tried, mm.
const SHIFTS_MM: [f64; 5] = [-1.5, -0.75, 0.0, 0.75, 1.5];
/// Heights within which a pedicle leaves the body, mm above its middle.
const HEIGHT_MM: [f64; 2] = [-8.0, 16.0];
/// How far from the canal's edge a pedicle's middle lies, mm.
const BESIDE_MM: [f64; 2] = [-3.0, 16.0];
/// The axis is kept clear up to this far into the body, mm.
const INTO_BODY_MM: f64 = 4.0;
/// Millimetres of clearance that a millimetre of length and a degree of tilt are worth.
const LENGTH_WORTH: f64 = 0.05;
const TILT_WORTH: f64 = 0.015;

/// Depth in the bone (mm, positive inside) around one pedicle.
struct Depth<'a> {
    lattice: Lattice,
    canal: &'a Canal,
    half_depth_mm: f64,
    sign: f64,
}

/// An axis in the vertebra's own coordinates.
#[derive(Clone, Copy)]
struct Axis {
    through: [f64; 3],
    direction: [f64; 3],
}

impl Axis {
    /// The place at `anterior` mm to the front.
    fn at_anterior(&self, anterior: f64) -> [f64; 3] {
        self.along((anterior - self.through[1]) / self.direction[1])
    }

    fn along(&self, mm: f64) -> [f64; 3] {
        [0, 1, 2].map(|i| self.through[i] + self.direction[i] * mm)
    }
}

/// Suggests a screw for one pedicle: the axis with the most bone around it
/// through the narrowest part, as thick and long as the settings allow.
///
/// # Errors
/// In words: no canal or body was found, the level has no such pedicles (C1 to
/// C7), the pedicle is too narrow for the library, or nothing without a breach was found.
///
/// Cost: about half a second of processor time (development build).
pub fn suggest(
    anatomy: &Anatomy,
    vertebra: &PlannedVertebra,
    side: Side,
    settings: &SuggestSettings,
) -> Result<Suggestion, String> {
    if vertebra.level.number() < 8 {
        return Err("screws are suggested from T1 down only".into());
    }
    let canal = vertebra.canal.as_ref().map_err(|why| format!("no canal was found: {why}"))?;
    let half_depth_mm = vertebra.axes.half_depth_mm.ok_or("no vertebral body was found in its label")?;
    let depth = Depth::new(vertebra, canal, half_depth_mm, side);
    let (narrowest, half_width) = depth.narrowest(vertebra).ok_or("no bone was found beside the canal")?;
    let enough = settings.width_share * half_width + settings.wall_mm;
    let (axis, clearance) = depth.best_axis(narrowest, enough).ok_or("no axis runs from the arch into the body")?;
    let pedicle_width_mm = 2.0 * half_width;
    let most = (2.0 * (clearance - settings.wall_mm)).min(settings.width_share * pedicle_width_mm);
    let thickest = thickest_within(most).ok_or_else(|| {
        format!("its narrowest part is {pedicle_width_mm:.1} mm wide, too narrow for {} mm", DIAMETERS_MM[0])
    })?;
    let entry_mm = depth.entry(vertebra, &axis).ok_or("the axis does not leave the bone behind")?;
    let end_mm = depth.end(&axis, settings);
    let length = longest_within(end_mm - entry_mm).ok_or_else(|| {
        format!("there is room for {:.0} mm of length, the shortest screw has {} mm", end_mm - entry_mm, LENGTHS_MM[0])
    })?;
    let place = |mm: f64| Point::from_vector3(vertebra.axes.place(axis.along(mm)));
    let (entry, target) = (place(entry_mm), place(entry_mm + length));
    // From the lattice to the surface itself: a thinner one where it is tighter than it seemed.
    for diameter_mm in DIAMETERS_MM.into_iter().rev().filter(|mm| *mm <= thickest) {
        let screw = Screw { level: vertebra.level, side, entry, target, diameter_mm, length_mm: length };
        let assessment = assess(anatomy, &screw, None).map_err(|e| e.to_string())?;
        if assessment.grade == Grade::A && assessment.body.is_none() {
            return Ok(Suggestion { screw, assessment, pedicle_width_mm });
        }
    }
    Err(format!("every axis tried leaves the bone; its narrowest part is {pedicle_width_mm:.1} mm wide"))
}

impl<'a> Depth<'a> {
    fn new(vertebra: &PlannedVertebra, canal: &'a Canal, half_depth_mm: f64, side: Side) -> Self {
        let (sign, middle) = (side.sign(), canal.middle_left_mm);
        let across = [middle - 10.0 * sign, middle + 36.0 * sign];
        let low = [across[0].min(across[1]), canal.anterior_mm[0] - 14.0, -18.0];
        let high = [across[0].max(across[1]), half_depth_mm + 4.0, 20.0];
        let depth = |local: [f64; 3]| -vertebra.bone.signed_mm(vertebra.axes.place(local)) as f32;
        Self { lattice: Lattice::fill(low, high, [1.0; 3], depth), canal, half_depth_mm, sign }
    }

    fn at(&self, local: [f64; 3]) -> f64 {
        self.lattice.at(local).unwrap_or(-10.0)
    }

    /// From the canal's middle to its front: where a pedicle is.
    fn stretch(&self) -> [f64; 2] {
        let [back, front] = self.canal.anterior_mm;
        [0.5 * (back + front), front]
    }

    /// The deepest place of the plane in which the deepest place is shallowest,
    /// and its depth, on the surface itself: between its corners the lattice
    /// cuts ridges off.
    fn narrowest(&self, vertebra: &PlannedVertebra) -> Option<([f64; 3], f64)> {
        let [from, to] = self.stretch();
        let steps =
            |low: f64, high: f64| (0..=((high - low) / 0.5).max(0.0) as usize).map(move |i| low + 0.5 * i as f64);
        let deepest = |anterior: f64| {
            let across = steps(BESIDE_MM[0], BESIDE_MM[1])
                .map(|mm| self.canal.middle_left_mm + self.sign * (self.canal.half_width_mm + mm));
            let places = across.flat_map(|left| steps(HEIGHT_MM[0], HEIGHT_MM[1]).map(move |up| [left, anterior, up]));
            let found = places.map(|p| (p, self.at(p))).max_by(|a, b| a.1.total_cmp(&b.1))?;
            Some(climb(found.0, |local| -vertebra.bone.signed_mm(vertebra.axes.place(local))))
        };
        let planes = steps(from, to).filter_map(deepest);
        planes.min_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, depth)| *depth > 0.0)
    }

    /// The axis with the best of clearance, length and tilt; its clearance.
    ///
    /// * `enough` - clearance that no screw of this pedicle needs more of, mm.
    fn best_axis(&self, narrowest: [f64; 3], enough: f64) -> Option<(Axis, f64)> {
        let mut best: Option<(f64, Axis, f64)> = None;
        for convergence in (CONVERGENCE_DEG[0]..=CONVERGENCE_DEG[1]).step_by(1) {
            for tilt in (TILT_DEG[0]..=TILT_DEG[1]).step_by(2) {
                let (inward, upward) = (f64::from(convergence).to_radians().tan(), f64::from(tilt).to_radians().tan());
                let direction: [f64; 3] = Vector3::new(-self.sign * inward, 1.0, upward).normalize().into();
                for (aside, above) in SHIFTS_MM.iter().flat_map(|a| SHIFTS_MM.map(|b| (*a, b))) {
                    let through = [narrowest[0] + aside, narrowest[1], narrowest[2] + above];
                    let axis = Axis { through, direction };
                    let clearance = self.clearance(&axis);
                    let worth =
                        clearance.min(enough) + LENGTH_WORTH * self.room(&axis) - TILT_WORTH * f64::from(tilt.abs());
                    if clearance > 0.0 && best.as_ref().is_none_or(|(most, ..)| worth > *most) {
                        best = Some((worth, axis, clearance));
                    }
                }
            }
        }
        best.map(|(_, axis, clearance)| (axis, clearance))
    }

    /// Least depth of the axis in the pedicle and a little into the body, mm.
    fn clearance(&self, axis: &Axis) -> f64 {
        let [from, to] = self.stretch();
        let steps = (to + INTO_BODY_MM - from).max(0.0) as usize;
        (0..=steps).map(|i| self.at(axis.at_anterior(from + i as f64))).fold(f64::INFINITY, f64::min)
    }

    /// How far into the body the axis stays 5 mm deep, mm, at most 25.
    fn room(&self, axis: &Axis) -> f64 {
        let front = self.canal.anterior_mm[1] + INTO_BODY_MM;
        (0..25).take_while(|i| self.at(axis.at_anterior(front + f64::from(*i))) > 5.0).count() as f64
    }

    /// Where the axis enters, mm along it from the narrowest place (negative).
    fn entry(&self, vertebra: &PlannedVertebra, axis: &Axis) -> Option<f64> {
        let is_out = |mm: &f64| vertebra.bone.signed_mm(vertebra.axes.place(axis.along(*mm))) > 0.0;
        (0..240).map(|i| -0.25 * f64::from(i)).find(is_out)
    }

    /// Where the tip may be at most, mm along the axis from the narrowest place.
    fn end(&self, axis: &Axis, settings: &SuggestSettings) -> f64 {
        let front = self.canal.anterior_mm[1];
        let last = front + settings.depth_share * (self.half_depth_mm - front);
        let begin = (front + INTO_BODY_MM - axis.through[1]) / axis.direction[1];
        let is_deep = |mm: &f64| {
            let place = axis.along(*mm);
            place[1] <= last && self.at(place) > settings.tip_mm + 1.0
        };
        (0..200).map(|i| begin + 0.25 * f64::from(i)).take_while(is_deep).last().unwrap_or(begin)
    }
}

/// Climbs within the plane to where `depth` is greatest, in steps of 0.6 mm down
/// to 0.1 mm; the place and its depth.
fn climb(begin: [f64; 3], depth: impl Fn([f64; 3]) -> f64) -> ([f64; 3], f64) {
    let (mut best, mut step) = ((begin, depth(begin)), 0.6);
    while step > 0.05 {
        let around = [(step, 0.0), (-step, 0.0), (0.0, step), (0.0, -step)];
        let moved = around.map(|(left, up)| [best.0[0] + left, best.0[1], best.0[2] + up]).map(|p| (p, depth(p)));
        match moved.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).filter(|found| found.1 > best.1) {
            Some(found) => best = found,
            None => step *= 0.5,
        }
    }
    best
}
