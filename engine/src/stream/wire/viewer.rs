//! A viewer's side of the wire.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};
use zenoh::Wait;
use zenoh::pubsub::Subscriber;
use zenoh::sample::SampleKind;

use super::address::{ViewerAddress, prefix};
use super::{WireError, config};
use crate::clock::Clock;
use crate::stream::alignment::question;
use crate::stream::description::{MOST_DESCRIPTION_BYTES, hexadecimal};
use crate::stream::meshes::CHUNK_BYTES;
use crate::stream::{
    IntentKey, Link, LinkCounts, LinkView, SentIntent, SessionDescription, ToldAlignment, ViewerIntent, random_bytes,
};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Pause before the next attempt to connect.
const PAUSE: Duration = Duration::from_millis(100);

/// Times a piece of a surface is asked for.
const TRIES: usize = 5;

/// Largest surface that is fetched, bytes: five million triangles.
const MOST_STL_BYTES: usize = 256 << 20;

/// What is kept for as long as the engine is to be heard.
struct Connected {
    _snapshots: Subscriber<()>,
    _alive: Subscriber<()>,
    zenoh: zenoh::Session,
}

struct Shared {
    link: Mutex<Link>,
    connected: Mutex<Option<Connected>>,
    /// Why there is no connection yet.
    problem: Mutex<String>,
    is_over: AtomicBool,
}

/// A viewer that is connected, or tries to be. Dropping it closes.
pub struct ViewerWire {
    prefix: String,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    sender: u64,
    sent: AtomicU64,
}

impl Drop for ViewerWire {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        // Here and not in a callback of the connection that happens to be the
        // last to know it.
        let connected = lock(&self.shared.connected).take();
        drop(connected);
    }
}

impl ViewerWire {
    /// Starts to connect, and goes on trying while there is no engine. What was
    /// connected once is connected again by Zenoh.
    ///
    /// * `wake` - a thread that is unparked when something came.
    ///
    /// # Errors
    /// [`WireError`] when an address is refused or the system refuses a thread.
    pub fn open(address: &ViewerAddress, clock: Arc<dyn Clock>, wake: Option<Thread>) -> Result<Self, WireError> {
        let prefix = prefix(&address.name)?;
        let config = config::of_viewer(address)?;
        let shared = Arc::new(Shared {
            link: Mutex::new(Link::default()),
            connected: Mutex::new(None),
            problem: Mutex::new("there is no connection yet".into()),
            is_over: AtomicBool::new(false),
        });
        let sender = u64::from_le_bytes(random_bytes()?);
        {
            let (shared, prefix, clock) = (shared.clone(), prefix.clone(), clock.clone());
            let run = move || keep_connecting(&shared, &config, &prefix, &clock, wake.as_ref());
            thread::Builder::new().name("viewer-connect".into()).spawn(run)?;
        }
        Ok(Self { prefix, shared, clock, sender, sent: AtomicU64::new(0) })
    }

    /// What may be shown now.
    #[must_use]
    pub fn view(&self) -> LinkView {
        lock(&self.shared.link).view(self.clock.now())
    }

    /// What came so far.
    #[must_use]
    pub fn counts(&self) -> LinkCounts {
        lock(&self.shared.link).counts()
    }

    /// Asks what the session is.
    ///
    /// # Errors
    /// [`WireError`] when nobody answers, or not as an engine of this schema does.
    pub fn describe(&self) -> Result<SessionDescription, WireError> {
        let (key, bytes) = self.ask("session", None)?;
        if bytes.len() > MOST_DESCRIPTION_BYTES {
            return Err(WireError::Answer { key, why: format!("{} bytes are too long", bytes.len()) });
        }
        serde_json::from_slice(&bytes).map_err(|error| WireError::Answer { key, why: error.to_string() })
    }

    /// Asks for the alignment; `None` while `known` is the newest one's number (0 for none).
    ///
    /// # Errors
    /// [`WireError`] when nobody answers, or with no alignment.
    pub fn alignment(&self, known: u64) -> Result<Option<ToldAlignment>, WireError> {
        let (key, answer) = self.ask("alignment", Some(&question(known)))?;
        ToldAlignment::read(&answer).map_err(|why| WireError::Answer { key, why })
    }

    /// Fetches the surface of a level: binary STL, LPS mm.
    ///
    /// # Errors
    /// [`WireError`] when there is no such level, a piece does not come, or the
    /// whole is not what the description says.
    pub fn surface(&self, description: &SessionDescription, level: u8) -> Result<Vec<u8>, WireError> {
        let wrong = |why: String| WireError::Answer { key: format!("{}/mesh/{level}", self.prefix), why };
        let Some(known) = description.levels.iter().find(|known| known.number == level) else {
            return Err(wrong("the session has no such level".into()));
        };
        if known.stl_bytes > MOST_STL_BYTES || known.chunks != known.stl_bytes.div_ceil(CHUNK_BYTES) {
            return Err(wrong(format!("{} bytes in {} pieces cannot be", known.stl_bytes, known.chunks)));
        }
        let mut stl = Vec::new();
        for index in 0..known.chunks {
            let end = format!("mesh/{level}/{index}");
            // An answer is left out where the network is full.
            let mut piece = self.ask(&end, None);
            for _ in 1..TRIES {
                if piece.is_err() {
                    piece = self.ask(&end, None);
                }
            }
            let (_, piece) = piece?;
            if piece.len() > CHUNK_BYTES {
                return Err(wrong(format!("piece {index} has {} bytes", piece.len())));
            }
            stl.extend_from_slice(&piece);
        }
        let digest: [u8; 32] = Sha256::digest(&stl).into();
        if hexadecimal(&digest) == known.stl_sha256 { Ok(stl) } else { Err(wrong("its SHA-256 is another".into())) }
    }

    /// Asks the engine for something, signed with the session's key.
    ///
    /// # Errors
    /// [`WireError::Refused`] with the engine's reason, or nobody answered.
    pub fn send(&self, intent: ViewerIntent, key: &IntentKey) -> Result<(), WireError> {
        let number = self.sent.fetch_add(1, Ordering::Relaxed) + 1;
        let sent = SentIntent { session: self.view().session, sender: self.sender, number, intent };
        let (key, answer) = self.ask("intent", Some(sent.encode(key).as_slice()))?;
        let answer: Value =
            serde_json::from_slice(&answer).map_err(|error| WireError::Answer { key, why: error.to_string() })?;
        if answer["accepted"] == Value::Bool(true) {
            return Ok(());
        }
        Err(WireError::Refused(answer["reason"].as_str().unwrap_or("it does not say why").into()))
    }

    /// The key that was asked, and the first answer.
    fn ask(&self, end: &str, payload: Option<&[u8]>) -> Result<(String, Vec<u8>), WireError> {
        let key = format!("{}/{end}", self.prefix);
        let zenoh = lock(&self.shared.connected).as_ref().map(|connected| connected.zenoh.clone());
        let Some(zenoh) = zenoh else {
            return Err(WireError::Zenoh { doing: "connect", why: lock(&self.shared.problem).clone() });
        };
        let mut question = zenoh.get(&key).timeout(PATIENCE);
        if let Some(payload) = payload {
            question = question.payload(payload);
        }
        let replies = question.wait().map_err(WireError::zenoh("ask the engine"))?;
        let Ok(reply) = replies.recv() else { return Err(WireError::Silent { key }) };
        match reply.into_result() {
            Ok(sample) => Ok((key, sample.payload().to_bytes().into_owned())),
            Err(error) => {
                let why = String::from_utf8_lossy(&error.payload().to_bytes()).into_owned();
                Err(WireError::Answer { key, why })
            }
        }
    }
}

/// Ends when it is connected, or nobody views any more.
fn keep_connecting(
    shared: &Arc<Shared>,
    config: &zenoh::Config,
    prefix: &str,
    clock: &Arc<dyn Clock>,
    wake: Option<&Thread>,
) {
    while !shared.is_over.load(Ordering::Acquire) {
        match connect(shared, config, prefix, clock, wake) {
            Ok(connected) => {
                let mut place = lock(&shared.connected);
                if !shared.is_over.load(Ordering::Acquire) {
                    *place = Some(connected);
                }
                return;
            }
            Err(error) => *lock(&shared.problem) = error.to_string(),
        }
        thread::sleep(PAUSE);
    }
}

fn connect(
    shared: &Arc<Shared>,
    config: &zenoh::Config,
    prefix: &str,
    clock: &Arc<dyn Clock>,
    wake: Option<&Thread>,
) -> Result<Connected, WireError> {
    let zenoh = zenoh::open(config.clone()).wait().map_err(WireError::zenoh("connect"))?;
    // The viewer holds the subscribers, they must not hold the viewer.
    let (link, wake) = (Arc::downgrade(shared), wake.cloned());
    let with_link = move |change: &dyn Fn(&mut Link)| {
        if let Some(shared) = link.upgrade() {
            change(&mut lock(&shared.link));
            wake.iter().for_each(Thread::unpark);
        }
    };
    let (clock, heard) = (clock.clone(), with_link.clone());
    let snapshots = zenoh
        .declare_subscriber(format!("{prefix}/snapshot"))
        .callback(move |sample| {
            let arrival = clock.now();
            // What is wrong with a frame is counted by the link.
            heard(&|link| {
                link.take(&sample.payload().to_bytes(), arrival).ok();
            });
        })
        .wait()
        .map_err(WireError::zenoh("subscribe to snapshots"))?;
    let alive = zenoh
        .liveliness()
        .declare_subscriber(format!("{prefix}/alive"))
        // Who is not told that the engine is there is not told that it has gone.
        .history(true)
        .callback(move |sample| {
            if sample.kind() == SampleKind::Delete {
                with_link(&Link::engine_gone);
            }
        })
        .wait()
        .map_err(WireError::zenoh("watch the engine"))?;
    Ok(Connected { _snapshots: snapshots, _alive: alive, zenoh })
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here is ever left half changed.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
