//! A slice as a picture: bone window, outlines, instrument, crosshair.

use engine::case::Case;
use engine::level::Level;
use geom::{Ct, Point, Tip, Transform};

use super::canvas::{Canvas, Pen};
use super::contours::Contours;
use super::plane::{PlacedView, SliceView};
use super::{palette, tool};

/// Bone window: centre and width, HU.
const WINDOW: (f32, f32) = (400.0, 1800.0);
/// Brightness of a slice that is not through the tip.
const DIMMED: f32 = 0.55;
/// Radius around the tip that the crosshair leaves free, mm.
const GAP_MM: f32 = 4.0;

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
}

/// A drawn slice.
#[derive(Debug)]
pub struct SlicePicture {
    /// RGBA, `view.size` pixels.
    pub rgba: Vec<u8>,
    /// Level names and the pixels to write them at.
    pub names: Vec<(Level, [f32; 2])>,
}

/// Draws `view` through `focus`; black outside the CT.
#[must_use]
pub fn draw(case: &Case, contours: &Contours, view: SliceView, focus: &Focus) -> SlicePicture {
    let placed = view.place(focus.position(), case.ct.grid.bounds());
    let gain = if matches!(focus, Focus::Tip { .. }) { 1.0 } else { DIMMED };
    let hu = placed.sampling().map(|plane| case.ct.slice(&plane)).unwrap_or_default();
    let scale = 255.0 * gain / WINDOW.1;
    let lowest = WINDOW.0 - 0.5 * WINDOW.1;
    // A cast to u8 saturates at 0 and 255.
    let grey = hu.iter().map(|hu| ((hu - lowest) * scale).min(255.0 * gain) as u8);
    let mut canvas = Canvas::from_grey(view.size[0] as usize, view.size[1] as usize, grey);
    let names = outlines(&mut canvas, case, contours, &placed, gain);
    if let Focus::Tip { ct_from_tip, rgb } = focus {
        instrument(&mut canvas, &placed, ct_from_tip, *rgb);
    }
    SlicePicture { rgba: canvas.into_rgba(), names }
}

/// Draws the cut surfaces; returns where each level's name belongs.
fn outlines(
    canvas: &mut Canvas,
    case: &Case,
    contours: &Contours,
    placed: &PlacedView,
    gain: f32,
) -> Vec<(Level, [f32; 2])> {
    let segments = contours.cut(&case.vertebrae, placed.view.plane.axis(), placed.depth_mm() as f32);
    // Length-weighted centre of each outline.
    let mut centres = vec![([0.0f32; 2], 0.0f32); case.vertebrae.len()];
    for segment in segments {
        let Some(vertebra) = case.vertebrae.get(segment.vertebra) else { continue };
        let [a, b] = segment.ends.map(|end| placed.pixel(end.into()));
        let rgb = palette::bone_rgb(vertebra.level).map(|c| (f32::from(c) * gain.sqrt()) as u8);
        canvas.line(a, b, Pen { rgb, alpha: 1.0, width: 1.5 });
        let length = (a[0] - b[0]).hypot(a[1] - b[1]);
        if let Some((sum, weight)) = centres.get_mut(segment.vertebra) {
            sum[0] += 0.5 * (a[0] + b[0]) * length;
            sum[1] += 0.5 * (a[1] + b[1]) * length;
            *weight += length;
        }
    }
    // Outlines shorter than this (pixels) are slivers that need no name.
    let is_seen = |weight: f32| f64::from(weight) * placed.view.mm_per_pixel > 25.0;
    let named = centres.into_iter().zip(&case.vertebrae).filter(|((_, weight), _)| is_seen(*weight));
    named.map(|((sum, weight), vertebra)| (vertebra.level, sum.map(|c| c / weight))).collect()
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
