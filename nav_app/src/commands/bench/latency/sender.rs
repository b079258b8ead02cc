//! The tracker's side: TDATA or TRANSFORM messages at fixed times, whatever happened before.

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

/// How a packet's poses are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One TDATA message.
    TrackingData,
    /// A TRANSFORM message for each pose, in one write.
    Transforms,
}

/// Time between the connection and the first packet.
const LEAD_NS: u64 = 200_000_000;

/// A listening tracker.
pub struct Sender {
    listener: TcpListener,
    address: SocketAddr,
    plan: Plan,
}

/// What is sent when.
#[derive(Debug, Clone, Copy)]
struct Plan {
    interval_ns: u64,
    tools: usize,
    form: Form,
    begin_ns: u64,
    packets: u64,
}

/// A tracker that sends.
pub struct Sending {
    thread: JoinHandle<Result<TcpStream>>,
    plan: Plan,
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
        let interval_ns = (1e9 / hz) as u64;
        let plan = Plan { interval_ns, tools, form: Form::TrackingData, begin_ns: 0, packets: 0 };
        Ok(Self { listener, address, plan })
    }

    /// Sends in another form than TDATA.
    pub const fn in_form(mut self, form: Form) -> Self {
        self.plan.form = form;
        self
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
        let counting = sent.clone();
        let plan = Plan { begin_ns: clock.now().0 + LEAD_NS, packets, ..self.plan };
        let thread = thread::Builder::new().name("bench-sender".into()).spawn(move || {
            send(&mut stream, &plan, clock.as_ref(), &counting)?;
            Ok(stream)
        })?;
        Ok(Sending { thread, plan, sent })
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
    /// When packet `k` is to be sent.
    pub const fn intended(&self, k: u64) -> Nanoseconds {
        self.plan.intended(k)
    }

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
        let link = self.thread.join().map_err(|_| anyhow!("the bench's tracker died"))??;
        Ok((self.plan.packets, link))
    }
}

impl Plan {
    const fn intended(&self, k: u64) -> Nanoseconds {
        Nanoseconds(self.begin_ns + k * self.interval_ns)
    }
}

fn send(stream: &mut TcpStream, plan: &Plan, clock: &SystemClock, sent: &AtomicU64) -> Result<()> {
    // As punctual as the system allows; what it is late counts as latency.
    let _ = raise_this_thread();
    let mut random = Random::new(1);
    let mut encoder = Encoder::new(Version::V1);
    let names: Option<Vec<_>> = (0..=plan.tools).map(|tool| Name::<20>::new(&name(tool))).collect();
    let names = names.context("a tool's name is too long")?;
    for k in 0..plan.packets {
        let intended = plan.intended(k);
        let wait = intended.0.saturating_sub(clock.now().0);
        if wait > 0 {
            thread::sleep(Duration::from_nanos(wait));
        }
        encoder.clear();
        anyhow::ensure!(
            encode(&mut encoder, plan.form, &names, intended, &mut random)?,
            "a packet does not fit its message"
        );
        stream.write_all(encoder.bytes()).context("the engine closed the connection")?;
        sent.store(k + 1, Ordering::Relaxed);
    }
    Ok(())
}

/// One packet. The wire's time is the intended one: latency counts from it.
fn encode(
    encoder: &mut Encoder,
    form: Form,
    names: &[Name<20>],
    intended: Nanoseconds,
    random: &mut Random,
) -> Result<bool> {
    let time = Timestamp::from_nanoseconds(intended);
    let mut poses = names.iter().enumerate().map(|(tool, name)| (*name, pose(tool, intended.0, random)));
    Ok(match form {
        Form::Transforms => poses.all(|(device, pose)| encoder.transform(&Stamp { device, time }, &pose)),
        Form::TrackingData => {
            let device = Name::new("Tracker").context("the device's name is too long")?;
            let element =
                |(name, pose)| Element { name, freedom: Freedom::SIX, reserved: 0, pose: Matrix::from(&pose) };
            encoder.tracking(&Stamp { device, time }, poses.map(element))
        }
    })
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
