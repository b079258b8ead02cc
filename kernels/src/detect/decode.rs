//! Raw maps to candidate boxes.

use serde::{Deserialize, Serialize};

use super::{Box2d, DetectError, Detection};
use crate::tensor::Tensor;

/// Numbers per box before the classes: x, y, width, height, objectness.
const BOX_VALUES: usize = 5;

/// Most classes; keeps channel numbers far from overflow.
const MAX_CLASSES: usize = 4096;

/// Box sizes the network refines, per map from fine to coarse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchors {
    /// Canvas pixels per cell of each map.
    pub strides: Vec<f32>,
    /// `[width, height]` in canvas pixels of each map's boxes.
    pub sizes: Vec<Vec<[f32; 2]>>,
}

impl Default for Anchors {
    /// YOLOv5's anchors for P3, P4, P5, from the COCO data set.
    fn default() -> Self {
        Self {
            strides: vec![8.0, 16.0, 32.0],
            sizes: vec![
                vec![[10.0, 13.0], [16.0, 30.0], [33.0, 23.0]],
                vec![[30.0, 61.0], [62.0, 45.0], [59.0, 119.0]],
                vec![[116.0, 90.0], [156.0, 198.0], [373.0, 326.0]],
            ],
        }
    }
}

/// Boxes whose confidence, objectness times best class, exceeds `confidence`.
///
/// `maps` are raw outputs `[boxes * (5 + classes), 1, y, x]` from fine to
/// coarse; boxes come in the order map, anchor, row, column. With `s` the
/// logistic function, `g` the cell and `a` the anchor (YOLOv5 releases 6, 7):
/// `xy = (2 s(t) - 0.5 + g) * stride`, `wh = (2 s(t))^2 * a`.
///
/// # Errors
/// [`DetectError`] for shapes that do not fit, NaN or infinite values, and a
/// confidence outside 0 to 1.
///
/// Cost: one pass over the maps.
pub fn decode(
    maps: &[Tensor],
    classes: usize,
    anchors: &Anchors,
    confidence: f32,
) -> Result<Vec<Detection>, DetectError> {
    check(maps, classes, anchors, confidence)?;
    let mut found = Vec::new();
    for (map, (sizes, &stride)) in maps.iter().zip(anchors.sizes.iter().zip(&anchors.strides)) {
        let [_, height, width] = map.dims();
        let voxels = map.voxels();
        for (index, &size) in sizes.iter().enumerate() {
            let first = index * (BOX_VALUES + classes) * voxels;
            let values = &map.data()[first..first + (BOX_VALUES + classes) * voxels];
            for cell in 0..height * width {
                let value = |channel: usize| logistic(values[channel * voxels + cell]);
                let objectness = value(4);
                if objectness <= confidence {
                    continue; // No class can lift it.
                }
                let (class, probability) = best_class(classes, |class| value(BOX_VALUES + class));
                let score = objectness * probability;
                if score > confidence {
                    let grid = [(cell % width) as f32, (cell / width) as f32];
                    let area = place([value(0), value(1), value(2), value(3)], grid, stride, size);
                    found.push(Detection { class, confidence: score, area });
                }
            }
        }
    }
    Ok(found)
}

fn place([x, y, w, h]: [f32; 4], grid: [f32; 2], stride: f32, size: [f32; 2]) -> Box2d {
    let centre = [(2.0 * x - 0.5 + grid[0]) * stride, (2.0 * y - 0.5 + grid[1]) * stride];
    let half = [2.0 * w * w * size[0], 2.0 * h * h * size[1]];
    Box2d {
        left: centre[0] - half[0],
        top: centre[1] - half[1],
        right: centre[0] + half[0],
        bottom: centre[1] + half[1],
    }
}

/// The first of the most probable classes.
fn best_class(classes: usize, probability: impl Fn(usize) -> f32) -> (usize, f32) {
    let mut best = (0, probability(0));
    for class in 1..classes {
        let candidate = probability(class);
        if candidate > best.1 {
            best = (class, candidate);
        }
    }
    best
}

fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn check(maps: &[Tensor], classes: usize, anchors: &Anchors, confidence: f32) -> Result<(), DetectError> {
    let setting = |setting, value, range| Err(DetectError::Setting { setting, value, range });
    if !(0.0..=1.0).contains(&confidence) {
        return setting("confidence", f64::from(confidence), "0 to 1");
    }
    if classes == 0 || classes > MAX_CLASSES {
        return setting("classes", classes as f64, "1 to 4096");
    }
    if anchors.strides.len() != anchors.sizes.len() {
        return setting("anchor scales", anchors.sizes.len() as f64, "one per stride");
    }
    let mut lengths = anchors.strides.iter().chain(anchors.sizes.iter().flatten().flatten());
    if let Some(&length) = lengths.find(|length| !(**length > 0.0 && **length <= 65536.0)) {
        return setting("anchor size or stride", f64::from(length), "above 0 and at most 65536 pixels");
    }
    if maps.len() != anchors.sizes.len() {
        return Err(DetectError::Maps { given: maps.len(), expected: anchors.sizes.len() });
    }
    for (index, (map, sizes)) in maps.iter().zip(&anchors.sizes).enumerate() {
        let channels = sizes.len() * (BOX_VALUES + classes);
        if map.channels() != channels || map.dims()[0] != 1 {
            let expected = format!("{channels} channels of one slice ({} boxes, {classes} classes)", sizes.len());
            return Err(DetectError::Map { index, shape: map.shape(), expected });
        }
        if let Some(position) = map.data().iter().position(|value| !value.is_finite()) {
            return Err(DetectError::NonFinite { index, position, value: map.data()[position] });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchors() -> Anchors {
        Anchors { strides: vec![8.0], sizes: vec![vec![[10.0, 20.0]]] }
    }

    #[test]
    fn a_cell_of_zeros_is_a_box_of_the_anchor_around_its_centre() {
        let mut map = Tensor::zeros([7, 1, 2, 3]).unwrap();
        map.data_mut()[4 * 6 + 5] = 10.0; // objectness of row 1, column 2
        map.data_mut()[6 * 6 + 5] = 10.0; // class 1
        let found = decode(&[map], 2, &anchors(), 0.5).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].class, 1);
        // Cell (2, 1), centre (2.5, 1.5) * 8.
        assert_eq!(found[0].area, Box2d { left: 15.0, top: 2.0, right: 25.0, bottom: 22.0 });
    }

    #[test]
    fn maps_that_do_not_fit_are_refused_by_number_and_shape() {
        let map = || Tensor::zeros([7, 1, 2, 2]).unwrap();
        let text = |result: Result<Vec<Detection>, DetectError>| result.unwrap_err().to_string();
        assert!(text(decode(&[map()], 3, &anchors(), 0.5)).contains("[7, 1, 2, 2]"));
        assert!(text(decode(&[map(), map()], 2, &anchors(), 0.5)).contains("2 maps"));
        assert!(text(decode(&[map()], 0, &anchors(), 0.5)).contains("classes"));
        assert!(text(decode(&[map()], usize::MAX, &anchors(), 0.5)).contains("classes"));
        assert!(text(decode(&[map()], 2, &anchors(), f32::NAN)).contains("confidence"));
        let flat = Anchors { sizes: vec![vec![[0.0, 1.0]]], ..anchors() };
        assert!(text(decode(&[map()], 2, &flat, 0.5)).contains("anchor"));
        let mut broken = map();
        broken.data_mut()[9] = f32::NAN;
        assert!(text(decode(&[broken], 2, &anchors(), 0.5)).contains("value 9 is NaN"));
    }
}
