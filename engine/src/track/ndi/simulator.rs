//! A tracker that speaks the Combined API, for tests and rehearsals without
//! hardware.
//!
//! Written from the public API guide and from what open clients expect, like
//! the source itself: that the two understand each other does not show that a
//! camera understands either.

use std::io::{BufRead, BufReader, ErrorKind, Result as IoResult, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use geom::Nanoseconds;

use super::encode::{Reported, binary_reply, gbf, streamed, text_reply};
use super::gbf::FrameHead;
use crate::clock::{Clock, SystemClock};
use crate::track::{Missing, Role, Source, TrackerPacket};

/// Clients served at a time.
const MOST_CLIENTS: usize = 4;
/// Longest command that is taken.
const MOST_BYTES: u64 = 1024;
/// Longest pause between looks at a stopped flag.
const LOOK: Duration = Duration::from_millis(50);

/// A tool in a port of the simulated tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedPort {
    /// Port handle, 1 and up.
    pub handle: u8,
    /// What it stands for in the packets of the source.
    pub role: Role,
    /// Part number, at most 12 characters.
    pub id: String,
    /// Serial number, at most 8 characters.
    pub serial: String,
}

/// What goes wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Misbehaviour {
    /// Nothing.
    #[default]
    None,
    /// TSTART is answered with this error.
    RefuseStart(u8),
    /// A byte of the frame of this number is changed on the way.
    SpoilFrame(u64),
    /// After this frame nothing comes, and the connection stays.
    HangAfter(u64),
    /// After this frame the connection is closed.
    CloseAfter(u64),
}

/// Makes the poses a client gets; each client gets them from the beginning.
pub type MakeSource = dyn Fn() -> Box<dyn Source> + Send + Sync;

/// What is simulated.
#[derive(Clone)]
pub struct SimulatorSettings {
    /// `host:port` to listen on; port 0 takes a free one.
    pub address: String,
    /// The tools.
    pub ports: Vec<SimulatedPort>,
    /// The poses.
    pub source: Arc<MakeSource>,
    /// What goes wrong, with the first client only.
    pub misbehaviour: Misbehaviour,
}

/// A running simulator; dropping it stops it.
pub struct Simulator {
    address: SocketAddr,
    is_stopping: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Starts to listen.
    ///
    /// # Errors
    /// The address cannot be listened on, or the system refused a thread.
    pub fn start(settings: SimulatorSettings) -> IoResult<Self> {
        let socket = TcpListener::bind(&settings.address)?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let is_stopping = Arc::new(AtomicBool::new(false));
        let flag = is_stopping.clone();
        let listener = thread::Builder::new().name("ndi-simulator".into()).spawn(move || {
            listen(&socket, &settings, &flag);
        })?;
        Ok(Self { address, is_stopping, listener: Some(listener) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.is_stopping.store(true, Ordering::Release);
        // A thread that panicked has nothing more to tell.
        let _ = self.listener.take().map(JoinHandle::join);
    }
}

fn listen(socket: &TcpListener, settings: &SimulatorSettings, is_stopping: &Arc<AtomicBool>) {
    let mut clients: Vec<JoinHandle<()>> = Vec::new();
    let mut misbehaviour = settings.misbehaviour;
    while !is_stopping.load(Ordering::Acquire) {
        clients.retain(|client| !client.is_finished());
        match socket.accept() {
            Ok((stream, _)) if clients.len() < MOST_CLIENTS => {
                let (ports, source) = (settings.ports.clone(), (settings.source)());
                let client = Client { ports, source, misbehaviour: std::mem::take(&mut misbehaviour) };
                let flag = is_stopping.clone();
                // A client that cannot be served is one that goes away.
                clients.extend(thread::Builder::new().spawn(move || drop(client.serve(&stream, &flag))));
            }
            Ok(_) => {}
            Err(_) => thread::sleep(LOOK / 10),
        }
    }
    clients.into_iter().for_each(|client| drop(client.join()));
}

struct Client {
    ports: Vec<SimulatedPort>,
    source: Box<dyn Source>,
    misbehaviour: Misbehaviour,
}

impl Client {
    fn serve(mut self, stream: &TcpStream, is_stopping: &AtomicBool) -> IoResult<()> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LOOK))?;
        let (mut commands, mut line) = (BufReader::new(stream), Vec::new());
        while !is_stopping.load(Ordering::Acquire) {
            match std::io::Read::take(&mut commands, MOST_BYTES).read_until(b'\r', &mut line) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
                Err(error) => return Err(error),
            }
            let command = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            let id = command.split_once("--id=").map(|(_, id)| id.to_owned());
            match (command.split(' ').next(), id) {
                (Some("STREAM"), Some(id)) if command.contains("BX2") => {
                    (&*stream).write_all(&streamed(&id, &text_reply("OKAY")))?;
                    return self.stream(&id, stream, is_stopping);
                }
                _ => (&*stream).write_all(&text_reply(&self.answer(&command)))?,
            }
        }
        Ok(())
    }

    fn answer(&self, command: &str) -> String {
        let (name, parameters) = command.split_once(' ').unwrap_or((command, ""));
        let handle = parameters.get(..2).and_then(|handle| u8::from_str_radix(handle, 16).ok());
        let port = self.ports.iter().find(|port| Some(port.handle) == handle);
        match (name, port, self.misbehaviour) {
            ("TSTART", _, Misbehaviour::RefuseStart(code)) => format!("ERROR{code:02X}"),
            ("INIT" | "TSTART" | "TSTOP", ..) | ("PINIT" | "PENA", Some(_), _) => "OKAY".into(),
            ("PHSR", ..) => {
                // Occupied, and not yet initialised.
                let list: String = self.ports.iter().map(|port| format!("{:02X}001", port.handle)).collect();
                format!("{:02X}{list}", self.ports.len())
            }
            ("PHINF", Some(port), _) => format!("02000000{:<12.12}001{:>8.8}31", port.id, port.serial),
            ("PHINF", None, _) => "UNOCCUPIED".into(),
            ("PINIT" | "PENA", None, _) => "ERROR1D".into(),
            _ => "ERROR01".into(),
        }
    }

    fn stream(&mut self, id: &str, stream: &TcpStream, is_stopping: &AtomicBool) -> IoResult<()> {
        let clock = SystemClock::default();
        let mut sent = 0;
        while !is_stopping.load(Ordering::Acquire) {
            let Some(packet) = self.source.poll(clock.now()) else {
                let wait = self.source.next_due().0.saturating_sub(clock.now().0);
                thread::sleep(Duration::from_nanos(wait).clamp(Duration::from_micros(200), LOOK));
                continue;
            };
            let mut bytes = streamed(id, &binary_reply(&self.content(&packet)));
            sent += 1;
            match self.misbehaviour {
                Misbehaviour::SpoilFrame(number) if number == sent => {
                    bytes.iter_mut().rev().take(20).for_each(|byte| *byte ^= 0x10);
                }
                Misbehaviour::HangAfter(number) if sent > number => {
                    thread::sleep(LOOK);
                    continue;
                }
                Misbehaviour::CloseAfter(number) if sent > number => return Ok(()),
                _ => {}
            }
            (&*stream).write_all(&bytes)?;
        }
        Ok(())
    }

    fn content(&self, packet: &TrackerPacket) -> Vec<u8> {
        let report = |port: &SimulatedPort| {
            let handle = u16::from(port.handle);
            match port.role {
                Role::Reference => Reported::new(handle, packet.tracker_from_patient),
                Role::Tool(id) => Reported::new(handle, packet.tool(id).map_err(told)),
            }
        };
        // A tracker's clock counts from its own start.
        let time = Some(Nanoseconds(packet.source_time.0 + 3_600_000_000_000));
        let head = FrameHead { kind: 0, number: packet.sequence as u32, time };
        gbf(&[(head, self.ports.iter().map(report).collect())])
    }
}

/// A tool that is not in the packet is one that is not seen.
const fn told(missing: Missing) -> Missing {
    match missing {
        Missing::NotReported => Missing::Occluded,
        other => other,
    }
}
