//! What a record is about.

/// Kinds of record, by the number in the file. Numbers are never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
#[non_exhaustive]
pub enum RecordKind {
    /// A session begins: versions, machine, case, guidance, limits.
    SessionStart = 1,
    /// A tracker packet as the navigation loop took it in.
    Packet = 2,
    /// A snapshot as it was published, with the time it was made for.
    Snapshot = 3,
    /// The session went from one step to another.
    StateChange = 4,
    /// Something the user has to know.
    Alarm = 5,
    /// What the user asked for.
    Intent = 6,
    /// A registration with its verdict.
    Registration = 7,
    /// A remark in words.
    Note = 8,
    /// Records that were not written, and why.
    Lost = 9,
    /// A torn tail was cut off before this record.
    Recovered = 10,
    /// The session ended in order.
    SessionEnd = 11,
    /// A level was registered by itself.
    LevelRegistration = 12,
    /// The alignment before and now.
    Alignment = 13,
    /// A person moved a landmark or renamed a level.
    Correction = 14,
}

impl RecordKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::SessionStart,
        Self::Packet,
        Self::Snapshot,
        Self::StateChange,
        Self::Alarm,
        Self::Intent,
        Self::Registration,
        Self::Note,
        Self::Lost,
        Self::Recovered,
        Self::SessionEnd,
        Self::LevelRegistration,
        Self::Alignment,
        Self::Correction,
    ];

    /// The number in the file.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The kind of that number.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Whether the writer is woken at once instead of within its next round.
    pub(super) const fn is_urgent(self) -> bool {
        !matches!(self, Self::Packet | Self::Snapshot | Self::Note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_older_journals() {
        for (index, kind) in RecordKind::ALL.into_iter().enumerate() {
            assert_eq!((usize::from(kind.number()), RecordKind::from_number(kind.number())), (index + 1, Some(kind)));
        }
        assert_eq!((RecordKind::from_number(0), RecordKind::from_number(15)), (None, None));
    }
}
