//! An engine on a phantom, and processes made of this test binary.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use engine::clock::{Clock, SystemClock};
use engine::fault::phantom::{self, PhantomTracker};
use engine::journal::RecordedRegistration;
use engine::rt::{LiveSession, LiveSettings};
use engine::stream::wire::engine::Offer;
use engine::stream::wire::{EngineAddress, EngineWire, ViewerAddress, ViewerWire};
use engine::stream::{IntentKey, LevelMeshes, LinkView, SessionDescription, ToldAlignment, random_bytes};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// Says to a process of this binary what it is to be, as JSON.
pub const ROLE: &str = "SPINENAV_STREAM_ROLE";

/// A port nobody listens on, on the loopback.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running engine.
pub struct TestEngine {
    pub live: Arc<LiveSession>,
    pub wire: EngineWire,
    pub key: IntentKey,
    /// Number of the alignment that is told.
    pub told: Arc<AtomicU64>,
}

impl TestEngine {
    pub fn start(address: &EngineAddress) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let key = IntentKey::new().unwrap();
        let session = u64::from_le_bytes(random_bytes().unwrap());
        let mut wire = EngineWire::open(address, session, key.clone()).unwrap();
        let settings = LiveSettings { wake: wire.thread(), ..LiveSettings::default() };
        let case = phantom::case().unwrap();
        let registration = RecordedRegistration::from(&phantom::registration().unwrap());
        let source = Box::new(PhantomTracker::new(1));
        let guidance = phantom::guidance().unwrap();
        let live = Arc::new(LiveSession::start_with(source, guidance, clock.clone(), settings).unwrap());
        let meshes = LevelMeshes::new(&case);
        let description =
            SessionDescription::new(session, "phantom".into(), &case, &meshes, &registration, &phantom::tools());
        let told = Arc::new(AtomicU64::new(1));
        let number = told.clone();
        let newest = move || ToldAlignment { number: number.load(Ordering::Relaxed), ..ToldAlignment::default() };
        let alignment: Option<Box<dyn Fn() -> ToldAlignment + Send + Sync>> = Some(Box::new(newest));
        let telling = live.clone();
        let tell = Box::new(move |intent| telling.tell(intent));
        wire.offer(Offer { description, meshes, snapshots: live.reader(), alignment, tell }, clock).unwrap();
        Self { live, wire, key, told }
    }
}

pub fn listening(port: u16) -> EngineAddress {
    EngineAddress { listen: vec![format!("tcp/127.0.0.1:{port}")], ..EngineAddress::default() }
}

pub fn connecting(port: u16) -> ViewerAddress {
    ViewerAddress { connect: vec![format!("tcp/127.0.0.1:{port}")], ..ViewerAddress::default() }
}

pub fn viewer(port: u16) -> ViewerWire {
    ViewerWire::open(&connecting(port), Arc::new(SystemClock::default()), None).unwrap()
}

/// Waits until `what` holds.
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "it never came: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The first view for which `holds` is true.
pub fn view_until(viewer: &ViewerWire, what: &str, holds: impl Fn(&LinkView) -> bool) -> LinkView {
    let began = Instant::now();
    loop {
        let view = viewer.view();
        if holds(&view) {
            return view;
        }
        assert!(began.elapsed() < PATIENCE, "it never came: {what}; {view:?}, {:?}", viewer.counts());
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// This binary as another process that runs one of its tests.
pub fn process_of(test: &str, role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(ROLE, role);
    command.stderr(Stdio::null());
    command
}

/// A child that is killed when it is dropped.
pub struct Running(pub Child);

impl Running {
    /// Starts a process and waits until it has printed `word`.
    pub fn start(mut command: Command, word: &str) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let running = Self(child);
        while !lines.next().unwrap().unwrap().contains(word) {}
        // Keep the pipe open: a process that cannot print would end.
        std::thread::spawn(move || lines.for_each(drop));
        running
    }

    pub fn signal(&self, name: &str) {
        let done = Command::new("kill").args([format!("-{name}"), self.0.id().to_string()]).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A folder of its own, removed when dropped.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("spinenav-stream-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}
