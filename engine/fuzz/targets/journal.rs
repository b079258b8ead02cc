//! Journals under libFuzzer: what must hold is written once, in
//! `tests/all/journal/forged.rs`, for this and for the stable driver.
//!
//! The first byte says whether lengths, checksums and hashes are repaired; the
//! others are a segment of a journal.
#![no_main]

#[path = "../../../tests/all/journal/forged.rs"]
mod forged;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&choice, bytes)) = input.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if choice & 1 != 0 {
        forged::repair(&mut bytes);
    }
    forged::read_all(&bytes);
});
