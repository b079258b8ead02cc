//! The OpenIGTLink door under libFuzzer: what must hold is written once, in
//! `engine/tests/openigtlink/hostile.rs`, for this and for the stable driver.
//!
//! The first byte says how pieces are cut and whether sizes and checksums are
//! repaired; the others are the stream. Seeds: `engine/tests/openigtlink_golden`
//! with any byte before them.
#![no_main]
#![allow(dead_code, reason = "the tests' support holds more than is used here")]

#[path = "../../tests/openigtlink/hostile.rs"]
mod hostile;
#[path = "../../tests/openigtlink/support.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&choice, stream)) = input.split_first() else { return };
    let mut stream = stream.to_vec();
    if choice & 1 != 0 {
        hostile::repair(&mut stream, choice & 2 != 0);
    }
    hostile::run(&stream, &mut support::Random(u64::from(choice) + 1), &mut hostile::Buffers::default());
});
