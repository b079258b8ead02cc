//! TLS before the receiver's door (DICOM PS3.15): the handshake here, then a pair
//! of threads that passes plain bytes on to the association.
//!
//! `dicom-ul` has TLS of its own, which is not switched on: as the source of its
//! version 0.10.1 reads, a peer that closes the connection inside the handshake,
//! or a plain one before its first packet, would keep a thread busy for ever
//! (`accept_tls` takes the end of the stream for "no more bytes yet").

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection};

/// Bytes passed on at once: a TLS record holds no more.
const PIECE: usize = 1 << 14;

/// The two sides of one connection.
struct Ends {
    session: Mutex<ServerConnection>,
    /// Held while records go out, so that they keep their order.
    sending: Mutex<()>,
    outside: TcpStream,
    inside: TcpStream,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked meanwhile has left both sockets to be closed; nothing is read from a broken session.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does the handshake and returns the stream on which the peer speaks plainly.
///
/// - `silence`: longest time between two pieces of the handshake, and for
///   sending one.
///
/// # Errors
/// The peer shows no certificate of the authority, does not speak TLS, breaks
/// off, or the system refuses sockets or threads.
pub(super) fn open(outside: TcpStream, config: Arc<ServerConfig>, silence: Duration) -> Result<TcpStream> {
    outside.set_read_timeout(Some(silence))?;
    outside.set_write_timeout(Some(silence))?;
    let mut session = ServerConnection::new(config).map_err(Error::other)?;
    let mut socket = &outside;
    while session.is_handshaking() {
        session.complete_io(&mut socket)?;
    }
    // From here on the association's own time limits hold.
    outside.set_read_timeout(None)?;
    let (plain, inside) = pair()?;
    inside.set_nodelay(true)?;
    let ends = Arc::new(Ends { session: Mutex::new(session), sending: Mutex::new(()), outside, inside });
    for (name, pass) in [("dicom-tls-in", Ends::pass_in as fn(&Ends) -> Result<()>), ("dicom-tls-out", Ends::pass_out)]
    {
        let ends = ends.clone();
        thread::Builder::new().name(name.into()).spawn(move || {
            if let Err(error) = pass(&ends) {
                tracing::info!(%error, "a DICOM connection over TLS ended");
            }
            ends.close();
        })?;
    }
    Ok(plain)
}

/// Two connected sockets of this process. Nobody else can take the place of
/// either: the address that came is compared.
fn pair() -> Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let here = TcpStream::connect(listener.local_addr()?)?;
    let (there, peer) = listener.accept()?;
    if peer == here.local_addr()? {
        Ok((here, there))
    } else {
        Err(Error::new(ErrorKind::ConnectionRefused, "another program took the inner connection"))
    }
}

impl Ends {
    /// From the peer to the association.
    fn pass_in(&self) -> Result<()> {
        let (mut outside, mut inside) = (&self.outside, &self.inside);
        let (mut sealed, mut plain) = (vec![0; PIECE], Vec::new());
        // What came with the end of the handshake.
        self.take(&mut plain)?;
        loop {
            inside.write_all(&plain)?;
            plain.clear();
            let count = outside.read(&mut sealed)?;
            if count == 0 {
                // Without a closing alert the end may be anybody's doing; the association judges by its own protocol.
                return Ok(());
            }
            let mut rest = sealed.get(..count).unwrap_or_default();
            let mut is_over = false;
            while !rest.is_empty() && !is_over {
                lock(&self.session).read_tls(&mut rest)?;
                is_over = self.take(&mut plain)?;
            }
            self.send()?;
            if is_over {
                return inside.write_all(&plain);
            }
        }
    }

    /// Takes what has been opened; true when the peer said that nothing follows.
    fn take(&self, plain: &mut Vec<u8>) -> Result<bool> {
        let mut session = lock(&self.session);
        let state = session.process_new_packets().map_err(|e| Error::new(ErrorKind::InvalidData, e))?;
        let count = u64::try_from(state.plaintext_bytes_to_read()).unwrap_or(0);
        session.reader().take(count).read_to_end(plain)?;
        Ok(state.peer_has_closed())
    }

    /// From the association to the peer.
    fn pass_out(&self) -> Result<()> {
        let mut inside = &self.inside;
        let mut plain = vec![0; PIECE];
        loop {
            let count = inside.read(&mut plain)?;
            if count == 0 {
                lock(&self.session).send_close_notify();
                return self.send();
            }
            lock(&self.session).writer().write_all(plain.get(..count).unwrap_or_default())?;
            self.send()?;
        }
    }

    /// Sends the records that wait.
    fn send(&self) -> Result<()> {
        let _in_order = lock(&self.sending);
        let mut records = Vec::new();
        {
            let mut session = lock(&self.session);
            while session.wants_write() {
                session.write_tls(&mut records)?;
            }
        }
        let mut outside = &self.outside;
        outside.write_all(&records)
    }

    fn close(&self) {
        for socket in [&self.outside, &self.inside] {
            let _gone = socket.shutdown(Shutdown::Both);
        }
    }
}
