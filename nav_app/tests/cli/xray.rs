//! Two radiographs as a user gives them: pictures, geometry, corrections.

use std::path::{Path, PathBuf};

use engine::measure::synthetic::{self, Flat};
use engine::xray::{Geometry, View, ViewCorrections, XrayCorrections, name};
use geom::nalgebra::Vector3;
use serde_json::Value;

use super::{folder, message, spinenav};

const SIZE: [usize; 2] = [1200, 500];

/// Parallel beams over a spine whose sacrum is near the origin.
fn geometry(view: View) -> Geometry {
    let mut geometry = Geometry::assumed(view, SIZE, [1.0, 1.0]).unwrap();
    geometry.corner_mm[2] = 850.0;
    geometry.corner_mm[1] -= if view == View::Lateral { 120.0 } else { 0.0 };
    geometry
}

fn write_picture(path: &Path) {
    let [rows, columns] = SIZE;
    let file = std::fs::File::create(path).unwrap();
    let mut encoder = png::Encoder::new(file, columns as u32, rows as u32);
    encoder.set_color(png::ColorType::Grayscale);
    let grey: Vec<u8> = (0..rows * columns).map(|i| (i % columns / 2) as u8).collect();
    encoder.write_header().unwrap().write_image_data(&grey).unwrap();
}

/// Corners of a known spine in one view.
fn corners(known: &synthetic::Known, geometry: &Geometry) -> ViewCorrections {
    let mut view = ViewCorrections::default();
    let seen = |p: Vector3<f64>| geometry.project(p).unwrap();
    let mut body = |name: String, plates: [Flat; 2], half: [f64; 2]| {
        let ends = plates.map(|(centre, normal)| {
            let (ahead, left) = (Vector3::x().cross(&normal).normalize(), Vector3::y().cross(&normal).normalize());
            match geometry.view {
                View::Lateral => [seen(centre + ahead * half[0]), seen(centre - ahead * half[0])],
                View::Frontal => [seen(centre - left * half[1]), seen(centre + left * half[1])],
            }
        });
        view.corners.insert(name, [ends[0][0], ends[0][1], ends[1][1], ends[1][0]]);
    };
    for block in &known.blocks {
        body(name(block.level), block.plates, block.half_mm);
    }
    let (plate, _, half) = known.sacrum;
    body("S1".into(), [plate, (plate.0 - plate.1 * 25.0, plate.1)], half);
    let (centres, radius) = known.heads;
    for (side, centre) in ["left", "right"].into_iter().zip(centres) {
        let [x, y] = seen(centre);
        view.heads.insert(side.into(), [x, y, radius]);
    }
    view
}

/// Both pictures, their geometries and the corrections of a known spine.
fn case(test: &str) -> PathBuf {
    let case = folder(test);
    let known = synthetic::random(7, 3, 0.0);
    let mut all = XrayCorrections { by: "Dr. Example".into(), ..XrayCorrections::default() };
    for view in [View::Frontal, View::Lateral] {
        let geometry = geometry(view);
        write_picture(&case.join(format!("{view}.png")));
        std::fs::write(case.join(format!("{view}.json")), serde_json::to_string(&geometry).unwrap()).unwrap();
        *(if view == View::Frontal { &mut all.frontal } else { &mut all.lateral }) = corners(&known, &geometry);
    }
    std::fs::write(case.join("corrections.json"), serde_json::to_string(&all).unwrap()).unwrap();
    case
}

fn arguments(case: &Path, more: &[&str]) -> Vec<String> {
    let file = |name: &str| case.join(name).display().to_string();
    let (frontal, lateral) = (file("frontal.png"), file("lateral.png"));
    let fixed = ["xray", "--frontal", frontal.as_str(), "--lateral", lateral.as_str()].map(str::to_owned);
    fixed.into_iter().chain(more.iter().map(|a| (*a).to_owned())).collect()
}

#[test]
fn the_json_is_that_of_measure_with_vertebrae() {
    let case = case("xray-contract");
    let (corrections, out) = (case.join("corrections.json"), case.join("out"));
    let by_hand =
        ["--by-hand", "--corrections", corrections.to_str().unwrap(), "--out", out.to_str().unwrap(), "--json"];
    let output = spinenav(&arguments(&case, &by_hand));
    assert_eq!(output.status.code(), Some(0), "{}", message(&output));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    for key in ["cobb_deg", "tk_deg", "ll_deg", "gll_deg", "pi_deg", "pt_deg", "ss_deg", "sva_mm"] {
        assert!(json[key].is_number(), "{key}: {}", json["reasons"][key]);
        assert!(json["details"][key]["sd"].is_number() && json["details"][key]["landmarks"].is_array(), "{key}");
    }
    assert!(json["rotation_deg"]["L3"].is_null() && json["reasons"]["rotation_deg.L3"].is_string());
    let vertebrae = json["vertebrae"].as_array().unwrap();
    assert_eq!(vertebrae.len(), 23, "C3 to S1");
    for vertebra in vertebrae {
        let faces = vertebra["landmarks_mm"].as_object().unwrap();
        assert_eq!(faces.len(), 6, "{vertebra}");
        assert_eq!(vertebra["views"], serde_json::json!(["frontal", "lateral"]));
        assert_eq!(vertebra["corners_mm"].as_array().unwrap().len(), 8);
    }
    assert_eq!(json["corrections"]["by"], "Dr. Example");
    assert_eq!(json["posture"], "standing");
    assert!(json["research_only"] == true && json["stages"].is_array() && json["levels_assumed"] == false);
    let files = json["files"].as_array().unwrap();
    assert_eq!(files.len(), 8);
    for file in files {
        assert!(std::fs::metadata(file.as_str().unwrap()).unwrap().len() > 100, "{file}");
    }
}

#[test]
fn bad_pictures_and_geometries_are_named_with_what_to_do() {
    let case = case("xray-bad");
    let corrections = case.join("corrections.json").display().to_string();
    let by_hand = ["--by-hand", "--corrections", corrections.as_str()];
    let said = |status: i32, words: &str, change: &dyn Fn(&mut Vec<String>)| {
        let mut all = arguments(&case, &by_hand);
        change(&mut all);
        let output = spinenav(&all);
        let text = message(&output);
        assert!(output.status.code() == Some(status) && text.contains(words), "{:?}: {text}", output.status);
    };
    let other = |name: &str, bytes: &[u8]| {
        let path = case.join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    said(3, "give PNG, TIFF or DICOM", &|a| a[2] = other("text.png", b"no picture"));
    said(3, "cannot read the file", &|a| a[2] = "nowhere.png".into());
    let bare = case.join("bare.png");
    write_picture(&bare);
    said(2, "--pixel-mm", &|a| a[2] = bare.display().to_string());
    let lateral = case.join("lateral.json").display().to_string();
    said(3, "geometry of a lateral picture", &|a| a.extend(["--frontal-geometry".into(), lateral.clone()]));
    let short = other(
        "short.json",
        serde_json::to_string(&Geometry { rows: 90, ..geometry(View::Lateral) }).unwrap().as_bytes(),
    );
    said(3, "the picture has", &|a| a.extend(["--lateral-geometry".into(), short.clone()]));
    said(3, "no geometry of a radiograph", &|a| a.extend(["--lateral-geometry".into(), corrections.clone()]));
    said(3, "lateral.corners.L3", &|a| {
        let wrong = other("wrong.json", br#"{"lateral": {"corners": {"L3": [[0,0],[1,0],[0,1],[1,1]]}}}"#);
        a[7] = wrong;
    });
    said(3, "no vertebra", &|a| a[7] = other("empty.json", b"{}"));
    said(2, "--corrections", &|a| a.truncate(6));
    said(3, "radiograph-detector.safetensors", &|a| {
        a.truncate(5);
        a.extend(["--models".into(), case.display().to_string()]);
    });
}
