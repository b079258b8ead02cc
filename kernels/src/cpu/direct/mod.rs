//! Convolutions as sums under the kernel, without Winograd's shortcut: any
//! kernel, stride, padding and dilation; 1x1x1; planar inputs; transposed.
//!
//! A matrix product whose left side is gathered on the fly (implicit GEMM): a
//! task copies the input voxels under its output box into a zero-padded
//! [`patch`], applying the load, and a tap is an offset into it. The weights
//! stream through in [`layer`] chunks that fit the first-level cache.
//!
//! Promises: the same bits however boxes and panels are spread over threads.
//! Called by the executor: [`Direct`] holds a layer's weights, [`Cut`] divides
//! the work, [`Task::run`] computes one share.
#![allow(unsafe_code)]

mod cut;
mod layer;
mod patch;
mod sink;
mod task;
mod tile;

pub(in crate::cpu) use cut::Cut;
pub(in crate::cpu) use layer::{Direct, PanelTarget};
pub(in crate::cpu) use patch::Input;
pub(in crate::cpu) use sink::{BlockSink, PlanarSink, Sink};
pub(in crate::cpu) use task::{Task, Work};
