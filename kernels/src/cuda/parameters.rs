//! The parameter structs of the kernels, byte for byte (`cuda/*.cuh`, `cuda/*.cu`).
//!
//! Pointers are device addresses (`u64`, 0 for none). The tests of
//! `cuda_emulated` run every kernel with them, so that a difference shows.
#![allow(unsafe_code)]

use cudarc::driver::DeviceRepr;

use crate::graph::{Activation, PoolKind, UpsampleKind};
use crate::program::CombineKind;

/// A device address.
pub(crate) type Address = u64;

/// Channel without a lane in a [`View`].
pub(crate) const NO_LANE: u32 = u32::MAX;

/// `[z, y, x]` as the kernels take it.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Size {
    pub z: i32,
    pub y: i32,
    pub x: i32,
}

impl From<[usize; 3]> for Size {
    fn from([z, y, x]: [usize; 3]) -> Self {
        let narrow = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        Self { z: narrow(z), y: narrow(y), x: narrow(x) }
    }
}

/// One stored block as a reader sees it.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Block {
    pub values: Address,
    pub scale: Address,
    pub shift: Address,
    pub slope: f32,
    pub unused: u32,
}

/// A tensor: blocks, and the lane of each channel unless they are in order.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct View {
    pub blocks: Address,
    pub lanes: Address,
}

/// Offset of a tap; `channel` counts for planar inputs only.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tap {
    pub z: i32,
    pub y: i32,
    pub x: i32,
    pub channel: i32,
}

/// Of all convolutions (`conv.cuh`).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ConvParameters {
    pub blocks: Address,
    pub planar_in: Address,
    pub taps: Address,
    pub weights: Address,
    pub bias: Address,
    pub values: Address,
    pub planar_out: Address,
    pub partial_sums: Address,
    pub statistics: Address,
    pub in_size: Size,
    pub out_size: Size,
    pub rows: Size,
    pub stride: Size,
    pub padding: Size,
    pub scatter: Size,
    pub tap_count: i32,
    pub units: i32,
    pub units_per_split: i32,
    pub groups: i32,
    pub out_blocks: i32,
    pub channels: i32,
    pub tiles: i32,
    pub activation: i32,
    pub slope: f32,
}

/// Of `combine`, `copy_padded`, `pool`, `finer` (`pointwise.cu`).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PointwiseParameters {
    pub first: View,
    pub second: View,
    pub planar_in: Address,
    pub values: Address,
    pub planar_out: Address,
    pub in_size: Size,
    pub out_size: Size,
    pub kernel: Size,
    pub stride: Size,
    pub padding: Size,
    pub channels: i32,
    pub kind: i32,
    pub activation: i32,
    pub slope: f32,
}

/// Of `store_planar_blocks`, `store_softmax` (`store.cu`).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StoreParameters {
    pub view: View,
    pub planar_out: Address,
    pub voxels: u64,
    pub channels: i32,
    pub activation: i32,
    pub slope: f32,
}

/// Of `block_statistics` (`statistics.cu`).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StatisticsParameters {
    pub values: Address,
    pub partial: Address,
    pub voxels: u64,
    pub tiles: i32,
}

/// Of `reduce_splits` (`statistics.cu`).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReduceParameters {
    pub partial_sums: Address,
    pub bias: Address,
    pub values: Address,
    pub planar_out: Address,
    pub statistics: Address,
    pub voxels: u64,
    pub splits: i32,
    pub channels: i32,
    pub tiles: i32,
    pub activation: i32,
    pub slope: f32,
}

/// A norm that uses statistics.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Norm {
    pub gamma: Address,
    pub beta: Address,
    pub scale: Address,
    pub shift: Address,
    pub eps: f32,
    pub channels: i32,
}

/// Of `finish_statistics` (`statistics.cu`).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FinishParameters {
    pub partial: Address,
    pub norms: Address,
    pub voxels: u64,
    pub norm_count: i32,
    pub tiles: i32,
}

/// Any of them, for the list of launches.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Parameters {
    Conv(ConvParameters),
    Pointwise(PointwiseParameters),
    Store(StoreParameters),
    Statistics(StatisticsParameters),
    Reduce(ReduceParameters),
    Finish(FinishParameters),
}

// SAFETY: `repr(C)` structs of integers, floats and addresses, equal to those
// of the kernels; watched by `cuda_emulated`, which runs every kernel.
unsafe impl DeviceRepr for ConvParameters {}
// SAFETY: as above.
unsafe impl DeviceRepr for PointwiseParameters {}
// SAFETY: as above.
unsafe impl DeviceRepr for StoreParameters {}
// SAFETY: as above.
unsafe impl DeviceRepr for StatisticsParameters {}
// SAFETY: as above.
unsafe impl DeviceRepr for ReduceParameters {}
// SAFETY: as above.
unsafe impl DeviceRepr for FinishParameters {}

/// Kind and slope of an activation, as `activate` of `blocks.cuh` takes them.
pub(crate) fn activation_code(activation: Activation) -> (i32, f32) {
    match activation {
        Activation::Silu => (1, 0.0),
        Activation::Sigmoid => (2, 0.0),
        other => (0, other.slope().unwrap_or(1.0)),
    }
}

/// The number of `Combine` in `pointwise.cu`.
pub(crate) fn combine_code(kind: CombineKind) -> i32 {
    match kind {
        CombineKind::Add => 0,
        CombineKind::Multiply => 1,
        CombineKind::Gate => 2,
    }
}

/// The number of `Pool` in `pointwise.cu`.
pub(crate) fn pool_code(kind: PoolKind) -> i32 {
    match kind {
        PoolKind::Max => 0,
        PoolKind::Average => 1,
    }
}

/// The number of `Finer` in `pointwise.cu`.
pub(crate) fn upsample_code(kind: UpsampleKind) -> i32 {
    match kind {
        UpsampleKind::Nearest => 0,
        UpsampleKind::Linear => 1,
    }
}
