//! Tests over the public interfaces, one binary with a module a subject.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod architecture;
mod assurance;
mod faults;
mod journal;
mod repository;
mod soak;
