//! The lock-free parts of the engine, small enough for Miri and
//! ThreadSanitizer. `.ci/concurrency.sh` runs the tests under both.
//!
//! The files are the engine's own, taken in by path; their unit tests come with
//! them. [`stress`] runs the rings and the wake-up as the reader, the loop and
//! the viewer use them. Not here: the journal's thread and sockets, which use
//! channels and the system only.

#[path = "../../src/rt/latest.rs"]
pub mod latest;
#[path = "../../src/rt/words.rs"]
pub mod words;

#[cfg(test)]
mod stress;
