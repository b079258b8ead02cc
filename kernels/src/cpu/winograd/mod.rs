//! 3x3x3 and 1x3x3 convolutions with an eighth to a quarter of the
//! multiplications (Winograd 1980; Lavin & Gray 2016, arXiv:1509.09308).
//!
//! The volume is cut into tiles of up to 4 x 4 x 4 output voxels. A batch of
//! tiles is transformed, multiplied with the transformed weights (one matrix
//! product per point), transformed back and stored. All memory of a batch is
//! meant to stay in the second-level cache.
//!
//! Promises: the same bits however batches and panels are spread over
//! threads. Does not promise the bits of the direct convolution: the largest
//! difference is about 5e-6 of the largest output.
//!
//! Called by the executor, in this order:
//! 1. [`applies`] says whether a layer has the right shape;
//! 2. [`Winograd::new`] packs the weights for a [`Tile`];
//! 3. [`Sizes::new`] cuts the volume into batches;
//! 4. [`Task::run`] computes one batch for some output panels, with one
//!    [`Work`] per thread that is kept between calls. Every call transforms
//!    the input of its batch, so panels should be shared out only where
//!    there are fewer batches than threads.
#![allow(unsafe_code)]

mod input;
mod output;
mod product;
mod sizes;
mod task;
#[cfg(test)]
mod tests;
mod tile;
mod transform;
mod weights;

pub(in crate::cpu) use sizes::{Sizes, Work};
pub(in crate::cpu) use task::Task;
pub(in crate::cpu) use tile::{Tile, applies};
pub(in crate::cpu) use weights::Winograd;
