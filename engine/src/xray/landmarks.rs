//! What one view shows: boxes, contours, corners, femoral heads.

use serde::{Deserialize, Serialize};

use super::geometry::View;
use crate::level::Level;

/// VerSe number of the sacrum, here S1.
pub(super) const S1: u8 = 26;
/// VerSe number of C2.
pub(super) const C2: u8 = 2;

/// What a level is called on a radiograph: the sacrum is S1.
#[must_use]
pub fn name(level: Level) -> String {
    if level.number() == S1 { "S1".to_owned() } else { level.to_string() }
}

/// The level of a name on a radiograph: C2 to L6, T13, S1.
#[must_use]
pub fn level_of(name: &str) -> Option<Level> {
    let number = if name.eq_ignore_ascii_case("s1") { Level::from_number(S1) } else { Level::from_name(name) };
    number.filter(|l| l.number() >= C2 && l.number() != 27)
}

/// A rectangle in pixels; integers are the middles of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 4]", into = "[f64; 4]")]
pub struct Bounds {
    /// Least column.
    pub left: f64,
    /// Least row.
    pub top: f64,
    /// Greatest column.
    pub right: f64,
    /// Greatest row.
    pub bottom: f64,
}

impl From<[f64; 4]> for Bounds {
    fn from([left, top, right, bottom]: [f64; 4]) -> Self {
        Self { left, top, right, bottom }
    }
}

impl From<Bounds> for [f64; 4] {
    fn from(b: Bounds) -> Self {
        [b.left, b.top, b.right, b.bottom]
    }
}

impl Bounds {
    /// The box around points; `None` without any.
    #[must_use]
    pub fn around(points: &[[f64; 2]]) -> Option<Self> {
        let first = points.first()?;
        let start = Self { left: first[0], top: first[1], right: first[0], bottom: first[1] };
        Some(points.iter().fold(start, |b, p| Self {
            left: b.left.min(p[0]),
            top: b.top.min(p[1]),
            right: b.right.max(p[0]),
            bottom: b.bottom.max(p[1]),
        }))
    }

    /// Its middle, `[column, row]`.
    #[must_use]
    pub fn centre(&self) -> [f64; 2] {
        [f64::midpoint(self.left, self.right), f64::midpoint(self.top, self.bottom)]
    }

    /// Width and height.
    #[must_use]
    pub fn size(&self) -> [f64; 2] {
        [self.right - self.left, self.bottom - self.top]
    }

    /// True for finite edges the right way round, at least a pixel apart.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let far = 1e6;
        let edges: [f64; 4] = (*self).into();
        edges.iter().all(|v| v.is_finite() && v.abs() < far) && self.size().iter().all(|side| *side >= 1.0)
    }
}

/// Who placed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placed {
    /// A network.
    ByNetwork,
    /// A person.
    ByHand,
}

/// Corners of a body in a view, `[column, row]`: upper left and right, lower
/// right and left in the picture. In the lateral view left is the front, in the
/// frontal view the patient's right.
pub type Corners = [[f64; 2]; 4];

/// The body of one vertebra in one view.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeenVertebra {
    /// Its level.
    #[serde(serialize_with = "as_name")]
    pub level: Level,
    /// Its box.
    #[serde(rename = "box_px")]
    pub bounds: Bounds,
    /// The detector's, 0 to 1; 1 for what a person placed.
    pub confidence: f64,
    /// Outline of its mask, closed, in pixels; empty without a network.
    #[serde(rename = "contour_px")]
    pub contour: Vec<[f64; 2]>,
    /// Its corners, or why there are none.
    #[serde(rename = "corners_px", serialize_with = "or_null")]
    pub corners: Result<Corners, String>,
    /// How far the outline is from the lines through the corners, root mean square, pixels.
    pub rms_px: f64,
    /// Who placed the corners.
    pub placed: Placed,
}

/// A femoral head in one view.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SeenHead {
    /// Middle, `[column, row]`.
    #[serde(rename = "centre_px")]
    pub centre: [f64; 2],
    /// Radius, pixels.
    pub radius_px: f64,
    /// The detector's, 0 to 1; 1 for what a person placed.
    pub confidence: f64,
    /// 0 left, 1 right; known when a person said so.
    pub side: Option<usize>,
    /// Who placed it.
    pub placed: Placed,
}

/// Everything seen in one view.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ViewLandmarks {
    /// Which view.
    pub view: View,
    /// From head to foot.
    pub vertebrae: Vec<SeenVertebra>,
    /// At most two.
    pub heads: Vec<SeenHead>,
}

impl ViewLandmarks {
    /// Nothing seen yet.
    #[must_use]
    pub const fn empty(view: View) -> Self {
        Self { view, vertebrae: Vec::new(), heads: Vec::new() }
    }

    /// What is seen of a level.
    #[must_use]
    pub fn vertebra(&self, level: Level) -> Option<&SeenVertebra> {
        self.vertebrae.iter().find(|v| v.level == level)
    }
}

fn as_name<S: serde::Serializer>(level: &Level, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&name(*level))
}

fn or_null<S: serde::Serializer>(corners: &Result<Corners, String>, serializer: S) -> Result<S::Ok, S::Error> {
    corners.as_ref().ok().serialize(serializer)
}
