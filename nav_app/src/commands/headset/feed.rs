//! Snapshots of a session for the process that draws in the headset.
//!
//! Over TCP on this machine: the drawing process asks, the session answers with
//! its newest snapshot, so that one that was held up finds nothing old waiting.
//! A question is one byte; an answer is its length (4 bytes, little endian) and
//! the snapshot as in docs/stream.md, or, asked for with `a` and the number that
//! is known, the alignment as told there. The first answer is the panel's header
//! as JSON. Nobody is sent anything but what the scene shows.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use engine::register::Verdict;
use engine::rt::{Reader, Snapshot};
use engine::stream::alignment::{MOST_ALIGNMENT_BYTES, question};
use engine::stream::frame::MOST_SNAPSHOT_BYTES;
use engine::stream::{ToldAlignment, decode_snapshot, encode_snapshot};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::commands::navigate::Renamed;
use crate::scene::{SceneHeader, SnapshotFeed};
use crate::scene_input::{PlannedScrew, Touched};
use crate::shown_alignment::SharedAlignment;

/// Time between two questions: more often than any display asks.
const ASK: Duration = Duration::from_millis(4);
/// ... for the alignment: levels are registered again within seconds, not faster.
const ALIGNMENT: Duration = Duration::from_millis(500);
/// The question for it, before the number that is known.
const ASK_ALIGNMENT: [u8; 1] = *b"a";
/// Stands for the session in the numbers of its alignments: who answers is never another one.
const SESSION: u64 = 1;
/// Time between two looks at who connects.
const LOOK: Duration = Duration::from_millis(20);
/// Silence of the other side after which it is given up.
const PATIENCE: Duration = Duration::from_secs(5);
/// Connections at once: a process that draws, and the one it replaces.
const MOST_CONNECTIONS: usize = 4;
/// Longest header, bytes.
const MOST_HEADER: usize = 1 << 20;
/// Touched points that are sent; of more, every second, third and so on.
const MOST_TOUCHED: usize = 8000;

/// Answers the drawing process. Dropping it ends the answers.
pub struct SnapshotServer {
    address: SocketAddr,
    is_ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl SnapshotServer {
    /// Listens on this machine, at a port of the system's choice.
    ///
    /// # Errors
    /// There is no port, or no thread.
    pub fn start(snapshots: Reader<Snapshot>, header: &SceneHeader, renamed: &Renamed) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port for the headset's process")?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let is_ended = Arc::new(AtomicBool::new(false));
        let (stop, alignment) = (is_ended.clone(), header.alignment.clone());
        let header = header_json(header, renamed).to_string();
        let serve = move || {
            let mut guests = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let Ok((stream, _)) = listener.accept() else {
                    std::thread::sleep(LOOK);
                    continue;
                };
                // Each holds one of these until it is gone.
                let guest = Arc::new(());
                guests.retain(|guest: &Weak<()>| guest.strong_count() > 0);
                if guests.len() >= MOST_CONNECTIONS {
                    continue;
                }
                guests.push(Arc::downgrade(&guest));
                let (told, header, stop) = ((snapshots.clone(), alignment.clone()), header.clone(), stop.clone());
                let answer = move || {
                    // One that leaves, or asks nonsense, is not missed.
                    drop(answer(stream, &told, &header, &stop));
                    drop(guest);
                };
                drop(std::thread::Builder::new().name("headset-feed".into()).spawn(answer));
            }
        };
        let thread = std::thread::Builder::new().name("headset-door".into()).spawn(serve)?;
        Ok(Self { address, is_ended, thread: Some(thread) })
    }

    /// Where to ask.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for SnapshotServer {
    fn drop(&mut self) {
        self.is_ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked answers nobody any more.
            drop(thread.join());
        }
    }
}

/// What is told again and again.
type Told = (Reader<Snapshot>, Option<SharedAlignment>);

fn answer(mut stream: TcpStream, (snapshots, alignment): &Told, header: &str, stop: &AtomicBool) -> Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    send(&mut stream, header.as_bytes())?;
    let mut question = [0];
    while !stop.load(Ordering::Relaxed) {
        stream.read_exact(&mut question)?;
        if question == ASK_ALIGNMENT {
            let mut known = [0; 8];
            stream.read_exact(&mut known)?;
            let told = alignment.as_ref().map_or_else(Vec::new, |shown| shown.newest().told(SESSION).answer(&known));
            send(&mut stream, &told)?;
            continue;
        }
        match snapshots.read() {
            Some((number, snapshot)) => send(&mut stream, encode_snapshot(0, number, &snapshot).as_slice())?,
            None => send(&mut stream, &[])?,
        }
    }
    Ok(())
}

fn send(stream: &mut TcpStream, bytes: &[u8]) -> Result<()> {
    let mut frame = Vec::with_capacity(bytes.len() + 4);
    frame.extend(u32::try_from(bytes.len())?.to_le_bytes());
    frame.extend(bytes);
    Ok(stream.write_all(&frame)?)
}

fn receive(stream: &mut TcpStream, buffer: &mut Vec<u8>, most: usize) -> Result<()> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    ensure!(length <= most, "an answer of {length} bytes, at most {most} are taken");
    buffer.resize(length, 0);
    Ok(stream.read_exact(buffer)?)
}

fn header_json(header: &SceneHeader, renamed: &Renamed) -> Value {
    json!({
        "verdict": header.verdict.map(|verdict| verdict.to_string()),
        "rms_mm": header.rms_mm,
        "centre_tre_mm": header.centre_tre_mm,
        "ct_name": header.ct_name,
        "device": header.device,
        "touched": header.touched.as_ref().map(|touched| touched_json(touched)),
        "plan": &header.plan[..],
        "follows_alignment": header.alignment.is_some(),
        "renamed": renamed,
    })
}

fn touched_json(touched: &Touched) -> Value {
    let step = touched.places.len().div_ceil(MOST_TOUCHED).max(1);
    let pairs = touched.places.iter().zip(&touched.heights_mm).step_by(step);
    pairs.map(|([x, y, z], height_mm)| json!([x, y, z, height_mm])).collect()
}

/// Touched points of the header; what is no point is left out.
fn touched(told: &Value) -> Option<Touched> {
    let point = |row: &Value| {
        let at = |i: usize| row.get(i).and_then(Value::as_f64);
        Some(([at(0)? as f32, at(1)? as f32, at(2)? as f32], at(3)?))
    };
    let (places, heights_mm) = told.as_array()?.iter().filter_map(point).unzip();
    Some(Touched { places, heights_mm })
}

fn header(told: &Value) -> SceneHeader {
    let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
    let verdict = text("verdict");
    let is_it = |v: &Verdict| v.to_string() == verdict;
    SceneHeader {
        verdict: [Verdict::Accept, Verdict::Doubtful, Verdict::Reject].into_iter().find(is_it),
        rms_mm: told["rms_mm"].as_f64(),
        centre_tre_mm: told["centre_tre_mm"].as_f64(),
        ct_name: text("ct_name"),
        device: text("device"),
        touched: touched(&told["touched"]).map(Arc::new),
        plan: Vec::<PlannedScrew>::deserialize(&told["plan"]).unwrap_or_default().into(),
        alignment: (told["follows_alignment"] == true).then(SharedAlignment::default),
        ..SceneHeader::default()
    }
}

/// The session's snapshots in the drawing process.
pub struct RemoteSnapshots {
    /// Levels of the case that its folder calls otherwise.
    pub renamed: Renamed,
    newest: Arc<Mutex<Option<(u64, Snapshot)>>>,
    seen: AtomicU64,
}

impl RemoteSnapshots {
    /// Connects, and asks from then on; `ended` is called when the session has
    /// gone. Until it is, no snapshot is given twice, so that a session that
    /// stands still is seen to do so.
    ///
    /// # Errors
    /// Nobody answers at `address`.
    pub fn connect(address: SocketAddr, ended: impl FnOnce() + Send + 'static) -> Result<(SceneHeader, Self)> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE).context("the session does not answer")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut buffer = Vec::new();
        receive(&mut stream, &mut buffer, MOST_HEADER)?;
        let told = serde_json::from_slice(&buffer)?;
        let (header, renamed) = (header(&told), Renamed::deserialize(&told["renamed"])?);
        let newest = Arc::new(Mutex::new(None));
        let (shared, alignment) = (newest.clone(), header.alignment.clone());
        let ask = move || {
            let (mut known, mut asked) = (0, None::<Instant>);
            while ask(&mut stream, &mut buffer, &shared).is_ok() {
                let is_due = asked.is_none_or(|at| at.elapsed() >= ALIGNMENT);
                if let Some(shown) = alignment.as_ref().filter(|_| is_due) {
                    let Ok(newest) = ask_alignment(&mut stream, &mut buffer, shown, known) else { break };
                    (known, asked) = (newest, Some(Instant::now()));
                }
                std::thread::sleep(ASK);
            }
            ended();
        };
        std::thread::Builder::new().name("headset-feed".into()).spawn(ask)?;
        Ok((header, Self { renamed, newest, seen: AtomicU64::new(0) }))
    }
}

fn ask(stream: &mut TcpStream, buffer: &mut Vec<u8>, newest: &Mutex<Option<(u64, Snapshot)>>) -> Result<()> {
    stream.write_all(b"?")?;
    receive(stream, buffer, MOST_SNAPSHOT_BYTES)?;
    if !buffer.is_empty() {
        let (head, snapshot) = decode_snapshot(buffer)?;
        *newest.lock().unwrap_or_else(PoisonError::into_inner) = Some((head.number, snapshot));
    }
    Ok(())
}

/// Asks for an alignment that is not number `known`; the number that is known then.
fn ask_alignment(stream: &mut TcpStream, buffer: &mut Vec<u8>, shown: &SharedAlignment, known: u64) -> Result<u64> {
    stream.write_all(&[&ASK_ALIGNMENT[..], &question(known)].concat())?;
    receive(stream, buffer, MOST_ALIGNMENT_BYTES)?;
    let Some(told) = ToldAlignment::read(buffer).map_err(anyhow::Error::msg)? else { return Ok(known) };
    let number = told.number;
    shown.put(told.into());
    Ok(number)
}

impl SnapshotFeed for RemoteSnapshots {
    fn latest(&self) -> Option<Snapshot> {
        let (number, snapshot) = (*self.newest.lock().unwrap_or_else(PoisonError::into_inner))?;
        (self.seen.swap(number, Ordering::Relaxed) != number).then_some(snapshot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shown_alignment::ShownAlignment;

    fn planned() -> PlannedScrew {
        let breach = json!({ "outward_mm": -0.75, "at_mm": 20.0, "direction": "lateral" });
        serde_json::from_value(json!({
            "screw": { "level": 22, "side": "right", "entry": [-24.5, -88.0, 310.25], "target": [-10.5, -130.0, 312.0],
                       "diameter_mm": 6.5, "length_mm": 45.0 },
            "found": { "grade": "A", "grade_95": "B", "pedicle": breach, "stretch_mm": [12.0, 24.5], "body": null,
                       "canal_mm": [2.5, 18.0], "tip_depth_mm": 8.0, "entry_gap_mm": 0.25, "surface_sd_mm": 0.5,
                       "registration_sd_mm": 0.25, "notes": [] },
        }))
        .unwrap()
    }

    #[test]
    fn the_drawing_process_sees_each_snapshot_once_and_hears_of_the_end() {
        let (mut publisher, reader) = engine::rt::latest::<Snapshot>();
        let alignment = SharedAlignment::default();
        let touched = Touched { places: vec![[1.5, -2.25, 3.1]; 20_000], heights_mm: vec![-0.37; 20_000] };
        let told = SceneHeader {
            verdict: Some(Verdict::Doubtful),
            rms_mm: Some(0.7),
            touched: Some(Arc::new(touched)),
            plan: vec![planned()].into(),
            alignment: Some(alignment.clone()),
            ..SceneHeader::default()
        };
        let server = SnapshotServer::start(reader, &told, &Renamed::from([("T12".into(), "L1".into())])).unwrap();
        let (gone, hears) = std::sync::mpsc::channel();
        let (header, feed) = RemoteSnapshots::connect(server.address(), move || gone.send(()).unwrap()).unwrap();
        assert_eq!((header.verdict, header.rms_mm), (Some(Verdict::Doubtful), Some(0.7)));
        assert_eq!(feed.renamed["T12"], "L1", "the case is read under the session's names");
        assert_eq!(header.plan[..], [planned()], "graded once, by the session");
        let touched = header.touched.unwrap();
        assert_eq!((touched.places[0], touched.heights_mm[0]), ([1.5, -2.25, 3.1], -0.37), "residuals arrive as sent");
        assert!((2000..=MOST_TOUCHED).contains(&touched.places.len()), "{}", touched.places.len());
        assert!(feed.latest().is_none(), "nothing was published");
        let wait = || {
            (0..2000).find_map(|_| {
                std::thread::sleep(Duration::from_millis(1));
                feed.latest()
            })
        };
        for sequence in 1..4 {
            publisher.publish(&Snapshot { sequence, ..Snapshot::default() });
            assert_eq!(wait().map(|snapshot| snapshot.sequence), Some(sequence));
        }
        let shown = header.alignment.unwrap();
        for said in ["L3 was registered again", "L4 was registered again"] {
            alignment.put(ShownAlignment { said: said.into(), ..ShownAlignment::default() });
            let arrived = (0..2000).any(|_| {
                std::thread::sleep(Duration::from_millis(1));
                shown.newest().said == said
            });
            assert!(arrived, "{said}");
        }
        std::thread::sleep(Duration::from_millis(20));
        assert!(feed.latest().is_none(), "a session that stands still must be seen to");
        drop(server);
        hears.recv_timeout(Duration::from_secs(20)).unwrap();
    }

    #[test]
    fn an_answer_without_end_is_not_taken() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let liar = std::thread::spawn(move || listener.accept().unwrap().0.write_all(&[255; 8]).unwrap());
        let error = RemoteSnapshots::connect(address, || ()).err().unwrap().to_string();
        assert!(error.contains("at most"), "{error}");
        liar.join().unwrap();
    }
}
