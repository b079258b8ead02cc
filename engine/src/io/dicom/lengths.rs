//! Element lengths against the length of the file, before dicom-rs believes them.
//!
//! dicom-rs fills a buffer of the declared length before it reads the value:
//! a kilobyte that claims 4 GB would cost 4 GB. This walk reads element headers
//! only (PS3.5, 7.1 and 7.5). It also counts how deep sequences are nested:
//! dicom-rs descends into them by recursion, and a stack ends without a word.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use dicom_core::VR;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_dictionary_std::{StandardDataDictionary, uids};

use crate::io::error::Problem;

/// "Until the delimiter" instead of a length.
const UNDEFINED: u32 = u32::MAX;
/// Group of items and delimiters.
const ITEM_GROUP: u16 = 0xfffe;
const ITEM_END: (u16, u16) = (0xfffe, 0xe00d);
const SEQUENCE_END: (u16, u16) = (0xfffe, 0xe0dd);
/// Deepest nesting of sequences and items; real CTs have below ten.
const MAX_DEPTH: usize = 32;
const PIXEL_DATA: (u16, u16) = (0x7fe0, 0x0010);
const TRANSFER_SYNTAX: (u16, u16) = (0x0002, 0x0010);
/// Retired by the standard, still in archives.
const EXPLICIT_VR_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// Refuses a file in which an element claims more bytes than follow.
///
/// What cannot be followed (deflated data) is left to the parser.
pub(super) fn check(path: &Path) -> Result<(), Problem> {
    let io = |source| Problem::Io { doing: "read the file", source };
    let file = File::open(path).map_err(io)?;
    let end = file.metadata().map_err(io)?.len();
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(132)).map_err(io)?;
    let mut walk =
        Walk { reader, at: 132, syntax: Syntax::META, after_meta: None, is_in_pixels: false, nesting: Vec::new() };
    while let Some(element) = walk.header() {
        if matches!(element.tag, ITEM_END | SEQUENCE_END) {
            walk.nesting.pop();
            walk.is_in_pixels &= element.tag != SEQUENCE_END;
            continue;
        }
        let is_item = element.tag.0 == ITEM_GROUP;
        if element.length == UNDEFINED || (is_item && !walk.is_in_pixels) || element.is_sequence {
            walk.is_in_pixels |= element.tag == PIXEL_DATA;
            walk.open(&element)?;
            continue;
        }
        let rest = end.saturating_sub(walk.at);
        if u64::from(element.length) > rest {
            let (group, number) = element.tag;
            let claim =
                format!("element ({group:04x},{number:04x}) claims {} bytes, but {rest} follow", element.length);
            return Err(Problem::Dicom {
                doing: "parsed",
                reason: format!("{claim}; send the file again from its source"),
            });
        }
        if walk.skip(&element).is_none() {
            return Ok(());
        }
    }
    Ok(())
}

/// How headers are written.
#[derive(Clone, Copy)]
struct Syntax {
    is_explicit: bool,
    is_big_endian: bool,
}

impl Syntax {
    /// The file meta group, always explicit and little endian.
    const META: Self = Self { is_explicit: true, is_big_endian: false };

    /// `None` when the data set is compressed as a whole.
    fn of(uid: &str) -> Option<Self> {
        match uid.trim_end_matches(['\0', ' ']) {
            uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN => None,
            uids::IMPLICIT_VR_LITTLE_ENDIAN => Some(Self { is_explicit: false, is_big_endian: false }),
            EXPLICIT_VR_BIG_ENDIAN => Some(Self { is_explicit: true, is_big_endian: true }),
            _ => Some(Self::META),
        }
    }
}

/// Whether the standard says that the element is a sequence, where the file does not.
fn is_known_sequence(tag: (u16, u16)) -> bool {
    StandardDataDictionary.by_tag(tag.into()).is_some_and(|entry| entry.vr() == VirtualVr::Exact(VR::SQ))
}

struct Element {
    tag: (u16, u16),
    length: u32,
    is_sequence: bool,
    is_unknown: bool,
}

struct Walk {
    reader: BufReader<File>,
    at: u64,
    syntax: Syntax,
    /// Syntax of the data set, once the meta group named it.
    after_meta: Option<Syntax>,
    is_in_pixels: bool,
    /// Where each open sequence or item ends, and whether its elements name their types.
    nesting: Vec<(u64, bool)>,
}

impl Walk {
    /// Descends into a sequence or item.
    fn open(&mut self, element: &Element) -> Result<(), Problem> {
        if self.nesting.len() >= MAX_DEPTH {
            let reason =
                format!("its sequences are nested more than {MAX_DEPTH} deep; send the file again from its source");
            return Err(Problem::Dicom { doing: "parsed", reason });
        }
        let is_endless = element.length == UNDEFINED;
        let end = if is_endless { u64::MAX } else { self.at.saturating_add(element.length.into()) };
        // An unknown element of undefined length is an implicit sequence (PS3.5, 6.2.2).
        let is_explicit = self.is_explicit() && !(element.is_unknown && is_endless);
        self.nesting.push((end, is_explicit));
        Ok(())
    }

    fn is_explicit(&self) -> bool {
        self.nesting.last().map_or(self.syntax.is_explicit, |(_, is_explicit)| *is_explicit)
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).ok()?;
        self.at += N as u64;
        Some(bytes)
    }

    fn word(&self, bytes: [u8; 2]) -> u16 {
        if self.syntax.is_big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    fn long(&self, bytes: [u8; 4]) -> u32 {
        if self.syntax.is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    /// The next element header; `None` at the end or where the walk must stop.
    fn header(&mut self) -> Option<Element> {
        while self.nesting.last().is_some_and(|(end, _)| *end <= self.at) {
            self.nesting.pop();
        }
        let [a, b, c, d] = self.bytes::<4>()?;
        if self.after_meta.is_some() && [a, b] != [2, 0] {
            self.syntax = self.after_meta.take()?;
        }
        let tag = (self.word([a, b]), self.word([c, d]));
        if !self.is_explicit() || tag.0 == ITEM_GROUP {
            let bytes = self.bytes()?;
            let is_sequence = tag.0 != ITEM_GROUP && is_known_sequence(tag);
            return Some(Element { tag, length: self.long(bytes), is_sequence, is_unknown: false });
        }
        let [v, r, l, m] = self.bytes::<4>()?;
        let vr = [v, r];
        // PS3.5, table 7.1-1: these have two reserved bytes and a long length.
        let is_long =
            [b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"].contains(&&vr);
        let length = if is_long {
            let bytes = self.bytes()?;
            self.long(bytes)
        } else {
            self.word([l, m]).into()
        };
        Some(Element { tag, length, is_sequence: &vr == b"SQ", is_unknown: &vr == b"UN" })
    }

    /// Passes over a value; the transfer syntax is noted on the way.
    fn skip(&mut self, element: &Element) -> Option<()> {
        if element.tag == TRANSFER_SYNTAX {
            let mut uid = String::new();
            self.reader.by_ref().take(element.length.into()).read_to_string(&mut uid).ok()?;
            self.after_meta = Some(Syntax::of(&uid)?);
        } else {
            self.reader.seek_relative(element.length.into()).ok()?;
        }
        self.at += u64::from(element.length);
        Some(())
    }
}
