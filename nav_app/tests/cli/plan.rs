//! Planned screws on the labels that ship: suggested, checked, refused elsewhere.

use serde_json::Value;

use super::{folder, message, spinenav};

#[test]
fn a_suggested_plan_is_checked_and_belongs_to_its_labels() {
    let folder = folder("plan");
    let plan = folder.join("plan.json").display().to_string();
    let out = folder.join("pictures").display().to_string();
    let made = spinenav(&["plan", "suggest", "--levels", "T12", "--out", &plan, "--json"]);
    assert_eq!(made.status.code(), Some(0), "{}", message(&made));
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let (screws, without) = (made["screws"].as_array().unwrap().len(), made["without"].as_array().unwrap().len());
    assert_eq!(screws + without, 2, "each pedicle has a screw or a reason: {made}");
    let checked = spinenav(&["plan", "check", &plan, "--out", &out, "--json"]);
    assert_eq!(checked.status.code(), Some(0), "{}", message(&checked));
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    for screw in checked["screws"].as_array().unwrap() {
        assert_eq!((screw["grade"].as_str(), screw["breach_mm"].as_f64()), (Some("A"), Some(0.0)), "{screw}");
    }
    assert!(std::path::Path::new(&out).join("plan.html").exists());
    // The plan of other bone: nothing is measured, the message says what to do.
    let text = std::fs::read_to_string(&plan).unwrap();
    let hash: Value = serde_json::from_str(&text).unwrap();
    let hash = hash["labels_sha256"].as_str().unwrap();
    std::fs::write(&plan, text.replace(hash, &"0".repeat(64))).unwrap();
    let refused = spinenav(&["plan", "check", &plan]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(message(&refused).contains("other labels"), "{}", message(&refused));
}
