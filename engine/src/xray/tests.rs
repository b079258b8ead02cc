//! Spines of known shape, projected through known geometries, come back as they are.

use geom::nalgebra::Vector3;

use super::*;
use crate::io::picture::Picture;
use crate::level::Level;
use crate::measure::synthetic::{self, Flat, Known, tilts_deg};

/// What the six parameters may be off, degrees and mm.
const TOLERANCE: f64 = 0.5;

fn cones() -> [Geometry; 2] {
    let cone = |view, corner_mm, column_mm, source_mm| Geometry {
        view,
        rows: 550,
        columns: 250,
        corner_mm,
        column_mm,
        row_mm: [0.0, 0.0, -2.0],
        beam: Beam::Cone { source_mm },
        calibrated: true,
    };
    [
        cone(View::Frontal, [-250.0, 200.0, 760.0], [2.0, 0.0, 0.0], [0.0, -1700.0, 250.0]),
        cone(View::Lateral, [300.0, -350.0, 760.0], [0.0, 2.0, 0.0], [-1600.0, -100.0, 250.0]),
    ]
}

fn parallels() -> [Geometry; 2] {
    let mut both = [View::Frontal, View::Lateral].map(|v| Geometry::assumed(v, [600, 250], [2.0, 2.0]).unwrap());
    both.iter_mut().for_each(|g| g.corner_mm[2] = 800.0);
    both[1].corner_mm[1] = -350.0;
    both
}

/// Front, back, left and right end of a flat end: in the vertical planes through its middle.
fn ends((centre, normal): Flat, [depth, width]: [f64; 2]) -> [Vector3<f64>; 4] {
    let ahead = Vector3::x().cross(&normal).normalize() * depth;
    let left = Vector3::y().cross(&normal).normalize() * width;
    [centre + ahead, centre - ahead, centre + left, centre - left]
}

/// Corners by hand of everything in a known spine, in one view.
fn by_hand(known: &Known, geometry: &Geometry) -> ViewCorrections {
    let seen = |p: Vector3<f64>| geometry.project(p).unwrap();
    let corners = |plates: [Flat; 2], half: [f64; 2]| -> Corners {
        let [upper, lower] = plates.map(|p| ends(p, half));
        // The frontal picture has the patient's right on its left.
        let [a, b] = if geometry.view == View::Lateral { [0, 1] } else { [3, 2] };
        [seen(upper[a]), seen(upper[b]), seen(lower[b]), seen(lower[a])]
    };
    let mut view = ViewCorrections::default();
    for block in &known.blocks {
        view.corners.insert(name(block.level), corners(block.plates, block.half_mm));
    }
    let (plate, _, half) = known.sacrum;
    let below = (plate.0 - plate.1 * 28.0, plate.1);
    view.corners.insert("S1".into(), corners([plate, below], half));
    let (centres, radius) = known.heads;
    for (side, centre) in ["left", "right"].into_iter().zip(centres) {
        let [column, row] = seen(centre);
        view.heads.insert(side.into(), [column, row, radius / geometry.pixel_mm(centre)]);
    }
    view
}

fn pair([frontal, lateral]: [Geometry; 2]) -> Pair {
    let blank = |geometry: Geometry| {
        let (rows, columns) = (geometry.rows, geometry.columns);
        let values = vec![0.0; rows * columns];
        let picture = Picture { rows, columns, values, pixel: None, view_position: None };
        Radiograph::new(&picture, geometry).unwrap()
    };
    Pair { frontal: blank(frontal), lateral: blank(lateral) }
}

fn analysed(known: &Known, geometries: [Geometry; 2], change: impl Fn(&mut XrayCorrections)) -> Findings {
    let [frontal, lateral] = geometries.each_ref().map(|g| by_hand(known, g));
    let mut corrections = XrayCorrections { by: "Dr. Example".into(), frontal, lateral, ..XrayCorrections::default() };
    change(&mut corrections);
    analyse(&pair(geometries), None, &corrections, &XraySettings::default(), &mut |_, _| {}).unwrap()
}

fn value(findings: &Findings, key: &str) -> f64 {
    findings.report.parameter(key).unwrap().as_ref().unwrap().value
}

/// The six parameters from the known shape itself: PI, PT, SS, GLL, TK, SVA.
fn truth(known: &Known) -> [f64; 6] {
    let ((centre, normal), _, [depth, _]) = known.sacrum;
    let slope = tilts_deg(normal)[0];
    let [left, right] = known.heads.0;
    let (axis, middle) = ((left - right).normalize(), (left + right) / 2.0);
    let up = centre - middle;
    let tilt = up.y.atan2(up.z).to_degrees();
    let flat = |v: Vector3<f64>| (v - axis * axis.dot(&v)).normalize();
    let incidence = flat(normal).dot(&flat(up)).acos().to_degrees();
    let block = |number: u8| known.blocks.iter().find(|b| b.level.number() == number).unwrap();
    let upper = |number: u8| tilts_deg(block(number).plates[0].1)[0];
    let least = (8..=24).map(upper).fold(f64::INFINITY, f64::min);
    let kyphosis = upper(8) - tilts_deg(block(19).plates[1].1)[0];
    let back = ends((centre, normal), [depth, 1.0])[1];
    let c7 = block(7).plates.iter().map(|p| p.0).sum::<Vector3<f64>>() / 2.0;
    [incidence, tilt, slope, slope - least, kyphosis, back.y - c7.y]
}

#[test]
fn the_six_parameters_of_a_known_spine_come_back_from_both_beams() {
    for seed in 1..=6 {
        let known = synthetic::random(seed, 3, 0.0);
        for geometries in [cones(), parallels()] {
            let findings = analysed(&known, geometries, |_| {});
            let keys = ["pi_deg", "pt_deg", "ss_deg", "gll_deg", "tk_deg", "sva_mm"];
            for (key, expected) in keys.into_iter().zip(truth(&known)) {
                let found = value(&findings, key);
                assert!((found - expected).abs() < TOLERANCE, "seed {seed}, {key}: {found} for {expected}");
            }
            assert!(findings.report.pelvis_check_deg.unwrap().abs() < 3.0, "PI = PT + SS, but for a turned pelvis");
            assert_eq!(findings.cuboids.len(), known.blocks.len() + 1);
        }
    }
}

#[test]
fn cuboids_stand_where_the_vertebrae_stand() {
    let known = synthetic::random(3, 3, 0.0);
    for geometries in [cones(), parallels()] {
        let findings = analysed(&known, geometries, |_| {});
        for (block, cuboid) in known.blocks.iter().zip(&findings.cuboids) {
            assert_eq!(block.level, cuboid.level);
            let middle = (block.plates[0].0 + block.plates[1].0) / 2.0;
            assert!((cuboid.centre() - middle).norm() < TOLERANCE, "{}", block.level);
            let [depth, width, _] = cuboid.size_mm();
            assert!((depth - 2.0 * block.half_mm[0]).abs() < TOLERANCE, "{} depth {depth}", block.level);
            assert!((width - 2.0 * block.half_mm[1]).abs() < TOLERANCE, "{} width {width}", block.level);
            assert!(cuboid.is_in_both && cuboid.gap_mm.unwrap().iter().all(|g| *g < 0.1));
            assert!(mesh(cuboid).is_watertight() && mesh(cuboid).volume_mm3() > 0.0);
            for (plate, flat) in cuboid.plates.iter().zip(block.plates) {
                let off = plate.plane.normal.angle(&flat.1).to_degrees();
                assert!(off < TOLERANCE, "{}: {off} deg", block.level);
            }
        }
    }
}

#[test]
fn what_one_view_shows_alone_is_marked_and_keeps_its_sagittal_angles() {
    let known = synthetic::random(2, 3, 0.0);
    let whole = analysed(&known, cones(), |_| {});
    let findings = analysed(&known, cones(), |c| {
        c.frontal.corners.remove("T1");
        c.lateral.corners.remove("T5");
        c.frontal.heads.clear();
    });
    let t1 = findings.cuboids.iter().find(|c| c.level.number() == 8).unwrap();
    assert!(!t1.is_in_both && t1.gap_mm.is_none());
    for key in ["tk_deg", "ss_deg", "gll_deg", "sva_mm"] {
        assert!((value(&findings, key) - value(&whole, key)).abs() < 1.0, "{key}");
    }
    assert!((value(&findings, "pt_deg") - value(&whole, "pt_deg")).abs() < 3.0);
    let json = findings.to_json();
    let vertebrae = json["vertebrae"].as_array().unwrap();
    let views = |label: &str| &vertebrae.iter().find(|v| v["label"] == label).unwrap()["views"];
    assert_eq!(views("T1"), &serde_json::json!(["lateral"]));
    assert_eq!(views("T5"), &serde_json::json!(["frontal"]));
    assert!(json["notes"].to_string().contains("hip axis is taken"));
    assert!(json["unreadable"].to_string().contains("frontal radiograph alone"));
    assert!(json["levels"].as_array().unwrap()[5]["wedge_coronal_deg"]["reason"].is_string());
}

#[test]
fn a_missing_pelvis_is_a_reason_and_no_number() {
    let known = synthetic::random(5, 3, 0.0);
    let findings = analysed(&known, parallels(), |c| {
        for view in [&mut c.frontal, &mut c.lateral] {
            view.corners.remove("S1");
            view.heads.clear();
        }
    });
    let json = findings.to_json();
    for key in ["pi_deg", "pt_deg", "ss_deg", "gll_deg", "sva_mm"] {
        assert!(json[key].is_null() && json["reasons"][key].as_str().unwrap().contains("S1"), "{key}");
    }
    assert!(json["tk_deg"].is_number() && json["geometry"]["calibrated"] == false);
    assert!(json["notes"].to_string().contains("approximate"));
}

#[test]
fn pictures_that_begin_at_other_heights_are_brought_together() {
    let known = synthetic::random(6, 3, 0.0);
    let [mut frontal, lateral] = parallels();
    frontal.corner_mm[2] -= 120.0;
    let seen = [by_hand(&known, &frontal), by_hand(&known, &lateral)];
    let analysed = |change: &dyn Fn(&mut [ViewCorrections; 2])| {
        let mut by_hand = seen.clone();
        change(&mut by_hand);
        let [frontal, lateral] = by_hand;
        let corrections = XrayCorrections { frontal, lateral, ..XrayCorrections::default() };
        analyse(&pair(parallels()), None, &corrections, &XraySettings::default(), &mut |_, _| {}).unwrap()
    };
    let by_bodies = analysed(&|_| {});
    assert!(by_bodies.notes.iter().any(|n| n.contains("120 mm lower")), "{:?}", by_bodies.notes);
    assert!(by_bodies.cuboids.iter().all(|c| c.gap_mm.unwrap().iter().all(|g| *g < 0.5)));
    assert!((value(&by_bodies, "pi_deg") - truth(&known)[0]).abs() < TOLERANCE);
    // Without a body in common, by the femoral heads.
    let by_heads = analysed(&|views| views[0].corners.clear());
    assert!(by_heads.notes.iter().any(|n| n.contains("120 mm lower")), "{:?}", by_heads.notes);
}

#[test]
fn a_moved_landmark_moves_the_measures_and_is_recorded() {
    let known = synthetic::random(4, 3, 0.0);
    let before = analysed(&known, cones(), |_| {});
    let after = analysed(&known, cones(), |c| {
        c.when = "2026-01-31".into();
        let corners = c.lateral.corners.get_mut("S1").unwrap();
        corners[0][1] += 3.0;
    });
    assert!(value(&after, "ss_deg") > value(&before, "ss_deg") + 5.0);
    assert!(value(&after, "pi_deg") > value(&before, "pi_deg") + 3.0);
    let json = after.to_json();
    assert_eq!(json["corrections"]["by"], "Dr. Example");
    assert!(json["corrections"]["lateral"]["corners"]["S1"].is_array());
    assert_eq!(json["landmarks"]["sacral-plate"]["placed"], "by-hand");
    // One name for two bodies is refused only when the networks named them; by hand the key is the name.
    assert!(after.cuboids.iter().all(|c| c.placed == Placed::ByHand));
}

#[test]
fn networks_that_know_nothing_do_no_harm() {
    use kernels::architectures::{Unet2d, Yolov5s};
    let card = |name: &str, kind: &str, settings: serde_json::Value| {
        let card = serde_json::json!({ "name": name, "version": "0", "licence": "none",
            "architecture": { "kind": kind, "settings": settings } });
        card.to_string().into_bytes()
    };
    let weights = |graph: kernels::Graph| kernels::Weights::synthetic(&graph).unwrap().to_safetensors().unwrap();
    let small = Unet2d { inputs: 2, classes: 1, channels: vec![4, 8, 8] };
    let settings = serde_json::to_value(&small).unwrap();
    let boxes = (weights(Yolov5s::default().graph().unwrap()), card(DETECTOR, "yolov5s", serde_json::Value::Null));
    let masks = (weights(small.graph().unwrap()), card(CONTOUR, "unet_2d", settings));
    let networks = Networks::from_bytes((&boxes.0, &boxes.1), (&masks.0, &masks.1)).unwrap();
    let wrong = Networks::from_bytes((&masks.0, &masks.1), (&boxes.0, &boxes.1)).unwrap_err().to_string();
    assert!(wrong.contains("yolov5s"), "{wrong}");
    let device = kernels::Cpu::default();
    let mut running = networks.load(&device).unwrap();
    let known = synthetic::random(1, 20, 0.0);
    let geometries = parallels();
    let mut corrections = XrayCorrections { lateral: by_hand(&known, &geometries[1]), ..XrayCorrections::default() };
    corrections.lateral.boxes.insert("L3".into(), Bounds { left: 100.0, top: 225.0, right: 120.0, bottom: 243.0 });
    let findings =
        analyse(&pair(geometries), Some(&mut running), &corrections, &XraySettings::default(), &mut |_, _| {}).unwrap();
    let l3 = Level::from_number(22).unwrap();
    assert_eq!(findings.views[1].vertebra(l3).unwrap().placed, Placed::ByHand);
}
