//! Packets and snapshots as content: the words they consist of, without the
//! instruments that are not there.

use super::payload::{Fields, Layout, Payload};
use crate::rt::{Snapshot, WordReader, WordWriter, Words};
use crate::track::{MAX_TOOLS, TrackerPacket};

/// No value that is stored has more words; tests watch it.
const MOST_WORDS: usize = 160;

/// A value whose last words are instruments, all of the same length.
pub(crate) trait Recorded: Words + Default {
    /// Instruments it holds.
    fn tools(&self) -> usize;

    /// Words that are stored.
    fn stored_words(&self) -> usize {
        Self::words_for(self.tools())
    }

    /// Words that are stored for `tools` instruments.
    fn words_for(tools: usize) -> usize;
}

impl Recorded for TrackerPacket {
    fn tools(&self) -> usize {
        self.tools.len()
    }

    fn words_for(tools: usize) -> usize {
        Self::LEN - 9 * MAX_TOOLS.saturating_sub(tools)
    }
}

impl Recorded for Snapshot {
    fn tools(&self) -> usize {
        self.tools.len()
    }

    fn words_for(tools: usize) -> usize {
        Self::LEN - crate::rt::ToolView::LEN * MAX_TOOLS.saturating_sub(tools)
    }
}

/// All words of a value.
pub(super) fn words<T: Words>(value: &T) -> [u64; MOST_WORDS] {
    let mut words = [0; MOST_WORDS];
    value.write(&mut WordWriter::new(&mut words));
    words
}

/// Appends a value.
pub(crate) fn write<T: Recorded>(payload: &mut Payload, value: &T) {
    for word in words(value).iter().take(value.stored_words()) {
        payload.u64(*word);
    }
}

/// Takes a value that fills the rest of the content.
pub(crate) fn read<T: Recorded>(fields: &mut Fields<'_>) -> Layout<T> {
    // Instruments that are not stored read as those of an empty value.
    let mut words = words(&T::default());
    let mut stored = 0;
    while fields.end().is_err() {
        let place = words.get_mut(stored).ok_or("it has too many words")?;
        *place = fields.u64()?;
        stored += 1;
    }
    let value = T::read(&mut WordReader::new(&words)).ok_or("its words are no such value")?;
    if value.stored_words() == stored { Ok(value) } else { Err("it has not the words its instruments need") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::{Missing, ToolId};
    use geom::{Nanoseconds, Tool, Tracker, Transform, Vector};

    fn packet(tools: u16) -> TrackerPacket {
        let mut packet = TrackerPacket::new(7, Nanoseconds(8), Nanoseconds(9));
        for id in 0..tools {
            let pose = Transform::<Tracker, Tool>::from_translation(Vector::new(f64::from(id), -0.0, 1.0));
            packet = packet.with_tool(ToolId(id), if id == 1 { Err(Missing::Occluded) } else { Ok(pose) });
        }
        packet
    }

    #[test]
    fn packets_of_any_number_of_tools_come_back_bit_for_bit() {
        const { assert!(TrackerPacket::LEN <= MOST_WORDS && Snapshot::LEN <= MOST_WORDS) };
        for tools in 0..=8 {
            let mut payload = Payload::default();
            write(&mut payload, &packet(tools));
            assert_eq!(payload.as_slice().len(), 8 * (14 + 9 * usize::from(tools)));
            let back: TrackerPacket = read(&mut Fields::new(payload.as_slice())).unwrap();
            assert_eq!(words(&back), words(&packet(tools)));
            let cut = payload.as_slice().len() - 8;
            assert!(read::<TrackerPacket>(&mut Fields::new(&payload.as_slice()[..cut])).is_err());
        }
    }

    /// Whoever changes the words of a packet or snapshot changes the file:
    /// raise [`super::super::format::SCHEMA`], keep reading the old ones, and
    /// only then change the numbers here.
    #[test]
    fn the_words_are_those_of_schema_1() {
        assert_eq!((TrackerPacket::LEN, Snapshot::LEN, crate::rt::ToolView::LEN), (86, 86, 10));
        let stored = words(&packet(2));
        assert_eq!(stored[..5], [7, 8, 9, 9, 9]);
        assert_eq!((stored[5], stored[13], stored[14], stored[23], stored[24]), (1, 2, 0, 1, 2));
    }
}
