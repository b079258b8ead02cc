//! A screw in its vertebra, in the two planes that hold its axis.

use std::path::Path;

use engine::case::Case;
use engine::level::Level;
use engine::plan::{Grade, PlannedVertebra, Screw};
use engine::volume::SlicePlane;
use geom::nalgebra::Vector3;
use geom::{Point, Vector};

use crate::bone_colours::bone_rgb;
use crate::failure::{Blame, Failure};
use crate::grade_colours::grade_rgb;
use crate::page::png_data_uri;
use crate::scene_input::PlannedScrew;

/// Pixels across and down, and the edge of one, mm.
const SIZE: [usize; 2] = [440, 400];
const PIXEL_MM: f64 = 0.2;
/// Hounsfield units that are black and white: bone.
const WINDOW_HU: [f32; 2] = [-350.0, 1250.0];
/// Grey of bone and of everything else where there is no CT.
const FLAT: [u8; 2] = [26, 128];
/// Half the width of lines, mm.
const LINE_MM: f64 = 0.25;
const CANAL_RGB: [u8; 3] = [230, 120, 190];
const WHITE: [u8; 3] = [255; 3];

/// Which plane holds the axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// With the vertebra's left: patient's right on the left, front on top.
    Axial,
    /// With the vertebra's axis: front on the left, head on top.
    Sagittal,
}

impl View {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Axial, Self::Sagittal];

    /// For captions and file names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Axial => "axial",
            Self::Sagittal => "sagittal",
        }
    }

    /// Letters on the left, on the right, on top.
    const fn letters(self) -> [char; 3] {
        match self {
            Self::Axial => ['R', 'L', 'A'],
            Self::Sagittal => ['A', 'P', 'S'],
        }
    }
}

/// A finished picture.
pub struct Drawn {
    /// Which one.
    pub view: View,
    rgb: Vec<u8>,
}

impl Drawn {
    /// As a PNG inside a page.
    pub fn uri(&self) -> Result<String, png::EncodingError> {
        png_data_uri(SIZE, png::ColorType::Rgb, &self.rgb)
    }

    /// As a PNG file.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let file = std::fs::File::create(path).map_err(|e| anyhow::anyhow!("{}: {e}", path.display())).bad_input()?;
        let mut encoder = png::Encoder::new(std::io::BufWriter::new(file), SIZE[0] as u32, SIZE[1] as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().internal()?;
        writer.write_image_data(&self.rgb).internal()
    }
}

/// Directions of columns and rows, and the pixel in the middle.
struct Frame {
    origin: Vector3<f64>,
    u: Vector3<f64>,
    v: Vector3<f64>,
}

impl Frame {
    /// The plane through the screw's axis and the vertebra's left or up.
    fn new(vertebra: &PlannedVertebra, screw: &Screw, view: View) -> Option<Self> {
        let axis = screw.direction()?.vector3();
        let kept = if view == View::Axial { vertebra.axes.left } else { vertebra.axes.up };
        let front = (axis - kept * axis.dot(&kept)).try_normalize(1e-6)?;
        let front = if front.dot(&vertebra.axes.anterior) < 0.0 { -front } else { front };
        let (u, v) = if view == View::Axial { (kept, -front) } else { (-front, -kept) };
        let middle = screw.along(0.5 * screw.length_mm).vector3();
        let [width, height] = SIZE.map(|n| 0.5 * n as f64 * PIXEL_MM);
        // The whole vertebra is to be seen: halfway between the screw and the canal.
        let shift = vertebra.axes.centre - middle;
        let middle = middle + u * (0.5 * shift.dot(&u)) + v * (0.5 * shift.dot(&v));
        Some(Self { origin: middle - u * width - v * height, u, v })
    }

    fn place(&self, column: usize, row: usize) -> Vector3<f64> {
        self.origin + self.u * (column as f64 * PIXEL_MM) + self.v * (row as f64 * PIXEL_MM)
    }
}

/// Draws one plane; grey bone from the labels where there is no CT.
pub fn draw(case: &Case, has_ct: bool, vertebra: &PlannedVertebra, checked: &PlannedScrew, view: View) -> Drawn {
    let mut rgb = vec![0; 3 * SIZE[0] * SIZE[1]];
    let screw = &checked.screw;
    let Some(frame) = Frame::new(vertebra, screw, view) else { return Drawn { view, rgb } };
    let to_vector = Vector::from_vector3;
    let plane =
        SlicePlane::new(Point::from_vector3(frame.origin), to_vector(frame.u), to_vector(frame.v), PIXEL_MM, SIZE);
    let Some(plane) = plane else { return Drawn { view, rgb } };
    let labels = case.labels.slice(&plane);
    let hu = if has_ct { case.ct.slice(&plane) } else { Vec::new() };
    let [black, white] = WINDOW_HU;
    for (i, label) in labels.iter().enumerate() {
        let flat = FLAT[usize::from(*label != 0)];
        let grey = hu.get(i).map_or(flat, |hu| (255.0 * ((hu - black) / (white - black)).clamp(0.0, 1.0)) as u8);
        let (column, row) = (i % SIZE[0], i / SIZE[0]);
        let place = frame.place(column, row);
        let is_edge = column + 1 < SIZE[0] && labels.get(i + 1).is_some_and(|l| l != label)
            || labels.get(i + SIZE[0]).is_some_and(|l| l != label);
        let near = |step: usize| labels.get(i + step).copied().unwrap_or(0);
        let bone = (*label).max(near(1)).max(near(SIZE[0]));
        let mut colour = Level::from_number(bone).filter(|_| is_edge).map(bone_rgb);
        let canal = vertebra.canal.as_ref().ok().and_then(|c| c.signed_mm(&vertebra.axes, place));
        if canal.is_some_and(|mm| mm.abs() < 0.8 * LINE_MM) && (column / 4 + row / 4).is_multiple_of(2) {
            colour = Some(CANAL_RGB);
        }
        if is_screw(screw, checked.found.grade, place) {
            colour = Some(grade_rgb(checked.found.grade));
        }
        rgb[3 * i..3 * i + 3].copy_from_slice(&colour.unwrap_or([grey; 3]));
    }
    cross(&mut rgb, &frame, checked);
    bar(&mut rgb);
    let [left, right, top] = view.letters();
    letter(&mut rgb, left, 6, SIZE[1] / 2);
    letter(&mut rgb, right, SIZE[0] - 22, SIZE[1] / 2);
    letter(&mut rgb, top, SIZE[0] / 2 - 8, 6);
    Drawn { view, rgb }
}

/// Whether a place of the plane lies on the screw's outline or its axis.
fn is_screw(screw: &Screw, grade: Grade, place: Vector3<f64>) -> bool {
    let Some(axis) = screw.direction().map(Vector::vector3) else { return false };
    let from_entry = place - screw.entry.vector3();
    let along = from_entry.dot(&axis);
    let aside = (from_entry - axis * along).norm();
    let radius = 0.5 * screw.diameter_mm;
    let is_within = (-LINE_MM..=screw.length_mm + LINE_MM).contains(&along);
    // Dashes tell the grade where colours do not.
    let is_inked = match grade {
        Grade::A => true,
        Grade::B => along.rem_euclid(4.0) < 2.6,
        _ => along.rem_euclid(2.0) < 1.0,
    };
    let is_end = along.abs() < LINE_MM || (along - screw.length_mm).abs() < LINE_MM;
    is_within
        && (((aside - radius).abs() < LINE_MM && is_inked)
            || (is_end && aside < radius)
            || (aside < 0.12 && along.rem_euclid(2.0) < 1.0))
}

/// A cross at the tightest place, on the screw's axis.
fn cross(rgb: &mut [u8], frame: &Frame, checked: &PlannedScrew) {
    let at = checked.screw.along(checked.found.pedicle.at_mm).vector3() - frame.origin;
    let [x, y] = [frame.u, frame.v].map(|d| at.dot(&d) / PIXEL_MM);
    for step in -6..=6 {
        for (dx, dy) in [(step, step), (step, -step), (step, step + 1), (step, 1 - step)] {
            put(rgb, x as i64 + dx, y as i64 + dy, WHITE);
        }
    }
}

/// Ten millimetres, at the lower edge.
fn bar(rgb: &mut [u8]) {
    let length = (10.0 / PIXEL_MM) as i64;
    for x in 0..length {
        for y in 0..3 {
            put(rgb, 10 + x, SIZE[1] as i64 - 12 + y, WHITE);
        }
    }
    for end in [10, 10 + length] {
        (0..9).for_each(|y| put(rgb, end, SIZE[1] as i64 - 15 + y, WHITE));
    }
}

/// Five by seven dots a letter, each two pixels wide.
fn letter(rgb: &mut [u8], letter: char, x: usize, y: usize) {
    let rows: [u8; 7] = match letter {
        'R' => [0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001],
        'L' => [0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111],
        'A' => [0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001],
        'P' => [0b11110, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000, 0b10000],
        _ => [0b01111, 0b10000, 0b10000, 0b01110, 0b00001, 0b00001, 0b11110],
    };
    for (row, bits) in rows.into_iter().enumerate() {
        for column in (0..5usize).filter(|c| bits >> (4 - c) & 1 == 1) {
            for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                put(rgb, (x + 2 * column + dx) as i64, (y + 2 * row + dy) as i64, WHITE);
            }
        }
    }
}

fn put(rgb: &mut [u8], x: i64, y: i64, colour: [u8; 3]) {
    let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
    if x < SIZE[0]
        && let Some(pixel) = rgb.get_mut(3 * (y * SIZE[0] + x)..3 * (y * SIZE[0] + x) + 3)
    {
        pixel.copy_from_slice(&colour);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::plan::Side;

    #[test]
    fn the_outline_is_drawn_at_the_radius_and_dashed_by_grade() {
        let level = Level::from_name("L3").unwrap();
        let (entry, target) = (Point::new(0.0, 0.0, 0.0), Point::new(0.0, -40.0, 0.0));
        let screw = Screw { level, side: Side::Left, entry, target, diameter_mm: 6.0, length_mm: 40.0 };
        let inked = |grade, aside: f64| {
            (0..400).filter(|i| is_screw(&screw, grade, Vector3::new(aside, -0.1 * f64::from(*i), 0.0))).count()
        };
        assert_eq!(inked(Grade::A, 3.0), 400);
        assert!(inked(Grade::B, 3.0) < 300 && inked(Grade::D, 3.0) < 230 && inked(Grade::A, 2.0) < 10);
    }
}
