//! A recorded session as a tracker.

use std::path::Path;

use geom::Nanoseconds;

use super::entry::Entry;
use super::error::JournalError;
use super::kind::RecordKind;
use super::reader::{ReadLimits, Reader};
use crate::clock::MILLISECOND_NS;
use crate::track::{Source, TrackerPacket};

/// Pause between the last packet of a session and the first of the next one.
const PAUSE_NS: u64 = 1000 * MILLISECOND_NS;

/// Plays the packets of a journal with their original spacing in time, from
/// the moment it is first polled.
///
/// Source times and sequence numbers stay those of the recording. The journal
/// is read one record ahead; damage ends the stream and is told by
/// [`Self::problem`].
#[derive(Debug)]
pub struct JournalSource {
    reader: Reader,
    name: String,
    next: Option<TrackerPacket>,
    /// Recorded time that plays at `base`; `None` before the first packet of a
    /// session.
    recorded_base: Option<Nanoseconds>,
    /// When the playing of this session began, on the player's clock.
    base: Option<Nanoseconds>,
    problem: Option<JournalError>,
}

impl JournalSource {
    /// Opens the journal in `folder`.
    ///
    /// # Errors
    /// [`JournalError`] when there is no journal or its first packet cannot be
    /// read.
    pub fn open(folder: &Path, limits: ReadLimits) -> Result<Self, JournalError> {
        let name = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let reader = Reader::open(folder, limits)?;
        let mut source = Self { reader, name, next: None, recorded_base: None, base: None, problem: None };
        source.read_ahead();
        match source.problem.take() {
            Some(problem) => Err(problem),
            None => Ok(source),
        }
    }

    /// Why the stream ended before the journal did.
    #[must_use]
    pub const fn problem(&self) -> Option<&JournalError> {
        self.problem.as_ref()
    }

    /// True when every packet was played.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.next.is_none()
    }

    /// When the packet read ahead plays.
    fn due(&self, packet: &TrackerPacket) -> Nanoseconds {
        let played = packet.arrival_time.0.saturating_sub(self.recorded_base.unwrap_or_default().0);
        Nanoseconds(self.base.unwrap_or_default().0.saturating_add(played))
    }

    fn read_ahead(&mut self) {
        let last_due = self.next.take().map(|packet| self.due(&packet));
        while let Some(record) = self.reader.next() {
            let entry = match record {
                Ok(record) if record.kind == RecordKind::Packet => self.reader.entry(&record),
                Ok(record) => {
                    if record.kind == RecordKind::SessionStart && self.recorded_base.take().is_some() {
                        self.base = last_due.map(|due| Nanoseconds(due.0.saturating_add(PAUSE_NS)));
                    }
                    continue;
                }
                Err(error) => Err(error),
            };
            match entry {
                Ok(Entry::Packet(packet)) => {
                    self.recorded_base.get_or_insert(packet.arrival_time);
                    self.next = Some(*packet);
                    return;
                }
                Ok(_) => {}
                Err(problem) => {
                    tracing::warn!("the recording ends early: {problem}");
                    self.problem = Some(problem);
                    return;
                }
            }
        }
    }
}

impl Source for JournalSource {
    fn description(&self) -> String {
        format!("recording {}", self.name)
    }

    fn poll(&mut self, now: Nanoseconds) -> Option<TrackerPacket> {
        self.base.get_or_insert(now);
        let mut packet = self.next?;
        let due = self.due(&packet);
        if due > now {
            return None;
        }
        self.read_ahead();
        (packet.arrival_time, packet.decoded_time, packet.session_time) = (due, due, due);
        Some(packet)
    }

    fn next_due(&self) -> Nanoseconds {
        self.next.as_ref().map_or(Nanoseconds(u64::MAX), |packet| self.due(packet))
    }
}
