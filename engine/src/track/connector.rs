//! The thread that makes a tracker's connections, with growing pauses.
//!
//! Used by the OpenIGTLink client and the NDI source, so that neither waits for
//! a peer that is not there.

use std::io::{Error, ErrorKind};
use std::net::{TcpStream, ToSocketAddrs};
use std::thread;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};

/// Longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Longest a write may block: what is written fits any socket's buffer.
const WRITE_TIMEOUT: Duration = Duration::from_millis(500);

/// Where to connect and how patient to be.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    /// Name of the thread.
    pub thread: &'static str,
    /// `host:port`.
    pub address: String,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait of one read.
    pub wait: Duration,
    /// First pause between attempts.
    pub pause: Duration,
}

/// A wish for the next connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// The last one brought messages, so that there is no need to pause.
    pub was_good: bool,
}

/// Starts the thread; it makes the first connection unasked and ends when the
/// sender of wishes is dropped.
pub(super) fn start(connection: Connection) -> std::io::Result<(Sender<Wanted>, Receiver<TcpStream>)> {
    let (wanted, wishes) = bounded(1);
    let (ready, streams) = bounded(1);
    thread::Builder::new().name(connection.thread.into()).spawn(move || run(&connection, &wishes, &ready))?;
    Ok((wanted, streams))
}

fn run(connection: &Connection, wishes: &Receiver<Wanted>, ready: &Sender<TcpStream>) {
    let mut pause = connection.pause;
    loop {
        while let Err(_unreachable) = connect(connection).and_then(|stream| hand_over(ready, stream)) {
            if !rest(wishes, &mut pause) {
                return;
            }
        }
        match wishes.recv() {
            Ok(Wanted { was_good: true }) => pause = connection.pause,
            Ok(Wanted { was_good: false }) => {
                if !rest(wishes, &mut pause) {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

fn hand_over(ready: &Sender<TcpStream>, stream: TcpStream) -> std::io::Result<()> {
    ready.send(stream).map_err(|_| Error::from(ErrorKind::BrokenPipe))
}

/// Pauses and doubles the pause; `false` when the client is gone.
fn rest(wishes: &Receiver<Wanted>, pause: &mut Duration) -> bool {
    let waited = wishes.recv_timeout(*pause);
    *pause = (*pause * 2).min(LONGEST_PAUSE);
    !matches!(waited, Err(RecvTimeoutError::Disconnected))
}

fn connect(connection: &Connection) -> std::io::Result<TcpStream> {
    let mut last = Error::new(ErrorKind::NotFound, "the name has no address");
    for address in connection.address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, connection.connect_timeout) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                // Zero would mean to wait for ever.
                stream.set_read_timeout(Some(connection.wait.max(Duration::from_millis(1))))?;
                stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
