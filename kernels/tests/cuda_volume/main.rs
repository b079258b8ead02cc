//! Volumes on the GPU against the CPU functions of the crate, and against the
//! engine's rules where the CPU function is there.
//!
//! With the feature `cuda-emulator` the kernels run on a CPU model of the GPU,
//! under two orders of the threads, with streams that run as late or as early
//! as they may; with `cuda-device` alone on a GPU, and not at all without one
//! (a line says so, `SPINENAV_REQUIRE_GPU=1` makes it a failure).
#![cfg(feature = "cuda-device")]
// Helpers of tests may panic, as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cases;
mod chain;
mod classes;
mod components;
mod copies;
#[path = "../support/gpu.rs"]
mod gpu;
mod grids;
mod marching;
mod points;
mod radiograph;
mod sliding;
mod surface;

use std::sync::{Mutex, PoisonError};

use kernels::Cuda;

/// One test at a time: the order of the threads is set for the process.
static TURN: Mutex<()> = Mutex::new(());

/// Runs `test` on every device and order of threads there is.
fn on_every_device(test: impl Fn(&Cuda)) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    for schedule in schedules() {
        set_schedule(schedule);
        if let Some(cuda) = gpu::required(Cuda::open()) {
            test(&cuda);
        }
    }
    set_schedule(0);
}

#[cfg(feature = "cuda-emulator")]
fn schedules() -> std::ops::Range<u32> {
    0..2
}

#[cfg(not(feature = "cuda-emulator"))]
fn schedules() -> std::ops::Range<u32> {
    0..1
}

#[cfg(feature = "cuda-emulator")]
#[allow(unsafe_code)]
fn set_schedule(schedule: u32) {
    use std::ffi::{c_char, c_longlong};
    unsafe extern "C" {
        fn emulator_set(name: *const c_char, value: c_longlong);
    }
    // In the first order of threads copies on a second stream run ahead of
    // everything they do not wait for, in the second all streams run late.
    let streams = if schedule == 0 { 2 } else { 1 };
    // SAFETY: changes settings of the emulator, which this test is linked to.
    unsafe {
        emulator_set(c"SCHEDULE".as_ptr(), c_longlong::from(schedule));
        emulator_set(c"STREAMS".as_ptr(), streams);
    }
}

#[cfg(not(feature = "cuda-emulator"))]
fn set_schedule(_: u32) {}

/// Numbers in `[0, 1)`, the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 24) as f32
    }

    fn values(&mut self, count: usize, low: f32, high: f32) -> Vec<f32> {
        (0..count).map(|_| low + (high - low) * self.next()).collect()
    }
}

#[track_caller]
fn assert_close(got: &[f32], want: &[f32], tolerance: f32) {
    assert_eq!(got.len(), want.len());
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        let is_close = (g - w).abs() <= tolerance || g == w || (g.is_nan() && w.is_nan());
        assert!(is_close, "value {i}: {g} instead of {w}");
    }
}
