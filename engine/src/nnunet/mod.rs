//! Models trained with nnU-Net v2 (Isensee et al. 2021, DOI
//! 10.1038/s41592-020-01008-z), such as TotalSegmentator's, without Python.
//!
//! Promises: [`import()`] turns a folder that nnU-Net's training left
//! (`plans.json`, `dataset.json`, `fold_X/checkpoint_final.pth`) into a model
//! of SpineNav, `NAME.safetensors` with its card `NAME.json`, and executes
//! nothing in it. [`NnunetModel`] then prepares an image as nnU-Net does, runs
//! the network in windows, and gives a label map on the image's own grid.
//! Whatever would change the result and is not supported is refused by name.
//!
//! # Not supported
//! - other networks than `PlainConvUNet` and `ResidualEncoderUNet` (no
//!   squeeze-and-excitation, bottlenecks, residual decoders, transformers),
//!   and trainers that build a network of their own;
//! - the second stage of a cascade, regions instead of labels, several input
//!   images, other resampling functions than nnU-Net's default;
//! - ensembles of folds, and nnU-Net's post-processing (largest components);
//! - TotalSegmentator's own steps around nnU-Net: its images are turned to
//!   right-anterior-superior before (set [`Axes::RAS`] when importing) and
//!   resampled to 1.5 or 3 mm by itself (here done once, by the plans);
//! - nnU-Net v1, and checkpoints written before torch 1.6.
//!
//! # Where results differ from nnU-Net's
//! nnU-Net sums windows and rounds resampled logits in half precision; here
//! both are single precision, with the same (half precision) window weights.
//! Images are resampled in double precision there, and stored in single
//! precision between axes here. On the golden models of `tests/nnunet.rs`,
//! 99.91 % of the labels equal those of nnU-Net's predictor, and all of them
//! those of nnU-Net's functions run in single precision (f32, CPU).
//!
//! | module | what it holds |
//! |---|---|
//! | [`torch`] | checkpoints, read without executing anything |
//! | [`plans`] | `plans.json`, `dataset.json` |
//! | [`network`] | the graph |
//! | [`card`], [`mod@import`] | the imported model |
//! | [`prepare`], [`resize`] | image to network input, logits back |
//! | [`sliding`], [`predict`] | windows, the whole way |

pub mod card;
mod error;
pub mod import;
mod json;
pub mod network;
pub mod plans;
pub mod predict;
pub mod prepare;
pub mod resize;
pub mod sliding;
pub mod torch;

pub use card::{Axes, Label, NnunetCard};
pub use error::NnunetError;
pub use import::{ImportSettings, Imported, import};
pub use predict::{NnunetModel, PredictSettings};
