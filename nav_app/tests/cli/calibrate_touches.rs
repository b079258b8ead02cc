//! Known points touched with a live tool, a tool turned about its shaft, and a
//! recording that is ended by Ctrl-C: over real sockets and signals.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};

use geom::nalgebra::{UnitQuaternion, Vector3};
use geom::{Tool, Tracker, Transform};

use crate::calibrate_live::{Sender, pose};
use crate::{folder, message, spinenav};

/// The phantom's points, mm; no two distances are alike.
const POINTS: [[f64; 3]; 6] =
    [[0., 0., 0.], [60., 0., 0.], [0., 50., 20.], [70., 60., 0.], [30., 20., 45.], [95., 30., 30.]];
const GEOMETRY: &str = "# x y z\n0 0 0\n60 0 0\n0 50 20\n70 60 0\n30 20 45\n95 30 30\n";
/// Time on the way to a point and on it, s.
const WAY_S: f64 = 0.6;
const REST_S: f64 = 2.0;

/// A hand that touches all points one after the other, again and again, the tool
/// tilted otherwise at each.
fn touching(seconds: f64) -> Transform<Tracker, Tool> {
    let round = WAY_S + REST_S;
    let step = (seconds / round) as usize;
    let on_way = (seconds - step as f64 * round) / WAY_S;
    let phantom = UnitQuaternion::from_scaled_axis(Vector3::new(0.3, -0.2, 0.9));
    let place = |step: usize| phantom * Vector3::from(POINTS[step % POINTS.len()]) + Vector3::new(20.0, -40.0, -1000.0);
    let tilt = |step: usize| {
        let angle = step as f64 * 2.4;
        UnitQuaternion::from_scaled_axis(Vector3::new(angle.cos(), angle.sin(), 0.3 * angle.sin()) * 0.5)
    };
    let before = step.checked_sub(1).map_or(place(0) + Vector3::new(0.0, 0.0, 80.0), place);
    let (share, lift) = if on_way < 1.0 { (on_way, 30.0 * (on_way * std::f64::consts::PI).sin()) } else { (1.0, 0.0) };
    let at = before.lerp(&place(step), share) + phantom * Vector3::z() * lift;
    let turn = tilt(step);
    let noise = Vector3::new((seconds * 977.0).sin(), (seconds * 1531.0).sin(), (seconds * 2203.0).sin()) * 0.1;
    Transform::new(turn, at - turn * Vector3::new(0.0, 0.0, -150.0) + noise)
}

fn geometry(name: &str) -> String {
    let file = folder(name).join("divots.txt");
    std::fs::write(&file, GEOMETRY).unwrap();
    file.display().to_string()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

#[test]
fn a_live_phantom_test_leads_from_divot_to_divot_and_ends_with_its_report() {
    let sender = Sender::moving(0, "Stylus", touching);
    let (address, geometry) = (format!("igtl://127.0.0.1:{}", sender.port()), geometry("phantom-live"));
    let what = ["calibrate", "phantom", &address, "--tool", "Stylus", "--geometry", &geometry, "--json"];
    let output = spinenav(&[&what[..], &["--tip", "0,0,-150", "--repeats", "1", "--seconds", "90"]].concat());
    sender.stop();
    let (told, found) = (message(&output), json(&output));
    // Six divots of eight, none touched again: doubtful, and said why.
    assert_eq!((output.status.code(), found["verdict"].as_str()), (Some(0), Some("doubtful")), "{told}{found}");
    assert_eq!(found["residuals_mm"].as_array().map(Vec::len), Some(6), "{told}{found}");
    assert!(found["single"]["mean_mm"].as_f64().is_some_and(|mm| mm < 0.2), "{found}");
    for words in ["ouch divot 1", "Hold still on divot", "is taken. Lift the tip", "mean error", "All 6 touches"] {
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[test]
fn a_live_tip_is_found_from_landmarks_one_after_the_other() {
    let sender = Sender::moving(0, "Stylus", touching);
    let (address, geometry) = (format!("igtl://127.0.0.1:{}", sender.port()), geometry("tip-live"));
    let what = ["calibrate", "tip", &address, "--tool", "Stylus", "--geometry", &geometry, "--json"];
    let output = spinenav(&[&what[..], &["--tip", "0.5,-0.5,-150.5", "--seconds", "90"]].concat());
    sender.stop();
    let (told, found) = (message(&output), json(&output));
    assert_eq!((output.status.code(), found["verdict"].as_str()), (Some(0), Some("accept")), "{told}{found}");
    let off: f64 = (0..3).map(|k| (found["tip_mm"][k].as_f64().unwrap() - [0.0, 0.0, -150.0][k]).powi(2)).sum();
    assert!(off.sqrt() < 0.2, "{found}");
    assert!(told.contains("landmark 2, the tool tilted another way"), "{told}");
}

#[test]
fn the_shaft_is_guided_after_the_tip() {
    // Round in the divot, then turned about the shaft in a hole.
    let motion = |seconds: f64| match seconds {
        seconds if seconds < 14.0 => pose(seconds, 28.0),
        _ => {
            let turn = UnitQuaternion::from_scaled_axis(Vector3::z() * (0.9 * ((seconds - 14.0) * 0.8).sin()));
            Transform::new(turn, Vector3::new(40.0, -25.0, -950.0))
        }
    };
    let sender = Sender::moving(0, "Stylus", motion);
    let address = format!("igtl://127.0.0.1:{}", sender.port());
    let what = ["calibrate", "pivot", &address, "--tool", "Stylus", "--spin", &address, "--json"];
    let output = spinenav(&[&what[..], &["--until-accepted", "60"]].concat());
    sender.stop();
    let (told, found) = (message(&output), json(&output));
    assert_eq!((output.status.code(), found["verdict"].as_str()), (Some(0), Some("accept")), "{told}{found}");
    assert!(found["spin"]["turn_deg"].as_f64().is_some_and(|deg| deg >= 88.0), "{found}");
    assert!(found["spin"]["axis"][2].as_f64().is_some_and(|z| z < -0.999), "{found}");
    assert!(told.contains("of 90 deg") && told.contains("The direction of the shaft is known"), "{told}");
}

/// Runs the program until it has said something a few times, then presses Ctrl-C.
#[cfg(unix)]
fn interrupted(arguments: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_spinenav"))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = String::new();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    while told.matches("s left").count() < 4 {
        assert!(lines.read_line(&mut told).unwrap() > 0, "it ended before: {told}");
    }
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
    lines.read_to_string(&mut told).unwrap();
    let output = child.wait_with_output().unwrap();
    Output { stderr: told.into_bytes(), ..output }
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_recording_with_what_there_is() {
    let sender = Sender::moving(0, "Stylus", |seconds| pose(seconds, 28.0));
    let address = format!("igtl://127.0.0.1:{}", sender.port());
    let pivot = interrupted(&["calibrate", "pivot", &address, "--tool", "Stylus", "--seconds", "600", "--json"]);
    let found = json(&pivot);
    assert!(pivot.status.code().is_some(), "ended by the signal: {}", message(&pivot));
    assert!(found["poses"].as_u64().is_some_and(|poses| poses > 100), "{}{found}", message(&pivot));
    let both = ["calibrate", "hand-eye", &address, &address, "--tool", "Stylus", "--seconds", "600", "--json"];
    let hand_eye = interrupted(&both);
    sender.stop();
    assert!(json(&hand_eye)["pairs"].as_u64().is_some_and(|pairs| pairs > 50), "{}", message(&hand_eye));
}

#[test]
fn guides_of_touches_are_for_live_tools_only() {
    let geometry = geometry("touches-refused");
    let window = spinenav(&["calibrate", "phantom", "touches.txt", "--geometry", &geometry, "--window"]);
    assert!(window.status.code() == Some(2) && message(&window).contains("live tracker"), "{}", message(&window));
    let picture = spinenav(&["calibrate", "tip", "a.csv", "--geometry", &geometry, "--picture", "a.png"]);
    assert!(picture.status.code() == Some(2) && message(&picture).contains("live tracker"), "{}", message(&picture));
    let short = folder("touches-short").join("two.txt");
    std::fs::write(&short, "0 0 0\n10 0 0\n").unwrap();
    let short = short.display().to_string();
    let few = spinenav(&["calibrate", "phantom", "igtl://127.0.0.1:1", "--geometry", &short]);
    assert!(few.status.code() == Some(3) && message(&few).contains("at least 4"), "{}", message(&few));
}
