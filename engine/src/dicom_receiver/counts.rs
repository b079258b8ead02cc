//! What happened, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counter {
    Associations,
    Refused,
    Broken,
    Echoes,
    Stored,
    Duplicates,
    RefusedObjects,
    Finished,
    SetAside,
}

/// Counts since the receiver started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ReceiverCounts {
    /// Associations that were agreed on.
    pub associations: u64,
    /// Connections that came to no association: titles, addresses, too many, nonsense.
    pub refused: u64,
    /// Associations that ended without a release.
    pub broken: u64,
    /// C-ECHO requests.
    pub echoes: u64,
    /// Objects kept.
    pub stored: u64,
    /// Objects that came again with the same content.
    pub duplicates: u64,
    /// Objects not kept.
    pub refused_objects: u64,
    /// Series put in place.
    pub finished: u64,
    /// Series set aside.
    pub set_aside: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counts([AtomicU64; 9]);

impl Counts {
    pub(super) fn count(&self, what: Counter) {
        if let Some(counter) = self.0.get(what as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn read(&self) -> ReceiverCounts {
        let [associations, refused, broken, echoes, stored, duplicates, refused_objects, finished, set_aside] =
            self.0.each_ref().map(|c| c.load(Ordering::Relaxed));
        ReceiverCounts {
            associations,
            refused,
            broken,
            echoes,
            stored,
            duplicates,
            refused_objects,
            finished,
            set_aside,
        }
    }
}
