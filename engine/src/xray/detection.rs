//! Boxes of vertebrae, C2 and femoral heads in one radiograph.

use geom::nalgebra::Vector3;
use kernels::Tensor;
use kernels::detect::{Detection, Letterbox, Suppression, agreed, decode};
use rayon::prelude::*;

use super::contrast::local_contrast;
use super::landmarks::Bounds;
use super::networks::{NetworksError, RunningNetworks};
use super::radiograph::Radiograph;
use crate::io::picture::MAX_SIDE;

/// Rows and columns of the detector's canvas: the published 640 x 273 rounded up to 32s.
pub const CANVAS: [usize; 2] = [640, 288];
/// Grey around the picture.
const PADDING: f32 = 0.5;
/// Of the local contrast, pixels of the canvas.
const CONTRAST_RADIUS: usize = 12;
/// A picture of less height is shown within a frame of this height at the detector, mm: the
/// network knows bodies at the scale of whole-spine pictures.
const LEAST_MM: f64 = 850.0;

/// What the detector tells apart, in the order of its classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// C2 with its dens.
    C2,
    /// A femoral head.
    Head,
    /// The body of C3 to S1.
    Vertebra,
}

/// A box and how sure the detector is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// What is in it.
    pub kind: Kind,
    /// Where, pixels of the radiograph.
    pub bounds: Bounds,
    /// 0 to 1.
    pub confidence: f64,
}

/// Everything that the detector finds, best first: in the picture and in its mirror image, joined.
///
/// - `least`: bodies of less confidence than the network's card asks for, down to this; `None` for the card's.
///   Femoral heads are always asked as much as the card says.
///
/// # Errors
/// [`NetworksError`] when the network or its device fails.
///
/// Cost: two runs of the network, 0.27 s on one core with AMX.
pub fn find(
    radiograph: &Radiograph,
    networks: &mut RunningNetworks,
    least: Option<f32>,
) -> Result<Vec<Found>, NetworksError> {
    let asked = networks.suppression.confidence;
    let settings = Suppression { confidence: least.map_or(asked, |least| least.min(asked)), ..networks.suppression };
    let frame = Frame::around(radiograph);
    let letterbox = Letterbox::new(frame.size, CANVAS)?;
    let mut plane = canvas(radiograph, &frame, &letterbox);
    let plain = look(&plane, networks, settings.confidence)?;
    plane.chunks_mut(CANVAS[1]).for_each(<[f32]>::reverse);
    let mirrored = look(&plane, networks, settings.confidence)?;
    let found = |d: &Detection| {
        let kind = [Kind::C2, Kind::Head, Kind::Vertebra].get(d.class).copied()?;
        if kind == Kind::Head && d.confidence <= asked {
            return None;
        }
        let area = letterbox.to_image(d.area);
        // The detector counts from the first pixel's corner, we from its middle.
        let [above, before] = frame.before;
        let left = f64::from(area.left) - before - 0.5;
        let right = f64::from(area.right) - before - 0.5;
        let top = f64::from(area.top) - above - 0.5;
        let bottom = f64::from(area.bottom) - above - 0.5;
        let bounds = Bounds { left, top, right, bottom };
        bounds.is_usable().then_some(Found { kind, bounds, confidence: f64::from(d.confidence) })
    };
    let boxes = agreed(plain, mirrored, CANVAS[1] as f32, &settings)?;
    Ok(boxes.iter().filter_map(found).collect())
}

/// Candidates on a canvas, down to half the confidence asked for.
fn look(plane: &[f32], networks: &mut RunningNetworks, least: f32) -> Result<Vec<Detection>, NetworksError> {
    let input = Tensor::new([3, 1, CANVAS[0], CANVAS[1]], plane.repeat(3))?;
    let mut maps = Vec::new();
    let failed = |source| NetworksError::Network { name: super::networks::DETECTOR, source };
    networks.detector.run(&input, &mut maps).map_err(failed)?;
    Ok(decode(&maps, networks.classes, &networks.anchors, least / 2.0)?)
}

/// The picture with room around it.
struct Frame {
    /// Rows and columns.
    size: [usize; 2],
    /// Rows above and columns before the picture.
    before: [f64; 2],
}

impl Frame {
    fn around(radiograph: &Radiograph) -> Self {
        let geometry = &radiograph.geometry;
        let picture = [geometry.rows, geometry.columns];
        let row_mm = Vector3::from(geometry.row_mm).norm();
        // Pixels are 0.01 mm at least and a side has at most `MAX_SIDE`: below 65536, the letterbox's limit.
        let rows = picture[0].max(((LEAST_MM / row_mm.max(0.06)) as usize).min(MAX_SIDE));
        let columns = picture[1].max(rows * CANVAS[1] / CANVAS[0]);
        let size = if rows > picture[0] { [rows, columns] } else { picture };
        let before = [0, 1].map(|i| ((size[i] - picture[i]) / 2) as f64);
        Self { size, before }
    }
}

/// The radiograph's local contrast on the canvas; each canvas pixel is the mean of what it covers, so that nothing
/// aliases.
fn canvas(radiograph: &Radiograph, frame: &Frame, letterbox: &Letterbox) -> Vec<f32> {
    let [height, width] = CANVAS;
    let (scaled, offset) = (letterbox.scaled(), letterbox.offset());
    let size = [radiograph.geometry.rows, radiograph.geometry.columns];
    let steps = [0, 1].map(|i| frame.size[i] as f64 / scaled[i] as f64);
    let samples = steps.map(|step| (step.ceil() as usize).clamp(1, 8));
    let place = |axis: usize, at: usize, k: usize| {
        (at as f64 + (k as f64 + 0.5) / samples[axis] as f64) * steps[axis] - 0.5 - frame.before[axis]
    };
    // The part of the canvas that the picture covers.
    let covered = [0, 1].map(|axis| {
        let shown = |at: &usize| (-0.5..=size[axis] as f64 - 0.5).contains(&place(axis, *at, samples[axis] / 2));
        let first = (0..scaled[axis]).find(shown).unwrap_or_default();
        first..(first..scaled[axis]).rfind(shown).map_or(first, |last| last + 1)
    });
    let columns = covered[1].len();
    let mut grey = vec![0.0; covered[0].len() * columns];
    grey.par_chunks_mut(columns.max(1)).zip(covered[0].clone().into_par_iter()).for_each(|(out, row)| {
        for (value, column) in out.iter_mut().zip(covered[1].clone()) {
            let mut sum = 0.0;
            for i in 0..samples[0] {
                for j in 0..samples[1] {
                    sum += radiograph.at([place(1, column, j), place(0, row, i)]);
                }
            }
            *value = sum / (samples[0] * samples[1]) as f32;
        }
    });
    let seen = local_contrast(&grey, columns, CONTRAST_RADIUS);
    let mut plane = vec![PADDING; height * width];
    for (row, seen) in covered[0].clone().zip(seen.chunks(columns.max(1))) {
        let start = (row + offset[0]) * width + covered[1].start + offset[1];
        if let Some(out) = plane.get_mut(start..start + columns) {
            out.copy_from_slice(seen);
        }
    }
    plane
}
