//! Which object and series a received data set belongs to.
//!
//! Only the headers of the top-level elements up to SeriesInstanceUID
//! (0020,000e) are followed, in constant memory; the pixels are never looked at
//! here. Values are skipped by their length, nested sequences by their
//! delimiters (PS3.5, 7.5).

use std::io::{Read, Seek};

use super::command::uid;

const UNDEFINED: u32 = u32::MAX;
const ITEM: Tag = (0xfffe, 0xe000);
const ITEM_END: Tag = (0xfffe, 0xe00d);
const SEQUENCE_END: Tag = (0xfffe, 0xe0dd);
const SOP_CLASS: Tag = (0x0008, 0x0016);
const SOP_INSTANCE: Tag = (0x0008, 0x0018);
const SERIES: Tag = (0x0020, 0x000e);
/// Elements looked at before giving up; a CT header has some hundred.
const MAX_ELEMENTS: usize = 20_000;
/// Deepest nesting that is followed.
const MAX_DEPTH: usize = 16;

/// Group and number of an element.
type Tag = (u16, u16);

/// UIDs of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub sop_class: String,
    pub sop_instance: String,
    pub series: String,
}

/// Reads the UIDs from a data set of `length` bytes.
///
/// * `is_explicit` - value representations are written; else implicit VR. Both little endian.
///
/// # Errors
/// What is missing or cannot be followed, in words.
pub(super) fn read(source: impl Read + Seek, length: u64, is_explicit: bool) -> Result<Identity, String> {
    let mut walk = Walk { source, left: length, nesting: vec![is_explicit] };
    let mut identity = Identity::default();
    for _ in 0..MAX_ELEMENTS {
        let Some((tag, length)) = walk.header()? else { break };
        let is_top = walk.nesting.len() == 1;
        match tag {
            ITEM_END | SEQUENCE_END if is_top => return Err("a delimiter stands where nothing is open".into()),
            ITEM_END | SEQUENCE_END => drop(walk.nesting.pop()),
            _ if is_top && tag > SERIES => break,
            _ if length == UNDEFINED => {}
            SOP_CLASS if is_top => identity.sop_class = walk.uid(length)?,
            SOP_INSTANCE if is_top => identity.sop_instance = walk.uid(length)?,
            SERIES if is_top => {
                identity.series = walk.uid(length)?;
                return Ok(identity);
            }
            _ => walk.skip(length)?,
        }
    }
    Err("the data set has no SeriesInstanceUID where it belongs".into())
}

struct Walk<R> {
    source: R,
    left: u64,
    /// Whether value representations are written, for each open level.
    nesting: Vec<bool>,
}

impl<R: Read + Seek> Walk<R> {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.left = self.left.checked_sub(N as u64).ok_or("the data set is cut off")?;
        let mut bytes = [0; N];
        self.source.read_exact(&mut bytes).map_err(|e| format!("the object cannot be read back: {e}"))?;
        Ok(bytes)
    }

    fn skip(&mut self, length: u32) -> Result<(), String> {
        let left = self.left.checked_sub(length.into());
        self.left = left.ok_or_else(|| format!("an element claims {length} bytes, but {} follow", self.left))?;
        self.source.seek_relative(length.into()).map_err(|e| format!("the object cannot be read back: {e}"))
    }

    fn uid(&mut self, length: u32) -> Result<String, String> {
        let mut value = [0; 64];
        let value =
            usize::try_from(length).ok().and_then(|n| value.get_mut(..n)).ok_or("a UID is longer than 64 bytes")?;
        self.left = self.left.checked_sub(length.into()).ok_or("the data set is cut off")?;
        self.source.read_exact(value).map_err(|e| format!("the object cannot be read back: {e}"))?;
        uid(value)
    }

    /// Tag and length of the next element; opens a level for an undefined length. `None` at the end.
    fn header(&mut self) -> Result<Option<(Tag, u32)>, String> {
        if self.left == 0 {
            return Ok(None);
        }
        let [g0, g1, n0, n1] = self.bytes::<4>()?;
        let tag = (u16::from_le_bytes([g0, g1]), u16::from_le_bytes([n0, n1]));
        let is_explicit = self.nesting.last().copied().unwrap_or_default();
        if !is_explicit || tag.0 == ITEM.0 {
            let length = u32::from_le_bytes(self.bytes()?);
            let opens = length == UNDEFINED && !matches!(tag, ITEM_END | SEQUENCE_END);
            if opens {
                self.open(is_explicit)?;
            }
            return Ok(Some((tag, length)));
        }
        let [v, r, l, m] = self.bytes::<4>()?;
        let vr = [v, r];
        if !vr.iter().all(u8::is_ascii_uppercase) {
            return Err(format!("element ({:04x},{:04x}) has no value representation", tag.0, tag.1));
        }
        // PS3.5, table 7.1-1: these have two reserved bytes and a long length.
        let is_long = matches!(
            &vr,
            b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN" | b"UR" | b"UT" | b"UV"
        );
        let length = if is_long { u32::from_le_bytes(self.bytes()?) } else { u16::from_le_bytes([l, m]).into() };
        if length == UNDEFINED {
            // An unknown element of undefined length is an implicit sequence (PS3.5, 6.2.2).
            self.open(&vr != b"UN")?;
        }
        Ok(Some((tag, length)))
    }

    fn open(&mut self, is_explicit: bool) -> Result<(), String> {
        if self.nesting.len() >= MAX_DEPTH {
            return Err(format!("sequences are nested more than {MAX_DEPTH} deep"));
        }
        self.nesting.push(is_explicit);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn explicit(tag: (u16, u16), vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
        let mut bytes = [tag.0.to_le_bytes(), tag.1.to_le_bytes()].concat();
        bytes.extend(vr);
        if vr == b"SQ" {
            bytes.extend([0, 0]);
            bytes.extend(UNDEFINED.to_le_bytes());
        } else {
            bytes.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
        }
        bytes.extend(value);
        bytes
    }

    fn data_set() -> Vec<u8> {
        let inner = explicit(SERIES, b"UI", b"9.9.9\0");
        let mut sequence = explicit((0x0008, 0x1115), b"SQ", &[0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff]);
        sequence.extend(inner);
        sequence.extend([0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0, 0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
        [
            explicit(SOP_CLASS, b"UI", b"1.2\0"),
            explicit(SOP_INSTANCE, b"UI", b"1.2.4\0"),
            sequence,
            explicit((0x0010, 0x0010), b"PN", b"X^Y\0"),
            explicit(SERIES, b"UI", b"1.2.3\0"),
            explicit((0x0028, 0x0010), b"US", &[1, 0]),
        ]
        .concat()
    }

    #[test]
    fn the_series_is_the_data_sets_own_and_not_one_it_refers_to() {
        let bytes = data_set();
        let identity = read(Cursor::new(&bytes), bytes.len() as u64, true).unwrap();
        let expected = Identity { sop_class: "1.2".into(), sop_instance: "1.2.4".into(), series: "1.2.3".into() };
        assert_eq!(identity, expected);
    }

    #[test]
    fn damaged_data_sets_end_in_words() {
        let bytes = data_set();
        for cut in 0..bytes.len() - 10 {
            assert!(read(Cursor::new(&bytes[..cut]), cut as u64, true).is_err(), "cut at {cut}");
        }
        for at in 0..bytes.len() {
            for value in [0, 0x7f, 0xfe, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                let _ = read(Cursor::new(&damaged), damaged.len() as u64, true);
                let _ = read(Cursor::new(&damaged), damaged.len() as u64, false);
            }
        }
        let nested: Vec<u8> = (0..40).flat_map(|_| explicit((0x0008, 0x1115), b"SQ", &[])).collect();
        assert!(read(Cursor::new(&nested), nested.len() as u64, true).unwrap_err().contains("nested"));
    }
}
