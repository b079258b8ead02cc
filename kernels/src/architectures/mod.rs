//! The networks of the published spine systems, and SpineNav's own, as data.
//!
//! Every network is a settings struct whose `Default` has the published or
//! standard sizes, and whose `graph()` makes a [`Graph`]. Weights come
//! separately ([`crate::Weights`]); the documentation of each struct lists
//! the names of its tensors.
//!
//! | network | system | task |
//! |---|---|---|
//! | [`Dense3dUnet`] | A | spine on CT |
//! | [`Nnunet`] | B, stage 1 | spine on MRI or CT; imported networks |
//! | [`MafuUnet`] | B, stage 2 | three vertebrae in a window |
//! | [`ResidualUnet`] | C | spine, pelvis, femoral heads on cone-beam CT |
//! | [`LocalisationUnet`] | D, stage 1 | where the lumbar spine is |
//! | [`Xunet3d`] | D, stage 2 | lumbar vertebrae one by one |
//! | [`Yolov5s`] | E, stage 1 | boxes in radiographs, with [`crate::detect`] |
//! | [`Unet2d`] | E, stage 2 | contour of one vertebra |
//! | [`CompactUnet`] | SpineNav | vertebrae on CT, fast |
//!
//! Promises: layer for layer what the PyTorch definitions in
//! `tests/golden/reference_networks` compute (`tests/parity.rs`), and
//! settings that make no network are errors. Does not promise the authors'
//! exact networks where a publication is silent; each page says what is
//! published and what is the standard choice.

mod blocks;
mod catalogue;
mod compact_unet;
mod dense_3d_unet;
mod localisation_unet;
mod mafu_unet;
mod nnunet;
mod residual_unet;
mod unet_2d;
mod xunet_3d;
mod yolov5s;

pub use catalogue::{Entry, by_name, list};
pub use compact_unet::CompactUnet;
pub use dense_3d_unet::Dense3dUnet;
pub use localisation_unet::LocalisationUnet;
pub use mafu_unet::MafuUnet;
pub use nnunet::{Nnunet, NnunetEncoder, NnunetNorm, NnunetStage};
pub use residual_unet::ResidualUnet;
pub use unet_2d::Unet2d;
pub use xunet_3d::Xunet3d;
pub use yolov5s::Yolov5s;

#[cfg(doc)]
use crate::graph::Graph;
