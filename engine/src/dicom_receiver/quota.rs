//! Bytes on the disk that peers may fill.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A budget of bytes, shared by all associations.
#[derive(Debug)]
pub(super) struct Quota {
    used: AtomicU64,
    limit: u64,
}

impl Quota {
    /// A budget of `limit` bytes of which what lies below `folder` is used.
    pub(super) fn new(folder: &Path, limit: u64) -> Arc<Self> {
        Arc::new(Self { used: AtomicU64::new(bytes_below(folder, 0)), limit })
    }

    /// Takes `bytes`; false, and nothing taken, when they are not there.
    pub(super) fn take(&self, bytes: u64) -> bool {
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
        let quota = Quota { used: AtomicU64::new(10), limit: 100 };
        assert!(quota.take(90) && !quota.take(1) && !quota.take(u64::MAX));
        quota.give(40);
        assert!(quota.take(40) && !quota.take(1));
    }
}
