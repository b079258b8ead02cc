//! Guidance, recording and replay, as their user meets them.

use std::path::{Path, PathBuf};

use super::{folder, message, spinenav};

const LABELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/lidc-idri-0001-spine-labels.nii.gz");

fn json(arguments: &[&str]) -> (serde_json::Value, Option<i32>) {
    let output = spinenav(arguments);
    let parsed = serde_json::from_slice(&output.stdout);
    (parsed.unwrap_or_else(|e| panic!("{e}: {}", message(&output))), output.status.code())
}

/// Two seconds of a simulated session, recorded.
fn recorded(name: &str) -> (PathBuf, serde_json::Value) {
    let journal = folder(name).join("journal");
    let path = journal.to_str().unwrap();
    let (found, status) = json(&[
        "navigate",
        "--case",
        LABELS,
        "--view",
        "none",
        "--seconds",
        "2",
        "--journal",
        path,
        "--json",
        "--quiet",
    ]);
    assert_eq!(status, Some(0), "{found}");
    (journal, found)
}

#[test]
fn a_simulated_session_is_guided_recorded_and_replayed_bit_for_bit() {
    let (journal, session) = recorded("navigate-replay");
    assert!(session["session"]["packets"].as_u64().unwrap() > 60, "{session}");
    assert_eq!(session["journal"]["lost"], 0);
    assert!(session["registration"]["true_tre_mm"].as_f64().unwrap() < 2.0);
    assert!(session["happened"]["events"].as_array().unwrap().iter().any(|e| e["what"] == "session navigating"));
    let path = journal.to_str().unwrap();
    let (replay, status) = json(&["replay", path, "--verify", "--case", LABELS, "--json"]);
    assert_eq!((status, &replay["is_exact"]), (Some(0), &true.into()), "{replay}");
    assert_eq!(replay["hash"], replay["recorded_hash"]);
    assert_eq!(replay["packets"], session["session"]["packets"]);
    let (contents, _) = json(&["replay", path, "--json"]);
    assert_eq!(contents["records"], replay["records"]);
}

#[test]
fn a_changed_journal_is_reported_and_never_replayed() {
    let (journal, _) = recorded("navigate-damaged");
    let segment =
        std::fs::read_dir(&journal).unwrap().flatten().map(|e| e.path()).find(|p| p.metadata().unwrap().len() > 4096);
    let segment: PathBuf = segment.unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let output = spinenav(&["replay", journal.to_str().unwrap(), "--verify", "--case", LABELS]);
    assert_eq!(output.status.code(), Some(3));
    let name = segment.file_name().unwrap().to_string_lossy().into_owned();
    assert!(message(&output).contains(&name), "{}", message(&output));
}

#[test]
fn trackers_that_cannot_be_are_refused_with_the_next_step() {
    let refuse = |tracker: &str| {
        let output = spinenav(&["navigate", "--case", LABELS, "--tracker", tracker, "--view", "none"]);
        assert_eq!(output.status.code(), Some(2), "{tracker}");
        message(&output)
    };
    assert!(refuse("ndi://").contains("ndi://192.168.0.9"));
    assert!(refuse("ndi://127.0.0.1:1").contains("--points"));
    assert!(refuse("serial:").contains("sim://"));
    assert!(refuse("igtl://").contains("igtl://127.0.0.1:18944"));
    assert!(refuse("igtl://127.0.0.1:1").contains("--points"));
    let missing = spinenav(&["navigate", "--case", "no-such-case", "--view", "none"]);
    assert_eq!(missing.status.code(), Some(3));
    assert!(Path::new(LABELS).exists());
}

#[test]
fn a_session_that_goes_on_after_a_restart_shows_no_pose_before_a_landmark_check() {
    let (journal, first) = recorded("navigate-restart");
    assert!(first["happened"]["last"]["tip_mm"].is_array(), "{first}");
    let path = journal.to_str().unwrap();
    let again = |more: &[&str]| {
        let usual =
            ["navigate", "--case", LABELS, "--view", "none", "--seconds", "1", "--journal", path, "--json", "--quiet"];
        let (found, status) = json(&[&usual[..], more].concat());
        assert_eq!(status, Some(0), "{found}");
        found["happened"]["last"].clone()
    };
    // Read back, and registered anew: neither shows a pose.
    for (last, session) in [(again(&["--resume"]), "segmented"), (again(&[]), "started again")] {
        assert!(last["session"].as_str().unwrap().contains(session), "{last}");
        assert_eq!((&last["tip_mm"], &last["state"]), (&serde_json::Value::Null, &"live".into()), "{last}");
        let asked = last["asked"].as_str().unwrap();
        assert!(asked.contains("3 landmarks") && asked.contains("within 2 mm"), "{asked}");
    }
    let (replay, status) = json(&["replay", path, "--verify", "--case", LABELS, "--json"]);
    assert_eq!((status, &replay["is_exact"], &replay["sessions"]), (Some(0), &true.into(), &3.into()), "{replay}");
}

#[test]
fn a_recorded_tracker_plays_as_one() {
    let out = folder("record").join("recording");
    let path = out.to_str().unwrap();
    let (made, status) = json(&["record", "--out", path, "--seconds", "1", "--json", "--quiet"]);
    assert_eq!((status, &made["end"], &made["lost"]), (Some(0), &"time".into(), &0.into()), "{made}");
    assert!(made["packets"].as_u64().unwrap() > 40 && made["bytes"].as_u64().unwrap() > 10_000);
    let again = out.with_file_name("again");
    let tracker = format!("replay://{path}");
    let (played, _) = json(&["record", "--tracker", &tracker, "--out", again.to_str().unwrap(), "--json", "--quiet"]);
    assert_eq!((&played["end"], &played["packets"]), (&"source-over".into(), &made["packets"]), "{played}");
    let refused = spinenav(&["replay", path, "--verify", "--case", LABELS]);
    assert!(message(&refused).contains("without a case"), "{}", message(&refused));
}
