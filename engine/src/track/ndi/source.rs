//! An NDI tracker as a [`Source`].

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender};
use geom::Nanoseconds;

use super::decoder::{Decoder, Reply};
use super::error::NdiEnd;
use super::frames::Frames;
use super::handshake::Handshake;
use crate::clock::Clock;
use crate::track::connector::{self, Connection, Wanted};
use crate::track::openigtlink::Counts;
use crate::track::packet::TrackerPacket;
use crate::track::{Source, ToolNames};

/// Connection and tools.
#[derive(Debug, Clone)]
pub struct NdiSourceSettings {
    /// `host:port`; a Polaris Vega listens on 8765.
    pub address: String,
    /// Part numbers of the tools, or `PART/SERIAL` where two are alike.
    pub names: ToolNames,
    /// Longest wait for a connection. Default 1 s.
    pub connect_timeout: Duration,
    /// Longest wait for bytes of one poll. Default 2 ms.
    pub wait: Duration,
    /// Longest wait for an answer before tracking. Default 10 s: a camera takes
    /// seconds to initialise.
    pub answer_timeout: Duration,
    /// Longest silence while tracking; then the connection is dropped as half
    /// open. Default 1 s: a camera sends frames even when it sees no tool.
    pub silence: Duration,
    /// Pause before a connection that failed at once is tried again, doubled
    /// each time up to 5 s. Default 100 ms.
    pub pause: Duration,
}

impl NdiSourceSettings {
    /// The defaults.
    #[must_use]
    pub fn new(address: impl Into<String>, names: ToolNames) -> Self {
        Self {
            address: address.into(),
            names,
            connect_timeout: Duration::from_secs(1),
            wait: Duration::from_millis(2),
            answer_timeout: Duration::from_secs(10),
            silence: Duration::from_secs(1),
            pause: Duration::from_millis(100),
        }
    }
}

#[derive(Debug)]
struct Link {
    stream: TcpStream,
    decoder: Decoder,
    handshake: Handshake,
    heard: Nanoseconds,
}

/// Reads an NDI tracker on the reader's own thread and connects again by
/// itself.
///
/// `source_time` is the tracker's stamp, `arrival_time` ours. A tracker without
/// stamps (counted) gets the arrival for both. `sequence` grows by one a
/// packet, and by what its frame numbers say was lost. After a stall at most
/// the newest 32 packets are handed over, the others are counted as replaced.
pub struct NdiSource {
    settings: NdiSourceSettings,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
    frames: Frames,
    wanted: Sender<Wanted>,
    ready: Receiver<TcpStream>,
    link: Option<Link>,
    end: Option<NdiEnd>,
    next_due: Nanoseconds,
}

impl NdiSource {
    /// Starts connecting.
    ///
    /// # Errors
    /// The system refused a thread.
    pub fn start(settings: NdiSourceSettings, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let NdiSourceSettings { connect_timeout, wait, pause, .. } = settings;
        let address = settings.address.clone();
        let (wanted, ready) =
            connector::start(Connection { thread: "ndi-connect", address, connect_timeout, wait, pause })?;
        let (counts, frames) = (Arc::new(Counts::default()), Frames::new());
        Ok(Self { settings, clock, counts, frames, wanted, ready, link: None, end: None, next_due: Nanoseconds(0) })
    }

    /// What came, was replaced and was refused so far.
    #[must_use]
    pub const fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// Why the last connection ended, `None` before the first end.
    #[must_use]
    pub const fn last_end(&self) -> Option<&NdiEnd> {
        self.end.as_ref()
    }

    fn receive(&mut self) {
        if self.link.is_none() {
            self.wait_for_link();
            return;
        }
        if let Err(end) = self.read() {
            self.drop_link(end);
        }
    }

    fn wait_for_link(&mut self) {
        let stream = match self.ready.recv_timeout(self.settings.wait) {
            Ok(stream) => stream,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
        };
        self.counts.connections.add();
        let (decoder, handshake) = (Decoder::default(), Handshake::new());
        let mut link = Link { stream, decoder, handshake, heard: self.clock.now() };
        let sent = link.stream.write_all(&link.handshake.to_send());
        self.link = Some(link);
        if let Err(error) = sent {
            self.drop_link(error.into());
        }
    }

    fn read(&mut self) -> Result<(), NdiEnd> {
        let Some(link) = &mut self.link else { return Ok(()) };
        match link.decoder.read_from(&mut link.stream) {
            Ok(0) => return Err(NdiEnd::Closed),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Self::check_silence(link, &self.settings, self.clock.now());
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let arrival = self.clock.now();
        while let Some(reply) = link.decoder.next_reply()? {
            link.heard = arrival;
            match reply {
                Reply::Binary(content) if link.handshake.is_tracking() => {
                    self.frames.take(content, arrival, &link.handshake.roles, &self.counts)?;
                }
                // Poses of a stream that nobody here has asked for yet.
                Reply::Binary(_) => self.counts.skipped.add(),
                Reply::Text(answer) => {
                    if link.handshake.answer(answer, &self.settings.names)? {
                        link.stream.write_all(&link.handshake.to_send())?;
                    }
                }
            }
        }
        Ok(())
    }

    fn check_silence(link: &Link, settings: &NdiSourceSettings, now: Nanoseconds) -> Result<(), NdiEnd> {
        let limit = if link.handshake.is_tracking() { settings.silence } else { settings.answer_timeout };
        let silent = Duration::from_nanos(now.0.saturating_sub(link.heard.0));
        if silent < limit { Ok(()) } else { Err(NdiEnd::Silent(limit, link.handshake.doing())) }
    }

    fn drop_link(&mut self, end: NdiEnd) {
        let counter = match &end {
            NdiEnd::Stream(_) => Some(&self.counts.broken_streams),
            NdiEnd::Silent(..) => Some(&self.counts.silent_peers),
            _ => None,
        };
        counter.into_iter().for_each(|counter| counter.add());
        tracing::warn!("NDI tracker at {}: {end}", self.settings.address);
        if let Some(link) = self.link.take() {
            // A link that never tracked is not made again at once.
            let was_good = link.handshake.is_tracking() && !matches!(end, NdiEnd::Stream(_));
            // The connector has room for one wish and there is no other.
            let _ = self.wanted.try_send(Wanted { was_good });
        }
        self.end = Some(end);
    }
}

impl Source for NdiSource {
    fn description(&self) -> String {
        format!("NDI tracker at {}", self.settings.address)
    }

    /// Waits for bytes up to [`NdiSourceSettings::wait`] when nothing is at hand.
    fn poll(&mut self, now: Nanoseconds) -> Option<TrackerPacket> {
        if !self.frames.has_packet() {
            self.receive();
        }
        // The wait is inside `receive`: the next call may come at once.
        self.next_due = now;
        self.frames.next(self.clock.now())
    }

    fn next_due(&self) -> Nanoseconds {
        self.next_due
    }
}
