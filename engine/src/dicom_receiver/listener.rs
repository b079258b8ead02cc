//! The door: who may come in, how many at once, and for how long.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::association;
use super::counts::Counter;
use super::error::ReceiverError;
use super::{Shared, TICK};

/// A-ASSOCIATE-RJ: for now, by the provider, local limit exceeded (PS3.8, 9.3.4).
const COME_LATER: [u8; 10] = [3, 0, 0, 0, 0, 4, 0, 2, 3, 2];
/// How long a peer that is sent away may take to say what it wanted.
const SENT_AWAY: Duration = Duration::from_millis(20);

/// Binds the address.
pub(super) fn open(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ReceiverError> {
    let fail = |source| ReceiverError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(fail)?;
    listener.set_nonblocking(true).map_err(fail)?;
    let local = listener.local_addr().map_err(fail)?;
    Ok((listener, local))
}

/// A peer that is served.
struct Guest {
    socket: TcpStream,
    since: Instant,
    thread: JoinHandle<()>,
}

/// Lets peers in until the receiver stops; ends those that stay too long.
///
/// `dicom-ul` bounds the time between two packets; the whole is bounded here,
/// by closing the socket under it.
pub(super) fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let limits = &shared.settings.limits;
    let mut guests: Vec<Guest> = Vec::new();
    while !shared.is_stopping.load(Ordering::Relaxed) {
        guests.retain(|guest| !guest.thread.is_finished());
        for guest in guests.iter().filter(|g| g.since.elapsed() > limits.association) {
            let _gone = guest.socket.shutdown(Shutdown::Both);
        }
        match listener.accept() {
            Ok((stream, peer)) => {
                let allowed = &shared.settings.allowed_peers;
                if !allowed.is_empty() && !allowed.contains(&peer.ip()) {
                    shared.counts.count(Counter::Refused);
                    tracing::info!(%peer, "a connection from an address that is not allowed");
                } else if guests.len() >= limits.associations {
                    shared.counts.count(Counter::Refused);
                    send_away(&stream);
                } else if let Some(guest) = let_in(stream, shared) {
                    guests.push(guest);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(TICK),
            Err(error) => {
                // Out of file handles, most likely: wait until some are free.
                tracing::warn!(%error, "a connection could not be accepted");
                std::thread::sleep(TICK * 10);
            }
        }
    }
    for guest in guests {
        let _gone = guest.socket.shutdown(Shutdown::Both);
        let _panicked = guest.thread.join();
    }
}

fn let_in(stream: TcpStream, shared: &Arc<Shared>) -> Option<Guest> {
    stream.set_nonblocking(false).ok()?;
    stream.set_nodelay(true).ok()?;
    let socket = stream.try_clone().ok()?;
    let id = shared.associations.fetch_add(1, Ordering::Relaxed) + 1;
    let shared = shared.clone();
    let spawned = std::thread::Builder::new().name("dicom".into()).spawn(move || {
        association::serve(stream, id, &shared);
    });
    Some(Guest { socket, since: Instant::now(), thread: spawned.ok()? })
}

/// Says that there is no room, in the protocol's own words.
fn send_away(mut stream: &TcpStream) {
    let _as_well_as_can_be = stream
        .set_nonblocking(false)
        .and_then(|()| stream.set_read_timeout(Some(SENT_AWAY)))
        .and_then(|()| stream.set_write_timeout(Some(SENT_AWAY)))
        // Unread bytes would turn the answer into a reset.
        .and_then(|()| stream.read(&mut [0; 4096]))
        .and_then(|_| stream.write_all(&COME_LATER));
}
