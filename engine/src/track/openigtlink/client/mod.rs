//! A connection to a tracker, made again whenever it is lost.
//!
//! One thread makes connections; reading happens on the caller's thread, so
//! that a pose is decoded where it is used, without a hop between threads.

mod settings;

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender};
use geom::Nanoseconds;

use super::counts::Counts;
use super::decoder::{Decoded, Decoder};
use super::encoder::{Encoder, Stamp};
use super::header::Header;
use super::messages::{Message, STATUS_OK, Status};
use super::name::Name;
use super::timestamp::Timestamp;
use crate::clock::Clock;
use crate::track::connector;

pub use settings::{ClientSettings, LinkEnd, Request};

/// What [`Client::receive`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// There is a connection.
    Connected,
    /// A connection is being made.
    Connecting,
}

/// A message with its arrival on the session's clock.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'a> {
    /// Its header.
    pub header: Header,
    /// Its content.
    pub decoded: Decoded<'a>,
    /// When its last bytes were read.
    pub arrival: Nanoseconds,
}

#[derive(Debug)]
struct Link {
    stream: TcpStream,
    decoder: Decoder,
    heard: Nanoseconds,
    is_probed: bool,
    had_message: bool,
    skipped: u64,
}

/// A connection that looks after itself. Dropping it ends its thread.
pub struct Client {
    settings: ClientSettings,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
    encoder: Encoder,
    wanted: Sender<connector::Wanted>,
    ready: Receiver<TcpStream>,
    link: Option<Link>,
    end: Option<LinkEnd>,
}

impl Client {
    /// Starts connecting.
    ///
    /// # Errors
    /// The system refused a thread.
    pub fn start(settings: ClientSettings, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let (wanted, ready) = connector::start(settings.connection())?;
        let encoder = Encoder::new(settings.version);
        let counts = Arc::new(Counts::default());
        Ok(Self { settings, clock, counts, encoder, wanted, ready, link: None, end: None })
    }

    /// What came, was skipped and was refused so far.
    #[must_use]
    pub fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// Why the last connection ended, `None` before the first end.
    #[must_use]
    pub const fn last_end(&self) -> Option<&LinkEnd> {
        self.end.as_ref()
    }

    /// Waits at most [`ClientSettings::wait`] for bytes and hands over every
    /// message they complete, oldest first. No allocation while poses come.
    pub fn receive(&mut self, on_message: impl FnMut(&Arrived<'_>)) -> LinkState {
        let Some(link) = &mut self.link else { return self.wait_for_link() };
        match link.decoder.read_from(&mut link.stream) {
            Ok(0) => self.drop_link(LinkEnd::Closed),
            Ok(_) => match self.hand_over(on_message) {
                Ok(()) => LinkState::Connected,
                Err(end) => self.drop_link(end),
            },
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => self.check_silence(),
            Err(error) if error.kind() == ErrorKind::Interrupted => LinkState::Connected,
            Err(error) => self.drop_link(error.into()),
        }
    }

    /// Sends what `write` writes; `false` without a connection.
    pub fn send(&mut self, write: impl FnOnce(&mut Encoder) -> bool) -> bool {
        self.encoder.clear();
        if self.link.is_none() || !write(&mut self.encoder) {
            return false;
        }
        match self.flush() {
            Ok(()) => true,
            Err(error) => {
                self.drop_link(error.into());
                false
            }
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.link.as_mut().map_or(Ok(()), |link| link.stream.write_all(self.encoder.bytes()))
    }

    fn wait_for_link(&mut self) -> LinkState {
        let stream = match self.ready.recv_timeout(self.settings.wait) {
            Ok(stream) => stream,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return LinkState::Connecting,
        };
        self.counts.connections.add();
        self.encoder.version = self.settings.version;
        self.link = Some(Link {
            stream,
            decoder: Decoder::new(self.settings.limits.clone()),
            heard: self.clock.now(),
            is_probed: false,
            had_message: false,
            skipped: 0,
        });
        let stamp = Stamp { device: Name::from_wire(&[0; 20]), time: Timestamp::UNSET };
        let is_sent = match self.settings.request {
            Request::Matrices(start) => self.send(|e| e.message(&stamp, &Message::StartTrackingData(start))),
            Request::Quaternions(start) => {
                self.send(|e| e.message(&stamp, &Message::StartQuaternionTrackingData(start)))
            }
            Request::Nothing => true,
        };
        if is_sent { LinkState::Connected } else { LinkState::Connecting }
    }

    fn hand_over(&mut self, mut on_message: impl FnMut(&Arrived<'_>)) -> Result<(), LinkEnd> {
        let Some(link) = &mut self.link else { return Ok(()) };
        let arrival = self.clock.now();
        self.encoder.clear();
        while let Some(frame) = link.decoder.next_frame()? {
            (link.heard, link.is_probed, link.had_message) = (arrival, false, true);
            self.encoder.version = frame.header.version;
            match frame.decode() {
                Ok(decoded) => {
                    self.counts.messages.add();
                    answer(&mut self.encoder, &frame.header, &decoded.message);
                    on_message(&Arrived { header: frame.header, decoded, arrival });
                }
                Err(refusal) => self.counts.refused(refusal.reason()).add(),
            }
        }
        let skipped = link.decoder.skipped();
        if skipped > link.skipped {
            (link.heard, link.is_probed) = (arrival, false);
            (link.skipped..skipped).for_each(|_| self.counts.skipped.add());
            link.skipped = skipped;
        }
        if !self.encoder.bytes().is_empty() {
            link.stream.write_all(self.encoder.bytes())?;
        }
        Ok(())
    }

    fn check_silence(&mut self) -> LinkState {
        let now = self.clock.now();
        let Some(link) = &mut self.link else { return LinkState::Connecting };
        let silent = Duration::from_nanos(now.0.saturating_sub(link.heard.0));
        if silent < self.settings.silence {
            return LinkState::Connected;
        }
        if link.is_probed {
            self.counts.silent_peers.add();
            return self.drop_link(LinkEnd::Silent(self.settings.silence));
        }
        (link.is_probed, link.heard) = (true, now);
        let stamp = Stamp { device: Name::from_wire(&[0; 20]), time: Timestamp::UNSET };
        if self.send(|e| e.message(&stamp, &Message::GetStatus)) { LinkState::Connected } else { LinkState::Connecting }
    }

    fn drop_link(&mut self, end: LinkEnd) -> LinkState {
        if matches!(end, LinkEnd::Stream(_)) {
            self.counts.broken_streams.add();
        }
        if let Some(link) = self.link.take() {
            // A link that brought nothing is not made again at once.
            let wanted = connector::Wanted { was_good: link.had_message && !matches!(end, LinkEnd::Stream(_)) };
            // The connector has room for one wish and there is no other.
            let _ = self.wanted.try_send(wanted);
        }
        self.end = Some(end);
        LinkState::Connecting
    }
}

/// Answers what any peer may ask, into `out`, in the version already set there.
pub(super) fn answer(out: &mut Encoder, header: &Header, message: &Message<'_>) {
    let stamp = Stamp { device: header.device, time: Timestamp::UNSET };
    let status =
        Status { code: STATUS_OK, subcode: 0, error: Name::from_wire(&[0; 20]), text: b"", has_terminator: true };
    match message {
        Message::GetStatus => out.message(&stamp, &Message::Status(status)),
        Message::GetCapability => out.capability(&stamp),
        _ => false,
    };
}
