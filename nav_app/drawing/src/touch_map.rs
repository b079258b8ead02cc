//! A map of points to touch: which were, which are missing, which is next, and
//! where the tip is now.
//!
//! Touched and missing differ in pattern as well as in colour, for whoever does
//! not tell colours apart.

use std::f32::consts::TAU;

use crate::disc::{DiscColors, mix};

/// A point to touch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// To the right and up from the middle, -1 to 1.
    pub at: [f64; 2],
    /// Touches it has of those it needs, 0 to 1.
    pub share: f64,
}

/// What is drawn.
#[derive(Debug, Clone, Copy)]
pub struct TouchMap<'a> {
    /// The points.
    pub spots: &'a [Spot],
    /// The one to touch next.
    pub next: Option<usize>,
    /// Where the tip is, as a spot's place.
    pub now: Option<[f64; 2]>,
    /// How much of a rest there is at the next one, 0 to 1.
    pub still: f64,
}

/// Largest and smallest radius of a spot, pixels of a picture 720 wide.
const RADII: (f32, f32) = (34.0, 5.0);
/// Width of a stripe there.
const STRIPE: f32 = 7.0;

/// Draws a square picture, `size` pixels wide: RGBA, rows from the top. What is
/// nowhere is not drawn; what is outside is drawn at the edge.
///
/// Cost: that of the spots' own pixels.
#[must_use]
pub fn draw(map: &TouchMap<'_>, colors: &DiscColors, size: u32) -> Vec<u8> {
    let size = size.clamp(16, 4096);
    let [r, g, b] = colors.empty;
    let mut canvas = Canvas { size, unit: size as f32 / 720.0, rgba: [r, g, b, 255].repeat((size * size) as usize) };
    let radius = spot_radius(map.spots);
    for (k, spot) in map.spots.iter().enumerate() {
        let share = spot.share.clamp(0.0, 1.0) as f32;
        canvas.disc(spot.at, radius, |x, y, r, turn| spot_color((x, y, r, turn), share, colors));
        canvas.ring(spot.at, radius, 1.5, colors.ink);
        if map.next == Some(k) {
            canvas.ring(spot.at, radius + 9.0, 5.0, colors.ink);
            let still = map.still.clamp(0.0, 1.0) as f32;
            canvas.disc(spot.at, radius, |_, _, _, turn| (turn < still).then_some(colors.ink));
        }
    }
    if let Some(now) = map.now {
        for (far, color) in [(14.0, colors.background), (11.0, colors.ink), (5.0, colors.background)] {
            canvas.disc(now, far, |_, _, _, _| Some(color));
        }
    }
    canvas.rgba
}

/// Spots that are near to each other are small.
fn spot_radius(spots: &[Spot]) -> f32 {
    let apart = |(a, b): (&Spot, &Spot)| (a.at[0] - b.at[0]).hypot(a.at[1] - b.at[1]);
    // Of thousands the neighbours in the list say enough.
    let reach = if spots.len() <= 400 { spots.len() } else { 3 };
    let pairs = spots.iter().enumerate().flat_map(|(i, a)| spots.iter().skip(i + 1).take(reach).map(move |b| (a, b)));
    let nearest = pairs.map(apart).filter(|apart| *apart > 0.01).fold(f64::INFINITY, f64::min);
    (0.32 * 360.0 * nearest as f32).clamp(RADII.1, RADII.0)
}

/// Filled clockwise from the top as far as it was touched, striped where not.
fn spot_color((x, y, _, turn): (f32, f32, f32, f32), share: f32, colors: &DiscColors) -> Option<[u8; 3]> {
    if turn < share || share >= 1.0 {
        return Some(colors.covered);
    }
    let stripe = ((x + y) / STRIPE).rem_euclid(2.0);
    Some(if stripe < 1.0 { mix(colors.empty, colors.missing, 0.55) } else { colors.empty })
}

struct Canvas {
    size: u32,
    /// Pixels of a picture 720 wide.
    unit: f32,
    rgba: Vec<u8>,
}

impl Canvas {
    /// Pixels from the left and the top, within the picture.
    fn place(&self, at: [f64; 2]) -> Option<[f32; 2]> {
        let half = 0.5 * self.size as f32;
        let [x, y] = at.map(|v| v.clamp(-1.0, 1.0) as f32);
        (x.is_finite() && y.is_finite()).then_some([half + half * x, half - half * y])
    }

    /// Colours what lies within `radius`; the colour is asked for by the place
    /// relative to the middle (right, down) and its distance, in pixels of a
    /// picture 720 wide, and the share of a turn clockwise from the top.
    fn disc(&mut self, at: [f64; 2], radius: f32, color: impl Fn(f32, f32, f32, f32) -> Option<[u8; 3]>) {
        let Some([cx, cy]) = self.place(at) else { return };
        let (reach, size) = (radius * self.unit, self.size);
        let range = |c: f32| ((c - reach - 1.0).max(0.0) as u32)..((c + reach + 2.0).max(0.0) as u32).min(size);
        for y in range(cy) {
            for x in range(cx) {
                let (dx, dy) = (x as f32 + 0.5 - cx, y as f32 + 0.5 - cy);
                let r = dx.hypot(dy);
                let turn = (dx.atan2(-dy) / TAU).rem_euclid(1.0);
                if let Some(color) = color(dx / self.unit, dy / self.unit, r / self.unit, turn) {
                    self.put(x, y, color, reach - r + 0.5);
                }
            }
        }
    }

    /// A circle of this width about its line.
    fn ring(&mut self, at: [f64; 2], radius: f32, width: f32, color: [u8; 3]) {
        let outer = radius + 0.5 * width;
        self.disc(at, outer, |_, _, r, _| (r >= radius - 0.5 * width).then_some(color));
    }

    fn put(&mut self, x: u32, y: u32, color: [u8; 3], share: f32) {
        let at = ((y * self.size + x) * 4) as usize;
        if let Some(pixel) = self.rgba.get_mut(at..at + 3) {
            let mixed = mix([pixel[0], pixel[1], pixel[2]], color, share);
            pixel.copy_from_slice(&mixed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLORS: DiscColors = DiscColors {
        background: [0, 0, 0],
        empty: [20, 20, 20],
        covered: [0, 200, 100],
        missing: [200, 100, 0],
        ink: [255, 255, 255],
    };

    fn count(rgba: &[u8], color: [u8; 3]) -> usize {
        rgba.chunks_exact(4).filter(|p| p[..3] == color).count()
    }

    #[test]
    fn touched_spots_are_filled_and_the_next_one_and_the_tip_are_marked() {
        let spot = |x: f64, share: f64| Spot { at: [x, 0.5], share };
        let spots = [spot(-0.8, 1.0), spot(0.0, 0.0), spot(0.8, 0.5)];
        let map = TouchMap { spots: &spots, next: None, now: None, still: 0.0 };
        let plain = draw(&map, &COLORS, 360);
        let at = |rgba: &[u8], x: usize, y: usize| <[u8; 3]>::try_from(&rgba[(y * 360 + x) * 4..][..3]).unwrap();
        assert_eq!(at(&plain, 36, 90), COLORS.covered);
        assert_eq!(at(&plain, 36, 270), COLORS.empty, "up is up");
        // Half of its touches: the right half is filled.
        assert_eq!((at(&plain, 332, 90), at(&plain, 316, 90) == COLORS.covered), (COLORS.covered, false));
        let next = draw(&TouchMap { next: Some(1), still: 0.5, ..map }, &COLORS, 360);
        assert!(count(&next, COLORS.ink) > count(&plain, COLORS.ink) + 300);
        let tip = draw(&TouchMap { now: Some([0.0, -0.5]), ..map }, &COLORS, 360);
        assert_eq!(at(&tip, 180, 270), COLORS.background);
    }

    #[test]
    fn nothing_and_nonsense_draw_an_empty_map() {
        let spots = [Spot { at: [f64::NAN, 0.0], share: f64::NAN }];
        let map = TouchMap { spots: &spots, next: Some(7), now: Some([f64::INFINITY, f64::NAN]), still: f64::NAN };
        let rgba = draw(&map, &COLORS, 64);
        assert_eq!(count(&rgba, COLORS.empty), 64 * 64);
        assert_eq!(draw(&TouchMap { spots: &[], next: None, now: None, still: 0.0 }, &COLORS, 64).len(), 64 * 64 * 4);
    }
}
