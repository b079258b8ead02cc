//! Landmarks as handles that a hand can move, and the correction that moving one makes.

use geom::nalgebra::Vector3;

use super::correction::Corrections;
use super::spine::Spine;
use super::vertebra::{Endplate, Side};
use crate::level::Level;

/// Which end of a landmark a hand holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandlePart {
    /// The front corner of an endplate: the back one stays.
    Front,
    /// The back corner: the front one stays.
    Back,
    /// The left end: the right one stays.
    Left,
    /// The right end.
    Right,
    /// The middle of a femoral head or of C7.
    Middle,
}

impl HandlePart {
    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Front => "front",
            Self::Back => "back",
            Self::Left => "left",
            Self::Right => "right",
            Self::Middle => "middle",
        }
    }
}

/// A place that can be moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Handle {
    /// The landmark as corrections name it, `L3-superior`.
    pub landmark: String,
    /// Which end of it.
    pub part: HandlePart,
    /// Where it is, LPS mm.
    pub at_mm: Vector3<f64>,
}

/// Every handle of a spine, from head to foot: four of each endplate, one of each femoral head and of C7.
#[must_use]
pub fn handles(spine: &Spine) -> Vec<Handle> {
    let mut all = Vec::new();
    let mut of_plate = |landmark: &str, plate: &Endplate| {
        for (part, at_mm) in ends(plate) {
            all.push(Handle { landmark: landmark.into(), part, at_mm });
        }
    };
    for vertebra in &spine.vertebrae {
        for (side, name) in [(Side::Superior, "superior"), (Side::Inferior, "inferior")] {
            if let Ok(plate) = spine.endplate(vertebra.level, side) {
                of_plate(&format!("{}-{name}", vertebra.level), plate);
            }
        }
    }
    if let Ok(sacrum) = &spine.sacrum {
        of_plate("sacral-plate", &sacrum.plate);
    }
    let heads = spine.heads.iter().zip(["femoral-head-left", "femoral-head-right"]);
    let middles = heads.filter_map(|(head, name)| Some((name, head.as_ref().ok()?.centre)));
    let c7 = spine.c7_centre().ok().map(|at| ("C7-centre", at));
    all.extend(middles.chain(c7).map(|(landmark, at_mm)| Handle {
        landmark: landmark.into(),
        part: HandlePart::Middle,
        at_mm,
    }));
    all
}

const fn ends(plate: &Endplate) -> [(HandlePart, Vector3<f64>); 4] {
    [
        (HandlePart::Front, plate.anterior),
        (HandlePart::Back, plate.posterior),
        (HandlePart::Left, plate.left),
        (HandlePart::Right, plate.right),
    ]
}

/// The correction that puts a handle at `to` (LPS mm): an endplate turns about its opposite end, a femoral head keeps
/// its radius. `None` when the landmark is not there (any more).
///
/// * `who` - the name and the time that the correction carries.
#[must_use]
pub fn moved(spine: &Spine, handle: &Handle, to: Vector3<f64>, who: [&str; 2]) -> Option<Corrections> {
    let points = match handle.part {
        HandlePart::Middle if handle.landmark == "C7-centre" => vec![to],
        HandlePart::Middle => {
            let side = usize::from(handle.landmark == "femoral-head-right");
            let radius = spine.heads.get(side)?.as_ref().ok()?.radius_mm;
            let axes = [Vector3::x(), Vector3::y(), Vector3::z()];
            axes.iter().flat_map(|axis| [to + axis * radius, to - axis * radius]).collect()
        }
        part => turned(plate_of(spine, &handle.landmark)?, part, to).into(),
    };
    let points = points.into_iter().map(|p| p.map(|c| (c * 100.0).round() / 100.0).into()).collect();
    let landmarks = [(handle.landmark.clone(), points)].into();
    let [by, when] = who.map(str::to_owned);
    let correction = Corrections { by, when, landmarks, ..Corrections::default() };
    correction.check().is_ok().then_some(correction)
}

/// Front, back, left and right of a plate one of whose ends goes to `to`.
fn turned(plate: &Endplate, part: HandlePart, to: Vector3<f64>) -> [Vector3<f64>; 4] {
    let mut places = ends(plate).map(|(_, at)| at);
    let (held, stays) = match part {
        HandlePart::Front => (0, 1),
        HandlePart::Back => (1, 0),
        HandlePart::Left => (2, 3),
        _ => (3, 2),
    };
    let (from, fixed) = (places[held], places[stays]);
    let along = (from - fixed) / (from - fixed).norm_squared().max(1.0);
    // The other two ends lie on the plane between: they go with it by their share of the way.
    places.iter_mut().for_each(|p| *p += (to - from) * (*p - fixed).dot(&along));
    places
}

fn plate_of<'a>(spine: &'a Spine, landmark: &str) -> Option<&'a Endplate> {
    if landmark == "sacral-plate" {
        return spine.sacrum.as_ref().ok().map(|sacrum| &sacrum.plate);
    }
    let (level, side) = landmark.split_once('-')?;
    let side = if side == "superior" { Side::Superior } else { Side::Inferior };
    spine.endplate(Level::from_name(level)?, side).ok()
}

#[cfg(test)]
mod tests {
    use geom::nalgebra::Rotation3;

    use super::*;
    use crate::measure::{Posture, Report, synthetic};

    #[test]
    fn a_corner_stays_where_the_hand_put_it_and_angles_follow() {
        let map = synthetic::random(9, 21, 0.0).labels([1.6; 3], &Rotation3::identity()).unwrap();
        let spine = Spine::find(&map, &Corrections::default());
        let all = handles(&spine);
        let handle = all.iter().find(|h| h.landmark == "sacral-plate" && h.part == HandlePart::Front).unwrap();
        let plate = &spine.sacrum.as_ref().unwrap().plate;
        let to = handle.at_mm + plate.plane.normal * 3.0;
        let correction = moved(&spine, handle, to, ["Dr. Example", "2026-01-31"]).unwrap();
        let after = Spine::find(&map, &correction);
        let kept =
            handles(&after).into_iter().find(|h| h.landmark == handle.landmark && h.part == handle.part).unwrap();
        assert!((kept.at_mm - to).norm() < 0.02, "{:?} {to:?}", kept.at_mm);
        let slope = |spine: &Spine| {
            let report = Report::of(spine, &Corrections::default(), Posture::Supine);
            report.parameter("ss_deg").unwrap().as_ref().unwrap().value
        };
        let depth = (plate.anterior - plate.posterior).norm();
        let expected = -(3.0 / depth).atan().to_degrees();
        assert!((slope(&after) - slope(&spine) - expected).abs() < 0.2, "{} {expected}", slope(&after) - slope(&spine));
        let head = all.iter().find(|h| h.landmark == "femoral-head-left").unwrap();
        let correction = moved(&spine, head, head.at_mm + Vector3::x() * 2.0, ["", ""]).unwrap();
        let centre = Spine::find(&map, &correction).heads[0].as_ref().unwrap().centre;
        assert!((centre - head.at_mm - Vector3::x() * 2.0).norm() < 0.02);
        let gone = Handle { landmark: "C3-superior".into(), ..handle.clone() };
        assert!(moved(&spine, &gone, to, ["", ""]).is_none());
    }
}
