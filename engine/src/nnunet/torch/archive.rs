//! The zip archives `torch.save` writes: stored entries, zip64 where needed.
//!
//! Own code because the format torch writes is a tenth of zip: no compression,
//! encryption or spanning (APPNOTE 6.3.9, sections 4.3.7 to 4.3.16).

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

use super::error::CheckpointError;

/// Most entries; a network has one a tensor.
const MAX_ENTRIES: u64 = 100_000;
/// Largest directory of entries, bytes.
const MAX_DIRECTORY: u64 = 32 << 20;
/// End record (22 bytes) and the longest comment that may follow it.
const TAIL: u64 = 22 + 0xffff;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END64: u32 = 0x0606_4b50;
const LOCATOR64: u32 = 0x0706_4b50;

/// First bytes of a pickle, of a torch file before 1.6.
const LEGACY: [u8; 4] = [0x80, 0x02, 0x8a, 0x0a];

#[derive(Debug, Clone, Copy)]
struct Entry {
    header: u64,
    size: u64,
}

/// An open archive; entries are read one at a time.
#[derive(Debug)]
pub(super) struct Archive<R> {
    reader: R,
    length: u64,
    entries: BTreeMap<String, Entry>,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the directory of entries. The folder all entries share is left
    /// out of their names.
    pub(super) fn open(mut reader: R) -> Result<Self, CheckpointError> {
        let length = reader.seek(SeekFrom::End(0))?;
        let start = read_at(&mut reader, 0, length.min(4))?;
        if start == LEGACY {
            return Err(CheckpointError::Legacy);
        }
        if start != LOCAL.to_le_bytes() {
            return Err(CheckpointError::NotTorch { start });
        }
        let (offset, size, count) = directory(&mut reader, length)?;
        let bytes = read_at(&mut reader, offset, size)?;
        let mut archive = Self { reader, length, entries: parse_directory(&bytes, count, length)? };
        archive.strip_folder()?;
        Ok(archive)
    }

    /// Bytes of an entry, or `None` when there is no such entry.
    pub(super) fn size(&self, name: &str) -> Option<u64> {
        self.entries.get(name).map(|entry| entry.size)
    }

    /// The content of an entry, refused when larger than `limit` bytes.
    pub(super) fn read(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, CheckpointError> {
        let fail = |what: String| CheckpointError::Entry { entry: name.to_owned(), what };
        let entry = *self.entries.get(name).ok_or_else(|| fail("is missing".into()))?;
        if entry.size > limit {
            return Err(fail(format!("has {} bytes, at most {limit} are accepted", entry.size)));
        }
        let header = read_at(&mut self.reader, entry.header, 30.min(self.length - entry.header))?;
        let bytes = Bytes(&header);
        let (Some(LOCAL), Some(name_length), Some(extra_length)) = (bytes.u32(0), bytes.u16(26), bytes.u16(28)) else {
            return Err(fail("its header is damaged".into()));
        };
        let data = entry.header + 30 + u64::from(name_length) + u64::from(extra_length);
        if data.checked_add(entry.size).is_none_or(|end| end > self.length) {
            return Err(fail(format!(
                "its {} bytes reach beyond the end of the file ({} bytes); the file was cut short",
                entry.size, self.length
            )));
        }
        Ok(read_at(&mut self.reader, data, entry.size)?)
    }

    /// Names become relative to the folder of the one `data.pkl`.
    fn strip_folder(&mut self) -> Result<(), CheckpointError> {
        let mut folders = self.entries.keys().filter_map(|name| name.strip_suffix("data.pkl"));
        let folder = folders.next().map(str::to_owned);
        let folder = folder.filter(|f| f.ends_with('/') && folders.next().is_none());
        let Some(folder) = folder else {
            let what = "it does not have exactly one entry `FOLDER/data.pkl`, as every torch checkpoint has";
            return Err(CheckpointError::Archive(what.into()));
        };
        self.entries = std::mem::take(&mut self.entries)
            .into_iter()
            .filter_map(|(name, entry)| name.strip_prefix(&folder).map(|short| (short.to_owned(), entry)))
            .collect();
        if self.entries.contains_key("constants.pkl") {
            let what = "it is a TorchScript program, not a checkpoint; nnU-Net's file is fold_X/checkpoint_final.pth";
            return Err(CheckpointError::Archive(what.into()));
        }
        Ok(())
    }
}

/// Offset, size and number of entries of the central directory.
fn directory<R: Read + Seek>(reader: &mut R, length: u64) -> Result<(u64, u64, u64), CheckpointError> {
    let tail_length = length.min(TAIL);
    let tail_start = length - tail_length;
    let tail = read_at(reader, tail_start, tail_length)?;
    let end = tail.windows(4).rposition(|window| window == END.to_le_bytes());
    let end = end.ok_or_else(|| damaged("it has no end record; the file was cut short"))?;
    let record = Bytes(tail.get(end..).unwrap_or_default());
    let short = || damaged("its end record is cut off");
    if record.0.len() < 22 {
        return Err(short());
    }
    let count = u64::from(record.u16(10).ok_or_else(short)?);
    let size = u64::from(record.u32(12).ok_or_else(short)?);
    let offset = u64::from(record.u32(16).ok_or_else(short)?);
    let locator = end.checked_sub(20).and_then(|at| tail.get(at..)).map(Bytes);
    let locator = locator.filter(|bytes| bytes.u32(0) == Some(LOCATOR64));
    let (offset, size, count) = match locator.and_then(|bytes| bytes.u64(8)) {
        Some(at) => end64(reader, at, length)?,
        None => (offset, size, count),
    };
    for (what, found, limit) in [("entries", count, MAX_ENTRIES), ("bytes of directory", size, MAX_DIRECTORY)] {
        if found > limit {
            return Err(CheckpointError::Limit { what, found, limit });
        }
    }
    if offset.checked_add(size).is_none_or(|end| end > length) {
        return Err(damaged("its directory lies beyond the end of the file; the file was cut short"));
    }
    Ok((offset, size, count))
}

/// The same from the zip64 end record.
fn end64<R: Read + Seek>(reader: &mut R, at: u64, length: u64) -> Result<(u64, u64, u64), CheckpointError> {
    if at.checked_add(56).is_none_or(|end| end > length) {
        return Err(damaged("its zip64 end record lies beyond the end of the file"));
    }
    let record = read_at(reader, at, 56)?;
    let record = Bytes(&record);
    match (record.u32(0), record.u64(32), record.u64(40), record.u64(48)) {
        (Some(END64), Some(count), Some(size), Some(offset)) => Ok((offset, size, count)),
        _ => Err(damaged("its zip64 end record is damaged")),
    }
}

fn parse_directory(bytes: &[u8], count: u64, length: u64) -> Result<BTreeMap<String, Entry>, CheckpointError> {
    let mut entries = BTreeMap::new();
    let mut rest = bytes;
    for index in 0..count {
        let parsed = parse_entry(rest).ok_or_else(|| damaged(&format!("entry {index} of {count} is damaged")))?;
        let fail = |what: &str| CheckpointError::Entry { entry: parsed.name.clone(), what: what.into() };
        if parsed.is_encrypted || parsed.method != 0 || parsed.stored != parsed.entry.size {
            return Err(fail("is compressed or encrypted, torch writes neither"));
        }
        if parsed.entry.header.checked_add(parsed.entry.size).is_none_or(|end| end > length) {
            return Err(fail("reaches beyond the end of the file; the file was cut short"));
        }
        if entries.insert(parsed.name.clone(), parsed.entry).is_some() {
            return Err(fail("is there twice"));
        }
        rest = rest.get(parsed.length..).unwrap_or_default();
    }
    Ok(entries)
}

struct Parsed {
    name: String,
    entry: Entry,
    stored: u64,
    method: u16,
    is_encrypted: bool,
    length: usize,
}

/// One record of the central directory.
fn parse_entry(bytes: &[u8]) -> Option<Parsed> {
    let record = Bytes(bytes);
    if record.u32(0)? != CENTRAL {
        return None;
    }
    let lengths = [record.u16(28)?, record.u16(30)?, record.u16(32)?].map(usize::from);
    let name = String::from_utf8_lossy(bytes.get(46..46 + lengths[0])?).into_owned();
    let extra = bytes.get(46 + lengths[0]..46 + lengths[0] + lengths[1])?;
    let length = 46 + lengths.iter().sum::<usize>();
    let narrow = [record.u32(24)?, record.u32(20)?, record.u32(42)?];
    let [size, stored, header] = widen(narrow, extra)?;
    let (method, is_encrypted) = (record.u16(10)?, record.u16(8)? & 1 == 1);
    Some(Parsed { name, entry: Entry { header, size }, stored, method, is_encrypted, length })
}

/// Numbers of 32 bits that are all ones stand in the zip64 field instead,
/// in this order.
fn widen(narrow: [u32; 3], extra: &[u8]) -> Option<[u64; 3]> {
    let mut wide = narrow.map(u64::from);
    if !narrow.contains(&u32::MAX) {
        return Some(wide);
    }
    let mut rest = extra;
    loop {
        let field = Bytes(rest);
        let length = usize::from(field.u16(2)?);
        let content = rest.get(4..4 + length)?;
        if field.u16(0)? == 1 {
            let mut at = 0;
            for (value, _) in wide.iter_mut().zip(narrow).filter(|(_, n)| *n == u32::MAX) {
                *value = Bytes(content).u64(at)?;
                at += 8;
            }
            return Some(wide);
        }
        rest = rest.get(4 + length..)?;
    }
}

fn damaged(what: &str) -> CheckpointError {
    CheckpointError::Archive(what.into())
}

/// `length` bytes at `offset`; the caller has checked that the file has them.
fn read_at<R: Read + Seek>(reader: &mut R, offset: u64, length: u64) -> std::io::Result<Vec<u8>> {
    let length = usize::try_from(length).map_err(std::io::Error::other)?;
    reader.seek(SeekFrom::Start(offset))?;
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Little-endian numbers at offsets, `None` past the end.
#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn u16(self, at: usize) -> Option<u16> {
        self.0.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
    }
    fn u32(self, at: usize) -> Option<u32> {
        self.0.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
    }
    fn u64(self, at: usize) -> Option<u64> {
        self.0.get(at..)?.first_chunk().copied().map(u64::from_le_bytes)
    }
}
