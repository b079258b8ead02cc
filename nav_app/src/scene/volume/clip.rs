//! What of the volume is cut away: a box in patient axes, a plane at the tool.
//!
//! Only the volume is cut. Surfaces and instruments stay whole, so that nothing
//! the engine stands behind is ever hidden by a cut.

use bevy::prelude::*;
use engine::case::Case;
use geom::{Ct, Point, Tip, Transform as Pose, Vector};
use serde::{Deserialize, Serialize};

use super::super::units::SceneFrame;

/// Free space around the vertebrae in a box around the spine, mm: little behind
/// them, where the table is not far.
const MARGIN_MM: f64 = 20.0;
const BEHIND_MM: f64 = 6.0;
/// Large against any CT, m.
const FAR_M: f32 = 100.0;

/// The box that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClipBox {
    /// All of the CT.
    #[default]
    Whole,
    /// The vertebrae and a little around them.
    Spine,
    /// Between two corners, LPS mm.
    Corners([f64; 3], [f64; 3]),
}

/// A plane through the tip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToolCut {
    /// None.
    #[default]
    Nothing,
    /// Square to the shaft: what lies on the handle's side is cut away.
    Across,
    /// Along the shaft, facing the viewer: what lies before it is cut away.
    Along,
}

impl ClipBox {
    /// Lower and upper corner in the scene, m.
    #[must_use]
    pub fn corners(&self, case: &Case, frame: &SceneFrame) -> (Vec3, Vec3) {
        let (low, high) = match self {
            Self::Whole => return (Vec3::splat(-FAR_M), Vec3::splat(FAR_M)),
            Self::Spine => {
                let boxes = case.vertebrae.iter().filter_map(|v| v.mesh.bounds());
                let whole = boxes.map(|(l, h)| (l.to_array(), h.to_array())).reduce(|(low, high), (l, h)| {
                    (std::array::from_fn(|i| low[i].min(l[i])), std::array::from_fn(|i| high[i].max(h[i])))
                });
                let Some((low, high)) = whole else { return (Vec3::splat(-FAR_M), Vec3::splat(FAR_M)) };
                let [left, posterior, superior]: [f64; 3] = high;
                (low.map(|c: f64| c - MARGIN_MM), [left + MARGIN_MM, posterior + BEHIND_MM, superior + MARGIN_MM])
            }
            Self::Corners(low, high) => (*low, *high),
        };
        // The scene's axes are the patient's, some turned round.
        let ends = [low, high].map(|corner| frame.point(Point::<Ct>::from(corner)));
        (ends[0].min(ends[1]), ends[0].max(ends[1]))
    }

    /// For the panel.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Whole => "whole CT",
            Self::Spine => "around the spine",
            Self::Corners(..) => "box",
        }
    }
}

/// A plane held by hand, `dot(xyz, place) <= w` is kept; it takes the place of the one at the tool.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Default)]
pub struct HandCut(pub Option<Vec4>);

impl ToolCut {
    /// The plane `dot(xyz, place) <= w` of what is kept; zero where there is
    /// nothing to cut with.
    ///
    /// * `eye` - where the scene is looked at from, m.
    #[must_use]
    pub fn plane(self, ct_from_tip: Option<&Pose<Ct, Tip>>, eye: Option<Vec3>, frame: &SceneFrame) -> Vec4 {
        let (Some(pose), Some(eye)) = (ct_from_tip, eye) else { return Vec4::ZERO };
        let tip = frame.point(*pose * Point::<Tip>::new(0.0, 0.0, 0.0));
        let shaft = frame.direction(*pose * Vector::<Tip>::new(0.0, 0.0, 1.0)).normalize_or_zero();
        let normal = match self {
            Self::Nothing => Vec3::ZERO,
            Self::Across => shaft,
            Self::Along => (eye - tip).reject_from(shaft.normalize_or(Vec3::Z)).normalize_or_zero(),
        };
        normal.extend(normal.dot(tip))
    }

    /// For the panel.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "no cut",
            Self::Across => "across the tool",
            Self::Along => "along the tool",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cut_opens_the_side_of_handle_or_viewer_and_keeps_the_other() {
        let frame = SceneFrame::new(Point::new(0.0, 0.0, 0.0));
        // Handle along the tip's +z, which is posterior here: scene +z.
        let pose = Pose::<Ct, Tip>::from_translation(Vector::new(10.0, 0.0, 0.0));
        let handle = frame.point(pose * Point::<Tip>::new(0.0, 0.0, 100.0));
        let ahead = frame.point(pose * Point::<Tip>::new(0.0, 0.0, -50.0));
        let is_kept = |plane: Vec4, place: Vec3| plane.truncate().dot(place) <= plane.w;
        let eye = Vec3::new(0.7, 0.3, 0.2);
        let across = ToolCut::Across.plane(Some(&pose), Some(eye), &frame);
        assert!(!is_kept(across, handle) && is_kept(across, ahead));
        let along = ToolCut::Along.plane(Some(&pose), Some(eye), &frame);
        assert!(!is_kept(along, eye) && is_kept(along, -eye));
        assert!((along.truncate().dot(handle) - along.w).abs() < 1e-6, "the shaft lies in the plane");
        assert_eq!(ToolCut::Across.plane(None, Some(eye), &frame), Vec4::ZERO);
        assert_eq!(ToolCut::Nothing.plane(Some(&pose), Some(eye), &frame).truncate(), Vec3::ZERO);
    }
}
