//! Opening a journal for writing: find its end, cut off a torn tail.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use super::error::{DamageKind, JournalError};
use super::folder::{segment_path, segments};
use super::reader::ReadLimits;
use super::scan::{Expected, Scan, Step};
use super::storage::FileStorage;

/// What was cut off when a journal was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TornTail {
    /// Segment it stood in.
    pub segment: u32,
    /// Where it began, bytes.
    pub offset: u64,
    /// Bytes cut off.
    pub bytes: u64,
}

/// Where a writer goes on.
#[derive(Debug)]
pub(super) struct Tail {
    pub storage: FileStorage,
    pub expected: Expected,
    pub written: u64,
    pub torn: Option<TornTail>,
}

/// Finds the end of the journal in `folder` and makes it whole. Reads the last
/// segment only; [`super::Reader`] checks all of them.
pub(super) fn recover(folder: &Path) -> Result<Tail, JournalError> {
    let limits = ReadLimits::default();
    let count = segments(folder, limits.segments)?;
    if count == 0 {
        let storage = FileStorage::new(folder.to_owned(), None);
        return Ok(Tail { storage, expected: Expected::default(), written: 0, torn: None });
    }
    let path = segment_path(folder, count);
    let length = fs::metadata(&path).map_err(JournalError::io(&path, "read the segment's size"))?.len();
    let (end, scan) = last_record(&path, count, length, &limits)?;
    let torn_at = match end {
        Step::Torn { offset: 0 } => return recover_header(folder, count, length),
        Step::Torn { offset } => Some(offset),
        _ => None,
    };
    let file = File::options().append(true).open(&path).map_err(JournalError::io(&path, "open the segment"))?;
    let torn = torn_at.map(|offset| TornTail { segment: count, offset, bytes: length - offset });
    if let Some(torn) = torn {
        file.set_len(torn.offset).map_err(JournalError::io(&path, "cut off the torn tail"))?;
        file.sync_data().map_err(JournalError::io(&path, "write to the disk"))?;
    }
    let storage = FileStorage::new(folder.to_owned(), Some(file));
    Ok(Tail { storage, expected: scan.expected(), written: scan.offset(), torn })
}

/// Reads segment `number` to its end, taking its header's word for what came
/// before.
fn last_record(
    path: &Path,
    number: u32,
    length: u64,
    limits: &ReadLimits,
) -> Result<(Step, Scan<BufReader<File>>), JournalError> {
    let file = File::open(path).map_err(JournalError::io(path, "open the segment"))?;
    let expected = Expected { segment: number, ..Expected::default() };
    let mut scan = Scan::new(BufReader::new(file), path, length, limits.record_bytes, expected);
    if let torn @ Step::Torn { .. } = scan.header(number != 1)? {
        return Ok((torn, scan));
    }
    loop {
        match scan.next()? {
            Step::Record(_) => {}
            end => return Ok((end, scan)),
        }
    }
}

/// The last segment ends within its header, so it never held a record: it is
/// removed and the one before goes on, which must be whole.
fn recover_header(folder: &Path, count: u32, bytes: u64) -> Result<Tail, JournalError> {
    let path = segment_path(folder, count);
    let torn = Some(TornTail { segment: count, offset: 0, bytes });
    let (expected, written, file) = if count > 1 {
        let before = segment_path(folder, count - 1);
        let length = fs::metadata(&before).map_err(JournalError::io(&before, "read the segment's size"))?.len();
        let (end, scan) = last_record(&before, count - 1, length, &ReadLimits::default())?;
        if matches!(end, Step::Torn { .. }) {
            return Err(scan.damage(DamageKind::CutOff));
        }
        let file = File::options().append(true).open(&before).map_err(JournalError::io(&before, "open the segment"))?;
        (scan.expected(), scan.offset(), Some(file))
    } else {
        (Expected::default(), 0, None)
    };
    fs::remove_file(&path).map_err(JournalError::io(&path, "remove the unfinished segment"))?;
    Ok(Tail { storage: FileStorage::new(folder.to_owned(), file), expected, written, torn })
}
