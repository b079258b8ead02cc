//! What is wrong, as flags: raised, shown and journalled without allocating.

use std::fmt;

/// Something a person should know. Every alarm is shown for as long as it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Alarm {
    /// No packet came for too long.
    TrackerSilent = 0,
    /// The same packet comes again and again.
    Duplicated = 1,
    /// Packets come in the wrong order.
    Reordered = 2,
    /// The tracker's clock jumped forward.
    ClockForward = 3,
    /// The tracker's clock jumped back.
    ClockBack = 4,
    /// Packets reach us long after they were measured.
    Delayed = 5,
    /// The patient reference is not seen.
    ReferenceLost = 6,
    /// The patient reference's pose does not change in any bit.
    ReferenceFrozen = 7,
    /// The patient reference moved as no patient does.
    ReferenceImplausible = 8,
    /// The patient reference moved against the bone: slowly or by a bump.
    Drift = 9,
    /// Two instruments exchanged their places.
    ToolsSwapped = 10,
    /// The tracker reports an instrument this session does not know.
    UnknownTool = 11,
    /// A landmark check is due.
    LandmarkCheckDue = 12,
    /// Packets were lost because the loop fell behind.
    PacketsDropped = 13,
    /// The journal cannot be written.
    JournalFailed = 14,
    /// The tracker refused, or the door refused, poses of it.
    PosesRefused = 15,
    /// Packets come at much less than the usual rate.
    RateLow = 16,
    /// Packets are missing: their numbers leave gaps.
    PacketsMissing = 17,
}

impl Alarm {
    /// All alarms, in the order of their numbers.
    pub const ALL: [Self; 18] = [
        Self::TrackerSilent,
        Self::Duplicated,
        Self::Reordered,
        Self::ClockForward,
        Self::ClockBack,
        Self::Delayed,
        Self::ReferenceLost,
        Self::ReferenceFrozen,
        Self::ReferenceImplausible,
        Self::Drift,
        Self::ToolsSwapped,
        Self::UnknownTool,
        Self::LandmarkCheckDue,
        Self::PacketsDropped,
        Self::JournalFailed,
        Self::PosesRefused,
        Self::RateLow,
        Self::PacketsMissing,
    ];

    /// One line for the screen: what is wrong and what to do.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::TrackerSilent => "the tracker is silent: check its cable, power and network",
            Self::Duplicated => "the tracker repeats itself: restart its server",
            Self::Reordered => "packets come in the wrong order: check the network path to the tracker",
            Self::ClockForward => {
                "the tracker's clock jumped forward: wait a second, restart its server if it persists"
            }
            Self::ClockBack => "the tracker's clock jumped back: wait a second, restart its server if it persists",
            Self::Delayed => "poses arrive late: check the network path to the tracker",
            Self::ReferenceLost => "the patient reference is not seen: clear the line of sight",
            Self::ReferenceFrozen => "the patient reference's pose is frozen: restart the tracker's server",
            Self::ReferenceImplausible => "the patient reference jumped: check that it is fixed, then a landmark",
            Self::Drift => "the patient reference moved against the bone: check a landmark or register again",
            Self::ToolsSwapped => "two instruments changed places: check which array is on which instrument",
            Self::UnknownTool => "the tracker reports an unknown instrument: check the tool configuration",
            Self::LandmarkCheckDue => "touch a landmark to check the registration",
            Self::PacketsDropped => "the computer falls behind the tracker: close other programs",
            Self::JournalFailed => "the journal cannot be written: check the disk",
            Self::PosesRefused => "poses that are no rigid motion were refused: check the tracker's server",
            Self::RateLow => "the tracker sends fewer poses than usual: check its server and network",
            Self::PacketsMissing => "packets are lost on the way: check the network path to the tracker",
        }
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.advice())
    }
}

/// A set of alarms.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Alarms(u32);

impl Alarms {
    /// The set with one more alarm.
    #[must_use]
    pub const fn with(self, alarm: Alarm) -> Self {
        Self(self.0 | 1 << alarm as u8)
    }

    /// Adds an alarm when `holds`.
    pub fn raise_if(&mut self, alarm: Alarm, holds: bool) {
        if holds {
            *self = self.with(alarm);
        }
    }

    /// Alarms in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True when the alarm is raised.
    #[must_use]
    pub const fn has(self, alarm: Alarm) -> bool {
        self.0 & 1 << alarm as u8 != 0
    }

    /// True when nothing is wrong.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The raised alarms, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Alarm> {
        Alarm::ALL.into_iter().filter(move |alarm| self.has(*alarm))
    }

    /// The set as bits, bit `alarm as u8` for each.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The set from bits; `None` when a bit stands for no alarm.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Option<Self> {
        if bits >> Alarm::ALL.len() == 0 { Some(Self(bits)) } else { None }
    }
}

impl fmt::Debug for Alarms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alarm_has_its_own_bit_and_says_what_to_do() {
        let all = Alarm::ALL.into_iter().fold(Alarms::default(), Alarms::with);
        assert_eq!(all.iter().count(), Alarm::ALL.len());
        for (number, alarm) in Alarm::ALL.into_iter().enumerate() {
            assert_eq!(alarm as usize, number);
            assert!(alarm.advice().contains(':') || alarm == Alarm::LandmarkCheckDue);
        }
        assert_eq!(Alarms::from_bits(all.bits()), Some(all));
        assert_eq!(Alarms::from_bits(1 << Alarm::ALL.len()), None);
    }
}
