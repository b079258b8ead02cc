//! Spines whose angles, heights and places are known exactly, for tests and benchmarks.
//!
//! Not anatomy: a body is an elliptic cylinder between two planes (perhaps
//! hollowed), with an arch of capsules; the sacrum is a block with wings; the
//! femoral heads are balls on necks. What is measured is exact by construction.

use std::ops::Range;

use geom::Point;
use geom::nalgebra::{Matrix3, Matrix3x4, Rotation3, Vector3};

use super::spine::{FEMUR_LEFT, FEMUR_RIGHT};
use crate::level::Level;
use crate::register::random::Random;
use crate::volume::{Grid, LabelMap};

/// A flat end: a point and the unit normal to the head.
pub type Flat = (Vector3<f64>, Vector3<f64>);

/// One vertebra of known shape.
#[derive(Debug, Clone)]
pub struct Block {
    /// Its level.
    pub level: Level,
    /// Middle of the body, LPS mm.
    pub centre: Vector3<f64>,
    /// Unit axes: to the head, the front and the left.
    pub axes: [Vector3<f64>; 3],
    /// Upper and lower endplate.
    pub plates: [Flat; 2],
    /// Half depth and half width, mm.
    pub half_mm: [f64; 2],
    /// Axial rotation, degrees, front to the left.
    pub rotation_deg: f64,
    /// Depth of the hollow of both endplates, mm.
    pub hollow_mm: f64,
}

/// A spine of known shape.
#[derive(Debug, Clone)]
pub struct Known {
    /// From head to foot.
    pub blocks: Vec<Block>,
    /// The sacral plate, the direction to its front, its half depth, half width.
    pub sacrum: (Flat, Vector3<f64>, [f64; 2]),
    /// Centres of the left and right femoral head, and their radius.
    pub heads: ([Vector3<f64>; 2], f64),
    /// Amplitude of the surface's random waves, mm.
    pub noise_mm: f64,
}

/// Inclination of a flat end in the sagittal (front) and coronal (left) plane, degrees.
#[must_use]
pub fn tilts_deg(normal: Vector3<f64>) -> [f64; 2] {
    [(-normal.y).atan2(normal.z).to_degrees(), normal.x.atan2(normal.z).to_degrees()]
}

fn normal(sagittal_deg: f64, coronal_deg: f64) -> Vector3<f64> {
    Vector3::new(coronal_deg.to_radians().tan(), -sagittal_deg.to_radians().tan(), 1.0).normalize()
}

/// The axes of a body with axis `up` whose front points `rotation_deg` to the left in the transverse plane.
fn axes(up: Vector3<f64>, rotation_deg: f64) -> [Vector3<f64>; 3] {
    let (sin, cos) = rotation_deg.to_radians().sin_cos();
    let front = Vector3::new(sin, -cos, -(up.x * sin - up.y * cos) / up.z).normalize();
    [up, front, up.cross(&front)]
}

/// A random spine from `highest` (VerSe number) to L5 over a sacrum: kyphosis,
/// lordosis, up to two coronal curves with rotation, wedged bodies.
#[must_use]
pub fn random(seed: u64, highest: u8, noise_mm: f64) -> Known {
    let mut random = Random::new(seed);
    let slope = random.between(25.0, 45.0);
    let (lordosis, kyphosis) = (random.between(35.0, 65.0), random.between(20.0, 55.0));
    let (bend, phase) = (random.between(0.0, 32.0), random.between(0.0, std::f64::consts::TAU));
    let waves = random.between(0.4, 1.2);
    let pelvis_turn = random.between(-8.0, 8.0);
    let hollow_mm = if random.uniform() < 0.5 { random.between(0.5, 2.0) } else { 0.0 };
    // Inclinations over the height of the column: 0 at the sacrum, 1 at T12-L1, 2.4 at T1.
    let sagittal = |t: f64| {
        let turn = |x: f64| 0.5 - 0.5 * (std::f64::consts::PI * x.clamp(0.0, 1.0)).cos();
        slope - lordosis * turn(t) + kyphosis * turn((t - 1.0) / 1.4) - 15.0 * turn((t - 2.4) / 0.8)
    };
    let coronal = |t: f64| bend * 0.5 * (std::f64::consts::TAU * waves * t / 2.4 + phase).sin();
    let plate_centre =
        Vector3::new(random.between(-20.0, 20.0), random.between(-150.0, -100.0), random.between(0.0, 60.0));
    let plate_normal = normal(slope, random.between(-4.0, 4.0));
    let sacrum_axes = axes(plate_normal, pelvis_turn);
    let half = [random.between(15.5, 18.0), random.between(23.0, 27.0)];
    let mut blocks = Vec::new();
    let (mut at, mut below, mut t) = (plate_centre, plate_normal, 0.0);
    for number in (highest..=24).rev() {
        let share = f64::from(24 - number) / 17.0;
        let (height, disc) = (27.0 - 11.0 * share + random.between(-1.0, 1.0), random.between(5.0, 9.0) - 3.0 * share);
        let ends = [t + 0.05, t + 0.19].map(|t| normal(sagittal(t), coronal(t)));
        t += 0.2;
        at += (below + ends[0]).normalize() * disc;
        let up = (ends[0] + ends[1]).normalize();
        let rotation_deg = pelvis_turn + coronal(t - 0.08) * 0.8 + random.between(-3.0, 3.0);
        let centre = at + up * (height / 2.0);
        let top = at + up * height;
        let Some(level) = Level::from_number(number) else { continue };
        blocks.push(Block {
            level,
            centre,
            axes: axes(up, rotation_deg),
            plates: [(top, ends[1]), (at, ends[0])],
            half_mm: half.map(|h| h * (1.0 - 0.42 * share)),
            rotation_deg,
            hollow_mm: hollow_mm * (1.0 - 0.5 * share),
        });
        (at, below) = (top, ends[1]);
    }
    blocks.reverse();
    let hips = plate_centre + Vector3::new(0.0, -random.between(15.0, 50.0), -random.between(85.0, 105.0));
    let (sin, cos) = pelvis_turn.to_radians().sin_cos();
    let across = Vector3::new(cos, sin, random.between(-0.03, 0.03)).normalize() * random.between(80.0, 92.0);
    Known {
        blocks,
        sacrum: ((plate_centre, plate_normal), sacrum_axes[1], half),
        heads: ([hips + across, hips - across], random.between(21.0, 26.0)),
        noise_mm,
    }
}

impl Block {
    /// Front (1) or back (-1) end of a plate in the body's middle plane: 0 the upper plate, 1 the lower one.
    #[must_use]
    pub fn end(&self, plate: usize, side: f64) -> Vector3<f64> {
        let [up, front, _] = self.axes;
        let place = self.centre + front * (side * self.half_mm[0]);
        let (at, normal) = self.plates[plate];
        place + up * (normal.dot(&(at - place)) / normal.dot(&up))
    }

    fn shift(&mut self, by: Vector3<f64>) {
        self.centre += by;
        self.plates.iter_mut().for_each(|(at, _)| *at += by);
    }

    /// Signed distance (below 0 inside), roughly; exact at the endplates.
    fn depth(&self, p: &Vector3<f64>) -> f64 {
        let q = p - self.centre;
        let [h, s, l] = self.axes.map(|axis| q.dot(&axis));
        let [d, w] = self.half_mm;
        let radius = (s / d).hypot(l / w);
        let hollow = self.hollow_mm * (1.0 - radius * radius).max(0.0);
        let [top, bottom] = self.plates;
        let ends = (top.1.dot(&(p - top.0)) + hollow).max(-bottom.1.dot(&(p - bottom.0)) + hollow);
        let body = ends.max((radius - 1.0) * d.min(w));
        let side = l.abs();
        let back = -d;
        let arch = [
            capsule([s, side, h], [back + 4.0, 0.6 * w, 3.0], [back - 9.0, 0.62 * w, 3.0], 4.0),
            capsule([s, side, h], [back - 9.0, 0.62 * w, 2.0], [back - 19.0, 0.0, -2.0], 3.6),
            capsule([s, side, h], [back - 19.0, 0.0, -2.0], [back - 36.0, 0.0, -9.0], 3.5),
            capsule([s, side, h], [back - 7.0, 0.62 * w, 2.0], [back - 11.0, w + 20.0, 3.0], 3.4),
            capsule([s, side, h], [back - 12.0, 0.6 * w, -6.0], [back - 12.0, 0.6 * w, 7.0], 4.0),
        ];
        arch.into_iter().fold(body, f64::min)
    }
}

/// Signed distance from a capsule with ends `a` and `b`.
fn capsule(p: [f64; 3], a: [f64; 3], b: [f64; 3], radius: f64) -> f64 {
    let (p, a, b) = (Vector3::from(p), Vector3::from(a), Vector3::from(b));
    let along = b - a;
    let share = ((p - a).dot(&along) / along.norm_squared()).clamp(0.0, 1.0);
    (p - a - along * share).norm() - radius
}

impl Known {
    /// Pushes `upper` and everything above it forward (below 0: back) along the endplate of the body below it.
    pub fn push(&mut self, upper: Level, mm: f64) {
        let Some(last) = self.blocks.iter().position(|b| b.level == upper) else { return };
        let Some(below) = self.blocks.get(last + 1) else { return };
        let forward = (below.end(0, 1.0) - below.end(0, -1.0)).normalize();
        self.blocks.iter_mut().take(last + 1).for_each(|block| block.shift(forward * mm));
    }

    /// Back corner of the upper body in front of that of the lower one along its endplate, mm, for each pair.
    #[must_use]
    pub fn slips_mm(&self) -> Vec<f64> {
        let slip = |pair: &[Block]| {
            let forward = (pair[1].end(0, 1.0) - pair[1].end(0, -1.0)).normalize();
            (pair[0].end(1, -1.0) - pair[1].end(0, -1.0)).dot(&forward)
        };
        self.blocks.windows(2).map(slip).collect()
    }

    fn sacrum_depth(&self, p: &Vector3<f64>) -> f64 {
        let ((centre, up), front, [d, w]) = self.sacrum;
        let left = up.cross(&front);
        let q = p - centre;
        let [h, s, l] = [q.dot(&up), q.dot(&front), q.dot(&left)];
        let body = h.max(-h - 45.0).max(((s / d).hypot(l / w) - 1.0) * d);
        let wing = capsule([s, l.abs(), h], [-4.0, w, -18.0], [-8.0, w + 28.0, -30.0], 11.0);
        let crest = capsule([s, l.abs(), h], [-d - 16.0, 0.0, -12.0], [-d - 10.0, 0.0, -45.0], 5.0);
        let side = capsule([s, l.abs(), h], [-d + 2.0, 0.7 * w, -20.0], [-d - 16.0, 0.0, -14.0], 5.0);
        body.min(wing).min(crest).min(side)
    }

    fn head_depth(&self, side: usize, p: &Vector3<f64>) -> f64 {
        let (centres, radius) = self.heads;
        let centre = centres[side];
        let out = if side == 0 { 1.0 } else { -1.0 };
        let q = (p - centre).into();
        let neck = capsule(q, [0.0; 3], [38.0 * out, 4.0, -34.0], 13.0);
        let shaft = capsule(q, [40.0 * out, 4.0, -36.0], [40.0 * out, 4.0, -90.0], 14.0);
        ((p - centre).norm() - radius).min(neck).min(shaft)
    }

    /// Smooth random waves of the surface, the same at the same place.
    fn wave(&self, p: &Vector3<f64>) -> f64 {
        let wave = |k: [f64; 3], phase: f64| (Vector3::from(k).dot(p) + phase).sin();
        let sum = wave([0.9, 0.3, 0.4], 1.0) + wave([-0.4, 1.1, 0.2], 2.0) + wave([0.2, -0.5, 0.8], 0.3);
        self.noise_mm * (sum + wave([1.3, -0.9, 0.7], 4.0)) / std::f64::consts::SQRT_2
    }

    /// The spine as a label map with voxels of `spacing_mm`; the grid's axes are
    /// turned by `turn` against the world and the first one runs backwards.
    ///
    /// # Errors
    /// When the spacing makes no grid.
    pub fn labels(&self, spacing_mm: [f64; 3], turn: &Rotation3<f64>) -> Result<LabelMap, crate::volume::GridError> {
        let mut linear = turn.matrix() * Matrix3::from_diagonal(&Vector3::from(spacing_mm));
        linear.column_mut(0).neg_mut();
        let inverse = linear.try_inverse().ok_or(crate::volume::GridError::Size([0; 3]))?;
        let (mut low, mut high) = (Vector3::repeat(f64::INFINITY), Vector3::repeat(f64::NEG_INFINITY));
        let mut cover = |place: Vector3<f64>, reach: f64| {
            for corner in 0..8u8 {
                let sign = |bit: u8| if corner >> bit & 1 == 1 { reach } else { -reach };
                let voxel = inverse * (place + Vector3::new(sign(0), sign(1), sign(2)));
                low = low.inf(&voxel);
                high = high.sup(&voxel);
            }
        };
        self.blocks.iter().for_each(|b| cover(b.centre, 58.0));
        cover(self.sacrum.0.0, 70.0);
        self.heads.0.iter().for_each(|c| cover(*c, 32.0));
        let size = [0, 1, 2].map(|i| (high[i] - low[i]).max(0.0) as usize + 2);
        let mut affine = Matrix3x4::zeros();
        affine.fixed_view_mut::<3, 3>(0, 0).copy_from(&linear);
        affine.set_column(3, &(linear * low.map(f64::floor)));
        let grid = Grid::new(size, affine)?;
        let mut map = LabelMap { labels: vec![0; grid.len()], grid };
        let place = self.sacrum.0.0;
        fill(&mut map, 26, place, 75.0, |p| self.sacrum_depth(p) + self.wave(p));
        for (side, label) in [FEMUR_LEFT, FEMUR_RIGHT].into_iter().enumerate() {
            fill(&mut map, label, self.heads.0[side], 60.0, |p| self.head_depth(side, p) + self.wave(p));
        }
        for block in &self.blocks {
            fill(&mut map, block.level.number(), block.centre, 62.0, |p| block.depth(p) + self.wave(p));
        }
        Ok(map)
    }
}

/// Sets `label` where `depth` is below 0 within `reach` of `centre`.
fn fill(map: &mut LabelMap, label: u8, centre: Vector3<f64>, reach: f64, depth: impl Fn(&Vector3<f64>) -> f64) {
    let size = map.grid.size();
    let middle = map.grid.to_voxel(Point::from_vector3(centre)).to_array();
    let spacing = map.grid.spacing_mm();
    let range = |i: usize| {
        let half = reach / spacing[i] + 1.0;
        ((middle[i] - half).max(0.0) as usize)..((middle[i] + half).max(0.0) as usize).min(size[i])
    };
    for z in range(2) {
        for y in range(1) {
            let Range { start: mut x, end } = range(0);
            while x < end {
                let p = map.grid.to_ct(Point::new(x as f64, y as f64, z as f64)).vector3();
                let distance = depth(&p);
                if distance <= 0.0 && (p - centre).norm_squared() < reach * reach {
                    let index = map.grid.index([x, y, z]);
                    if let Some(voxel) = map.labels.get_mut(index) {
                        *voxel = label;
                    }
                }
                // Nothing begins nearer than the distance, less the height of the waves.
                x += (((distance - 2.0) / spacing[0]) as usize).max(1);
            }
        }
    }
}
