//! One client of the server: a thread that reads, one that writes.

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use geom::Nanoseconds;

use super::{Shared, interval};
use crate::track::openigtlink::client::answer;
use crate::track::openigtlink::decoder::{Decoder, Frame};
use crate::track::openigtlink::encoder::{Encoder, Stamp};
use crate::track::openigtlink::error::StreamError;
use crate::track::openigtlink::header::Version;
use crate::track::openigtlink::messages::{Message, StartTracking};
use crate::track::openigtlink::timestamp::Timestamp;

/// A client asks for poses in one of two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Matrices,
    Quaternions,
}

/// Not asked for.
const OFF: u64 = u64::MAX;

/// What the peer asked for, shared by its threads and the sender.
#[derive(Debug)]
struct Wishes {
    is_open: AtomicBool,
    version: AtomicU8,
    /// Interval in ns by [`Form`], or [`OFF`].
    interval: [AtomicU64; 2],
    /// Time of the last message sent by [`Form`], ns on the sender's clock.
    last: [AtomicU64; 2],
}

pub(super) struct Peer {
    stream: TcpStream,
    wishes: Arc<Wishes>,
    outgoing: Sender<Arc<[u8]>>,
    /// The sender's hand on the queue, to take out the oldest.
    oldest: Receiver<Arc<[u8]>>,
}

impl Peer {
    pub(super) fn start(stream: TcpStream, shared: &Arc<Shared>) -> std::io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_millis(100)))?;
        stream.set_write_timeout(Some(shared.settings.write_timeout))?;
        let (outgoing, oldest) = bounded(shared.settings.queue.max(1));
        let off = || [AtomicU64::new(OFF), AtomicU64::new(OFF)];
        let wishes = Wishes { is_open: AtomicBool::new(true), version: AtomicU8::new(1), interval: off(), last: off() };
        let peer = Self { stream, wishes: Arc::new(wishes), outgoing, oldest };
        let (write_to, messages, writing) = (peer.stream.try_clone()?, peer.oldest.clone(), peer.wishes.clone());
        thread::Builder::new().name("igtl-write".into()).spawn(move || write(write_to, &messages, &writing))?;
        let (read_from, reading, shared) = (peer.stream.try_clone()?, peer.handle()?, shared.clone());
        thread::Builder::new().name("igtl-read".into()).spawn(move || read(read_from, &reading, &shared))?;
        Ok(peer)
    }

    fn handle(&self) -> std::io::Result<Self> {
        let stream = self.stream.try_clone()?;
        let (outgoing, oldest) = (self.outgoing.clone(), self.oldest.clone());
        Ok(Self { stream, wishes: self.wishes.clone(), outgoing, oldest })
    }

    pub(super) fn is_open(&self) -> bool {
        self.wishes.is_open.load(Ordering::Acquire)
    }

    pub(super) fn version(&self) -> Version {
        match self.wishes.version.load(Ordering::Relaxed) {
            2 => Version::V2,
            3 => Version::V3,
            _ => Version::V1,
        }
    }

    /// True when the client wants this form and its interval has passed.
    pub(super) fn is_due(&self, form: Form, now: Nanoseconds) -> bool {
        let [interval, last] = [&self.wishes.interval, &self.wishes.last].map(|a| &a[form as usize]);
        let wanted = interval.load(Ordering::Relaxed);
        let before = last.load(Ordering::Relaxed);
        // A time that was set back, or is not set at all, must not end the stream.
        let has_passed = before == OFF || now.0 == 0 || now.0.wrapping_sub(before) >= wanted;
        let is_due = wanted != OFF && has_passed;
        if is_due {
            last.store(now.0, Ordering::Relaxed);
        }
        is_due
    }

    /// Queues a message; true when an older one had to go for it.
    pub(super) fn queue(&self, bytes: Arc<[u8]>) -> bool {
        let (mut bytes, mut has_replaced) = (bytes, false);
        // The writer takes out as well, so that a few tries always suffice.
        for _ in 0..4 {
            match self.outgoing.try_send(bytes) {
                Ok(()) | Err(TrySendError::Disconnected(_)) => return has_replaced,
                Err(TrySendError::Full(back)) => bytes = back,
            }
            has_replaced |= self.oldest.try_recv().is_ok();
        }
        true
    }

    fn close(&self) {
        self.wishes.is_open.store(false, Ordering::Release);
        // Already closed by the peer is as good.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    fn start_sending(&self, form: Form, start: &StartTracking) {
        self.wishes.last[form as usize].store(OFF, Ordering::Relaxed);
        self.wishes.interval[form as usize].store(interval(start.interval_ms).0, Ordering::Relaxed);
    }

    fn stop_sending(&self, form: Form) {
        self.wishes.interval[form as usize].store(OFF, Ordering::Relaxed);
    }

    /// Grants tracking requests and answers questions; true when an older
    /// message had to go for the answer.
    fn respond(&self, frame: &Frame<'_>, message: &Message<'_>, out: &mut Encoder) -> bool {
        out.clear();
        out.version = frame.header.version;
        let stamp = Stamp { device: frame.header.device, time: Timestamp::UNSET };
        match message {
            Message::StartTrackingData(start) => {
                self.start_sending(Form::Matrices, start);
                out.message(&stamp, &Message::ReplyTrackingData(0));
            }
            Message::StartQuaternionTrackingData(start) => {
                self.start_sending(Form::Quaternions, start);
                out.message(&stamp, &Message::ReplyQuaternionTrackingData(0));
            }
            Message::StopTrackingData => {
                self.stop_sending(Form::Matrices);
                out.message(&stamp, &Message::ReplyTrackingData(0));
            }
            Message::StopQuaternionTrackingData => {
                self.stop_sending(Form::Quaternions);
                out.message(&stamp, &Message::ReplyQuaternionTrackingData(0));
            }
            other => answer(out, &frame.header, other),
        }
        !out.bytes().is_empty() && self.queue(out.bytes().into())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.close();
    }
}

fn write(mut stream: TcpStream, messages: &Receiver<Arc<[u8]>>, wishes: &Wishes) {
    while wishes.is_open.load(Ordering::Acquire) {
        // Wakes now and then to see that the connection was closed.
        let Ok(bytes) = messages.recv_timeout(Duration::from_millis(100)) else { continue };
        if stream.write_all(&bytes).is_err() {
            break;
        }
    }
    wishes.is_open.store(false, Ordering::Release);
    // Already closed by the peer is as good.
    let _ = stream.shutdown(Shutdown::Both);
}

fn read(mut stream: TcpStream, peer: &Peer, shared: &Shared) {
    let mut decoder = Decoder::new(shared.settings.limits.clone());
    let mut out = Encoder::new(Version::V1);
    let mut skipped = 0;
    while peer.is_open() && !shared.is_stopping.load(Ordering::Acquire) {
        match decoder.read_from(&mut stream) {
            Ok(0) => break,
            Ok(_) => {}
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                continue;
            }
            Err(_) => break,
        }
        if take_in(&mut decoder, peer, shared, &mut out).is_err() {
            shared.counts.broken_streams.add();
            break;
        }
        (skipped..decoder.skipped()).for_each(|_| shared.counts.skipped.add());
        skipped = decoder.skipped();
    }
    peer.close();
}

fn take_in(decoder: &mut Decoder, peer: &Peer, shared: &Shared, out: &mut Encoder) -> Result<(), StreamError> {
    while let Some(frame) = decoder.next_frame()? {
        peer.wishes.version.store(frame.header.version.number() as u8, Ordering::Relaxed);
        match frame.decode() {
            Ok(decoded) => {
                shared.counts.messages.add();
                if peer.respond(&frame, &decoded.message, out) {
                    shared.counts.replaced.add();
                }
                (shared.on_message)(&frame.header, &decoded);
            }
            Err(refusal) => shared.counts.refused(refusal.reason()).add(),
        }
    }
    Ok(())
}
