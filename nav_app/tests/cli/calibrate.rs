//! `calibrate` as its user meets it: files in, verdict out, refusals in words.

use std::fmt::Write;
use std::path::Path;

use serde_json::Value;

use crate::{folder, message, spinenav};

/// Poses of a tool that pivots about a divot, tilted by up to `tilt` radians.
fn pivoting(tilt: f64) -> String {
    let (tip, divot) = ([0.0, 0.0, -150.0], [50.0, -30.0, -1200.0]);
    let mut text = String::from("# t x y z qx qy qz qw\n");
    for i in 0..200 {
        let (angle, azimuth) = (tilt * (f64::from(i) * 0.37).sin(), f64::from(i) * 0.7);
        // A turn by `angle` about the horizontal axis at `azimuth`.
        let (s, c) = ((0.5 * angle).sin(), (0.5 * angle).cos());
        let (x, y) = (s * azimuth.cos(), s * azimuth.sin());
        let z_column = [2.0 * c * y, -2.0 * c * x, 1.0 - 2.0 * (x * x + y * y)];
        let at: Vec<f64> = (0..3).map(|k| divot[k] - z_column[k] * tip[2]).collect();
        writeln!(text, "{} {} {} {} {x} {y} 0 {c}", f64::from(i) * 0.05, at[0], at[1], at[2]).unwrap();
    }
    text
}

fn json(arguments: &[&str]) -> (Option<i32>, Value) {
    let output = spinenav(arguments);
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn a_pivot_gives_a_tip_that_navigate_can_read() {
    let folder = folder("calibrate-pivot");
    let poses = write(&folder, "poses.csv", &pivoting(0.7));
    let (tip, picture) = (folder.join("tip.txt"), folder.join("tilt.svg"));
    let (tip, picture) = (tip.to_str().unwrap(), picture.to_str().unwrap());
    let (status, found) = json(&["calibrate", "pivot", &poses, "--out", tip, "--coverage", picture, "--json"]);
    assert_eq!((status, found["verdict"].as_str()), (Some(0), Some("accept")), "{found}");
    assert!((found["tip_mm"][2].as_f64().unwrap() + 150.0).abs() < 1e-3);
    assert_eq!(found["tip_covariance_mm2"].as_array().unwrap().len(), 3);
    assert_eq!(found["residuals_mm"].as_array().unwrap().len(), 200);
    let matrix = std::fs::read_to_string(tip).unwrap();
    assert_eq!(matrix.lines().filter(|l| !l.starts_with('#')).flat_map(str::split_whitespace).count(), 16);
    assert!(std::fs::read_to_string(picture).unwrap().starts_with("<svg"));
}

#[test]
fn too_little_motion_is_status_4_with_reason_and_remedy() {
    let folder = folder("calibrate-little");
    let poses = write(&folder, "poses.csv", &pivoting(0.05));
    let tip = folder.join("tip.txt");
    let (status, found) = json(&["calibrate", "pivot", &poses, "--out", tip.to_str().unwrap(), "--json"]);
    assert_eq!((status, found["verdict"].as_str()), (Some(4), Some("reject")));
    let reason = found["reasons"][0].as_str().unwrap();
    assert!(reason.contains("at least 30 are needed: tilt the tool further"), "{reason}");
    assert!(!tip.exists(), "a refused tip is not written");
}

#[test]
fn bad_files_are_status_3_and_name_the_next_step() {
    let folder = folder("calibrate-bad");
    for (name, text, word) in [
        ("head.csv", "t,x,y,z\n1,2,3,4\n", "begin with #"),
        ("few.csv", "1,2,3\n", "3 columns"),
        ("short.csv", "0 1 2 3 0 0 0 1\n", "at least 6 poses"),
        ("bad.json", "{", "expected"),
    ] {
        let output = spinenav(&["calibrate", "pivot", &write(&folder, name, text)]);
        assert_eq!(output.status.code(), Some(3), "{name}: {}", message(&output));
        assert!(message(&output).contains(word), "{name}: {}", message(&output));
    }
    let untimed = write(&folder, "untimed.csv", "1 2 3 0 0 0 1\n");
    let output = spinenav(&["calibrate", "temporal", &untimed, &untimed]);
    assert_eq!(output.status.code(), Some(3));
    assert!(message(&output).contains("needs the times"), "{}", message(&output));
}

#[test]
fn the_worst_landmark_is_named() {
    let folder = folder("calibrate-landmarks");
    let known = [[0., 0., 0.], [60., 3., 8.], [55., 48., -4.], [-6., 41., 22.], [20., 18., 47.], [44., -22., 31.]];
    let pairs: String = known
        .iter()
        .enumerate()
        .map(|(i, k)| {
            let off = if i == 3 { 4.0 } else { 0.0 };
            format!("{} {} {}  {} {} {}\n", k[0] + 100.0, k[1] + off, k[2], k[0], k[1], k[2])
        })
        .collect();
    let pairs = write(&folder, "pairs.txt", &pairs);
    let (_, found) = json(&["calibrate", "landmarks", &pairs, "--target", "10,20,150", "--json"]);
    assert_eq!(found["worst"]["point"], 4, "{found}");
    assert!(found["targets"][0]["predicted_tre_mm"].as_f64().unwrap() > 1.0);
}

#[test]
fn the_simulated_phantom_meets_its_line_and_writes_a_report() {
    let folder = folder("calibrate-phantom");
    let report = folder.join("phantom.html");
    let (status, found) = json(&["calibrate", "phantom", "--simulate", "--report", report.to_str().unwrap(), "--json"]);
    assert_eq!(status, Some(0), "{found}");
    assert!(found["single"]["mean_mm"].as_f64().unwrap() <= 0.3);
    assert!(found["precision_mm"].is_number() && found["divots"].as_array().unwrap().len() == 25);
    assert!(std::fs::read_to_string(report).unwrap().contains("ASTM F2554-22"));
    let wrong = write(&folder, "touches.txt", "99 1 2 3\n");
    let geometry = write(&folder, "divots.txt", "0 0 0\n1 0 0\n0 1 0\n0 0 1\n");
    let output = spinenav(&["calibrate", "phantom", &wrong, "--geometry", &geometry]);
    assert_eq!(output.status.code(), Some(3));
    assert!(message(&output).contains("divot 99 is not one of 1 to 4"), "{}", message(&output));
}
