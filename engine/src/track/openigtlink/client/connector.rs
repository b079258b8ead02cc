//! The thread that makes a client's connections, with growing pauses.

use std::io::{Error, ErrorKind};
use std::net::{TcpStream, ToSocketAddrs};
use std::thread;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::settings::ClientSettings;

/// Longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Longest a write may block: what is written fits any socket's buffer.
const WRITE_TIMEOUT: Duration = Duration::from_millis(500);

/// A wish for the next connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// The last one brought messages, so that there is no need to pause.
    pub was_good: bool,
}

/// Starts the thread; it makes the first connection unasked and ends when the
/// sender of wishes is dropped.
pub(super) fn start(settings: &ClientSettings) -> std::io::Result<(Sender<Wanted>, Receiver<TcpStream>)> {
    let (wanted, wishes) = bounded(1);
    let (ready, streams) = bounded(1);
    let settings = settings.clone();
    thread::Builder::new().name("igtl-connect".into()).spawn(move || run(&settings, &wishes, &ready))?;
    Ok((wanted, streams))
}

fn run(settings: &ClientSettings, wishes: &Receiver<Wanted>, ready: &Sender<TcpStream>) {
    let mut pause = settings.pause;
    loop {
        while let Err(_unreachable) = connect(settings).and_then(|stream| hand_over(ready, stream)) {
            if !rest(wishes, &mut pause) {
                return;
            }
        }
        match wishes.recv() {
            Ok(Wanted { was_good: true }) => pause = settings.pause,
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

fn connect(settings: &ClientSettings) -> std::io::Result<TcpStream> {
    let mut last = Error::new(ErrorKind::NotFound, "the name has no address");
    for address in settings.address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, settings.connect_timeout) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                // Zero would mean to wait for ever.
                stream.set_read_timeout(Some(settings.wait.max(Duration::from_millis(1))))?;
                stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
