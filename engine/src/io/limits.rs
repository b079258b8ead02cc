//! How much a file may ask of this machine.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::io::error::{Problem, ReadError};

/// Budgets of every door in [`crate::io`], checked against what a file declares
/// before anything is allocated for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Largest file, in bytes. Default 4 GiB.
    pub bytes: u64,
    /// Most voxels of one volume. Default 2^29, a 2 GiB volume of `f32`
    /// (512x512 pixels in 2048 slices).
    pub voxels: u64,
    /// Most bytes one compressed byte may become. Default 1100: deflate itself
    /// cannot exceed 1032 (RFC 1951), so more is a false claim.
    pub inflation: u64,
    /// Most files taken from a folder. Default 10 000.
    pub files: usize,
    /// Most triangles of a mesh. Default 20 million.
    pub triangles: u64,
    /// Most fields of a text header. Default 1000; real ones have some dozen.
    pub items: usize,
    /// Memory of a process that reads for us ([`super::ReaderProcess`]), bytes. Default 6 GiB:
    /// the largest volume twice, and its files.
    pub memory: u64,
    /// Longest time such a process may take. Default 120 s.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 4 << 30,
            voxels: 1 << 29,
            inflation: 1100,
            files: 10_000,
            triangles: 20_000_000,
            items: 1000,
            memory: 6 << 30,
            time: Duration::from_secs(120),
        }
    }
}

impl Limits {
    /// Voxel count of `size` when the budget allows it.
    pub(crate) fn check_voxels(&self, path: &Path, size: [usize; 3]) -> Result<usize, ReadError> {
        let count = size.iter().try_fold(1usize, |n, s| n.checked_mul(*s));
        match count {
            Some(0) | None => Err(ReadError::new(path, Problem::Size { size })),
            Some(n) if n as u64 > self.voxels => {
                Err(ReadError::new(path, Problem::TooLarge { what: "voxels", found: n as u64, limit: self.voxels }))
            }
            Some(n) => Ok(n),
        }
    }

    /// Refuses more than `bytes` of file.
    pub(crate) fn check_bytes(&self, path: &Path, found: u64) -> Result<(), ReadError> {
        if found > self.bytes {
            return Err(ReadError::new(path, Problem::TooLarge { what: "bytes", found, limit: self.bytes }));
        }
        Ok(())
    }
}
