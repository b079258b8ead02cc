//! The files of a journal: segments by number, and the writer's lock.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::error::{Damage, DamageKind, JournalError};

const PREFIX: &str = "journal-";
const SUFFIX: &str = ".spnj";
const LOCK: &str = "journal.lock";

/// Path of a segment.
#[must_use]
pub fn segment_path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{PREFIX}{number:08}{SUFFIX}"))
}

/// Numbers of the segments in `folder`, which begin at 1 without a gap.
///
/// Files with other names are left alone.
pub(super) fn segments(folder: &Path, most: usize) -> Result<u32, JournalError> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder).map_err(JournalError::io(folder, "list the folder"))? {
        let name = entry.map_err(JournalError::io(folder, "list the folder"))?.file_name();
        let number = name.to_str().and_then(|n| n.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse::<u32>().ok());
        // Only names that this module gives: not "+1", not "1".
        numbers.extend(number.filter(|n| segment_path(folder, *n).file_name() == Some(&name)));
        if numbers.len() > most {
            let (found, limit) = (numbers.len() as u64, most as u64);
            return Err(JournalError::Limit { path: folder.to_owned(), what: "segments", found, limit });
        }
    }
    numbers.sort_unstable();
    for (expected, found) in (1u32..).zip(&numbers) {
        if expected != *found {
            let problem = DamageKind::MissingSegment { expected, found: *found };
            return Err(Damage { path: segment_path(folder, expected), offset: 0, sequence: 0, problem }.into());
        }
    }
    Ok(u32::try_from(numbers.len()).unwrap_or(u32::MAX))
}

/// Bytes of all segments in `folder`; 0 where it cannot be read.
pub(super) fn bytes(folder: &Path) -> u64 {
    let count = segments(folder, usize::MAX).unwrap_or(0);
    (1..=count).filter_map(|number| fs::metadata(segment_path(folder, number)).ok()).map(|file| file.len()).sum()
}

/// The right to write a journal; released when dropped, and by the system when
/// the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    // Held, never used: closing the file releases the lock.
    _file: File,
}

impl Lock {
    pub fn take(folder: &Path) -> Result<Self, JournalError> {
        let path = folder.join(LOCK);
        let open = File::options().create(true).truncate(false).write(true).open(&path);
        let file = open.map_err(JournalError::io(&path, "open the lock file"))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(JournalError::Locked { path }),
            Err(TryLockError::Error(source)) => Err(JournalError::Io { path, doing: "lock the journal", source }),
        }
    }
}
