//! A recording played at its own pace.

use geom::Nanoseconds;

use super::text::Recording;
use crate::track::{Source, TrackerPacket};

/// Hands the packets of a recording over when they are due. `source_time`
/// stays as recorded, `arrival_time` is when the packet was handed over.
#[derive(Debug, Clone)]
pub struct RecordedSource {
    name: String,
    packets: Vec<TrackerPacket>,
    next: usize,
    started: Option<Nanoseconds>,
}

impl RecordedSource {
    /// Plays `recording` from the moment of the first poll.
    #[must_use]
    pub fn new(name: impl Into<String>, recording: Recording) -> Self {
        Self { name: name.into(), packets: recording.packets, next: 0, started: None }
    }

    /// True once every packet has been handed over.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.next >= self.packets.len()
    }
}

impl Source for RecordedSource {
    fn description(&self) -> String {
        format!("recording {}, {} packets", self.name, self.packets.len())
    }

    fn poll(&mut self, now: Nanoseconds) -> Option<TrackerPacket> {
        self.started.get_or_insert(now);
        if self.next_due().0 > now.0 {
            return None;
        }
        let recorded = *self.packets.get(self.next)?;
        self.next += 1;
        Some(TrackerPacket { arrival_time: now, decoded_time: now, session_time: now, ..recorded })
    }

    /// Never again, once the recording is over.
    fn next_due(&self) -> Nanoseconds {
        let (Some(first), Some(next)) = (self.packets.first(), self.packets.get(self.next)) else {
            return Nanoseconds(u64::MAX);
        };
        // A clock that was set back while recording makes its packets due at once.
        let since_first = next.source_time.0.saturating_sub(first.source_time.0);
        Nanoseconds(self.started.unwrap_or_default().0.saturating_add(since_first))
    }
}
