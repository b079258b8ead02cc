//! Connections over loopback: asked for, lost, made again, slow, hostile.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::clock::SystemClock;
use engine::track::openigtlink::{
    Client, ClientSettings, Element, Encoder, Freedom, IgtlSource, IgtlSourceSettings, LinkEnd, LinkState, Matrix,
    Message, Name, Reason, Request, Server, ServerSettings, Stamp, Timestamp, Version,
};
use engine::track::{Missing, Source, ToolId, ToolNames, TrackerPacket};
use geom::nalgebra::{UnitQuaternion, Vector3};
use geom::{Nanoseconds, Tool, Tracker, Transform};

use crate::support::golden;

/// Far longer than anything here takes, so that only a hang runs into it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Repeats `step` until it gives something.
fn wait_for<R>(what: &str, mut step: impl FnMut() -> Option<R>) -> R {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(result) = step() {
            return result;
        }
        std::thread::yield_now();
    }
    panic!("waited in vain for {what}");
}

fn server() -> Server {
    let bind = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
    Server::bind(ServerSettings { bind, ..Default::default() }, Box::new(|_, _| {})).unwrap()
}

fn names() -> ToolNames {
    ToolNames::new(Some("Reference"), &[("Stylus", ToolId(3)), ("Probe", ToolId(4))]).unwrap()
}

fn source(address: SocketAddr, request: Option<Request>) -> IgtlSource {
    let mut settings = IgtlSourceSettings::new(address.to_string(), names());
    settings.client.pause = Duration::from_millis(5);
    settings.client.request = request.unwrap_or(settings.client.request);
    IgtlSource::start(settings, Arc::new(SystemClock::default())).unwrap()
}

fn stamp(ns: u64) -> Stamp {
    Stamp { device: Name::new("Tracker").unwrap(), time: Timestamp::from_nanoseconds(Nanoseconds(ns)) }
}

fn pose(x: f64) -> Transform<Tracker, Tool> {
    Transform::new(UnitQuaternion::identity(), Vector3::new(x, 0.0, 0.0))
}

fn next_packet(source: &mut IgtlSource) -> TrackerPacket {
    wait_for("a packet", || source.poll(Nanoseconds(0)))
}

#[test]
fn tools_asked_for_arrive_with_both_stamps() {
    let server = server();
    let mut source = source(server.local_addr(), None);
    let tools = [("Reference", 1.0), ("Stylus", 2.0), ("Unknown", 9.0)].map(|(n, x)| (Name::new(n).unwrap(), pose(x)));
    let mut sent = 0;
    let packet = wait_for("tracking data", || {
        sent += 1_000_000;
        server.send_tracking(&stamp(sent), &tools);
        source.poll(Nanoseconds(0))
    });
    assert_eq!(packet.tracker_from_patient.unwrap().translation().x, 1.0);
    assert_eq!(packet.tool(ToolId(3)).unwrap().translation().x, 2.0);
    assert_eq!(packet.tool(ToolId(4)), Err(Missing::NotReported));
    assert_eq!(packet.tools.len(), 1, "names nobody asked for are left out");
    assert!(packet.source_time.0 <= sent && packet.source_time.0 % 1_000_000 == 0);
    assert!(packet.arrival_time.0 > 0 && packet.decoded_time.0 >= packet.arrival_time.0);
}

/// A peer of the test's own making: accepts and hands over the connection.
fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[test]
fn transforms_of_one_instant_become_one_packet_and_bad_ones_are_counted() {
    let (listener, address) = listener();
    let mut source = source(address, Some(Request::Nothing));
    let mut peer = listener.accept().unwrap().0;
    let mut encoder = Encoder::new(Version::V2);
    let mut send = |device: &str, ns: u64, x: f64, metadata: &[(&str, &str)]| {
        let at = Stamp { device: Name::new(device).unwrap(), ..stamp(ns) };
        encoder.message_with_metadata(&at, &Message::Transform((&pose(x)).into()), metadata);
        std::mem::replace(&mut encoder, Encoder::new(Version::V2)).bytes().to_vec()
    };
    let mut bytes = send("Reference", 5_000_000, 1.0, &[("Status", "OK")]);
    bytes.extend(send("Stylus", 5_100_000, 2.0, &[]));
    bytes.extend(send("Probe", 5_200_000, f64::NAN, &[]));
    bytes.extend(send("Reference", 25_000_000, 4.0, &[]));
    bytes.extend(send("Stylus", 25_000_000, 5.0, &[("Status", "MISSING")]));
    peer.write_all(&bytes).unwrap();
    let first = next_packet(&mut source);
    assert_eq!((first.sequence, first.source_time), (1, Nanoseconds(5_000_000)));
    assert!(first.tracker_from_patient.is_ok() && first.tool(ToolId(3)).is_ok());
    assert_eq!(first.tool(ToolId(4)), Err(Missing::Refused));
    assert_eq!(source.counts().refused(Reason::NotFinite).get(), 1);
    let second = next_packet(&mut source);
    assert_eq!((second.sequence, second.source_time), (2, Nanoseconds(25_000_000)));
    assert_eq!(second.tool(ToolId(3)), Err(Missing::Occluded), "marked by its sender");
    assert_eq!(second.tool(ToolId(4)), Err(Missing::NotReported));
}

#[test]
fn transforms_of_different_instants_are_never_one_packet() {
    let (listener, address) = listener();
    let mut source = source(address, Some(Request::Nothing));
    let mut peer = listener.accept().unwrap().0;
    let mut encoder = Encoder::new(Version::V1);
    for (device, ns) in [("Reference", 5_000_000), ("Stylus", 25_000_000), ("Probe", 45_000_000)] {
        encoder.transform(&Stamp { device: Name::new(device).unwrap(), ..stamp(ns) }, &pose(1.0));
    }
    peer.write_all(encoder.bytes()).unwrap();
    // The last one waits for others, and goes out alone when none come.
    let times = [(); 3].map(|()| next_packet(&mut source).source_time.0);
    assert_eq!(times, [5_000_000, 25_000_000, 45_000_000]);
}

#[test]
fn after_a_stall_the_newest_packets_come_and_the_lost_ones_are_counted() {
    let (listener, address) = listener();
    let mut source = source(address, Some(Request::Nothing));
    let mut peer = listener.accept().unwrap().0;
    wait_for("the connection", || {
        source.poll(Nanoseconds(0));
        (source.counts().connections.get() == 1).then_some(())
    });
    let mut encoder = Encoder::new(Version::V1);
    for i in 1..=40 {
        let element = Element {
            name: Name::new("Stylus").unwrap(),
            freedom: Freedom::SIX,
            reserved: 0,
            pose: Matrix::from(&pose(1.0)),
        };
        encoder.tracking(&stamp(i * 4_000_000), [element]);
    }
    peer.write_all(encoder.bytes()).unwrap();
    let mut received = Vec::new();
    while received.last() != Some(&160_000_000) {
        received.push(next_packet(&mut source).source_time.0);
    }
    let lost = source.counts().replaced.get();
    assert!(lost > 0 && received.len() as u64 + lost == 40, "{} received, {lost} lost", received.len());
    assert!(received.is_sorted());
}

#[test]
fn a_client_answers_in_the_version_of_the_question() {
    let (listener, address) = listener();
    let mut source = source(address, Some(Request::Nothing));
    let mut peer = listener.accept().unwrap().0;
    for version in [Version::V2, Version::V1, Version::V3] {
        let mut encoder = Encoder::new(version);
        encoder.message(&stamp(1), &Message::GetCapability);
        peer.write_all(encoder.bytes()).unwrap();
        peer.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let mut answer = [0; 4096];
        let length = wait_for("an answer", || {
            source.poll(Nanoseconds(0));
            peer.read(&mut answer).ok()
        });
        assert!(length > 58, "{length}");
        assert_eq!((u16::from(answer[1]), &answer[2..12]), (version.number(), &b"CAPABILITY"[..]));
    }
}

#[test]
fn a_lost_connection_is_made_again() {
    let (listener, address) = listener();
    let mut source = source(address, Some(Request::Nothing));
    for round in 1..=3 {
        let mut peer = listener.accept().unwrap().0;
        peer.write_all(&golden("TDATA")).unwrap();
        let packet = next_packet(&mut source);
        assert_eq!(packet.sequence, round, "the count goes on over connections");
        drop(peer);
        wait_for("the end", || {
            source.poll(Nanoseconds(0));
            source.last_end().is_some().then_some(())
        });
    }
    assert!(matches!(source.last_end(), Some(LinkEnd::Closed)));
}

#[test]
fn garbage_ends_the_connection_with_a_reason_and_no_pose() {
    let (listener, address) = listener();
    let mut source = source(address, Some(Request::Nothing));
    let mut peer = listener.accept().unwrap().0;
    peer.write_all(&[0xff; 100]).unwrap();
    peer.write_all(&golden("TDATA")).unwrap();
    wait_for("the end", || {
        assert!(source.poll(Nanoseconds(0)).is_none());
        source.last_end().is_some().then_some(())
    });
    assert!(matches!(source.last_end(), Some(LinkEnd::Stream(_))), "{:?}", source.last_end());
    assert_eq!(source.counts().broken_streams.get(), 1);
}

#[test]
fn a_silent_peer_is_asked_and_then_given_up() {
    let (listener, address) = listener();
    let mut settings = ClientSettings::new(address.to_string());
    settings.request = Request::Nothing;
    settings.silence = Duration::from_millis(30);
    let mut client = Client::start(settings, Arc::new(SystemClock::default())).unwrap();
    let mut peer = listener.accept().unwrap().0;
    wait_for("giving up", || {
        client.receive(|_| panic!("nothing was sent"));
        matches!(client.last_end(), Some(LinkEnd::Silent(_))).then_some(())
    });
    let mut question = [0; 58];
    peer.read_exact(&mut question).unwrap();
    assert_eq!(&question[2..12], b"GET_STATUS");
    assert_eq!(client.counts().silent_peers.get(), 1);
}

#[test]
fn answers_come_in_the_version_of_the_question() {
    let server = server();
    for (version, length) in [(1u8, 58 + 31), (2, 58 + 12 + 31 + 2), (3, 58 + 12 + 31 + 2)] {
        let mut question = golden("GET_STATUS");
        if version > 1 {
            let mut encoder = Encoder::new(if version == 2 { Version::V2 } else { Version::V3 });
            encoder.message(&stamp(1), &Message::GetStatus);
            question = encoder.bytes().to_vec();
        }
        let mut peer = TcpStream::connect(server.local_addr()).unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        peer.write_all(&question).unwrap();
        let mut answer = vec![0; length];
        peer.read_exact(&mut answer).unwrap();
        assert_eq!((answer[1], &answer[2..8]), (version, &b"STATUS"[..]));
    }
}

#[test]
fn a_client_that_does_not_read_loses_messages_and_delays_nobody() {
    let server = server();
    let idle = TcpStream::connect(server.local_addr()).unwrap();
    let mut client = {
        let mut settings = ClientSettings::new(server.local_addr().to_string());
        settings.limits = Default::default();
        settings.request = Request::Nothing;
        Client::start(settings, Arc::new(SystemClock::default())).unwrap()
    };
    let points = vec![[0.5f32; 3]; 20_000];
    let mut received = 0;
    wait_for("two clients", || {
        client.receive(|_| {});
        (server.clients() == 2).then_some(())
    });
    // 240 kB each: a socket's buffers are full after a few dozen.
    wait_for("messages lost by one and received by the other", || {
        server.send(|encoder| encoder.mesh(&stamp(1), &points, &[]));
        let before = received;
        let start = Instant::now();
        while received == before && start.elapsed() < PATIENCE {
            client.receive(|_| received += 1);
        }
        (received > 100 && server.counts().replaced.get() > 0).then_some(())
    });
    drop(idle);
}

#[test]
fn strangers_and_crowds_are_turned_away() {
    let bind = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
    let far = Ipv4Addr::new(192, 0, 2, 1).into();
    let strict = ServerSettings { bind, allow: vec![far], ..Default::default() };
    let small = ServerSettings { bind, clients: 1, ..Default::default() };
    for (settings, welcome) in [(strict, 0), (small, 1)] {
        let server = Server::bind(settings, Box::new(|_, _| {})).unwrap();
        let peers: Vec<_> = (0..3).map(|_| TcpStream::connect(server.local_addr()).unwrap()).collect();
        wait_for("three decisions", || {
            let counts = server.counts();
            (counts.turned_away.get() + counts.connections.get() == 3).then_some(())
        });
        assert_eq!(server.counts().connections.get(), welcome);
        drop(peers);
    }
    assert!(ServerSettings::default().bind.ip().is_loopback(), "nobody outside unless told");
}

#[test]
fn tracking_stops_when_told_and_keeps_the_rate_asked_for() {
    let server = server();
    let mut settings = ClientSettings::new(server.local_addr().to_string());
    settings.request = Request::Nothing;
    let mut client = Client::start(settings, Arc::new(SystemClock::default())).unwrap();
    wait_for("a connection", || {
        (client.receive(|_| {}) == LinkState::Connected && server.clients() == 1).then_some(())
    });
    let reply = |client: &mut Client, message: Message<'static>| {
        assert!(client.send(|encoder| encoder.message(&stamp(1), &message)));
        wait_for("the reply", || {
            let mut is_granted = None;
            client.receive(|arrived| {
                if arrived.decoded.message == Message::ReplyTrackingData(0) {
                    is_granted = Some(());
                }
            });
            is_granted
        });
    };
    let start = engine::track::openigtlink::StartTracking { interval_ms: 10, coordinate: Name::new("").unwrap() };
    reply(&mut client, Message::StartTrackingData(start));
    let tools = [(Name::new("Stylus").unwrap(), pose(1.0))];
    let times = |client: &mut Client| {
        let mut times = Vec::new();
        client.send(|encoder| encoder.message(&stamp(1), &Message::GetStatus));
        wait_for("the status behind the poses", || {
            let mut is_over = None;
            client.receive(|arrived| match arrived.decoded.message {
                Message::TrackingData(_) => times.push(arrived.header.time.nanoseconds().0 / 1_000_000),
                Message::Status(_) => is_over = Some(()),
                _ => {}
            });
            is_over
        });
        times
    };
    // 4 ms apart, no more often than every 10 ms.
    (1..=10).for_each(|i| server.send_tracking(&stamp(i * 4_000_000), &tools));
    assert_eq!(times(&mut client), [4, 16, 28, 40]);
    reply(&mut client, Message::StopTrackingData);
    server.send_tracking(&stamp(900_000_000), &tools);
    assert!(times(&mut client).is_empty());
}
