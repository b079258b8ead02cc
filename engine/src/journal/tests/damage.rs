//! Nothing that changes in a journal goes unnoticed.

use std::fs;
use std::io::{Seek, SeekFrom, Write};

use super::*;

/// Every bit of every file, one at a time.
#[test]
fn every_flipped_bit_is_found() {
    let folder = Folder::new();
    session(&folder.0, 500, 10);
    let mut checked = 0;
    for number in 1.. {
        let path = segment_path(&folder.0, number);
        let Ok(whole) = fs::read(&path) else { break };
        let mut file = fs::File::options().write(true).open(&path).unwrap();
        let mut put = |at: usize, byte: u8| {
            file.seek(SeekFrom::Start(at as u64)).unwrap();
            file.write_all(&[byte]).unwrap();
        };
        for bit in 0..whole.len() * 8 {
            let (at, byte) = (bit / 8, whole[bit / 8]);
            put(at, byte ^ 1 << (bit % 8));
            let mut reader = Reader::open(&folder.0, ReadLimits::default()).unwrap();
            assert!(reader.any(|record| record.is_err()), "segment {number}, bit {bit}");
            put(at, byte);
            checked += 1;
        }
    }
    assert!(checked > 8 * 1000, "only {checked} bits");
    journal_end(&folder.0);
}

/// The writer stops at damage too, instead of appending behind it.
#[test]
fn a_damaged_journal_is_not_written_to() {
    let folder = Folder::new();
    session(&folder.0, 1 << 20, 5);
    let path = segment_path(&folder.0, 1);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let refused = Journal::open(&folder.0, Nanoseconds(0), &note(0), &JournalSettings::default()).unwrap_err();
    assert!(matches!(refused, JournalError::Damaged(_)), "{refused}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn missing_reordered_and_replaced_parts_are_named() {
    let folder = Folder::new();
    records(&folder.0, 1 << 20, 4);
    let path = segment_path(&folder.0, 1);
    let whole = fs::read(&path).unwrap();
    let size = (whole.len() - format::SEGMENT_HEADER_BYTES) / 4;
    let at = |n: usize| format::SEGMENT_HEADER_BYTES + n * size;
    // Record 1 before record 0.
    let swapped = [&whole[..at(0)], &whole[at(1)..at(2)], &whole[at(0)..at(1)], &whole[at(2)..]].concat();
    fs::write(&path, swapped).unwrap();
    let found = damage(&folder.0);
    assert_eq!((found.problem, found.sequence, found.offset), (DamageKind::Order { found: 1 }, 0, 64));
    // Record 1 left out.
    fs::write(&path, [&whole[..at(1)], &whole[at(2)..]].concat()).unwrap();
    assert_eq!(damage(&folder.0).problem, DamageKind::Order { found: 2 });
    // Record 1 of another journal, good in itself.
    let other = Folder::new();
    records(&other.0, 1 << 20, 1);
    let tail = recover(&other.0).unwrap();
    let mut appender = Appender::new(tail.storage, 1 << 20, tail.expected, tail.written);
    appender.append(RecordKind::Note, Nanoseconds(1), note(9).as_slice());
    appender.flush().unwrap();
    let foreign = fs::read(segment_path(&other.0, 1)).unwrap();
    fs::write(&path, [&whole[..at(1)], &foreign[at(1)..at(2)], &whole[at(2)..]].concat()).unwrap();
    let found = damage(&folder.0);
    assert_eq!((found.problem, found.sequence), (DamageKind::Chain, 2), "the first record that does not follow");
}

#[test]
fn missing_swapped_and_cut_segments_are_named() {
    let folder = Folder::new();
    records(&folder.0, 300, 9);
    let path = |number| segment_path(&folder.0, number);
    let (second, third) = (fs::read(path(2)).unwrap(), fs::read(path(3)).unwrap());
    fs::remove_file(path(2)).unwrap();
    assert_eq!(damage(&folder.0).problem, DamageKind::MissingSegment { expected: 2, found: 3 });
    fs::write(path(2), &third).unwrap();
    assert_eq!(damage(&folder.0).problem, DamageKind::WrongSegment { expected: 2, found: 3 });
    fs::write(path(2), &second[..second.len() - 1]).unwrap();
    assert_eq!(damage(&folder.0).problem, DamageKind::CutOff);
    let other = Folder::new();
    session(&other.0, 300, 9);
    fs::copy(segment_path(&other.0, 2), path(2)).unwrap();
    assert_eq!(damage(&folder.0).problem, DamageKind::SegmentChain);
}

#[test]
fn the_message_names_file_place_record_and_problem() {
    let folder = Folder::new();
    records(&folder.0, 1 << 20, 2);
    let path = segment_path(&folder.0, 1);
    let mut bytes = fs::read(&path).unwrap();
    bytes[64 + 28] ^= 4;
    fs::write(&path, bytes).unwrap();
    let message = JournalError::from(damage(&folder.0)).to_string();
    for part in ["journal-00000001.spnj", "byte 64", "record 0", "content fails its checksum"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_large_claim_asks_for_no_memory() {
    let folder = Folder::new();
    records(&folder.0, 1 << 20, 1);
    let path = segment_path(&folder.0, 1);
    let mut bytes = fs::read(&path).unwrap();
    let head = format::RecordHead { length: u32::MAX, kind: 8, sequence: 1, time: Nanoseconds(0) };
    bytes.extend(head.encode());
    fs::write(&path, bytes).unwrap();
    let error = Reader::open(&folder.0, ReadLimits::default()).unwrap().filter_map(Result::err).next().unwrap();
    assert!(matches!(error, JournalError::Limit { found: 0xffff_ffff, .. }), "{error}");
}
