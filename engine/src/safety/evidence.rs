//! Counting suspicious events that honest links also produce now and then.

use geom::Nanoseconds;

/// A leaky count: one odd packet is noise, several close together are a fault.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    level: f32,
    until: Nanoseconds,
    hold: Nanoseconds,
}

impl Evidence {
    /// Level from which it counts. Two odd packets reach it within 200 ms at
    /// 20 Hz, even when every other packet is good.
    pub const ENOUGH: f32 = 2.0;
    /// Level lost with every good packet; 5 % odd packets are in balance.
    const LEAK: f32 = 0.05;
    /// Level it does not exceed, so that it also ends.
    const MOST: f32 = 3.0;

    /// No evidence yet; once enough, it holds for `hold`.
    #[must_use]
    pub const fn new(hold: Nanoseconds) -> Self {
        Self { level: 0.0, until: Nanoseconds(0), hold }
    }

    /// Something odd happened at `now`.
    pub fn hit(&mut self, weight: f32, now: Nanoseconds) {
        self.level = (self.level + weight).min(Self::MOST);
        // A hair less than the sum, as the leak runs between the hits.
        if self.level >= Self::ENOUGH - 0.5 {
            self.until = now + self.hold;
        }
    }

    /// A good packet came.
    pub fn relax(&mut self) {
        self.level = (self.level - Self::LEAK).max(0.0);
    }

    /// True while there is enough.
    #[must_use]
    pub fn is_enough(&self, now: Nanoseconds) -> bool {
        now < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_odd_packet_in_a_hundred_is_no_fault_and_two_together_are() {
        let mut evidence = Evidence::new(Nanoseconds(10));
        for i in 0..100_000 {
            if i % 100 == 0 {
                evidence.hit(1.0, Nanoseconds(i))
            } else {
                evidence.relax()
            }
            assert!(!evidence.is_enough(Nanoseconds(i)));
        }
        (0..2).for_each(|_| evidence.hit(1.0, Nanoseconds(100_000)));
        assert!(evidence.is_enough(Nanoseconds(100_009)) && !evidence.is_enough(Nanoseconds(100_010)));
    }
}
