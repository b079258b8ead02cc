//! Spines of known shape are measured as they are.

use geom::nalgebra::Rotation3;

use super::synthetic::{self, tilts_deg};
use super::*;

fn measured(known: &synthetic::Known, spacing_mm: [f64; 3]) -> Report {
    let turn = Rotation3::from_euler_angles(0.05, -0.07, 0.04);
    let mut map = known.labels(spacing_mm, &turn).unwrap();
    measure(&mut map, &Corrections::default(), Posture::Supine).unwrap().1
}

fn value(report: &Report, key: &str) -> f64 {
    report.parameter(key).unwrap().as_ref().unwrap().value
}

#[test]
fn a_lumbar_spine_of_known_shape_is_measured_as_it_is() {
    let known = synthetic::random(4, 18, 0.0);
    let report = measured(&known, [1.0; 3]);
    let block = |number: u8| known.blocks.iter().find(|b| b.level.number() == number).unwrap();
    let sagittal = |flat: synthetic::Flat| tilts_deg(flat.1)[0];
    let (l1, s1) = (sagittal(block(20).plates[0]), sagittal(known.sacrum.0));
    assert!((value(&report, "ll_deg") - (s1 - l1)).abs() < 0.8, "{} {}", value(&report, "ll_deg"), s1 - l1);
    assert!((value(&report, "ss_deg") - s1).abs() < 0.6);
    assert!(report.parameter("tk_deg").unwrap().as_ref().unwrap_err().contains("T1"));
    assert!(report.parameter("sva_mm").unwrap().as_ref().unwrap_err().contains("C7"));
    let json = report.to_json();
    assert!(json["tk_deg"].is_null() && json["reasons"]["tk_deg"].is_string());
    for key in ["cobb_deg", "ll_deg", "pi_deg", "pt_deg", "ss_deg"] {
        assert!(json[key].is_number(), "{key}");
        assert!(json["details"][key]["sd"].as_f64().unwrap() < 3.0, "{key}");
    }
    assert!(json["posture_note"].as_str().unwrap().contains("pt_deg"), "a lying patient is no standing one");
}

#[test]
fn no_slip_is_told_of_a_body_that_the_scan_cuts() {
    let whole = synthetic::random(9, 21, 0.0).labels([1.5; 3], &Rotation3::identity()).unwrap();
    let [nx, ny, nz] = whole.grid.size();
    let heights: Vec<usize> =
        (0..whole.labels.len()).filter(|i| whole.labels[*i] == 24).map(|i| i / (nx * ny)).collect();
    let cut = (heights[0] + heights[heights.len() - 1]) / 2;
    let origin = whole.grid.to_ct([0.0, 0.0, cut as f64].into());
    let grid = crate::volume::Grid::axis_aligned([nx, ny, nz - cut], [1.5; 3], origin).unwrap();
    let mut map = LabelMap { grid, labels: whole.labels[cut * nx * ny..].to_vec() };
    let (_, report) = measure(&mut map, &Corrections::default(), Posture::Supine).unwrap();
    let slip = |lower: u8| &report.discs.iter().find(|disc| disc.lower.number() == lower).unwrap().slip_mm;
    assert!(slip(24).as_ref().unwrap_err().contains("L5 is not wholly in view"));
    assert!(slip(23).is_ok());
}

#[test]
fn what_a_person_moves_is_followed_and_named() {
    let known = synthetic::random(9, 21, 0.0);
    let mut map = known.labels([1.5; 3], &Rotation3::identity()).unwrap();
    let mut corrections = Corrections { by: "Dr. Example".into(), when: "2026-01-31".into(), ..Corrections::default() };
    corrections.landmarks.insert("sacral-plate".into(), vec![[0.0, -20.0, 0.0], [0.0, 10.0, 30.0]]);
    let (_, report) = measure(&mut map, &corrections, Posture::Standing).unwrap();
    assert!((value(&report, "ss_deg") - 45.0).abs() < 1e-6 || (value(&report, "ss_deg") + 45.0).abs() < 1e-6);
    let json = report.to_json();
    assert_eq!(json["corrections"]["by"], "Dr. Example");
    assert_eq!(json["landmarks"]["sacral-plate"]["placed"], "by-hand");
    assert!(json["posture_note"].is_null());
}

#[test]
fn levels_move_together_and_never_collide() {
    let known = synthetic::random(2, 23, 0.0);
    let mut map = known.labels([2.0; 3], &Rotation3::identity()).unwrap();
    let before = map.clone();
    let one = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let clash = Corrections { levels: [one("L4", "L5")].into(), ..Corrections::default() };
    assert!(clash.rename(&mut map).unwrap_err().to_string().contains("L5"));
    assert_eq!(map, before);
    let both = Corrections { levels: [one("L4", "L5"), one("L5", "L6")].into(), ..Corrections::default() };
    both.rename(&mut map).unwrap();
    assert!(map.labels.contains(&25) && !map.labels.contains(&23));
    let absent = Corrections { levels: [one("T1", "T2")].into(), ..Corrections::default() };
    assert!(absent.rename(&mut map).is_err());
}

#[test]
fn a_correction_file_with_nonsense_is_refused_by_name() {
    let with = |name: &str, points: Vec<[f64; 3]>| {
        let landmarks = [(name.to_owned(), points)].into();
        Corrections { landmarks, ..Corrections::default() }.check()
    };
    assert!(with("L1-sideways", vec![[0.0; 3]]).unwrap_err().to_string().contains("L1-sideways"));
    assert!(with("L1-superior", vec![[0.0; 3]; 3]).is_err());
    assert!(with("femoral-head-left", vec![[f64::NAN; 3]; 4]).is_err());
    assert!(with("C7-centre", vec![[1.0, 2.0, 3.0]]).is_ok());
    assert!(serde_json::from_str::<Corrections>("{\"landmark\": {}}").is_err(), "a typing error is no silence");
}

#[test]
fn a_map_without_a_spine_has_reasons_and_no_values() {
    let grid = crate::volume::Grid::axis_aligned([6, 6, 6], [1.0; 3], [0.0; 3].into()).unwrap();
    for label in [0u8, 1, 20, 26, 75] {
        let mut map = LabelMap { labels: vec![label; grid.len()], grid: grid.clone() };
        let (_, report) = measure(&mut map, &Corrections::default(), Posture::Supine).unwrap();
        assert!(report.parameters.iter().all(|(_, m)| m.is_err()), "{label}");
    }
}
