//! What the navigation thread writes down, in the order it happens to the loop.

use geom::Nanoseconds;

use super::entry::{Entry, Intent};
use super::kind::RecordKind;
use super::payload::Payload;
use super::recorded_registration::RecordedRegistration;
use super::words_content;
use super::writer::{JournalHandle, JournalHealth};
use crate::rt::Snapshot;
use crate::safety::{Alarms, SessionState};
use crate::track::TrackerPacket;

/// Records a session. Owned by the thread that owns the navigation loop: a
/// replay is exact because inputs are recorded in the order the loop takes
/// them in, each right before it does.
///
/// No method waits or allocates, except [`Self::registration`] and
/// [`Self::note`], which allocate and are for rare events.
#[derive(Debug)]
pub struct Recorder {
    journal: JournalHandle,
    session: SessionState,
    alarms: Alarms,
}

impl Recorder {
    /// Records into `journal`.
    #[must_use]
    pub fn new(journal: JournalHandle) -> Self {
        Self { journal, session: SessionState::NoImage, alarms: Alarms::default() }
    }

    /// Call right before the loop observes the packet.
    pub fn packet(&self, packet: &TrackerPacket, now: Nanoseconds) {
        let mut payload = Payload::default();
        words_content::write(&mut payload, packet);
        self.journal.record(RecordKind::Packet, now, &payload);
    }

    /// Call right before the loop is told: an event, a landmark check, which
    /// alarms hold outside it.
    pub fn intent(&self, intent: Intent, now: Nanoseconds) {
        let (kind, payload) = Entry::Intent(intent).encode();
        self.journal.record(kind, now, &payload);
    }

    /// Call right after the loop made the snapshot for `display_time`. Changes of the session's
    /// step or of the alarms get records of their own, which reach the disk at
    /// once.
    pub fn snapshot(&mut self, snapshot: &Snapshot, display_time: Nanoseconds) {
        let mut payload = Payload::default();
        payload.u64(display_time.0);
        words_content::write(&mut payload, snapshot);
        self.journal.record(RecordKind::Snapshot, snapshot.published, &payload);
        if snapshot.session != self.session {
            let mut payload = Payload::default();
            payload.display(&self.session).display(&snapshot.session);
            self.journal.record(RecordKind::StateChange, snapshot.published, &payload);
            self.session = snapshot.session;
        }
        if snapshot.alarms != self.alarms {
            let mut payload = Payload::default();
            payload.u32(self.alarms.bits()).u32(snapshot.alarms.bits());
            self.journal.record(RecordKind::Alarm, snapshot.published, &payload);
            self.alarms = snapshot.alarms;
        }
    }

    /// A registration was made or read back; call before the loop that uses it
    /// is made.
    pub fn registration(&self, registration: impl Into<RecordedRegistration>, now: Nanoseconds) {
        self.next_registration(&registration.into(), now);
    }

    /// Another registration; call right before the loop takes it.
    pub fn next_registration(&self, registration: &RecordedRegistration, now: Nanoseconds) {
        self.journal.record(RecordKind::Registration, now, &registration.payload());
    }

    /// A remark in words, without anything that names the patient.
    pub fn note(&self, text: &str, now: Nanoseconds) {
        let (kind, payload) = Entry::Note(text.into()).encode();
        self.journal.record(kind, now, &payload);
    }

    /// How the journal is doing.
    #[must_use]
    pub fn health(&self) -> JournalHealth {
        self.journal.health()
    }
}
