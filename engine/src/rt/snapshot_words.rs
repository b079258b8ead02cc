//! [`Snapshot`] as words.

use super::snapshot::{Snapshot, ToolView};
use super::words::{WordReader, WordWriter, Words, nth};
use crate::level::Level;
use crate::register::Verdict;
use crate::safety::{Alarms, CheckState, DegradedReason, SessionState, ToolReason, ToolState};
use crate::track::{MAX_TOOLS, ToolId, ToolList};

/// Session states by number. New ones come last: journals keep the numbers.
pub(crate) const SESSIONS: [SessionState; 15] = [
    SessionState::NoImage,
    SessionState::Segmented,
    SessionState::Registered(Verdict::Accept),
    SessionState::Registered(Verdict::Doubtful),
    SessionState::Navigating,
    SessionState::Degraded(DegradedReason::ToolLost),
    SessionState::Degraded(DegradedReason::ReferenceLost),
    SessionState::Degraded(DegradedReason::StreamFault),
    SessionState::Degraded(DegradedReason::ClockJumped),
    SessionState::Degraded(DegradedReason::Drift),
    SessionState::Degraded(DegradedReason::CheckFailed),
    SessionState::Stopped,
    SessionState::Degraded(DegradedReason::Doubtful),
    SessionState::Degraded(DegradedReason::Restarted),
    SessionState::Degraded(DegradedReason::Moved),
];

pub(crate) const STATES: [ToolState; 5] =
    [ToolState::Live, ToolState::Stale, ToolState::Lost, ToolState::Frozen, ToolState::Implausible];

/// Flags in a tool's first word.
const HAS_POSE: u64 = 1 << 40;
const IS_PREDICTED: u64 = 1 << 41;
const HAS_DISTANCE: u64 = 1 << 42;
const HAS_ERROR: u64 = 1 << 43;

fn number_of<T: PartialEq>(all: &[T], value: &T) -> u64 {
    all.iter().position(|v| v == value).map_or(u64::MAX, |i| i as u64)
}

impl Words for ToolView {
    const LEN: usize = 1 + 1 + 7 + 1;

    fn write(&self, words: &mut WordWriter<'_>) {
        // Bits 0-15 number, 16-23 state, 24-31 reason, 32-39 level, then flags.
        let reason = self.reason.map_or(0, |reason| 1 + number_of(&ToolReason::ALL, &reason));
        let flags = [
            (self.ct_from_tip.is_some(), HAS_POSE),
            (self.is_predicted, IS_PREDICTED),
            (self.bone_distance_mm.is_some(), HAS_DISTANCE),
            (self.predicted_tre_mm.is_some(), HAS_ERROR),
        ];
        let flags = flags.iter().filter(|(is_set, _)| *is_set).fold(0, |word, (_, flag)| word | flag);
        let level = self.nearest_level.map_or(0, |level| u64::from(level.number()));
        let state = number_of(&STATES, &self.state);
        words.word(u64::from(self.id.0) | state << 16 | reason << 24 | level << 32 | flags);
        words.time(self.measured);
        words.pose(self.ct_from_tip);
        words.floats(self.bone_distance_mm.unwrap_or_default(), self.predicted_tre_mm.unwrap_or_default());
    }

    fn read(words: &mut WordReader<'_>) -> Option<Self> {
        let first = words.word()?;
        let byte = |shift: u32| first >> shift & 0xff;
        let measured = words.time()?;
        let pose = words.pose()?;
        let [distance_mm, error_mm] = words.floats()?;
        let has = |flag: u64| first & flag != 0;
        Some(Self {
            id: ToolId((first & 0xffff) as u16),
            state: nth(&STATES, byte(16))?,
            reason: if byte(24) == 0 { None } else { Some(nth(&ToolReason::ALL, byte(24) - 1)?) },
            measured,
            ct_from_tip: has(HAS_POSE).then_some(pose),
            is_predicted: has(IS_PREDICTED),
            bone_distance_mm: has(HAS_DISTANCE).then_some(distance_mm),
            nearest_level: if byte(32) == 0 { None } else { Some(Level::from_number(byte(32) as u8)?) },
            predicted_tre_mm: has(HAS_ERROR).then_some(error_mm),
        })
    }
}

impl Words for CheckState {
    const LEN: usize = 1;

    fn write(&self, words: &mut WordWriter<'_>) {
        // Bits 0-7 found, 8-15 needed, 16 whether one was touched, 32-63 how far off.
        let last = self.last_mm.map_or(0, |mm| 1 << 16 | u64::from(mm.to_bits()) << 32);
        words.word(u64::from(self.found) | u64::from(self.needed) << 8 | last);
    }

    fn read(words: &mut WordReader<'_>) -> Option<Self> {
        let word = words.word()?;
        let last_mm = (word & 1 << 16 != 0).then(|| f32::from_bits((word >> 32) as u32));
        Some(Self { found: (word & 0xff) as u8, needed: (word >> 8 & 0xff) as u8, last_mm })
    }
}

impl Words for Snapshot {
    const LEN: usize = 6 + ToolView::LEN * MAX_TOOLS;

    fn write(&self, words: &mut WordWriter<'_>) {
        words.word(self.sequence);
        for time in [self.source_time, self.arrival_time, self.published] {
            words.time(time);
        }
        // Bits 0-7 session, 8-15 reference, 16-23 tools, 32-63 alarms.
        let (session, reference) = (number_of(&SESSIONS, &self.session), number_of(&STATES, &self.reference));
        let count = self.tools.len() as u64;
        words.word((session & 0xff) | reference << 8 | count << 16 | u64::from(self.alarms.bits()) << 32);
        self.check.write(words);
        for index in 0..MAX_TOOLS {
            self.tools.get(index).copied().unwrap_or_default().write(words);
        }
    }

    fn read(words: &mut WordReader<'_>) -> Option<Self> {
        let sequence = words.word()?;
        let [source_time, arrival_time, published] = [words.time()?, words.time()?, words.time()?];
        let state = words.word()?;
        let check = CheckState::read(words)?;
        let mut tools = [ToolView::default(); MAX_TOOLS];
        for tool in &mut tools {
            *tool = ToolView::read(words)?;
        }
        let tools = ToolList::from_slots(tools, state >> 16 & 0xff)?;
        Some(Self {
            sequence,
            source_time,
            arrival_time,
            published,
            session: nth(&SESSIONS, state & 0xff)?,
            reference: nth(&STATES, state >> 8 & 0xff)?,
            alarms: Alarms::from_bits((state >> 32) as u32)?,
            check,
            tools,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::safety::Alarm;
    use geom::{Nanoseconds, Transform, Vector};

    fn through_words(snapshot: &Snapshot) -> Option<Snapshot> {
        let mut words = [0; Snapshot::LEN];
        let mut writer = WordWriter::new(&mut words);
        snapshot.write(&mut writer);
        assert_eq!(writer.written(), Snapshot::LEN);
        Snapshot::read(&mut WordReader::new(&words))
    }

    #[test]
    fn a_snapshot_comes_back_as_it_was_in_every_state() {
        let view = ToolView {
            id: ToolId(65_535),
            measured: Nanoseconds(u64::MAX),
            ct_from_tip: Some(Transform::from_translation(Vector::new(1.0, 2.0, 1.0 / 3.0))),
            is_predicted: true,
            bone_distance_mm: Some(-1.25),
            nearest_level: Level::from_number(28),
            predicted_tre_mm: Some(0.1),
            ..ToolView::default()
        };
        for (session, state) in SESSIONS.into_iter().flat_map(|s| STATES.map(|state| (s, state))) {
            for reason in ToolReason::ALL.into_iter().map(Some).chain([None]) {
                let tools = ToolList::from_slice(&[ToolView { state, reason, ..view }, ToolView::default()]).unwrap();
                let alarms = Alarms::default().with(Alarm::Drift).with(Alarm::PacketsMissing);
                let check = CheckState { found: 2, needed: 3, last_mm: reason.map(|_| 0.75) };
                let snapshot =
                    Snapshot { sequence: 3, session, reference: state, alarms, check, tools, ..Snapshot::default() };
                assert_eq!(through_words(&snapshot), Some(snapshot));
            }
        }
    }

    #[test]
    fn every_reason_to_be_degraded_has_a_number() {
        for reason in DegradedReason::ALL {
            assert!(SESSIONS.contains(&SessionState::Degraded(reason)), "{reason:?}");
        }
    }

    #[test]
    fn words_that_are_no_snapshot_are_refused() {
        let mut words = [0; Snapshot::LEN];
        assert!(Snapshot::read(&mut WordReader::new(&words)).is_some());
        for wrong in [0xff, 0xff << 8, 9 << 16, 1 << 63] {
            words[4] = wrong;
            assert!(Snapshot::read(&mut WordReader::new(&words)).is_none(), "{wrong:x}");
        }
    }
}
