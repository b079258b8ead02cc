//! Poses, surfaces and images out to 3D Slicer, PLUS and other clients.
//!
//! Promises: listens on loopback unless told otherwise and turns away peers
//! that are not on its list; every client has its own threads and a bounded
//! queue in which the newest wins, so a slow client loses messages (counted)
//! and delays nobody. Not for the navigation loop: sending allocates.

mod peer;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use geom::{Nanoseconds, Tool, Tracker, Transform};

use super::counts::Counts;
use super::decoder::Decoded;
use super::encoder::{Encoder, Stamp};
use super::header::{Header, Version};
use super::kind::Limits;
use super::messages::{Element, Freedom};
use super::name::Name;
use super::pose::{Matrix, QuaternionPose};
use peer::{Form, Peer};

/// Who may connect and how much is kept for them.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Where to listen. Default `127.0.0.1:18944`; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Addresses that may connect. Default none but this machine's loopback.
    pub allow: Vec<IpAddr>,
    /// Most clients at once. Default 8.
    pub clients: usize,
    /// Messages kept for each client. Default 16.
    pub queue: usize,
    /// Caps of what clients send.
    pub limits: Limits,
    /// A client that takes no byte for this long is dropped. Default 2 s.
    pub write_timeout: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            bind: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 18_944),
            allow: Vec::new(),
            clients: 8,
            queue: 16,
            limits: Limits::default(),
            write_timeout: Duration::from_secs(2),
        }
    }
}

/// What to do with a message from a client.
pub type OnMessage = Box<dyn Fn(&Header, &Decoded<'_>) + Send + Sync>;

struct Shared {
    settings: ServerSettings,
    counts: Counts,
    peers: Mutex<Vec<Peer>>,
    is_stopping: AtomicBool,
    on_message: OnMessage,
}

impl Shared {
    /// The list is whole at every moment, so a panic elsewhere does not spoil it.
    fn peers(&self) -> MutexGuard<'_, Vec<Peer>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A listening server. Dropping it ends its threads.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    acceptor: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens; `on_message` is called on a client's thread with what it sends.
    ///
    /// # Errors
    /// The address is taken or not ours, or the system refused a thread.
    pub fn bind(settings: ServerSettings, on_message: OnMessage) -> std::io::Result<Self> {
        let listener = TcpListener::bind(settings.bind)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (counts, peers, is_stopping) = (Counts::default(), Mutex::default(), AtomicBool::new(false));
        let shared = Arc::new(Shared { settings, counts, peers, is_stopping, on_message });
        let accepting = shared.clone();
        let acceptor =
            thread::Builder::new().name("igtl-accept".into()).spawn(move || accept(&listener, &accepting))?;
        Ok(Self { shared, address, acceptor: Some(acceptor) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What came, was refused and was lost so far.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// Clients connected now.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.shared.peers().iter().filter(|peer| peer.is_open()).count()
    }

    /// Sends one message to every client, in each one's version.
    pub fn send(&self, write: impl Fn(&mut Encoder) -> bool) {
        self.send_to(|_| true, write);
    }

    /// Sends tools to the clients that asked for TDATA or QTDATA, no more often
    /// than they asked for.
    pub fn send_tracking(&self, stamp: &Stamp, tools: &[(Name<20>, Transform<Tracker, Tool>)]) {
        let now = stamp.time.nanoseconds();
        let element = |name: Name<20>| (name, Freedom::SIX);
        self.send_to(
            |peer| peer.is_due(Form::Matrices, now),
            |encoder| {
                encoder.tracking(
                    stamp,
                    tools.iter().map(|(name, pose)| {
                        let (name, freedom) = element(*name);
                        Element { name, freedom, reserved: 0, pose: Matrix::from(pose) }
                    }),
                )
            },
        );
        self.send_to(
            |peer| peer.is_due(Form::Quaternions, now),
            |encoder| {
                encoder.tracking(
                    stamp,
                    tools.iter().map(|(name, pose)| {
                        let (name, freedom) = element(*name);
                        Element { name, freedom, reserved: 0, pose: QuaternionPose::from(pose) }
                    }),
                )
            },
        );
    }

    fn send_to(&self, is_wanted: impl Fn(&Peer) -> bool, write: impl Fn(&mut Encoder) -> bool) {
        let mut written: [Option<Arc<[u8]>>; 3] = [None, None, None];
        for peer in self.shared.peers().iter().filter(|peer| is_wanted(peer)) {
            let version = peer.version();
            let Some(bytes) = written.get_mut(usize::from(version.number()) - 1) else { continue };
            let bytes = bytes.get_or_insert_with(|| encoded(version, &write));
            if !bytes.is_empty() && peer.queue(bytes.clone()) {
                self.shared.counts.replaced.add();
            }
        }
    }
}

fn encoded(version: Version, write: impl Fn(&mut Encoder) -> bool) -> Arc<[u8]> {
    let mut encoder = Encoder::new(version);
    write(&mut encoder);
    encoder.bytes().into()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.is_stopping.store(true, Ordering::Release);
        if let Some(acceptor) = self.acceptor.take() {
            // It catches its own errors; a panic there has been reported already.
            let _ = acceptor.join();
        }
        self.shared.peers().clear();
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while !shared.is_stopping.load(Ordering::Acquire) {
        match listener.accept() {
            Ok((stream, address)) => welcome(stream, address, shared),
            // Nobody there, or one failed attempt: neither ends the server.
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
        shared.peers().retain(Peer::is_open);
    }
}

fn welcome(stream: TcpStream, address: SocketAddr, shared: &Arc<Shared>) {
    let is_allowed = may_connect(&shared.settings.allow, address.ip());
    let is_room = shared.peers().len() < shared.settings.clients;
    if !is_allowed || !is_room {
        shared.counts.turned_away.add();
        return;
    }
    match Peer::start(stream, shared) {
        Ok(peer) => {
            shared.counts.connections.add();
            shared.peers().push(peer);
        }
        Err(_refused_by_system) => shared.counts.turned_away.add(),
    }
}

/// Time between two messages that a client asked for, from its milliseconds.
fn interval(interval_ms: i32) -> Nanoseconds {
    Nanoseconds(u64::try_from(interval_ms).unwrap_or(0) * 1_000_000)
}

/// True for a peer on the list or, without a list, for this machine itself.
fn may_connect(allow: &[IpAddr], peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    if allow.is_empty() { peer.is_loopback() } else { allow.contains(&peer) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_list_only_this_machine_may_connect() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for (peer, is_welcome) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("192.0.2.7", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(may_connect(&[], ip(peer)), is_welcome, "{peer}");
        }
        let list = [ip("192.0.2.7")];
        assert!(may_connect(&list, ip("::ffff:192.0.2.7")) && !may_connect(&list, ip("127.0.0.1")));
    }
}
