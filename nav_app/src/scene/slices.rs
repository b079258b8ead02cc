//! A slice as a picture: window, outlines, instrument, crosshair.

use bevy::prelude::Resource;
use drawing::canvas::{Canvas, Pen};
use drawing::contours::{self, Contours};
use engine::case::{Case, Vertebra};
use engine::level::Level;
use geom::{Ct, Point, Tip, Transform};
use serde::{Deserialize, Serialize};

use super::hanging::{Hanging, SliceMode};
use super::plane::{PlacedView, SliceView};
use super::{palette, screws, tool};
use crate::scene_input::PlannedScrew;

/// Widest and narrowest window, HU.
const WIDTH_HU: (f32, f32) = (20.0, 4000.0);
/// Lowest and highest centre, HU.
const CENTRE_HU: (f32, f32) = (-1000.0, 3000.0);
/// Brightness of a slice that is not through the tip.
const DIMMED: f32 = 0.55;
/// Radius around the tip that the crosshair leaves free, mm.
const GAP_MM: f32 = 4.0;
/// What caption and letter take at the top, words and letter at the bottom;
/// pixels.
const EDGE_WORDS: (f32, f32) = (40.0, 46.0);
/// Between the tip and the middle of a name, pixels: names are 30 wide, 22 high.
const NAME_CLEARANCE: (f32, f32) = (34.0, 20.0);

/// Which HU are black, which white.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SliceWindow {
    /// Mean grey, HU.
    pub centre_hu: f32,
    /// From black to white, HU.
    pub width_hu: f32,
}

impl Default for SliceWindow {
    /// Bone.
    fn default() -> Self {
        Self::PRESETS[0].1
    }
}

impl SliceWindow {
    /// Names and windows as radiology uses them.
    pub const PRESETS: [(&str, Self); 4] = [
        ("bone", Self { centre_hu: 400.0, width_hu: 1800.0 }),
        ("soft tissue", Self { centre_hu: 50.0, width_hu: 400.0 }),
        ("vessels", Self { centre_hu: 200.0, width_hu: 700.0 }),
        ("lung", Self { centre_hu: -500.0, width_hu: 1500.0 }),
    ];

    /// The preset after this one; the first after a window of the user's own.
    #[must_use]
    pub fn next(self) -> Self {
        let now = Self::PRESETS.iter().position(|(_, window)| *window == self);
        Self::PRESETS[now.map_or(0, |i| (i + 1) % Self::PRESETS.len())].1
    }

    /// Wider by `wider` HU, brighter by `brighter` HU, within reason.
    #[must_use]
    pub fn dragged(self, wider: f32, brighter: f32) -> Self {
        Self {
            centre_hu: (self.centre_hu - brighter).clamp(CENTRE_HU.0, CENTRE_HU.1),
            width_hu: (self.width_hu + wider).clamp(WIDTH_HU.0, WIDTH_HU.1),
        }
    }

    /// For the corner of a slice.
    #[must_use]
    pub fn words(self) -> String {
        let preset = Self::PRESETS.iter().find(|(_, window)| *window == self);
        let name = preset.map_or("", |(name, _)| name);
        format!("W {:.0}  L {:.0}  {name}", self.width_hu, self.centre_hu)
    }
}

/// What a slice is drawn through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Focus {
    /// The tip of a shown instrument, in its colour.
    Tip {
        /// Its pose.
        ct_from_tip: Transform<Ct, Tip>,
        /// Colour of the instrument.
        rgb: [u8; 3],
    },
    /// No pose: a fixed place on the spine, dimmed, without crosshair.
    Spine(Point<Ct>),
}

impl Focus {
    /// Where the slices cut.
    #[must_use]
    pub fn position(&self) -> Point<Ct> {
        match self {
            Self::Tip { ct_from_tip, .. } => *ct_from_tip * Point::new(0.0, 0.0, 0.0),
            Self::Spine(position) => *position,
        }
    }

    /// The pose of a shown instrument.
    #[must_use]
    pub const fn pose(&self) -> Option<&Transform<Ct, Tip>> {
        match self {
            Self::Tip { ct_from_tip, .. } => Some(ct_from_tip),
            Self::Spine(_) => None,
        }
    }
}

/// What a slice is drawn for; the same again is the same picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// What it is drawn through.
    pub focus: Focus,
    /// What is black, what white.
    pub window: SliceWindow,
    /// Which planes.
    pub mode: SliceMode,
    /// Pixels drawn along an edge, times those of the view: no more than the
    /// screen shows.
    pub density: f32,
}

/// A drawn slice.
#[derive(Debug)]
pub struct SlicePicture {
    /// RGBA.
    pub rgba: Vec<u8>,
    /// Width and height, pixels.
    pub size: [u32; 2],
    /// Which way it hangs.
    pub hanging: Hanging,
    /// Level names and the view's pixels to write them at.
    pub names: Vec<(Level, [f32; 2])>,
}

/// Draws `view`; black outside the CT.
#[must_use]
pub fn draw(case: &Case, contours: &Contours, planned: &[PlannedScrew], view: SliceView, look: &Look) -> SlicePicture {
    let Look { focus, window, mode, density } = look;
    let view = view.at(*density);
    let hanging = mode.hang(view.plane, focus.pose());
    let placed = view.place(hanging, focus.position(), case.ct.grid.bounds());
    let gain = if matches!(focus, Focus::Tip { .. }) { 1.0 } else { DIMMED };
    let hu = placed.sampling().map(|plane| case.ct.slice(&plane)).unwrap_or_default();
    let black_hu = window.centre_hu - 0.5 * window.width_hu;
    let [width, height] = view.size.map(|n| n as usize);
    let mut canvas = Canvas::from_hu(width, height, &hu, black_hu, 255.0 * gain / window.width_hu, 255.0 * gain);
    let names = outlines(&mut canvas, case, contours, &placed, gain);
    screws::outline(&mut canvas, planned, &placed);
    let names = names.into_iter().filter_map(|(level, at)| Some((level, clear_place(at, &placed, focus)?)));
    let names = names.map(|(level, at)| (level, at.map(|c| c / density))).collect();
    if let Focus::Tip { ct_from_tip, rgb } = focus {
        instrument(&mut canvas, &placed, ct_from_tip, *rgb);
    }
    SlicePicture { rgba: canvas.into_rgba(), size: view.size, hanging, names }
}

/// Draws the cut surfaces; returns where each level's name belongs.
fn outlines(
    canvas: &mut Canvas,
    case: &Case,
    contours: &Contours,
    placed: &PlacedView,
    gain: f32,
) -> Vec<(Level, [f32; 2])> {
    let (hanging, corner) = (placed.hanging, placed.corner());
    let segments = match hanging.axis {
        Some(axis) => contours.cut(&case.vertebrae, axis, corner[axis] as f32),
        None => contours::cut_oblique(&case.vertebrae, corner, hanging.normal()),
    };
    let colour = |v: &Vertebra| palette::bone_rgb(v.level).map(|c| (f32::from(c) * gain.sqrt()) as u8);
    let colours: Vec<_> = case.vertebrae.iter().map(colour).collect();
    let middles = contours::draw(canvas, &segments, &placed.projection(), &colours);
    // Outlines shorter than this (mm) are slivers that need no name.
    let is_seen = |length: f32| f64::from(length) * placed.view.mm_per_pixel > 25.0;
    let named = middles.into_iter().zip(&case.vertebrae).filter(|((_, length), _)| is_seen(*length));
    named.map(|((middle, _), vertebra)| (vertebra.level, middle)).collect()
}

/// Moves a name off the tip, which it would hide; `None` where words stand at the
/// upper and lower edge.
fn clear_place([x, y]: [f32; 2], placed: &PlacedView, focus: &Focus) -> Option<[f32; 2]> {
    if !(EDGE_WORDS.0..placed.view.size[1] as f32 - EDGE_WORDS.1).contains(&y) {
        return None;
    }
    let (Some(_), [tip_x, tip_y]) = (focus.pose(), placed.pixel(focus.position())) else { return Some([x, y]) };
    let (across, up) = NAME_CLEARANCE;
    if (x - tip_x).abs() > across || (y - tip_y).abs() > up {
        return Some([x, y]);
    }
    Some([tip_x - across, if y > tip_y { tip_y + up } else { tip_y - up }])
}

/// The instrument projected onto the slice, and the crosshair at its tip.
fn instrument(canvas: &mut Canvas, placed: &PlacedView, ct_from_tip: &Transform<Ct, Tip>, rgb: [u8; 3]) {
    let pixels_per_mm = (1.0 / placed.view.mm_per_pixel) as f32;
    let along = |mm: f32| placed.pixel(*ct_from_tip * Point::new(0.0, 0.0, f64::from(mm)));
    let tip = along(0.0);
    let [width, height] = placed.view.size.map(|n| n as f32);
    let gap = GAP_MM * pixels_per_mm;
    let hair = Pen { rgb: palette::rgb(palette::TEXT), alpha: 0.45, width: 1.0 };
    canvas.line([0.0, tip[1]], [tip[0] - gap, tip[1]], hair);
    canvas.line([tip[0] + gap, tip[1]], [width, tip[1]], hair);
    canvas.line([tip[0], 0.0], [tip[0], tip[1] - gap], hair);
    canvas.line([tip[0], tip[1] + gap], [tip[0], height], hair);
    let pen = Pen { rgb, alpha: 0.95, width: 2.6 };
    canvas.line(tip, along(tool::LENGTH_MM), pen);
    canvas.dashed_line(tip, along(-tool::AHEAD_MM), tool::DASH_MM * pixels_per_mm, Pen { width: 1.8, ..pen });
    canvas.line(tip, tip, Pen { width: 7.0, ..pen });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_come_round_again_and_never_close() {
        let mut window = SliceWindow::default();
        for _ in 0..SliceWindow::PRESETS.len() {
            window = window.next();
        }
        assert_eq!(window, SliceWindow::default());
        let dragged = window.dragged(-1e6, 0.0).dragged(0.0, f32::MAX);
        assert!(dragged.width_hu >= 20.0 && dragged.centre_hu >= -1000.0);
        assert_eq!(dragged.next(), SliceWindow::default(), "from one's own back to the presets");
    }
}
