//! Boxes of vertebrae, C2 and femoral heads in one radiograph.

use kernels::Tensor;
use kernels::detect::{Letterbox, detect};
use rayon::prelude::*;

use super::landmarks::Bounds;
use super::networks::{NetworksError, RunningNetworks};
use super::radiograph::Radiograph;

/// Rows and columns of the detector's canvas: the published 640 x 273 rounded up to 32s.
pub const CANVAS: [usize; 2] = [640, 288];
/// Grey around the picture.
const PADDING: f32 = 0.5;

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

/// Everything that the detector finds, best first.
///
/// # Errors
/// [`NetworksError`] when the network or its device fails.
///
/// Cost: 0.3 s on two cores.
pub fn find(radiograph: &Radiograph, networks: &mut RunningNetworks) -> Result<Vec<Found>, NetworksError> {
    let size = [radiograph.geometry.rows, radiograph.geometry.columns];
    let letterbox = Letterbox::new(size, CANVAS)?;
    let input = canvas(radiograph, &letterbox)?;
    let mut maps = Vec::new();
    let failed = |source| NetworksError::Network { name: super::networks::DETECTOR, source };
    networks.detector.run(&input, &mut maps).map_err(failed)?;
    let boxes = detect(&maps, networks.classes, &networks.anchors, &networks.suppression, &letterbox)?;
    let found = |d: &kernels::detect::Detection| {
        let kind = [Kind::C2, Kind::Head, Kind::Vertebra].get(d.class).copied()?;
        // The detector counts from the first pixel's corner, we from its middle.
        let [left, top, right, bottom] =
            [d.area.left, d.area.top, d.area.right, d.area.bottom].map(|v| f64::from(v) - 0.5);
        let bounds = Bounds { left, top, right, bottom };
        bounds.is_usable().then_some(Found { kind, bounds, confidence: f64::from(d.confidence) })
    };
    Ok(boxes.iter().filter_map(found).collect())
}

/// The radiograph on the canvas, grey three times; each canvas pixel is the
/// mean of what it covers, so that nothing aliases.
fn canvas(radiograph: &Radiograph, letterbox: &Letterbox) -> Result<Tensor, NetworksError> {
    let [height, width] = CANVAS;
    let (scaled, [above, left]) = (letterbox.scaled(), letterbox.offset());
    let size = [radiograph.geometry.rows, radiograph.geometry.columns];
    let steps = [0, 1].map(|i| size[i] as f64 / scaled[i] as f64);
    let samples = steps.map(|step| (step.ceil() as usize).clamp(1, 8));
    let mut plane = vec![PADDING; height * width];
    plane.par_chunks_mut(width).enumerate().skip(above).take(scaled[0]).for_each(|(row, out)| {
        for (column, value) in out.iter_mut().skip(left).take(scaled[1]).enumerate() {
            let place = |axis: usize, at: usize, k: usize| {
                (at as f64 + (k as f64 + 0.5) / samples[axis] as f64) * steps[axis] - 0.5
            };
            let mut sum = 0.0;
            for i in 0..samples[0] {
                for j in 0..samples[1] {
                    sum += radiograph.at([place(1, column, j), place(0, row - above, i)]);
                }
            }
            *value = sum / (samples[0] * samples[1]) as f32;
        }
    });
    Ok(Tensor::new([3, 1, height, width], plane.repeat(3))?)
}
