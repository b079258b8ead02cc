//! A disc of directions: how far a tool was tilted or turned to each side, where
//! it is now, and which side is next.
//!
//! Seen from above the handle; the middle is upright, outwards is more tilt,
//! azimuth counts counterclockwise from the right. Covered and missing differ
//! in pattern as well as in colour, for whoever does not tell colours apart.

use std::f32::consts::TAU;

/// RGB of what is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiscColors {
    /// Around the disc.
    pub background: [u8; 3],
    /// Where nothing has to be, and between the stripes of what is missing.
    pub empty: [u8; 3],
    /// A side that was tilted to far enough.
    pub covered: [u8; 3],
    /// A side that was tilted to, not far enough; stripes of what is missing.
    pub missing: [u8; 3],
    /// Lines and poses.
    pub ink: [u8; 3],
}

/// What is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Disc<'a> {
    /// Tilt reached to each side, degrees; the first side is at the right.
    pub reached_deg: &'a [f64],
    /// Sides that have to be reached; all, where it is shorter.
    pub is_needed: &'a [bool],
    /// Tilt that every needed side needs, degrees.
    pub wanted_deg: f64,
    /// Azimuth and tilt of poses, degrees.
    pub poses_deg: &'a [[f64; 2]],
    /// Where the tool is now.
    pub now_deg: Option<[f64; 2]>,
    /// The side to tilt to next.
    pub next: Option<usize>,
}

/// Tilt at the disc's edge, as a multiple of what is wanted.
const EDGE: f64 = 1.6;
/// Share of the picture's half width that the disc takes.
const RADIUS: f32 = 0.98;
/// Width of a stripe, pixels of a picture 720 wide.
const STRIPE: f32 = 13.0;

/// Draws a square picture, `size` pixels wide: RGBA, rows from the top.
#[must_use]
pub fn draw(disc: &Disc<'_>, colors: &DiscColors, size: u32) -> Vec<u8> {
    let mut canvas = Canvas::new(disc, colors, size);
    canvas.fill();
    // Of many poses an even share: the picture must not become one blot.
    let stride = disc.poses_deg.len().div_ceil(600).max(1);
    for pose in disc.poses_deg.iter().step_by(stride) {
        canvas.dot(*pose, 2.2, colors.ink, 0.55);
    }
    if let Some(next) = disc.next {
        canvas.arrow(next);
    }
    if let Some(now) = disc.now_deg {
        canvas.dot(now, 19.0, colors.background, 1.0);
        canvas.dot(now, 15.0, colors.ink, 1.0);
        canvas.dot(now, 7.0, colors.background, 1.0);
    }
    canvas.rgba
}

struct Canvas<'a> {
    disc: &'a Disc<'a>,
    colors: &'a DiscColors,
    size: u32,
    /// Pixels of a picture 720 wide.
    unit: f32,
    rgba: Vec<u8>,
}

pub(crate) fn mix(from: [u8; 3], to: [u8; 3], share: f32) -> [u8; 3] {
    let share = share.clamp(0.0, 1.0);
    std::array::from_fn(|i| (f32::from(from[i]) + (f32::from(to[i]) - f32::from(from[i])) * share).round() as u8)
}

impl<'a> Canvas<'a> {
    fn new(disc: &'a Disc<'a>, colors: &'a DiscColors, size: u32) -> Self {
        let size = size.clamp(16, 4096);
        let [r, g, b] = colors.background;
        let rgba = [r, g, b, 255].repeat((size * size) as usize);
        Self { disc, colors, size, unit: size as f32 / 720.0, rgba }
    }

    fn outer(&self) -> f32 {
        0.5 * self.size as f32 * RADIUS
    }

    /// Pixels from the middle of a tilt, at the edge for all beyond it.
    fn radius(&self, tilt_deg: f64) -> f32 {
        let edge = EDGE * self.disc.wanted_deg.max(1e-3);
        self.outer() * (tilt_deg / edge).clamp(0.0, 1.0) as f32
    }

    fn put(&mut self, x: u32, y: u32, color: [u8; 3], share: f32) {
        let at = ((y * self.size + x) * 4) as usize;
        if let Some(pixel) = self.rgba.get_mut(at..at + 3) {
            let mixed = mix([pixel[0], pixel[1], pixel[2]], color, share);
            pixel.copy_from_slice(&mixed);
        }
    }

    /// Sides, ring and edge.
    fn fill(&mut self) {
        let (outer, ring, unit) = (self.outer(), self.radius(self.disc.wanted_deg), self.unit);
        let sides = self.disc.reached_deg.len().max(1);
        let width = TAU / sides as f32;
        let reach: Vec<(f32, bool)> = (0..sides)
            .map(|k| (k, self.disc.reached_deg.get(k).copied().unwrap_or(0.0)))
            .map(|(k, deg)| (self.radius(deg), deg >= self.disc.wanted_deg || !self.is_needed(k)))
            .collect();
        let middle = 0.5 * self.size as f32;
        for y in 0..self.size {
            for x in 0..self.size {
                let (dx, dy) = (x as f32 + 0.5 - middle, middle - y as f32 - 0.5);
                let r = dx.hypot(dy);
                if r > outer + 1.0 {
                    continue;
                }
                let turn = (dy.atan2(dx) + 0.5 * width).rem_euclid(TAU) / width;
                let (filled, is_covered) = reach[turn as usize % sides];
                let stripe = ((x + y) as f32 / (STRIPE * unit)).rem_euclid(2.0);
                let striped = ((0.5 - (stripe - 1.0).abs()) * STRIPE * unit + 0.5).clamp(0.0, 0.55);
                let open = if is_covered || r > ring {
                    self.colors.empty
                } else {
                    mix(self.colors.empty, self.colors.missing, striped)
                };
                let full =
                    if is_covered { self.colors.covered } else { mix(self.colors.empty, self.colors.missing, 0.85) };
                let mut color = mix(open, full, filled - r + 0.5);
                // Between the sides, and around.
                let from_side = (turn.fract() - turn.fract().round()).abs() * width * r;
                color = mix(color, self.colors.background, 2.5 * unit - from_side + 0.5);
                color = mix(color, self.colors.ink, 2.0 * unit - (r - ring).abs() + 0.5);
                color = mix(color, self.colors.ink, 1.0 * unit - (r - outer + 2.0).abs() + 0.5);
                self.put(x, y, color, outer - r + 0.5);
            }
        }
    }

    fn is_needed(&self, side: usize) -> bool {
        self.disc.is_needed.get(side).copied().unwrap_or(true)
    }

    /// Where a pose is, pixels from the left and the top.
    fn place(&self, [azimuth_deg, tilt_deg]: [f64; 2]) -> [f32; 2] {
        let (middle, r) = (0.5 * self.size as f32, self.radius(tilt_deg));
        let (sin, cos) = (azimuth_deg.to_radians() as f32).sin_cos();
        [middle + r * cos, middle - r * sin]
    }

    fn dot(&mut self, pose: [f64; 2], radius: f32, color: [u8; 3], share: f32) {
        let [cx, cy] = self.place(pose);
        if !cx.is_finite() || !cy.is_finite() {
            return;
        }
        let (radius, size) = (radius * self.unit, self.size);
        let range = |c: f32| ((c - radius - 1.0).max(0.0) as u32)..((c + radius + 2.0).max(0.0) as u32).min(size);
        for y in range(cy) {
            for x in range(cx) {
                let far = (x as f32 + 0.5 - cx).hypot(y as f32 + 0.5 - cy);
                self.put(x, y, color, share * (radius - far + 0.5).clamp(0.0, 1.0));
            }
        }
    }

    /// A triangle that points outwards, beyond the ring of the next side.
    fn arrow(&mut self, side: usize) {
        let sides = self.disc.reached_deg.len().max(1);
        let angle = TAU * side as f32 / sides as f32;
        let (sin, cos) = angle.sin_cos();
        let middle = 0.5 * self.size as f32;
        let (from, to) = (self.radius(self.disc.wanted_deg) + 22.0 * self.unit, self.outer() - 14.0 * self.unit);
        for y in 0..self.size {
            for x in 0..self.size {
                let (dx, dy) = (x as f32 + 0.5 - middle, middle - y as f32 - 0.5);
                let (along, across) = (dx * cos + dy * sin, (dy * cos - dx * sin).abs());
                // Distance inside both slanting sides and the base.
                let inside = ((to - along) * 0.6 - across * 0.8).min(along - from);
                if inside > -1.0 {
                    self.put(x, y, self.colors.ink, inside + 0.5);
                }
            }
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

    fn pixel(rgba: &[u8], size: u32, x: u32, y: u32) -> [u8; 3] {
        let at = ((y * size + x) * 4) as usize;
        [rgba[at], rgba[at + 1], rgba[at + 2]]
    }

    #[test]
    fn covered_sides_are_filled_and_the_tool_is_where_it_leans_to() {
        let mut reached = [20.0; 8];
        reached[2] = 0.0;
        let disc = Disc {
            reached_deg: &reached,
            is_needed: &[],
            wanted_deg: 15.0,
            poses_deg: &[],
            now_deg: Some([180.0, 12.0]),
            next: Some(2),
        };
        let size = 240;
        let rgba = draw(&disc, &COLORS, size);
        assert_eq!(rgba.len(), (size * size * 4) as usize);
        // Right: covered. Top: not. Left: the ring of the tool. Corner: nothing.
        assert_eq!(pixel(&rgba, size, 170, 120), COLORS.covered);
        let top: Vec<[u8; 3]> = (70..110).map(|y| pixel(&rgba, size, 120, y)).collect();
        assert!(top.iter().all(|p| *p != COLORS.covered) && top.iter().any(|p| p[0] > 90), "{top:?}");
        let at_tool = (0..size).filter(|x| pixel(&rgba, size, *x, 120) == COLORS.ink).count();
        assert!(at_tool >= 4, "{at_tool}");
        assert_eq!(pixel(&rgba, size, 2, 2), COLORS.background);
        // The arrow stands over the missing side, outside the ring.
        assert_eq!(pixel(&rgba, size, 120, 27), COLORS.ink);
    }

    #[test]
    fn what_nobody_needs_is_not_striped() {
        let (reached, is_needed) = ([0.0; 8], [true, false, true, true, true, true, true, true]);
        let disc = Disc {
            reached_deg: &reached,
            is_needed: &is_needed,
            wanted_deg: 15.0,
            poses_deg: &[],
            now_deg: None,
            next: None,
        };
        let rgba = draw(&disc, &COLORS, 240);
        // Along the middle of the second side, up and to the right, and of the third, upwards.
        let second: Vec<[u8; 3]> = (20..45).map(|i| pixel(&rgba, 240, 120 + i, 120 - i)).collect();
        assert!(second.iter().all(|p| *p == COLORS.empty), "{second:?}");
        assert!((65..100).any(|y| pixel(&rgba, 240, 120, y)[0] > 90));
    }

    #[test]
    fn nothing_and_nonsense_draw_an_empty_disc() {
        let disc = Disc {
            reached_deg: &[],
            is_needed: &[],
            wanted_deg: 0.0,
            poses_deg: &[[f64::NAN, 1.0]],
            now_deg: Some([0.0, f64::INFINITY]),
            next: Some(9),
        };
        assert_eq!(draw(&disc, &COLORS, 64).len(), 64 * 64 * 4);
    }
}
