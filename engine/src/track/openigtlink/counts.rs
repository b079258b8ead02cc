//! What a connection took in, skipped, refused and lost.

use std::sync::atomic::{AtomicU64, Ordering};

use super::error::Reason;

/// Counters shared by a connection's threads; no lock, no order between them.
#[derive(Debug, Default)]
pub struct Counts {
    /// Messages decoded.
    pub messages: Counter,
    /// Messages of other types, skipped by their size.
    pub skipped: Counter,
    /// Connections dropped because the stream could not be trusted.
    pub broken_streams: Counter,
    /// Connections dropped because the peer fell silent.
    pub silent_peers: Counter,
    /// Connections made.
    pub connections: Counter,
    /// Peers turned away: not on the list, or too many.
    pub turned_away: Counter,
    /// Messages replaced by newer ones before they were read or sent.
    pub replaced: Counter,
    /// Messages without a time stamp.
    pub unstamped: Counter,
    refused: [Counter; Reason::ALL.len()],
}

impl Counts {
    /// The counter of refusals for `reason`.
    #[must_use]
    pub const fn refused(&self, reason: Reason) -> &Counter {
        // The array has one place a reason, so the index is always inside.
        &self.refused[reason as usize]
    }

    /// Refusals for any reason.
    #[must_use]
    pub fn refused_in_all(&self) -> u64 {
        self.refused.iter().map(Counter::get).sum()
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
