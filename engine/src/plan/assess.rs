//! How a screw lies in its vertebra: breach, grade, walls, canal.

use geom::nalgebra::Vector3;
use geom::{Ct, Point, Vector};
use serde::{Deserialize, Serialize};

use super::anatomy::{Anatomy, PlannedVertebra};
use super::error::PlanError;
use super::screw::{Grade, Screw, Side};

/// Distance between the rings that are measured along a screw, mm.
const STEP_MM: f64 = 0.5;
/// Places on a ring: a flat wall between two is missed by 0.9 % of the radius.
const AROUND: usize = 24;
/// Quantile of the standard normal distribution that 95 of 100 stay below.
const NORMAL_95: f64 = 1.645;

/// Where a screw is tightest, as seen from its axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Towards the canal.
    Medial,
    /// Away from the canal.
    Lateral,
    /// To the head.
    Cranial,
    /// To the feet.
    Caudal,
    /// To the front.
    Anterior,
}

impl Direction {
    /// One word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Medial => "medial",
            Self::Lateral => "lateral",
            Self::Cranial => "cranial",
            Self::Caudal => "caudal",
            Self::Anterior => "anterior",
        }
    }
}

/// How far a screw's cylinder reaches out of the bone at its worst.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Breach {
    /// Out of the bone, mm; negative is the thickness of the wall that is left.
    pub outward_mm: f64,
    /// How far along the screw from the entry, mm.
    pub at_mm: f64,
    /// To which side of the axis.
    pub direction: Direction,
}

/// What was found of one screw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// The grade of `pedicle`.
    pub grade: Grade,
    /// The grade that 95 of 100 such screws keep to, with the uncertainty below.
    pub grade_95: Grade,
    /// The tightest place in the pedicle: alongside the front half of the canal.
    pub pedicle: Breach,
    /// The stretch that counts as pedicle, mm along the screw.
    pub stretch_mm: [f64; 2],
    /// The worst place in the vertebral body, where the screw leaves it.
    pub body: Option<Breach>,
    /// Least distance to the canal, mm, and where along the screw; negative inside it.
    pub canal_mm: Option<[f64; 2]>,
    /// From the tip to the nearest bone surface, mm; negative when it is out of the bone.
    pub tip_depth_mm: f64,
    /// From the entry to the bone's surface, mm; negative inside the bone.
    pub entry_gap_mm: f64,
    /// Standard deviation of the surface at the tightest place, mm.
    pub surface_sd_mm: f64,
    /// That of the registration there, where there is one, mm.
    pub registration_sd_mm: Option<f64>,
    /// What the numbers do not say, in words.
    pub notes: Vec<String>,
}

/// A screw of a plan, and how it lies: what is graded once is handed on as this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedScrew {
    /// The screw.
    pub screw: Screw,
    /// How it lies.
    pub found: Assessment,
}

impl Assessment {
    /// Standard deviation of the breach, mm.
    #[must_use]
    pub fn sd_mm(&self) -> f64 {
        self.surface_sd_mm.hypot(self.registration_sd_mm.unwrap_or(0.0))
    }

    /// Breach in the pedicle, mm; 0 without one.
    #[must_use]
    pub const fn breach_mm(&self) -> f64 {
        self.pedicle.outward_mm.max(0.0)
    }
}

/// The cylinder's edge at one place along the axis.
struct Ring {
    along_mm: f64,
    /// Worst place on the edge: out of the bone, mm, and from the axis to it.
    outward_mm: f64,
    towards: Vector3<f64>,
    /// The axis itself, negative inside the bone.
    axis_mm: f64,
    /// Least distance of the edge to the canal, mm.
    canal_mm: Option<f64>,
    /// To the left and to the front in the vertebra, mm.
    local: [f64; 3],
}

/// Judges one screw.
///
/// The cylinder's edge is measured in rings against the surface of its
/// vertebra. Where the screw comes into the bone its edge is outside on one
/// side, which is no breach: rings count from the first that is all inside, and
/// at the latest one diameter behind the place where the axis meets the bone
/// (the bone's surface may lean 63 degrees there).
///
/// * `registration_sd` - standard deviation of the registration at a place of
///   the CT along a unit direction, mm, where there is a registration.
///
/// # Errors
/// [`PlanError`] when the vertebra is missing, the screw lies in another one or
/// on the other side, or meets no bone.
///
/// Cost: 24 distances to the surface each half millimetre of the screw.
pub fn assess(
    anatomy: &Anatomy,
    screw: &Screw,
    registration_sd: Option<&dyn Fn(Point<Ct>, Vector<Ct>) -> f64>,
) -> Result<Assessment, PlanError> {
    let vertebra = anatomy.vertebra_of(screw)?;
    let rings = rings(vertebra, screw);
    check_level(anatomy, screw, &rings)?;
    let no_bone = || PlanError::NoBone { name: screw.name(), level: screw.level };
    let contact = rings.iter().position(|r| r.axis_mm < 0.0).ok_or_else(no_bone)?;
    let contact_mm = rings.get(contact).map_or(0.0, |r| r.along_mm);
    let is_in =
        |r: &&Ring| r.along_mm >= contact_mm && (r.outward_mm <= 0.0 || r.along_mm >= contact_mm + screw.diameter_mm);
    let begin_mm = rings.iter().find(is_in).map_or(contact_mm, |r| r.along_mm);
    let (stretch, mut notes) = stretch(vertebra, &rings, begin_mm);
    check_side(vertebra, screw, &stretch)?;
    let worst = |rings: &mut dyn Iterator<Item = &Ring>| -> Option<(Breach, Point<Ct>, Vector3<f64>)> {
        let ring = rings.max_by(|a, b| a.outward_mm.total_cmp(&b.outward_mm))?;
        let direction = named(vertebra, screw.side, ring.towards);
        let breach = Breach { outward_mm: ring.outward_mm, at_mm: ring.along_mm, direction };
        Some((
            breach,
            screw.along(ring.along_mm) + Vector::from_vector3(ring.towards) * (0.5 * screw.diameter_mm),
            ring.towards,
        ))
    };
    let (mut pedicle, place, towards) = worst(&mut stretch.iter().copied()).ok_or_else(no_bone)?;
    let canal_mm = rings.iter().filter_map(|r| Some([r.canal_mm?, r.along_mm])).min_by(|a, b| a[0].total_cmp(&b[0]));
    if let Some([canal, at_mm]) = canal_mm.filter(|c| -c[0] > pedicle.outward_mm.max(0.0)) {
        pedicle = Breach { outward_mm: -canal, at_mm, direction: Direction::Medial };
        notes.push("the breach is that into the canal behind the pedicle".into());
    }
    let front_mm = vertebra.canal.as_ref().map_or(f64::INFINITY, |c| c.anterior_mm[1]);
    let mut in_body = rings.iter().filter(|r| r.along_mm >= begin_mm && r.local[1] > front_mm && r.outward_mm > 0.0);
    let body = worst(&mut in_body).map(|(breach, ..)| breach);
    if let Err(why) = &vertebra.canal {
        notes.push(format!("no canal was found: {why}; all of the screw is graded as pedicle"));
    }
    let surface_sd_mm = vertebra.surface_sd_mm(place.vector3(), towards);
    let registration_sd_mm = registration_sd.map(|sd| sd(place, Vector::from_vector3(towards)));
    let sd_mm = surface_sd_mm.hypot(registration_sd_mm.unwrap_or(0.0));
    Ok(Assessment {
        grade: Grade::of_breach(pedicle.outward_mm),
        grade_95: Grade::of_breach(pedicle.outward_mm + NORMAL_95 * sd_mm),
        stretch_mm: [stretch.first(), stretch.last()].map(|r| r.map_or(0.0, |r| r.along_mm)),
        pedicle,
        body,
        canal_mm,
        tip_depth_mm: -rings.last().map_or(0.0, |r| r.axis_mm),
        entry_gap_mm: rings.first().map_or(0.0, |r| r.axis_mm),
        surface_sd_mm,
        registration_sd_mm,
        notes,
    })
}

fn rings(vertebra: &PlannedVertebra, screw: &Screw) -> Vec<Ring> {
    let Some(axis) = screw.direction().map(Vector::vector3) else { return Vec::new() };
    // Any two directions square to the axis; away from the one it is nearest to.
    let other = if axis.z.abs() < 0.9 { Vector3::z() } else { Vector3::x() };
    let across = axis.cross(&other).normalize();
    let second = axis.cross(&across);
    let radius = 0.5 * screw.diameter_mm;
    let count = (screw.length_mm / STEP_MM).ceil() as usize;
    let ring = |i: usize| {
        let along_mm = (STEP_MM * i as f64).min(screw.length_mm);
        let middle = screw.along(along_mm).vector3();
        let (mut worst, mut towards, mut canal) = (f64::NEG_INFINITY, across, None::<f64>);
        for step in 0..AROUND {
            let (sine, cosine) = (std::f64::consts::TAU * step as f64 / AROUND as f64).sin_cos();
            let direction = across * cosine + second * sine;
            let place = middle + direction * radius;
            let outward = vertebra.bone.signed_mm(place);
            if outward > worst {
                (worst, towards) = (outward, direction);
            }
            let to_canal = vertebra.canal.as_ref().ok().and_then(|c| c.signed_mm(&vertebra.axes, place));
            canal = to_canal.map_or(canal, |mm| Some(canal.map_or(mm, |least| least.min(mm))));
        }
        let axis_mm = vertebra.bone.signed_mm(middle);
        Ring { along_mm, outward_mm: worst, towards, axis_mm, canal_mm: canal, local: vertebra.axes.local(middle) }
    };
    (0..=count).map(ring).collect()
}

/// The rings in the pedicle: from the canal's middle to its front.
fn stretch<'a>(vertebra: &PlannedVertebra, rings: &'a [Ring], begin_mm: f64) -> (Vec<&'a Ring>, Vec<String>) {
    let from_begin = rings.iter().filter(move |r| r.along_mm >= begin_mm);
    let Ok(canal) = &vertebra.canal else { return (from_begin.collect(), Vec::new()) };
    let [back, front] = canal.anterior_mm;
    let pedicle: Vec<&Ring> =
        from_begin.clone().filter(|r| (0.5 * (back + front)..=front).contains(&r.local[1])).collect();
    if pedicle.is_empty() {
        let note = "the screw does not pass beside the front half of the canal; all of it is graded".to_owned();
        return (from_begin.collect(), vec![note]);
    }
    (pedicle, Vec::new())
}

/// A screw that runs through another vertebra's bone is in the wrong one.
fn check_level(anatomy: &Anatomy, screw: &Screw, rings: &[Ring]) -> Result<(), PlanError> {
    let inside = rings.iter().filter(|r| r.axis_mm < 0.0).count();
    if 2 * inside >= rings.len() {
        return Ok(());
    }
    let count = |v: &PlannedVertebra| {
        rings.iter().filter(|r| v.bone.signed_mm(screw.along(r.along_mm).vector3()) < 0.0).count()
    };
    let others = anatomy.vertebrae.iter().filter(|v| v.level != screw.level).map(|v| (count(v), v.level));
    match others.max_by_key(|(count, _)| *count).filter(|(count, _)| *count > inside) {
        Some((_, found)) => Err(PlanError::OtherLevel { name: screw.name(), level: screw.level, found }),
        None => Ok(()),
    }
}

/// A screw in the other pedicle than the plan says is refused: it would be put
/// into the wrong side.
fn check_side(vertebra: &PlannedVertebra, screw: &Screw, stretch: &[&Ring]) -> Result<(), PlanError> {
    let middle = vertebra.canal.as_ref().map_or(0.0, |c| c.middle_left_mm);
    let left = stretch.iter().map(|r| r.local[0] - middle).sum::<f64>() / stretch.len().max(1) as f64;
    if left * screw.side.sign() >= 0.0 {
        return Ok(());
    }
    let found = if left > 0.0 { Side::Left } else { Side::Right };
    Err(PlanError::OtherSide { name: screw.name(), found: found.name(), off_mm: left.abs() })
}

/// The word for a direction from the axis.
fn named(vertebra: &PlannedVertebra, side: Side, towards: Vector3<f64>) -> Direction {
    let [left, anterior, up] = vertebra.turned(Vector::from_vector3(towards));
    let outward = left * side.sign();
    match (outward.abs(), up.abs(), anterior.abs()) {
        (o, u, a) if a > o && a > u => Direction::Anterior,
        (o, u, _) if o >= u => {
            if outward > 0.0 {
                Direction::Lateral
            } else {
                Direction::Medial
            }
        }
        _ if up > 0.0 => Direction::Cranial,
        _ => Direction::Caudal,
    }
}
