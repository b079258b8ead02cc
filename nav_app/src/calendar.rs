//! The date, for files that say when they were written. No moment of a session: those have stamps of
//! the session's own clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970; 0 on a machine whose clock stands before that.
#[allow(clippy::disallowed_methods, reason = "the date in a file is no moment of a session that is replayed")]
pub fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// Now in UTC, as RFC 3339 writes it.
pub fn now() -> String {
    engine::clock::rfc3339(seconds_since_1970())
}
