//! One radiograph as the window shows it: the part chosen by wheel and drag, and what was found, drawn over it.

use bevy::color::Color;
use drawing::canvas::{Canvas, Pen};
use engine::level::Level;
use engine::xray::{Placed, Radiograph, ViewLandmarks};

use super::edit::{Handle, box_corners, corners_to_drag};
use crate::scene::palette;

/// Size of a handle, pixels of the screen.
pub const HANDLE_PX: f64 = 7.0;
/// Nearest and farthest: pixels of the radiograph in one of the screen.
const STEP: std::ops::RangeInclusive<f64> = 0.05..=50.0;
const BOX: [u8; 3] = [90, 140, 255];
const HEAD: [u8; 3] = [140, 255, 140];

/// Which part of a radiograph is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// Pixel of the radiograph in the upper left corner.
    pub first: [f64; 2],
    /// Pixels of the radiograph in one of the screen.
    pub step: f64,
}

impl Frame {
    /// All of the radiograph, in the middle.
    pub fn whole(radiograph: &Radiograph, size: [usize; 2]) -> Self {
        let full = [radiograph.geometry.columns, radiograph.geometry.rows].map(|n| n as f64);
        let screen = size.map(|n| n.max(1) as f64);
        let step = (full[0] / screen[0]).max(full[1] / screen[1]);
        let first = [0, 1].map(|i| (full[i] - step * screen[i]) / 2.0);
        Self { first, step }
    }

    /// The radiograph's pixel at a place on the screen.
    pub fn to_picture(self, screen: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|i| self.first[i] + self.step * screen[i])
    }

    /// Where a pixel of the radiograph is on the screen.
    pub fn to_screen(self, pixel: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|i| (pixel[i] - self.first[i]) / self.step)
    }

    /// Nearer (`factor` below 1) or farther, what lies at `screen` stays there.
    pub fn zoom(&mut self, screen: [f64; 2], factor: f64) {
        let held = self.to_picture(screen);
        self.step = (self.step * factor).clamp(*STEP.start(), *STEP.end());
        self.first = [0, 1].map(|i| held[i] - self.step * screen[i]);
    }

    /// Moves the picture by pixels of the screen.
    pub fn shift(&mut self, by: [f64; 2]) {
        self.first = [0, 1].map(|i| self.first[i] - self.step * by[i]);
    }
}

/// What is written over the picture: a name and its place on the screen.
pub type Names = Vec<(Level, [f64; 2])>;

/// Draws the part, RGBA, and tells where the names belong.
///
/// - `held`: drawn larger.
pub fn draw(
    radiograph: &Radiograph,
    frame: &Frame,
    size: [usize; 2],
    shown: &ViewLandmarks,
    held: Option<Handle>,
) -> (Vec<u8>, Names) {
    let mut canvas = Canvas::from_grey(size[0], size[1], &radiograph.part(frame.first, frame.step, size));
    let place = |p: [f64; 2]| frame.to_screen(p).map(|v| v as f32);
    let mut loop_through = |points: &[[f64; 2]], pen: Pen| {
        for (a, b) in points.iter().zip(points.iter().cycle().skip(1)) {
            canvas.line(place(*a), place(*b), pen);
        }
    };
    let mut dots = Vec::new();
    let mut names = Names::new();
    let thin = |rgb, width| Pen { rgb, alpha: 0.9, width };
    for seen in &shown.vertebrae {
        loop_through(&box_corners(seen.bounds), Pen { alpha: 0.55, ..thin(BOX, 1.0) });
        loop_through(&seen.contour, thin(palette::rgb(palette::CAUTION), 1.0));
        dots.extend((0..4).map(|i| (box_corners(seen.bounds)[i], Handle::Box(seen.level, i), BOX)));
        let corners = corners_to_drag(seen);
        let ink = match &seen.corners {
            Ok(_) if seen.placed == Placed::ByHand => Color::WHITE,
            Ok(_) => palette::GOOD,
            Err(_) => palette::ALARM,
        };
        // Dots without lines are offered, not found.
        if seen.corners.is_ok() {
            loop_through(&corners, thin(palette::rgb(ink), 1.5));
        }
        dots.extend((0..4).map(|i| (corners[i], Handle::Corner(seen.level, i), palette::rgb(ink))));
        let at = frame.to_screen([seen.bounds.right, seen.bounds.centre()[1]]);
        if (0.0..size[0] as f64).contains(&at[0]) && (0.0..size[1] as f64).contains(&at[1]) {
            names.push((seen.level, at));
        }
    }
    for (i, head) in shown.heads.iter().enumerate() {
        let ring: Vec<[f64; 2]> = (0..48)
            .map(|k| (f64::from(k) / 48.0 * std::f64::consts::TAU).sin_cos())
            .map(|(sin, cos)| [head.centre[0] + head.radius_px * cos, head.centre[1] + head.radius_px * sin])
            .collect();
        loop_through(&ring, thin(HEAD, 1.5));
        dots.push((head.centre, Handle::Head(i), HEAD));
    }
    for (at, handle, rgb) in dots {
        let is_held = held == Some(handle);
        let is_box = matches!(handle, Handle::Box(..));
        let width = if is_held {
            11.0
        } else if is_box {
            3.0
        } else {
            5.0
        };
        canvas.line(place(at), place(at), Pen { rgb, alpha: 1.0, width });
    }
    (canvas.into_rgba(), names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_under_the_pointer_stays_there_when_the_picture_comes_nearer() {
        let mut frame = Frame { first: [-20.0, 5.0], step: 2.0 };
        let held = frame.to_picture([100.0, 40.0]);
        frame.zoom([100.0, 40.0], 0.5);
        assert_eq!(frame.to_picture([100.0, 40.0]), held);
        assert_eq!(frame.step, 1.0);
        frame.shift([10.0, 0.0]);
        assert_eq!(frame.to_screen(held), [110.0, 40.0]);
        (0..99).for_each(|_| frame.zoom([0.0; 2], 0.5));
        assert_eq!(frame.step, *STEP.start());
    }
}
