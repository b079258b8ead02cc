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
fn a_correction_is_followed_written_down_and_replayed_to_the_last_bit() {
    let folder = folder("navigate-alignment");
    let [out, journal, targets] = ["alignment.json", "journal", "targets.json"].map(|name| folder.join(name));
    let aims = r#"{"source": "Dr. Example", "targets": {"cobb_deg": {"high": 200}, "tk_t4_t12_deg": {"low": 300}}}"#;
    std::fs::write(&targets, aims).unwrap();
    let [out, journal, targets] = [&out, &journal, &targets].map(|path| path.to_str().unwrap());
    let arguments = [
        "navigate",
        "--case",
        LABELS,
        "--view",
        "none",
        "--seconds",
        "3",
        "--journal",
        journal,
        "--alignment",
        out,
        "--alignment-target",
        targets,
        "--json",
        "--quiet",
    ];
    let command = std::process::Command::new(env!("CARGO_BIN_EXE_spinenav"))
        .args(arguments)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn();
    let mut child = command.unwrap();
    let mut typed = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut typed, b"bend T99 5\nbend T8 6\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(message(&output).contains("T99"), "a wrong bend is answered in words: {}", message(&output));
    let session: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let (alignment, told) = (&session["alignment"], message(&output));
    let t7 = alignment["levels"].as_array().unwrap().iter().find(|l| l["level"] == "T7");
    let turned = t7.unwrap_or_else(|| panic!("{told}"))["turned_deg"].as_f64().unwrap();
    assert!((turned - 6.0).abs() < 2.0, "{turned}: {told}");
    for row in alignment["parameters"].as_array().unwrap() {
        assert!(row["now"].is_object() || row["reason"].is_string(), "{row}");
        assert!(row["target"].is_null() || row["now"].is_null() || row["to_go"].is_number(), "{row}");
    }
    let written: serde_json::Value = serde_json::from_slice(&std::fs::read(out).unwrap()).unwrap();
    assert_eq!(written["levels"].as_array().unwrap().len(), alignment["levels"].as_array().unwrap().len());
    let (replay, status) = json(&["replay", journal, "--verify", "--case", LABELS, "--json"]);
    assert_eq!((status, replay["alignments"]["exact"].as_u64()), (Some(0), Some(2)), "{replay}");
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
