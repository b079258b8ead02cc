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
//! 2. [`Tile::choose`] and [`pays`], when the size of the volume is known,
//!    choose the tile, or the direct sum;
//! 3. [`Winograd::new`] packs the weights for this tile (again only when
//!    another size wants another tile);
//! 4. [`Sizes::new`] cuts the volume, [`Sizes::panel_groups`] says how the
//!    output panels are shared out when the volume alone has too few batches;
//! 5. [`Task::run`] computes one batch for some output panels, with one
//!    [`Work`] per thread that is kept between calls.
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
pub(in crate::cpu) use tile::{Tile, applies, pays};
pub(in crate::cpu) use weights::Winograd;
