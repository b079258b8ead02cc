//! Files that appear whole or not at all.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::io::error::WriteError;

/// Writes through `fill` into a hidden file beside `path`, then renames it.
///
/// After an error, a crash or a power cut the old file, if any, is still there
/// and complete.
pub(super) fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<(), WriteError> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let fail = |doing| move |source| WriteError { path: path.to_owned(), doing, source };
    let name = path.file_name().ok_or_else(|| fail("use this name")(std::io::ErrorKind::InvalidInput.into()))?;
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let hidden = format!(".{}.{}-{number}.part", name.to_string_lossy(), std::process::id());
    let part = Part { path: path.with_file_name(hidden) };
    let mut writer = BufWriter::with_capacity(1 << 20, File::create(&part.path).map_err(fail("create the file"))?);
    fill(&mut writer).map_err(fail("write"))?;
    let file = writer.into_inner().map_err(|e| fail("write")(e.into_error()))?;
    file.sync_all().map_err(fail("write to the disk"))?;
    fs::rename(&part.path, path).map_err(fail("rename the finished file"))
}

/// Removes the unfinished file unless it was renamed away.
struct Part {
    path: PathBuf,
}

impl Drop for Part {
    fn drop(&mut self) {
        // After a successful rename there is nothing left to remove.
        let _ = fs::remove_file(&self.path);
    }
}
