//! Where the bytes of a journal go; the seam at which disk faults are injected.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use super::folder::segment_path;

/// The disk under a journal.
pub trait Storage: Send {
    /// Starts segment `number` with its header and first records, replacing what an earlier
    /// failed attempt at the same number left.
    ///
    /// # Errors
    /// What the system says.
    fn create_segment(&mut self, number: u32, bytes: &[u8]) -> io::Result<()>;

    /// Appends to the current segment; after an error an unknown part was
    /// written.
    ///
    /// # Errors
    /// What the system says.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the current segment to `bytes`.
    ///
    /// # Errors
    /// What the system says.
    fn truncate(&mut self, bytes: u64) -> io::Result<()>;

    /// Waits until the disk has what was appended.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&mut self) -> io::Result<()>;
}

/// Segments as files of one folder.
#[derive(Debug)]
pub struct FileStorage {
    folder: PathBuf,
    current: Option<File>,
}

impl FileStorage {
    /// Appends to `current`, the last segment, when there is one.
    pub(super) const fn new(folder: PathBuf, current: Option<File>) -> Self {
        Self { folder, current }
    }

    fn current(&mut self) -> io::Result<&mut File> {
        self.current.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Storage for FileStorage {
    fn create_segment(&mut self, number: u32, bytes: &[u8]) -> io::Result<()> {
        let path = segment_path(&self.folder, number);
        // Appending, so that a cut followed by a write never leaves a hole.
        let mut file = File::options().create(true).append(true).open(&path)?;
        file.set_len(0)?;
        file.write_all(bytes)?;
        self.current = Some(file);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.current()?.write_all(bytes)
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.current()?.set_len(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.current()?.sync_data()
    }
}

impl Storage for Box<dyn Storage> {
    fn create_segment(&mut self, number: u32, bytes: &[u8]) -> io::Result<()> {
        self.as_mut().create_segment(number, bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.as_mut().append(bytes)
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.as_mut().truncate(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.as_mut().sync()
    }
}
