//! Who listens inside the navigation thread: the journal, a latency count.

use geom::Nanoseconds;

use super::snapshot::Snapshot;
use crate::journal::{Intent, RecordedRegistration, Recorder};
use crate::latency::PacketTimes;
use crate::safety::{Alarm, Alarms};
use crate::track::TrackerPacket;

/// Told of everything the loop takes in, in that order, and of what it gives.
///
/// Called on the navigation thread: no method may wait, lock or allocate.
pub trait LoopObserver: Send {
    /// Right before the loop observes a packet.
    fn packet(&mut self, _packet: &TrackerPacket, _now: Nanoseconds) {}

    /// Right before the loop is told something else.
    fn intent(&mut self, _intent: Intent, _now: Nanoseconds) {}

    /// Right before the loop takes another registration.
    fn registration(&mut self, _registration: &RecordedRegistration, _now: Nanoseconds) {}

    /// Right after a snapshot for `display_time` was published.
    fn snapshot(&mut self, _snapshot: &Snapshot, _display_time: Nanoseconds) {}

    /// Right after that, for every packet behind it; `picked_up` is not set.
    fn times(&mut self, _times: &PacketTimes) {}

    /// Alarms this observer raises itself, asked once a round.
    fn alarms(&self) -> Alarms {
        Alarms::default()
    }
}

impl LoopObserver for Recorder {
    fn packet(&mut self, packet: &TrackerPacket, now: Nanoseconds) {
        Self::packet(self, packet, now);
    }

    fn intent(&mut self, intent: Intent, now: Nanoseconds) {
        Self::intent(self, intent, now);
    }

    fn registration(&mut self, registration: &RecordedRegistration, now: Nanoseconds) {
        self.next_registration(registration, now);
    }

    fn snapshot(&mut self, snapshot: &Snapshot, display_time: Nanoseconds) {
        Self::snapshot(self, snapshot, display_time);
    }

    fn alarms(&self) -> Alarms {
        let mut alarms = Alarms::default();
        alarms.raise_if(Alarm::JournalFailed, self.health().fault.is_some());
        alarms
    }
}
