//! Engine and viewers over Zenoh on this machine, each side in its own process
//! where that matters. The processes are this test binary itself.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod addresses;
mod intents;
mod kills;
mod remote;
mod support;
mod views;
