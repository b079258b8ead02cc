//! The program as its user meets it: exit statuses, messages, JSON.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod bad_input;
mod bench;
mod calibrate;
mod calibrate_live;
mod calibrate_touches;
mod dicom;
mod drr;
mod files;
mod measure;
mod models;
mod navigate;
mod plan;
mod register;
mod xray;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs `spinenav` with `arguments`.
pub fn spinenav<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spinenav")).args(arguments).output().unwrap()
}

/// An empty folder of this test's own.
pub fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::remove_dir_all(&path).ok();
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Standard error as text.
pub fn message(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn wrong_use_is_status_2() {
    assert_eq!(spinenav(&["segmint"]).status.code(), Some(2));
    assert_eq!(spinenav(&["register"]).status.code(), Some(2));
    let output = spinenav(&["segment", "x.nii", "--out", "y", "--model", "no-such-model"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(message(&output).contains("compact-spine"), "{}", message(&output));
}

#[test]
fn every_command_has_help_with_an_example() {
    for command in [
        "demo", "segment", "register", "navigate", "replay", "export", "measure", "plan", "xray", "drr", "report",
        "bench", "doctor",
    ] {
        let output = spinenav(&[command, "--help"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains(&format!("spinenav {command}")), "{command}: {text}");
    }
}

#[test]
fn doctor_answers_every_check_with_its_effect() {
    let output = spinenav(&["doctor", "--json"]);
    assert!(output.status.success(), "{}", message(&output));
    let checks: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for check in ["cpu", "cuda", "network", "vulkan", "openxr", "display"] {
        assert!(checks[check]["ok"].is_boolean() && checks[check]["found"].is_string(), "{check}: {checks}");
        assert!(!checks[check]["effect"].as_str().unwrap().is_empty(), "{check}");
    }
}
