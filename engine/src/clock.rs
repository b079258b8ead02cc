//! Time through one door, so that hours can be simulated in seconds.
//!
//! Nothing in the engine reads the system time except [`SystemClock`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use geom::Nanoseconds;

/// A monotonic clock. All stamps of one session come from one clock.
pub trait Clock: Send + Sync {
    /// Nanoseconds since the clock's own start.
    fn now(&self) -> Nanoseconds;
}

/// The machine's monotonic clock, counted from its creation.
#[derive(Debug, Clone)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Nanoseconds {
        // 2^64 ns are 584 years.
        Nanoseconds(u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

/// A clock that moves only when told to; clones share one time.
#[derive(Debug, Clone, Default)]
pub struct VirtualClock(Arc<AtomicU64>);

impl VirtualClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Nanoseconds) {
        self.0.fetch_add(by.0, Ordering::SeqCst);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Nanoseconds {
        Nanoseconds(self.0.load(Ordering::SeqCst))
    }
}

/// One millisecond in nanoseconds.
pub const MILLISECOND_NS: u64 = 1_000_000;

/// Year, month and day of a number of days since 1970 (Hinnant, chrono-compatible low-level date
/// algorithms, 2013).
#[must_use]
pub const fn civil_date(days: u64) -> [u64; 3] {
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    [year_of_era + era * 400 + (month <= 2) as u64, month, day]
}

/// A time of day in UTC as RFC 3339 writes it, from the seconds since 1970.
#[must_use]
pub fn rfc3339(seconds: u64) -> String {
    let ([year, month, day], rest) = (civil_date(seconds / 86_400), seconds % 86_400);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_the_date_that_a_calendar_has() {
        assert_eq!(
            [civil_date(0), civil_date(19_782), civil_date(20_454)],
            [[1970, 1, 1], [2024, 2, 29], [2026, 1, 1]]
        );
        assert_eq!(rfc3339(1_000_000_000), "2001-09-09T01:46:40Z");
    }
}
