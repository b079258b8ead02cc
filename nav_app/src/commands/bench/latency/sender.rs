//! The tracker's side: TDATA messages at fixed times, whatever happened before.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use engine::clock::{Clock, SystemClock};
use engine::register::random::Random;
use engine::rt::raise_this_thread;
use engine::track::openigtlink::{Element, Encoder, Freedom, Matrix, Name, Stamp, Timestamp, Version};
use geom::{Nanoseconds, Tool, Tracker, Transform, Vector};

/// How long the engine may take to connect.
const CONNECT: Duration = Duration::from_secs(5);

/// A listening tracker.
pub struct Sender {
    listener: TcpListener,
    address: SocketAddr,
    interval_ns: u64,
    tools: usize,
}

/// A tracker that sends.
pub struct Sending {
    thread: JoinHandle<Result<(u64, TcpStream)>>,
    sent: Arc<AtomicU64>,
}

/// The name of a tool; 0 is the patient reference.
pub fn name(tool: usize) -> String {
    if tool == 0 { "Reference".into() } else { format!("Tool{tool}") }
}

impl Sender {
    /// Listens on this machine; `tools` instruments and a reference, `hz` times a second.
    pub fn bind(hz: f64, tools: usize) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen on the loopback")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, interval_ns: (1e9 / hz) as u64, tools })
    }

    /// Where to connect.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the engine and starts to send `packets` packets.
    pub fn start(&self, packets: u64, clock: Arc<SystemClock>) -> Result<Sending> {
        let mut stream = self.accept()?;
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        let sent = Arc::new(AtomicU64::new(0));
        let (counting, interval, tools) = (sent.clone(), self.interval_ns, self.tools);
        let thread = thread::Builder::new().name("bench-sender".into()).spawn(move || {
            let sent = send(&mut stream, packets, interval, tools, clock.as_ref(), &counting)?;
            Ok((sent, stream))
        })?;
        Ok(Sending { thread, sent })
    }

    fn accept(&self) -> Result<TcpStream> {
        let began = Instant::now();
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => return Ok(stream),
                Err(_) if began.elapsed() < CONNECT => thread::sleep(Duration::from_millis(5)),
                Err(error) => return Err(error).context("the engine did not connect to the bench's tracker"),
            }
        }
    }
}

impl Sending {
    /// Packets sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// True when all are sent.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Packets sent, and the connection: closing it makes the engine connect
    /// again, which is not the steady state.
    pub fn join(self) -> Result<(u64, TcpStream)> {
        self.thread.join().map_err(|_| anyhow!("the bench's tracker died"))?
    }
}

fn send(
    stream: &mut TcpStream,
    packets: u64,
    interval_ns: u64,
    tools: usize,
    clock: &SystemClock,
    sent: &AtomicU64,
) -> Result<u64> {
    // As punctual as the system allows; what it is late counts as latency.
    let _ = raise_this_thread();
    let mut random = Random::new(1);
    let mut encoder = Encoder::new(Version::V1);
    let names: Option<Vec<_>> = (0..=tools).map(|tool| Name::<20>::new(&name(tool))).collect();
    let names = names.context("a tool's name is too long")?;
    let device = Name::new("Tracker").context("the device's name is too long")?;
    let begin = clock.now().0 + 200_000_000;
    for k in 0..packets {
        let intended = begin + k * interval_ns;
        let wait = intended.saturating_sub(clock.now().0);
        if wait > 0 {
            thread::sleep(Duration::from_nanos(wait));
        }
        encoder.clear();
        // The wire's time is the intended one: this is what latency counts from.
        let stamp = Stamp { device, time: Timestamp::from_nanoseconds(Nanoseconds(intended)) };
        let elements = names.iter().enumerate().map(|(tool, name)| Element {
            name: *name,
            freedom: Freedom::SIX,
            reserved: 0,
            pose: Matrix::from(&pose(tool, intended, &mut random)),
        });
        anyhow::ensure!(encoder.tracking(&stamp, elements), "a packet does not fit its message");
        stream.write_all(encoder.bytes()).context("the engine closed the connection")?;
        sent.store(k + 1, Ordering::Relaxed);
    }
    Ok(packets)
}

/// Instruments swing about the phantom's spine; everything has noise.
fn pose(tool: usize, at_ns: u64, random: &mut Random) -> Transform<Tracker, Tool> {
    let t = at_ns as f64 * 1e-9;
    let noise = Vector::from(random.normal3().map(|v| 0.05 * v));
    let place = if tool == 0 {
        Vector::new(0.0, 0.0, 0.0)
    } else {
        let phase = tool as f64;
        Vector::new(30.0 * (1.3 * t + phase).sin(), 30.0 + 20.0 * (0.9 * t).cos(), 40.0 * phase)
    };
    Transform::from_translation(place + noise)
}
