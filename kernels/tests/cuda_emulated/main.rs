//! The CUDA device without a GPU: the kernels compiled for the processor
//! behind a stand-in for the driver (`cuda/emu`), through the same calls that
//! a GPU would get.
//!
//! What these tests guard: that a network on the GPU finds the same
//! vertebrae as on the processor, in any size; that a lost GPU is an error
//! and not a wrong picture. What they cannot see: speed, and the rounding
//! inside tensor cores.
#![cfg(feature = "cuda-emulator")]
#![allow(clippy::unwrap_used, clippy::panic, unsafe_code, reason = "tests")]

mod check;
mod conformance;
mod emulator;
mod fallback;
mod faults;
mod networks;
mod opening;
mod replay;
mod smallest;
mod steps;
#[path = "../support/mod.rs"]
mod support;
