//! A session run again: the same inputs through the same loop, bit for bit.

use std::path::Path;

use geom::Nanoseconds;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::entry::{Entry, Intent};
use super::error::JournalError;
use super::format::Chain;
use super::reader::{End, ReadLimits, Reader};
use super::recorded_registration::RecordedRegistration;
use super::session_start::SessionStart;
use super::snapshot_difference::difference;
use super::words_content::{self, Recorded};
use crate::rt::{NavigationLoop, Snapshot};

/// A replay that could not be made.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The journal cannot be read or is damaged.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// No loop could be made for a session.
    #[error("record {sequence}: the session cannot be replayed: {why}")]
    Loop {
        /// The record that needed the loop.
        sequence: u64,
        /// What its maker says.
        why: String,
    },
}

/// The first snapshot that came out differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// Its record in the journal.
    pub sequence: u64,
    /// The first field that differs, `"tools[0].ct_from_tip"`.
    pub field: String,
    /// The field as recorded and as replayed.
    pub recorded: String,
    /// The field as replayed.
    pub replayed: String,
}

/// What a replay found.
#[derive(Debug, Clone, PartialEq)]
pub struct Verification {
    /// Records read.
    pub records: u64,
    /// Sessions in the journal.
    pub sessions: u64,
    /// Packets that went through the loop.
    pub packets: u64,
    /// Snapshots compared.
    pub snapshots: u64,
    /// Records that the journal says it lost; after the first of them a
    /// difference is no fault of the program.
    pub lost: u64,
    /// Hash over all records: the journal itself.
    pub chain: Chain,
    /// SHA-256 over the bits of all replayed snapshots: the output hash.
    pub output: [u8; 32],
    /// The same over the recorded ones; equal when nothing diverged.
    pub recorded_output: [u8; 32],
    /// The first difference.
    pub divergence: Option<Divergence>,
    /// How the journal ends.
    pub end: End,
}

impl Verification {
    /// True when every snapshot came out bit for bit as recorded.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.divergence.is_none() && self.output == self.recorded_output
    }
}

/// Makes the loop of a session from what the journal says about it; the reason
/// in words when it cannot, for example that the case is another one.
pub type MakeLoop<'a> = dyn FnMut(&SessionStart, Option<&RecordedRegistration>) -> Result<NavigationLoop, String> + 'a;

/// Reads the journal in `folder` from its first record to its last and runs
/// every session again, on the recorded times.
///
/// `make_loop` is called at the first input of each session, and for each
/// later registration of it, whose guidance the running loop takes over.
///
/// # Errors
/// [`ReplayError`]; a snapshot that differs is no error but a
/// [`Verification::divergence`]. Cost: that of the navigation itself, plus 1
/// microsecond a kilobyte.
pub fn verify(folder: &Path, limits: ReadLimits, make_loop: &mut MakeLoop<'_>) -> Result<Verification, ReplayError> {
    let mut reader = Reader::open(folder, limits)?;
    let mut replay = Replay::default();
    while let Some(record) = reader.next() {
        let record = record?;
        let entry = reader.entry(&record)?;
        replay.found.records += 1;
        replay.take((record.sequence, record.time), entry, make_loop)?;
    }
    let Totals { records, sessions, packets, snapshots, lost } = replay.found;
    Ok(Verification {
        records,
        sessions,
        packets,
        snapshots,
        lost,
        chain: reader.hash(),
        output: replay.replayed.finalize().into(),
        recorded_output: replay.recorded.finalize().into(),
        divergence: replay.divergence,
        // The reader has come to the end.
        end: reader.end().unwrap_or(End::Open),
    })
}

#[derive(Debug, Default)]
struct Totals {
    records: u64,
    sessions: u64,
    packets: u64,
    snapshots: u64,
    lost: u64,
}

#[derive(Debug, Default)]
struct Replay {
    found: Totals,
    start: Option<SessionStart>,
    registration: Option<RecordedRegistration>,
    navigation: Option<NavigationLoop>,
    recorded: Sha256,
    replayed: Sha256,
    divergence: Option<Divergence>,
}

impl Replay {
    fn take(
        &mut self,
        (sequence, time): (u64, Nanoseconds),
        entry: Entry,
        make_loop: &mut MakeLoop<'_>,
    ) -> Result<(), ReplayError> {
        match entry {
            Entry::SessionStart(start) => {
                self.found.sessions += 1;
                (self.start, self.registration, self.navigation) = (Some(*start), None, None);
            }
            Entry::Registration(registration) if self.registration.is_none() => {
                self.registration = Some(*registration);
            }
            Entry::Registration(registration) => {
                // The session goes on as it was, with another registration.
                self.navigation(sequence, make_loop)?;
                let running = self.navigation.take();
                self.registration = Some(*registration);
                let guidance = self.navigation(sequence, make_loop)?.guidance().clone();
                self.navigation = running;
                self.navigation(sequence, make_loop)?.replace_guidance(guidance, time);
            }
            Entry::Packet(packet) => {
                self.found.packets += 1;
                self.navigation(sequence, make_loop)?.observe(&packet);
            }
            Entry::Intent(intent) => {
                tell(self.navigation(sequence, make_loop)?, intent, time);
            }
            Entry::Snapshot(recorded, display_time) => {
                self.found.snapshots += 1;
                let replayed = self.navigation(sequence, make_loop)?.snapshot_for(recorded.published, display_time);
                self.compare(sequence, &recorded, &replayed);
            }
            Entry::Lost { count, .. } => self.found.lost += count,
            _ => {}
        }
        Ok(())
    }

    fn navigation(&mut self, sequence: u64, make_loop: &mut MakeLoop<'_>) -> Result<&mut NavigationLoop, ReplayError> {
        let failed = |why: String| ReplayError::Loop { sequence, why };
        let made = match self.navigation.take() {
            Some(navigation) => navigation,
            None => {
                let start = self.start.as_ref().ok_or_else(|| failed("it has no beginning".into()))?;
                make_loop(start, self.registration.as_ref()).map_err(failed)?
            }
        };
        Ok(self.navigation.insert(made))
    }

    fn compare(&mut self, sequence: u64, recorded: &Snapshot, replayed: &Snapshot) {
        for (hash, snapshot) in [(&mut self.recorded, recorded), (&mut self.replayed, replayed)] {
            for word in words_content::words(snapshot).iter().take(snapshot.stored_words()) {
                hash.update(word.to_le_bytes());
            }
        }
        if self.divergence.is_none() {
            self.divergence = difference(recorded, replayed).map(|(field, recorded, replayed)| Divergence {
                sequence,
                field,
                recorded,
                replayed,
            });
        }
    }
}

/// Gives the loop what it was told beside packets.
pub(crate) fn tell(navigation: &mut NavigationLoop, intent: Intent, now: Nanoseconds) {
    match intent {
        // A refused event was refused then, too.
        Intent::Event(event) => drop(navigation.apply(event, now)),
        Intent::CheckLandmark(planned) => drop(navigation.check_landmark(planned, now)),
        Intent::AcknowledgeTools => navigation.acknowledge_tools(),
        Intent::Outside(alarms) => navigation.tell_outside(alarms),
    }
}
