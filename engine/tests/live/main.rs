//! What the engine shows as live, against a simulated world whose truth is known.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod faults;
mod honest;
mod steady;
mod world;
