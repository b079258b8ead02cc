//! The source and the simulator over a socket of this machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::clock::SystemClock;
use engine::fault::phantom::{PhantomTracker, SECOND_REFERENCE};
use engine::track::ndi::{
    Misbehaviour, NdiEnd, NdiSource, NdiSourceSettings, NdiStreamError, SimulatedPort, Simulator, SimulatorSettings,
};
use engine::track::{Role, Source, ToolId, ToolNames, TrackerPacket};
use geom::Nanoseconds;

/// Longest a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

fn simulator(misbehaviour: Misbehaviour) -> Simulator {
    let roles = [Role::Reference, Role::Tool(ToolId(1)), Role::Tool(ToolId(2)), Role::Tool(SECOND_REFERENCE)];
    let port = |(handle, role): (u8, Role)| {
        let id = if handle < 3 { format!("870033{handle}") } else { "8700350".into() };
        SimulatedPort { handle, role, id, serial: format!("3A00000{handle}") }
    };
    let ports = (1..).zip(roles).map(port).collect();
    let source = Arc::new(|| Box::new(PhantomTracker::new(1)) as Box<dyn Source>);
    Simulator::start(SimulatorSettings { address: "127.0.0.1:0".into(), ports, source, misbehaviour }).unwrap()
}

fn tracker(simulator: &Simulator, names: ToolNames) -> NdiSource {
    let mut settings = NdiSourceSettings::new(simulator.address().to_string(), names);
    (settings.silence, settings.pause) = (Duration::from_millis(300), Duration::from_millis(10));
    NdiSource::start(settings, Arc::new(SystemClock::default())).unwrap()
}

fn names() -> ToolNames {
    ToolNames::new(Some("8700331"), &[("8700332", ToolId(1)), ("8700350/3A000003", ToolId(2))]).unwrap()
}

/// Polls until `is_enough`; panics when that never comes.
fn poll_until(source: &mut NdiSource, mut is_enough: impl FnMut(&NdiSource, Option<TrackerPacket>) -> bool) {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        let packet = source.poll(Nanoseconds(0));
        if is_enough(source, packet) {
            return;
        }
    }
    panic!("nothing came; the last connection ended: {:?}", source.last_end());
}

fn packets(source: &mut NdiSource, count: usize) -> Vec<TrackerPacket> {
    let mut found = Vec::new();
    poll_until(source, |_, packet| {
        found.extend(packet);
        found.len() >= count
    });
    found
}

#[test]
fn poses_come_through_with_their_times_and_tools() {
    let simulator = simulator(Misbehaviour::None);
    let found = packets(&mut tracker(&simulator, names()), 30);
    let mut truth = PhantomTracker::new(1);
    for packet in &found {
        let sent = truth.poll(Nanoseconds(u64::MAX)).unwrap();
        assert_eq!(packet.sequence, sent.sequence);
        assert_eq!(packet.source_time.0, sent.source_time.0 + 3_600_000_000_000, "the tracker's own clock");
        let [is, was] = [packet, &sent].map(|p| p.tracker_from_patient.unwrap());
        // Single precision at 1.4 m.
        assert!((is.translation() - was.translation()).norm() < 1e-3);
        assert!(is.rotation().angle_to(&was.rotation()) < 1e-5);
        for id in [1, 2] {
            let [is, was] = [packet, &sent].map(|p| p.tool(ToolId(id)).unwrap().translation());
            assert!((is - was).norm() < 1e-3);
        }
        // The fourth tool is nobody's.
        assert_eq!(packet.tools.len(), 2);
    }
    assert!(found.windows(2).all(|pair| pair[0].arrival_time <= pair[1].arrival_time));
}

#[test]
fn a_connection_that_is_closed_hangs_or_brings_wrong_bytes_is_made_again() {
    type IsEnd = fn(&NdiEnd) -> bool;
    let cases: [(Misbehaviour, IsEnd); 3] = [
        (Misbehaviour::CloseAfter(5), |end| matches!(end, NdiEnd::Closed | NdiEnd::Io(_))),
        (Misbehaviour::HangAfter(5), |end| matches!(end, NdiEnd::Silent(..))),
        (Misbehaviour::SpoilFrame(5), |end| matches!(end, NdiEnd::Stream(NdiStreamError::Checksum { .. }))),
    ];
    for (misbehaviour, is_end) in cases {
        let simulator = simulator(misbehaviour);
        let mut source = tracker(&simulator, names());
        poll_until(&mut source, |source, _| source.last_end().is_some());
        assert!(is_end(source.last_end().unwrap()), "{misbehaviour:?}: {:?}", source.last_end());
        let before = source.counts().messages.get();
        poll_until(&mut source, |source, packet| packet.is_some() && source.counts().messages.get() > before + 3);
        assert_eq!(source.counts().connections.get(), 2);
    }
}

#[test]
fn a_tracker_that_refuses_or_lacks_the_tools_says_so() {
    let refusing = simulator(Misbehaviour::RefuseStart(0x0a));
    let mut source = tracker(&refusing, names());
    poll_until(&mut source, |source, _| source.last_end().is_some());
    let said = source.last_end().unwrap().to_string();
    assert!(said.contains("TSTART") && said.contains("no tool is enabled"), "{said}");

    let simulator = simulator(Misbehaviour::None);
    let mut source = tracker(&simulator, ToolNames::new(Some("ReferenceToTracker"), &[]).unwrap());
    poll_until(&mut source, |source, _| source.last_end().is_some());
    let said = source.last_end().unwrap().to_string();
    assert!(said.contains("8700331/3A000001") && said.contains("--reference"), "{said}");

    let mut source = tracker(&simulator, ToolNames::new(Some("8700350"), &[]).unwrap());
    poll_until(&mut source, |source, _| source.last_end().is_some());
    assert!(source.last_end().unwrap().to_string().contains("8700350/SERIAL"));
}
