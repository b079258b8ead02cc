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
    assert!(refuse("ndi://10.0.0.1").contains("PlusServer"));
    assert!(refuse("serial:").contains("sim://"));
    assert!(refuse("igtl://").contains("igtl://127.0.0.1:18944"));
    assert!(refuse("igtl://127.0.0.1:1").contains("--points"));
    let missing = spinenav(&["navigate", "--case", "no-such-case", "--view", "none"]);
    assert_eq!(missing.status.code(), Some(3));
    assert!(Path::new(LABELS).exists());
}
