//! Convolutions in bf16 on Intel's tile unit (AMX): any kernel, stride,
//! padding and dilation, and transposed ones.
//!
//! The tests run on a software model of the instructions. Where there is a
//! tile unit they run on both and compare them bit for bit; they did so on an
//! Intel Xeon (Sapphire Rapids) and found no difference.
//!
//! A matrix product whose left side is gathered on the fly (implicit GEMM). A
//! share copies the voxels under its box into a zero-padded [`patch`] of bf16,
//! applying the load; a tap is an offset into it ([`taps`]), and 16 output
//! voxels times 32 values are the rows of a tile ([`windows`]). Inputs and
//! weights are rounded to bf16 once, sums are f32.
//!
//! Promises: the same bits however shares are spread over threads. Called by
//! the executor for [`crate::Precision::Half`] where [`Unit::detect`] finds a
//! unit: [`Layer`] holds the weights, [`Cut`] divides the work, [`Task::run`]
//! computes one share.
//!
//! # What speed to expect
//! A product of two tiles is 16 x 16 x 32 multiply-adds and a core starts one
//! every 16 cycles: 1024 operations per cycle, 2 TFLOP/s at 2 GHz. Its result
//! is there after 52 cycles, so that four independent sums are needed to keep
//! the unit busy; a load takes 8 cycles (Intel 64 and IA-32 Architectures
//! Optimization Reference Manual, chapter on AMX). Two windows times two
//! panels have four sums, two tiles of voxels and two of weights, which are
//! all eight tiles: 4 loads (32 cycles) under 4 products (64 cycles), one load
//! per product. One window and one panel would need two, and wait for each
//! result. With 16 output channels it is four windows times one panel: 5 loads
//! per 4 products.
//!
//! What remains is outside the loop. With 16 input and 16 output channels a
//! voxel of a 3x3x3 kernel costs 18 cycles of products; loading, rounding and
//! storing it cost about as much, so such layers reach half of the rate at
//! best. The estimate is from counting instructions, not from measuring.
//!
//! # Short channels
//! 16 channels fill half of the 32 values of a row. Their voxels lie 32 bytes
//! apart, so that a row of 64 bytes holds two neighbours: two taps along x at
//! once, 18 products instead of 27 for a 3x3x3 kernel.
#![allow(unsafe_code)]
#![cfg_attr(
    not(any(test, all(target_arch = "x86_64", target_os = "linux"))),
    allow(dead_code, unused_variables, reason = "without a unit nothing runs")
)]

mod cut;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod detect;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod hardware;
mod layer;
#[cfg(test)]
mod model;
mod multiply;
mod patch;
mod taps;
mod task;
#[cfg(test)]
mod tests;
mod tiles;
mod unit;
mod windows;

pub(in crate::cpu) use cut::Cut;
pub(in crate::cpu) use layer::Layer;
pub(in crate::cpu) use task::{Task, Work};
pub(in crate::cpu) use unit::Unit;
