//! The NDI source against its simulator, and its decoder against hostile bytes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod fuzz;
mod live;
mod wire;
