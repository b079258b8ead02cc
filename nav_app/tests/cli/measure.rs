//! Alignment and the report of a case, from the labels that ship.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{folder, message, spinenav};

/// A case as `segment` leaves it, its labels those that ship.
fn case(name: &str) -> PathBuf {
    let case = folder(name);
    let labels = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/lidc-idri-0001-spine-labels.nii.gz");
    std::fs::copy(labels, case.join("labels.nii.gz")).unwrap();
    let vertebra = |label: &str, doubts: &[&str]| {
        json!({ "label": label, "volume_mm3": 30_000.0, "confidence": 0.8, "doubts": doubts,
                "surface_error_mm": { "p50": 0.4, "p95": 1.2 } })
    };
    let confidence = json!({ "levels_are_anchored": false,
        "vertebrae": [vertebra("T5", &[]), vertebra("T6", &["<cut> by the border"])] });
    std::fs::write(case.join("confidence.json"), confidence.to_string()).unwrap();
    case
}

fn json_of(arguments: &[&str]) -> Value {
    let output = spinenav(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", message(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_parameter_is_a_number_with_its_error_or_null_with_its_reason() {
    let case = case("measure-contract").display().to_string();
    let measures = json_of(&["measure", &case, "--json"]);
    let keys = [
        "cobb_deg",
        "tk_deg",
        "tk_t4_t12_deg",
        "ll_deg",
        "ll_l1_l5_deg",
        "gll_deg",
        "pi_deg",
        "pt_deg",
        "ss_deg",
        "sva_mm",
    ];
    for key in keys {
        let (value, reason, detail) = (&measures[key], &measures["reasons"][key], &measures["details"][key]);
        let is_told = value.is_number() && detail["sd"].as_f64().is_some_and(|sd| sd > 0.0)
            || value.is_null() && reason.is_string();
        assert!(is_told, "{key}: {value} {reason} {detail}");
    }
    assert!(measures["cobb_deg"].is_number() && measures["pi_deg"].is_null(), "thoracic, without a pelvis");
    assert!(measures["rotation_deg"].as_object().is_some_and(|levels| levels.len() >= 10));
}

#[test]
fn a_report_is_one_page_that_needs_nothing_else() {
    let case = case("report-page");
    let registration =
        json!({ "verdict": "doubtful", "reasons": ["<few> points"], "rms_mm": 0.4, "points": 20, "inliers": 18 });
    std::fs::write(case.join("registration.json"), registration.to_string()).unwrap();
    let told = json_of(&["report", &case.display().to_string(), "--json"]);
    let page = std::fs::read_to_string(case.join("report.html")).unwrap();
    assert_eq!(told["has_registration"], true);
    for words in [
        "Research use only",
        "counted from an assumption",
        "&lt;cut&gt;",
        "&lt;few&gt;",
        "doubtful",
        "SHA-256",
        "the sacrum is not in view",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("<few>") && !page.contains("NaN") && !page.contains("src=\"http"));
    assert_eq!(page.matches("<svg").count(), 2, "seen from the left and from the front");
}

#[test]
fn levels_that_moved_are_measured_where_they_are_and_reported_beside_the_target() {
    let case = case("measure-moved");
    let (path, moved, targets) = (case.display().to_string(), case.join("moved.json"), case.join("targets.json"));
    // Everything above T8 leans 10 degrees back, about the origin.
    let (sine, cosine) = 10f64.to_radians().sin_cos();
    let back = [1.0, 0.0, 0.0, 0.0, 0.0, cosine, sine, 0.0, 0.0, -sine, cosine, 0.0, 0.0, 0.0, 0.0, 1.0];
    let level = |name: &str| json!({ "level": name, "patient_from_ct": back });
    let levels: Vec<Value> = ["T3", "T4", "T5", "T6", "T7"].map(level).into();
    std::fs::write(&moved, json!({ "levels": levels }).to_string()).unwrap();
    let aims = json!({ "source": "<Dr. Example>", "targets": { "tk_t4_t12_deg": { "low": 20, "high": 40 } } });
    std::fs::write(&targets, aims.to_string()).unwrap();
    let [moved, targets] = [&moved, &targets].map(|path| path.display().to_string());
    let out = path.clone();
    let arguments = ["measure", &path, "--moved", &moved, "--alignment-target", &targets, "--out", &out, "--json"];
    let measures = json_of(&arguments);
    let rows = measures["alignment"]["parameters"].as_array().unwrap();
    let row = |key: &str| rows.iter().find(|row| row["key"] == key).unwrap();
    let kyphosis = row("tk_t4_t12_deg");
    let change = kyphosis["now"]["value"].as_f64().unwrap() - kyphosis["before"]["value"].as_f64().unwrap();
    assert!((change + 10.0).abs() < 1e-6, "{kyphosis}");
    assert_eq!((&kyphosis["followed"], &kyphosis["assumed"]), (&json!(["T4"]), &json!(["T12"])));
    assert!(row("pi_deg")["reason"].as_str().unwrap().contains("sacrum"));
    assert_eq!(json_of(&["report", &path, "--json"])["has_alignment"], true);
    let page = std::fs::read_to_string(case.join("report.html")).unwrap();
    assert!(
        page.contains("Alignment before and now") && page.contains("&lt;Dr. Example&gt;") && page.contains("20 to 40")
    );
    std::fs::write(&moved, "{\"levels\": [{\"level\": \"T99\"}]}").unwrap();
    let output = spinenav(&["measure", &path, "--moved", &moved]);
    assert!(output.status.code() == Some(3) && message(&output).contains("T99"), "{}", message(&output));
}

#[test]
fn a_report_of_nothing_says_what_is_missing() {
    let empty = folder("report-empty").display().to_string();
    let output = spinenav(&["report", &empty]);
    assert_eq!(output.status.code(), Some(3));
    assert!(message(&output).contains("confidence.json"), "{}", message(&output));
    let output = spinenav(&["report", "no-such-case"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(message(&output).contains("spinenav segment"), "{}", message(&output));
    let case = case("report-broken");
    std::fs::write(case.join("registration.json"), "{\"verdict\": 3}").unwrap();
    let output = spinenav(&["report", &case.display().to_string()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(message(&output).contains("registration.json"), "{}", message(&output));
}
