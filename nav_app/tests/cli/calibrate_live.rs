//! Guided calibration from a live tracker, over a real socket: what is told,
//! how it ends, and what is left when the tracker's program goes away.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use engine::track::openigtlink::{Name, Server, ServerSettings, Stamp, Timestamp};
use geom::nalgebra::{UnitQuaternion, Vector3};
use geom::{Nanoseconds, Tool, Tracker, Transform};

use crate::{folder, message, spinenav};

/// A tracker's program with a tool that moves.
pub struct Sender {
    server: Option<Server>,
    address: SocketAddr,
    is_stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<Server>>,
}

impl Sender {
    /// Sends `device` with a stylus that goes round in its divot.
    fn start(port: u16, device: &'static str, largest_deg: f64) -> Self {
        Self::moving(port, device, move |seconds| pose(seconds, largest_deg))
    }

    /// Sends `device` from now on, by 150 poses a second; its pose by the seconds since.
    pub fn moving(
        port: u16,
        device: &'static str,
        pose: impl Fn(f64) -> Transform<Tracker, Tool> + Send + 'static,
    ) -> Self {
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let settings = ServerSettings { bind, ..ServerSettings::default() };
        let server = Server::bind(settings, Box::new(|_, _| {})).unwrap();
        let address = server.local_addr();
        let is_stopping = Arc::new(AtomicBool::new(false));
        let stopping = is_stopping.clone();
        let thread = std::thread::spawn(move || {
            let began = Instant::now();
            while !stopping.load(Ordering::Relaxed) {
                let time = began.elapsed();
                let stamp = Stamp {
                    device: Name::new(device).unwrap(),
                    time: Timestamp::from_nanoseconds(Nanoseconds(time.as_nanos() as u64 + 1)),
                };
                let pose = pose(time.as_secs_f64());
                server.send(|encoder| encoder.transform(&stamp, &pose));
                std::thread::sleep(Duration::from_millis(6));
            }
            server
        });
        Self { server: None, address, is_stopping, thread: Some(thread) }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The program ends, its connections with it.
    pub fn stop(mut self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        self.server = self.thread.take().map(|thread| thread.join().unwrap());
    }
}

/// The stylus after `seconds`: once round in 1.3 s, in and out.
pub fn pose(seconds: f64, largest_deg: f64) -> Transform<Tracker, Tool> {
    let (tip, divot) = (Vector3::new(0.0, 0.0, -150.0), Vector3::new(40.0, -25.0, -1100.0));
    let azimuth = seconds / 1.3 * std::f64::consts::TAU;
    let tilt = (largest_deg * (0.75 + 0.25 * (seconds * 5.0).sin())).to_radians();
    let turn = UnitQuaternion::from_scaled_axis(Vector3::new(-azimuth.sin(), azimuth.cos(), 0.0) * tilt);
    let turn = turn * UnitQuaternion::from_scaled_axis(Vector3::z() * (0.7 * seconds).sin());
    // A little noise, other from pose to pose.
    let noise = Vector3::new((seconds * 977.0).sin(), (seconds * 1531.0).sin(), (seconds * 2203.0).sin()) * 0.1;
    Transform::new(turn, divot - turn * tip + noise)
}

fn calibrate(port: u16, more: &[&str]) -> std::process::Output {
    let address = format!("igtl://127.0.0.1:{port}");
    spinenav(&[&["calibrate", "pivot", &address, "--tool", "Stylus", "--axes", "LPS", "--json"], more].concat())
}

#[test]
fn a_guided_pivot_survives_a_tracker_that_goes_away_and_ends_by_itself_when_accepted() {
    let first = Sender::start(0, "Stylus", 28.0);
    let port = first.port();
    let tip = folder("calibrate-guided").join("tip.txt");
    let file = tip.display().to_string();
    let user = std::thread::spawn(move || calibrate(port, &["--until-accepted", "60", "--out", &file]));
    std::thread::sleep(Duration::from_millis(900));
    first.stop();
    std::thread::sleep(Duration::from_millis(2200));
    let second = Sender::start(port, "Stylus", 28.0);
    let output = user.join().unwrap();
    second.stop();
    let told = message(&output);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), found["verdict"].as_str()), (Some(0), Some("accept")), "{told}{found}");
    assert!((found["tip_mm"][2].as_f64().unwrap() + 150.0).abs() < 0.3, "{found}");
    assert!(told.contains("The tracker sends nothing"), "{told}");
    assert!(told.contains("s left") && told.contains("taken") && told.contains("Done. Take the tool out"), "{told}");
    assert!(tip.exists());
}

#[test]
fn a_tracker_that_never_comes_back_leaves_a_result_or_a_reason_and_an_end() {
    // Hardly tilted, then gone.
    let sender = Sender::start(0, "Stylus", 4.0);
    let port = sender.port();
    let user = std::thread::spawn(move || calibrate(port, &["--until-accepted", "3"]));
    std::thread::sleep(Duration::from_millis(1200));
    sender.stop();
    let output = user.join().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", message(&output));
    let told = message(&output);
    assert!(told.contains("Time is up") && told.contains("Tilt the handle "), "{told}");
    // Nobody there at all.
    let output = calibrate(port, &["--until-accepted", "1"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(message(&output).contains("is the server running"), "{}", message(&output));
}

#[test]
fn two_live_devices_are_read_at_once() {
    let (first, second) = (Sender::start(0, "Array", 28.0), Sender::start(0, "Headset", 28.0));
    let of = |sender: &Sender| format!("igtl://127.0.0.1:{}", sender.port());
    let seconds = ["--tool", "Array", "--second-tool", "Headset", "--seconds", "2.5", "--json"];
    let output = spinenav(&[&["calibrate", "hand-eye", &of(&first), &of(&second)], &seconds[..]].concat());
    first.stop();
    second.stop();
    let told = message(&output);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    assert!(found["pairs"].as_u64().is_some_and(|pairs| pairs > 50), "{told}{found}");
    assert!(told.contains("s left") && told.contains("span "), "{told}");
    let mixed = spinenav(&["calibrate", "hand-eye", "igtl://127.0.0.1:1", "b.csv"]);
    assert!(message(&mixed).contains("one device is live"), "{}", message(&mixed));
}

#[test]
fn what_cannot_be_guided_is_refused() {
    let window = spinenav(&["calibrate", "pivot", "poses.csv", "--window"]);
    assert_eq!(window.status.code(), Some(2));
    assert!(message(&window).contains("live tracker"), "{}", message(&window));
    let axes = spinenav(&["calibrate", "pivot", "poses.csv", "--axes", "XYZ"]);
    assert!(axes.status.code() == Some(2) && message(&axes).contains("such as LPS"), "{}", message(&axes));
}
