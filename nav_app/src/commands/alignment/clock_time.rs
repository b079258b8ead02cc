//! The time of a correction as it is written down.

use std::time::{SystemTime, UNIX_EPOCH};

use engine::clock::calendar_day;

/// Now, in UTC: `2026-01-31T09:30:00Z`.
#[allow(clippy::disallowed_methods, reason = "who corrected when is told; a replay takes it from the journal")]
pub fn now() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let ([year, month, day], of_day) = (calendar_day(seconds / 86_400), seconds % 86_400);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}
