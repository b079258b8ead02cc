//! [`TrackerPacket`] as words.

use geom::Frame;

use super::packet::{Measured, Missing, ToolId, ToolSlot, TrackerPacket};
use super::tool_list::{MAX_TOOLS, ToolList};
use crate::rt::{WordReader, WordWriter, Words, nth};

const MISSING: [Missing; 5] =
    [Missing::NotReported, Missing::Occluded, Missing::PartialMarkers, Missing::OutOfVolume, Missing::Refused];

/// 0 for a pose, 1 and up for the reason there is none.
fn reason_number<F: Frame>(measured: &Measured<F>) -> u64 {
    measured.err().and_then(|reason| MISSING.iter().position(|m| *m == reason)).map_or(0, |i| i as u64 + 1)
}

fn write<F: Frame>(measured: &Measured<F>, words: &mut WordWriter<'_>) {
    words.word(reason_number(measured));
    words.pose(measured.ok());
}

fn read<F: Frame>(words: &mut WordReader<'_>) -> Option<Measured<F>> {
    let number = words.word()?;
    let pose = words.pose()?;
    Some(if number == 0 { Ok(pose) } else { Err(nth(&MISSING, number - 1)?) })
}

impl Words for TrackerPacket {
    const LEN: usize = 5 + 8 + 1 + 9 * MAX_TOOLS;

    fn write(&self, words: &mut WordWriter<'_>) {
        words.word(self.sequence);
        for time in [self.source_time, self.arrival_time, self.decoded_time, self.session_time] {
            words.time(time);
        }
        write(&self.tracker_from_patient, words);
        words.word(self.tools.len() as u64);
        for index in 0..MAX_TOOLS {
            let slot = self.tools.get(index).copied().unwrap_or_default();
            words.word(u64::from(slot.id.0));
            write(&slot.tracker_from_tool, words);
        }
    }

    fn read(words: &mut WordReader<'_>) -> Option<Self> {
        let sequence = words.word()?;
        let [source_time, arrival_time, decoded_time, session_time] =
            [words.time()?, words.time()?, words.time()?, words.time()?];
        let tracker_from_patient = read(words)?;
        let count = words.word()?;
        let mut slots = [ToolSlot::default(); MAX_TOOLS];
        for slot in &mut slots {
            let id = ToolId(u16::try_from(words.word()?).ok()?);
            *slot = ToolSlot { id, tracker_from_tool: read(words)? };
        }
        let tools = ToolList::from_slots(slots, count)?;
        Some(Self { sequence, source_time, arrival_time, decoded_time, session_time, tracker_from_patient, tools })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geom::{Nanoseconds, Transform, Vector};

    #[test]
    fn a_packet_comes_back_as_it_was() {
        let pose = Transform::from_translation(Vector::new(1.0, 2.0, 1.0 / 3.0));
        let mut packet = TrackerPacket::new(7, Nanoseconds(8), Nanoseconds(9))
            .with_tool(ToolId(3), Ok(pose))
            .with_tool(ToolId(9), Err(Missing::OutOfVolume));
        packet.tracker_from_patient = Ok(Transform::from_translation(Vector::new(0.1, 0.2, 0.3)));
        packet.decoded_time = Nanoseconds(10);
        let mut words = [0; TrackerPacket::LEN];
        let mut writer = WordWriter::new(&mut words);
        packet.write(&mut writer);
        assert_eq!(writer.written(), TrackerPacket::LEN);
        assert_eq!(TrackerPacket::read(&mut WordReader::new(&words)), Some(packet));
    }

    #[test]
    fn words_that_are_no_packet_are_refused() {
        let mut words = [0; TrackerPacket::LEN];
        words[13] = 9;
        assert!(TrackerPacket::read(&mut WordReader::new(&words)).is_none(), "nine tools");
        words[13] = 0;
        words[5] = 6;
        assert!(TrackerPacket::read(&mut WordReader::new(&words)).is_none(), "no such reason");
        assert!(TrackerPacket::read(&mut WordReader::new(&words[1..])).is_none(), "too short");
    }
}
