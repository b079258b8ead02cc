//! SpineNav as one side of the comparison: the whole live session between an
//! OpenIGTLink tracker and an OpenIGTLink client.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use engine::clock::SystemClock;
use engine::rt::{LiveSession, LiveSettings, Snapshot};
use engine::track::openigtlink::{
    IgtlSource, IgtlSourceSettings, Name, Request, Server, ServerSettings, Stamp, Timestamp,
};
use geom::{Ct, Patient, Transform};

use super::super::engine_side;
use super::super::sender::name;
use crate::cli::LatencyRelayArguments;
use crate::failure::{Blame, Failure};
use crate::report::Output;

/// Runs until the process is killed.
pub fn run(options: &LatencyRelayArguments) -> Result<Output, Failure> {
    relay(options).internal()
}

fn relay(options: &LatencyRelayArguments) -> Result<Output> {
    let clock = Arc::new(SystemClock::default());
    let tracker = SocketAddr::from((Ipv4Addr::LOCALHOST, options.tracker_port));
    let (names, tools) = engine_side::names(options.tools)?;
    let mut settings = IgtlSourceSettings::new(tracker.to_string(), names);
    // The others ask for nothing either.
    settings.client.request = Request::Nothing;
    let source = IgtlSource::start(settings, clock.clone()).context("cannot start the connection")?;
    let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = Server::bind(ServerSettings { bind, ..ServerSettings::default() }, Box::new(|_, _| {}))?;
    let guidance = Arc::new(engine_side::guidance(&tools)?);
    // The priority is the one every side is started with.
    let settings = LiveSettings { wake: Some(std::thread::current()), ..LiveSettings::default() };
    let live = LiveSession::start_with(Box::new(source), guidance, clock, settings)?;
    let mut output = std::io::stdout();
    writeln!(output, "{{\"port\": {}}}", server.local_addr().port())?;
    output.flush()?;

    let names: Option<Vec<_>> = (0..=options.tools).map(|tool| Name::<20>::new(&name(tool))).collect();
    let names = names.context("a tool's name is too long")?;
    let snapshots = live.reader();
    let mut last = 0;
    loop {
        if let Some(snapshot) = snapshots.take().filter(|snapshot| snapshot.sequence > last) {
            last = snapshot.sequence;
            send(&server, &names, &snapshot);
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// Every pose that may be shown, in the CT; a tool without one is left out and
/// its packet counts as lost.
fn send(server: &Server, names: &[Name<20>], snapshot: &Snapshot) {
    let time = Timestamp::from_nanoseconds(snapshot.source_time);
    server.send(|encoder| {
        // The reference stands for itself, so that all sides send as many messages.
        let (Some(reference), tools) = (names.first(), names.iter().skip(1)) else { return false };
        let reference = Stamp { device: *reference, time };
        let is_sent = encoder.transform(&reference, &Transform::<Patient, Patient>::identity());
        snapshot.tools.iter().zip(tools).fold(is_sent, |is_sent, (tool, device)| {
            let stamp = Stamp { device: *device, time };
            let pose: Option<Transform<Ct, _>> = tool.ct_from_tip;
            is_sent && pose.is_none_or(|pose| encoder.transform(&stamp, &pose))
        })
    });
}
