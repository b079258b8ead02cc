//! Time stamps of the wire: seconds and binary fraction, 32 bits each.

use geom::Nanoseconds;

const NS_PER_S: u64 = 1_000_000_000;

/// A 32.32 fixed-point time of the sender's clock, by convention seconds since
/// 1970 in UTC. Zero means that the sender set none.
///
/// A step is 0.23 ns, so whole nanoseconds survive a round trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// No time given.
    pub const UNSET: Self = Self(0);

    /// `time` as a stamp; what exceeds 2^32 s (136 years) is cut to that.
    #[must_use]
    pub fn from_nanoseconds(time: Nanoseconds) -> Self {
        let (seconds, rest) = (time.0 / NS_PER_S, time.0 % NS_PER_S);
        if seconds > u64::from(u32::MAX) {
            return Self(u64::MAX);
        }
        // Below 2^32 because rest < 10^9, so the halves cannot run into each other.
        let fraction = ((rest << 32) + NS_PER_S / 2) / NS_PER_S;
        Self((seconds << 32) | fraction)
    }

    /// Nanoseconds since the sender's zero, rounded.
    #[must_use]
    pub const fn nanoseconds(self) -> Nanoseconds {
        let (seconds, fraction) = (self.0 >> 32, self.0 & 0xffff_ffff);
        Nanoseconds(seconds * NS_PER_S + ((fraction * NS_PER_S + (1 << 31)) >> 32))
    }

    /// True when the sender gave a time.
    #[must_use]
    pub const fn is_set(self) -> bool {
        self.0 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_survive_the_wire() {
        for ns in [0, 1, 4, 999_999_999, 1_000_000_000, 1_700_000_000_250_000_001, 4_294_967_295_999_999_999] {
            assert_eq!(Timestamp::from_nanoseconds(Nanoseconds(ns)).nanoseconds(), Nanoseconds(ns), "{ns}");
        }
    }

    #[test]
    fn a_quarter_second_is_the_second_highest_bit() {
        assert_eq!(Timestamp::from_nanoseconds(Nanoseconds(250_000_000)).0, 0x4000_0000);
    }
}
