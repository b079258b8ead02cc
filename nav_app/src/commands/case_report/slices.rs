//! The CT in three planes through the column, with the labels' outlines.

use engine::level::Level;
use engine::volume::{LabelMap, SlicePlane, Volume};
use geom::{Ct, Point, Vector};

use crate::bone_colours::bone_rgb;
use crate::failure::{Blame, Failure};
use crate::page::png_data_uri;

/// Around the labels, mm.
const MARGIN_MM: f64 = 25.0;
const PIXEL_MM: f64 = 0.5;
/// Hounsfield units that are black and white: bone.
const WINDOW_HU: [f32; 2] = [-350.0, 1250.0];

/// One slice as a picture.
pub struct SlicePicture {
    pub caption: String,
    /// `data:image/png;base64,...`
    pub uri: String,
    /// What is on the left and right edge: R and L, or A and P.
    pub sides: [&'static str; 2],
}

/// Sagittal, coronal and axial slices through the middle vertebra's body.
pub fn pictures(ct: &Volume, labels: &LabelMap, bodies: &[Point<Ct>]) -> Result<Vec<SlicePicture>, Failure> {
    let Some((low, high)) = bounds(labels, ct) else { return Ok(Vec::new()) };
    let middle = middle(bodies);
    let [x, y, z] = middle.to_array();
    let (left, back, down) = (Vector::new(1.0, 0.0, 0.0), Vector::new(0.0, 1.0, 0.0), Vector::new(0.0, 0.0, -1.0));
    let extent = |axis: usize| high[axis] - low[axis];
    // Patient's right on the picture's left, front on the left of the sagittal slice and on top of the axial one.
    let views = [
        ("sagittal", format!("x {x:.0} mm"), [x, low[1], high[2]], back, down, [extent(1), extent(2)], ["A", "P"]),
        ("coronal", format!("y {y:.0} mm"), [low[0], y, high[2]], left, down, [extent(0), extent(2)], ["R", "L"]),
        ("axial", format!("z {z:.0} mm"), [low[0], low[1], z], left, back, [extent(0), extent(1)], ["R", "L"]),
    ];
    let mut pictures = Vec::new();
    for (name, place, origin, u, v, size_mm, sides) in views {
        let size = size_mm.map(|mm| (mm / PIXEL_MM).ceil().clamp(1.0, 4096.0) as usize);
        let Some(plane) = SlicePlane::new(Point::new(origin[0], origin[1], origin[2]), u, v, PIXEL_MM, size) else {
            continue;
        };
        let pixels = painted(&ct.slice(&plane), &labels.slice(&plane), size[0]);
        let uri = png_data_uri(size, png::ColorType::Rgb, &pixels).internal()?;
        pictures.push(SlicePicture { caption: format!("CT, {name}, {place}"), uri, sides });
    }
    Ok(pictures)
}

/// Grey bone window, labels' edges in the levels' colours.
fn painted(hu: &[f32], labels: &[u8], width: usize) -> Vec<u8> {
    let [black, white] = WINDOW_HU;
    let mut pixels = Vec::with_capacity(3 * hu.len());
    for (i, value) in hu.iter().enumerate() {
        let grey = (255.0 * ((value - black) / (white - black)).clamp(0.0, 1.0)) as u8;
        let label = labels[i];
        let differs = |j: Option<usize>| j.and_then(|j| labels.get(j)).is_some_and(|other| *other != label);
        let is_edge = label != 0
            && (differs(i.checked_sub(1))
                || differs(Some(i + 1))
                || differs(i.checked_sub(width))
                || differs(Some(i + width)));
        let colour = Level::from_number(label).filter(|_| is_edge).map(bone_rgb);
        pixels.extend(colour.unwrap_or([grey; 3]));
    }
    pixels
}

/// Corners of the labelled region with its margin, as far as the CT goes, mm.
fn bounds(labels: &LabelMap, ct: &Volume) -> Option<([f64; 3], [f64; 3])> {
    let [nx, ny, _] = labels.grid.size();
    let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for i in labels.labels.iter().enumerate().filter(|(_, l)| **l != 0).map(|(i, _)| i) {
        let voxel = Point::new((i % nx) as f64, (i / nx % ny) as f64, (i / (nx * ny)) as f64);
        let place = labels.grid.to_ct(voxel).to_array();
        for axis in 0..3 {
            low[axis] = low[axis].min(place[axis]);
            high[axis] = high[axis].max(place[axis]);
        }
    }
    let (first, last) = ct.grid.bounds();
    let (first, last) = (first.to_array(), last.to_array());
    let low = std::array::from_fn(|axis| (low[axis] - MARGIN_MM).max(first[axis]));
    let high = std::array::from_fn(|axis| (high[axis] + MARGIN_MM).min(last[axis]));
    (0..3).all(|axis| low[axis] < high[axis]).then_some((low, high))
}

/// The body in the middle of the column.
fn middle(bodies: &[Point<Ct>]) -> Point<Ct> {
    let mut sorted = bodies.to_vec();
    sorted.sort_by(|a, b| a.to_array()[2].total_cmp(&b.to_array()[2]));
    sorted.get(sorted.len() / 2).copied().unwrap_or_else(|| Point::new(0.0, 0.0, 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_is_drawn_at_the_edge_and_nowhere_else() {
        // 5 x 5 pixels, a label of 3 x 3 in the middle.
        let labels: Vec<u8> =
            (0..25).map(|i| u8::from((1..4).contains(&(i % 5)) && (1..4).contains(&(i / 5))) * 20).collect();
        let pixels = painted(&[450.0; 25], &labels, 5);
        let is_grey = |i: usize| pixels[3 * i] == pixels[3 * i + 1] && pixels[3 * i] == pixels[3 * i + 2];
        let coloured: Vec<usize> = (0..25).filter(|i| !is_grey(*i)).collect();
        assert_eq!(coloured, [6, 7, 8, 11, 13, 16, 17, 18]);
    }
}
