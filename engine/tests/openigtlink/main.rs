//! The OpenIGTLink door: reference bytes of two other implementations, hostile
//! bytes, live connections, and recordings of PLUS.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod content;
mod framing;
mod fuzz;
mod golden;
mod hostile;
mod live;
mod recording;
mod round_trip;
mod support;
