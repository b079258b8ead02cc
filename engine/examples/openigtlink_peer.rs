//! A peer to try other OpenIGTLink programs against, used by
//! `.ci/openigtlink_peer.sh`.
//!
//! ```text
//! openigtlink_peer serve KIND            sends KIND to whoever connects, until killed
//! openigtlink_peer receive ADDRESS KIND  prints the first KIND that comes
//! ```
//!
//! KIND is TRANSFORM, TDATA, QTDATA, IMAGE, POLYDATA, POINT or STRING. Prints one
//! JSON object a line; geometry in LPS mm.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::clock::SystemClock;
use engine::track::openigtlink::{
    Client, ClientSettings, Decoded, Encoder, Header, Image, Kind, Limits, Matrix, Message, Name, NamedPoint, Request,
    Scalar, Server, ServerSettings, Stamp, StartTracking, Text, Timestamp, US_ASCII,
};
use geom::nalgebra::{UnitQuaternion, Vector3};
use geom::{Nanoseconds, Tool, Tracker, Transform};
use serde_json::{Value, json};

/// Longest wait for a message.
const PATIENCE: Duration = Duration::from_secs(15);

/// Time between two messages sent.
const INTERVAL: Duration = Duration::from_millis(20);

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve", kind] => serve(kind),
        ["receive", address, kind] => receive(address, kind),
        _ => Err("openigtlink_peer serve KIND | receive ADDRESS KIND".into()),
    }
}

/// A quarter turn about z, and a translation of different coordinates.
fn pose() -> Transform<Tracker, Tool> {
    let turn = UnitQuaternion::from_scaled_axis(Vector3::z() * std::f64::consts::FRAC_PI_2);
    Transform::new(turn, Vector3::new(1.5, -2.25, 3.125))
}

fn name<const N: usize>(text: &str) -> Outcome<Name<N>> {
    Name::new(text).ok_or_else(|| format!("{text} is too long").into())
}

fn serve(kind: &str) -> Outcome<()> {
    let settings = ServerSettings { bind: "127.0.0.1:0".parse()?, ..Default::default() };
    let server = Server::bind(settings, Box::new(|_, _| {}))?;
    println!("{}", json!({ "port": server.local_addr().port() }));
    let tools = [(name("Reference")?, Transform::identity()), (name("Stylus")?, pose())];
    let point = NamedPoint {
        name: name("L1-tip")?,
        group: name("GROUP_0")?,
        rgba: [255, 0, 0, 255],
        position: [1.0, 2.0, 3.0],
        diameter: 1.5,
        owner: name("CT")?,
    };
    let voxels: Vec<u8> = (0..24i16).flat_map(i16::to_le_bytes).collect();
    let device = name("SpineNav")?;
    let start = Instant::now();
    loop {
        let time = Timestamp::from_nanoseconds(Nanoseconds(u64::try_from(start.elapsed().as_nanos())?));
        let stamp = Stamp { device, time };
        match kind {
            "TDATA" | "QTDATA" => server.send_tracking(&stamp, &tools),
            _ => server.send(|encoder| write(kind, encoder, &stamp, &point, &voxels)),
        }
        std::thread::sleep(INTERVAL);
    }
}

fn write(kind: &str, encoder: &mut Encoder, stamp: &Stamp, point: &NamedPoint, voxels: &[u8]) -> bool {
    let corners = [[0.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]];
    let image = Image {
        version: 1,
        components: 1,
        scalar: Scalar::I16,
        is_little_endian: true,
        is_ras: true,
        size: [4, 3, 2],
        matrix: Matrix([0.5, 0.0, 0.0, 0.0, 0.75, 0.0, 0.0, 0.0, 2.5, 10.0, 20.0, 30.0]),
        part_start: [0; 3],
        part_size: [4, 3, 2],
        voxels,
    };
    match kind {
        "TRANSFORM" => encoder.transform(stamp, &pose()),
        "POINT" => encoder.points(stamp, [point]),
        "STRING" => encoder.message(stamp, &Message::String(Text { encoding: US_ASCII, bytes: b"hello" })),
        "IMAGE" => encoder.message(stamp, &Message::Image(image)),
        "POLYDATA" => encoder.mesh(stamp, &corners, &[[0, 1, 2], [0, 1, 3]]),
        _ => false,
    }
}

fn receive(address: &str, kind: &str) -> Outcome<()> {
    let wanted = Kind::from_wire(&name(kind)?);
    let every = StartTracking { interval_ms: 20, coordinate: name("")? };
    let mut settings = ClientSettings::new(address);
    settings.limits = Limits::default();
    settings.request = match wanted {
        Kind::TrackingData => Request::Matrices(every),
        Kind::QuaternionTrackingData => Request::Quaternions(every),
        _ => Request::Nothing,
    };
    let mut client = Client::start(settings, Arc::new(SystemClock::default()))?;
    let (start, mut found) = (Instant::now(), None);
    while found.is_none() && start.elapsed() < PATIENCE {
        client.receive(|arrived| {
            if arrived.header.kind() == wanted && found.is_none() {
                found = Some(describe(&arrived.header, &arrived.decoded));
            }
        });
    }
    if matches!(wanted, Kind::TrackingData) {
        let stamp = Stamp { device: name("")?, time: Timestamp::UNSET };
        client.send(|encoder| encoder.message(&stamp, &Message::StopTrackingData));
    }
    let found = found.ok_or_else(|| format!("no {kind} from {address}; last end: {:?}", client.last_end()))?;
    println!("{found}");
    Ok(())
}

fn rounded(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    // Adding zero makes of -0 a 0.
    values.into_iter().map(|v| (v * 1e3).round() / 1e3 + 0.0).collect()
}

fn describe(header: &Header, decoded: &Decoded<'_>) -> Value {
    let content = match &decoded.message {
        Message::Transform(matrix) => json!(matrix.rigid::<Tracker, Tool>().ok().map(|p| rounded(p.to_row_major()))),
        Message::TrackingData(tools) => tools
            .iter()
            .map(|t| json!([t.name.to_string(), t.rigid::<Tracker, Tool>().ok().map(|p| rounded(p.to_row_major()))]))
            .collect(),
        Message::QuaternionTrackingData(tools) => tools
            .iter()
            .map(|t| json!([t.name.to_string(), t.rigid::<Tracker, Tool>().ok().map(|p| rounded(p.to_row_major()))]))
            .collect(),
        Message::Image(image) => json!({
            "size": image.size,
            "bytes": image.voxels.len(),
            "second": image.voxels.get(2..4),
            "lps_from_index": rounded(image.lps_from_index().transpose().iter().copied()),
        }),
        Message::PolyData(surface) => json!({
            "lps": surface.points_lps().map(|p| rounded(p.to_array())).collect::<Vec<_>>(),
            "polygons": surface.polygons.iter().map(Iterator::collect).collect::<Vec<Vec<u32>>>(),
        }),
        Message::Point(points) => points
            .iter()
            .map(|p| json!([p.name.to_string(), p.position_lps().ok().map(|at| rounded(at.to_array()))]))
            .collect(),
        Message::String(text) => json!(String::from_utf8_lossy(text.bytes)),
        _ => Value::Null,
    };
    json!({ "type": header.kind().name(), "device": header.device.to_string(), "version": header.version.number(), "content": content })
}
