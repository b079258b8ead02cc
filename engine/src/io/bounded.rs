//! Whole files, but only files, and only so much of them.
//!
//! Whoever names `/dev/zero`, a pipe or a forty-gigabyte "list of poses" gets an
//! answer at once instead of a program that reads until the machine is full.
//! Every door that wants a file in memory comes through here.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Most bytes of a JSON or text file of settings, poses or landmarks.
pub const TEXT_BYTES: u64 = 8 << 20;
/// Most bytes of a network's weights.
pub const WEIGHTS_BYTES: u64 = 2 << 30;

/// Opens a regular file; also tells its length.
///
/// # Errors
/// What the system says, and [`ErrorKind::InvalidInput`] for folders, pipes and devices.
pub(crate) fn open(path: &Path) -> Result<(File, u64)> {
    // Before opening: a pipe without a writer would make `open` wait for ever.
    let about = std::fs::metadata(path)?;
    if !about.is_file() {
        let what = "it is no regular file; give a file, not a folder, pipe or device";
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    Ok((File::open(path)?, about.len()))
}

/// The bytes of a regular file that has at most `limit` of them.
///
/// # Errors
/// As `open`, and [`ErrorKind::FileTooLarge`] with both numbers.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let (file, length) = open(path)?;
    let refuse = |found: u64| {
        let what = format!("it has {found} bytes, at most {limit} are read; is it the right file?");
        Error::new(ErrorKind::FileTooLarge, what)
    };
    if length > limit {
        return Err(refuse(length));
    }
    let mut bytes = Vec::new();
    // It may grow while it is read.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(refuse(bytes.len() as u64));
    }
    Ok(bytes)
}

/// The first bytes of a regular file, at most `limit`.
///
/// # Errors
/// As `open`.
pub fn read_start(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.0.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// As [`read_bounded`] for UTF-8 text of at most [`TEXT_BYTES`].
///
/// # Errors
/// As [`read_bounded`], and [`ErrorKind::InvalidData`] for bytes that are no text.
pub fn read_text(path: &Path) -> Result<String> {
    let bytes = read_bounded(path, TEXT_BYTES)?;
    String::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_folders_and_large_files_are_refused_at_once() {
        let said = |path: &str, limit| read_bounded(Path::new(path), limit).unwrap_err().to_string();
        assert!(said("/dev/zero", 1 << 40).contains("no regular file"));
        assert!(said("/", 100).contains("no regular file"));
        let path = std::env::temp_dir().join(format!("spinenav-bounded-{}", std::process::id()));
        std::fs::write(&path, [b'x'; 100]).unwrap();
        assert_eq!(read_bounded(&path, 100).unwrap().len(), 100);
        assert!(read_bounded(&path, 99).unwrap_err().to_string().contains("100 bytes, at most 99"));
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(read_text(&path).is_err());
        std::fs::remove_file(&path).unwrap();
    }
}
