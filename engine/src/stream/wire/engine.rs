//! The engine's side of the wire.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use serde_json::json;
use zenoh::Wait;
use zenoh::bytes::Encoding;
use zenoh::liveliness::LivelinessToken;
use zenoh::qos::{CongestionControl, Priority};
use zenoh::query::{Query, Queryable};

use super::address::{EngineAddress, prefix};
use super::{WireError, config};
use crate::clock::Clock;
use crate::journal::Intent;
use crate::rt::{Reader, Snapshot};
use crate::stream::{
    Feed, FeedCounts, Gate, GateCounts, GateLimits, IntentKey, LevelMeshes, SessionDescription, ToldAlignment,
};

/// Least time between two snapshots on the wire: above the rate of trackers
/// and displays, below what floods a slow observer.
pub const LEAST_INTERVAL: Duration = Duration::from_millis(3);

/// What a running engine offers on the wire.
pub struct Offer {
    /// What the session is.
    pub description: SessionDescription,
    /// The bone.
    pub meshes: LevelMeshes,
    /// The snapshots.
    pub snapshots: Reader<Snapshot>,
    /// The newest alignment, where it is followed.
    pub alignment: Option<Box<dyn Fn() -> ToldAlignment + Send + Sync>>,
    /// Hands an intent to the loop; false when the loop is busy.
    pub tell: Box<dyn Fn(Intent) -> bool + Send + Sync>,
}

/// A listening engine. Dropping it takes its liveliness away and closes.
pub struct EngineWire {
    prefix: String,
    session: u64,
    // Fields are dropped in this order: the token first.
    token: Option<LivelinessToken>,
    answers: Vec<Queryable<()>>,
    feed: Feed,
    gate: Arc<Mutex<Gate>>,
    zenoh: zenoh::Session,
}

impl EngineWire {
    /// Listens. Nothing is offered before [`Self::offer`].
    ///
    /// * `session` - a number drawn at random ([`crate::stream::random_bytes`]).
    /// * `key` - signs the intents of this session.
    ///
    /// # Errors
    /// [`WireError`] when an address is refused or cannot be listened on.
    pub fn open(address: &EngineAddress, session: u64, key: IntentKey) -> Result<Self, WireError> {
        let prefix = prefix(&address.name)?;
        let zenoh = zenoh::open(config::of_engine(address)?).wait().map_err(WireError::zenoh("listen"))?;
        let publisher = zenoh
            .declare_publisher(format!("{prefix}/snapshot"))
            .congestion_control(CongestionControl::Drop)
            .priority(Priority::RealTime)
            .express(true)
            .wait()
            .map_err(WireError::zenoh("publish snapshots"))?;
        let transport = move |frame: &[u8]| publisher.put(frame).wait().is_ok();
        let feed = Feed::start(session, LEAST_INTERVAL, transport)?;
        let gate = Arc::new(Mutex::new(Gate::new(key, session, GateLimits::default())));
        Ok(Self { prefix, session, token: None, answers: Vec::new(), feed, gate, zenoh })
    }

    /// The session's number.
    #[must_use]
    pub const fn session(&self) -> u64 {
        self.session
    }

    /// The thread to wake after a snapshot.
    #[must_use]
    pub fn thread(&self) -> Option<Thread> {
        self.feed.thread()
    }

    /// Offers a session: snapshots, answers, and that the engine is alive.
    ///
    /// # Errors
    /// [`WireError`] when Zenoh refuses.
    pub fn offer(&mut self, offer: Offer, clock: Arc<dyn Clock>) -> Result<(), WireError> {
        let description = serde_json::to_vec(&offer.description)
            .map_err(|error| WireError::Answer { key: "session".into(), why: error.to_string() })?;
        self.answer("session", move |query| reply(query, description.clone(), Encoding::APPLICATION_JSON))?;
        let meshes = offer.meshes;
        self.answer("mesh/*/*", move |query| {
            let piece = piece_of(query.key_expr().as_str()).and_then(|(level, index)| meshes.chunk(level, index));
            match piece {
                Some(piece) => reply(query, piece.to_vec(), Encoding::APPLICATION_OCTET_STREAM),
                // One that asks for nothing there is, or for all at once.
                None => {
                    query.reply_err("there is no such piece of a surface").wait().ok();
                }
            }
        })?;
        if let Some(newest) = offer.alignment {
            self.answer("alignment", move |query| {
                let known = query.payload().map(|payload| payload.to_bytes()).unwrap_or_default();
                reply(query, newest().answer(&known), Encoding::APPLICATION_JSON);
            })?;
        }
        let (gate, tell) = (self.gate.clone(), offer.tell);
        self.answer("intent", move |query| {
            let bytes = query.payload().map(|payload| payload.to_bytes()).unwrap_or_default();
            let mut gate = gate.lock().unwrap_or_else(PoisonError::into_inner);
            let answer = match gate.take(&bytes, clock.now(), &tell) {
                Ok(()) => json!({ "accepted": true }),
                Err(refused) => json!({ "accepted": false, "reason": refused.to_string() }),
            };
            drop(gate);
            reply(query, answer.to_string().into_bytes(), Encoding::APPLICATION_JSON);
        })?;
        let alive = self.zenoh.liveliness().declare_token(format!("{}/alive", self.prefix)).wait();
        self.token = Some(alive.map_err(WireError::zenoh("say that the engine is alive"))?);
        // Last: whoever sees a snapshot can see that the engine is alive.
        self.feed.read_from(offer.snapshots);
        Ok(())
    }

    fn answer(&mut self, end: &str, answer: impl Fn(&Query) + Send + Sync + 'static) -> Result<(), WireError> {
        let answering = self
            .zenoh
            .declare_queryable(format!("{}/{end}", self.prefix))
            .callback(move |query| answer(&query))
            .wait()
            .map_err(WireError::zenoh("answer questions"))?;
        self.answers.push(answering);
        Ok(())
    }

    /// Snapshots sent so far.
    #[must_use]
    pub fn sent(&self) -> FeedCounts {
        self.feed.counts()
    }

    /// Intents taken and refused so far.
    #[must_use]
    pub fn intents(&self) -> GateCounts {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner).counts()
    }
}

fn reply(query: &Query, bytes: Vec<u8>, encoding: Encoding) {
    // Who does not take its answer asks again.
    query.reply(query.key_expr().clone(), bytes).encoding(encoding).wait().ok();
}

/// Level and piece in `.../mesh/LEVEL/PIECE`.
fn piece_of(key: &str) -> Option<(u8, usize)> {
    let mut parts = key.rsplit('/');
    let index = parts.next()?.parse().ok()?;
    let level = parts.next()?.parse().ok()?;
    (parts.next()? == "mesh").then_some((level, index))
}

#[cfg(test)]
mod tests {
    use super::piece_of;

    #[test]
    fn only_a_level_and_a_piece_name_something() {
        assert_eq!(piece_of("spinenav/1/engine/mesh/22/3"), Some((22, 3)));
        for wrong in ["spinenav/1/engine/mesh/*/*", "mesh/22", "x/22/3", "mesh/300/0", "mesh/22/-1", "**", ""] {
            assert_eq!(piece_of(wrong), None, "{wrong}");
        }
    }
}
