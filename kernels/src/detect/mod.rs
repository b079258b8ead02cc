//! From the raw maps of a YOLOv5 network to boxes in the image.
//!
//! [`decode`] turns the maps into candidate boxes on the network's canvas,
//! [`suppress`] keeps the best of those that overlap, and [`Letterbox`] maps
//! them back to the radiograph. [`detect`] does all three; [`agreed`] joins two
//! looks at one picture.
//!
//! Promises: the formulae of YOLOv5 releases 6 and 7 (`tests/detection.rs`
//! compares with PyTorch), the same boxes in the same order for the same
//! maps, an error instead of boxes when a map has a NaN, and bounded work for
//! maps in which every cell fires. Does not promise sensible boxes from
//! untrained networks.

mod boxes;
mod decode;
mod letterbox;
mod mirrored;
mod suppress;

use thiserror::Error;

use crate::tensor::Tensor;

pub use boxes::{Box2d, Detection};
pub use decode::{Anchors, decode};
pub use letterbox::Letterbox;
pub use mirrored::agreed;
pub use suppress::{Suppression, suppress};

/// The maps or settings make no boxes.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum DetectError {
    /// A map has the wrong shape.
    #[error("detection: map {index} has shape {shape:?} [channels, 1, y, x], needed are {expected}")]
    Map {
        /// Which map, from fine to coarse.
        index: usize,
        /// Its shape.
        shape: [usize; 4],
        /// What it should be.
        expected: String,
    },
    /// There are more or fewer maps than anchors have scales.
    #[error("detection: {given} maps, the anchors need {expected}")]
    Maps {
        /// Maps given.
        given: usize,
        /// Maps needed.
        expected: usize,
    },
    /// The network gave something that is no number.
    #[error("detection: map {index}, value {position} is {value}; the network diverged or its input was damaged")]
    NonFinite {
        /// Which map.
        index: usize,
        /// Index of the first such value.
        position: usize,
        /// The value.
        value: f32,
    },
    /// A setting is outside its range.
    #[error("detection: {setting} = {value}, must be {range}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// The refused value.
        value: f64,
        /// What would be accepted.
        range: &'static str,
    },
    /// An image without pixels, or with more than fit.
    #[error("detection: image {size:?} [height, width] on a canvas of {canvas:?}; sides must be 1 to 65536")]
    Canvas {
        /// Size of the image.
        size: [usize; 2],
        /// Size of the canvas.
        canvas: [usize; 2],
    },
}

/// Decodes, suppresses, and maps back to the image the canvas was made from.
///
/// `maps` are the network's outputs from fine to coarse (`p3`, `p4`, `p5`),
/// each `[3 * (5 + classes), 1, y, x]`. The boxes come best first, clipped to
/// the image, in pixels of it.
///
/// # Errors
/// [`DetectError`] for maps and settings that make no boxes.
///
/// Cost: a few nanoseconds per cell, and `kept * candidates` overlaps.
pub fn detect(
    maps: &[Tensor],
    classes: usize,
    anchors: &Anchors,
    settings: &Suppression,
    letterbox: &Letterbox,
) -> Result<Vec<Detection>, DetectError> {
    let candidates = decode(maps, classes, anchors, settings.confidence)?;
    let mut kept = suppress(candidates, settings)?;
    for detection in &mut kept {
        detection.area = letterbox.to_image(detection.area);
    }
    Ok(kept)
}
