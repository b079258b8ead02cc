//! Four corners of a vertebral body from its mask.
//!
//! Promises corners that a bitten or bulging part of the outline hardly moves:
//! each side is a line fitted with Tukey's weights to where the mask ends, and
//! a corner is where two of them meet. Does not promise the rim's own corner
//! where osteophytes stand out. Called for each crop.

/// A square field, above 0 inside the body.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// Pixels of an edge.
    pub size: usize,
    /// Values, row by row.
    pub values: &'a [f32],
}

/// Lines looked along for each side.
const LINES: usize = 41;
/// Step along a line, pixels.
const STEP: f64 = 0.5;
/// Middle share of an endplate and of a wall that its line is fitted to.
const ENDPLATE: f64 = 0.70;
const WALL: f64 = 0.50;
/// Share of the endplate above that a sacral plate is looked for along.
const FACING: f64 = 0.90;
/// Rounds in which the axes settle on the endplates.
const ROUNDS: usize = 6;
/// Cut-off of Tukey's biweight in standard deviations (doi:10.1080/00401706.1974.10489171).
const TUKEY: f64 = 4.685;

/// What was fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// Upper left and right, lower right and left, `[column, row]` of the field.
    pub corners: [[f64; 2]; 4],
    /// Root mean square distance of the outline from the endplates' lines, pixels.
    pub rms: f64,
}

impl Field<'_> {
    /// Bilinear value; far outside beyond the edge.
    fn at(&self, p: [f64; 2]) -> f64 {
        let last = self.size as f64 - 1.0;
        if !(0.0..=last).contains(&p[0]) || !(0.0..=last).contains(&p[1]) {
            return -1.0;
        }
        let low = p.map(|v| (v as usize).min(self.size.saturating_sub(2)));
        let [x, y] = [p[0] - low[0] as f64, p[1] - low[1] as f64];
        let value = |dx: usize, dy: usize| {
            self.values.get((low[1] + dy) * self.size + low[0] + dx).copied().map_or(-1.0, f64::from)
        };
        (value(0, 0) * (1.0 - x) + value(1, 0) * x) * (1.0 - y) + (value(0, 1) * (1.0 - x) + value(1, 1) * x) * y
    }

    fn inside(&self) -> Vec<[f64; 2]> {
        let place = |i: usize| [(i % self.size) as f64, (i / self.size) as f64];
        self.values.iter().enumerate().filter(|(_, v)| **v > 0.0).map(|(i, _)| place(i)).collect()
    }
}

/// Axes in the picture: `up` along the column, `across` to the right of it.
struct Axes {
    centre: [f64; 2],
    up: [f64; 2],
}

impl Axes {
    fn across(&self) -> [f64; 2] {
        [-self.up[1], self.up[0]]
    }

    fn to_field(&self, a: f64, u: f64) -> [f64; 2] {
        let across = self.across();
        [0, 1].map(|i| self.centre[i] + across[i] * a + self.up[i] * u)
    }

    fn of_field(&self, p: [f64; 2]) -> [f64; 2] {
        let d = [p[0] - self.centre[0], p[1] - self.centre[1]];
        let dot = |axis: [f64; 2]| d[0] * axis[0] + d[1] * axis[1];
        [dot(self.across()), dot(self.up)]
    }

    /// Turned so that a line `u = slope * a` lies across.
    fn turned(&self, slope: f64) -> Self {
        let length = slope.hypot(1.0);
        let across = self.across();
        Self { centre: self.centre, up: [0, 1].map(|i| (self.up[i] - slope * across[i]) / length) }
    }
}

/// `y = slope * x + offset`, and the root mean square of what was kept.
#[derive(Debug, Clone, Copy)]
struct Line {
    slope: f64,
    offset: f64,
    rms: f64,
}

/// The corners of the body in `field`.
///
/// - `up`: roughly towards the head along the column, `[column, row]`.
/// - `upper_only`: turn with the upper endplate alone (S1, whose lower end is fused).
///
/// `None` when the field holds no body with four sides. Cost: 1 ms.
#[must_use]
pub fn fit(field: &Field<'_>, up: [f64; 2], upper_only: bool) -> Option<Fit> {
    let inside = field.inside();
    let length = up[0].hypot(up[1]);
    if inside.len() < 100 || length.is_nan() || length <= 1e-9 {
        return None;
    }
    let count = inside.len() as f64;
    let centre = [0, 1].map(|i| inside.iter().map(|p| p[i]).sum::<f64>() / count);
    let mut axes = Axes { centre, up: up.map(|v| v / length) };
    let mut last = None;
    for _ in 0..ROUNDS {
        let sides = sides(field, &axes, &inside)?;
        let [top, bottom, ..] = sides;
        last = Some((axes.to_corners(&sides)?, f64::midpoint(top.rms.powi(2), bottom.rms.powi(2)).sqrt()));
        let slope = if upper_only { top.slope } else { f64::midpoint(top.slope, bottom.slope) };
        if slope.abs() < 1e-3 {
            break;
        }
        axes = axes.turned(slope.clamp(-0.7, 0.7));
    }
    last.map(|(corners, rms)| Fit { corners, rms })
}

/// The corners of a sacrum's body whose upper neighbour's lower endplate is known: `plate`, left to right in the field.
///
/// A steep sacral plate makes the body a diamond in the picture, whose upper side is anybody's guess; the disc tells it:
/// the sacral plate is the part of the outline that faces the endplate above. What of the field lies beyond that
/// endplate is the neighbour's.
///
/// `None` when the field holds no body with four sides, or too little of it faces the endplate. Cost: 1 ms.
#[must_use]
pub fn fit_below(field: &Field<'_>, plate: [[f64; 2]; 2]) -> Option<Fit> {
    let [left, right] = plate;
    let width = (right[0] - left[0]).hypot(right[1] - left[1]);
    if width.is_nan() || width < 6.0 {
        return None;
    }
    let across = [0, 1].map(|i| (right[i] - left[i]) / width);
    let centre = [0, 1].map(|i| f64::midpoint(left[i], right[i]));
    // Across is up turned by a quarter to the right.
    let disc = Axes { centre, up: [across[1], -across[0]] };
    let half = 0.5 * width;
    let facing = side(&middle([-half, half], FACING), [-width, 0.0], 1.0, |a, u| {
        if u > 0.0 { -1.0 } else { field.at(disc.to_field(a, u)) }
    })?;
    // From here on across lies along the sacral plate.
    let axes = Axes { centre: disc.to_field(0.0, facing.offset), ..disc.turned(facing.slope) };
    let inside: Vec<[f64; 2]> = field.inside().into_iter().filter(|p| axes.of_field(*p)[1] <= 0.0).collect();
    if inside.len() < 100 {
        return None;
    }
    let upper = Line { slope: 0.0, offset: 0.0, rms: facing.rms };
    let [_, bottom, left, right] =
        sides_of(&axes, &inside, |p| if axes.of_field(p)[1] > 0.0 { -1.0 } else { field.at(p) })?;
    let corners = axes.to_corners(&[upper, bottom, left, right])?;
    Some(Fit { corners, rms: f64::midpoint(upper.rms.powi(2), bottom.rms.powi(2)).sqrt() })
}

impl Axes {
    /// Where the four sides meet.
    fn to_corners(&self, [top, bottom, left, right]: &[Line; 4]) -> Option<[[f64; 2]; 4]> {
        let meet = |plate: &Line, wall: &Line| {
            // u = m a + c and a = n u + d.
            let u = (plate.slope * wall.offset + plate.offset) / (1.0 - plate.slope * wall.slope);
            let a = wall.slope * u + wall.offset;
            (u.is_finite() && a.is_finite()).then(|| self.to_field(a, u))
        };
        Some([meet(top, left)?, meet(top, right)?, meet(bottom, right)?, meet(bottom, left)?])
    }
}

/// Upper, lower, left and right side in the axes.
fn sides(field: &Field<'_>, axes: &Axes, inside: &[[f64; 2]]) -> Option<[Line; 4]> {
    sides_of(axes, inside, |p| field.at(p))
}

/// The same of the values at places of the field.
fn sides_of(axes: &Axes, inside: &[[f64; 2]], value: impl Fn([f64; 2]) -> f64) -> Option<[Line; 4]> {
    let local: Vec<[f64; 2]> = inside.iter().map(|p| axes.of_field(*p)).collect();
    let reach = |i: usize| {
        let mut values: Vec<f64> = local.iter().map(|p| p[i]).collect();
        values.sort_by(f64::total_cmp);
        let at = |share: f64| values.get((share * (values.len() - 1) as f64) as usize).copied().unwrap_or_default();
        [at(0.01), at(0.99)]
    };
    let (across, along) = (reach(0), reach(1));
    if across[1] - across[0] < 6.0 || along[1] - along[0] < 6.0 {
        return None;
    }
    let plate = |sign: f64| side(&middle(across, ENDPLATE), along, sign, |a, u| value(axes.to_field(a, u)));
    let wall = |sign: f64| side(&middle(along, WALL), across, sign, |u, a| value(axes.to_field(a, u)));
    Some([plate(1.0)?, plate(-1.0)?, wall(-1.0)?, wall(1.0)?])
}

/// Places in the middle `share` of a range.
fn middle([low, high]: [f64; 2], share: f64) -> Vec<f64> {
    let (centre, half) = (f64::midpoint(low, high), (high - low) / 2.0 * share);
    (0..LINES).map(|i| centre + half * (2.0 * i as f64 / (LINES - 1) as f64 - 1.0)).collect()
}

/// The line through where `value` (of place and distance) comes above 0 from
/// outside, on the side of `sign`.
fn side(places: &[f64], [low, high]: [f64; 2], sign: f64, value: impl Fn(f64, f64) -> f64) -> Option<Line> {
    let size = high - low;
    let start = if sign > 0.0 { high + 0.15 * size } else { low - 0.15 * size };
    let edge = |place: f64| {
        let mut before = value(place, start);
        let steps = (0.8 * size / STEP) as usize;
        for step in 1..=steps {
            let distance = start - sign * step as f64 * STEP;
            let here = value(place, distance);
            if here > 0.0 && before <= 0.0 {
                // The field may jump at the mask's edge: never beyond this step.
                return Some(distance + sign * STEP * (here / (here - before)).clamp(0.0, 1.0));
            }
            before = here;
        }
        None
    };
    let points: Vec<[f64; 2]> = places.iter().filter_map(|p| Some([*p, edge(*p)?])).collect();
    line(&points)
}

/// Reweighted least squares, Tukey's weights.
fn line(points: &[[f64; 2]]) -> Option<Line> {
    if points.len() < LINES / 2 {
        return None;
    }
    let mut weights = vec![1.0; points.len()];
    let mut found = None;
    for round in 0..12 {
        let sum = |f: &dyn Fn(&[f64; 2]) -> f64| points.iter().zip(&weights).map(|(p, w)| w * f(p)).sum::<f64>();
        let total = sum(&|_| 1.0).max(1e-9);
        let mean = [sum(&|p| p[0]) / total, sum(&|p| p[1]) / total];
        let spread = sum(&|p| (p[0] - mean[0]).powi(2));
        let slope = sum(&|p| (p[0] - mean[0]) * (p[1] - mean[1])) / spread.max(1e-9);
        let offset = mean[1] - slope * mean[0];
        let residual = |p: &[f64; 2]| p[1] - slope * p[0] - offset;
        let rms = (sum(&|p| residual(p).powi(2)) / total).sqrt();
        found = Some(Line { slope, offset, rms });
        let mut sizes: Vec<f64> = points.iter().map(|p| residual(p).abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let scale = 1.4826 * sizes.get(sizes.len() / 2).copied().unwrap_or_default();
        // Wide at first, so that the first line's own tilt throws nothing out.
        let cut = TUKEY * scale.max(0.3) * if round < 2 { 2.0 } else { 1.0 };
        for (weight, point) in weights.iter_mut().zip(points) {
            let ratio = residual(point) / cut;
            *weight = if ratio.abs() < 1.0 { (1.0 - ratio * ratio).powi(2) } else { 0.0 };
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 256;

    /// A field that is the distance from the edge of a convex shape.
    fn quadrilateral(corners: [[f64; 2]; 4], also: impl Fn([f64; 2]) -> bool) -> Vec<f32> {
        let value = |i: usize| {
            let p = [(i % SIZE) as f64, (i / SIZE) as f64];
            let inside = (0..4).map(|k| {
                let (a, b) = (corners[k], corners[(k + 1) % 4]);
                let side = [b[0] - a[0], b[1] - a[1]];
                (side[0] * (p[1] - a[1]) - side[1] * (p[0] - a[0])) / side[0].hypot(side[1])
            });
            let depth = inside.fold(f64::INFINITY, f64::min);
            (if also(p) { depth.max(1.0) } else { depth }) as f32
        };
        (0..SIZE * SIZE).map(value).collect()
    }

    fn worst(found: &Fit, corners: [[f64; 2]; 4]) -> f64 {
        let off = |(a, b): ([f64; 2], [f64; 2])| (a[0] - b[0]).hypot(a[1] - b[1]);
        found.corners.into_iter().zip(corners).map(off).fold(0.0, f64::max)
    }

    #[test]
    fn a_tilted_wedge_keeps_its_corners() {
        let corners = [[60.0, 90.0], [190.0, 60.0], [200.0, 150.0], [80.0, 190.0]];
        let values = quadrilateral(corners, |_| false);
        let found = fit(&Field { size: SIZE, values: &values }, [0.0, -1.0], false).unwrap();
        assert!(worst(&found, corners) < 0.7, "{found:?}");
    }

    #[test]
    fn an_osteophyte_does_not_turn_the_endplate() {
        let corners = [[60.0, 90.0], [190.0, 90.0], [190.0, 180.0], [60.0, 180.0]];
        let spur = |p: [f64; 2]| p[0] > 165.0 && p[0] < 190.0 && p[1] > 78.0 && p[1] <= 95.0;
        let values = quadrilateral(corners, spur);
        let found = fit(&Field { size: SIZE, values: &values }, [0.1, -1.0], false).unwrap();
        assert!(worst(&found, corners) < 2.0, "{found:?}");
    }

    #[test]
    fn a_steep_sacral_plate_is_what_faces_the_endplate_above() {
        // 49 degrees steep, under an endplate of 41; the disc opens to the front (left).
        let corners = [[60.0, 170.0], [125.6, 94.5], [186.0, 147.0], [120.4, 222.5]];
        let above = [[43.4, 155.6], [119.6, 89.3]];
        let clean = quadrilateral(corners, |_| false);
        let found = fit_below(&Field { size: SIZE, values: &clean }, above).unwrap();
        assert!(worst(&found, corners) < 1.0, "{found:?}");
        // A mask that takes in the neighbour's lower edge and bulges up behind the plate, as the network's does.
        let bulge = |p: [f64; 2]| p[0] > 112.0 && p[0] < 190.0 && p[1] > 78.0 && p[1] < 150.0;
        let values = quadrilateral(corners, bulge);
        let field = Field { size: SIZE, values: &values };
        let slope = |f: &Fit| (f.corners[0][1] - f.corners[1][1]).atan2(f.corners[1][0] - f.corners[0][0]).to_degrees();
        let with = fit_below(&field, above).unwrap();
        assert!((slope(&with) - 49.0).abs() < 4.0, "{}", slope(&with));
        // As the network draws one whose plate is 49 degrees steep: round, with a level top.
        let round = [[30, 112], [37, 79], [81, 47], [169, 47], [210, 86], [180, 157], [146, 169], [67, 157]];
        let values = quadrilateral([[100.0, 100.0], [120.0, 100.0], [120.0, 120.0], [100.0, 120.0]], |p| {
            (0..8).all(|k| {
                let (a, b) = (round[k].map(f64::from), round[(k + 1) % 8].map(f64::from));
                (b[0] - a[0]) * (p[1] - a[1]) >= (b[1] - a[1]) * (p[0] - a[0])
            })
        });
        let field = Field { size: SIZE, values: &values };
        let with = fit_below(&field, [[-4.0, 116.0], [111.0, 27.0]]).unwrap();
        let without = fit(&field, [-0.7, -0.7], true).unwrap();
        assert!((slope(&with) - 42.0).abs() < 10.0, "{}", slope(&with));
        assert!(slope(&without) < 20.0, "or there is no need of it: {}", slope(&without));
        assert!(fit_below(&field, [[0.0, 10.0], [60.0, 10.0]]).is_none(), "an endplate that nothing faces");
    }

    #[test]
    fn nothing_is_made_of_nothing() {
        let values = vec![-1.0; SIZE * SIZE];
        let field = Field { size: SIZE, values: &values };
        assert!(fit(&field, [0.0, -1.0], false).is_none());
        assert!(fit(&field, [0.0, 0.0], false).is_none());
        let speck: Vec<f32> = (0..SIZE * SIZE).map(|i| if i < 200 { 1.0 } else { -1.0 }).collect();
        assert!(fit(&Field { size: SIZE, values: &speck }, [0.0, -1.0], false).is_none());
    }
}
