//! `bench segment`: figures a reader can trust need their machine, their
//! commit and their count; wrong names and sizes must say what is right.

use crate::{folder, message, spinenav};

#[test]
fn a_network_is_measured_in_a_process_of_its_own() {
    let report = folder("bench").join("bench.html");
    let file = report.to_str().unwrap();
    let output = spinenav(&[
        "bench",
        "segment",
        "--networks",
        "compact",
        "--sizes",
        "16",
        "--rounds",
        "1",
        "--json",
        "--report",
        file,
    ]);
    assert!(output.status.success(), "{}", message(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = &json["results"][0];
    assert_eq!((found["network"].as_str(), found["size"].as_str()), (Some("compact_unet"), Some("16x16x16")));
    assert!(found["count"].as_u64().unwrap() >= 5 && found["p50_ms"].as_f64().unwrap() > 0.0, "{found}");
    assert!(found["roofline_share"].as_f64().unwrap() > 0.0 && found["planned_mb"].as_f64().unwrap() > 1.0, "{found}");
    assert!(json["machine"]["threads"].as_u64().unwrap() >= 1 && json["commit"].is_string(), "{json}");
    assert!(std::fs::read_to_string(&report).unwrap().contains("compact_unet 16x16x16"));
}

#[test]
fn a_name_that_fits_no_network_is_wrong_use() {
    let output = spinenav(&["bench", "segment", "--networks", "resnet"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(message(&output).contains("compact_unet"), "{}", message(&output));
}

#[test]
fn a_size_the_network_does_not_take_is_named() {
    let output = spinenav(&["bench", "segment", "--networks", "compact", "--sizes", "20"]);
    let said = message(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("[20, 20, 20]") && said.contains("multiples of"), "{said}");
}

#[test]
fn peers_without_python_are_wrong_use() {
    let output = spinenav(&["bench", "segment", "--networks", "compact", "--peers", "/no/such/python"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(message(&output).contains("install_peers.sh"), "{}", message(&output));
}
