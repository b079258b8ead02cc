//! Bytes on the disk that peers may fill: of a budget, and never the last ones.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kernels::disk_space::free_bytes;

/// A budget of bytes, shared by all associations.
#[derive(Debug)]
pub(super) struct Quota {
    used: AtomicU64,
    limit: u64,
    folder: PathBuf,
    keep_free: u64,
}

impl Quota {
    /// A budget of `limit` bytes of which what lies below `folder` is used;
    /// `keep_free` bytes of the disk stay free for others, the journal above all.
    pub(super) fn new(folder: &Path, limit: u64, keep_free: u64) -> Arc<Self> {
        Arc::new(Self { used: AtomicU64::new(bytes_below(folder, 0)), limit, folder: folder.into(), keep_free })
    }

    /// Takes `bytes`; false, and nothing taken, when they are not there.
    pub(super) fn take(&self, bytes: u64) -> bool {
        // Where the system does not say what is free, the budget alone holds.
        let is_room = free_bytes(&self.folder).map_or(true, |free| free.saturating_sub(bytes) >= self.keep_free);
        if !is_room {
            return false;
        }
        let add = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok()
    }

    /// Gives `bytes` back.
    pub(super) fn give(&self, bytes: u64) {
        let less = |used: u64| Some(used.saturating_sub(bytes));
        let _always = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

/// Bytes of the files below a folder, four levels deep: deeper ones are not ours.
fn bytes_below(folder: &Path, depth: usize) -> u64 {
    let Ok(list) = std::fs::read_dir(folder) else { return 0 };
    list.flatten()
        .map(|entry| match entry.metadata() {
            Ok(data) if data.is_dir() && depth < 4 => bytes_below(&entry.path(), depth + 1),
            Ok(data) if data.is_file() => data.len(),
            _ => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_never_overdrawn() {
        let quota = Quota { used: AtomicU64::new(10), limit: 100, folder: std::env::temp_dir(), keep_free: 0 };
        assert!(quota.take(90) && !quota.take(1) && !quota.take(u64::MAX));
        quota.give(40);
        assert!(quota.take(40) && !quota.take(1));
    }

    #[test]
    fn the_disks_last_bytes_are_left_to_others() {
        assert!(Quota::new(Path::new("no-such-folder"), 10, u64::MAX).take(1), "nothing is known of its disk");
        let quota = Quota { used: AtomicU64::new(0), limit: 10, folder: std::env::temp_dir(), keep_free: u64::MAX };
        assert!(!quota.take(1), "bytes were taken of a disk that has none to spare");
        assert!(Quota { keep_free: 0, ..quota }.take(1));
    }
}
