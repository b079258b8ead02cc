//! Boxes against PyTorch's YOLOv5 formulae (`golden/make_detections.py`).
//!
//! A difference would put a box, and with it a vertebra, elsewhere.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use kernels::Tensor;
use kernels::detect::{Anchors, Box2d, DetectError, Detection, Letterbox, Suppression, decode, detect, suppress};
use support::golden::Golden;

/// Pixels a box edge may differ: f32 against f64 for boxes of up to 1500 pixels.
const PIXELS: f32 = 2e-3;

const CLASSES: usize = 3;

fn maps(golden: &Golden) -> Vec<Tensor> {
    let map = |name: &str| Tensor::new(golden.shape(name).try_into().unwrap(), golden.floats(name)).unwrap();
    ["p3", "p4", "p5"].map(map).to_vec()
}

fn detections(golden: &Golden, name: &str) -> Vec<Detection> {
    let row = |row: &[f32]| Detection {
        class: row[5] as usize,
        confidence: row[4],
        area: Box2d { left: row[0], top: row[1], right: row[2], bottom: row[3] },
    };
    golden.floats(name).chunks(6).map(row).collect()
}

fn assert_same(actual: &[Detection], expected: &[Detection]) {
    assert_eq!(actual.len(), expected.len());
    for (index, (a, b)) in actual.iter().zip(expected).enumerate() {
        let edges = |d: &Detection| [d.area.left, d.area.top, d.area.right, d.area.bottom];
        let is_near = edges(a).iter().zip(edges(b)).all(|(x, y)| (x - y).abs() <= PIXELS);
        let is_sure = (a.confidence - b.confidence).abs() <= 1e-6;
        assert!(a.class == b.class && is_near && is_sure, "box {index}: {a:?}, should be {b:?}");
    }
}

fn everything() -> Suppression {
    // The golden keeps all; YOLOv5 would stop at 300.
    Suppression { kept: 10_000, ..Suppression::default() }
}

#[test]
fn the_boxes_are_those_of_yolov5() {
    let golden = Golden::open("detections.safetensors");
    let candidates = decode(&maps(&golden), CLASSES, &Anchors::default(), 0.25).unwrap();
    assert_same(&candidates, &detections(&golden, "candidates"));
    let kept = suppress(candidates, &everything()).unwrap();
    assert_same(&kept, &detections(&golden, "kept"));
}

#[test]
fn the_most_confident_boxes_survive_the_limit() {
    let golden = Golden::open("detections.safetensors");
    let candidates = decode(&maps(&golden), CLASSES, &Anchors::default(), 0.25).unwrap();
    let kept = suppress(candidates, &Suppression { kept: 20, ..Suppression::default() }).unwrap();
    assert_same(&kept, &detections(&golden, "kept")[..20]);
}

#[test]
fn boxes_land_in_the_radiograph() {
    let golden = Golden::open("detections.safetensors");
    // Twice the canvas of 96 x 160, with 8 columns less of it used.
    let letterbox = Letterbox::new([192, 304], [96, 160]).unwrap();
    let found = detect(&maps(&golden), CLASSES, &Anchors::default(), &everything(), &letterbox).unwrap();
    let kept = detections(&golden, "kept");
    let expected: Vec<_> = kept
        .iter()
        .map(|d| {
            let x = |value: f32| ((value - 4.0) * 2.0).clamp(0.0, 304.0);
            let y = |value: f32| (value * 2.0).clamp(0.0, 192.0);
            let Box2d { left, top, right, bottom } = d.area;
            Detection { area: Box2d { left: x(left), top: y(top), right: x(right), bottom: y(bottom) }, ..*d }
        })
        .collect();
    assert_same(&found, &expected);
}

#[test]
fn a_map_with_a_nan_is_refused_wherever_it_is() {
    let golden = Golden::open("detections.safetensors");
    let letterbox = Letterbox::new([96, 160], [96, 160]).unwrap();
    for (map, position, value) in [(0, 0, f32::NAN), (1, 700, f32::INFINITY), (2, 359, f32::NAN)] {
        let mut maps = maps(&golden);
        maps[map].data_mut()[position] = value;
        let error = detect(&maps, CLASSES, &Anchors::default(), &Suppression::default(), &letterbox).unwrap_err();
        let DetectError::NonFinite { index, position: found, .. } = error else { panic!("{error}") };
        assert_eq!((index, found), (map, position));
    }
}
