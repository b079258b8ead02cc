//! A disk that fails when told to.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

use super::named_fault::Kind;
use crate::journal::Storage;

/// Longest time a stalled disk keeps its caller, so that a test ends.
const MOST_STALLS: u32 = 2000;

/// Tells a [`FailingDisk`] how to fail; clones reach the same disk.
#[derive(Debug, Clone, Default)]
pub struct DiskSwitch(Arc<AtomicU8>);

impl DiskSwitch {
    /// Fails as the fault says; works again for `None` and for faults of
    /// other places.
    pub fn set(&self, fault: Option<Kind>) {
        let mode = match fault {
            Some(Kind::DiskFull) => 1,
            Some(Kind::JournalUnwritable) => 2,
            Some(Kind::JournalStalled) => 3,
            _ => 0,
        };
        self.0.store(mode, Ordering::SeqCst);
    }
}

/// Passes everything to a real disk, unless its switch says otherwise.
#[derive(Debug)]
pub struct FailingDisk<S> {
    inner: S,
    switch: DiskSwitch,
}

impl<S: Storage> FailingDisk<S> {
    /// Puts a switch before a disk.
    #[must_use]
    pub const fn new(inner: S, switch: DiskSwitch) -> Self {
        Self { inner, switch }
    }

    fn write(&mut self, bytes: &[u8], then: impl FnOnce(&mut S, &[u8]) -> io::Result<()>) -> io::Result<()> {
        let mode = || self.switch.0.load(Ordering::SeqCst);
        for _ in 0..MOST_STALLS {
            if mode() != 3 {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        match mode() {
            1 => {
                // A full disk takes the first part of a write.
                then(&mut self.inner, bytes.get(..bytes.len() / 2).unwrap_or_default())?;
                Err(io::ErrorKind::StorageFull.into())
            }
            2 => Err(io::ErrorKind::PermissionDenied.into()),
            _ => then(&mut self.inner, bytes),
        }
    }
}

impl<S: Storage> Storage for FailingDisk<S> {
    fn create_segment(&mut self, number: u32, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes, |inner, bytes| inner.create_segment(number, bytes))
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes, Storage::append)
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.inner.truncate(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.inner.sync()
    }
}
