//! How a slice hangs: in the patient's planes, or along the tool.
//!
//! Along the tool there are three: the probe's eye, square to the shaft at the
//! tip and seen along it as through the handle; and two that hold the shaft,
//! each turned away from a patient's plane as little as that needs, so that a
//! slice looks as close to the usual one as it can. Called by [`super::slices`].

use bevy::prelude::Resource;
use geom::nalgebra::{Rotation3, Vector3};
use geom::{Ct, Tip, Transform, Vector};
use serde::{Deserialize, Serialize};

use super::plane::{Plane, letter};

/// A plane is no base for a slice along a shaft within 26 degrees of its normal
/// (cosine): a small turn of the tool would turn such a slice a lot.
const ALONG_NORMAL: f64 = 0.9;
/// A direction gets a second letter when that axis has at least this share of it
/// (22 degrees away from the first).
const SECOND_LETTER: f64 = 0.38;

/// Which planes the slices are cut in.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SliceMode {
    /// Axial, sagittal, coronal.
    #[default]
    Patient,
    /// Probe's eye and two slices that hold the shaft. Without a shown tool
    /// the patient's planes stand in, and say so.
    Tool,
}

/// Directions and name of a slice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hanging {
    /// Direction of the columns, to the viewer's right; unit length, LPS.
    pub right: Vector3<f64>,
    /// Direction of the rows, down the screen; unit length, square to `right`.
    pub down: Vector3<f64>,
    /// For captions and file names.
    pub name: &'static str,
    /// LPS axis that is cut across, for a plane of the patient's.
    pub axis: Option<usize>,
}

impl SliceMode {
    /// The other one.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Patient => Self::Tool,
            Self::Tool => Self::Patient,
        }
    }

    /// What the panel of `plane` shows while the tool is at `ct_from_tip`
    /// (`None`: not shown). The tip's z axis points to the handle.
    #[must_use]
    pub fn hang(self, plane: Plane, ct_from_tip: Option<&Transform<Ct, Tip>>) -> Hanging {
        let shaft = ct_from_tip
            .filter(|_| self == Self::Tool)
            .and_then(|pose| (*pose * Vector::<Tip>::new(0.0, 0.0, 1.0)).normalized())
            .map(Vector::vector3);
        match (shaft, plane) {
            (None, _) => Hanging::of(plane),
            (Some(shaft), Plane::Axial) => probes_eye(shaft),
            (Some(shaft), Plane::Sagittal) => in_line(shaft, Plane::Sagittal),
            (Some(shaft), Plane::Coronal) => in_line(shaft, Plane::Axial),
        }
    }
}

impl Hanging {
    /// A plane of the patient's.
    #[must_use]
    pub fn of(plane: Plane) -> Self {
        let (right, down) = (plane.right().vector3(), plane.down().vector3());
        Self { right, down, name: plane.name(), axis: Some(plane.axis()) }
    }

    /// Square to the slice, away from the viewer.
    #[must_use]
    pub fn normal(&self) -> Vector3<f64> {
        self.right.cross(&self.down)
    }

    /// Letters at the left, right, top and bottom edge; two where an edge lies
    /// between two of the patient's directions.
    #[must_use]
    pub fn letters(&self) -> [String; 4] {
        [-self.right, self.right, -self.down, self.down].map(letters)
    }
}

/// Square to the shaft, seen along it from the handle, head up.
fn probes_eye(shaft: Vector3<f64>) -> Hanging {
    let is_upright = shaft.z.abs() > ALONG_NORMAL;
    // Along the body's axis "up" is the front, as in an axial slice.
    let up = if is_upright { -Vector3::y() } else { Vector3::z() };
    let down = -(up - shaft * up.dot(&shaft)).normalize();
    Hanging { right: shaft.cross(&down), down, name: "probe's eye", axis: None }
}

/// Holds the shaft, turned from `base` as little as that needs.
fn in_line(shaft: Vector3<f64>, base: Plane) -> Hanging {
    let is_base = Hanging::of(base).normal().dot(&shaft).abs() <= ALONG_NORMAL;
    let base = if is_base { base } else { Plane::Coronal };
    let standard = Hanging::of(base);
    let normal = (standard.normal() - shaft * standard.normal().dot(&shaft)).normalize();
    // Less than a right angle, so that the turn is known.
    let turn = Rotation3::rotation_between(&standard.normal(), &normal).unwrap_or_else(Rotation3::identity);
    let name = match base {
        Plane::Axial => "in-line axial",
        Plane::Sagittal => "in-line sagittal",
        Plane::Coronal => "in-line coronal",
    };
    Hanging { right: turn * standard.right, down: turn * standard.down, name, axis: None }
}

fn letters(direction: Vector3<f64>) -> String {
    let first = letter(Vector::from_vector3(direction));
    let mut rest = direction;
    let largest = rest.iamax();
    rest[largest] = 0.0;
    let second = if rest.amax() > SECOND_LETTER { letter(Vector::from_vector3(rest)) } else { "" };
    format!("{first}{second}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tool whose handle lies in `handle`'s direction, LPS.
    fn tool(handle: [f64; 3]) -> Transform<Ct, Tip> {
        let shaft = Vector3::from(handle).normalize();
        let side = if shaft.x.abs() < 0.9 { shaft.cross(&Vector3::x()) } else { shaft.cross(&Vector3::y()) };
        let axes = geom::nalgebra::Matrix3::from_columns(&[side.normalize(), shaft.cross(&side).normalize(), shaft]);
        let rotation = geom::nalgebra::UnitQuaternion::from_matrix(&axes);
        Transform::new(rotation, Vector3::new(5.0, 6.0, 7.0))
    }

    #[test]
    fn slices_hold_the_shaft_or_are_square_to_it_whatever_way_it_points() {
        for handle in [[0.0, 1.0, 0.0], [0.3, 0.9, 0.2], [-0.6, 0.7, -0.4], [1.0, 0.0, 0.0], [0.05, 0.1, -1.0]] {
            let (pose, shaft) = (tool(handle), Vector3::from(handle).normalize());
            for plane in Plane::ALL {
                let hanging = SliceMode::Tool.hang(plane, Some(&pose));
                let along = hanging.normal().dot(&shaft);
                let expected = if plane == Plane::Axial { -1.0 } else { 0.0 };
                assert!((along - expected).abs() < 1e-9, "{handle:?} {}: {along}", hanging.name);
                let is_square = hanging.right.dot(&hanging.down).abs() < 1e-9;
                assert!(is_square && (hanging.right.norm() - 1.0).abs() < 1e-9, "pictures are not sheared");
            }
        }
    }

    #[test]
    fn a_tool_from_behind_is_seen_as_the_surgeon_behind_the_patient_sees() {
        let eye = SliceMode::Tool.hang(Plane::Axial, Some(&tool([0.0, 1.0, 0.0])));
        // Through the handle: the patient's left on the left, head up.
        assert_eq!((eye.name, eye.letters()), ("probe's eye", ["L", "R", "S", "I"].map(String::from)));
        let in_line = SliceMode::Tool.hang(Plane::Sagittal, Some(&tool([0.0, 1.0, 0.0])));
        assert_eq!(in_line.letters(), Hanging::of(Plane::Sagittal).letters(), "a straight tool changes nothing");
        let in_line = SliceMode::Tool.hang(Plane::Coronal, Some(&tool([0.0, 1.0, 0.0])));
        assert_eq!((in_line.name, in_line.letters()), ("in-line axial", ["R", "L", "A", "P"].map(String::from)));
    }

    #[test]
    fn oblique_edges_have_two_letters_and_the_nearer_one_first() {
        let pose = tool([0.6, 0.8, 0.0]);
        let in_line = SliceMode::Tool.hang(Plane::Sagittal, Some(&pose));
        assert_eq!(in_line.letters(), ["AR", "PL", "S", "I"].map(String::from));
    }

    #[test]
    fn a_tool_across_the_body_gets_a_coronal_slice_instead_of_one_that_spins() {
        let names = |handle| Plane::ALL.map(|plane| SliceMode::Tool.hang(plane, Some(&tool(handle))).name);
        assert_eq!(names([1.0, 0.1, 0.0]), ["probe's eye", "in-line coronal", "in-line axial"]);
        assert_eq!(names([0.0, 0.1, 1.0]), ["probe's eye", "in-line sagittal", "in-line coronal"]);
    }

    #[test]
    fn without_a_shown_tool_the_patients_planes_stand_in_and_say_so() {
        for plane in Plane::ALL {
            assert_eq!(SliceMode::Tool.hang(plane, None), Hanging::of(plane));
            assert_eq!(SliceMode::Patient.hang(plane, Some(&tool([0.1, 1.0, 0.0]))).name, plane.name());
        }
    }
}
